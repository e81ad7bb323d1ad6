//! A record becomes a row: each field goes to its column, without a tree of the record.
//!
//! In: columns and records. Out: fields, each with its column, and what no column holds. It must not
//! know a database: what a column takes is for its [`Cells`] to say.

use std::collections::HashMap;

use super::Tally;
use super::column::{Column, ColumnKind, EXTRA};
use crate::message::{Data, Field};

/// Takes the values of one row.
pub trait Cells {
    /// What can go wrong.
    type Error;

    /// Takes a value of a column of `kind`; false when it does not fit, and the column stays null.
    ///
    /// # Errors
    /// What the destination says.
    fn put(
        &mut self,
        column: usize,
        kind: ColumnKind,
        field: Field<'_>,
    ) -> Result<bool, Self::Error>;
}

/// Spreads the fields of records over columns.
#[derive(Debug, Default)]
pub struct Row {
    kinds: Vec<ColumnKind>,
    /// Columns by field of the first level.
    columns: HashMap<String, usize>,
    /// Columns of keys inside of objects.
    nested: Vec<(usize, Vec<String>)>,
    /// Fields of the last record with their columns, in order: the next one mostly has the same.
    order: Vec<(String, Option<usize>)>,
    /// What no column holds, as members of a JSON object.
    extra: Vec<u8>,
    /// Values outside of the schema.
    outside: Tally,
    /// Values that do not fit their columns.
    misfits: Tally,
}

impl Row {
    /// Rows of `columns`.
    #[must_use]
    pub fn new(columns: &[Column]) -> Self {
        let mut row = Self::default();
        for (index, column) in columns.iter().enumerate() {
            row.kinds.push(column.kind);
            match column.path.as_slice() {
                [field] => drop(row.columns.insert(field.clone(), index)),
                path => row.nested.push((index, path.to_vec())),
            }
        }
        row
    }

    /// Sets what the columns take, once that is known.
    pub fn set_kinds(&mut self, kinds: Vec<ColumnKind>) {
        self.kinds = kinds;
    }

    /// Gives the fields of `record` to `cells`. What no column holds comes back as JSON; none when
    /// there is no such thing.
    ///
    /// # Errors
    /// What `cells` says.
    pub fn spread<C: Cells>(
        &mut self,
        record: &Data,
        cells: &mut C,
    ) -> Result<Option<&[u8]>, C::Error> {
        self.extra.clear();
        let mut result = Ok(());
        let mut place = 0;
        record.each_field(&mut |key, field| {
            if result.is_ok() {
                result = self.field(place, &key, field, cells);
                place += 1;
            }
        });
        result?;
        for at in 0..self.nested.len() {
            self.nested(at, record, cells)?;
        }
        if !record.is_object() {
            // The whole record; an API rarely has such.
            self.outside.count("(records that are no objects)");
            record.write_json(&mut self.extra);
        } else if !self.extra.is_empty() {
            self.extra.push(b'}');
        }
        Ok((!self.extra.is_empty()).then_some(&self.extra))
    }

    fn field<C: Cells>(
        &mut self,
        place: usize,
        key: &str,
        field: Field<'_>,
        cells: &mut C,
    ) -> Result<(), C::Error> {
        let column = match self.order.get(place) {
            Some((known, column)) if known == key => *column,
            _ => {
                let column = self.columns.get(key).copied();
                let entry = (key.to_owned(), column);
                match self.order.get_mut(place) {
                    Some(known) => *known = entry,
                    None => self.order.push(entry),
                }
                column
            }
        };
        match column {
            None => self.outside.count(key),
            Some(column) if cells.put(column, self.kind(column), field)? => return Ok(()),
            Some(_) => self.misfits.count(key),
        }
        self.extra
            .push(if self.extra.is_empty() { b'{' } else { b',' });
        super::put(key, &mut self.extra);
        self.extra.push(b':');
        field.write_json(&mut self.extra);
        Ok(())
    }

    /// A key inside of an object, which the column of that object holds as well.
    fn nested<C: Cells>(
        &mut self,
        at: usize,
        record: &Data,
        cells: &mut C,
    ) -> Result<(), C::Error> {
        let Some((column, path)) = self.nested.get(at) else {
            return Ok(());
        };
        let column = *column;
        let dotted = path.join(".");
        if let Some(value) = record.get_path(path)
            && !cells.put(column, self.kind(column), Field::of_value(&value))?
        {
            self.misfits.count(&dotted);
        }
        Ok(())
    }

    fn kind(&self, column: usize) -> ColumnKind {
        self.kinds.get(column).copied().unwrap_or(ColumnKind::Json)
    }

    /// How many values did not fit their columns.
    #[must_use]
    pub const fn misfits(&self) -> u64 {
        self.misfits.all()
    }

    /// What a person should know of values that have no column, a line each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(values) = self.outside.words() {
            notes.push(format!("not in the schema, so in `{EXTRA}`: {values}"));
        }
        if let Some(values) = self.misfits.words() {
            notes.push(format!(
                "not of their column's type, so in `{EXTRA}`: {values}"
            ));
        }
        notes
    }
}

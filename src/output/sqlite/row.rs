//! A record becomes a row: each field goes to its column, without a tree of the record.

use std::collections::HashMap;

use rusqlite::Statement;
use rusqlite::types::{Null, ToSqlOutput, ValueRef};

use crate::message::{Data, Field, Kind};
use crate::output::column::{Column, ColumnKind};
use crate::output::{Tally, exact};

/// Binds the fields of records to the parameters of an insert.
#[derive(Debug, Default)]
pub(super) struct Row {
    kinds: Vec<ColumnKind>,
    /// Columns by field of the first level.
    columns: HashMap<String, usize>,
    /// Columns of keys inside of objects.
    nested: Vec<(usize, Vec<String>)>,
    /// Fields of the last record with their columns, in order: the next one mostly has the same.
    order: Vec<(String, Option<usize>)>,
    /// What no column holds, as members of a JSON object.
    extra: Vec<u8>,
    /// JSON on its way into a column.
    json: Vec<u8>,
    /// Values outside of the schema.
    pub(super) outside: Tally,
    /// Values that do not fit their columns.
    pub(super) misfits: Tally,
}

impl Row {
    pub(super) fn new(columns: &[Column]) -> Self {
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
    pub(super) fn set_kinds(&mut self, kinds: Vec<ColumnKind>) {
        self.kinds = kinds;
    }

    /// Binds `record`: the columns from 1 on, behind them what no column holds.
    pub(super) fn bind(
        &mut self,
        record: &Data,
        statement: &mut Statement<'_>,
    ) -> rusqlite::Result<()> {
        statement.clear_bindings();
        self.extra.clear();
        let mut result = Ok(());
        let mut place = 0;
        record.each_field(&mut |key, field| {
            if result.is_ok() {
                result = self.field(place, &key, field, statement);
                place += 1;
            }
        });
        result?;
        for at in 0..self.nested.len() {
            self.nested(at, record, statement)?;
        }
        if !record.is_object() {
            // The whole record; an API rarely has such.
            self.outside.count("(records that are no objects)");
            record.write_json(&mut self.extra);
        } else if !self.extra.is_empty() {
            self.extra.push(b'}');
        }
        if !self.extra.is_empty() {
            statement.raw_bind_parameter(self.kinds.len() + 1, text(&self.extra))?;
        }
        Ok(())
    }

    fn field(
        &mut self,
        place: usize,
        key: &str,
        field: Field<'_>,
        statement: &mut Statement<'_>,
    ) -> rusqlite::Result<()> {
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
            Some(column) if self.put(column, field, statement)? => return Ok(()),
            Some(_) => self.misfits.count(key),
        }
        self.extra
            .push(if self.extra.is_empty() { b'{' } else { b',' });
        serde_json::to_writer(&mut self.extra, key).expect("text fits into memory as JSON");
        self.extra.push(b':');
        field.write_json(&mut self.extra);
        Ok(())
    }

    /// A key inside of an object, which the column of that object holds as well.
    fn nested(
        &mut self,
        at: usize,
        record: &Data,
        statement: &mut Statement<'_>,
    ) -> rusqlite::Result<()> {
        let Some((column, path)) = self.nested.get(at) else {
            return Ok(());
        };
        let column = *column;
        let dotted = path.join(".");
        if let Some(value) = record.get_path(path)
            && !self.put(column, Field::of_value(&value), statement)?
        {
            self.misfits.count(&dotted);
        }
        Ok(())
    }

    /// Binds a value to its column; false when it does not fit, and the column stays null.
    fn put(
        &mut self,
        column: usize,
        field: Field<'_>,
        statement: &mut Statement<'_>,
    ) -> rusqlite::Result<bool> {
        let index = column + 1;
        let kind = self.kinds.get(column).copied();
        let value = match (kind.unwrap_or(ColumnKind::Json), field.kind()) {
            (_, Kind::Null) => {
                statement.raw_bind_parameter(index, Null)?;
                return Ok(true);
            }
            (ColumnKind::Integer, Kind::Number) => {
                let number = field.number().and_then(|digits| exact::integer(&digits));
                number.map(ValueRef::Integer)
            }
            (ColumnKind::Number, Kind::Number) => {
                let number = field.number().and_then(|digits| exact::double(&digits));
                number.map(ValueRef::Real)
            }
            (ColumnKind::Boolean, Kind::Bool) => {
                field.boolean().map(|is| ValueRef::Integer(i64::from(is)))
            }
            (ColumnKind::Integer | ColumnKind::Number | ColumnKind::Boolean, _) => None,
            (ColumnKind::Json, _) => {
                return self.put_json(index, field, statement);
            }
            (_, Kind::String) => {
                let said = field.string().unwrap_or_default();
                statement.raw_bind_parameter(index, text(said.as_bytes()))?;
                return Ok(true);
            }
            (ColumnKind::Decimal, kind) if kind != Kind::Number => None,
            _ => return self.put_json(index, field, statement),
        };
        match value {
            Some(value) => statement.raw_bind_parameter(index, ToSqlOutput::Borrowed(value))?,
            None => return Ok(false),
        }
        Ok(true)
    }

    fn put_json(
        &mut self,
        index: usize,
        field: Field<'_>,
        statement: &mut Statement<'_>,
    ) -> rusqlite::Result<bool> {
        self.json.clear();
        field.write_json(&mut self.json);
        statement.raw_bind_parameter(index, text(&self.json))?;
        Ok(true)
    }
}

/// Text as bytes that are known to be UTF-8.
fn text(bytes: &[u8]) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(bytes))
}

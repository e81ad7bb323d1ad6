//! A record becomes a line of a `COPY`: each field goes to its column, without a tree of the record.

use std::collections::HashMap;
use std::ops::Range;

use super::cell::{self, Cell, Fit};
use crate::message::{Data, Field};
use crate::output::Tally;
use crate::output::column::Column;

/// Makes lines of records.
#[derive(Debug, Default)]
pub(super) struct Row {
    cells: Vec<Cell>,
    /// Whether each column is part of the primary key.
    keys: Vec<bool>,
    /// Columns by field of the first level.
    columns: HashMap<String, usize>,
    /// Columns of keys inside of objects.
    nested: Vec<(usize, Vec<String>)>,
    /// Fields of the last record with their columns, in order: the next one mostly has the same.
    order: Vec<(String, Option<usize>)>,
    /// Values of the columns, where they are in `values`.
    spans: Vec<Option<Range<usize>>>,
    values: Vec<u8>,
    /// What no column holds, as members of a JSON object.
    extra: Vec<u8>,
    /// JSON on its way into a column.
    scratch: Vec<u8>,
    /// Values outside of the schema.
    pub(super) outside: Tally,
    /// Values that do not fit their columns.
    pub(super) misfits: Tally,
}

impl Row {
    pub(super) fn new(columns: &[Column]) -> Self {
        let mut row = Self::default();
        for (index, column) in columns.iter().enumerate() {
            row.keys.push(column.is_key);
            match column.path.as_slice() {
                [field] => drop(row.columns.insert(field.clone(), index)),
                path => row.nested.push((index, path.to_vec())),
            }
        }
        row
    }

    /// Sets what the columns take, once that is known.
    pub(super) fn set_cells(&mut self, cells: Vec<Cell>) {
        self.spans = vec![None; cells.len()];
        self.cells = cells;
    }

    /// Appends the line of `record` to `out`: the columns, then what none of them holds, then `behind`,
    /// which ends it.
    pub(super) fn put(&mut self, record: &Data, behind: &[u8], out: &mut Vec<u8>) {
        self.extra.clear();
        self.values.clear();
        self.spans.fill(None);
        let mut place = 0;
        record.each_field(&mut |key, field| {
            self.field(place, &key, field);
            place += 1;
        });
        for at in 0..self.nested.len() {
            self.nested(at, record);
        }
        if !record.is_object() {
            // The whole record; an API rarely has such.
            self.outside.count("(records that are no objects)");
            record.write_json(&mut self.extra);
        } else if !self.extra.is_empty() {
            self.extra.push(b'}');
        }
        for span in &self.spans {
            let value = span.clone().and_then(|span| self.values.get(span));
            out.extend_from_slice(value.unwrap_or(cell::NULL));
            out.push(b'\t');
        }
        if self.extra.is_empty() {
            out.extend_from_slice(cell::NULL);
        } else {
            cell::escape(&self.extra, out);
        }
        out.extend_from_slice(behind);
    }

    fn field(&mut self, place: usize, key: &str, field: Field<'_>) {
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
            Some(column) if self.value(column, field) => return,
            Some(_) => self.misfits.count(key),
        }
        self.extra
            .push(if self.extra.is_empty() { b'{' } else { b',' });
        serde_json::to_writer(&mut self.extra, key).expect("text fits into memory as JSON");
        self.extra.push(b':');
        field.write_json(&mut self.extra);
    }

    /// A key inside of an object, which the column of that object holds as well.
    fn nested(&mut self, at: usize, record: &Data) {
        let Some((column, path)) = self.nested.get(at) else {
            return;
        };
        let (column, dotted) = (*column, path.join("."));
        if let Some(value) = record.get_path(path)
            && !self.value(column, Field::of_value(&value))
        {
            self.misfits.count(&dotted);
        }
    }

    /// Puts a value into its column; false when the column holds less than it said.
    fn value(&mut self, column: usize, field: Field<'_>) -> bool {
        let start = self.values.len();
        let cell = self.cells.get(column).copied().unwrap_or(Cell::Other);
        let fit = cell.put(field, &mut self.values, &mut self.scratch);
        // Half of a key would be that of other records too.
        let is_key = self.keys.get(column).copied().unwrap_or_default();
        let is_there = fit == Fit::Whole || (fit == Fit::Partly && !is_key);
        if let Some(span) = self.spans.get_mut(column) {
            *span = is_there.then(|| start..self.values.len());
        }
        fit == Fit::Whole
    }
}

//! A record becomes a line of a `COPY`.

use std::convert::Infallible;
use std::ops::Range;

use super::cell::{self, Cell, Fit};
use crate::message::{Data, Field};
use crate::output::column::{Column, ColumnKind};
use crate::output::row::{self, Row};

/// Makes lines of records.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) row: Row,
    values: Values,
}

/// The values of a row, in the order in which they come.
#[derive(Debug, Default)]
struct Values {
    cells: Vec<Cell>,
    /// Whether each column is part of the primary key.
    keys: Vec<bool>,
    /// Where each column's value is in `text`.
    spans: Vec<Option<Range<usize>>>,
    text: Vec<u8>,
    /// JSON on its way into a column.
    scratch: Vec<u8>,
}

impl Lines {
    pub(super) fn new(columns: &[Column]) -> Self {
        let keys = columns.iter().map(|column| column.is_key).collect();
        Self {
            row: Row::new(columns),
            values: Values {
                keys,
                ..Values::default()
            },
        }
    }

    /// Sets what the columns take, once that is known.
    pub(super) fn set_cells(&mut self, cells: Vec<Cell>) {
        self.values.spans = vec![None; cells.len()];
        self.values.cells = cells;
    }

    /// Appends the line of `record` to `out`: the columns, then what none of them holds, then `behind`,
    /// which ends it.
    pub(super) fn put(&mut self, record: &Data, behind: &[u8], out: &mut Vec<u8>) {
        self.values.text.clear();
        self.values.spans.fill(None);
        let Ok(extra) = self.row.spread(record, &mut self.values);
        for span in &self.values.spans {
            let value = span.clone().and_then(|span| self.values.text.get(span));
            out.extend_from_slice(value.unwrap_or(cell::NULL));
            out.push(b'\t');
        }
        match extra {
            Some(extra) => cell::escape(extra, out),
            None => out.extend_from_slice(cell::NULL),
        }
        out.extend_from_slice(behind);
    }
}

impl row::Cells for Values {
    type Error = Infallible;

    /// False also when the column holds less than the value said.
    fn put(
        &mut self,
        column: usize,
        _kind: ColumnKind,
        field: Field<'_>,
    ) -> Result<bool, Infallible> {
        let start = self.text.len();
        let cell = self.cells.get(column).copied().unwrap_or(Cell::Other);
        let fit = cell.put(field, &mut self.text, &mut self.scratch);
        // Half of a key would be that of other records too.
        let is_key = self.keys.get(column).copied().unwrap_or_default();
        let is_there = fit == Fit::Whole || (fit == Fit::Partly && !is_key);
        if let Some(span) = self.spans.get_mut(column) {
            *span = is_there.then_some(start..self.text.len());
        }
        Ok(fit == Fit::Whole)
    }
}

//! The values of a row are bound to the parameters of an insert.

use rusqlite::Statement;
use rusqlite::types::{Null, ToSqlOutput, ValueRef};

use crate::message::{Data, Field, Kind};
use crate::output::column::ColumnKind;
use crate::output::exact;
use crate::output::row::{Cells, Row};

/// Binds `record`: the `columns` columns of `row` from 1 on, behind them what no column holds.
pub(super) fn bind(
    row: &mut Row,
    columns: usize,
    record: &Data,
    statement: &mut Statement<'_>,
) -> rusqlite::Result<()> {
    statement.clear_bindings();
    let mut bound = Bound {
        statement,
        json: Vec::new(),
    };
    if let Some(extra) = row.spread(record, &mut bound)? {
        statement.raw_bind_parameter(columns + 1, text(extra))?;
    }
    Ok(())
}

struct Bound<'a, 's> {
    statement: &'a mut Statement<'s>,
    /// JSON on its way into a column.
    json: Vec<u8>,
}

impl Cells for Bound<'_, '_> {
    type Error = rusqlite::Error;

    fn put(&mut self, column: usize, kind: ColumnKind, field: Field<'_>) -> rusqlite::Result<bool> {
        let index = column + 1;
        let value = match (kind, field.kind()) {
            (_, Kind::Null) => {
                self.statement.raw_bind_parameter(index, Null)?;
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
                return self.put_json(index, field);
            }
            (_, Kind::String) => {
                let said = field.string().unwrap_or_default();
                self.statement
                    .raw_bind_parameter(index, text(said.as_bytes()))?;
                return Ok(true);
            }
            (ColumnKind::Decimal, kind) if kind != Kind::Number => None,
            _ => return self.put_json(index, field),
        };
        match value {
            Some(value) => {
                let value = ToSqlOutput::Borrowed(value);
                self.statement.raw_bind_parameter(index, value)?;
            }
            None => return Ok(false),
        }
        Ok(true)
    }
}

impl Bound<'_, '_> {
    fn put_json(&mut self, index: usize, field: Field<'_>) -> rusqlite::Result<bool> {
        self.json.clear();
        field.write_json(&mut self.json);
        self.statement.raw_bind_parameter(index, text(&self.json))?;
        Ok(true)
    }
}

/// Text as bytes that are known to be UTF-8.
fn text(bytes: &[u8]) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(bytes))
}

//! Types of columns, and values as text of a `COPY`.
//!
//! In: a [`ColumnKind`], the type that a column has in the database, a field. Out: text that the type
//! takes for sure, and whether it says all that the field said.

use crate::message::{Field, Kind};
use crate::output::column::ColumnKind;
use crate::output::exact;

use super::{instant, jsonb};

/// The type that a column is made with.
///
/// Numbers are `numeric`, which holds them digit by digit; integers are `bigint`. A time of day is
/// text: some have an offset, and some have not.
pub(super) const fn declared(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Text | ColumnKind::Time => "text",
        ColumnKind::Integer => "bigint",
        ColumnKind::Number | ColumnKind::Decimal => "numeric",
        ColumnKind::Boolean => "boolean",
        ColumnKind::Date => "date",
        ColumnKind::Timestamp => "timestamp with time zone",
        ColumnKind::LocalTimestamp => "timestamp without time zone",
        ColumnKind::Json => "jsonb",
    }
}

/// What a column takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    Text,
    /// Integers of so many bits.
    Integer(u32),
    Numeric,
    Double,
    Boolean,
    Date,
    Timestamp,
    LocalTimestamp,
    Json,
    Jsonb,
    /// A type that no schema has, and that takes nothing.
    Other,
}

/// How much of a value a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Whole,
    /// Less than the value said.
    Partly,
    Not,
}

impl Cell {
    /// By the name of the type, as `format_type` gives it.
    pub(super) fn of(type_name: &str) -> Self {
        match type_name {
            "text" | "character varying" => Self::Text,
            "bigint" => Self::Integer(64),
            "integer" => Self::Integer(32),
            "smallint" => Self::Integer(16),
            "numeric" => Self::Numeric,
            "double precision" => Self::Double,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "timestamp with time zone" => Self::Timestamp,
            "timestamp without time zone" => Self::LocalTimestamp,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            _ => Self::Other,
        }
    }

    /// Appends `field` to `out`, which ends as it was when the column does not take it.
    pub(super) fn put(self, field: Field<'_>, out: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Fit {
        let kind = field.kind();
        match (self, kind) {
            (_, Kind::Null) => {
                out.extend_from_slice(NULL);
                Fit::Whole
            }
            (Self::Text, Kind::String) => text(field, out, scratch),
            (Self::Text | Self::Json, _) => {
                escape(json(field, scratch), out);
                Fit::Whole
            }
            (Self::Jsonb, _) => {
                let json = json(field, scratch);
                if !jsonb::takes(json) {
                    return Fit::Not;
                }
                escape(json, out);
                Fit::Whole
            }
            (Self::Boolean, Kind::Bool) => {
                out.push(if field.boolean() == Some(true) {
                    b't'
                } else {
                    b'f'
                });
                Fit::Whole
            }
            (Self::Integer(_) | Self::Numeric | Self::Double, Kind::Number) => {
                self.number(&field.number().unwrap_or_default(), out)
            }
            // Big numbers come as strings.
            (Self::Numeric, Kind::String) => self.number(&field.string().unwrap_or_default(), out),
            (Self::Date | Self::Timestamp | Self::LocalTimestamp, Kind::String) => {
                let said = field.string().unwrap_or_default();
                instant::put(self, &said, out)
            }
            _ => Fit::Not,
        }
    }

    fn number(self, digits: &str, out: &mut Vec<u8>) -> Fit {
        match self {
            Self::Integer(bits) => {
                let number = exact::integer(digits);
                let shift = 64_u32.saturating_sub(bits);
                let fits = |number: &i64| (number << shift) >> shift == *number;
                let Some(number) = number.filter(fits) else {
                    return Fit::Not;
                };
                out.extend_from_slice(number.to_string().as_bytes());
            }
            Self::Double if exact::double(digits).is_some() => {
                out.extend_from_slice(digits.as_bytes());
            }
            Self::Numeric if jsonb::is_numeric(digits.as_bytes()) => {
                out.extend_from_slice(digits.as_bytes());
            }
            _ => return Fit::Not,
        }
        Fit::Whole
    }
}

/// Null, as `COPY` writes it.
pub(super) const NULL: &[u8] = b"\\N";

/// PostgreSQL's text holds any character but NUL; ours no half of a surrogate pair.
fn text(field: Field<'_>, out: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Fit {
    let said = field.string().unwrap_or_default();
    if memchr::memchr(0, said.as_bytes()).is_some() {
        return Fit::Not;
    }
    if said.contains('\u{FFFD}') && !jsonb::takes(json(field, scratch)) {
        return Fit::Not;
    }
    escape(said.as_bytes(), out);
    Fit::Whole
}

fn json<'a>(field: Field<'_>, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    scratch.clear();
    field.write_json(scratch);
    scratch
}

/// Appends `bytes` as `COPY` takes them: no tab and no line break as such, backslashes doubled.
pub(super) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    let is_special = |byte: &u8| matches!(byte, b'\\' | b'\n' | b'\r' | b'\t');
    while let Some(at) = rest.iter().position(is_special) {
        let (plain, behind) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((special, behind)) = behind.split_first() else {
            return;
        };
        out.push(b'\\');
        out.push(match special {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            other => *other,
        });
        rest = behind;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn put(cell: Cell, value: &Value) -> (Fit, String) {
        let mut out = Vec::new();
        let fit = cell.put(Field::of_value(value), &mut out, &mut Vec::new());
        (fit, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_column_gets_what_it_takes_and_nothing_else() {
        for (cell, value, expected) in [
            (Cell::Text, json!("a\\b\n\t\r"), Some("a\\\\b\\n\\t\\r")),
            (Cell::Text, json!("a\0"), None),
            (Cell::Text, json!({"a": 1}), Some(r#"{"a":1}"#)),
            (Cell::Jsonb, json!(["\""]), Some(r#"["\\""]"#)),
            (Cell::Jsonb, json!("\0"), None),
            (Cell::Json, json!("\0"), Some(r#""\\u0000""#)),
            (Cell::Boolean, json!(true), Some("t")),
            (Cell::Boolean, json!("true"), None),
            (
                Cell::Integer(64),
                json!(i64::MIN),
                Some("-9223372036854775808"),
            ),
            (Cell::Integer(64), json!(u64::MAX), None),
            (
                Cell::Integer(32),
                json!(-2_147_483_648_i64),
                Some("-2147483648"),
            ),
            (Cell::Integer(32), json!(2_147_483_648_i64), None),
            (Cell::Integer(16), json!(40_000), None),
            (
                Cell::Numeric,
                json!("123456789012345678901"),
                Some("123456789012345678901"),
            ),
            (Cell::Numeric, json!("many"), None),
            (Cell::Double, json!("1"), None),
            (Cell::Double, json!(0.1), Some("0.1")),
            (Cell::Other, json!(1), None),
            (Cell::Other, json!(null), Some("\\N")),
        ] {
            let (fit, text) = put(cell, &value);
            let found = (fit == Fit::Whole).then_some(text.as_str());
            assert_eq!(found, expected, "{cell:?} {value}");
            assert!(fit == Fit::Whole || text.is_empty());
        }
    }
}

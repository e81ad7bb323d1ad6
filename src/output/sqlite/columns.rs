//! Columns in SQLite's words: names in quotes, declared types, and what a column that is there takes.

use rusqlite::Connection;

use crate::output::column::ColumnKind;
use crate::output::fault::Result;

/// `name` in quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The type that a column is declared with.
///
/// Dates and times are text: SQLite has no type for them, and its functions read them as text. So is
/// JSON: a column declared as `JSON` would turn text that looks like a number into one.
pub(super) const fn declared(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Integer => "INTEGER",
        ColumnKind::Number => "REAL",
        ColumnKind::Boolean => "BOOLEAN",
        _ => "TEXT",
    }
}

/// What a column that is declared as `declared` takes without changing it, when the schema has `kind`.
///
/// By SQLite's rules of type affinity (<https://sqlite.org/datatype3.html>, 3.1).
pub(super) fn effective(kind: ColumnKind, declared: &str) -> ColumnKind {
    use ColumnKind::{Boolean, Integer, Number, Text};
    let declared = declared.to_uppercase();
    let has = |word: &str| declared.contains(word);
    let is_numeric = matches!(kind, Integer | Number | Boolean);
    if has("INT") {
        if is_numeric { kind } else { Integer }
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        if is_numeric { Text } else { kind }
    } else if has("BLOB") || declared.is_empty() {
        kind
    } else if has("REAL") || has("FLOA") || has("DOUB") || !is_numeric {
        Number
    } else {
        kind
    }
}

/// Names and declared types of the columns of `table`; nothing when there is no such table.
pub(super) fn existing(connection: &Connection, table: &str) -> Result<Vec<(String, String)>> {
    let mut statement =
        connection.prepare_cached("SELECT name, type FROM pragma_table_info(?1)")?;
    let rows = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn a_column_takes_what_its_affinity_does_not_change() {
        use ColumnKind::*;
        for (kind, declared, expected) in [
            (Integer, "INTEGER", Integer),
            (Number, "INTEGER", Number),
            (Text, "bigint", Integer),
            (Integer, "TEXT", Text),
            (Json, "TEXT", Json),
            (Timestamp, "varchar(9)", Timestamp),
            (Text, "REAL", Number),
            (Integer, "double", Number),
            (Boolean, "BOOLEAN", Boolean),
            (Text, "BOOLEAN", Number),
            (Json, "", Json),
        ] {
            assert_eq!(
                effective(kind, declared),
                expected,
                "{kind:?} in {declared}"
            );
        }
    }
}

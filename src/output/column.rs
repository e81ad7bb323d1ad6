//! The columns of a stream's table: which there are, and what they hold.
//!
//! In: a JSON schema (draft 7, as Airbyte's catalogs have it) and a primary key. Out: names and kinds
//! of columns. It must not know a database: each has its own type for a [`ColumnKind`].

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::Value;

use super::names::{self, Rules};
use crate::message::CatalogStream;

/// The column for what no other column holds: fields outside of the schema, and values that do not fit
/// the type of their column. JSON, or null when there is nothing.
pub const EXTRA: &str = "_lowcode_extra";
/// The column for when a row was written.
pub const LOADED_AT: &str = "_lowcode_loaded_at";
/// The column for which run wrote a row.
pub const RUN: &str = "_lowcode_run";

/// How many schemas may refer to or lie within each other on the way to a type.
const DEEPEST: usize = 32;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnKind {
    /// Text; of other values their JSON.
    Text,
    /// Integers of 64 bits.
    Integer,
    /// Doubles.
    Number,
    /// Integers or decimals of any length, exactly.
    Decimal,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// An instant, such as `2025-03-01T00:00:00Z`.
    Timestamp,
    /// A date and a time of day somewhere, such as `2025-03-01T00:00:00`.
    LocalTimestamp,
    /// Any value, as JSON.
    Json,
}

/// A column of a stream's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in the database.
    pub name: String,
    /// The field that it holds: keys from the record on. Only a primary key has more than one.
    pub path: Vec<String>,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it is part of the primary key.
    pub is_key: bool,
}

/// The columns of a stream: those of the primary key first, then those of the schema in its order.
///
/// A field of the primary key that the schema does not know is text. One inside of an object has a
/// column of its own, named by its path with dots between (`owner.id`).
#[must_use]
pub fn columns(stream: &CatalogStream, rules: &Rules) -> Vec<Column> {
    let root = &stream.json_schema;
    let mut properties = IndexMap::new();
    gather(root, root, 0, &mut properties);
    let mut found: IndexMap<Vec<String>, (ColumnKind, bool)> = IndexMap::new();
    for path in stream.source_defined_primary_key.iter().flatten() {
        if path.is_empty() {
            continue;
        }
        let kind = inner(root, path).map(|schema| kind(schema, root));
        // A key is compared, and JSON text is no good for that; its columns take any value as text.
        let kind = kind.filter(|kind| *kind != ColumnKind::Json);
        found.insert(path.clone(), (kind.unwrap_or(ColumnKind::Text), true));
    }
    for (name, schema) in properties {
        let entry = found.entry(vec![name]);
        entry.or_insert_with(|| (kind(schema, root), false));
    }
    let dotted: Vec<String> = found.keys().map(|path| path.join(".")).collect();
    let dotted: Vec<&str> = dotted.iter().map(String::as_str).collect();
    let names = names::safe(&dotted, rules);
    let columns = found.into_iter().zip(names);
    columns
        .map(|((path, (kind, is_key)), name)| Column {
            name,
            path,
            kind,
            is_key,
        })
        .collect()
}

/// The schema of the field behind `path`.
fn inner<'a>(root: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(root, |schema, key| {
        let mut properties = IndexMap::new();
        gather(schema, root, 0, &mut properties);
        properties.get(key).copied()
    })
}

/// The properties of an object's schema, those of its alternatives among them; the first of a name
/// counts.
fn gather<'a>(
    schema: &'a Value,
    root: &'a Value,
    depth: usize,
    found: &mut IndexMap<String, &'a Value>,
) {
    if depth > DEEPEST {
        return;
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, schema) in properties {
            found.entry(name.clone()).or_insert(schema);
        }
    }
    for schema in alternatives(schema, root) {
        gather(schema, root, depth + 1, found);
    }
}

/// The schemas that `schema` is made of.
fn alternatives<'a>(schema: &'a Value, root: &'a Value) -> Vec<&'a Value> {
    let mut all = Vec::new();
    for word in ["allOf", "anyOf", "oneOf"] {
        all.extend(
            schema
                .get(word)
                .and_then(Value::as_array)
                .into_iter()
                .flatten(),
        );
    }
    let reference = schema.get("$ref").and_then(Value::as_str);
    let target = reference.and_then(|reference| reference.strip_prefix('#'));
    all.extend(target.and_then(|pointer| root.pointer(pointer)));
    all
}

/// What a column for values of `schema` holds; `root` is what its references are looked up in.
#[must_use]
pub fn kind(schema: &Value, root: &Value) -> ColumnKind {
    let mut kinds = BTreeSet::new();
    types(schema, root, 0, &mut kinds);
    one(&kinds)
}

/// The kinds that values of `schema` may have; null is none.
fn types(schema: &Value, root: &Value, depth: usize, kinds: &mut BTreeSet<ColumnKind>) {
    if depth > DEEPEST {
        kinds.insert(ColumnKind::Json);
        return;
    }
    match schema.get("type") {
        Some(Value::String(name)) => kinds.extend(typed(name, schema)),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str);
            kinds.extend(names.filter_map(|name| typed(name, schema)));
        }
        _ => {
            let alternatives = alternatives(schema, root);
            let values = schema.get("enum").and_then(Value::as_array);
            let values = values.into_iter().flatten().chain(schema.get("const"));
            let mut values = values.peekable();
            if !alternatives.is_empty() {
                for schema in alternatives {
                    types(schema, root, depth + 1, kinds);
                }
            } else if values.peek().is_some() {
                kinds.extend(values.filter_map(|value| typed(type_of(value), schema)));
            } else if schema.get("format").is_some() {
                kinds.extend(typed("string", schema));
            } else {
                kinds.insert(ColumnKind::Json);
            }
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn typed(name: &str, schema: &Value) -> Option<ColumnKind> {
    let word = |key: &str| schema.get(key).and_then(Value::as_str);
    let airbyte = word("airbyte_type");
    Some(match (name, airbyte, word("format")) {
        ("null", ..) => return None,
        ("string" | "number" | "integer", Some("big_integer" | "big_number"), _) => {
            ColumnKind::Decimal
        }
        ("string", _, Some("date")) => ColumnKind::Date,
        ("string", _, Some("time")) => ColumnKind::Time,
        ("string", Some("timestamp_without_timezone"), Some("date-time" | "datetime")) => {
            ColumnKind::LocalTimestamp
        }
        ("string", _, Some("date-time" | "datetime")) => ColumnKind::Timestamp,
        ("string", ..) => ColumnKind::Text,
        ("integer", ..) | ("number", Some("integer"), _) => ColumnKind::Integer,
        ("number", ..) => ColumnKind::Number,
        ("boolean", ..) => ColumnKind::Boolean,
        _ => ColumnKind::Json,
    })
}

/// The kind that holds values of all `kinds`.
fn one(kinds: &BTreeSet<ColumnKind>) -> ColumnKind {
    use ColumnKind::{Boolean, Decimal, Integer, Json, Number, Text};
    let is_numeric = |kind: &ColumnKind| matches!(kind, Integer | Number | Decimal);
    let mut all = kinds.iter();
    match (all.next(), all.next()) {
        (None, _) => Json,
        (Some(kind), None) => *kind,
        _ if kinds.contains(&Json) => Json,
        _ if kinds.iter().all(is_numeric) => {
            if kinds.contains(&Decimal) {
                Decimal
            } else {
                Number
            }
        }
        // Of text and numbers the text says all; of numbers and booleans only JSON does.
        _ if kinds
            .iter()
            .all(|kind| is_numeric(kind) || *kind == Boolean) =>
        {
            Json
        }
        _ => Text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULES: Rules = Rules {
        longest: 63,
        prefixes: &[],
        words: &[],
    };

    #[test]
    fn types_of_the_schema_become_kinds() {
        use ColumnKind::*;
        let root = json!({"definitions": {"day": {"type": "string", "format": "date"}, "me": {"$ref": "#/definitions/me"}}});
        for (schema, expected) in [
            (json!({"type": "string"}), Text),
            (json!({"type": ["null", "string"]}), Text),
            (json!({"type": ["string", "null"], "format": "date"}), Date),
            (json!({"type": "string", "format": "date-time"}), Timestamp),
            (
                json!({"type": "string", "format": "date-time", "airbyte_type": "timestamp_with_timezone"}),
                Timestamp,
            ),
            (
                json!({"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"}),
                LocalTimestamp,
            ),
            (
                json!({"type": "string", "format": "time", "airbyte_type": "time_without_timezone"}),
                Time,
            ),
            (json!({"format": "date"}), Date),
            (json!({"type": "string", "format": "email"}), Text),
            (json!({"type": "integer"}), Integer),
            (
                json!({"type": "number", "airbyte_type": "integer"}),
                Integer,
            ),
            (json!({"type": ["null", "number"]}), Number),
            (json!({"type": ["integer", "number", "null"]}), Number),
            (
                json!({"type": "string", "airbyte_type": "big_integer"}),
                Decimal,
            ),
            (
                json!({"type": "number", "airbyte_type": "big_number"}),
                Decimal,
            ),
            (json!({"type": "boolean"}), Boolean),
            (
                json!({"type": ["null", "array"], "items": {"type": "string"}}),
                Json,
            ),
            (json!({"type": "object"}), Json),
            (json!({"type": ["string", "integer"]}), Text),
            (json!({"type": ["boolean", "integer"]}), Json),
            (json!({"type": ["string", "object"]}), Json),
            (
                json!({"anyOf": [{"type": "null"}, {"type": "integer"}]}),
                Integer,
            ),
            (
                json!({"oneOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}),
                Text,
            ),
            (json!({"allOf": [{"$ref": "#/definitions/day"}]}), Date),
            (json!({"$ref": "#/definitions/day"}), Date),
            (json!({"$ref": "#/definitions/me"}), Json),
            (json!({"enum": ["a", null]}), Text),
            (json!({"const": 1}), Integer),
            (json!({"type": "null"}), Json),
            (json!({}), Json),
            (json!(true), Json),
        ] {
            assert_eq!(kind(&schema, &root), expected, "{schema}");
        }
    }

    fn stream(schema: Value, key: Value) -> CatalogStream {
        CatalogStream {
            json_schema: schema,
            source_defined_primary_key: serde_json::from_value(key).unwrap(),
            ..CatalogStream::default()
        }
    }

    fn told(stream: &CatalogStream) -> Vec<String> {
        let columns = columns(stream, &RULES);
        let told = columns.iter().map(|column| {
            let key = if column.is_key { " key" } else { "" };
            format!(
                "{}={} {:?}{key}",
                column.name,
                column.path.join("/"),
                column.kind
            )
        });
        told.collect()
    }

    #[test]
    fn keys_come_first_then_the_schema_in_its_order() {
        let schema = json!({"properties": {"z": {"type": "integer"}, "id": {"type": "string"}, "Z": {}},
            "allOf": [{"properties": {"a": {"type": "number"}, "z": {"type": "string"}}}]});
        assert_eq!(
            told(&stream(schema, json!([["id"]]))),
            [
                "id=id Text key",
                "z=z Integer",
                "Z_bbeebd87=Z Json",
                "a=a Number"
            ]
        );
    }

    #[test]
    fn a_key_may_be_unknown_or_inside_of_an_object() {
        let schema = json!({"properties": {"owner": {"type": "object", "properties": {"id": {"type": "integer"}}}}});
        assert_eq!(
            told(&stream(schema, json!([["owner", "id"], ["n"]]))),
            [
                "owner.id=owner/id Integer key",
                "n=n Text key",
                "owner=owner Json"
            ]
        );
        assert_eq!(told(&stream(json!({}), json!(null))), [""; 0]);
    }
}

//! `FlattenFields`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Around, RecordTransformation, fields};
use crate::component::ComponentError;
use crate::message::Data;

/// Brings all nested fields to the first level.
///
/// A field keeps its own key, unless the key is taken or the field comes after a list: then its
/// parent's key and a dot stand before it. Empty objects, and empty lists where lists are
/// flattened, vanish. As airbyte-cdk 7.39.1, `flatten_fields.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FlattenFields {
    /// Whether items of lists become fields too, with their index as key. Default: true.
    #[serde(default)]
    flatten_lists: Option<bool>,
}

impl RecordTransformation for FlattenFields {
    fn transform(&self, record: &mut Arc<Data>, _: &Around) -> Result<(), ComponentError> {
        let map = fields(record)?;
        *map = flatten(std::mem::take(map), self.flatten_lists.unwrap_or(true));
        Ok(())
    }
}

/// The order in which the reference visits the fields decides which of two equal keys stays short:
/// last fields first.
fn flatten(record: Map<String, Value>, lists: bool) -> Map<String, Value> {
    let mut flat = Map::new();
    let mut with_parent = false;
    let mut stack = vec![("_".to_owned(), Value::Object(record))];
    while let Some((parent, value)) = stack.pop() {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let key = if with_parent || flat.contains_key(&key) {
                        format!("{parent}.{key}")
                    } else {
                        key
                    };
                    stack.push((key, value));
                }
            }
            Value::Array(items) if lists => {
                for (i, item) in items.into_iter().enumerate() {
                    with_parent = true;
                    stack.push((format!("{parent}.{i}"), item));
                }
            }
            scalar => {
                flat.insert(parent, scalar);
            }
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::super::testing::transform;
    use serde_json::json;

    #[test]
    fn flattens_objects_and_lists() {
        let record = json!({"a": {"id": 1}, "l": [2, {"x": 3}], "id": 0});
        assert_eq!(
            transform("type: FlattenFields", &record).unwrap(),
            json!({"id": 0, "l.1.x": 3, "l.0": 2, "a.id": 1})
        );
        assert_eq!(
            transform("{type: FlattenFields, flatten_lists: false}", &record).unwrap(),
            json!({"id": 0, "l": [2, {"x": 3}], "a.id": 1})
        );
    }
}

//! `KeysReplace`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Around, RecordTransformation, fields};
use crate::component::ComponentError;
use crate::message::Data;
use crate::template::{Template, scope};

/// Replaces text in keys, those of nested objects too, but not within lists.
///
/// As airbyte-cdk 7.39.1, `keys_replace_transformation.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct KeysReplace {
    /// Text to replace, such as a space.
    old: Template<scope::Record>,
    /// Text that takes its place, such as `_`.
    new: Template<scope::Record>,
}

impl RecordTransformation for KeysReplace {
    fn transform(&self, record: &mut Arc<Data>, around: &Around) -> Result<(), ComponentError> {
        let scope = around.scope(record);
        let (old, new) = (self.old.text(&scope)?, self.new.text(&scope)?);
        drop(scope);
        let map = fields(record)?;
        *map = rename(std::mem::take(map), &old, &new);
        Ok(())
    }
}

fn rename(map: Map<String, Value>, old: &str, new: &str) -> Map<String, Value> {
    map.into_iter()
        .map(|(key, value)| match value {
            Value::Object(inner) => (key.replace(old, new), rename(inner, old, new).into()),
            value => (key.replace(old, new), value),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::transform;
    use serde_json::json;

    #[test]
    fn replaces_in_nested_keys() {
        let yaml = "{type: KeysReplace, old: ' ', new: '{{ record.sep }}'}";
        let record = json!({"sep": "_", "a b c": {"d e": 1}});
        assert_eq!(
            transform(yaml, &record).unwrap(),
            json!({"sep": "_", "a_b_c": {"d_e": 1}})
        );
    }
}

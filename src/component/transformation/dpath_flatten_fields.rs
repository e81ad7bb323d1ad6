//! `DpathFlattenFields`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Around, RecordTransformation, fields};
use crate::component::ComponentError;
use crate::component::dpath::{self, Glob};
use crate::component::extractor::eval_path;
use crate::message::Data;
use crate::template::{Config, Template, scope};

/// Brings the fields of one nested object to the first level.
///
/// Nothing happens when there is no object at the path, or when one of its keys is taken (unless
/// `replace_record` is set). As airbyte-cdk 7.39.1, `dpath_flatten_fields.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DpathFlattenFields {
    /// Path of the object. With `*` in it, the first match is taken.
    field_path: Vec<Template<scope::ConfigOnly>>,
    /// Whether the object is removed from its old place. Default: false.
    #[serde(default)]
    delete_origin_value: Option<bool>,
    /// Whether the object takes the place of the whole record. Default: false.
    #[serde(default)]
    replace_record: Option<bool>,
    /// What is added to the object's keys. Unset: nothing.
    key_transformation: Option<KeyTransformation>,
}

/// What is added to keys.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct KeyTransformation {
    /// Text before the key. Unset: none.
    prefix: Option<Template<scope::ConfigOnly>>,
    /// Text after the key. Unset: none.
    suffix: Option<Template<scope::ConfigOnly>>,
}

impl KeyTransformation {
    fn apply(
        &self,
        map: Map<String, Value>,
        config: &Config,
    ) -> Result<Map<String, Value>, ComponentError> {
        let text = |template: &Option<Template<_>>| match template {
            Some(template) => template.text(&scope::ConfigOnly {
                config: config.clone(),
            }),
            None => Ok(String::new()),
        };
        let (prefix, suffix) = (text(&self.prefix)?, text(&self.suffix)?);
        Ok(map
            .into_iter()
            .map(|(key, value)| (format!("{prefix}{key}{suffix}"), value))
            .collect())
    }
}

impl RecordTransformation for DpathFlattenFields {
    fn transform(&self, record: &mut Arc<Data>, around: &Around) -> Result<(), ComponentError> {
        let path = eval_path(&self.field_path, &around.config)?;
        let glob = Glob::new(&path)?;
        fields(record)?;
        let tree = Arc::make_mut(record).value_mut();
        let found = if path.iter().any(|segment| segment == "*") {
            glob.values(&&*tree).into_iter().next()
        } else {
            glob.get(&&*tree)?
        };
        let Some(Value::Object(found)) = found else {
            return Ok(());
        };
        let found = match &self.key_transformation {
            Some(transformation) => transformation.apply(found.clone(), &around.config)?,
            None => found.clone(),
        };
        if self.replace_record.unwrap_or(false) && !found.is_empty() {
            *tree = Value::Object(found);
            return Ok(());
        }
        let taken = |map: &Map<String, Value>| found.keys().any(|key| map.contains_key(key));
        if tree.as_object().is_some_and(taken) {
            return Ok(());
        }
        if self.delete_origin_value.unwrap_or(false) {
            dpath::delete::<ComponentError>(tree, &glob, None)?;
        }
        if let Value::Object(map) = tree {
            map.extend(found);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::transform;
    use serde_json::json;

    #[test]
    fn brings_fields_up() {
        let record = json!({"id": 1, "data": {"a": 2, "b": 3}});
        let yaml = "{type: DpathFlattenFields, field_path: ['{{ config.key }}']}";
        assert_eq!(
            transform(yaml, &record).unwrap(),
            json!({"id": 1, "data": {"a": 2, "b": 3}, "a": 2, "b": 3})
        );
        let yaml = "
type: DpathFlattenFields
field_path: [data]
delete_origin_value: true
key_transformation: {type: KeyTransformation, prefix: 'p{{ config.n }}_'}
";
        assert_eq!(
            transform(yaml, &record).unwrap(),
            json!({"id": 1, "p3_a": 2, "p3_b": 3})
        );
    }

    #[test]
    fn a_taken_key_stops_it_unless_the_record_is_replaced() {
        let record = json!({"id": 1, "data": {"id": 2}});
        let yaml = "{type: DpathFlattenFields, field_path: [data], delete_origin_value: true}";
        assert_eq!(transform(yaml, &record).unwrap(), record);
        let yaml = "{type: DpathFlattenFields, field_path: [data], replace_record: true}";
        assert_eq!(transform(yaml, &record).unwrap(), json!({"id": 2}));
    }
}

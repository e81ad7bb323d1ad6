//! `ConfigRemapField`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{TransformConfig, scope_of};
use crate::clock::Clock;
use crate::component::ComponentError;
use crate::component::one_or_many::not_empty;
use crate::component::requester::{Evaluated, Fields};
use crate::template::{Template, scope};

/// Replaces a field's value by what a table says; a value that is not in the table stays.
///
/// As airbyte-cdk 7.39.1, `config_transformations/remap_field.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConfigRemapField {
    /// New values by old ones, such as `{sandbox: test}`, or a template that gives them. Templates
    /// read the config.
    map: Fields<scope::ConfigOnly>,
    /// Keys from the config down to the field. Where it is not there, nothing happens.
    #[serde(deserialize_with = "not_empty")]
    field_path: Vec<Template<scope::ConfigOnly>>,
}

impl TransformConfig for ConfigRemapField {
    fn transform(&self, config: &mut Value, clock: &Arc<Clock>) -> Result<(), ComponentError> {
        let scope = scope_of(config, clock);
        let mut field = config;
        for key in &self.field_path {
            let key = key.text(&scope)?;
            match field.as_object_mut().and_then(|map| map.get_mut(&key)) {
                Some(child) => field = child,
                None => return Ok(()),
            }
        }
        if let Value::String(old) = &*field
            && let Evaluated::Mapping(mut map) = self.map.eval(&scope, &[])?
            && let Some(new) = map.remove(old)
        {
            *field = new;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::transform;

    #[test]
    fn a_value_in_the_table_is_replaced() {
        let yaml =
            "{type: ConfigRemapField, field_path: [a, b], map: {x: 5, y: '{{ config.to }}', z: t}}";
        let remap =
            |b| transform(yaml, json!({"a": {"b": b}, "to": "Y"})).unwrap()["a"]["b"].take();
        assert_eq!(remap(json!("x")), json!(5));
        assert_eq!(remap(json!("y")), json!("Y"));
        assert_eq!(remap(json!("other")), json!("other"));
        assert_eq!(remap(json!(1)), json!(1));
        for without in [json!({}), json!({"a": 1}), json!({"a": {}})] {
            assert_eq!(transform(yaml, without.clone()).unwrap(), without);
        }
    }

    #[test]
    fn the_table_may_be_a_template() {
        let yaml = "{type: ConfigRemapField, field_path: [a], map: '{{ config.table }}'}";
        let config = json!({"a": "x", "table": {"x": "X"}});
        assert_eq!(transform(yaml, config).unwrap()["a"], "X");
    }
}

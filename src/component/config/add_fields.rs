//! `ConfigAddFields`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{TransformConfig, scope_of};
use crate::clock::Clock;
use crate::component::ComponentError;
use crate::component::dpath;
use crate::component::one_or_many::not_empty;
use crate::component::transformation::{ValueType, given};
use crate::template::{self, Condition, Config, Scope, TValue, Template, scope};

/// Adds fields to the config, or replaces their values.
///
/// Fields are added one after the other, so that a later one sees the earlier ones. As airbyte-cdk
/// 7.39.1, `config_transformations/add_fields.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConfigAddFields {
    /// The fields to add.
    fields: Vec<AddedConfigField>,
    /// Adds a field only when true. It reads the new value as `value` and its path as `path`,
    /// beside `config`. Unset or empty: always.
    #[serde(default)]
    condition: Option<Condition<FieldScope>>,
}

/// One field to add.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AddedFieldDefinition")]
pub struct AddedConfigField {
    /// Keys from the config down to the field. No templates are evaluated in it.
    #[serde(deserialize_with = "not_empty")]
    path: Vec<String>,
    /// Value of the field, such as `{{ config['region'] }}`.
    value: Template<scope::ConfigOnly>,
    /// Type that the value must have to become more than text. Unset: any.
    #[serde(default)]
    value_type: Option<ValueType>,
}

/// What the condition reads.
#[derive(Clone)]
struct FieldScope {
    config: Config,
    value: TValue,
    path: TValue,
}

impl Scope for FieldScope {
    const NAMES: &'static [&'static str] = &["value", "path"];

    fn config(&self) -> &Config {
        &self.config
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        match name {
            "value" => Some(self.value.clone()),
            "path" => Some(self.path.clone()),
            _ => None,
        }
    }
}

impl TransformConfig for ConfigAddFields {
    fn transform(&self, config: &mut Value, clock: &Arc<Clock>) -> Result<(), ComponentError> {
        for field in &self.fields {
            let scope = scope_of(config, clock);
            let literal = match field.value_type {
                None => field.value.eval(&scope)?,
                Some(value_type) => field.value.eval_as(&scope, &[value_type.python()])?,
            };
            let value = literal.into_json();
            if let Some(condition) = given(self.condition.as_ref()) {
                let wanted = condition.eval(&FieldScope {
                    config: scope.config,
                    value: template::json(&value),
                    path: template::json(&Value::from(field.path.clone())),
                })?;
                if !wanted {
                    continue;
                }
            }
            dpath::set(config, &field.path, value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::transform;

    #[test]
    fn later_fields_see_earlier_ones() {
        let yaml = "
type: ConfigAddFields
condition: \"{{ value != 'no' }}\"
fields:
  - {type: AddedFieldDefinition, path: [c, d], value: '7', value_type: string}
  - {type: AddedFieldDefinition, path: [e], value: '{{ config.c.d }}!'}
  - {type: AddedFieldDefinition, path: [f], value: 'no'}
";
        assert_eq!(
            transform(yaml, json!({"a": 1})).unwrap(),
            json!({"a": 1, "c": {"d": "7"}, "e": "7!"})
        );
    }
}

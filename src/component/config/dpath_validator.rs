//! `DpathValidator`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ValidationStrategy, scope_of};
use crate::component::ComponentError;
use crate::component::dpath::Glob;
use crate::component::one_or_many::not_empty;
use crate::template::{Config, Template, scope};

/// Holds what is at a path of the config against a rule. Where nothing is there, it holds.
///
/// As airbyte-cdk 7.39.1, `dpath_validator.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DpathValidator {
    /// Keys from the config down to the value; with a `*` every match must hold. Templates in it
    /// see an empty config, as in the reference.
    #[serde(deserialize_with = "not_empty")]
    field_path: Vec<Template<scope::ConfigOnly>>,
    /// The rule.
    validation_strategy: ValidationStrategy,
}

impl DpathValidator {
    pub(super) fn validate(&self, config: &Config) -> Result<(), ComponentError> {
        let scope = scope_of(&json!({}), config.clock());
        let path = self.field_path.iter().map(|key| key.json(&scope));
        let path: Vec<Value> = path.collect::<Result<_, _>>()?;
        let glob = Glob::new(&path)?;
        let root: &Value = config.json();
        let found: Vec<&Value> = if path.iter().any(|key| key == "*") {
            glob.values(&root)
        } else {
            glob.get(&root)?.into_iter().collect()
        };
        for value in found {
            self.validation_strategy.validate(value).map_err(|why| {
                let keys = path.iter().map(|key| key.as_str().unwrap_or("?"));
                let keys = keys.collect::<Vec<_>>().join(".");
                let at = self.field_path.first().and_then(Template::at);
                ComponentError::config(format!("config: `{keys}` {why}")).or_at(at)
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::from_yaml;

    #[test]
    fn all_matches_must_hold_and_none_is_fine() {
        let validate = |path: &str, config: Value| {
            let validator: DpathValidator = from_yaml(&format!(
                "field_path: {path}
validation_strategy: {{type: ValidateAdheresToSchema, base_schema: {{type: integer}}}}"
            ));
            validator.validate(&Config::new(config, Arc::new(Clock::system())))
        };
        assert!(validate("[a, b]", json!({"a": {"b": 1}})).is_ok());
        assert!(validate("[a, b]", json!({})).is_ok());
        assert!(validate("[l, '*']", json!({"l": [1, 2]})).is_ok());
        let error = validate("[l, '*']", json!({"l": [1, null]})).unwrap_err();
        assert!(
            error.message.starts_with("config: `l.*` does not"),
            "{error}"
        );
    }
}

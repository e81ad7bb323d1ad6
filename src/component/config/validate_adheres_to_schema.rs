//! `ValidateAdheresToSchema`.

use jsonschema::Validator;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::manifest::Raw;

/// How a value is held against a rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum ValidationStrategy {
    /// By a JSON schema.
    ValidateAdheresToSchema(ValidateAdheresToSchema),
}

impl ValidationStrategy {
    /// Whether `value` holds.
    ///
    /// # Errors
    /// Why it does not, without the value: it may be a secret.
    pub(super) fn validate(&self, value: &Value) -> Result<(), String> {
        match self {
            Self::ValidateAdheresToSchema(strategy) => strategy.validate(value),
        }
    }
}

/// Holds a value against a JSON schema; text counts as the JSON that it holds.
///
/// As airbyte-cdk 7.39.1, `validate_adheres_to_schema.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ValidateAdheresToSchema {
    /// The schema: a mapping, or a text that holds it as JSON.
    base_schema: Raw,
}

impl ValidateAdheresToSchema {
    fn validate(&self, value: &Value) -> Result<(), String> {
        let parsed = match value {
            Value::String(text) => Some(
                serde_json::from_str(text).map_err(|_| "is text that is not JSON".to_owned())?,
            ),
            _ => None,
        };
        let error = self.validator()?.validate(parsed.as_ref().unwrap_or(value));
        error.map_err(|error| format!("does not adhere to its schema: {}", error.masked()))
    }

    fn validator(&self) -> Result<Validator, String> {
        let wrong = |error: &dyn std::fmt::Display| {
            format!("has a `base_schema` that is no JSON schema: {error}")
        };
        let mut schema = self.base_schema.0.to_json();
        if let Value::String(text) = &schema {
            schema = serde_json::from_str(text).map_err(|error| wrong(&error))?;
        }
        jsonschema::options()
            .should_validate_formats(false)
            .offline()
            .build(&schema)
            .map_err(|error| wrong(&error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn values_and_json_texts_are_held_against_the_schema() {
        for schema in [
            "{type: integer, maximum: 3}",
            "'{\"type\": \"integer\", \"maximum\": 3}'",
        ] {
            let strategy: ValidateAdheresToSchema = from_yaml(&format!("base_schema: {schema}"));
            assert_eq!(strategy.validate(&json!(3)), Ok(()));
            assert_eq!(strategy.validate(&json!("3")), Ok(()));
            let error = strategy.validate(&json!(41)).unwrap_err();
            assert!(!error.contains("41"), "{error}");
            let error = strategy.validate(&json!("secret")).unwrap_err();
            assert_eq!(error, "is text that is not JSON");
        }
    }

    #[test]
    fn a_wrong_schema_is_told() {
        let strategy: ValidateAdheresToSchema = from_yaml("base_schema: {type: 7}");
        let error = strategy.validate(&json!(1)).unwrap_err();
        assert!(error.contains("`base_schema`"), "{error}");
    }
}

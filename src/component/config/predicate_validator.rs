//! `PredicateValidator`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::ValidationStrategy;
use crate::component::ComponentError;
use crate::manifest::Raw;

/// Holds a value that stands in the manifest against a rule.
///
/// As airbyte-cdk 7.39.1, `predicate_validator.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PredicateValidator {
    /// The value. The reference evaluates no template in it: `{{ … }}` is a text, and no JSON.
    value: Raw,
    /// The rule.
    validation_strategy: ValidationStrategy,
}

impl PredicateValidator {
    pub(super) fn validate(&self) -> Result<(), ComponentError> {
        let held = self.validation_strategy.validate(&self.value.0.to_json());
        held.map_err(|why| {
            ComponentError::config(format!("config: the value {why}")).or_at(Some(&self.value.0.at))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn the_value_counts_as_it_is_written() {
        let validate = |value: &str| {
            let validator: PredicateValidator = from_yaml(&format!(
                "value: {value}
validation_strategy: {{type: ValidateAdheresToSchema, base_schema: {{type: integer}}}}"
            ));
            validator.validate()
        };
        assert!(validate("5").is_ok());
        assert!(validate("'5'").is_ok());
        let error = validate("'{{ 5 }}'").unwrap_err();
        assert!(error.to_string().contains("test.yaml:2:10"), "{error}");
    }
}

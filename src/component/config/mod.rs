//! Changes and checks of the user's config, before anything is read with it.
//!
//! In: the config. Out: the config, changed in place, or why it cannot be used. They must not know
//! where the config came from, nor where it is kept.

mod add_fields;
mod dpath_validator;
mod predicate_validator;
mod remap_field;
mod remove_fields;
mod validate_adheres_to_schema;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::ComponentError;
use crate::clock::Clock;
use crate::template::{Config, scope};

pub use add_fields::{AddedConfigField, ConfigAddFields};
pub use dpath_validator::DpathValidator;
pub use predicate_validator::PredicateValidator;
pub use remap_field::ConfigRemapField;
pub use remove_fields::ConfigRemoveFields;
pub use validate_adheres_to_schema::{ValidateAdheresToSchema, ValidationStrategy};

/// What happens to a config before it is used: first the migrations, then the transformations, then
/// the validations.
///
/// As airbyte-cdk 7.39.1, `spec.py`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct ConfigNormalizationRules {
    /// Changes that are kept: what they make of the config is written back.
    #[serde(default)]
    config_migrations: Option<Vec<ConfigMigration>>,
    /// Changes for this run alone.
    #[serde(default)]
    transformations: Option<Vec<ConfigTransformation>>,
    /// What must hold of the config in the end.
    #[serde(default)]
    validations: Option<Vec<Validator>>,
}

/// A change of the config's shape from one version of the connector to the next.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConfigMigration {
    /// What it is for; for readers only.
    #[serde(default)]
    #[expect(dead_code, reason = "it speaks to readers of the manifest")]
    description: Option<String>,
    /// The changes, in order.
    transformations: Vec<ConfigTransformation>,
}

impl ConfigNormalizationRules {
    /// Applies the migrations.
    ///
    /// # Errors
    /// When a template fails, or the config has another shape than a change needs.
    pub fn migrate(&self, config: &mut Value, clock: &Arc<Clock>) -> Result<(), ComponentError> {
        let migrations = self.config_migrations.iter().flatten();
        apply(migrations.flat_map(|m| &m.transformations), config, clock)
    }

    /// Applies the transformations.
    ///
    /// # Errors
    /// As [`migrate`](Self::migrate).
    pub fn transform(&self, config: &mut Value, clock: &Arc<Clock>) -> Result<(), ComponentError> {
        apply(self.transformations.iter().flatten(), config, clock)
    }

    /// Holds the config against the validations: the first that fails counts.
    ///
    /// # Errors
    /// What does not hold.
    pub fn validate(&self, config: &Config) -> Result<(), ComponentError> {
        let mut validations = self.validations.iter().flatten();
        validations.try_for_each(|validation| validation.validate(config))
    }
}

fn apply<'t>(
    transformations: impl Iterator<Item = &'t ConfigTransformation>,
    config: &mut Value,
    clock: &Arc<Clock>,
) -> Result<(), ComponentError> {
    for transformation in transformations {
        transformation.transform(config, clock)?;
    }
    Ok(())
}

/// Changes a config.
pub trait TransformConfig {
    /// Changes `config` in place; templates in it see the config as it is by then.
    ///
    /// # Errors
    /// When a template fails, or the config has another shape than the change needs.
    fn transform(&self, config: &mut Value, clock: &Arc<Clock>) -> Result<(), ComponentError>;
}

/// A change of the config.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum ConfigTransformation {
    /// Adds fields, or replaces their values.
    ConfigAddFields(ConfigAddFields),
    /// Replaces a field's value by what a table says.
    ConfigRemapField(ConfigRemapField),
    /// Removes fields.
    ConfigRemoveFields(ConfigRemoveFields),
}

impl ConfigTransformation {
    fn get(&self) -> &dyn TransformConfig {
        match self {
            Self::ConfigAddFields(transformation) => transformation,
            Self::ConfigRemapField(transformation) => transformation,
            Self::ConfigRemoveFields(transformation) => transformation,
        }
    }

    /// Changes `config` in place.
    ///
    /// # Errors
    /// As [`TransformConfig::transform`].
    pub fn transform(&self, config: &mut Value, clock: &Arc<Clock>) -> Result<(), ComponentError> {
        self.get().transform(config, clock)
    }
}

/// What must hold of a config.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Validator {
    /// Something about the values at a path.
    DpathValidator(DpathValidator),
    /// Something about a value that stands in the manifest.
    PredicateValidator(PredicateValidator),
}

impl Validator {
    /// Whether it holds.
    ///
    /// # Errors
    /// Why it does not.
    pub fn validate(&self, config: &Config) -> Result<(), ComponentError> {
        match self {
            Self::DpathValidator(validator) => validator.validate(config),
            Self::PredicateValidator(validator) => validator.validate(),
        }
    }
}

/// What the templates of a change see: the config as it is by then.
fn scope_of(config: &Value, clock: &Arc<Clock>) -> scope::ConfigOnly {
    scope::ConfigOnly::new(Config::new(config.clone(), Arc::clone(clock)))
}

/// What tests of changes look at.
#[cfg(test)]
mod testing {
    use super::*;
    use crate::component::testing::from_yaml;

    pub(super) fn transform(yaml: &str, mut config: Value) -> Result<Value, ComponentError> {
        let transformation: ConfigTransformation = from_yaml(yaml);
        transformation.transform(&mut config, &Arc::new(Clock::system()))?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn migrations_transformations_and_validations_are_apart() {
        let rules: ConfigNormalizationRules = from_yaml(
            "
config_migrations:
  - type: ConfigMigration
    transformations: [{type: ConfigRemoveFields, field_pointers: [[old]]}]
transformations:
  - {type: ConfigAddFields, fields: [{path: [n], value: '{{ config.a + 1 }}'}]}
validations:
  - type: DpathValidator
    field_path: [n]
    validation_strategy: {type: ValidateAdheresToSchema, base_schema: {maximum: 2}}
",
        );
        let clock = Arc::new(Clock::system());
        let check = |a: i64| {
            let mut config = json!({"a": a, "old": 1});
            rules.migrate(&mut config, &clock).unwrap();
            assert_eq!(config, json!({"a": a}));
            rules.transform(&mut config, &clock).unwrap();
            rules.validate(&Config::new(config, Arc::clone(&clock)))
        };
        assert!(check(1).is_ok());
        let error = check(2).unwrap_err();
        assert!(error.message.contains("`n`"), "{error}");
    }
}

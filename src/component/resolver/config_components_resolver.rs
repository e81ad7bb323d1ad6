//! `ConfigComponentsResolver`: streams for the entries of the config's lists.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ComponentMappingDefinition;
use crate::component::ComponentError;
use crate::component::dpath::Glob;
use crate::component::extractor::eval_path;
use crate::component::one_or_many::OneOrMany;
use crate::manifest::Raw;
use crate::template::{Config, Template, scope};

/// Makes a stream for each entry of a list in the config; with several lists, for each combination.
///
/// As airbyte-cdk 7.39.1, `config_components_resolver.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConfigComponentsResolver {
    /// Where the list stands: one, or several for all combinations of their entries.
    stream_config: OneOrMany<StreamConfig>,
    /// What is put into the template for each entry, one after the other.
    components_mapping: Vec<ComponentMappingDefinition>,
}

/// A list in the config.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct StreamConfig {
    /// Path of keys to the list. A value that is no list counts as a list of it.
    configs_pointer: Vec<Template<scope::ConfigOnly>>,
    /// Entries beside those of the config.
    #[serde(default)]
    default_values: Option<Vec<Raw>>,
}

impl ConfigComponentsResolver {
    /// The values of each stream.
    pub(super) fn values(&self, config: &Config) -> Result<Vec<Value>, ComponentError> {
        let mut combinations = vec![Map::new()];
        for (list, source) in self.stream_config.as_slice().iter().enumerate() {
            let entries = source.entries(config)?;
            combinations = combinations
                .iter()
                .flat_map(|before| {
                    let joined = |(index, entry)| join(before, list, index, entry);
                    entries.iter().enumerate().map(joined)
                })
                .collect();
        }
        Ok(combinations.into_iter().map(Value::Object).collect())
    }

    pub(super) fn mappings(&self) -> &[ComponentMappingDefinition] {
        &self.components_mapping
    }
}

/// A combination with one entry more. What is no mapping gets a name of its own, with its index.
fn join(
    before: &Map<String, Value>,
    list: usize,
    index: usize,
    entry: &Value,
) -> Map<String, Value> {
    let mut joined = before.clone();
    match entry {
        Value::Object(fields) => joined.extend(fields.clone()),
        other => {
            joined
                .entry(format!("source_config_{list}"))
                .or_insert_with(|| json!([index, other]));
        }
    }
    joined
}

impl StreamConfig {
    fn entries(&self, config: &Config) -> Result<Vec<Value>, ComponentError> {
        let path = eval_path(&self.configs_pointer, config)?;
        let found = Glob::new(&path)?.get(&&**config.json())?;
        let mut entries = match found {
            None => Vec::new(),
            Some(Value::Array(entries)) => entries.clone(),
            Some(other) => vec![other.clone()],
        };
        let defaults = self.default_values.iter().flatten();
        entries.extend(defaults.map(|raw| raw.0.to_json()));
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::component::resolver::{ComponentValues, ComponentsResolver};
    use crate::component::testing::{from_yaml, node};

    fn resolve(resolver: &str, template: &str, config: Value) -> Vec<Value> {
        let resolver: ComponentsResolver = from_yaml(resolver);
        let config = Config::new(config, Arc::new(Clock::system()));
        let values = resolver.known_values(&config).unwrap().unwrap();
        let made = |values: &ComponentValues| resolver.resolve(&node(template), values, &config);
        values.iter().map(|v| made(v).unwrap().to_json()).collect()
    }

    #[test]
    fn lists_are_combined_and_defaults_added() {
        let made = resolve(
            "
type: ConfigComponentsResolver
stream_config:
  - {configs_pointer: [tables], default_values: [{name: d}]}
  - {configs_pointer: [deep, regions]}
components_mapping:
  - {field_path: [name], value: \"{{ components_values['name'] }}\"}
  - {field_path: [r], value: \"{{ components_values['source_config_1'][1] }}\"}
",
            "{name: x, r: ''}",
            json!({"tables": [{"name": "a"}], "deep": {"regions": ["eu", "us"]}}),
        );
        assert_eq!(
            made,
            [
                json!({"name": "a", "r": "eu"}),
                json!({"name": "a", "r": "us"}),
                json!({"name": "d", "r": "eu"}),
                json!({"name": "d", "r": "us"}),
            ]
        );
    }

    #[test]
    fn mappings_have_types_conditions_and_globs() {
        let made = resolve(
            "
type: ConfigComponentsResolver
stream_config: {configs_pointer: [t]}
components_mapping:
  - {field_path: ['**', n], value: '7', value_type: string}
  - {field_path: [yaml], value: '{k: [1, yes]}'}
  - {field_path: [a, new, k], value: '5', create_or_update: true}
  - {field_path: [absent], value: '5'}
  - {field_path: [n], value: never, condition: \"{{ components_values['no'] }}\"}
",
            "{n: 1, a: {n: 2}, yaml: 0}",
            json!({"t": {"no": false}}),
        );
        assert_eq!(
            made,
            [json!({"n": "7", "a": {"n": "7", "new": {"k": 5}}, "yaml": {"k": [1, true]}})]
        );
    }
}

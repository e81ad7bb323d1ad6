//! `ParametrizedComponentsResolver`: streams for a list in the manifest.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::ComponentMappingDefinition;
use super::component_mapping_definition::without_conditions;
use crate::manifest::Raw;

/// Makes a stream for each entry of a list in the manifest.
///
/// As airbyte-cdk 7.39.1, `parametrized_components_resolver.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ParametrizedComponentsResolver {
    /// The list.
    stream_parameters: StreamParametersDefinition,
    /// What is put into the template for each entry, one after the other.
    #[serde(deserialize_with = "without_conditions")]
    components_mapping: Vec<ComponentMappingDefinition>,
}

/// The values of some streams.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct StreamParametersDefinition {
    /// A mapping of values for each stream.
    list_of_parameters_for_stream: Vec<Raw>,
}

impl ParametrizedComponentsResolver {
    /// The values of each stream.
    pub(super) fn values(&self) -> Vec<Value> {
        let entries = &self.stream_parameters.list_of_parameters_for_stream;
        entries.iter().map(|raw| raw.0.to_json()).collect()
    }

    pub(super) fn mappings(&self) -> &[ComponentMappingDefinition] {
        &self.components_mapping
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::mistakes;

    #[test]
    fn a_condition_is_a_mistake() {
        let mistakes = mistakes::<ParametrizedComponentsResolver>(
            "
stream_parameters: {list_of_parameters_for_stream: []}
components_mapping: [{field_path: [a], value: b, condition: 'x'}]
",
        );
        assert_eq!(mistakes.len(), 1);
        assert!(mistakes[0].contains("only supported in"), "{mistakes:?}");
    }
}

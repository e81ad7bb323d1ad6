//! `HttpComponentsResolver`: streams for the records of an API.

use schemars::JsonSchema;
use serde::Deserialize;

use super::ComponentMappingDefinition;
use super::component_mapping_definition::without_conditions;
use crate::manifest::{Node, Raw};

/// Makes a stream for each record that a retriever reads, before anything else is read.
///
/// As airbyte-cdk 7.39.1, `http_components_resolver.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct HttpComponentsResolver {
    /// How the records are read.
    retriever: Raw,
    /// What is put into the template for each record, one after the other. Templates may read
    /// `stream_slice` too, the slice in which the record was read.
    #[serde(deserialize_with = "without_conditions")]
    components_mapping: Vec<ComponentMappingDefinition>,
}

impl HttpComponentsResolver {
    /// How the records are read; to be decoded as part of a stream.
    pub(super) fn retriever(&self) -> &Node {
        &self.retriever.0
    }

    pub(super) fn mappings(&self) -> &[ComponentMappingDefinition] {
        &self.components_mapping
    }
}

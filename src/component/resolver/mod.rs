//! From one template to many streams: where their values come from, and where these are put.
//!
//! In: a stream's template as a node, the config, and what an API answered. Out: nodes of streams,
//! which keep the template's places. It must not read the API itself.

mod component_mapping_definition;
mod config_components_resolver;
mod edit;
mod http_components_resolver;
mod parametrized_components_resolver;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::ComponentError;
use crate::manifest::Node;
use crate::message::StreamSlice;
use crate::template::{self, Config, TValue};

pub use component_mapping_definition::{ComponentMappingDefinition, ValueType};
pub use config_components_resolver::{ConfigComponentsResolver, StreamConfig};
pub use http_components_resolver::HttpComponentsResolver;
pub use parametrized_components_resolver::{
    ParametrizedComponentsResolver, StreamParametersDefinition,
};

/// Where the values come from that make streams of a template.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum ComponentsResolver {
    /// The records of an API.
    HttpComponentsResolver(HttpComponentsResolver),
    /// Lists of the config.
    ConfigComponentsResolver(ConfigComponentsResolver),
    /// A list of the manifest.
    ParametrizedComponentsResolver(ParametrizedComponentsResolver),
}

/// The values of one stream, and the slice in which they were read.
#[derive(Debug, Clone)]
pub struct ComponentValues {
    /// The values.
    pub values: Value,
    /// The slice, when they come from an API.
    pub slice: Option<Arc<StreamSlice>>,
}

impl From<Value> for ComponentValues {
    fn from(values: Value) -> Self {
        Self {
            values,
            slice: None,
        }
    }
}

impl ComponentsResolver {
    /// The values of each stream, unless an API must be asked: then [`Self::retriever`] says how.
    ///
    /// # Errors
    /// When a path of the config is ambiguous, or a template fails.
    pub fn known_values(
        &self,
        config: &Config,
    ) -> Result<Option<Vec<ComponentValues>>, ComponentError> {
        let values = match self {
            Self::HttpComponentsResolver(_) => return Ok(None),
            Self::ConfigComponentsResolver(resolver) => resolver.values(config)?,
            Self::ParametrizedComponentsResolver(resolver) => resolver.values(),
        };
        Ok(Some(values.into_iter().map(Into::into).collect()))
    }

    /// How an API is asked for the values: a retriever, whose records they are.
    #[must_use]
    pub fn retriever(&self) -> Option<&Node> {
        match self {
            Self::HttpComponentsResolver(resolver) => Some(resolver.retriever()),
            _ => None,
        }
    }

    /// The stream that the template becomes with `values`.
    ///
    /// # Errors
    /// When a template fails, or a path leads through a value that has no children.
    pub fn resolve(
        &self,
        stream_template: &Node,
        values: &ComponentValues,
        config: &Config,
    ) -> Result<Node, ComponentError> {
        let with = template::scope::Component {
            config: config.clone(),
            components_values: TValue::from_json(&values.values),
            stream_template_config: TValue::from_json(&stream_template.to_json()),
            stream_slice: values.slice.as_ref().map(template::slice),
        };
        let (mappings, parses_yaml) = match self {
            Self::HttpComponentsResolver(resolver) => (resolver.mappings(), YamlText::Kept),
            Self::ConfigComponentsResolver(resolver) => {
                (resolver.mappings(), YamlText::ReadUnlessString)
            }
            Self::ParametrizedComponentsResolver(resolver) => (resolver.mappings(), YamlText::Read),
        };
        let mut stream = stream_template.clone();
        for mapping in mappings {
            mapping.apply(&mut stream, &with, parses_yaml)?;
        }
        Ok(stream)
    }
}

/// Whether a text that comes out of a mapping is read as YAML: each resolver of the reference has
/// its own answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum YamlText {
    Kept,
    Read,
    ReadUnlessString,
}

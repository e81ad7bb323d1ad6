//! `ComponentMappingDefinition`: one value put into a stream's template.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{YamlText, edit};
use crate::component::ComponentError;
use crate::component::dpath::Glob;
use crate::manifest::{self, Node, Place};
use crate::template::scope::Component;
use crate::template::{Condition, Literal, PyType, Template};

/// Puts a value into the template of a stream.
///
/// As airbyte-cdk 7.39.1, `resolvers/components_resolver.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ComponentMappingDefinition {
    /// Path of keys in the template. A key may be an index of a list, or a glob: `*`, `?`, `[a-z]`,
    /// and `**` for any number of keys; every place that matches is changed. A path that is not
    /// there changes nothing, unless `create_or_update` is true.
    field_path: Vec<Template<Component>>,
    /// The value, such as `{{ components_values['name'] }}`.
    value: Template<Component>,
    /// Type of the value; a value of another type stays text. Unset: the type that it looks like.
    #[serde(default)]
    value_type: Option<ValueType>,
    /// Whether the path is made where it is not there. An empty value makes none. It has no effect
    /// in an `HttpComponentsResolver`. Default: false.
    #[serde(default)]
    create_or_update: Option<bool>,
    /// The mapping counts for streams for which this is true; only in a `ConfigComponentsResolver`.
    /// Unset: for all.
    #[serde(default)]
    condition: Option<Condition<Component>>,
}

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// Text.
    String,
    /// A number with a point.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
}

impl From<ValueType> for PyType {
    fn from(value_type: ValueType) -> Self {
        match value_type {
            ValueType::String => Self::Str,
            ValueType::Number => Self::Float,
            ValueType::Integer => Self::Int,
            ValueType::Boolean => Self::Bool,
        }
    }
}

impl ComponentMappingDefinition {
    /// Where the condition stands, when there is one.
    pub(super) fn condition(&self) -> Option<&Condition<Component>> {
        self.condition.as_ref()
    }

    /// Changes `stream`.
    pub(super) fn apply(
        &self,
        stream: &mut Node,
        with: &Component,
        yaml: YamlText,
    ) -> Result<(), ComponentError> {
        if let Some(condition) = &self.condition
            && !condition.eval(with)?
        {
            return Ok(());
        }
        let at = self.value.at().unwrap_or(&stream.at).clone();
        let value = self.value(with, yaml)?;
        let path: Vec<Value> = self
            .field_path
            .iter()
            .map(|segment| Ok(segment.eval(with)?.into_json()))
            .collect::<Result<_, ComponentError>>()?;
        let placed = |error: ComponentError| error.or_at(Some(&at));
        let glob = Glob::new(&path).map_err(|error| placed(error.into()))?;
        let node = Node::from_json(&value, &at);
        let matched = glob.paths(&&stream.to_json());
        let mut changed = false;
        for place in &matched {
            changed |= edit::replace(stream, place, &node);
        }
        let creates = yaml != YamlText::Kept && self.create_or_update.unwrap_or(false);
        if creates && !changed && node.value.is_truthy() {
            edit::create(stream, &path, &node)
                .map_err(|message| placed(ComponentError::system(message)))?;
        }
        Ok(())
    }

    fn value(&self, with: &Component, yaml: YamlText) -> Result<Value, ComponentError> {
        let wanted: Vec<PyType> = self.value_type.into_iter().map(Into::into).collect();
        let literal = self.value.eval_as(with, &wanted)?;
        let Literal::Str(text) = literal else {
            return Ok(literal.into_json());
        };
        let reads = match yaml {
            YamlText::Kept => false,
            YamlText::Read => true,
            YamlText::ReadUnlessString => self.value_type != Some(ValueType::String),
        };
        // Differs: the reference fails on texts that its scanner refuses, such as `@x`; all that is
        // no YAML stays text here.
        let parsed = if reads {
            manifest::yaml_value(&text)
        } else {
            None
        };
        Ok(parsed.unwrap_or(Value::String(text)))
    }
}

/// An error when one of `mappings` has a condition, which only the config's resolver knows.
pub(super) fn without_conditions<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ComponentMappingDefinition>, D::Error> {
    let mappings = Vec::<ComponentMappingDefinition>::deserialize(deserializer)?;
    match mappings.iter().find_map(|mapping| mapping.condition()) {
        None => Ok(mappings),
        Some(condition) => {
            let at = condition.at().map(Place::to_string).unwrap_or_default();
            Err(serde::de::Error::custom(format!(
                "a `condition` ({at}) is only supported in a `ConfigComponentsResolver`"
            )))
        }
    }
}

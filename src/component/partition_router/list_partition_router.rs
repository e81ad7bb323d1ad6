//! `ListPartitionRouter`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::component::ComponentError;
use crate::component::requester::{RequestOption, RequestParts};
use crate::manifest::{Raw, located};
use crate::message::StreamSlice;
use crate::template::{Config, Template, scope};

/// Reads the stream once for each value of a list.
///
/// As airbyte-cdk 7.39.1, `list_partition_router.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ListPartitionRouter {
    /// The values: a list as it stands, or a template that gives one. Text gives its letters.
    values: ListValues,
    /// Name of the value, as in `{{ stream_partition['section'] }}`.
    cursor_field: Template<scope::ConfigOnly>,
    /// Where requests carry the value. Unset: nowhere, unless a template asks for it.
    #[serde(default)]
    request_option: Option<RequestOption>,
}

impl ListPartitionRouter {
    /// The partitions, in the order of the values.
    ///
    /// # Errors
    /// When a template fails, or gives neither a list nor text.
    pub fn partitions(&self, config: &Config) -> Result<Vec<StreamSlice>, ComponentError> {
        let key = self.key(config)?;
        let values = self.values.eval(config)?;
        Ok(values
            .into_iter()
            .map(|value| StreamSlice {
                partition: Map::from_iter([(key.clone(), value)]),
                ..StreamSlice::default()
            })
            .collect())
    }

    pub(super) fn share(
        &self,
        slice: &Arc<StreamSlice>,
        config: &Config,
    ) -> Result<RequestParts, ComponentError> {
        let mut parts = RequestParts::default();
        if let Some(option) = &self.request_option
            && let Some(value) = slice.get(&self.key(config)?)
            && super::is_truthy(value)
        {
            option.inject(&mut parts, value.clone(), config)?;
        }
        Ok(parts)
    }

    pub(super) fn has_request_option(&self) -> bool {
        self.request_option.is_some()
    }

    pub(super) fn key(&self, config: &Config) -> Result<String, ComponentError> {
        let scope = scope::ConfigOnly {
            config: config.clone(),
        };
        Ok(self.cursor_field.text(&scope)?)
    }
}

/// The values of a [`ListPartitionRouter`].
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum ListValues {
    /// Values as they stand; no templates are evaluated in them.
    List(Vec<String>),
    /// A template that gives a list, such as `{{ config['sections'] }}`.
    Template(Template<scope::ConfigOnly>),
}

impl ListValues {
    fn eval(&self, config: &Config) -> Result<Vec<Value>, ComponentError> {
        let template = match self {
            Self::List(values) => return Ok(values.iter().map(|v| v.as_str().into()).collect()),
            Self::Template(template) => template,
        };
        let scope = scope::ConfigOnly {
            config: config.clone(),
        };
        match template.json(&scope)? {
            Value::Array(values) => Ok(values),
            Value::String(text) => Ok(text.chars().map(|c| c.to_string().into()).collect()),
            Value::Object(map) => Ok(map.into_iter().map(|(key, _)| key.into()).collect()),
            other => {
                let message = format!("`values` is {other}, expected a list");
                Err(ComponentError::config(message).or_at(template.at()))
            }
        }
    }
}

impl<'de> Deserialize<'de> for ListValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (here, Raw(node)) = located::<D, Raw>(deserializer)?;
        let here = here.ok_or_else(|| D::Error::custom("expected a manifest"))?;
        if let Some(items) = node.as_seq() {
            if items.iter().any(|item| item.as_str().is_none()) {
                return Err(D::Error::custom(
                    "expected texts, put other values in quotes",
                ));
            }
            here.decode().map(Self::List)
        } else {
            here.decode().map(Self::Template)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::{from_yaml, mistakes};

    fn partitions(yaml: &str) -> Result<Value, ComponentError> {
        let router: ListPartitionRouter = from_yaml(yaml);
        let config = json!({"list": ["a", 1], "n": 5});
        let config = Config::new(config, Arc::new(Clock::system()));
        let slices = router.partitions(&config)?;
        Ok(slices
            .into_iter()
            .map(|s| s.partition.into())
            .collect::<Vec<Value>>()
            .into())
    }

    #[test]
    fn a_list_stands_as_it_is_and_a_template_is_evaluated() {
        assert_eq!(
            partitions("{values: [x, '{{ config.n }}'], cursor_field: k}").unwrap(),
            json!([{"k": "x"}, {"k": "{{ config.n }}"}])
        );
        assert_eq!(
            partitions("{values: '{{ config.list }}', cursor_field: 'k{{ config.n }}'}").unwrap(),
            json!([{"k5": "a"}, {"k5": 1}])
        );
        let error = partitions("{values: '{{ config.n }}', cursor_field: k}").unwrap_err();
        assert!(error.message.contains("expected a list"), "{error}");
    }

    #[test]
    fn values_of_another_shape_are_a_mistake() {
        let mistakes = mistakes::<ListPartitionRouter>("{values: [x, 1], cursor_field: k}");
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    }
}

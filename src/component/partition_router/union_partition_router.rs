//! `UnionPartitionRouter`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

use super::PartitionRouter;
use crate::component::ComponentError;
use crate::message::StreamSlice;
use crate::template::{Config, Template, scope};

/// Reads the stream once for each value that any of several routers gives.
///
/// All of them must name the value alike, and must not put it into requests; a template does. What
/// else they give, such as `parent_slice`, stands in `stream_slice.extra_fields`. As airbyte-cdk
/// 7.39.1, `union_partition_router.py`.
// Differs: the reference fails when a value is a list or a mapping.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct UnionPartitionRouter {
    /// Name of the value, as in `{{ stream_partition['repository'] }}`.
    partition_field: Template<scope::ConfigOnly>,
    /// The routers, two at least.
    partition_routers: Vec<PartitionRouter>,
}

impl UnionPartitionRouter {
    /// The routers.
    #[must_use]
    pub fn routers(&self) -> &[PartitionRouter] {
        &self.partition_routers
    }

    /// Name of the value.
    ///
    /// # Errors
    /// When the template fails, or the routers do not go with it.
    pub fn field(&self, config: &Config) -> Result<String, ComponentError> {
        let wrong =
            |message: String| Err(ComponentError::config(message).or_at(self.partition_field.at()));
        let field = (self.partition_field).text(&scope::ConfigOnly::new(config.clone()))?;
        if self.partition_routers.len() < 2 {
            return wrong("a `UnionPartitionRouter` needs two routers at least".to_owned());
        }
        for router in &self.partition_routers {
            if router.has_request_option() {
                return wrong(
                    "a router in a `UnionPartitionRouter` cannot have a `request_option`"
                        .to_owned(),
                );
            }
            for other in router.fields(config)? {
                if other != field {
                    return wrong(format!(
                        "the routers of a `UnionPartitionRouter` must all give `{field}`, found \
                         `{other}`"
                    ));
                }
            }
        }
        Ok(field)
    }
}

/// A slice with nothing but `field` in its partition; the rest becomes extra fields.
pub(super) fn normalize(mut slice: StreamSlice, field: &str) -> StreamSlice {
    let value = slice.partition.shift_remove(field);
    let mut extra_fields = slice.extra_fields;
    extra_fields.extend(slice.partition);
    StreamSlice {
        partition: value
            .map(|value| (field.to_owned(), value))
            .into_iter()
            .collect(),
        cursor_slice: Map::new(),
        extra_fields,
    }
}

//! `GroupingPartitionRouter`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::PartitionRouter;
use crate::component::ComponentError;
use crate::message::StreamSlice;

/// Reads the stream once for several partitions of another router together.
///
/// Each value of the partition, and of its extra fields, is a list then. The router must not put
/// its values into requests; a template does. With `incremental_sync` all groups have one state
/// together, since they change from run to run. As airbyte-cdk 7.39.1,
/// `grouping_partition_router.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct GroupingPartitionRouter {
    /// How many partitions make a group; one at least. The last group may have fewer.
    group_size: i64,
    /// The router whose partitions are grouped.
    underlying_partition_router: Box<PartitionRouter>,
    /// Whether a partition that comes again is left out. Default: true.
    #[serde(default)]
    deduplicate: Option<bool>,
}

impl GroupingPartitionRouter {
    /// The router whose partitions are grouped.
    #[must_use]
    pub fn underlying(&self) -> &PartitionRouter {
        &self.underlying_partition_router
    }

    /// How many partitions make a group.
    pub(super) fn size(&self) -> Result<usize, ComponentError> {
        if self.underlying_partition_router.has_request_option() {
            return Err(ComponentError::config(
                "the router in a `GroupingPartitionRouter` cannot have a `request_option`",
            ));
        }
        usize::try_from(self.group_size)
            .ok()
            .filter(|size| *size > 0)
            .ok_or_else(|| {
                ComponentError::config(format!(
                    "`group_size` is {}, expected 1 at least",
                    self.group_size
                ))
            })
    }

    pub(super) fn deduplicates(&self) -> bool {
        self.deduplicate.unwrap_or(true)
    }
}

/// One slice out of several.
pub(super) fn group(batch: &[StreamSlice]) -> StreamSlice {
    let lists = |of: fn(&StreamSlice) -> &Map<String, Value>, keys: Vec<&String>| {
        let list = |key: &str| {
            let value = |slice| of(slice).get(key).cloned().unwrap_or(Value::Null);
            Value::Array(batch.iter().map(value).collect())
        };
        keys.into_iter()
            .map(|key| (key.clone(), list(key)))
            .collect::<Map<_, _>>()
    };
    let first = batch.first();
    let mut extra: Vec<&String> = Vec::new();
    for slice in batch {
        for key in slice.extra_fields.keys() {
            if !extra.contains(&key) {
                extra.push(key);
            }
        }
    }
    StreamSlice {
        partition: lists(
            |slice| &slice.partition,
            first.map_or_else(Vec::new, |slice| slice.partition.keys().collect()),
        ),
        cursor_slice: Map::new(),
        extra_fields: lists(|slice| &slice.extra_fields, extra),
    }
}

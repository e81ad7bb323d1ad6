//! What becomes of the partitions of a router on their way into a stream: they pass as they are,
//! are united, or are grouped.

use std::collections::HashSet;

use serde_json::Value;

use super::grouping_partition_router::group;
use super::union_partition_router::normalize;
use crate::message::StreamSlice;

/// The steps on the way, innermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gather(pub(super) Vec<GatherStep>);

/// One step on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GatherStep {
    /// Each value of this name comes once, and alone in its partition.
    Union(String),
    /// So many make one.
    Group { size: usize, once: bool },
}

/// Partitions that are being gathered.
#[derive(Debug, Default)]
pub struct Gathering(Vec<(GatherStep, Progress)>);

#[derive(Debug, Default)]
struct Progress {
    seen: HashSet<String>,
    batch: Vec<StreamSlice>,
}

impl From<&Gather> for Gathering {
    fn from(gather: &Gather) -> Self {
        let steps = gather.0.iter();
        Self(
            steps
                .map(|step| (step.clone(), Progress::default()))
                .collect(),
        )
    }
}

impl Gathering {
    /// Whether each partition passes as it is.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a partition; gives the one that comes out, if any does now.
    pub fn take(&mut self, slice: StreamSlice) -> Option<StreamSlice> {
        take(&mut self.0, slice)
    }

    /// No partition comes any more; gives what is left.
    pub fn finish(&mut self) -> Vec<StreamSlice> {
        let mut left = Vec::new();
        for step in 0..self.0.len() {
            let batch = std::mem::take(&mut self.0[step].1.batch);
            if !batch.is_empty() {
                left.extend(take(&mut self.0[step + 1..], group(&batch)));
            }
        }
        left
    }
}

fn take(steps: &mut [(GatherStep, Progress)], slice: StreamSlice) -> Option<StreamSlice> {
    let Some(((step, progress), rest)) = steps.split_first_mut() else {
        return Some(slice);
    };
    let out = match step {
        GatherStep::Union(field) => {
            let slice = normalize(slice, field);
            let value = slice.partition.get(field.as_str())?;
            progress.seen.insert(value.to_string()).then_some(slice)
        }
        GatherStep::Group { size, once } => {
            if *once && !progress.seen.insert(key(&slice)) {
                return None;
            }
            progress.batch.push(slice);
            (progress.batch.len() >= *size).then(|| group(&std::mem::take(&mut progress.batch)))
        }
    };
    take(rest, out?)
}

/// The value of a partition of one key; `parent_slice` is none.
fn key(slice: &StreamSlice) -> String {
    let value = slice
        .partition
        .iter()
        .find(|(key, _)| *key != "parent_slice");
    value
        .map_or(Value::Null, |(_, value)| value.clone())
        .to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::partition_router::PartitionRouter;
    use crate::component::testing::from_yaml;
    use crate::template::Config;

    fn gathered(yaml: &str, partitions: Value) -> Result<Value, String> {
        let router: PartitionRouter = from_yaml(yaml);
        let config = Config::new(json!({}), std::sync::Arc::new(Clock::system()));
        let gather = router.gather(&config).map_err(|error| error.message)?;
        let mut gathering = Gathering::from(&gather);
        let mut out = Vec::new();
        for partition in partitions.as_array().unwrap() {
            out.extend(gathering.take(StreamSlice {
                partition: partition.as_object().unwrap().clone(),
                ..StreamSlice::default()
            }));
        }
        out.extend(gathering.finish());
        Ok(out
            .into_iter()
            .map(|slice| json!([slice.partition, slice.extra_fields]))
            .collect())
    }

    const UNION: &str = "{type: UnionPartitionRouter, partition_field: a, partition_routers: \
         [{type: ListPartitionRouter, values: [x], cursor_field: a}, \
          {type: ListPartitionRouter, values: [y], cursor_field: NAME}]}";

    #[test]
    fn a_union_gives_each_value_once_and_alone() {
        let yaml = UNION.replace("NAME", "a");
        let partitions = json!([{"a": 1, "parent_slice": {"p": 2}}, {"a": 1}, {"a": 3}]);
        assert_eq!(
            gathered(&yaml, partitions).unwrap(),
            json!([[{"a": 1}, {"parent_slice": {"p": 2}}], [{"a": 3}, {}]])
        );
        assert!(gathered(&UNION.replace("NAME", "b"), json!([])).is_err());
    }

    #[test]
    fn groups_have_lists_and_the_last_may_be_short() {
        let yaml = |more: &str| {
            format!(
                "{{type: GroupingPartitionRouter, group_size: 2{more}, underlying_partition_router: \
                 {{type: ListPartitionRouter, values: [x], cursor_field: a}}}}"
            )
        };
        let partitions = json!([{"a": 1}, {"a": 2}, {"a": 1}, {"a": 4}]);
        assert_eq!(
            gathered(&yaml(""), partitions.clone()).unwrap(),
            json!([[{"a": [1, 2]}, {}], [{"a": [4]}, {}]])
        );
        assert_eq!(
            gathered(&yaml(", deduplicate: false"), partitions).unwrap(),
            json!([[{"a": [1, 2]}, {}], [{"a": [1, 4]}, {}]])
        );
    }
}

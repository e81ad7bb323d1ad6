//! The state of a stream with partitions: one of each partition, and one of all together.
//!
//! As airbyte-cdk 7.39.1, `concurrent_partition_cursor.py`.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::CursorValue;
use super::intervals::Intervals;
use super::stream_cursor::Settings;
use crate::template::datetime::{DateError, Delta, Duration};

/// The states of a stream's partitions at the start of a run.
#[derive(Debug, Clone)]
pub(super) struct PartitionStates {
    /// By the partition's key.
    pub(super) known: IndexMap<String, Intervals>,
    /// The state of all together, which new partitions start from.
    pub(super) global: Option<CursorValue>,
    /// What a partition starts from that has no state.
    pub(super) fresh: Intervals,
    /// Whether there is no state but that of all together.
    pub(super) is_global: bool,
    /// Seconds that new partitions go back behind `global`: the time that the last run took.
    pub(super) lookback: i64,
    /// The states of the parents that are read incrementally.
    pub(super) parents: Option<Value>,
}

impl PartitionStates {
    /// Reads a state. One without `states` and `state` is that of all partitions together.
    pub(super) fn new(
        settings: &Settings,
        state: &Map<String, Value>,
        is_global: bool,
    ) -> Result<Self, DateError> {
        let mut states = Self {
            known: IndexMap::new(),
            global: None,
            fresh: settings.intervals(&Map::new())?,
            is_global,
            lookback: 0,
            parents: state
                .get("parent_state")
                .filter(|p| has_entries(p))
                .cloned(),
        };
        if state.contains_key("states") || state.contains_key("state") {
            if !state.is_empty() {
                states.is_global = state.get("use_global_cursor") == Some(&Value::Bool(true));
            }
            states.lookback = whole(state.get("lookback_window"))?;
            for one in state
                .get("states")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let part = |name: &str| {
                    let map = one.get(name).and_then(Value::as_object);
                    map.ok_or_else(|| DateError(format!("a partition's state has no `{name}`")))
                };
                let mut intervals = settings.intervals(part("cursor")?)?;
                intervals.merge(&settings.unit);
                states
                    .known
                    .insert(partition_key(part("partition")?), intervals);
            }
            if let Some(global) = state.get("state").and_then(Value::as_object) {
                states.set_global(settings, global)?;
            }
        } else {
            states.set_global(settings, state)?;
        }
        Ok(states)
    }

    /// The state of a partition.
    pub(super) fn of(&self, partition: &Map<String, Value>) -> &Intervals {
        if self.known.is_empty() {
            return &self.fresh;
        }
        self.known
            .get(&partition_key(partition))
            .unwrap_or(&self.fresh)
    }

    fn set_global(
        &mut self,
        settings: &Settings,
        state: &Map<String, Value>,
    ) -> Result<(), DateError> {
        let Some(value) = state.get(&settings.field) else {
            return Ok(());
        };
        let form = &settings.form;
        // Read as it will be written.
        let global = form.parse(&form.write(&form.parse(value)?))?;
        let back = Duration {
            years: 0.0,
            months: 0.0,
            rest: Delta(self.lookback.saturating_mul(1_000_000)),
        };
        let fresh = form.write(&global.minus(&back)?);
        self.fresh = settings.intervals(&Map::from_iter([(settings.field.clone(), fresh)]))?;
        self.fresh.merge(&settings.unit);
        self.global = Some(global);
        Ok(())
    }
}

/// The text by which a partition is known: its JSON with the keys in order.
#[must_use]
pub fn partition_key(partition: &Map<String, Value>) -> String {
    sorted(partition).to_string()
}

fn sorted(map: &Map<String, Value>) -> Value {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    let entries = entries.into_iter().map(|(key, value)| {
        let value = match value {
            Value::Object(map) => sorted(map),
            Value::Array(items) => items
                .iter()
                .map(|item| item.as_object().map_or_else(|| item.clone(), sorted))
                .collect(),
            other => other.clone(),
        };
        (key.clone(), value)
    });
    Value::Object(entries.collect())
}

fn has_entries(value: &Value) -> bool {
    value.as_object().is_some_and(|map| !map.is_empty())
}

fn whole(value: Option<&Value>) -> Result<i64, DateError> {
    use num_traits::ToPrimitive as _;
    let number = match value {
        None => Some(0),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => value.as_i64().or_else(|| value.as_f64()?.to_i64()),
    };
    number.ok_or_else(|| DateError("`lookback_window` of a state is no whole number".to_owned()))
}

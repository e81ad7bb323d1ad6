//! How far a stream has come in a run: what its next state is made of.
//!
//! In: partitions that were begun, windows that were read. Out: the state. It belongs to one thread.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::intervals::{Interval, Intervals};
use super::partition_states::{PartitionStates, partition_key};
use super::stream_cursor::{Initial, StreamCursor};
use super::{CursorValue, Form};
use crate::message::StreamSlice;
use crate::template::datetime::DateError;

/// Above this number of partitions there is only one state of all together.
const PARTITION_LIMIT: usize = 10_000;

/// How far a stream has come.
#[derive(Debug)]
pub struct Progress {
    cursor: Arc<StreamCursor>,
    reached: Reached,
}

#[derive(Debug)]
enum Reached {
    Whole(Intervals),
    Partitions(Partitions),
}

/// How far a stream's partitions have come.
#[derive(Debug)]
struct Partitions {
    states: IndexMap<String, Partition>,
    is_global: bool,
    global: Option<CursorValue>,
    /// What `global` will be when all partitions are read.
    next_global: Option<CursorValue>,
    lookback: i64,
    parents: Option<Value>,
    /// Windows that were begun and not read to their end.
    open: usize,
    /// Whether a record had a cursor value.
    has_records: bool,
}

#[derive(Debug)]
struct Partition {
    intervals: Intervals,
    open: usize,
}

/// How a stream came to its end.
#[derive(Debug)]
pub struct End {
    /// Whether all of its partitions were known: no parent failed.
    pub is_whole: bool,
    /// The states of the parents that are read incrementally; none where a stream cannot have any.
    pub parents: Option<Map<String, Value>>,
    /// Seconds that its read took.
    pub seconds: i64,
}

/// How often a state is told before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// After each window.
    Each,
    /// Now and then, since it is large.
    Seldom,
    /// Not at all, since it does not change.
    Never,
}

impl Progress {
    /// The progress of a stream that has not begun.
    #[must_use]
    pub fn new(cursor: &Arc<StreamCursor>) -> Self {
        let reached = match &cursor.initial {
            Initial::Whole(intervals) => Reached::Whole(intervals.clone()),
            Initial::Partitions(states) => Reached::Partitions(Partitions::new(states)),
        };
        Self {
            cursor: Arc::clone(cursor),
            reached,
        }
    }

    /// Notes that a partition is begun, with so many windows.
    pub fn open(&mut self, slice: &StreamSlice, windows: usize) {
        let Reached::Partitions(partitions) = &mut self.reached else {
            return;
        };
        partitions.open += windows;
        partitions.is_global |= partitions.states.len() > PARTITION_LIMIT;
        if partitions.is_global {
            partitions.states = IndexMap::new();
            return;
        }
        let cursor = &self.cursor;
        let partition = partitions.states.entry(partition_key(&slice.partition));
        let partition = partition.or_insert_with(|| Partition {
            intervals: cursor.intervals(slice).clone(),
            open: 0,
        });
        partition.open += windows;
    }

    /// Notes that a window was read to its end; `latest` is the latest value of its records.
    ///
    /// # Errors
    /// When the window's bounds cannot be read in the cursor's formats.
    pub fn close(
        &mut self,
        slice: &StreamSlice,
        latest: Option<CursorValue>,
    ) -> Result<(), DateError> {
        let cursor = &self.cursor;
        let partitions = match &mut self.reached {
            Reached::Whole(intervals) => return cursor.read(intervals, slice, latest),
            Reached::Partitions(partitions) => partitions,
        };
        partitions.open = partitions.open.saturating_sub(1);
        partitions.has_records |= latest.is_some();
        partitions.advance(latest.clone());
        let Some(partition) = partitions.states.get_mut(&partition_key(&slice.partition)) else {
            return Ok(());
        };
        cursor.read(&mut partition.intervals, slice, latest)?;
        partition.open = partition.open.saturating_sub(1);
        if partition.open == 0 {
            let reached = partition.intervals.reached(&cursor.settings.unit);
            partitions.advance(reached);
        }
        Ok(())
    }

    /// Notes that the stream has come to its end. Where all was read, the state of all partitions
    /// together moves on.
    ///
    /// Differs: the reference moves it on too when a parent failed, and then never reads the
    /// partitions that are missing.
    pub fn finish(&mut self, end: End) {
        if let Reached::Partitions(partitions) = &mut self.reached
            && partitions.open == 0
            && end.is_whole
        {
            if partitions.has_records {
                partitions.global = partitions.next_global.clone();
                partitions.lookback = end.seconds;
            }
            partitions.parents = end.parents.map(Value::Object);
        }
    }

    /// How often the state is to be told.
    #[must_use]
    pub fn pace(&self) -> Pace {
        match &self.reached {
            Reached::Whole(_) => Pace::Each,
            Reached::Partitions(partitions) if partitions.is_global => Pace::Never,
            Reached::Partitions(_) => Pace::Seldom,
        }
    }

    /// The state as it is now.
    #[must_use]
    pub fn state(&self) -> Map<String, Value> {
        let settings = &self.cursor.settings;
        let one = |intervals: &Intervals| {
            intervals.to_state(&settings.field, &settings.form, &settings.unit)
        };
        match &self.reached {
            Reached::Whole(intervals) => one(intervals),
            Reached::Partitions(partitions) => {
                partitions.to_state(&settings.field, &settings.form, &one)
            }
        }
    }
}

impl StreamCursor {
    /// Notes in `intervals` that a window was read.
    fn read(
        &self,
        intervals: &mut Intervals,
        slice: &StreamSlice,
        latest: Option<CursorValue>,
    ) -> Result<(), DateError> {
        let settings = &self.settings;
        let (start, end) = if settings.is_bounded {
            let bound = |name: &str| {
                let value = slice.cursor_slice.get(name).unwrap_or(&Value::Null);
                settings.form.parse(value)
            };
            (bound(&settings.bounds.0)?, bound(&settings.bounds.1)?)
        } else {
            match latest.clone().filter(CursorValue::is_truthy) {
                Some(latest) => (intervals.since.clone(), latest),
                None => return Ok(()),
            }
        };
        intervals.slices.push(Interval {
            start,
            end,
            most_recent: latest,
        });
        intervals.merge(&settings.unit);
        Ok(())
    }
}

impl Partitions {
    fn new(states: &PartitionStates) -> Self {
        let known = states.known.iter().map(|(key, intervals)| {
            let intervals = intervals.clone();
            (key.clone(), Partition { intervals, open: 0 })
        });
        Self {
            states: if states.is_global {
                IndexMap::new()
            } else {
                known.collect()
            },
            is_global: states.is_global,
            global: states.global.clone(),
            next_global: states.global.clone(),
            lookback: states.lookback,
            parents: states.parents.clone(),
            open: 0,
            has_records: false,
        }
    }

    /// Differs: of two values the later counts; the reference compares their texts.
    fn advance(&mut self, latest: Option<CursorValue>) {
        self.next_global = match (self.next_global.take(), latest) {
            (Some(a), Some(b)) => Some(a.later(b)),
            (a, b) => a.or(b),
        };
    }

    fn to_state(
        &self,
        field: &str,
        form: &Form,
        one: &dyn Fn(&Intervals) -> Map<String, Value>,
    ) -> Map<String, Value> {
        let mut state = Map::new();
        state.insert("use_global_cursor".to_owned(), self.is_global.into());
        if !self.is_global {
            let states = self.states.iter().map(|(key, partition)| {
                let values = serde_json::from_str(key).unwrap_or_default();
                Value::Object(Map::from_iter([
                    ("partition".to_owned(), values),
                    ("cursor".to_owned(), one(&partition.intervals).into()),
                ]))
            });
            state.insert("states".to_owned(), states.collect());
        }
        if let Some(global) = &self.global {
            let global = Map::from_iter([(field.to_owned(), form.write(global))]);
            state.insert("state".to_owned(), global.into());
        }
        state.insert("lookback_window".to_owned(), self.lookback.into());
        if let Some(parents) = &self.parents {
            state.insert("parent_state".to_owned(), parents.clone());
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Split;
    use super::super::stream_cursor::testing::{by_days, partition};
    use super::*;

    fn window(of: &StreamSlice, start: &str, end: &str) -> StreamSlice {
        let bounds = [("start_time", start), ("end_time", end)];
        StreamSlice {
            cursor_slice: bounds
                .map(|(name, day)| (name.to_owned(), day.into()))
                .into_iter()
                .collect(),
            ..of.clone()
        }
    }

    fn progress(more: &str, state: &Value) -> Progress {
        Progress::new(&Arc::new(by_days(more, Split::Partitions, state).unwrap()))
    }

    fn read(progress: &mut Progress, id: &str, latest: Option<&str>) {
        let latest = latest.map(|day| progress.cursor.settings.form.parse(&day.into()).unwrap());
        let window = window(&partition(id), "2025-01-01", "2025-03-01");
        progress.close(&window, latest).unwrap();
    }

    fn end(is_whole: bool) -> End {
        End {
            is_whole,
            parents: Some(Map::new()),
            seconds: 7,
        }
    }

    #[test]
    fn partitions_keep_a_state_each_and_one_together_when_all_are_read() {
        let mut whole = progress("", &json!({}));
        for id in ["a", "b"] {
            whole.open(&partition(id), 1);
        }
        read(&mut whole, "b", Some("2025-02-01"));
        let states = json!([
            {"partition": {"id": "a"}, "cursor": {"at": "2025-01-01"}},
            {"partition": {"id": "b"}, "cursor": {"at": "2025-02-01"}}]);
        let begun = json!({"use_global_cursor": false, "states": states, "lookback_window": 0});
        assert_eq!(Value::Object(whole.state()), begun);
        whole.finish(end(true));
        assert_eq!(Value::Object(whole.state()), begun, "`a` is open");
        read(&mut whole, "a", None);
        whole.finish(end(false));
        assert_eq!(Value::Object(whole.state()), begun, "a parent failed");
        whole.finish(end(true));
        assert_eq!(
            Value::Object(whole.state()),
            json!({"use_global_cursor": false, "states": states, "state": {"at": "2025-02-01"},
                "lookback_window": 7, "parent_state": {}})
        );
    }

    #[test]
    fn a_run_without_records_keeps_the_state_of_all() {
        let before = json!({"use_global_cursor": false, "states": [],
            "state": {"at": "2025-01-05"}, "lookback_window": 3, "parent_state": {"p": {"x": 1}}});
        let mut quiet = progress("", &before);
        assert_eq!(Value::Object(quiet.state()), before);
        quiet.open(&partition("a"), 1);
        read(&mut quiet, "a", None);
        quiet.finish(end(true));
        // It went back by the three seconds of the last run, to the day before.
        assert_eq!(
            Value::Object(quiet.state()),
            json!({"use_global_cursor": false,
                "states": [{"partition": {"id": "a"}, "cursor": {"at": "2025-01-04"}}],
                "state": {"at": "2025-01-05"}, "lookback_window": 3, "parent_state": {}})
        );
    }

    #[test]
    fn above_the_limit_only_the_state_of_all_is_left() {
        let mut many = progress("", &json!({}));
        for id in 0..=PARTITION_LIMIT {
            many.open(&partition(&id.to_string()), 1);
        }
        assert_eq!(many.pace(), Pace::Seldom);
        many.open(&partition("one more"), 1);
        assert_eq!(many.pace(), Pace::Never);
        for id in 0..=PARTITION_LIMIT {
            read(&mut many, &id.to_string(), Some("2025-02-01"));
        }
        read(&mut many, "one more", Some("2025-02-03"));
        many.finish(end(true));
        let state = json!({"use_global_cursor": true, "state": {"at": "2025-02-03"},
            "lookback_window": 7, "parent_state": {}});
        assert_eq!(Value::Object(many.state()), state);
    }

    #[test]
    fn a_stream_without_partitions_moves_on_window_by_window() {
        let cursor = by_days("", Split::Whole, &json!({"at": "2025-01-10"})).unwrap();
        let mut whole = Progress::new(&Arc::new(cursor));
        let day = |day: &str| whole.cursor.settings.form.parse(&day.into()).ok();
        let (early, late) = (day("2025-01-20"), day("2025-02-20"));
        let none = StreamSlice::default();
        whole
            .close(&window(&none, "2025-02-01", "2025-02-28"), late)
            .unwrap();
        assert_eq!(Value::Object(whole.state()), json!({"at": "2025-01-10"}));
        whole
            .close(&window(&none, "2025-01-10", "2025-01-31"), early)
            .unwrap();
        // They touch only where the next day is the next value: the default is a millisecond.
        assert_eq!(Value::Object(whole.state()), json!({"at": "2025-01-20"}));
    }
}

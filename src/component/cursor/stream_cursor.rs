//! A cursor in one run: evaluated with the config, and with the state that the run starts from.
//!
//! In: slices and records. Out: the windows of a partition, the value of a record, and whether it is
//! new. It does not change; what changes is a [`Progress`](super::Progress).

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::intervals::{Intervals, Unit};
use super::partition_states::PartitionStates;
use super::windows::Range;
use super::{CursorValue, Form, Given, Split};
use crate::clock::Clock;
use crate::message::{Data, StreamSlice};
use crate::template::datetime::{DateError, DateTime};

/// A cursor in one run.
#[derive(Debug)]
pub struct StreamCursor {
    pub(super) settings: Settings,
    pub(super) initial: Initial,
}

/// What a cursor's fields come to with a config.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) field: String,
    pub(super) form: Form,
    pub(super) range: Range,
    pub(super) unit: Unit,
    /// Names of a window's start and end.
    pub(super) bounds: (String, String),
    /// Whether what was read is known by the windows, and not by the records alone.
    pub(super) is_bounded: bool,
    /// The clock, where "now" is the end of the range.
    pub(super) clock: Option<Arc<Clock>>,
    pub(super) is_global: bool,
}

/// The state at the start.
#[derive(Debug)]
pub(super) enum Initial {
    Whole(Intervals),
    Partitions(Box<PartitionStates>),
}

/// Which records are new: those between two values, and those that have none.
#[derive(Debug)]
pub struct Synced<'a> {
    cursor: &'a StreamCursor,
    low: CursorValue,
    high: CursorValue,
}

impl StreamCursor {
    pub(super) fn new(settings: Settings, given: &Given<'_>) -> Result<Self, DateError> {
        let initial = if given.split == Split::Whole {
            let mut intervals = settings.intervals(given.state)?;
            intervals.merge(&settings.unit);
            Initial::Whole(intervals)
        } else {
            let is_global = settings.is_global || given.split == Split::Groups;
            let states = PartitionStates::new(&settings, given.state, is_global)?;
            Initial::Partitions(Box::new(states))
        };
        Ok(Self { settings, initial })
    }

    /// The field of a record that the cursor looks at.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.settings.field
    }

    /// The windows of a partition that are left to read, as slices of it.
    ///
    /// # Errors
    /// When a date is out of range, or partition and window have a name in common.
    pub fn windows(&self, partition: &StreamSlice) -> Result<Vec<StreamSlice>, DateError> {
        let (start, end) = &self.settings.bounds;
        let windows = self.settings.range.windows(self.intervals(partition))?;
        for name in [start, end] {
            if partition.partition.contains_key(name) && !windows.is_empty() {
                return Err(DateError(format!(
                    "`{name}` is the name of a partition's value and of a window's bound"
                )));
            }
        }
        let write = |value| self.settings.form.write(value);
        let slices = windows.iter().map(|(from, to)| StreamSlice {
            partition: partition.partition.clone(),
            cursor_slice: Map::from_iter([(start.clone(), write(from)), (end.clone(), write(to))]),
            extra_fields: partition.extra_fields.clone(),
        });
        Ok(slices.collect())
    }

    /// The cursor value of a record; none when the record has no such field, or when it is in none
    /// of the formats.
    #[must_use]
    pub fn value_of(&self, record: &Data) -> Option<CursorValue> {
        let value = record.get(&self.settings.field)?;
        if value.is_null() {
            return None;
        }
        self.settings.form.parse(&value).ok()
    }

    /// Which records of a slice are new: not before the state (less the lookback), not after the
    /// end of the range.
    #[must_use]
    pub fn synced(&self, slice: &StreamSlice) -> Synced<'_> {
        let settings = &self.settings;
        let since = match &self.initial {
            Initial::Partitions(states) if states.is_global => &states.fresh.since,
            _ => &self.intervals(slice).since,
        };
        let start = &settings.range.start;
        let lower = settings.range.lookback.as_ref();
        let low = match lower.and_then(|lookback| since.minus(lookback).ok()) {
            None => since.clone(),
            Some(lower) if !start.is_truthy() => lower,
            // Never below the start, unless the state is below it.
            Some(lower) if since.order(start) == Ordering::Less => lower.later(since.clone()),
            Some(lower) => lower.later(start.clone()),
        };
        // The range ends with the run's first instant, but a record that is made while it is read
        // is not from the future.
        let now = settings
            .clock
            .as_ref()
            .map(|clock| CursorValue::Time(DateTime::utc(clock.now_utc())));
        let high = settings.range.end.clone();
        Synced {
            cursor: self,
            low,
            high: now.map_or(high.clone(), |now| now.later(high)),
        }
    }

    pub(super) fn intervals(&self, partition: &StreamSlice) -> &Intervals {
        match &self.initial {
            Initial::Whole(intervals) => intervals,
            Initial::Partitions(states) => states.of(&partition.partition),
        }
    }
}

impl Settings {
    pub(super) fn intervals(&self, state: &Map<String, Value>) -> Result<Intervals, DateError> {
        Intervals::from_state(state, &self.field, &self.form, &self.range.start)
    }
}

impl Synced<'_> {
    /// Whether a record is new.
    #[must_use]
    pub fn keeps(&self, record: &Data) -> bool {
        self.cursor.value_of(record).is_none_or(|value| {
            self.low.order(&value) != Ordering::Greater
                && value.order(&self.high) != Ordering::Greater
        })
    }
}

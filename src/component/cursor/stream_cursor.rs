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
use crate::component::ComponentError;
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
    /// Why the range has no end.
    pub(super) no_end: Option<ComponentError>,
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
    /// When the range has no end, a date is out of range, or partition and window have a name in
    /// common.
    pub fn windows(&self, partition: &StreamSlice) -> Result<Vec<StreamSlice>, ComponentError> {
        let (start, end) = &self.settings.bounds;
        if let Some(error) = &self.settings.no_end {
            return Err(error.clone());
        }
        let windows = self.settings.range.windows(self.intervals(partition));
        let windows = windows.map_err(|error| ComponentError::system(error.to_string()))?;
        for name in [start, end] {
            if partition.partition.contains_key(name) && !windows.is_empty() {
                return Err(ComponentError::system(format!(
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

    /// The value as JSON, as a state has it.
    #[must_use]
    pub fn write(&self, value: &CursorValue) -> Value {
        self.settings.form.write(value)
    }

    /// The value of such JSON.
    ///
    /// # Errors
    /// When it has none of the cursor's formats.
    pub fn parse(&self, value: &Value) -> Result<CursorValue, DateError> {
        self.settings.form.parse(value)
    }

    /// The latest of the values of `records` and of `before`.
    #[must_use]
    pub fn latest_of(&self, before: Option<CursorValue>, records: &[Data]) -> Option<CursorValue> {
        let values = records.iter().filter_map(|record| self.value_of(record));
        values.fold(before, |latest, value| match latest {
            Some(latest) => Some(latest.later(value)),
            None => Some(value),
        })
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

#[cfg(test)]
pub(super) mod testing {
    //! A cursor on the first of March 2025.

    use std::sync::Arc;

    use serde_json::{Map, Value, json};

    use super::StreamCursor;
    use crate::clock::Clock;
    use crate::component::cursor::{Cursor, Given, Split};
    use crate::component::testing::from_yaml;
    use crate::message::StreamSlice;
    use crate::template::Config;

    /// By days of the field `at`, from the first of January on; `more` are further fields.
    pub(in crate::component::cursor) fn by_days(
        more: &str,
        split: Split,
        state: &Value,
    ) -> Result<StreamCursor, String> {
        evaluate(
            &format!(
                "{{type: DatetimeBasedCursor, cursor_field: at, datetime_format: '%Y-%m-%d', \
                 start_datetime: '2025-01-01', {more}}}"
            ),
            split,
            state,
        )
    }

    pub(in crate::component::cursor) fn evaluate(
        yaml: &str,
        split: Split,
        state: &Value,
    ) -> Result<StreamCursor, String> {
        let cursor: Cursor = from_yaml(yaml);
        let now = 1_740_787_200_000_000;
        let config = Config::new(json!({"days": 2}), Arc::new(Clock::new(Some(now), 0.0)));
        let none = Map::new();
        let given = Given {
            config: &config,
            field: None,
            state: state.as_object().unwrap_or(&none),
            split,
        };
        cursor.evaluate(&given).map_err(|error| error.message)
    }

    /// The slice of the partition `id`.
    pub(in crate::component::cursor) fn partition(id: &str) -> StreamSlice {
        StreamSlice {
            partition: Map::from_iter([("id".to_owned(), id.into())]),
            ..StreamSlice::default()
        }
    }

    /// The windows of a partition: `0101-0131` for the days of a month.
    pub(in crate::component::cursor) fn windows(cursor: &StreamCursor, of: &StreamSlice) -> String {
        let day = |slice: &StreamSlice, name: &str| {
            let day = slice.cursor_slice[name].as_str().unwrap_or_default();
            day.replacen("2025-", "", 1).replace('-', "")
        };
        let windows = cursor.windows(of).unwrap();
        let windows = windows
            .iter()
            .map(|slice| format!("{}-{}", day(slice, "start_time"), day(slice, "end_time")));
        windows.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::testing::{by_days, evaluate, partition, windows};
    use super::*;

    fn days(more: &str, state: &Value) -> String {
        let cursor = by_days(more, Split::Whole, state).unwrap();
        windows(&cursor, &StreamSlice::default())
    }

    #[test]
    fn the_rest_of_the_range_is_cut_into_windows() {
        let (none, some) = (json!({}), json!({"at": "2025-02-20"}));
        assert_eq!(days("", &none), "0101-0301");
        assert_eq!(days("", &some), "0220-0301");
        let step = "step: P1M, cursor_granularity: P1D";
        assert_eq!(days(step, &none), "0101-0131 0201-0301");
        assert_eq!(days(step, &some), "0220-0301");
        let lookback = format!("{step}, lookback_window: 'P{{{{ config.days }}}}D'");
        assert_eq!(days(&lookback, &some), "0218-0301");
        assert_eq!(
            days(&lookback, &json!({"at": "2025-01-02"})),
            "0101-0131 0201-0301"
        );
        assert_eq!(days("end_datetime: '2025-02-25'", &some), "0220-0225");
        assert_eq!(days("end_datetime: '2025-02-15'", &some), "");
    }

    #[test]
    fn a_window_of_no_length_is_read_when_it_is_one_unit() {
        let last = json!({"at": "2025-03-01"});
        assert_eq!(days("", &last), "");
        let step = "step: P1M, cursor_granularity: P1D";
        assert_eq!(days(step, &last), "0301-0301");
        assert_eq!(
            days(&format!("{step}, is_compare_strictly: true"), &last),
            ""
        );
    }

    #[test]
    fn gaps_of_a_state_are_read_too() {
        let state = json!({"state_type": "date-range", "slices": [
            {"start": "2025-01-05", "end": "2025-01-10"},
            {"start": "2025-01-20", "end": "2025-02-10"}]});
        let step = "step: P1M, cursor_granularity: P1D";
        assert_eq!(days(step, &state), "0101-0104 0111-0119 0210-0301");
    }

    #[test]
    fn windows_of_whole_months() {
        let more = "step: P20D, cursor_granularity: P1D, clamping: {target: MONTH}";
        assert_eq!(days(more, &json!({"at": "2025-01-15"})), "0201-0228");
    }

    #[test]
    fn each_partition_goes_on_from_its_own_state_and_a_new_one_from_that_of_all() {
        let state = json!({
            "states": [{"partition": {"id": "a"}, "cursor": {"at": "2025-02-20"}}],
            "state": {"at": "2025-02-25"}, "lookback_window": 86400});
        let cursor = by_days("", Split::Partitions, &state).unwrap();
        assert_eq!(windows(&cursor, &partition("a")), "0220-0301");
        assert_eq!(windows(&cursor, &partition("b")), "0224-0301");
        let mut named = partition("a");
        named.partition.insert("end_time".to_owned(), json!(1));
        assert!(
            cursor
                .windows(&named)
                .unwrap_err()
                .to_string()
                .contains("`end_time`")
        );
    }

    #[test]
    fn records_are_new_from_the_lookback_before_the_state_to_now() {
        let synced = |more: &str, state: &Value| {
            let cursor = by_days(more, Split::Whole, state).unwrap();
            let synced = cursor.synced(&StreamSlice::default());
            let kept = [
                "2024-12-31",
                "2025-01-31",
                "2025-02-10",
                "2025-03-01",
                "2025-03-02",
                "?",
            ]
            .map(|at| u8::from(synced.keeps(&Data::from_value(json!({"at": at})))));
            assert!(synced.keeps(&Data::from_value(json!({"at": null}))));
            kept
        };
        assert_eq!(synced("", &json!({})), [0, 1, 1, 1, 0, 1]);
        let state = json!({"at": "2025-02-10"});
        assert_eq!(synced("", &state), [0, 0, 1, 1, 0, 1]);
        assert_eq!(synced("lookback_window: P10D", &state), [0, 1, 1, 1, 0, 1]);
        assert_eq!(synced("lookback_window: P1Y", &state), [0, 1, 1, 1, 0, 1]);
    }

    #[test]
    fn counts_have_one_window_without_an_end() {
        let yaml = "{type: IncrementingCountCursor, cursor_field: id, start_value: 3}";
        let slice = |state: Value| {
            let cursor = evaluate(yaml, Split::Whole, &state).unwrap();
            let windows = cursor.windows(&StreamSlice::default()).unwrap();
            Value::Object(windows[0].cursor_slice.clone())
        };
        assert_eq!(slice(json!({})), json!({"start": 3, "end": "inf"}));
        assert_eq!(slice(json!({"id": 5})), json!({"start": 5, "end": "inf"}));
        let split = evaluate(yaml, Split::Partitions, &json!({}));
        assert!(split.unwrap_err().contains("`partition_router`"));
    }

    #[test]
    fn an_end_that_cannot_be_read_fails_the_read() {
        let cursor = by_days("end_datetime: never", Split::Whole, &json!({})).unwrap();
        let error = cursor.windows(&StreamSlice::default()).unwrap_err();
        assert!(error.message.contains("`never`"), "{error}");
    }

    #[test]
    fn mistakes_are_told_before_anything_is_read() {
        for (more, state, told) in [
            ("step: P1D", json!({}), "`cursor_granularity`"),
            ("lookback_window: soon", json!({}), "`soon`"),
            ("clamping: {target: YEAR}", json!({}), "`YEAR`"),
            ("clamping: {target: WEEK}", json!({}), "`weekday`"),
            ("", json!({"at": "last week"}), "last week"),
        ] {
            let error = by_days(more, Split::Whole, &state).unwrap_err();
            assert!(error.contains(told), "{more}: {error}");
        }
    }
}

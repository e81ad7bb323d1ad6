//! How far a state has come, read without being gone on from.

use serde_json::{Map, Value};

use super::stream_cursor::{Initial, StreamCursor};
use super::value::CursorValue;
use crate::template::datetime::DateTime;

impl StreamCursor {
    /// The instant that `state` has come to; none where it holds none in this cursor's form.
    ///
    /// As airbyte-cdk 7.39.1, `get_cursor_datetime_from_state` of `streams/concurrent/cursor.py` and
    /// `concurrent_partition_cursor.py`: of a state for each partition, that of all partitions.
    #[must_use]
    pub fn time_of(&self, state: &Map<String, Value>) -> Option<DateTime> {
        let state = match &self.initial {
            Initial::Whole(_) => state,
            Initial::Partitions(_) => state.get("state")?.as_object()?,
        };
        let kind = state.get("state_type").and_then(Value::as_str);
        let value = if matches!(kind, Some("date-range" | "integer")) {
            let first = state.get("slices")?.as_array()?.first()?;
            first.get("most_recent_cursor_value").or(first.get("end"))?
        } else {
            state.get(self.field())?
        };
        match self.settings.form.parse(value) {
            Ok(CursorValue::Time(at)) => Some(at),
            _ => None,
        }
    }
}

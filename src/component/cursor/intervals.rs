//! What of a cursor's range has been read: the state of one partition, or of a whole stream.
//!
//! In: a state as the reference writes it, windows that were read. Out: the next state. As
//! airbyte-cdk 7.39.1, `abstract_stream_state_converter.py` and its subclasses.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{CursorValue, Form};
use crate::template::datetime::{DateError, Duration};

/// A part of the range that was read.
#[derive(Debug, Clone)]
pub(super) struct Interval {
    pub(super) start: CursorValue,
    pub(super) end: CursorValue,
    /// The latest value that a record had.
    pub(super) most_recent: Option<CursorValue>,
}

/// All parts of the range that were read.
#[derive(Debug, Clone)]
pub(super) struct Intervals {
    pub(super) slices: Vec<Interval>,
    /// The latest value of the earlier runs; where none is known, the start.
    pub(super) since: CursorValue,
    /// The state as it was, in the form of one value: what else is in it is kept.
    legacy: Map<String, Value>,
}

impl Intervals {
    /// Reads a state: one value under the name of the cursor field, or the intervals with their
    /// `state_type`.
    pub(super) fn from_state(
        state: &Map<String, Value>,
        field: &str,
        form: &Form,
        start: &CursorValue,
    ) -> Result<Self, DateError> {
        let kind = state.get("state_type").and_then(Value::as_str);
        if matches!(kind, Some("date-range" | "integer")) {
            return Self::from_intervals(state, form, start);
        }
        let since = match state.get(field) {
            Some(Value::Null) if matches!(form, Form::Count) => None,
            Some(value) => Some(form.parse(value)?),
            None => None,
        };
        let since = since
            .filter(|since| since.is_truthy() && since.order(start) != Ordering::Less)
            .unwrap_or_else(|| start.clone());
        Ok(Self {
            slices: vec![Interval {
                start: start.clone(),
                end: since.clone(),
                most_recent: Some(since.clone()),
            }],
            since,
            legacy: state.clone(),
        })
    }

    fn from_intervals(
        state: &Map<String, Value>,
        form: &Form,
        start: &CursorValue,
    ) -> Result<Self, DateError> {
        let mut slices = Vec::new();
        for slice in state
            .get("slices")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let bound = |key: &str| {
                let value = slice.get(key);
                let value = value.ok_or_else(|| DateError(format!("a slice has no `{key}`")))?;
                form.parse(value)
            };
            slices.push(Interval {
                start: bound("start")?,
                end: bound("end")?,
                most_recent: match slice.get("most_recent_cursor_value") {
                    Some(Value::Null) | None => None,
                    Some(_) => Some(bound("most_recent_cursor_value")?),
                },
            });
        }
        let since = slices
            .first()
            .map(|first| first.most_recent.as_ref().unwrap_or(&first.end));
        let legacy = state.get("legacy").and_then(Value::as_object);
        Ok(Self {
            since: since
                .filter(|since| since.is_truthy())
                .unwrap_or(start)
                .clone(),
            slices,
            legacy: legacy.cloned().unwrap_or_default(),
        })
    }

    /// Joins intervals that touch: the next begins one `unit` after the end of the last, or before.
    pub(super) fn merge(&mut self, unit: &Unit) {
        self.slices
            .sort_by(|a, b| a.start.order(&b.start).then_with(|| a.end.order(&b.end)));
        let mut merged: Vec<Interval> = Vec::with_capacity(self.slices.len());
        for next in self.slices.drain(..) {
            match merged.last_mut() {
                Some(last) if unit.after(&last.end).order(&next.start) != Ordering::Less => {
                    last.end = last.end.clone().later(next.end);
                    last.most_recent = match (last.most_recent.take(), next.most_recent) {
                        (Some(a), Some(b)) => Some(b.later(a)),
                        (a, b) => b.or(a),
                    };
                }
                _ => merged.push(next),
            }
        }
        self.slices = merged;
    }

    /// The value up to which everything was read: the latest of the first interval.
    pub(super) fn reached(&self, unit: &Unit) -> Option<CursorValue> {
        let mut merged = self.clone();
        merged.merge(unit);
        let first = merged.slices.into_iter().next()?;
        Some(
            first
                .most_recent
                .filter(CursorValue::is_truthy)
                .unwrap_or(first.start),
        )
    }

    /// The state in the form of one value.
    pub(super) fn to_state(&self, field: &str, form: &Form, unit: &Unit) -> Map<String, Value> {
        let mut state = self.legacy.clone();
        if let Some(reached) = self.reached(unit) {
            state.insert(field.to_owned(), form.write(&reached));
        }
        state
    }
}

/// The distance between two values that stand next to each other.
#[derive(Debug, Clone)]
pub(super) enum Unit {
    Time(Duration),
    One,
}

impl Unit {
    fn after(&self, value: &CursorValue) -> CursorValue {
        match (self, value) {
            (Self::One, CursorValue::Count(n)) => CursorValue::Count(n.saturating_add(1)),
            (Self::One, CursorValue::Fraction(f)) => CursorValue::Fraction(f + 1.0),
            // At the end of the calendar nothing comes after.
            (Self::Time(unit), value) => value.plus(unit).unwrap_or_else(|_| value.clone()),
            (Self::One, value) => value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(state: &Value, read: &[[&str; 3]]) -> Value {
        let form = Form::Time(vec!["%Y-%m-%d".into()]);
        let unit = Unit::Time(Duration::parse("P1D").unwrap());
        let value = |text: &str| form.parse(&json!(text)).unwrap();
        let state = state.as_object().unwrap();
        let mut intervals =
            Intervals::from_state(state, "at", &form, &value("2025-01-01")).unwrap();
        for [start, end, latest] in read {
            intervals.slices.push(Interval {
                start: value(start),
                end: value(end),
                most_recent: (!latest.is_empty()).then(|| value(latest)),
            });
        }
        intervals.merge(&unit);
        intervals.to_state("at", &form, &unit).into()
    }

    #[test]
    fn the_state_is_the_latest_record_before_the_first_gap() {
        let none = json!({});
        assert_eq!(state(&none, &[]), json!({"at": "2025-01-01"}));
        let first = ["2025-01-01", "2025-01-10", "2025-01-07"];
        let third = ["2025-01-21", "2025-01-30", "2025-01-22"];
        assert_eq!(state(&none, &[third]), json!({"at": "2025-01-01"}));
        assert_eq!(state(&none, &[third, first]), json!({"at": "2025-01-07"}));
        let second = ["2025-01-11", "2025-01-20", ""];
        assert_eq!(
            state(&none, &[third, first, second]),
            json!({"at": "2025-01-22"})
        );
    }

    #[test]
    fn a_state_may_be_of_either_form_and_keeps_what_else_it_holds() {
        let read = ["2025-02-01", "2025-02-10", "2025-02-07"];
        assert_eq!(
            state(&json!({"at": "2025-01-31", "x": 1}), &[read]),
            json!({"at": "2025-02-07", "x": 1})
        );
        let slices = json!({"state_type": "date-range", "slices": [
            {"start": "2025-01-01", "end": "2025-01-31", "most_recent_cursor_value": "2025-01-30"}]});
        assert_eq!(state(&slices, &[]), json!({"at": "2025-01-30"}));
        assert_eq!(state(&slices, &[read]), json!({"at": "2025-02-07"}));
    }
}

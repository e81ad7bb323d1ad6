//! Windows made smaller: what is left of one, and its halves.
//!
//! In: a window as a slice. Out: slices of the same partition. As airbyte-cdk 7.39.1, `cursor.py`,
//! `reduce_slice_range` and `split_request_window`.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{CursorValue, StreamCursor};
use crate::message::StreamSlice;
use crate::template::datetime::{DateError, Delta, Duration};

impl StreamCursor {
    /// The part of a window from `newest` on, the latest value that was read.
    #[must_use]
    pub fn rest(&self, window: &StreamSlice, newest: &CursorValue) -> StreamSlice {
        let end = window.cursor_slice.get(&self.settings.bounds.1).cloned();
        self.part(window, newest, end.unwrap_or_default())
    }

    /// The two halves of a window, in whole units of the granularity. None where it is not longer
    /// than one unit, or than `least`.
    ///
    /// # Errors
    /// When the window has no bounds, or they have not the cursor's format.
    pub fn halves(
        &self,
        window: &StreamSlice,
        least: Option<&Duration>,
    ) -> Result<Option<[StreamSlice; 2]>, DateError> {
        let (start_name, end_name) = &self.settings.bounds;
        let bound = |name: &String| {
            let value = window.cursor_slice.get(name);
            let value = value.ok_or_else(|| DateError(format!("the window has no `{name}`")))?;
            self.settings.form.parse(value)
        };
        let (start, end) = (bound(start_name)?, bound(end_name)?);
        let granularity = self.settings.range.granularity.as_ref();
        let granularity = granularity.filter(|granularity| granularity.is_fixed());
        let (CursorValue::Time(from), CursorValue::Time(to), Some(granularity)) =
            (&start, &end, granularity)
        else {
            return Ok(None);
        };
        let unit = granularity.rest.0;
        let span = to.micros() - from.micros();
        if unit <= 0 || span <= 0 || least.is_some_and(|least| span <= least.rest.0) {
            return Ok(None);
        }
        let units = span / unit + 1;
        if units <= 1 {
            return Ok(None);
        }
        let after = |micros: i64| start.plus(&fixed(micros));
        let half = units / 2 * unit;
        let (first_end, second_start) = (after(half - unit)?, after(half)?);
        if second_start.order(&end) == Ordering::Greater {
            return Ok(None);
        }
        let write = |value| self.settings.form.write(value);
        Ok(Some([
            self.part(window, &start, write(&first_end)),
            self.part(window, &second_start, write(&end)),
        ]))
    }

    /// The same slice with other bounds.
    fn part(&self, window: &StreamSlice, start: &CursorValue, end: Value) -> StreamSlice {
        let (start_name, end_name) = &self.settings.bounds;
        StreamSlice {
            partition: window.partition.clone(),
            cursor_slice: Map::from_iter([
                (start_name.clone(), self.settings.form.write(start)),
                (end_name.clone(), end),
            ]),
            extra_fields: window.extra_fields.clone(),
        }
    }
}

fn fixed(micros: i64) -> Duration {
    Duration {
        years: 0.0,
        months: 0.0,
        rest: Delta(micros),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::stream_cursor::testing::by_days;
    use super::*;
    use crate::component::cursor::Split;

    fn window(from: &str, to: &str) -> StreamSlice {
        StreamSlice {
            partition: Map::from_iter([("id".to_owned(), json!(7))]),
            cursor_slice: Map::from_iter([
                ("start_time".to_owned(), from.into()),
                ("end_time".to_owned(), to.into()),
            ]),
            extra_fields: Map::from_iter([("of".to_owned(), json!("parent"))]),
        }
    }

    fn cursor(more: &str) -> StreamCursor {
        by_days(more, Split::Whole, &json!({})).unwrap()
    }

    #[test]
    fn halves_meet_without_a_gap_and_the_partition_stays() {
        let cursor = cursor("step: P1M, cursor_granularity: P1D");
        let halves = |from, to| cursor.halves(&window(from, to), None).unwrap();
        assert_eq!(
            halves("2025-02-01", "2025-02-08").unwrap(),
            [
                window("2025-02-01", "2025-02-04"),
                window("2025-02-05", "2025-02-08")
            ]
        );
        assert_eq!(
            halves("2025-02-01", "2025-02-03").unwrap(),
            [
                window("2025-02-01", "2025-02-01"),
                window("2025-02-02", "2025-02-03")
            ]
        );
        assert!(halves("2025-02-01", "2025-02-01").is_none());
        assert!(halves("2025-02-02", "2025-02-01").is_none());
    }

    #[test]
    fn a_window_of_the_least_length_is_not_split() {
        let cursor = cursor("step: P1M, cursor_granularity: P1D");
        let least = Duration::parse("P3D").unwrap();
        let halves = |to| {
            cursor
                .halves(&window("2025-02-01", to), Some(&least))
                .unwrap()
        };
        assert!(halves("2025-02-04").is_none());
        assert!(halves("2025-02-05").is_some());
    }

    #[test]
    fn without_a_granularity_nothing_is_split_and_a_window_without_bounds_is_a_mistake() {
        let whole = cursor("");
        assert!(
            whole
                .halves(&window("2025-02-01", "2025-02-08"), None)
                .unwrap()
                .is_none()
        );
        let error = whole.halves(&StreamSlice::default(), None).unwrap_err();
        assert!(error.to_string().contains("`start_time`"), "{error}");
    }

    #[test]
    fn the_rest_starts_with_the_latest_value() {
        let cursor = cursor("");
        let newest = cursor.settings.form.parse(&json!("2025-02-05")).unwrap();
        assert_eq!(
            cursor.rest(&window("2025-02-01", "2025-02-08"), &newest),
            window("2025-02-05", "2025-02-08")
        );
    }
}

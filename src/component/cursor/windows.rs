//! The windows in which the rest of a cursor's range is read.
//!
//! In: what was read, and the settings of the cursor. Out: start and end of each window. As
//! airbyte-cdk 7.39.1, `cursor.py`, `ConcurrentCursor.stream_slices`.

use std::cmp::Ordering::{Equal, Greater, Less};

use super::CursorValue;
use super::clamping::Clamping;
use super::intervals::Intervals;
use crate::template::datetime::{DateError, Duration};

/// Windows above this number are a mistake in `step`.
const WINDOW_LIMIT: usize = 1_000_000;

/// What decides about windows.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) start: CursorValue,
    pub(super) end: CursorValue,
    /// How much of what was read is read again.
    pub(super) lookback: Option<Duration>,
    /// The length of a window; unset, the whole range.
    pub(super) step: Option<Duration>,
    /// The smallest distance of two values.
    pub(super) granularity: Option<Duration>,
    pub(super) clamping: Clamping,
    /// Whether a window must not start where it ends.
    pub(super) strict: bool,
}

/// Start and end of a window, both included.
pub(super) type Window = (CursorValue, CursorValue);

impl Range {
    /// The windows that are left to read; `read` is merged.
    pub(super) fn windows(&self, read: &Intervals) -> Result<Vec<Window>, DateError> {
        let mut windows = Vec::new();
        let (Some(first), Some(last)) = (read.slices.first(), read.slices.last()) else {
            return Err(DateError("the state has no slices".to_owned()));
        };
        if self.start.order(&first.start) == Less {
            self.split(&self.start, &first.start, false, &mut windows)?;
        }
        for gap in read.slices.windows(2) {
            if let [before, after] = gap {
                let lower = match &self.granularity {
                    Some(granularity) => before.end.plus(granularity)?,
                    None => before.end.clone(),
                };
                self.split(&lower, &after.start, false, &mut windows)?;
            }
        }
        let lower = match &self.lookback {
            Some(lookback) => last.end.minus(lookback)?,
            None => last.end.clone(),
        };
        self.split(&lower, &self.end, true, &mut windows)?;
        Ok(windows)
    }

    /// Cuts the range from `lower` to `upper` into windows.
    fn split(
        &self,
        lower: &CursorValue,
        upper: &CursorValue,
        is_end: bool,
        windows: &mut Vec<Window>,
    ) -> Result<(), DateError> {
        let order = lower.order(upper);
        if order == Greater || (order == Equal && self.granularity.is_none()) {
            return Ok(());
        }
        // The number zero is no start, as in Python.
        let start = Some(&self.start).filter(|start| start.is_truthy());
        if start.is_some_and(|start| upper.order(start) == Less) {
            return Ok(());
        }
        let lower = match start {
            Some(start) => lower.clone().later(start.clone()),
            None => lower.clone(),
        };
        // Clamped first: else a step shorter than the period makes an empty first window.
        let lower = self.clamping.ceiling(&lower)?;
        let order = lower.order(upper);
        if order == Greater || (order == Equal && (self.strict || !is_end)) {
            return Ok(());
        }
        if self.upper_of(&lower).order(upper) != Less {
            // With a granularity the end is the last unit: moved up it would be passed.
            let end = if is_end && self.granularity.is_some() {
                upper.clone()
            } else {
                self.clamping.ceiling(upper)?
            };
            windows.push((lower, self.before(end, is_end)?));
            return Ok(());
        }
        let mut current = lower;
        loop {
            let next = self.upper_of(&current);
            let at_upper = next.order(upper) != Less;
            let next = if at_upper {
                upper.clone()
            } else {
                self.clamping.ceiling(&next)?
            };
            let done = at_upper || next.order(upper) == Equal;
            let from = self.clamping.ceiling(&current)?;
            if from.order(&next) != Less {
                return Ok(());
            }
            if windows.len() == WINDOW_LIMIT {
                return Err(DateError(format!(
                    "`step` cuts more than {WINDOW_LIMIT} windows"
                )));
            }
            windows.push((from, self.before(next.clone(), is_end && done)?));
            if done {
                return Ok(());
            }
            current = next;
        }
    }

    /// The end of a window: one unit less where another window follows.
    fn before(&self, end: CursorValue, is_last: bool) -> Result<CursorValue, DateError> {
        match &self.granularity {
            Some(granularity) if !is_last => end.minus(granularity),
            _ => Ok(end),
        }
    }

    /// Where a window that starts at `lower` ends; beyond the calendar, at the end of the range.
    fn upper_of(&self, lower: &CursorValue) -> CursorValue {
        let upper = self.step.as_ref().and_then(|step| lower.plus(step).ok());
        upper.unwrap_or_else(|| self.end.clone())
    }
}

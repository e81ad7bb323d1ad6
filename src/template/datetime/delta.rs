//! `datetime.timedelta`.

use std::fmt;

use chrono::TimeDelta;
use num_traits::ToPrimitive as _;

use super::{DateError, bad};
use crate::template::value::{Object, TValue};

const DAY: i64 = 86_400_000_000;

/// A span of time, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delta(pub i64);

/// A span of so many seconds, to the nearest microsecond.
pub(crate) fn from_seconds(seconds: f64) -> Result<Delta, DateError> {
    (seconds * 1e6)
        .round_ties_even()
        .to_i64()
        .map(Delta)
        .ok_or_else(|| bad("the duration is too long"))
}

impl Delta {
    pub(crate) fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whole days, rounded down.
    #[must_use]
    pub fn days(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// Seconds beside the days.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.rem_euclid(DAY) / 1_000_000
    }

    /// Microseconds beside the seconds.
    #[must_use]
    pub fn microseconds(self) -> i64 {
        self.0.rem_euclid(1_000_000)
    }

    /// All of it in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "as Python's float")]
    pub fn total_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    pub(crate) fn chrono(self) -> TimeDelta {
        TimeDelta::microseconds(self.0)
    }

    pub(crate) fn into_value(self) -> TValue {
        TValue::object(Object::Delta(self))
    }

    pub(crate) fn repr(self) -> String {
        let parts: Vec<String> = [
            ("days", self.days()),
            ("seconds", self.seconds()),
            ("microseconds", self.microseconds()),
        ]
        .iter()
        .filter(|(_, n)| *n != 0)
        .map(|(name, n)| format!("{name}={n}"))
        .collect();
        if parts.is_empty() {
            "datetime.timedelta(0)".to_owned()
        } else {
            format!("datetime.timedelta({})", parts.join(", "))
        }
    }
}

impl fmt::Display for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.days();
        if days != 0 {
            let s = if days.abs() == 1 { "" } else { "s" };
            write!(f, "{days} day{s}, ")?;
        }
        let seconds = self.seconds();
        write!(
            f,
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )?;
        if self.microseconds() != 0 {
            write!(f, ".{:06}", self.microseconds())?;
        }
        Ok(())
    }
}

//! Windows that begin and end with days, weeks or months.

use chrono::{Datelike as _, NaiveTime, TimeDelta};

use super::CursorValue;
use crate::template::datetime::{DateError, DateTime};

/// The period to whose bounds windows are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clamping {
    None,
    Day,
    /// Weeks that begin with this day; Monday is 0.
    Week(u32),
    Month,
}

impl Clamping {
    /// The first bound that is not before `value`.
    ///
    /// As airbyte-cdk 7.39.1, `clamping.py`: a time of day on the first of a month is taken for its
    /// midnight, as is one on the first day of a week.
    pub(super) fn ceiling(self, value: &CursorValue) -> Result<CursorValue, DateError> {
        self.clamp(value, true)
    }

    /// The last bound that is not after `value`.
    pub(super) fn floor(self, value: &CursorValue) -> Result<CursorValue, DateError> {
        self.clamp(value, false)
    }

    fn clamp(self, value: &CursorValue, up: bool) -> Result<CursorValue, DateError> {
        let CursorValue::Time(at) = value else {
            return Ok(value.clone());
        };
        if self == Self::None {
            return Ok(value.clone());
        }
        let day = at.local.date();
        let days = match self {
            Self::None => 0,
            Self::Day => i64::from(up && at.local.time() != NaiveTime::MIN),
            Self::Week(first) => {
                let ahead =
                    (7 + i64::from(first) - i64::from(day.weekday().num_days_from_monday())) % 7;
                if up || ahead == 0 { ahead } else { ahead - 7 }
            }
            Self::Month if day.day() == 1 => 0,
            Self::Month if up => {
                let next = day + chrono::Months::new(1);
                let first = next.with_day(1).unwrap_or(next);
                (first - day).num_days()
            }
            Self::Month => 1 - i64::from(day.day()),
        };
        let moved = TimeDelta::try_days(days).and_then(|delta| day.checked_add_signed(delta));
        let moved = moved.filter(|day| (1..=9999).contains(&day.year()));
        let moved = moved.ok_or_else(|| DateError("the date is out of range".to_owned()))?;
        Ok(CursorValue::Time(DateTime {
            local: moved.and_time(NaiveTime::MIN),
            zone: at.zone.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::datetime;

    fn clamped(clamping: Clamping, at: &str) -> [String; 2] {
        let value = CursorValue::Time(datetime::parse(at, "%Y-%m-%dT%H:%M").unwrap());
        [clamping.floor(&value), clamping.ceiling(&value)].map(|value| match value.unwrap() {
            CursorValue::Time(at) => datetime::format(&at, "%Y-%m-%d"),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn down_and_up() {
        for (clamping, at, floor, ceiling) in [
            (
                Clamping::Day,
                "2025-02-28T10:00",
                "2025-02-28",
                "2025-03-01",
            ),
            (
                Clamping::Day,
                "2025-02-28T00:00",
                "2025-02-28",
                "2025-02-28",
            ),
            (
                Clamping::Month,
                "2024-12-02T00:00",
                "2024-12-01",
                "2025-01-01",
            ),
            (
                Clamping::Month,
                "2024-12-01T10:00",
                "2024-12-01",
                "2024-12-01",
            ),
            // A Wednesday.
            (
                Clamping::Week(0),
                "2025-02-26T10:00",
                "2025-02-24",
                "2025-03-03",
            ),
            (
                Clamping::Week(4),
                "2025-02-26T10:00",
                "2025-02-21",
                "2025-02-28",
            ),
            (
                Clamping::Week(2),
                "2025-02-26T10:00",
                "2025-02-26",
                "2025-02-26",
            ),
        ] {
            assert_eq!(clamped(clamping, at), [floor, ceiling], "{clamping:?} {at}");
        }
    }
}

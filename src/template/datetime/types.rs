//! `datetime.datetime`, `datetime.date`, `datetime.time` and their zones.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::Arc;

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike as _, Utc};
use num_traits::ToPrimitive as _;

use super::{DateError, bad, in_range};
use crate::template::error::{Eval, Fault};
use crate::template::value::{Object, TValue};

/// An offset from UTC, and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Seconds east of UTC.
    pub offset: i32,
    /// What `%Z` shows.
    pub name: Arc<str>,
}

impl Zone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self {
            offset: 0,
            name: Arc::from("UTC"),
        }
    }

    /// A zone named after its offset, as `datetime.timezone` names it.
    #[must_use]
    pub fn fixed(offset: i32) -> Self {
        let name = if offset == 0 {
            "UTC".to_owned()
        } else {
            format!("UTC{}", offset_text(offset, ":"))
        };
        Self {
            offset,
            name: Arc::from(name),
        }
    }
}

/// `+02:00`, with seconds where there are some.
pub(crate) fn offset_text(offset: i32, colon: &str) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let all = offset.unsigned_abs();
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    let mut text = format!("{sign}{hours:02}{colon}{minutes:02}");
    if seconds != 0 {
        let _ = write!(text, "{colon}{seconds:02}");
    }
    text
}

/// A day and time of day; without a zone, it is no instant.
#[derive(Debug, Clone)]
pub struct DateTime {
    /// The wall clock.
    pub local: NaiveDateTime,
    /// Where that clock hangs.
    pub zone: Option<Zone>,
}

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub NaiveDate);

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub struct Time(pub NaiveTime);

impl DateTime {
    /// An instant in UTC.
    #[must_use]
    pub fn utc(at: chrono::DateTime<Utc>) -> Self {
        let micros = at.naive_utc();
        let local = micros
            .with_nanosecond(micros.nanosecond() / 1000 * 1000)
            .unwrap_or(micros);
        Self {
            local,
            zone: Some(Zone::utc()),
        }
    }

    /// The instant that many microseconds after 1970, in UTC.
    ///
    /// # Errors
    /// When it is not in the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Result<Self, DateError> {
        chrono::DateTime::from_timestamp_micros(micros)
            .map(Self::utc)
            .filter(|d| in_range(d.local))
            .ok_or_else(|| bad("the date is out of range"))
    }

    /// Python's `datetime.fromtimestamp(seconds, utc)`: to the nearest microsecond, half to even.
    ///
    /// # Errors
    /// When it is not in the years 1 to 9999.
    pub fn from_timestamp(seconds: f64) -> Result<Self, DateError> {
        let fraction = seconds.fract();
        let micros = (fraction * 1e6).round_ties_even();
        let whole = seconds.trunc() * 1e6;
        (whole + micros)
            .to_i64()
            .filter(|_| seconds.is_finite())
            .ok_or_else(|| bad("the date is out of range"))
            .and_then(Self::from_micros)
    }

    /// The same wall clock elsewhere.
    #[must_use]
    pub fn with_zone(mut self, zone: Option<Zone>) -> Self {
        self.zone = zone;
        self
    }

    fn offset(&self) -> i32 {
        self.zone.as_ref().map_or(0, |z| z.offset)
    }

    /// The same instant in UTC; without a zone, the wall clock is taken for UTC.
    #[must_use]
    pub fn to_utc(&self) -> Self {
        let shift = TimeDelta::seconds(i64::from(self.offset()));
        Self {
            local: self.local.checked_sub_signed(shift).unwrap_or(self.local),
            zone: Some(Zone::utc()),
        }
    }

    /// Microseconds since 1970, UTC.
    #[must_use]
    pub fn micros(&self) -> i64 {
        let local = self.local.and_utc().timestamp_micros();
        local - i64::from(self.offset()) * 1_000_000
    }

    /// Seconds since 1970, as Python's `timestamp()`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "as Python's float")]
    pub fn timestamp(&self) -> f64 {
        self.micros() as f64 / 1e6
    }

    /// Microseconds within the second.
    #[must_use]
    pub fn microsecond(&self) -> u32 {
        self.local.nanosecond() / 1000
    }

    /// `isoformat(sep)`.
    #[must_use]
    pub fn iso(&self, separator: char) -> String {
        let mut text = format!(
            "{}{separator}{}",
            Date(self.local.date()).iso(),
            Time(self.local.time()).iso()
        );
        if let Some(zone) = &self.zone {
            text.push_str(&offset_text(zone.offset, ":"));
        }
        text
    }

    pub(crate) fn repr(&self) -> String {
        let mut text = format!(
            "datetime.datetime({}, {}, {}, {}, {}",
            self.local.year(),
            self.local.month(),
            self.local.day(),
            self.local.hour(),
            self.local.minute()
        );
        if self.local.second() != 0 || self.microsecond() != 0 {
            let _ = write!(text, ", {}", self.local.second());
        }
        if self.microsecond() != 0 {
            let _ = write!(text, ", {}", self.microsecond());
        }
        if let Some(zone) = &self.zone {
            if zone.offset == 0 {
                text.push_str(", tzinfo=datetime.timezone.utc");
            } else {
                let _ = write!(text, ", tzinfo={}", zone.name);
            }
        }
        text.push(')');
        text
    }

    pub(crate) fn equals(&self, other: &Self) -> bool {
        self.zone.is_some() == other.zone.is_some() && self.micros() == other.micros()
    }

    pub(crate) fn order(&self, other: &Self) -> Eval<Ordering> {
        if self.zone.is_some() != other.zone.is_some() {
            return Err(Fault::types(
                "can't compare offset-naive and offset-aware datetimes",
            ));
        }
        Ok(self.micros().cmp(&other.micros()))
    }

    pub(crate) fn into_value(self) -> TValue {
        TValue::object(Object::DateTime(self))
    }
}

impl Date {
    /// `isoformat()`.
    #[must_use]
    pub fn iso(&self) -> String {
        format!(
            "{:04}-{:02}-{:02}",
            self.0.year(),
            self.0.month(),
            self.0.day()
        )
    }

    pub(crate) fn repr(self) -> String {
        format!(
            "datetime.date({}, {}, {})",
            self.0.year(),
            self.0.month(),
            self.0.day()
        )
    }

    /// Its start, nowhere.
    #[must_use]
    pub fn midnight(self) -> DateTime {
        DateTime {
            local: self.0.and_time(NaiveTime::MIN),
            zone: None,
        }
    }

    pub(crate) fn into_value(self) -> TValue {
        TValue::object(Object::Date(self))
    }
}

impl Time {
    /// `isoformat()`.
    #[must_use]
    pub fn iso(&self) -> String {
        let micros = self.0.nanosecond() / 1000;
        let mut text = format!(
            "{:02}:{:02}:{:02}",
            self.0.hour(),
            self.0.minute(),
            self.0.second()
        );
        if micros != 0 {
            let _ = write!(text, ".{micros:06}");
        }
        text
    }

    pub(crate) fn repr(self) -> String {
        let mut text = format!("datetime.time({}, {}", self.0.hour(), self.0.minute());
        let micros = self.0.nanosecond() / 1000;
        if self.0.second() != 0 || micros != 0 {
            let _ = write!(text, ", {}", self.0.second());
        }
        if micros != 0 {
            let _ = write!(text, ", {micros}");
        }
        text.push(')');
        text
    }
}

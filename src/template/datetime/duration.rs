//! ISO 8601 durations, as `isodate` reads them and adds them to dates.

use std::fmt;

use chrono::{Datelike as _, NaiveDateTime};
use num_traits::ToPrimitive as _;

use super::delta::from_seconds;
use super::{DateError, DateTime, Delta, bad, civil, in_range};

/// Years and months, which have no fixed length, and the rest, which has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Duration {
    /// Years.
    pub years: f64,
    /// Months.
    pub months: f64,
    /// Days and below.
    pub rest: Delta,
}

impl Duration {
    /// Reads an ISO 8601 duration such as `P1Y2M3DT4H5M6.7S`, `P2W` or `-P1D`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, DateError> {
        let wrong = || bad(format!("`{text}` is no ISO 8601 duration"));
        let (negative, body) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..).unwrap_or_default()),
            Some(b'+') => (false, text.get(1..).unwrap_or_default()),
            _ => (false, text),
        };
        let body = body.strip_prefix('P').ok_or_else(wrong)?;
        if let Some(alternative) = alternative(body) {
            return Ok(if negative {
                alternative.negated()
            } else {
                alternative
            });
        }
        let (date, time) = match body.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (body, None),
        };
        // `PT` is a duration of nothing, `P` is none.
        if date.is_empty() && time.is_none() {
            return Err(wrong());
        }
        let mut found = [0.0; 7];
        fields(date, &['Y', 'M', 'W', 'D'], &mut found, 0).ok_or_else(wrong)?;
        fields(time.unwrap_or_default(), &['H', 'M', 'S'], &mut found, 4).ok_or_else(wrong)?;
        let [years, months, weeks, days, hours, minutes, seconds] = found;
        let fixed = (weeks * 7.0 + days) * 86_400.0 + hours * 3600.0 + minutes * 60.0 + seconds;
        let duration = Self {
            years,
            months,
            rest: from_seconds(fixed)?,
        };
        Ok(if negative {
            duration.negated()
        } else {
            duration
        })
    }

    /// Whether it is all of a fixed length: Python's `timedelta`.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.years == 0.0 && self.months == 0.0
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.is_fixed() && self.rest.is_zero()
    }

    /// The other way round.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self {
            years: -self.years,
            months: -self.months,
            rest: Delta(-self.rest.0),
        }
    }

    /// The date that much later; the day is moved into a shorter month.
    ///
    /// # Errors
    /// When it is not in the years 1 to 9999, or a part of a year or month is asked for.
    pub fn add_to(&self, at: &DateTime) -> Result<DateTime, DateError> {
        Ok(DateTime {
            local: self.shift(at.local)?,
            zone: at.zone.clone(),
        })
    }

    pub(crate) fn shift(&self, at: NaiveDateTime) -> Result<NaiveDateTime, DateError> {
        let range = || bad("the date is out of range");
        let mut moved = at;
        if !self.is_fixed() {
            if self.years.fract() != 0.0 || self.months.fract() != 0.0 {
                return Err(bad(
                    "fractions of years and months cannot be added to a date",
                ));
            }
            let months =
                (f64::from(at.year()) + self.years) * 12.0 + f64::from(at.month0()) + self.months;
            let months = months.to_i64().ok_or_else(range)?;
            let year = i32::try_from(months.div_euclid(12)).map_err(|_| range())?;
            let month = u32::try_from(months.rem_euclid(12)).map_err(|_| range())? + 1;
            let day = (1..=at.day())
                .rev()
                .find_map(|day| civil(year, month, day))
                .ok_or_else(range)?;
            moved = day.and_time(at.time());
        }
        moved
            .checked_add_signed(self.rest.chrono())
            .filter(|at| in_range(*at))
            .ok_or_else(range)
    }

    pub(crate) fn repr(&self) -> String {
        format!(
            "isodate.duration.Duration({}, {}, {}, years={}, months={})",
            self.rest.days(),
            self.rest.seconds(),
            self.rest.microseconds(),
            self.years,
            self.months
        )
    }
}

/// `YYYY-MM-DDThh:mm:ss` after the `P`, in its long and short writing.
fn alternative(body: &str) -> Option<Duration> {
    let (date, time) = body.split_once('T')?;
    let long = date.contains('-');
    if date.len() != if long { 10 } else { 8 } {
        return None;
    }
    let digits: String = date.chars().filter(|c| *c != '-').collect();
    let clock: String = time.chars().filter(|c| *c != ':').collect();
    let part = |text: &str, range: std::ops::Range<usize>| -> Option<f64> {
        let part = text.get(range)?;
        part.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    if digits.len() != 8 || clock.len() != 6 {
        return None;
    }
    let fixed = part(&digits, 6..8)? * 86_400.0
        + part(&clock, 0..2)? * 3600.0
        + part(&clock, 2..4)? * 60.0
        + part(&clock, 4..6)?;
    Some(Duration {
        years: part(&digits, 0..4)?,
        months: part(&digits, 4..6)?,
        rest: from_seconds(fixed).ok()?,
    })
}

/// Numbers with units in order, each at most once.
fn fields(mut text: &str, units: &[char], found: &mut [f64; 7], first: usize) -> Option<()> {
    let mut next = 0;
    while !text.is_empty() {
        let end = text.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, rest) = text.split_at_checked(end)?;
        let unit = rest.chars().next()?;
        let at = units.iter().skip(next).position(|u| *u == unit)? + next;
        let number = number.replace(',', ".");
        let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && number.starts_with(|c: char| c.is_ascii_digit());
        if !plain {
            return None;
        }
        *found.get_mut(first + at)? = number.parse().ok()?;
        next = at + 1;
        text = rest.get(1..)?;
    }
    Some(())
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.years != 0.0 {
            write!(f, "{} years, ", self.years.trunc())?;
        }
        if self.months != 0.0 {
            let s = if self.months <= 1.0 { "" } else { "s" };
            write!(f, "{} month{s}, ", self.months.trunc())?;
        }
        write!(f, "{}", self.rest)
    }
}

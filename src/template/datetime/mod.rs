//! Dates as Python has them, and the formats of the reference.
//!
//! In: text, numbers, formats. Out: instants, text, durations, with the results of Python's
//! `datetime`, `dateutil`, `isodate`, and of the reference's `DatetimeParser`.

mod attributes;
mod delta;
mod duration;
mod iso;
mod strftime;
mod strptime;
mod types;

pub use delta::Delta;
pub use duration::Duration;
pub use iso::parse_iso;
pub use types::{Date, DateTime, Time, Zone};

pub(crate) use attributes::{add, attribute, call_method, has_method};
pub(crate) use delta::from_seconds;

use chrono::{NaiveDate, NaiveDateTime};
use num_traits::ToPrimitive as _;

/// Why a date does not parse, or cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateError(pub String);

impl std::fmt::Display for DateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DateError {}

pub(crate) fn bad(message: impl Into<String>) -> DateError {
    DateError(message.into())
}

/// Parses `text` by a `datetime_format` of the reference; without an offset, it is UTC.
///
/// Beside Python's `strptime` directives: `%s` (seconds since 1970), `%s_as_float`, `%ms`,
/// `%epoch_microseconds`, each alone, and `%_ms` (milliseconds within the second) anywhere.
///
/// # Errors
/// When the text is not of that format.
pub fn parse(text: &str, format: &str) -> Result<DateTime, DateError> {
    let text_of_int = || parse_int(text);
    match format {
        "%s" => DateTime::from_micros(scaled(text_of_int()?, 1_000_000)?),
        "%s_as_float" => {
            let seconds: f64 = parse_float(text)?;
            DateTime::from_timestamp(seconds)
        }
        "%epoch_microseconds" => DateTime::from_micros(text_of_int()?),
        "%ms" => DateTime::from_micros(scaled(text_of_int()?, 1_000)?),
        _ => {
            let format = format.replace("%_ms", "%f");
            let parsed = strptime::strptime(text, &format)?;
            Ok(if parsed.zone.is_none() {
                parsed.with_zone(Some(Zone::utc()))
            } else {
                parsed
            })
        }
    }
}

/// Writes `at` in a `datetime_format` of the reference (see [`parse`]).
#[must_use]
pub fn format(at: &DateTime, format: &str) -> String {
    let seconds = at.timestamp();
    match format {
        "%s" => whole(seconds),
        "%s_as_float" => super::python::repr::float(seconds),
        "%epoch_microseconds" => whole(seconds * 1_000_000.0),
        "%ms" => whole(seconds * 1000.0),
        _ if format.contains("%_ms") => {
            let text = strftime::strftime(at, &format.replace("%_ms", "%f"));
            let micros = strftime::strftime(at, "%f");
            text.replace(&micros, &format!("{:03}", at.microsecond() / 1000))
        }
        _ => strftime::strftime(at, format),
    }
}

/// Python's `strftime`.
#[must_use]
pub fn strftime(at: &DateTime, format: &str) -> String {
    strftime::strftime(at, format)
}

/// Python's `strptime`: no offset in the format, no zone in the result.
///
/// # Errors
/// When the text is not of that format.
pub fn strptime(text: &str, format: &str) -> Result<DateTime, DateError> {
    strptime::strptime(text, format)
}

/// The instant that a `MinMaxDatetime` is evaluated to, out of its evaluated texts.
///
/// An empty `min` or `max` bounds nothing. An empty `format` is `%Y-%m-%dT%H:%M:%S.%f%z`.
///
/// # Errors
/// When a text is not of that format.
pub fn min_max(
    datetime: &str,
    min: Option<&str>,
    max: Option<&str>,
    format: &str,
) -> Result<DateTime, DateError> {
    let format = if format.is_empty() {
        "%Y-%m-%dT%H:%M:%S.%f%z"
    } else {
        format
    };
    let mut at = parse(datetime, format)?;
    if let Some(min) = min.filter(|m| !m.is_empty()) {
        let min = parse(min, format)?;
        if min.micros() > at.micros() {
            at = min;
        }
    }
    if let Some(max) = max.filter(|m| !m.is_empty()) {
        let max = parse(max, format)?;
        if max.micros() < at.micros() {
            at = max;
        }
    }
    Ok(at)
}

fn whole(f: f64) -> String {
    f.to_i64().unwrap_or_default().to_string()
}

fn scaled(value: i64, by: i64) -> Result<i64, DateError> {
    value
        .checked_mul(by)
        .ok_or_else(|| bad("the number is too large for a date"))
}

/// Python's `int(text)`.
fn parse_int(text: &str) -> Result<i64, DateError> {
    super::python::number::int_from_text(text, 10)
        .and_then(|big| big.to_i64())
        .ok_or_else(|| bad(format!("`{text}` is no integer")))
}

/// Python's `float(text)`.
fn parse_float(text: &str) -> Result<f64, DateError> {
    super::python::number::float_from_text(text)
        .ok_or_else(|| bad(format!("`{text}` is no number")))
}

/// A day and a time of day out of numbers; `None` when the calendar has no such.
pub(crate) fn civil(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    (1..=9999)
        .contains(&year)
        .then(|| NaiveDate::from_ymd_opt(year, month, day))
        .flatten()
}

pub(crate) fn in_range(at: NaiveDateTime) -> bool {
    use chrono::Datelike as _;
    (1..=9999).contains(&at.year())
}

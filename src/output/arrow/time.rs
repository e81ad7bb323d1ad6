//! Days and instants as numbers, where nothing is lost by it.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Timelike};

/// The days from 1970-01-01 to that of `text`, such as `2025-03-01`.
pub(super) fn day(text: &str) -> Option<i32> {
    if text.len() != "2025-03-01".len() {
        return None;
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    let days = day.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).ok()
}

/// The microseconds from 1970 in UTC to the instant `text`, such as `2025-03-01T00:00:00Z`. The offset
/// is not kept: it is the same instant.
pub(super) fn instant(text: &str) -> Option<i64> {
    let instant = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .ok()?;
    is_exact(&instant).then(|| instant.timestamp_micros())
}

/// The same for a date and time somewhere, such as `2025-03-01T00:00:00`.
pub(super) fn local(text: &str) -> Option<i64> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
        .ok()?;
    is_exact(&local).then(|| local.and_utc().timestamp_micros())
}

/// Whether microseconds say all: not of nanoseconds, and not of a leap second.
fn is_exact(time: &impl Timelike) -> bool {
    time.nanosecond() < 1_000_000_000 && time.nanosecond().is_multiple_of(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        for (text, days) in [
            ("1970-01-01", Some(0)),
            ("2025-03-01", Some(20_148)),
            ("1969-12-31", Some(-1)),
            ("0001-01-01", Some(-719_162)),
            ("2025-3-1", None),
            ("2025-02-30", None),
            ("2025-03-01T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(day(text), days, "{text}");
        }
    }

    #[test]
    fn instants_are_microseconds_where_these_say_all() {
        for (text, micros) in [
            ("2025-03-01T00:00:00Z", Some(1_740_787_200_000_000)),
            (
                "2025-03-01T02:00:00.123456+02:00",
                Some(1_740_787_200_123_456),
            ),
            ("2025-03-01T02:00:00.5+0200", Some(1_740_787_200_500_000)),
            ("1969-12-31T23:59:59.999999Z", Some(-1)),
            ("2025-03-01T00:00:00.123456700Z", None),
            ("2016-12-31T23:59:60Z", None),
            ("2025-03-01T00:00:00", None),
            ("2025-03-01", None),
            ("soon", None),
        ] {
            assert_eq!(instant(text), micros, "{text}");
        }
    }

    #[test]
    fn local_times_have_no_offset() {
        let expected = Some(1_740_787_200_000_000);
        assert_eq!(local("2025-03-01T00:00:00"), expected);
        assert_eq!(local("2025-03-01 00:00:00.000"), expected);
        assert_eq!(local("2025-03-01T00:00:00Z"), None);
        assert_eq!(local("2025-03-01"), None);
    }
}

//! Instants as people type them: RFC 3339, or a date alone.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};

use crate::clock::Micros;

/// Reads an instant: `2025-03-01T00:00:00Z`, with any offset; without one it is UTC; `2025-03-01`
/// is its midnight.
pub(super) fn parse(text: &str) -> Result<Micros, String> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.timestamp_micros());
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(date
            .and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp_micros());
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(local) = NaiveDateTime::parse_from_str(text, format) {
            return Ok(local.and_utc().timestamp_micros());
        }
    }
    Err("expected an instant such as `2025-03-01T00:00:00Z`, or a date".to_owned())
}

/// Writes an instant so that [`parse`] reads it, in whole seconds.
pub(super) fn written(instant: Micros) -> String {
    DateTime::from_timestamp_micros(instant)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Reads `SOURCE_DATE_EPOCH`: whole seconds since 1970, as reproducible-builds.org defines it.
pub(super) fn parse_epoch(text: &str) -> Result<Micros, String> {
    text.trim()
        .parse::<i64>()
        .ok()
        .and_then(|seconds| seconds.checked_mul(1_000_000))
        .ok_or_else(|| "expected whole seconds since 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_utc_unless_they_say_otherwise() {
        assert_eq!(parse("1970-01-01T00:00:01Z"), Ok(1_000_000));
        assert_eq!(parse("1970-01-01T01:00:01.5+01:00"), Ok(1_500_000));
        assert_eq!(parse("1970-01-02"), Ok(86_400_000_000));
        assert_eq!(parse("1970-01-01T00:00:02"), Ok(2_000_000));
        assert_eq!(parse("1970-01-01 00:00:02+00:00"), Ok(2_000_000));
        for wrong in ["", "yesterday", "2025-13-01", "2025-02-30T00:00:00Z"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn epochs_are_whole_seconds_in_range() {
        assert_eq!(parse_epoch("1"), Ok(1_000_000));
        assert!(parse_epoch("1.5").is_err());
        assert!(parse_epoch("9223372036854775807").is_err());
    }
}

//! When an access token has to be renewed.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use serde_json::Value;

use crate::clock::Micros;
use crate::template::Literal;

/// An instant as people and APIs write it: seconds since the epoch, a date, or ISO 8601 with `T` or
/// a space, UTC where no offset is given.
///
/// As airbyte-cdk 7.39.1, `datetime_helpers.py`, `ab_datetime_parse`. `Differs:` the reference takes
/// whatever `dateutil` can guess.
pub(super) fn instant(text: &str) -> Option<Micros> {
    instant_and_offset(text).map(|(at, _)| at)
}

/// The instant, and the seconds by which its text is ahead of UTC.
fn instant_and_offset(text: &str) -> Option<(Micros, i32)> {
    let utc = |at: Micros| Some((at, 0));
    let text = text.trim();
    if !text.is_empty() && text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text
            .parse::<i64>()
            .ok()?
            .checked_mul(1_000_000)
            .and_then(utc);
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return utc(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros());
    }
    let text = text.replacen(' ', "T", 1).replace(' ', "");
    let with_offset = |at: DateTime<FixedOffset>| {
        let offset = at.offset().local_minus_utc();
        Some((at.timestamp_micros(), offset))
    };
    if let Ok(instant) = DateTime::parse_from_rfc3339(&text) {
        return with_offset(instant);
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z"] {
        if let Ok(instant) = DateTime::parse_from_str(&text, format) {
            return with_offset(instant);
        }
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(instant) = NaiveDateTime::parse_from_str(&text, format) {
            return utc(instant.and_utc().timestamp_micros());
        }
    }
    None
}

/// An instant as the reference writes it into the config, so many seconds ahead of UTC.
pub(super) fn written(instant: Micros, offset: i32) -> String {
    let instant = DateTime::from_timestamp_micros(instant).unwrap_or_default();
    let format = if instant.timestamp_subsec_micros() == 0 {
        "%Y-%m-%dT%H:%M:%S%:z"
    } else {
        "%Y-%m-%dT%H:%M:%S%.6f%:z"
    };
    match FixedOffset::east_opt(offset) {
        Some(offset) => instant.with_timezone(&offset).format(format).to_string(),
        None => instant.format(format).to_string(),
    }
}

/// When a token answered at `now` expires, and by how much the answer's clock is ahead of UTC:
/// `value` is an instant, or a number of seconds.
pub(super) fn expiry(value: &Value, is_instant: bool, now: Micros) -> Option<(Micros, i32)> {
    let text = Literal::from_json(value).to_python_str();
    if is_instant {
        return instant_and_offset(&text);
    }
    let seconds: f64 = text.trim().parse().ok()?;
    if !seconds.is_finite() {
        return None;
    }
    Some((now.saturating_add((seconds.trunc() * 1e6) as i64), 0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MARCH: Micros = 1_740_787_200_000_000;

    #[test]
    fn instants_are_read_as_they_are_written() {
        for text in [
            "1740787200",
            "2025-03-01",
            "2025-03-01T00:00:00Z",
            "2025-03-01 00:00:00",
            "2025-03-01T01:00:00+01:00",
            "2025-03-01T01:00:00.000+0100",
            "2025-03-01T00:00",
        ] {
            assert_eq!(instant(text), Some(MARCH), "{text}");
        }
        for text in ["", "soon", "-5", "17407872000", "00:00:00"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn instants_are_written_as_python_writes_them() {
        assert_eq!(written(MARCH, 0), "2025-03-01T00:00:00+00:00");
        assert_eq!(written(MARCH + 5, 0), "2025-03-01T00:00:00.000005+00:00");
        assert_eq!(written(MARCH, 7200), "2025-03-01T02:00:00+02:00");
    }

    #[test]
    fn lifetimes_are_seconds_or_instants() {
        let minute = Some((MARCH + 60_000_000, 0));
        assert_eq!(expiry(&json!(60), false, MARCH), minute);
        assert_eq!(expiry(&json!("60.9"), false, MARCH), minute);
        assert_eq!(expiry(&json!("2025-03-01"), true, 0), Some((MARCH, 0)));
        let ahead = json!("2025-03-01T02:00:00+02:00");
        assert_eq!(expiry(&ahead, true, 0), Some((MARCH, 7200)));
        assert_eq!(expiry(&json!("tomorrow"), false, MARCH), None);
        assert_eq!(expiry(&json!(1e300), false, MARCH), Some((i64::MAX, 0)));
    }
}

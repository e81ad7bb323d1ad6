//! Dates and times, in the forms that APIs give them.
//!
//! In: text. Out: text that PostgreSQL reads as the same day or instant. What PostgreSQL would round or
//! leave out is told.

use chrono::NaiveDate;

use super::cell::{Cell, Fit};

/// Digits of a second that PostgreSQL keeps.
const DIGITS: usize = 6;

/// A day, and what may follow it.
struct Parts<'a> {
    day: &'a str,
    /// Hours, minutes and seconds; none: a day alone.
    time: Option<Time<'a>>,
    /// `Z` or an offset.
    zone: Option<&'a str>,
}

struct Time<'a> {
    clock: &'a str,
    /// Digits of the second.
    fraction: &'a str,
}

/// Appends `said` for a column of type `cell`.
///
/// A time without an offset is UTC in a column of instants. Of one with an offset a column of local
/// times gets the local time.
pub(super) fn put(cell: Cell, said: &str, out: &mut Vec<u8>) -> Fit {
    let Some(parts) = parse(said) else {
        return Fit::Not;
    };
    out.extend_from_slice(parts.day.as_bytes());
    if cell == Cell::Date {
        return match parts.time {
            None => Fit::Whole,
            Some(_) => Fit::Partly,
        };
    }
    let mut fit = Fit::Whole;
    out.push(b' ');
    match &parts.time {
        None => {
            out.extend_from_slice(b"00:00:00");
            fit = Fit::Partly;
        }
        Some(time) => {
            out.extend_from_slice(time.clock.as_bytes());
            let fraction = time.fraction.trim_end_matches('0').as_bytes();
            if !fraction.is_empty() {
                out.push(b'.');
                out.extend(fraction.iter().take(DIGITS));
            }
            if fraction.len() > DIGITS {
                fit = Fit::Partly;
            }
        }
    }
    match (cell, parts.zone) {
        (Cell::Timestamp, zone) => out.extend_from_slice(zone.unwrap_or("Z").as_bytes()),
        (_, Some(_)) => fit = Fit::Partly,
        (_, None) => {}
    }
    fit
}

/// `2025-03-01`, `2025-03-01T10:20:30.123456+02:00` and its like; PostgreSQL reads them all.
fn parse(said: &str) -> Option<Parts<'_>> {
    let day = said.get(..10)?;
    if !is_day(day) {
        return None;
    }
    let rest = said.get(10..)?;
    if rest.is_empty() {
        return Some(Parts {
            day,
            time: None,
            zone: None,
        });
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let zone_at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(zone_at)?;
    let zone = match zone.trim_start() {
        "" => None,
        zone => Some(is_zone(zone).then_some(zone)?),
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    if !is_clock(clock)
        || !fraction.bytes().all(|byte| byte.is_ascii_digit())
        || time.ends_with('.')
    {
        return None;
    }
    let time = Some(Time { clock, fraction });
    Some(Parts { day, time, zone })
}

fn is_day(day: &str) -> bool {
    let shape = day.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    // There is no year 0.
    shape && !day.starts_with("0000") && NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok()
}

/// `10:20` or `10:20:30`.
fn is_clock(clock: &str) -> bool {
    let mut fields = clock.split(':');
    let (hours, minutes, seconds) = (fields.next(), fields.next(), fields.next());
    let is_below = |field: &str, bound| two(field).is_some_and(|number| number < bound);
    hours.is_some_and(|hours| is_below(hours, 24))
        && minutes.is_some_and(|minutes| is_below(minutes, 60))
        && seconds.is_none_or(|seconds| is_below(seconds, 60))
        && fields.next().is_none()
}

/// `Z`, `+02`, `+0200` or `+02:00`.
fn is_zone(zone: &str) -> bool {
    if matches!(zone, "Z" | "z") {
        return true;
    }
    let Some(offset) = zone.strip_prefix(['+', '-']) else {
        return false;
    };
    let hours = offset.get(..2).and_then(two);
    let minutes = match offset.get(2..) {
        None => None,
        Some("") => Some(0),
        Some(rest) => two(rest.strip_prefix(':').unwrap_or(rest)),
    };
    hours.is_some_and(|hours| hours < 16) && minutes.is_some_and(|minutes| minutes < 60)
}

/// A number of two digits.
fn two(field: &str) -> Option<u32> {
    let is_number = field.len() == 2 && field.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| field.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(cell: Cell, said: &str) -> String {
        let mut out = Vec::new();
        let fit = put(cell, said, &mut out);
        format!("{fit:?} {}", String::from_utf8(out).unwrap())
    }

    #[test]
    fn instants_days_and_local_times_are_told_apart() {
        use Cell::{Date, LocalTimestamp, Timestamp};
        for (cell, said, expected) in [
            (Date, "2024-02-29", "Whole 2024-02-29"),
            (Date, "2024-02-29T10:00:00Z", "Partly 2024-02-29"),
            (Date, "2023-02-29", "Not "),
            (Date, "0000-01-01", "Not "),
            (Date, "", "Not "),
            (Date, "1.3.2025", "Not "),
            (Date, "2025-03-01x", "Not "),
            (
                Timestamp,
                "2025-03-01T10:20:30.1230Z",
                "Whole 2025-03-01 10:20:30.123Z",
            ),
            (
                Timestamp,
                "2025-03-01 10:20:30+0200",
                "Whole 2025-03-01 10:20:30+0200",
            ),
            (
                Timestamp,
                "2025-03-01 10:20 -03",
                "Whole 2025-03-01 10:20-03",
            ),
            (
                Timestamp,
                "2025-03-01T10:20:30",
                "Whole 2025-03-01 10:20:30Z",
            ),
            (
                Timestamp,
                "2025-03-01T10:20:30.123456789+02:00",
                "Partly 2025-03-01 10:20:30.123456+02:00",
            ),
            (Timestamp, "2025-03-01", "Partly 2025-03-01 00:00:00Z"),
            (Timestamp, "2025-03-01T24:00:00Z", "Not "),
            (Timestamp, "2025-03-01T10:20:60Z", "Not "),
            (Timestamp, "2025-03-01T10:20:30.Z", "Not "),
            (Timestamp, "2025-03-01T10:20:30+99:00", "Not "),
            (Timestamp, "2025-03-01T10:20:30 CET", "Not "),
            (Timestamp, "2025-03-0\u{e9}T10", "Not "),
            (
                LocalTimestamp,
                "2025-03-01T10:20:30",
                "Whole 2025-03-01 10:20:30",
            ),
            (
                LocalTimestamp,
                "2025-03-01T10:20:30+02:00",
                "Partly 2025-03-01 10:20:30",
            ),
        ] {
            assert_eq!(told(cell, said), expected, "{cell:?} {said}");
        }
    }
}

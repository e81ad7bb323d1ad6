//! `dateutil.parser.isoparse`.

use chrono::{NaiveDate, NaiveTime, TimeDelta, Weekday};

use super::{DateError, DateTime, Zone, bad, civil};

/// Parses an ISO 8601 date or date with time; without an offset there is no zone.
///
/// # Errors
/// When it is none.
pub fn parse_iso(text: &str) -> Result<DateTime, DateError> {
    parse(text).ok_or_else(|| bad(format!("`{text}` is no ISO 8601 date")))
}

fn number(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn parse(text: &str) -> Option<DateTime> {
    if !text.is_ascii() {
        return None;
    }
    let (day, rest) = date(text)?;
    let mut local = day.and_time(NaiveTime::MIN);
    let mut zone = None;
    if !rest.is_empty() {
        // Any one character may stand between the two.
        let (time, offset) = time(rest.get(1..)?)?;
        let (time, next_day) = time;
        local = day.and_time(time);
        if next_day {
            local = local.checked_add_signed(TimeDelta::days(1))?;
        }
        zone = offset;
    }
    Some(DateTime { local, zone })
}

fn date(text: &str) -> Option<(NaiveDate, &str)> {
    let year = i32::try_from(number(text.get(..4)?)?).ok()?;
    let rest = text.get(4..)?;
    if rest.is_empty() {
        return Some((civil(year, 1, 1)?, ""));
    }
    let dashed = rest.starts_with('-');
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    if let Some(week) = rest.strip_prefix('W') {
        let number_of_week = number(week.get(..2)?)?;
        let mut rest = week.get(2..)?;
        let mut day = 1;
        if !rest.is_empty() && !rest.starts_with('T') {
            if dashed {
                rest = rest.strip_prefix('-')?;
            }
            day = number(rest.get(..1)?)?;
            rest = rest.get(1..)?;
        }
        let weekday = Weekday::try_from(u8::try_from(day.checked_sub(1)?).ok()?).ok()?;
        return Some((
            NaiveDate::from_isoywd_opt(year, number_of_week, weekday)?,
            rest,
        ));
    }
    if let Some(month) = rest.get(..2).and_then(number) {
        let after = rest.get(2..)?;
        if after.is_empty() && dashed {
            return Some((civil(year, month, 1)?, ""));
        }
        if dashed {
            if let Some(after) = after.strip_prefix('-') {
                let day = number(after.get(..2)?)?;
                return Some((civil(year, month, day)?, after.get(2..)?));
            }
        } else if let Some(day) = after.get(..2).and_then(number) {
            return Some((civil(year, month, day)?, after.get(2..)?));
        }
    }
    let day = number(rest.get(..3)?)?;
    Some((NaiveDate::from_yo_opt(year, day)?, rest.get(3..)?))
}

type Clock = (NaiveTime, bool);

fn time(text: &str) -> Option<(Clock, Option<Zone>)> {
    let end = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (clock, offset) = text.split_at_checked(end)?;
    let zone = if offset.is_empty() {
        None
    } else {
        Some(zone(offset)?)
    };
    let colon = clock.get(2..3) == Some(":");
    let mut parts = [0_u32; 3];
    let mut rest = clock;
    let mut count = 0;
    let mut micros = 0;
    for (i, part) in parts.iter_mut().enumerate() {
        if i > 0 {
            if rest.is_empty() {
                break;
            }
            if colon {
                rest = rest.strip_prefix(':')?;
            }
        }
        *part = number(rest.get(..2)?)?;
        rest = rest.get(2..)?;
        count += 1;
    }
    if !rest.is_empty() {
        // A fraction is one of seconds only.
        let digits = rest.strip_prefix(['.', ',']).filter(|_| count == 3)?;
        number(digits.get(..1)?)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let six: String = digits.chars().chain("000000".chars()).take(6).collect();
        micros = number(&six)?;
    }
    let [hour, minute, second] = parts;
    if hour == 24 {
        return (minute == 0 && second == 0 && micros == 0)
            .then_some(((NaiveTime::MIN, true), zone));
    }
    let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?;
    Some(((time, false), zone))
}

fn zone(text: &str) -> Option<Zone> {
    if matches!(text, "Z" | "z") {
        return Some(Zone::utc());
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.get(1..)?;
    let (hours, minutes) = match digits.len() {
        2 => (number(digits)?, 0),
        4 => (number(digits.get(..2)?)?, number(digits.get(2..)?)?),
        5 if digits.get(2..3) == Some(":") => {
            (number(digits.get(..2)?)?, number(digits.get(3..)?)?)
        }
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = sign * i32::try_from(hours * 3600 + minutes * 60).ok()?;
    Some(if offset == 0 {
        Zone::utc()
    } else {
        Zone::fixed(offset)
    })
}

//! Python's `strftime` on Linux, in the C locale.

use std::fmt::Write as _;

use chrono::{Datelike as _, Timelike as _};

use super::DateTime;
use super::types::offset_text;

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Names of days, Monday first.
pub(super) fn days() -> &'static [&'static str] {
    &DAYS
}

/// Names of months.
pub(super) fn months() -> &'static [&'static str] {
    &MONTHS
}

pub(super) fn strftime(at: &DateTime, format: &str) -> String {
    let mut out = String::with_capacity(format.len() + 16);
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut flag = None;
        while let Some(f @ ('-' | '_' | '0' | '^' | '#')) = chars.peek().copied() {
            flag = Some(f);
            chars.next();
        }
        let mut width = String::new();
        while let Some(d) = chars.peek().copied().filter(char::is_ascii_digit) {
            width.push(d);
            chars.next();
        }
        let mut modifier = None;
        while let Some(m @ ('E' | 'O')) = chars.peek().copied() {
            modifier = Some(m);
            chars.next();
        }
        match chars.next() {
            Some(directive) => {
                let mark = out.len();
                if !write(&mut out, at, directive, flag) {
                    // glibc shows what it does not know.
                    out.push('%');
                    out.extend(flag);
                    out.push_str(&width);
                    out.extend(modifier);
                    out.push(directive);
                } else if flag == Some('^') {
                    let upper = out.get(mark..).unwrap_or_default().to_uppercase();
                    out.truncate(mark);
                    out.push_str(&upper);
                }
            }
            None => {
                out.push('%');
                out.extend(flag);
                out.extend(modifier);
            }
        }
    }
    out
}

fn number(out: &mut String, n: i64, width: usize, pad: char, flag: Option<char>) {
    let _ = match (flag, pad) {
        (Some('-'), _) => write!(out, "{n}"),
        (Some('_'), _) => write!(out, "{n:width$}"),
        (Some('0'), _) | (_, '0') => write!(out, "{n:0width$}"),
        _ => write!(out, "{n:width$}"),
    };
}

fn write(out: &mut String, at: &DateTime, directive: char, flag: Option<char>) -> bool {
    let local = &at.local;
    let day0 = usize::try_from(local.weekday().num_days_from_monday()).unwrap_or(0);
    let month0 = usize::try_from(local.month0()).unwrap_or(0);
    let name = |names: &[&'static str], i: usize| names.get(i).copied().unwrap_or_default();
    let short = |name: &'static str| name.get(..3).unwrap_or(name);
    let ordinal = i64::from(local.ordinal0());
    let sunday = i64::from(local.weekday().num_days_from_sunday());
    let hour = i64::from(local.hour());
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    let year = i64::from(local.year());
    let again = |out: &mut String, format: &str| out.push_str(&strftime(at, format));
    match directive {
        'Y' => {
            // Not padded on Linux.
            let _ = write!(out, "{year}");
        }
        // The C library does not pad the first century's.
        'C' if year < 100 => out.push('0'),
        'C' => number(out, year / 100, 2, '0', flag),
        'y' => number(out, year % 100, 2, '0', flag),
        'm' => number(out, i64::from(local.month()), 2, '0', flag),
        'd' => number(out, i64::from(local.day()), 2, '0', flag),
        'e' => number(out, i64::from(local.day()), 2, ' ', flag),
        'H' => number(out, hour, 2, '0', flag),
        'k' => number(out, hour, 2, ' ', flag),
        'I' => number(out, hour12, 2, '0', flag),
        'l' => number(out, hour12, 2, ' ', flag),
        'M' => number(out, i64::from(local.minute()), 2, '0', flag),
        'S' => number(out, i64::from(local.second()), 2, '0', flag),
        'j' => number(out, ordinal + 1, 3, '0', flag),
        'U' => number(out, (ordinal + 7 - sunday) / 7, 2, '0', flag),
        'W' => number(out, (ordinal + 7 - (sunday + 6) % 7) / 7, 2, '0', flag),
        'V' => number(out, i64::from(local.iso_week().week()), 2, '0', flag),
        'G' => {
            let _ = write!(out, "{}", local.iso_week().year());
        }
        'g' => number(out, i64::from(local.iso_week().year() % 100), 2, '0', flag),
        'u' => number(out, if sunday == 0 { 7 } else { sunday }, 1, '0', flag),
        'w' => number(out, sunday, 1, '0', flag),
        'f' => {
            let _ = write!(out, "{:06}", at.microsecond());
        }
        'A' => out.push_str(name(&DAYS, day0)),
        'a' => out.push_str(short(name(&DAYS, day0))),
        'B' => out.push_str(name(&MONTHS, month0)),
        'b' | 'h' => out.push_str(short(name(&MONTHS, month0))),
        'p' => out.push_str(if hour < 12 { "AM" } else { "PM" }),
        'P' => out.push_str(if hour < 12 { "am" } else { "pm" }),
        'z' => {
            if let Some(zone) = &at.zone {
                out.push_str(&offset_text(zone.offset, ""));
            }
        }
        'Z' => {
            if let Some(zone) = &at.zone {
                out.push_str(&zone.name);
            }
        }
        // The C library takes the wall clock for that of the machine, which is on UTC.
        's' => {
            let _ = write!(out, "{}", local.and_utc().timestamp());
        }
        'n' => out.push('\n'),
        't' => out.push('\t'),
        '%' => out.push('%'),
        'D' | 'x' => again(out, "%m/%d/%y"),
        'F' => again(out, "%Y-%m-%d"),
        'T' | 'X' => again(out, "%H:%M:%S"),
        'R' => again(out, "%H:%M"),
        'r' => again(out, "%I:%M:%S %p"),
        'c' => again(out, "%a %b %e %H:%M:%S %Y"),
        _ => return false,
    }
    true
}

//! Types of plain scalars as YAML 1.1 has them.
//!
//! As PyYAML's `SafeLoader` (`resolver.py`, `constructor.py`), not as YAML 1.2: `yes` is true,
//! `010` is eight, `1:30` is ninety and `1e3` is text.

use std::sync::Arc;

use super::node::NodeValue;

/// What a plain scalar turns out to be.
pub(super) enum Plain {
    Value(NodeValue),
    /// A date or an instant: Python's `str()` of it.
    Time(String),
    /// Looks like a date but is none, such as 2025-02-30.
    NoTime,
}

/// Types a plain scalar without a tag.
pub(super) fn plain(text: &str) -> Plain {
    let first = text.as_bytes().first().copied().unwrap_or(b'~');
    let value = match first {
        b'~' | b'n' | b'N' | b'y' | b'Y' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => {
            null(text).or_else(|| boolean(text))
        }
        b'0'..=b'9' | b'+' | b'-' | b'.' => {
            if let Some(found) = number(text) {
                Some(found)
            } else if is_time(text) {
                return time(text).map_or(Plain::NoTime, Plain::Time);
            } else {
                None
            }
        }
        _ => None,
    };
    Plain::Value(value.unwrap_or_else(|| NodeValue::Str(Arc::from(text))))
}

/// An integer or float by its looks.
pub(super) fn number(text: &str) -> Option<NodeValue> {
    int(text).or_else(|| float(text))
}

pub(super) fn null(text: &str) -> Option<NodeValue> {
    matches!(text, "" | "~" | "null" | "Null" | "NULL").then_some(NodeValue::Null)
}

pub(super) fn boolean(text: &str) -> Option<NodeValue> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Some(NodeValue::Bool(true))
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(NodeValue::Bool(false))
        }
        _ => None,
    }
}

fn unsigned(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn only(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(|b| allowed(b) || b == b'_')
}

/// A whole number: decimal, `0b`, `0x`, octal with a leading zero, or base 60 with colons.
pub(super) fn int(text: &str) -> Option<NodeValue> {
    let (negative, digits) = unsigned(text);
    let (radix, digits) = if digits == "0" {
        (10, digits)
    } else if let Some(bits) = digits.strip_prefix("0b") {
        (2, bits)
    } else if let Some(hex) = digits.strip_prefix("0x") {
        (16, hex)
    } else if let Some(octal) = digits.strip_prefix('0') {
        (8, octal)
    } else if digits.contains(':') {
        return base_60(digits).map(|n| whole(negative, n));
    } else {
        (10, digits)
    };
    if !only(digits, |b| char::from(b).is_digit(radix)) {
        return None;
    }
    let bare = digits.replace('_', "");
    // Python fails on `0b_` and `0x_`; `0_` is zero to it.
    if bare.is_empty() {
        return (radix == 8).then_some(NodeValue::Int(0));
    }
    if radix == 10 && digits.starts_with('_') {
        return None;
    }
    match u128::from_str_radix(&bare, radix) {
        Ok(n) => Some(whole(negative, n)),
        // Differs: Python has whole numbers of any length, we go on with the nearest float.
        Err(_) => bare
            .parse()
            .ok()
            .map(|x: f64| NodeValue::Float(if negative { -x } else { x })),
    }
}

fn whole(negative: bool, n: u128) -> NodeValue {
    if negative {
        let least = i64::MIN.unsigned_abs();
        match u64::try_from(n) {
            Ok(n) if n <= least => NodeValue::Int(0_i64.wrapping_sub_unsigned(n)),
            _ => NodeValue::Float(-(n as f64)),
        }
    } else if let Ok(n) = i64::try_from(n) {
        NodeValue::Int(n)
    } else if let Ok(n) = u64::try_from(n) {
        NodeValue::Large(n)
    } else {
        NodeValue::Float(n as f64)
    }
}

/// `[1-9][0-9_]*(:[0-5]?[0-9])+`
fn base_60(digits: &str) -> Option<u128> {
    let (first, rest) = digits.split_once(':')?;
    if !matches!(first.as_bytes().first(), Some(b'1'..=b'9'))
        || !only(first, |b| b.is_ascii_digit())
    {
        return None;
    }
    let mut total: u128 = first.replace('_', "").parse().ok()?;
    for part in rest.split(':') {
        total = total
            .checked_mul(60)?
            .checked_add(u128::from(sixtieth(part)?))?;
    }
    Some(total)
}

fn sixtieth(part: &str) -> Option<u8> {
    let digits = matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    if digits { part.parse().ok() } else { None }
}

/// A number with a point: an exponent needs the point and a sign of its own.
pub(super) fn float(text: &str) -> Option<NodeValue> {
    let (negative, digits) = unsigned(text);
    let signed = |x: f64| Some(NodeValue::Float(if negative { -x } else { x }));
    let bare = digits.len() == text.len();
    match digits {
        ".inf" | ".Inf" | ".INF" => return signed(f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if bare => return signed(f64::NAN),
        _ => {}
    }
    let (head, tail) = digits.split_once('.')?;
    if head.contains(':') {
        let (first, rest) = head.split_once(':')?;
        let leads = first.as_bytes().first().is_some_and(u8::is_ascii_digit);
        if !leads
            || !only(first, |b| b.is_ascii_digit())
            || !tail.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        {
            return None;
        }
        let mut total: f64 = first.replace('_', "").parse().ok()?;
        let parts: Vec<&str> = rest.split(':').collect();
        for (i, part) in parts.iter().enumerate() {
            let mut value = f64::from(sixtieth(part)?);
            if i + 1 == parts.len() {
                value = format!("{part}.{}", tail.replace('_', "")).parse().ok()?;
            }
            total = total * 60.0 + value;
        }
        return signed(total);
    }
    let (fraction, exponent) = match tail.find(['e', 'E']) {
        Some(i) => tail.split_at(i),
        None => (tail, ""),
    };
    let exponent_fits = exponent.is_empty()
        || matches!(exponent.as_bytes(), [_, b'+' | b'-', rest @ ..]
            if !rest.is_empty() && rest.iter().all(u8::is_ascii_digit));
    let digit_leads = |s: &str| s.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let fits = if head.is_empty() {
        // `.5`, without a sign.
        bare && digit_leads(fraction)
    } else {
        digit_leads(head) && only(head, |b| b.is_ascii_digit())
    };
    if !fits || !exponent_fits || !fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return None;
    }
    signed(digits.replace('_', "").parse().ok()?)
}

/// Whether a plain scalar is taken for a date or an instant.
pub(super) fn is_time(text: &str) -> bool {
    let b = text.as_bytes();
    let digit = |i: usize| b.get(i).is_some_and(u8::is_ascii_digit);
    if !(0..4).all(digit) || b.get(4) != Some(&b'-') {
        return false;
    }
    if b.len() == 10 && digit(5) && digit(6) && b[7] == b'-' && digit(8) && digit(9) {
        return true;
    }
    Parts::read(text).is_some_and(|parts| parts.clock.is_some())
}

#[derive(Default)]
struct Parts {
    date: [u32; 3],
    clock: Option<[u32; 3]>,
    micros: u32,
    /// Minutes from UTC.
    zone: Option<i32>,
}

impl Parts {
    /// `Y-M-D` and perhaps `T` or blanks, `H:MM:SS`, a fraction, and a zone.
    fn read(text: &str) -> Option<Parts> {
        let mut rest = text;
        let mut parts = Parts::default();
        parts.date[0] = digits(&mut rest, 4, 4)?;
        for i in 1..3 {
            rest = rest.strip_prefix('-')?;
            parts.date[i] = digits(&mut rest, 1, 2)?;
        }
        if rest.is_empty() {
            return Some(parts);
        }
        let blanks = rest.trim_start_matches([' ', '\t']);
        rest = match rest.strip_prefix(['T', 't']) {
            Some(rest) => rest,
            None if blanks.len() < rest.len() => blanks,
            None => return None,
        };
        let mut clock = [digits(&mut rest, 1, 2)?, 0, 0];
        for part in &mut clock[1..] {
            rest = rest.strip_prefix(':')?;
            *part = digits(&mut rest, 2, 2)?;
        }
        parts.clock = Some(clock);
        if let Some(after) = rest.strip_prefix('.') {
            let end = after
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(after.len());
            let (fraction, after) = after.split_at(end);
            parts.micros = format!("{fraction:0<6.6}").parse().ok()?;
            rest = after;
        }
        rest = rest.trim_start_matches([' ', '\t']);
        if rest == "Z" {
            parts.zone = Some(0);
        } else if !rest.is_empty() {
            let sign = if rest.starts_with('-') { -1 } else { 1 };
            rest = rest.strip_prefix(['+', '-'])?;
            let mut zone = digits(&mut rest, 1, 2)? * 60;
            if let Some(after) = rest.strip_prefix(':') {
                rest = after;
                zone += digits(&mut rest, 2, 2)?;
            }
            if !rest.is_empty() {
                return None;
            }
            parts.zone = Some(sign * i32::try_from(zone).ok()?);
        }
        Some(parts)
    }
}

/// Takes between `least` and `most` digits off the front.
fn digits(text: &mut &str, least: usize, most: usize) -> Option<u32> {
    let count = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    if count < least {
        return None;
    }
    let (number, rest) = text.split_at(count);
    *text = rest;
    number.parse().ok()
}

/// Python's `str()` of the `date` or `datetime` that PyYAML makes; none where it would fail.
pub(super) fn time(text: &str) -> Option<String> {
    let parts = Parts::read(text)?;
    let [year, month, day] = parts.date;
    chrono::NaiveDate::from_ymd_opt(i32::try_from(year).ok().filter(|y| *y > 0)?, month, day)?;
    let mut out = format!("{year:04}-{month:02}-{day:02}");
    if let Some([hour, minute, second]) = parts.clock {
        chrono::NaiveTime::from_hms_opt(hour, minute, second)?;
        out.push_str(&format!(" {hour:02}:{minute:02}:{second:02}"));
        if parts.micros > 0 {
            out.push_str(&format!(".{:06}", parts.micros));
        }
        if let Some(zone) = parts.zone {
            if zone.abs() >= 24 * 60 {
                return None;
            }
            let sign = if zone < 0 { '-' } else { '+' };
            let zone = zone.abs();
            out.push_str(&format!("{sign}{:02}:{:02}", zone / 60, zone % 60));
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match plain(text) {
            Plain::Value(NodeValue::Str(s)) => format!("'{s}'"),
            Plain::Value(value) => value.text().unwrap(),
            Plain::Time(time) => format!("time {time}"),
            Plain::NoTime => "error".to_owned(),
        }
    }

    /// Right-hand sides are what PyYAML 6 answers.
    #[test]
    fn plain_scalars_are_typed_as_pyyaml_does() {
        for (text, want) in [
            ("", "None"),
            ("~", "None"),
            ("Null", "None"),
            ("nUll", "'nUll'"),
            ("yes", "True"),
            ("No", "False"),
            ("oN", "'oN'"),
            ("y", "'y'"),
            ("OFF", "False"),
            ("0", "0"),
            ("-0", "0"),
            ("+12", "12"),
            ("1_000", "1000"),
            ("_1", "'_1'"),
            ("010", "8"),
            ("0o10", "'0o10'"),
            ("08", "'08'"),
            ("0_", "0"),
            ("-017", "-15"),
            ("0x1F", "31"),
            ("0b11", "3"),
            ("-0b1", "-1"),
            ("0xg", "'0xg'"),
            ("1:30", "90"),
            ("1:60", "'1:60'"),
            ("01:30", "'01:30'"),
            ("-1:0:1", "-3601"),
            ("1:30.5", "90.5"),
            ("01:30.", "90.0"),
            ("1.5", "1.5"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("-.5", "'-.5'"),
            ("1e3", "'1e3'"),
            ("1.e3", "'1.e3'"),
            ("1.e+3", "1000.0"),
            ("1.5E-3", "0.0015"),
            ("1_0.5_0", "10.5"),
            ("._5", "'._5'"),
            (".", "'.'"),
            (".inf", "inf"),
            ("-.INF", "-inf"),
            (".NaN", "nan"),
            ("-.nan", "'-.nan'"),
            ("+", "'+'"),
            ("-", "'-'"),
            ("1.2.3", "'1.2.3'"),
            ("1-2", "'1-2'"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("18446744073709551615", "18446744073709551615"),
            ("2025-01-02", "time 2025-01-02"),
            ("2025-1-2", "'2025-1-2'"),
            ("2025-02-30", "error"),
            ("2025-01-02T03:04:05Z", "time 2025-01-02 03:04:05+00:00"),
            ("2025-1-2 3:04:05", "time 2025-01-02 03:04:05"),
            (
                "2025-01-02 03:04:05.12 -1:30",
                "time 2025-01-02 03:04:05.120000-01:30",
            ),
            ("2025-01-02T03:04", "'2025-01-02T03:04'"),
        ] {
            assert_eq!(shown(text), want, "{text}");
        }
    }
}

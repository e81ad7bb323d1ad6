//! The layout that a format specification asks for: width, fill, sign, precision.

use super::repr;
use crate::template::error::{Eval, Fault};
use crate::template::eval::MAX_TEXT;
use crate::template::value::TValue;

/// How a value is laid out: `[[fill]align][sign][#][0][width][,][.precision][type]`.
#[derive(Debug, Clone, Default)]
pub(super) struct Spec {
    pub(super) fill: Option<char>,
    pub(super) align: Option<char>,
    pub(super) sign: Option<char>,
    pub(super) alternate: bool,
    pub(super) width: usize,
    pub(super) group: Option<char>,
    pub(super) precision: Option<usize>,
    pub(super) kind: Option<char>,
}

/// An error when the text would be endless.
pub(super) fn check_size(spec: &Spec) -> Eval<()> {
    if spec.width > MAX_TEXT || spec.precision.is_some_and(|p| p > 10_000) {
        return Err(Fault::other("the text is too long"));
    }
    Ok(())
}

/// Fills up to the width.
pub(super) fn pad(text: &str, spec: &Spec) -> String {
    let missing = spec.width.saturating_sub(text.chars().count());
    if missing == 0 {
        return text.to_owned();
    }
    let fill = |n: usize| -> String { std::iter::repeat_n(spec.fill.unwrap_or(' '), n).collect() };
    match spec.align {
        Some('>') => fill(missing) + text,
        Some('^') => fill(missing / 2) + text + &fill(missing - missing / 2),
        Some('=') => {
            let signed = text.starts_with(['-', '+', ' ']);
            let (sign, rest) = text
                .split_at_checked(usize::from(signed))
                .unwrap_or(("", text));
            format!("{sign}{}{rest}", fill(missing))
        }
        _ => text.to_owned() + &fill(missing),
    }
}

/// Reads a specification.
pub(super) fn parse_spec(text: &str) -> Eval<Spec> {
    let mut spec = Spec::default();
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    let align = |c: Option<&char>| matches!(c, Some('<' | '>' | '^' | '='));
    if align(chars.get(1)) {
        spec.fill = chars.first().copied();
        spec.align = chars.get(1).copied();
        at = 2;
    } else if align(chars.first()) {
        spec.align = chars.first().copied();
        at = 1;
    }
    if let Some(sign @ ('+' | '-' | ' ')) = chars.get(at) {
        spec.sign = Some(*sign);
        at += 1;
    }
    if chars.get(at) == Some(&'#') {
        spec.alternate = true;
        at += 1;
    }
    if chars.get(at) == Some(&'0') {
        spec.fill.get_or_insert('0');
        spec.align.get_or_insert('=');
        at += 1;
    }
    let number = |at: &mut usize| {
        let start = *at;
        while chars.get(*at).is_some_and(char::is_ascii_digit) {
            *at += 1;
        }
        let text: String = chars.get(start..*at).unwrap_or_default().iter().collect();
        text.parse::<usize>().ok()
    };
    spec.width = number(&mut at).unwrap_or(0);
    if let Some(group @ (',' | '_')) = chars.get(at) {
        spec.group = Some(*group);
        at += 1;
    }
    if chars.get(at) == Some(&'.') {
        at += 1;
        let precision = number(&mut at);
        spec.precision =
            Some(precision.ok_or_else(|| Fault::other("format specifier missing precision"))?);
    }
    spec.kind = chars.get(at).copied();
    at += usize::from(spec.kind.is_some());
    if at < chars.len() {
        return Err(Fault::other("invalid format specifier"));
    }
    check_size(&spec)?;
    Ok(spec)
}

/// A number in that layout.
pub(super) fn number(value: &TValue, spec: &Spec) -> Eval<String> {
    let kind = spec.kind;
    let (mut text, negative) = match (value, kind) {
        (TValue::Float(_), _) | (_, Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%')) => {
            let f = value.as_float().unwrap_or(f64::NAN);
            if matches!(kind, Some('d' | 'x' | 'X' | 'o' | 'b' | 'c' | 's')) {
                return Err(Fault::other("unknown format code for float"));
            }
            (float(f.abs(), spec), f.is_sign_negative() && !f.is_nan())
        }
        _ => {
            let big = value.as_big().unwrap_or_default();
            let negative = big.sign() == num_bigint::Sign::Minus;
            let big = num_bigint::BigInt::from(big.magnitude().clone());
            let text = match kind {
                None | Some('d' | 'n') => big.to_string(),
                Some('x') => big.to_str_radix(16),
                Some('X') => big.to_str_radix(16).to_uppercase(),
                Some('o') => big.to_str_radix(8),
                Some('b') => big.to_str_radix(2),
                Some('c') => {
                    use num_traits::ToPrimitive as _;
                    big.to_u32()
                        .and_then(char::from_u32)
                        .map(String::from)
                        .ok_or_else(|| Fault::other("%c arg not in range"))?
                }
                Some(_) => return Err(Fault::other("unknown format code for int")),
            };
            (text, negative)
        }
    };
    if let Some(group) = spec.group {
        text = grouped(&text, group);
    }
    if spec.alternate {
        text = match kind {
            Some('x') => format!("0x{text}"),
            Some('X') => format!("0X{text}"),
            Some('o') => format!("0o{text}"),
            Some('b') => format!("0b{text}"),
            _ => text,
        };
    }
    let sign = match (negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    Ok(pad(&format!("{sign}{text}"), spec))
}

fn grouped(text: &str, group: char) -> String {
    let (whole, rest) = match text.find(['.', 'e']) {
        Some(at) => text.split_at_checked(at).unwrap_or((text, "")),
        None => (text, ""),
    };
    let mut out = String::new();
    let count = whole.chars().count();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (count - i) % 3 == 0 {
            out.push(group);
        }
        out.push(c);
    }
    out + rest
}

fn float(f: f64, spec: &Spec) -> String {
    if !f.is_finite() {
        return repr::float(f);
    }
    let precision = spec.precision.unwrap_or(6);
    let upper = |text: String, kind: char| {
        if kind.is_ascii_uppercase() {
            text.to_uppercase()
        } else {
            text
        }
    };
    match spec.kind {
        Some('f' | 'F') => format!("{f:.precision$}"),
        Some('%') => format!("{:.precision$}%", f * 100.0),
        Some(kind @ ('e' | 'E')) => upper(exponential(f, precision), kind),
        Some(kind @ ('g' | 'G')) => upper(general(f, precision, spec.alternate), kind),
        _ => match spec.precision {
            None => repr::float(f),
            Some(p) => {
                let text = general(f, p, false);
                if text.contains(['.', 'e']) {
                    text
                } else {
                    text + ".0"
                }
            }
        },
    }
}

fn exponential(f: f64, precision: usize) -> String {
    let text = format!("{f:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

fn general(f: f64, precision: usize, keep_zeros: bool) -> String {
    let precision = precision.max(1);
    let shown = exponential(f, precision - 1);
    let exponent: i64 = shown
        .rsplit_once('e')
        .and_then(|(_, e)| e.parse().ok())
        .unwrap_or(0);
    let significant = i64::try_from(precision).unwrap_or(i64::MAX);
    let (digits, tail) = if (-4..significant).contains(&exponent) {
        let places = usize::try_from(significant - 1 - exponent).unwrap_or(0);
        (format!("{f:.places$}"), String::new())
    } else {
        let (digits, e) = shown.split_once('e').unwrap_or((&shown, "+00"));
        (digits.to_owned(), format!("e{e}"))
    };
    let digits = if digits.contains('.') && !keep_zeros {
        digits
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    } else {
        digits
    };
    digits + &tail
}

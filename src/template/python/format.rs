//! `'%s' % value`, `'{}'.format(value)`, and the format specifications of both.

use super::number::int_of;
use super::repr;
use crate::template::error::{Eval, Fault};
use crate::template::eval::{Args, MAX_TEXT, get_attr, get_item};
use crate::template::value::{Object, TValue};

/// How a value is laid out: `[[fill]align][sign][#][0][width][,][.precision][type]`.
#[derive(Debug, Clone, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    width: usize,
    group: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// `format % values`.
pub(crate) fn percent(format: &str, values: &TValue) -> Eval<String> {
    let mut out = String::new();
    let mut given = match values {
        TValue::Tuple(items) => items.to_vec(),
        other => vec![other.clone()],
    }
    .into_iter();
    let mapping = match values {
        TValue::Dict(_) => true,
        TValue::Object(o) => matches!(&**o, Object::Mapping(_)),
        _ => false,
    };
    let mut named = false;
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut value = None;
        if chars.peek() == Some(&'(') {
            chars.next();
            let name: String = chars.by_ref().take_while(|c| *c != ')').collect();
            if !mapping {
                return Err(Fault::types("format requires a mapping"));
            }
            named = true;
            let found = values.item(&TValue::str(&name));
            value = Some(found.ok_or_else(|| Fault::other(format!("no key `{name}`")))?);
        }
        let mut spec = Spec {
            align: Some('>'),
            ..Spec::default()
        };
        while let Some(flag @ ('-' | '+' | ' ' | '0' | '#')) = chars.peek().copied() {
            chars.next();
            match flag {
                '-' => spec.align = Some('<'),
                '0' if spec.align != Some('<') => {
                    spec.align = Some('=');
                    spec.fill = Some('0');
                }
                '#' => spec.alternate = true,
                '+' | ' ' => spec.sign = Some(flag),
                _ => {}
            }
        }
        let mut next = || {
            given
                .next()
                .ok_or_else(|| Fault::types("not enough arguments for format string"))
        };
        if chars.peek() == Some(&'*') {
            chars.next();
            spec.width = usize::try_from(next()?.as_int().unwrap_or(0)).unwrap_or(0);
        } else {
            spec.width = digits(&mut chars).unwrap_or(0);
        }
        if chars.peek() == Some(&'.') {
            chars.next();
            spec.precision = Some(digits(&mut chars).unwrap_or(0));
        }
        while matches!(chars.peek(), Some('l' | 'h' | 'L')) {
            chars.next();
        }
        let kind = chars
            .next()
            .ok_or_else(|| Fault::other("incomplete format"))?;
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match value {
            Some(value) => value,
            None => next()?,
        };
        check_size(&spec)?;
        out.push_str(&percent_one(kind, &value, spec)?);
    }
    if !named && !mapping && given.next().is_some() {
        return Err(Fault::types(
            "not all arguments converted during string formatting",
        ));
    }
    Ok(out)
}

fn check_size(spec: &Spec) -> Eval<()> {
    if spec.width > MAX_TEXT || spec.precision.is_some_and(|p| p > 10_000) {
        return Err(Fault::other("the text is too long"));
    }
    Ok(())
}

fn percent_one(kind: char, value: &TValue, mut spec: Spec) -> Eval<String> {
    match kind {
        's' | 'r' | 'a' => {
            let text = if kind == 's' {
                repr::to_str(value)
            } else {
                repr::to_repr(value)
            };
            if spec.fill == Some('0') {
                spec.fill = None;
                spec.align = Some('>');
            }
            Ok(pad(&cut(&text, spec.precision), &spec))
        }
        'c' => match value {
            TValue::Str(s) if s.chars().count() == 1 => Ok(pad(s, &spec)),
            other => other
                .as_int()
                .and_then(|i| char::from_u32(u32::try_from(i).ok()?))
                .map(|c| pad(&c.to_string(), &spec))
                .ok_or_else(|| Fault::types("%c requires int or char")),
        },
        'd' | 'i' | 'u' => {
            if !matches!(value, TValue::Float(_)) && value.as_big().is_none() {
                return Err(Fault::types(format!(
                    "%d format: a real number is required, not `{}`",
                    value.type_name()
                )));
            }
            spec.kind = Some('d');
            let precision = spec.precision.take();
            let text = number(&int_of(value)?, &spec)?;
            Ok(match precision {
                Some(p) if text.trim_start_matches('-').len() < p => {
                    let negative = text.starts_with('-');
                    let digits = text.trim_start_matches('-');
                    format!("{}{digits:0>p$}", if negative { "-" } else { "" })
                }
                _ => text,
            })
        }
        'x' | 'X' | 'o' => {
            if value.as_big().is_none() {
                return Err(Fault::types("%x format: an integer is required"));
            }
            spec.kind = Some(kind);
            number(value, &spec)
        }
        'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
            let Some(f) = value.as_float() else {
                return Err(Fault::types(format!(
                    "must be real number, not `{}`",
                    value.type_name()
                )));
            };
            spec.kind = Some(kind);
            number(&TValue::Float(f), &spec)
        }
        other => Err(Fault::other(format!(
            "unsupported format character `{other}`"
        ))),
    }
}

fn digits(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<usize> {
    let mut text = String::new();
    while let Some(d) = chars.peek().copied().filter(char::is_ascii_digit) {
        text.push(d);
        chars.next();
    }
    text.parse().ok()
}

fn cut(text: &str, precision: Option<usize>) -> String {
    match precision {
        Some(p) => text.chars().take(p).collect(),
        None => text.to_owned(),
    }
}

/// Fills up to the width.
fn pad(text: &str, spec: &Spec) -> String {
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

fn parse_spec(text: &str) -> Eval<Spec> {
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

/// `format(value, spec)`.
pub(crate) fn formatted(value: &TValue, spec: &str) -> Eval<String> {
    if spec.is_empty() {
        return Ok(repr::to_str(value));
    }
    match value {
        TValue::Object(o) => match &**o {
            Object::DateTime(d) => Ok(crate::template::datetime::strftime(d, spec)),
            Object::Date(d) => Ok(crate::template::datetime::strftime(&d.midnight(), spec)),
            _ => Err(Fault::types("unsupported format string")),
        },
        TValue::Str(s) => {
            let spec = parse_spec(spec)?;
            if !matches!(spec.kind, None | Some('s'))
                || spec.align == Some('=') && spec.fill != Some('0')
            {
                return Err(Fault::other("unknown format code for str"));
            }
            let spec = Spec {
                align: spec.align.filter(|a| *a != '=').or(Some('<')),
                ..spec
            };
            Ok(pad(&cut(s, spec.precision), &spec))
        }
        TValue::Int(_) | TValue::Big(_) | TValue::Float(_) | TValue::Bool(_) => {
            let mut spec = parse_spec(spec)?;
            spec.align.get_or_insert('>');
            number(value, &spec)
        }
        _ => Err(Fault::types("unsupported format string")),
    }
}

fn number(value: &TValue, spec: &Spec) -> Eval<String> {
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

/// `format.format(*args, **kwargs)`.
pub(crate) fn braces(format: &str, args: &Args) -> Eval<String> {
    let mut auto = 0;
    fields(format, args, &mut auto, 0)
}

fn fields(format: &str, args: &Args, auto: &mut usize, depth: usize) -> Eval<String> {
    if depth > 2 {
        return Err(Fault::other("max string recursion exceeded"));
    }
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' if chars.peek() == Some(&c) => {
                chars.next();
                out.push(c);
            }
            '}' => return Err(Fault::other("single `}` encountered in format string")),
            '{' => {
                let mut field = String::new();
                let mut open = 1;
                for c in chars.by_ref() {
                    match c {
                        '{' => open += 1,
                        '}' => open -= 1,
                        _ => {}
                    }
                    if open == 0 {
                        break;
                    }
                    field.push(c);
                }
                if open > 0 {
                    return Err(Fault::other("expected `}` before end of string"));
                }
                out.push_str(&one_field(&field, args, auto, depth)?);
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

fn one_field(field: &str, args: &Args, auto: &mut usize, depth: usize) -> Eval<String> {
    let (name, spec) = field.split_once(':').unwrap_or((field, ""));
    let (name, conversion) = match name.split_once('!') {
        Some((name, c)) => (name, Some(c)),
        None => (name, None),
    };
    let mut value = lookup(name, args, auto)?;
    match conversion {
        None => {}
        Some("s") => value = TValue::from(repr::to_str(&value)),
        Some("r" | "a") => value = TValue::from(repr::to_repr(&value)),
        Some(_) => return Err(Fault::other("unknown conversion specifier")),
    }
    let spec = fields(spec, args, auto, depth + 1)?;
    formatted(&value, &spec)
}

fn lookup(name: &str, args: &Args, auto: &mut usize) -> Eval<TValue> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut rest) = name.split_at_checked(end).unwrap_or((name, ""));
    let positional = |i: usize| {
        args.pos
            .get(i)
            .cloned()
            .ok_or_else(|| Fault::other("replacement index out of range"))
    };
    let mut value = if first.is_empty() {
        *auto += 1;
        positional(*auto - 1)?
    } else if let Ok(i) = first.parse() {
        positional(i)?
    } else {
        args.named
            .iter()
            .find(|(n, _)| **n == *first)
            .map(|(_, v)| v.clone())
            .ok_or_else(|| Fault::other(format!("no argument `{first}`")))?
    };
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (attr, more) = after.split_at_checked(end).unwrap_or((after, ""));
            value = get_attr(&value, &attr.into())?;
            rest = more;
        } else {
            let after = rest.get(1..).unwrap_or_default();
            let (key, more) = after
                .split_once(']')
                .ok_or_else(|| Fault::other("missing `]` in format string"))?;
            let key = key
                .parse::<i64>()
                .map_or_else(|_| TValue::str(key), TValue::Int);
            value = get_item(&value, &key)?;
            rest = more;
        }
    }
    Ok(value)
}

//! `'%s' % value`, `'{}'.format(value)`, and the format specifications of both.

use super::layout::{Spec, check_size, number, pad, parse_spec};
use super::number::int_of;
use super::repr;
use crate::template::error::{Eval, Fault};
use crate::template::eval::{Args, get_attr, get_item};
use crate::template::value::{Object, TValue};

/// `format % values`.
pub(crate) fn percent(format: &str, values: &TValue) -> Eval<String> {
    let mut out = String::new();
    let mut given = match values {
        TValue::Tuple(items) => items.to_vec(),
        other => vec![other.clone()],
    }
    .into_iter();
    // Python counts all that has keys or an index, and then leaves no argument over.
    let mapping = match values {
        TValue::Dict(_)
        | TValue::List(_)
        | TValue::Bytes(_)
        | TValue::Missing
        | TValue::Undefined(_) => true,
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
            if !mapping || matches!(values, TValue::List(_) | TValue::Bytes(_)) {
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

//! Filters of text.

use super::Filter;
use crate::template::error::{Eval, Fault};
use crate::template::eval::{Args, Machine, apply_method};
use crate::template::python::{format, repr, text as methods};
use crate::template::value::TValue;

macro_rules! filters {
    ($($name:literal => $call:expr),* $(,)?) => {
        &[$(Filter { name: $name, call: $call }),*]
    };
}

pub(super) const FILTERS: &[Filter] = filters! {
    "lower" => |_, value, args| method(&value, "lower", args),
    "upper" => |_, value, args| method(&value, "upper", args),
    "capitalize" => |_, value, args| method(&value, "capitalize", args),
    "title" => |_, value, args| {
        args.none("title")?;
        Ok(TValue::from(title(&soft(&value))))
    },
    "trim" => |_, value, args| {
        let [chars] = args.bind("trim", ["chars"], 0)?;
        method(&value, "strip", Args::of(vec![chars.unwrap_or(TValue::None)]))
    },
    "replace" => replace,
    "center" => |_, value, args| {
        let [width] = args.bind("center", ["width"], 0)?;
        method(&value, "center", Args::of(vec![width.unwrap_or(TValue::Int(80))]))
    },
    "string" => string,
    "format" => |_, value, args| {
        if !args.pos.is_empty() && !args.named.is_empty() {
            return Err(Fault::other("can't handle positional and keyword arguments at the same time"));
        }
        let values = if args.named.is_empty() {
            TValue::tuple(args.pos)
        } else {
            args.named.into_iter().map(|(k, v)| (k.to_string(), v)).collect()
        };
        format::percent(&soft(&value), &values).map(TValue::from)
    },
    "truncate" => truncate,
    "wordcount" => |_, value, args| {
        args.none("wordcount")?;
        let text = soft(&value);
        let words = text
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .filter(|w| !w.is_empty())
            .count();
        Ok(TValue::Int(i64::try_from(words).unwrap_or(i64::MAX)))
    },
    "wordwrap" => wordwrap,
    "indent" => indent,
};

/// markupsafe's `soft_str`.
fn soft(value: &TValue) -> String {
    repr::to_str(value)
}

fn method(value: &TValue, name: &str, args: Args) -> Eval<TValue> {
    apply_method(&TValue::from(soft(value)), name, args)
}

/// The reference replaces jinja2's filter: what is no text becomes JSON in triple quotes, which
/// the literal's parser then reads as text.
fn string(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    args.none("string")?;
    if let TValue::Str(_) = value {
        return Ok(value);
    }
    let json = super::tojson::dumps(&value, &super::tojson::Style::plain())?;
    Ok(TValue::from(format!("\"\"\"{json}\"\"\"")))
}

fn title(text: &str) -> String {
    let mut out = String::new();
    let mut start = true;
    for c in text.chars() {
        let breaks = c.is_whitespace() || matches!(c, '-' | '(' | '{' | '[' | '<');
        if breaks {
            out.push(c);
            start = true;
        } else if start {
            out.extend(c.to_uppercase());
            start = false;
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}

fn replace(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [old, new, count] = args.bind("replace", ["old", "new", "count"], 2)?;
    let text = |v: Option<TValue>| TValue::from(soft(&v.unwrap_or_default()));
    let count = match count {
        None | Some(TValue::None) => TValue::Int(-1),
        Some(count) => count,
    };
    method(
        &value,
        "replace",
        Args::of(vec![text(old), text(new), count]),
    )
}

fn number(value: Option<TValue>, unset: usize) -> Eval<usize> {
    match value {
        None | Some(TValue::None) => Ok(unset),
        Some(value) => value
            .as_int()
            .map(|n| usize::try_from(n).unwrap_or(0))
            .ok_or_else(|| Fault::types("an integer is required")),
    }
}

/// The text of a filter that asks its value for a method of text.
fn only_text(value: &TValue) -> Eval<&str> {
    match value {
        TValue::Str(text) => Ok(text),
        value if value.is_undefined() => Err(value.use_fault()),
        other => Err(Fault::other(format!(
            "`{}` object has no attribute `splitlines`",
            other.type_name()
        ))),
    }
}

fn truncate(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let names = ["length", "killwords", "end", "leeway"];
    let [length, kill, end, leeway] = args.bind("truncate", names, 0)?;
    let length = number(length, 255)?;
    let leeway = number(leeway, 5)?;
    let end = end.map_or_else(|| "...".to_owned(), |e| soft(&e));
    if length < end.chars().count() {
        return Err(Fault::other(format!(
            "expected length >= {}, got {length}",
            end.chars().count()
        )));
    }
    if value.len()? <= length.saturating_add(leeway) {
        return Ok(value);
    }
    let TValue::Str(text) = &value else {
        return Err(Fault::types("only text can be truncated"));
    };
    let head: String = text.chars().take(length - end.chars().count()).collect();
    let head = if kill.is_some_and(|k| k.truth()) {
        head
    } else {
        head.rsplit_once(' ')
            .map_or(head.clone(), |(h, _)| h.to_owned())
    };
    Ok(TValue::from(head + &end))
}

fn indent(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [width, first, blank] = args.bind("indent", ["width", "first", "blank"], 0)?;
    let indention = match width {
        Some(TValue::Str(s)) => s.to_string(),
        other => " ".repeat(number(other, 4)?.min(10_000)),
    };
    let (first, blank) = (
        first.is_some_and(|f| f.truth()),
        blank.is_some_and(|b| b.truth()),
    );
    // The reference adds a line's end to the value before it asks for the lines.
    let text = match &value {
        TValue::Str(text) => format!("{text}\n"),
        TValue::List(_) | TValue::Missing | TValue::Undefined(_) => only_text(&value)?.to_owned(),
        other => {
            return Err(Fault::types(format!(
                "cannot add text to `{}`",
                other.type_name()
            )));
        }
    };
    let mut out = String::new();
    for (i, line) in methods::lines(&text, false).iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let indented = if i == 0 {
            first
        } else {
            blank || !line.is_empty()
        };
        if indented {
            out.push_str(&indention);
        }
        out.push_str(line);
    }
    Ok(TValue::from(out))
}

fn wordwrap(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let names = [
        "width",
        "break_long_words",
        "wrapstring",
        "break_on_hyphens",
    ];
    let [width, break_long, wrap, _] = args.bind("wordwrap", names, 0)?;
    let width = number(width, 79)?.max(1);
    let break_long = break_long.is_none_or(|b| b.truth());
    let wrap = wrap.map_or_else(|| "\n".to_owned(), |w| soft(&w));
    let text = only_text(&value)?;
    let wrapped: Vec<String> = methods::lines(text, false)
        .iter()
        .map(|line| wrap_line(line, width, break_long).join(&wrap))
        .collect();
    Ok(TValue::from(wrapped.join(&wrap)))
}

/// Python's `textwrap.wrap` of one line. Differs: hyphens do not break a word.
fn wrap_line(line: &str, width: usize, break_long: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for chunk in chunks(line) {
        let mut chunk = chunk;
        loop {
            let used = current.chars().count();
            let needed = chunk.chars().count();
            if used + needed <= width {
                if !(current.is_empty() && !lines.is_empty() && chunk.trim().is_empty()) {
                    current.push_str(&chunk);
                }
                break;
            }
            if needed > width && break_long && !chunk.trim().is_empty() {
                let room = width - used.min(width);
                let head: String = chunk.chars().take(room).collect();
                chunk = chunk.chars().skip(room).collect();
                current.push_str(&head);
            } else if current.is_empty() {
                if !chunk.trim().is_empty() {
                    lines.push(std::mem::take(&mut chunk));
                }
                break;
            }
            lines.push(std::mem::take(&mut current).trim_end().to_owned());
            if chunk.trim().is_empty() {
                break;
            }
        }
    }
    if !current.trim_end().is_empty() {
        lines.push(current.trim_end().to_owned());
    }
    lines
}

/// Words and the blanks between them.
fn chunks(line: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut blank = None;
    for c in line.chars() {
        let is_blank = c.is_whitespace();
        if blank != Some(is_blank) {
            found.push(String::new());
            blank = Some(is_blank);
        }
        if let Some(last) = found.last_mut() {
            last.push(c);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use crate::clock::Clock;
    use crate::template::scope::ConfigOnly;
    use crate::template::{Config, Template};

    fn value(text: &str) -> Result<Value, String> {
        let config = json!({"n": 7, "long": [1, 2, 3, 4, 5, 6, 7, 8, 9], "pair": {"a": 1}});
        let config = Config::new(config, Arc::new(Clock::new(Some(0), 0.0)));
        let scope = ConfigOnly { config };
        let template = Template::<ConfigOnly>::new(text).unwrap();
        template.json(&scope).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_no_text_is_a_mistake_of_the_kind_that_python_has() {
        for own in [
            "{{ config.n|truncate(5) }}",
            "{{ config.long|truncate(3, true, '', 0) }}",
            "{{ config.n|indent(2) }}",
            "{{ 'x' if config.long is filter }}",
        ] {
            assert_eq!(value(own).unwrap(), own);
        }
        assert_eq!(
            value("{{ config.pair|truncate }}").unwrap(),
            json!({"a": 1})
        );
        assert_eq!(value("{{ 'abc' % config.nothing }}").unwrap(), "abc");
        for wrong in [
            "{{ config.n|wordwrap(5) }}",
            "{{ config.nothing|wordwrap(5) }}",
            "{{ config.long|indent(2) }}",
            "{{ config.nothing|filesizeformat }}",
        ] {
            assert!(value(wrong).is_err(), "{wrong}");
        }
    }
}

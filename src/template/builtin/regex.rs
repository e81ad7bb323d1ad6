//! `regex_search` and `regex_replace` of airbyte-cdk 7.39.1 (`filters.py`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use fancy_regex::{Captures, Regex};

use super::Filter;
use crate::template::error::{Eval, Fault};
use crate::template::eval::{Args, Machine};
use crate::template::value::TValue;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "regex_search",
        call: search,
    },
    Filter {
        name: "regex_replace",
        call: replace,
    },
];

static COMPILED: LazyLock<RwLock<HashMap<String, Arc<Regex>>>> = LazyLock::new(RwLock::default);

/// Patterns that are kept; with more (a template can compute them), the cache starts anew.
const MAX_COMPILED: usize = 1000;

/// A Python pattern, compiled once.
fn compiled(pattern: &str) -> Eval<Arc<Regex>> {
    if let Some(known) = COMPILED
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(pattern)
    {
        return Ok(Arc::clone(known));
    }
    let regex = Regex::new(&translate(pattern))
        .map(Arc::new)
        .map_err(|e| Fault::other(format!("wrong pattern: {e}")))?;
    let mut known = COMPILED.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MAX_COMPILED {
        known.clear();
    }
    known.insert(pattern.to_owned(), Arc::clone(&regex));
    Ok(regex)
}

/// Python's syntax in ours: `\Z` is the end, `$` also stands before a last line break, `[` inside
/// of a set and a `{` that starts no count are plain.
fn translate(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains(['$', '[', '{']) && !pattern.contains("\\Z") {
        return Cow::Borrowed(pattern);
    }
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::new();
    let mut set = None;
    let mut at = 0;
    while let Some(c) = chars.get(at).copied() {
        at += 1;
        match (c, set) {
            ('\\', _) => {
                match (chars.get(at), set) {
                    (Some('Z'), None) => out.push_str("\\z"),
                    (Some(next), _) => {
                        out.push('\\');
                        out.push(*next);
                    }
                    (None, _) => out.push('\\'),
                }
                at += 1;
            }
            ('[', None) => {
                out.push('[');
                if chars.get(at) == Some(&'^') {
                    out.push('^');
                    at += 1;
                }
                // A `]` right after the start is a member.
                if chars.get(at) == Some(&']') {
                    out.push_str("\\]");
                    at += 1;
                }
                set = Some(());
            }
            ('[', Some(())) => out.push_str("\\["),
            ('&' | '~', Some(())) => {
                out.push('\\');
                out.push(c);
            }
            (']', Some(())) => {
                out.push(']');
                set = None;
            }
            ('$', None) => out.push_str("(?=\\n?\\z)"),
            ('{', None) => {
                let rest: String = chars.iter().skip(at).take_while(|c| **c != '}').collect();
                let counts = !rest.is_empty()
                    && rest != ","
                    && rest.chars().all(|c| c.is_ascii_digit() || c == ',')
                    && chars.get(at + rest.chars().count()) == Some(&'}');
                out.push_str(if counts { "{" } else { "\\{" });
            }
            (c, _) => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn text(value: &TValue) -> Eval<&str> {
    value.as_str().ok_or_else(|| {
        Fault::types(format!(
            "expected string or bytes-like object, got `{}`",
            value.type_name()
        ))
    })
}

fn search(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let pattern = args.one("regex_search", "regex")?;
    let regex = compiled(text(&pattern)?)?;
    let found = regex
        .captures(text(&value)?)
        .map_err(|e| Fault::other(format!("the pattern gave up: {e}")))?;
    Ok(match found {
        Some(groups) if groups.len() > 1 => groups
            .get(1)
            .map_or(TValue::None, |m| TValue::str(m.as_str())),
        _ => TValue::str(""),
    })
}

fn replace(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [pattern, replacement] = args.bind("regex_replace", ["regex", "replacement"], 2)?;
    let pattern = pattern.unwrap_or_default();
    let regex = compiled(text(&pattern)?)?;
    let replacement = replacement.unwrap_or_default();
    let parts = parts(text(&replacement)?)?;
    let value = text(&value)?;
    let mut out = String::new();
    let mut end = 0;
    for found in regex.captures_iter(value) {
        let found = found.map_err(|e| Fault::other(format!("the pattern gave up: {e}")))?;
        let Some(whole) = found.get(0) else {
            continue;
        };
        out.push_str(value.get(end..whole.start()).unwrap_or_default());
        for part in &parts {
            part.write(&mut out, &found)?;
        }
        end = whole.end();
    }
    out.push_str(value.get(end..).unwrap_or_default());
    Ok(TValue::from(out))
}

/// A piece of a replacement.
enum Part {
    Text(String),
    Group(usize),
    Named(String),
}

impl Part {
    fn write(&self, out: &mut String, found: &Captures<'_, str>) -> Eval<()> {
        let group = match self {
            Self::Text(text) => {
                out.push_str(text);
                return Ok(());
            }
            Self::Group(n) if *n >= found.len() => {
                return Err(Fault::other("invalid group reference"));
            }
            Self::Group(n) => found.get(*n),
            Self::Named(name) => found.name(name),
        };
        out.push_str(group.map_or("", |m| m.as_str()));
        Ok(())
    }
}

/// A Python replacement: `\1`, `\g<name>`, escapes.
fn parts(text: &str) -> Eval<Vec<Part>> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        let Some(next) = chars.next() else {
            return Err(Fault::other("bad escape (end of pattern)"));
        };
        let part = match next {
            '0' => {
                plain.push('\0');
                continue;
            }
            '1'..='9' => {
                let mut n = usize::try_from(next.to_digit(10).unwrap_or(0)).unwrap_or(0);
                if let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    n = n * 10 + usize::try_from(digit).unwrap_or(0);
                    chars.next();
                }
                Part::Group(n)
            }
            'g' => {
                let name: String = chars.by_ref().take_while(|c| *c != '>').collect();
                let name = name
                    .strip_prefix('<')
                    .ok_or_else(|| Fault::other("missing <"))?;
                name.parse()
                    .map_or_else(|_| Part::Named(name.to_owned()), Part::Group)
            }
            'n' | 't' | 'r' | 'a' | 'b' | 'f' | 'v' | '\\' => {
                plain.push(match next {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'a' => '\x07',
                    'b' => '\x08',
                    'f' => '\x0c',
                    'v' => '\x0b',
                    _ => '\\',
                });
                continue;
            }
            c if c.is_ascii_alphabetic() => {
                return Err(Fault::other(format!("bad escape \\{c}")));
            }
            other => {
                plain.push('\\');
                plain.push(other);
                continue;
            }
        };
        parts.push(Part::Text(std::mem::take(&mut plain)));
        parts.push(part);
    }
    parts.push(Part::Text(plain));
    Ok(parts)
}

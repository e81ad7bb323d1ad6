//! Methods of `str` that take text apart, or look for something in it.

use super::{count, text, texts};
use crate::template::error::{Eval, Fault};
use crate::template::eval::Args;
use crate::template::value::TValue;

/// `s.split(…)` and its kin.
pub(super) fn split(s: &str, name: &str, args: Args) -> Eval<TValue> {
    let [separator, limit] = args.bind(name, ["sep", "maxsplit"], 0)?;
    let limit = count(limit, -1)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let from_right = name == "rsplit";
    let separator = match separator {
        None | Some(TValue::None) => return Ok(texts(split_blanks(s, limit, from_right))),
        given => text(given, "the separator")?,
    };
    if separator.is_empty() {
        return Err(Fault::other("empty separator"));
    }
    let parts = limit.saturating_add(1);
    Ok(if from_right {
        let mut found: Vec<&str> = s.rsplitn(parts, &*separator).collect();
        found.reverse();
        texts(found)
    } else {
        texts(s.splitn(parts, &*separator))
    })
}

fn split_blanks(s: &str, limit: usize, from_right: bool) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = s.trim();
    while !rest.is_empty() {
        let cut = if from_right {
            rest.rfind(char::is_whitespace)
        } else {
            rest.find(char::is_whitespace)
        };
        let cut = cut.filter(|_| found.len() < limit);
        let Some((left, right)) = cut.and_then(|at| rest.split_at_checked(at)) else {
            found.push(rest);
            break;
        };
        if from_right {
            found.push(right.trim_start());
            rest = left.trim_end();
        } else {
            found.push(left);
            rest = right.trim_start();
        }
    }
    if from_right {
        found.reverse();
    }
    found
}

/// `s.startswith(…)`, `s.endswith(…)`.
pub(super) fn affix(s: &str, name: &str, args: Args) -> Eval<TValue> {
    let [affix, start, end] = args.bind(name, ["affix", "start", "end"], 1)?;
    let part = match (start, end) {
        (None, None) => TValue::str(s),
        (start, end) => TValue::str(s).slice(
            &start.unwrap_or(TValue::None),
            &end.unwrap_or(TValue::None),
            &TValue::None,
        )?,
    };
    let part = part.as_str().unwrap_or_default();
    let test = |affix: &TValue| -> Eval<bool> {
        let affix = text(Some(affix.clone()), "the argument")?;
        Ok(if name == "startswith" {
            part.starts_with(&*affix)
        } else {
            part.ends_with(&*affix)
        })
    };
    let found = match affix.unwrap_or_default() {
        TValue::Tuple(options) => {
            let mut found = false;
            for option in options.iter() {
                found |= test(option)?;
            }
            found
        }
        one => test(&one)?,
    };
    Ok(TValue::Bool(found))
}

/// `s.find(…)`, `s.index(…)`, `s.count(…)` and their kin.
pub(super) fn search(s: &str, name: &str, args: Args) -> Eval<TValue> {
    let [needle, start, end] = args.bind(name, ["sub", "start", "end"], 1)?;
    let needle = text(needle, "the argument")?;
    let length = i64::try_from(s.chars().count()).unwrap_or(i64::MAX);
    let clamp = |i: i64| {
        if i < 0 {
            (i + length).max(0)
        } else {
            i.min(length)
        }
    };
    let start = clamp(count(start.filter(|v| !matches!(v, TValue::None)), 0)?);
    let end = clamp(count(end.filter(|v| !matches!(v, TValue::None)), length)?);
    let part: String = s
        .chars()
        .skip(usize::try_from(start).unwrap_or(0))
        .take(usize::try_from(end - start).unwrap_or(0))
        .collect();
    if name == "count" {
        let found = if needle.is_empty() {
            part.chars().count() + 1
        } else {
            part.matches(&*needle).count()
        };
        return Ok(TValue::Int(i64::try_from(found).unwrap_or(i64::MAX)));
    }
    let found = if name.starts_with('r') {
        part.rfind(&*needle)
    } else {
        part.find(&*needle)
    };
    match found.and_then(|at| part.get(..at)) {
        Some(before) if start <= end => Ok(TValue::Int(
            start + i64::try_from(before.chars().count()).unwrap_or(0),
        )),
        _ if name.ends_with("find") => Ok(TValue::Int(-1)),
        _ => Err(Fault::other("substring not found")),
    }
}

/// `s.partition(…)` and its kin.
pub(super) fn partition(s: &str, name: &str, args: Args) -> Eval<TValue> {
    let separator = text(Some(args.one(name, "sep")?), "the separator")?;
    if separator.is_empty() {
        return Err(Fault::other("empty separator"));
    }
    let right = name == "rpartition";
    let found = if right {
        s.rsplit_once(&*separator)
    } else {
        s.split_once(&*separator)
    };
    let parts = match (found, right) {
        (Some((head, tail)), _) => [head, &*separator, tail],
        (None, false) => [s, "", ""],
        (None, true) => ["", "", s],
    };
    Ok(TValue::tuple(parts.iter().map(TValue::str).collect()))
}

/// `s.splitlines()`.
pub(crate) fn lines(s: &str, keep: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut line = String::new();
    let mut chars = s.chars().peekable();
    while let Some(c) = chars.next() {
        let ends = matches!(
            c,
            '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
        );
        if !ends {
            line.push(c);
            continue;
        }
        if keep {
            line.push(c);
        }
        if c == '\r' && chars.peek() == Some(&'\n') {
            chars.next();
            if keep {
                line.push('\n');
            }
        }
        found.push(std::mem::take(&mut line));
    }
    if !line.is_empty() {
        found.push(line);
    }
    found
}

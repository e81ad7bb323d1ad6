//! Changes one value in a YAML text and leaves everything else as it is: comments, order, quotes.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::Value;

/// A mapping or list that has begun.
struct Open {
    is_mapping: bool,
    /// Whether it stands on the path.
    is_on_path: bool,
    /// Where it begins.
    at: Span,
    /// The key whose value comes next.
    key: Option<String>,
    /// Where its first key begins.
    first: Option<Span>,
}

/// What is written where.
struct Edit {
    from: usize,
    to: usize,
    text: String,
}

/// The text with `value` at `path`: in the place of a scalar, or as a new key of a mapping that is
/// there. None where it cannot be done so.
pub(super) fn set(text: &str, path: &[String], value: &Value) -> Option<String> {
    let edit = edit(text, path, &value.to_string())?;
    let at = |index: usize| {
        let mut chars = text.char_indices().map(|(at, _)| at);
        chars.nth(index).unwrap_or(text.len())
    };
    let (before, after) = (text.get(..at(edit.from))?, text.get(at(edit.to)..)?);
    Some(format!("{before}{}{after}", edit.text))
}

fn edit(text: &str, path: &[String], value: &str) -> Option<Edit> {
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                let is_mapping = matches!(event, Event::MappingStart(..));
                let is_on_path = takes(&mut open, path);
                if is_on_path && open.len() >= path.len() {
                    return None;
                }
                open.push(Open {
                    is_mapping,
                    is_on_path: is_mapping && is_on_path,
                    at: span,
                    key: None,
                    first: None,
                });
            }
            Event::Scalar(key, style, ..) => match open.last_mut() {
                Some(map) if map.is_mapping && map.key.is_none() => {
                    map.key = Some(key.into_owned());
                    map.first.get_or_insert(span);
                }
                _ => {
                    if takes(&mut open, path) {
                        if open.len() != path.len() {
                            return None;
                        }
                        return Some(Edit {
                            from: span.start.index(),
                            to: end(text, span, style)?,
                            text: value.to_owned(),
                        });
                    }
                }
            },
            Event::Alias(_) => {
                let is_on_path = takes(&mut open, path);
                if is_on_path {
                    return None;
                }
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let ended = open.pop()?;
                if ended.is_on_path {
                    let key = path.get(open.len())?;
                    return (open.len() + 1 == path.len())
                        .then(|| new_key(text, &ended, key, value))?;
                }
            }
            _ => {}
        }
    }
    None
}

/// Where a scalar ends: the parser counts what follows a quoted one to it. None for blocks.
fn end(text: &str, span: Span, style: ScalarStyle) -> Option<usize> {
    let start = span.start.index();
    let mut inside = text.chars().enumerate().skip(start + 1).peekable();
    match style {
        ScalarStyle::Plain => Some(span.end.index()),
        ScalarStyle::SingleQuoted => loop {
            if let (index, '\'') = inside.next()?
                && inside.next_if(|(_, c)| *c == '\'').is_none()
            {
                return Some(index + 1);
            }
        },
        ScalarStyle::DoubleQuoted => loop {
            match inside.next()? {
                (_, '\\') => {
                    inside.next()?;
                }
                (index, '"') => return Some(index + 1),
                _ => {}
            }
        },
        _ => None,
    }
}

/// Takes the value that comes for the one of the last key; whether it is the path's.
fn takes(open: &mut [Open], path: &[String]) -> bool {
    let depth = open.len();
    match open.last_mut() {
        None => true,
        Some(last) => {
            let key = last.key.take();
            last.is_on_path && key.is_some() && key.as_ref() == path.get(depth - 1)
        }
    }
}

/// A key before the first one of a mapping.
fn new_key(text: &str, map: &Open, key: &str, value: &str) -> Option<Edit> {
    let key = Value::from(key).to_string();
    let (start, first) = (map.at.start, map.first?.start);
    let (from, text) = if text.chars().nth(start.index()) == Some('{') {
        (first.index(), format!("{key}: {value}, "))
    } else {
        let indent = " ".repeat(first.col());
        (first.index(), format!("{key}: {value}\n{indent}"))
    };
    Some(Edit {
        from,
        to: from,
        text,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edited(text: &str, path: &str) -> Option<String> {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        let edited = set(text, &path, &json!("new"))?;
        let read: Value = serde_yaml::from_str(&edited).unwrap();
        let found = path.iter().fold(&read, |value, key| &value[key.as_str()]);
        assert_eq!(found, "new", "{edited}");
        Some(edited)
    }

    #[test]
    fn only_the_value_changes() {
        let text = "# Asana, ü\na: 1 # one\ncredentials:\n  token: 'old' # rotated\n  l: [token, {token: x}]\nb: {c: old, d: 2}\n";
        assert_eq!(
            edited(text, "credentials.token").unwrap(),
            text.replace("'old'", "\"new\"")
        );
        assert_eq!(
            edited(text, "b.c").unwrap(),
            text.replace("c: old", "c: \"new\"")
        );
        let quoted = "a: \"o\\\"l # d\" # one\nb: 'it''s' # two\nc:   plain   # three\n";
        for (path, old) in [("a", "\"o\\\"l # d\""), ("b", "'it''s'"), ("c", "plain")] {
            assert_eq!(
                edited(quoted, path).unwrap(),
                quoted.replace(old, "\"new\"")
            );
        }
    }

    #[test]
    fn a_key_is_added_to_a_mapping_that_is_there() {
        let text = "credentials:\n  # the client\n  id: x\n";
        assert_eq!(
            edited(text, "credentials.token").unwrap(),
            "credentials:\n  # the client\n  \"token\": \"new\"\n  id: x\n"
        );
        assert_eq!(
            edited("{a: {b: 1}}", "a.c").unwrap(),
            "{a: {\"c\": \"new\", b: 1}}"
        );
        assert_eq!(
            edited("a: 1\n", "token").unwrap(),
            "\"token\": \"new\"\na: 1\n"
        );
    }

    #[test]
    fn what_cannot_be_done_is_not_done() {
        for (text, path) in [
            ("a: 1\n", "credentials.token"),
            ("a: [1]\n", "a"),
            ("a: {}\n", "a.b"),
            ("x: &x {t: 1}\na: *x\n", "a.t"),
            ("a: [", "a"),
            ("", "a"),
            ("a: |\n  block\n", "a"),
        ] {
            assert_eq!(edited(text, path), None, "{text}");
        }
    }
}

//! Holding what was asked against what was recorded.
//!
//! In: texts, pairs or JSON of both. Out: whether they fit, or in words where not. `***` in what was
//! recorded, the mark of a masked credential, stands for any text.

use serde_json::Value;

use crate::http::MASK;

/// A decoded name and value.
pub(super) type Pair = (String, String);

/// Sorted.
pub(super) type Pairs = Vec<Pair>;

/// Does `recorded`, in which `***` stands for any text, fit `asked`?
pub(super) fn fits(recorded: &str, asked: &str) -> bool {
    let mut pieces = recorded.split(MASK);
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = asked.strip_prefix(first) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

/// Has each pair its counterpart? Those without a mask choose first.
pub(super) fn pairs_fit(recorded: &Pairs, asked: &Pairs) -> bool {
    unmatched(recorded, asked) == (Vec::new(), Vec::new())
}

fn unmatched<'a>(recorded: &'a Pairs, asked: &'a Pairs) -> (Vec<&'a Pair>, Vec<&'a Pair>) {
    let mut left: Vec<_> = asked.iter().collect();
    let (masked, plain): (Vec<_>, Vec<_>) = recorded.iter().partition(|(_, v)| v.contains(MASK));
    let mut missing = Vec::new();
    for pair in plain.into_iter().chain(masked) {
        let found = left
            .iter()
            .position(|(k, v)| *k == pair.0 && fits(&pair.1, v));
        match found {
            Some(at) => {
                left.remove(at);
            }
            None => missing.push(pair),
        }
    }
    (missing, left)
}

pub(super) fn pairs_difference(what: &str, recorded: &Pairs, asked: &Pairs) -> Vec<String> {
    let (missing, mut extra) = unmatched(recorded, asked);
    let mut found = Vec::new();
    for (name, value) in missing {
        found.push(match extra.iter().position(|(n, _)| n == name) {
            Some(at) => {
                let (_, asked) = extra.remove(at);
                format!(
                    "{what} `{name}`: recorded {}, asked {}",
                    brief(value),
                    brief(asked)
                )
            }
            None => format!("{what} `{name}`: recorded {}, not asked", brief(value)),
        });
    }
    let extra = extra.into_iter();
    found.extend(
        extra.map(|(name, value)| format!("{what} `{name}`: not recorded, asked {}", brief(value))),
    );
    found
}

/// The first path at which `asked` is not what was recorded.
pub(super) fn json_difference(recorded: &Value, asked: &Value, path: &str) -> Option<String> {
    match (recorded, asked) {
        (Value::Object(recorded), Value::Object(asked)) => {
            for (key, value) in recorded {
                let path = format!("{path}.{key}");
                match asked.get(key) {
                    Some(asked) => {
                        if let Some(found) = json_difference(value, asked, &path) {
                            return Some(found);
                        }
                    }
                    None => {
                        return Some(format!(
                            "{path}: recorded {}, not asked",
                            brief(&value.to_string())
                        ));
                    }
                }
            }
            let extra = asked.iter().find(|(key, _)| !recorded.contains_key(*key))?;
            Some(format!(
                "{path}.{}: not recorded, asked {}",
                extra.0,
                brief(&extra.1.to_string())
            ))
        }
        (Value::Array(recorded), Value::Array(asked)) if recorded.len() == asked.len() => {
            let mut pairs = recorded.iter().zip(asked).enumerate();
            pairs.find_map(|(at, (recorded, asked))| {
                json_difference(recorded, asked, &format!("{path}[{at}]"))
            })
        }
        (Value::String(recorded), Value::String(asked)) if fits(recorded, asked) => None,
        // A number that was a credential was recorded as text.
        (Value::String(mask), Value::Number(_)) if mask == MASK => None,
        _ if recorded == asked => None,
        _ => {
            let (recorded, asked) = (recorded.to_string(), asked.to_string());
            Some(format!(
                "{path}: recorded {}, asked {}",
                brief(&recorded),
                brief(&asked)
            ))
        }
    }
}

pub(super) fn brief(text: &str) -> String {
    const LONGEST: usize = 120;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

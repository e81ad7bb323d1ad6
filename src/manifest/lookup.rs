//! Finds what a `$ref` leads to in the manifest as it was written.

use super::lint::nearest;
use super::node::{Node, NodeValue};

/// Why a reference leads nowhere.
pub(super) struct Missing {
    pub(super) why: String,
    pub(super) help: Option<String>,
}

/// Finds what a reference leads to: at each level the whole rest of the path is tried as a key
/// first, then its first part.
pub(super) fn lookup<'a>(text: &str, root: &'a Node) -> Result<&'a Node, Missing> {
    // The reference's regular expression stops at a line's end.
    let mut rest = text
        .strip_prefix("#/")
        .and_then(|path| path.split('\n').next())
        .unwrap_or_default();
    let whole = rest;
    let mut node = root;
    while !rest.is_empty() {
        if let Some(found) = node.get(rest) {
            return Ok(found);
        }
        let (head, tail) = rest.split_once('/').unwrap_or((rest, ""));
        let before = whole.strip_suffix(rest).unwrap_or_default();
        node = step(node, head).ok_or_else(|| missing(node, before, head, tail))?;
        rest = tail;
    }
    Ok(node)
}

fn step<'a>(node: &'a Node, head: &str) -> Option<&'a Node> {
    match &node.value {
        NodeValue::Map(map) => map.get(head).map(|entry| &entry.node),
        NodeValue::Seq(items) => {
            let index: i64 = head.trim().parse().ok()?;
            // As in Python, a negative index counts from the end.
            let index = match usize::try_from(index) {
                Ok(index) => index,
                Err(_) => items
                    .len()
                    .checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
            };
            items.get(index)
        }
        _ => None,
    }
}

fn missing(node: &Node, before: &str, head: &str, tail: &str) -> Missing {
    let place = match before.trim_end_matches('/') {
        "" => "the manifest".to_owned(),
        path => format!("`{}`", path.replace('/', ".")),
    };
    match &node.value {
        NodeValue::Map(map) => {
            let slash = if tail.is_empty() { "" } else { "/" };
            let near = nearest(head, map.keys().map(|key| &**key));
            let help = near.map(|near| format!("did you mean `#/{before}{near}{slash}{tail}`?"));
            let help = help.or_else(|| {
                map.contains_key("$ref").then(|| {
                    "references lead into the manifest as it is written, not through other `$ref`s"
                        .to_owned()
                })
            });
            Missing {
                why: format!("{place} has no `{head}`"),
                help,
            }
        }
        NodeValue::Seq(items) => Missing {
            why: format!("{place} is a list of {}, it has no `{head}`", items.len()),
            help: None,
        },
        other => Missing {
            why: format!("{place} is {}, it has no `{head}`", other.kind()),
            help: None,
        },
    }
}

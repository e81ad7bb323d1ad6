//! `opt_fields`: which fields of a record an answer shows.
//!
//! As Asana documents it: exactly the named fields and always `gid`; paths are dotted; a leading
//! `this.` means nothing; `(a|b)` stands for one term; an unknown name brings nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The named fields as a tree.
#[derive(Debug, Default)]
pub(super) struct Fields(BTreeMap<String, Fields>);

impl Fields {
    pub(super) fn parse(text: &str) -> Self {
        let mut root = Self::default();
        for path in split(text, ',') {
            let terms: Vec<&str> = split(path.trim(), '.').collect();
            root.add(terms.strip_prefix(&["this"]).unwrap_or(&terms));
        }
        root
    }

    fn add(&mut self, terms: &[&str]) {
        let Some((term, rest)) = terms.split_first() else {
            return;
        };
        let group = term
            .strip_prefix('(')
            .and_then(|term| term.strip_suffix(')'));
        match group {
            Some(group) => {
                for choice in split(group, '|') {
                    let mut path: Vec<&str> = split(choice, '.').collect();
                    path.extend(rest);
                    self.add(&path);
                }
            }
            None => self.0.entry((*term).to_owned()).or_default().add(rest),
        }
    }

    /// What these fields leave of a value.
    pub(super) fn of(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.of(item)).collect(),
            Value::Object(fields) => Value::Object(self.of_object(fields)),
            other => other.clone(),
        }
    }

    fn of_object(&self, object: &Map<String, Value>) -> Map<String, Value> {
        // An object named alone is not promised with more than what identifies it.
        let alone = self.0.is_empty();
        object
            .iter()
            .filter_map(|(name, value)| match self.0.get(name) {
                Some(fields) => Some((name.clone(), fields.of(value))),
                None if name == "gid" || (alone && name == "resource_type") => {
                    Some((name.clone(), value.clone()))
                }
                None => None,
            })
            .collect()
    }
}

/// Splits at `separator`, but not inside of parentheses.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && c == separator
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shows_what_is_named_and_gid() {
        let task = json!({"gid": "1", "name": "n", "notes": "x", "assignee": {"gid": "2", "resource_type": "user", "name": "u"},
            "memberships": [{"project": {"gid": "3", "name": "p"}, "section": {"gid": "4", "name": "s"}}], "parent": null});
        for (fields, left) in [
            ("name", json!({"gid": "1", "name": "n"})),
            ("this.name,unknown", json!({"gid": "1", "name": "n"})),
            (
                "assignee",
                json!({"gid": "1", "assignee": {"gid": "2", "resource_type": "user"}}),
            ),
            (
                "assignee.name,parent.name",
                json!({"gid": "1", "assignee": {"gid": "2", "name": "u"}, "parent": null}),
            ),
            (
                "(notes|memberships.(project|section).name)",
                json!({"gid": "1", "notes": "x", "memberships": [{"project": {"gid": "3", "name": "p"}, "section": {"gid": "4", "name": "s"}}]}),
            ),
        ] {
            assert_eq!(Fields::parse(fields).of(&task), left, "{fields}");
        }
    }
}

//! Changes in a node at a path. What is not changed keeps its place.

use std::sync::Arc;

use serde_json::Value;

use crate::component::dpath::Step;
use crate::manifest::{Entry, Map, Node, NodeValue, Via};

/// Puts `value` at an exact path; false when the path is not there any more.
pub(super) fn replace(node: &mut Node, path: &[Step], value: &Node) -> bool {
    let Some((step, rest)) = path.split_first() else {
        *node = value.clone();
        return true;
    };
    let child = match (step, &mut node.value) {
        (Step::Key(key), NodeValue::Map(map)) => {
            let entry = Arc::make_mut(map).get_mut(key.as_str());
            entry.map(|entry| &mut entry.node)
        }
        (Step::Item(index, _), NodeValue::Seq(items)) => Arc::make_mut(items).get_mut(*index),
        _ => None,
    };
    child.is_some_and(|child| replace(child, rest, value))
}

/// Puts `value` at a path of keys, and makes what is missing on the way: mappings, or lists where
/// the next key is a number, as `dpath.new` does.
///
/// # Errors
/// When the path is empty, or leads through a value without children.
pub(super) fn create(node: &mut Node, path: &[Value], value: &Node) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        return Err("the `field_path` is empty".to_owned());
    };
    let missing = || match rest.first().map(index) {
        None | Some(None) => NodeValue::Map(Arc::default()),
        Some(Some(_)) => NodeValue::Seq(Arc::default()),
    };
    let fresh = |value: NodeValue, near: &Node| Node {
        value,
        at: near.at.clone(),
        via: Via::default(),
    };
    let child = match &mut node.value {
        NodeValue::Map(map) => {
            let key: Arc<str> = match first {
                Value::String(key) => Arc::from(key.as_str()),
                other => Arc::from(other.to_string()),
            };
            let map: &mut Map = Arc::make_mut(map);
            let entry = map.entry(key).or_insert_with(|| Entry {
                key_at: value.at.clone(),
                node: fresh(missing(), value),
                injected: false,
            });
            &mut entry.node
        }
        NodeValue::Seq(items) => {
            let items = Arc::make_mut(items);
            let index = index(first).filter(|index| *index <= items.len());
            let Some(index) = index else {
                return Err(format!(
                    "a list of {} has no place for `{first}`",
                    items.len()
                ));
            };
            if index == items.len() {
                items.push(fresh(missing(), value));
            }
            &mut items[index]
        }
        _ => {
            return Err(format!(
                "the path of `{first}` leads through a value without children"
            ));
        }
    };
    if rest.is_empty() {
        *child = value.clone();
        return Ok(());
    }
    create(child, rest, value)
}

fn index(segment: &Value) -> Option<usize> {
    match segment {
        Value::Number(number) => usize::try_from(number.as_u64()?).ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::testing::node;

    #[test]
    fn what_is_missing_is_made() {
        let mut target = node("a: {b: 1}\nlist: [x]");
        let value = node("new");
        for path in [
            json!(["a", "c", "d"]),
            json!(["list", 1]),
            json!(["l", "0"]),
        ] {
            create(&mut target, path.as_array().unwrap(), &value).unwrap();
        }
        assert_eq!(
            target.to_json(),
            json!({"a": {"b": 1, "c": {"d": "new"}}, "list": ["x", "new"], "l": ["new"]})
        );
        for path in [json!([]), json!(["a", "b", "c"]), json!(["list", 9])] {
            assert!(create(&mut target, path.as_array().unwrap(), &value).is_err());
        }
    }

    #[test]
    fn what_is_not_changed_keeps_its_place() {
        let mut target = node("a: 1\nb: 2");
        let place = target.get("b").unwrap().at.clone();
        assert!(replace(&mut target, &[Step::Key("a".into())], &node("x")));
        assert!(!replace(&mut target, &[Step::Key("c".into())], &node("x")));
        assert_eq!(target.to_json(), json!({"a": "x", "b": 2}));
        assert_eq!(target.get("b").unwrap().at, place);
    }
}

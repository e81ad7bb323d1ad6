//! Default types and `$parameters`, put where they count.
//!
//! As airbyte-cdk 7.39.1, `parsers/manifest_component_transformer.py`, with its odd rules: an own
//! value that is falsy yields to the parameter; a parameter is not passed into the field of its
//! own name, and is lost behind it when it is falsy; JSON schemas are left alone; a mapping
//! without a type hands parameters on only to its values that have one.

use std::sync::Arc;

use serde_json::Value;

use super::defaults::{default_custom_type, default_type};
use super::error::{Error, merge};
use super::node::{Entry, Map, Node, NodeValue};
use super::place::{Place, Via};
use super::yaml::MAX_DEPTH;

/// Components, and parameters passed to them, at most. Parameters that are components multiply in
/// one another.
const MAX_PASSED: usize = 500_000;

const PARAMETERS: &str = "$parameters";

/// The manifest with the type of its root.
pub(super) fn with_source_type(root: &Node) -> Result<Node, Vec<Error>> {
    match &root.value {
        NodeValue::Map(map) if !map.contains_key("type") => {
            let mut map = Map::clone(map);
            let value = NodeValue::Str(Arc::from("DeclarativeSource"));
            map.insert(Arc::from("type"), injected(value, &root.at, &root.via));
            Ok(replaced(root, map))
        }
        NodeValue::Map(_) => Ok(root.clone()),
        other => Err(vec![Error::new(
            format!("found {}, expected a mapping", other.kind()),
            &root.at,
        )]),
    }
}

/// Puts default types and `$parameters` into a component and all that it holds.
///
/// `parameters` come from outside of it. Where both have a key, its own `$parameters` win, or with
/// `outer_wins` those from outside: the reference does so for dynamic streams.
pub fn propagate(
    component: &Node,
    parameters: &serde_json::Map<String, Value>,
    outer_wins: bool,
) -> Result<Node, Vec<Error>> {
    let NodeValue::Map(map) = &component.value else {
        let message = format!("found {}, expected a component", component.value.kind());
        return Err(vec![
            Error::new(message, &component.at).through(&component.via),
        ]);
    };
    let outer: Arc<Map> = Arc::new(
        parameters
            .iter()
            .map(|(key, value)| {
                let node = Node::from_json(value, &component.at);
                (
                    Arc::from(key.as_str()),
                    injected(node.value, &node.at, &component.via),
                )
            })
            .collect(),
    );
    let mut pass = Pass {
        outer_wins,
        passed: 0,
        errors: Vec::new(),
    };
    let done = pass.component("", "", component, map, &component.via, &outer, 0);
    if pass.errors.is_empty() {
        Ok(match done {
            Some(map) => replaced(component, map),
            None => component.clone(),
        })
    } else {
        Err(merge(pass.errors))
    }
}

fn injected(value: NodeValue, at: &Place, via: &Via) -> Entry {
    Entry {
        key_at: at.clone(),
        node: Node {
            value,
            at: at.clone(),
            via: via.clone(),
        },
        injected: true,
    }
}

fn replaced(node: &Node, map: Map) -> Node {
    Node {
        value: NodeValue::Map(Arc::new(map)),
        at: node.at.clone(),
        via: node.via.clone(),
    }
}

struct Pass {
    outer_wins: bool,
    passed: usize,
    errors: Vec<Error>,
}

impl Pass {
    /// The component changed, or none if it stays as it is. `via` is its whole trail, `owner` and
    /// `field` say where it stands.
    #[expect(clippy::too_many_arguments, reason = "all change at each level")]
    fn component(
        &mut self,
        owner: &str,
        field: &str,
        node: &Node,
        map: &Arc<Map>,
        via: &Via,
        outer: &Arc<Map>,
        depth: usize,
    ) -> Option<Map> {
        self.passed += 1 + outer.len();
        if self.passed > MAX_PASSED || depth > 2 * MAX_DEPTH {
            if self.errors.is_empty() {
                let message = "the manifest grows without end when `$parameters` are passed on";
                self.errors.push(Error::new(message, &node.at).through(via));
            }
            return None;
        }
        let default = match (map.contains_key("type"), map.contains_key("class_name")) {
            (true, _) => None,
            (false, true) => default_custom_type(owner, field),
            (false, false) => default_type(owner, field),
        };
        let own = map.get(PARAMETERS);
        let mut parameters = self.combine(own, via, outer);
        let without = || {
            own.map(|_| {
                let mut map = Map::clone(map);
                map.shift_remove(PARAMETERS);
                map
            })
        };
        if is_json_schema(map) {
            return without();
        }
        if default.is_none() && !map.contains_key("type") {
            return self.plain(owner, field, map, without(), via, &parameters, depth);
        }
        let mut changed = if default.is_some() || own.is_some() || !parameters.is_empty() {
            // No larger than it will be: there are as many of these as components.
            let added = parameters.keys().filter(|key| !map.contains_key(*key));
            let room = map.len() + added.count() + 2;
            let mut out = Map::with_capacity_and_hasher(room, Default::default());
            let kept = map.iter().filter(|(key, _)| &***key != PARAMETERS);
            out.extend(kept.map(|(key, entry)| (Arc::clone(key), entry.clone())));
            if let Some(default) = default {
                let value = NodeValue::Str(Arc::from(default));
                out.insert(Arc::from("type"), injected(value, &node.at, via));
            }
            inject(&mut out, &parameters);
            Some(out)
        } else {
            None
        };
        let kind = match changed.as_ref().unwrap_or(map).get("type") {
            Some(Entry { node, .. }) => match &node.value {
                NodeValue::Str(kind) => Arc::clone(kind),
                _ => Arc::from(""),
            },
            None => Arc::from(""),
        };
        let mut i = 0;
        while let Some((key, entry)) = changed.as_ref().unwrap_or(map).get_index(i) {
            if matches!(entry.node.value, NodeValue::Map(_) | NodeValue::Seq(_)) {
                let (key, entry) = (Arc::clone(key), entry.clone());
                let done = self.value(&kind, &key, &entry, via, &mut parameters, depth);
                if let Some(value) = done {
                    let out = changed.get_or_insert_with(|| Map::clone(map));
                    if let Some((_, entry)) = out.get_index_mut(i) {
                        entry.node.value = value;
                    }
                }
            }
            i += 1;
        }
        if !parameters.is_empty() {
            let at = own.map_or(&node.at, |entry| &entry.node.at);
            let entry = injected(NodeValue::Map(parameters), at, via);
            changed
                .get_or_insert_with(|| Map::clone(map))
                .insert(Arc::from(PARAMETERS), entry);
        }
        changed
    }

    /// A list or mapping in a component's field, changed.
    fn value(
        &mut self,
        kind: &str,
        key: &Arc<str>,
        entry: &Entry,
        via: &Via,
        parameters: &mut Arc<Map>,
        depth: usize,
    ) -> Option<NodeValue> {
        // Shared with the components around as long as nothing is taken out.
        let excluded = if parameters.contains_key(key) {
            Arc::make_mut(parameters).shift_remove(key)
        } else {
            None
        };
        let from_parameter = entry.injected && excluded.is_some();
        let via = whole_trail(entry, via);
        let done = match &entry.node.value {
            NodeValue::Map(map) => self
                .component(kind, key, &entry.node, map, &via, parameters, depth + 1)
                .map(|map| NodeValue::Map(Arc::new(map))),
            NodeValue::Seq(items) => self
                .elements(kind, key, items, &via, parameters, depth)
                .map(|items| NodeValue::Seq(Arc::new(items))),
            _ => None,
        };
        if let Some(mut excluded) = excluded
            && excluded.node.value.is_truthy()
        {
            // The reference changes a list in its place, and so the parameter that it came from.
            if let (true, Some(list @ NodeValue::Seq(_))) = (from_parameter, &done) {
                excluded.node.value = list.clone();
            }
            Arc::make_mut(parameters).insert(Arc::clone(key), excluded);
        }
        done
    }

    fn elements(
        &mut self,
        kind: &str,
        key: &str,
        items: &Arc<Vec<Node>>,
        via: &Via,
        parameters: &Arc<Map>,
        depth: usize,
    ) -> Option<Vec<Node>> {
        let mut changed: Option<Vec<Node>> = None;
        for (i, item) in items.iter().enumerate() {
            let NodeValue::Map(map) = &item.value else {
                continue;
            };
            let via = item.via.within(via);
            let done = self.component(kind, key, item, map, &via, parameters, depth + 1);
            if let Some(map) = done {
                let all = changed.get_or_insert_with(|| Vec::clone(items));
                if let Some(slot) = all.get_mut(i) {
                    *slot = replaced(item, map);
                }
            }
        }
        changed
    }

    /// A mapping that is no component: its values that have a type get the parameters.
    #[expect(clippy::too_many_arguments, reason = "all change at each level")]
    fn plain(
        &mut self,
        owner: &str,
        field: &str,
        map: &Arc<Map>,
        mut changed: Option<Map>,
        via: &Via,
        parameters: &Arc<Map>,
        depth: usize,
    ) -> Option<Map> {
        for (key, entry) in map.iter() {
            if &**key == PARAMETERS || !has_type(&entry.node) {
                continue;
            }
            let NodeValue::Map(inner) = &entry.node.value else {
                continue;
            };
            let via = whole_trail(entry, via);
            let node = &entry.node;
            let done = self.component(owner, field, node, inner, &via, parameters, depth + 1);
            if let Some(inner) = done {
                let out = changed.get_or_insert_with(|| Map::clone(map));
                if let Some(slot) = out.get_mut(key) {
                    slot.node.value = NodeValue::Map(Arc::new(inner));
                }
            }
        }
        changed
    }

    /// The parameters from outside and a component's own.
    fn combine(&mut self, own: Option<&Entry>, via: &Via, outer: &Arc<Map>) -> Arc<Map> {
        let Some(own) = own else {
            return Arc::clone(outer);
        };
        let via = whole_trail(own, via);
        let NodeValue::Map(map) = &own.node.value else {
            let message = format!(
                "`$parameters` is {}, expected a mapping",
                own.node.value.kind()
            );
            self.errors
                .push(Error::new(message, &own.node.at).through(&via));
            return Arc::clone(outer);
        };
        let own = map.iter().map(|(key, entry)| {
            let mut entry = entry.clone();
            entry.node.via = whole_trail(&entry, &via);
            entry.injected = true;
            (Arc::clone(key), entry)
        });
        if self.outer_wins {
            let mut all: Map = own.collect();
            all.extend(outer.iter().map(|(k, v)| (Arc::clone(k), v.clone())));
            Arc::new(all)
        } else {
            let mut all = Map::clone(outer);
            all.extend(own);
            Arc::new(all)
        }
    }
}

/// The trail of an entry of a mapping that has the trail `outer`.
fn whole_trail(entry: &Entry, outer: &Via) -> Via {
    if entry.injected {
        entry.node.via.clone()
    } else {
        entry.node.via.within(outer)
    }
}

/// Parameters fill the fields that are absent or falsy.
fn inject(out: &mut Map, parameters: &Map) {
    for (key, parameter) in parameters {
        let own = out.get(key);
        if !own.is_some_and(|entry| entry.node.value.is_truthy()) {
            out.insert(Arc::clone(key), parameter.clone());
        }
    }
}

fn is_json_schema(map: &Map) -> bool {
    match map.get("type").map(|entry| &entry.node.value) {
        Some(NodeValue::Str(kind)) => &**kind == "object",
        Some(NodeValue::Seq(kinds)) => kinds
            .iter()
            .map(Node::as_str)
            .eq([Some("null"), Some("object")]),
        _ => false,
    }
}

fn has_type(node: &Node) -> bool {
    node.get("type").is_some_and(|kind| kind.value.is_truthy())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::Manifest;

    fn resolved(text: &str) -> Value {
        let text = format!("type: DeclarativeSource\n{text}");
        Manifest::load(&text, "m").unwrap().root().to_json()
    }

    #[test]
    fn types_are_inferred_by_the_field_of_a_typed_component() {
        let found = resolved(
            "streams:\n\
             - retriever: {requester: {error_handler: {}}, paginator: {}}\n  \
               schema_loader: {}\n\
             - {type: Other, retriever: {requester: {}}}\n\
             - retriever: {class_name: a.B, requester: {}}\n",
        );
        assert_eq!(
            found["streams"],
            json!([
                {
                    "type": "DeclarativeStream",
                    "retriever": {
                        "type": "SimpleRetriever",
                        "requester": {
                            "type": "HttpRequester",
                            "error_handler": {"type": "DefaultErrorHandler"}
                        },
                        "paginator": {"type": "NoPagination"}
                    },
                    "schema_loader": {"type": "JsonFileSchemaLoader"}
                },
                {"type": "Other", "retriever": {"requester": {}}},
                {
                    "type": "DeclarativeStream",
                    "retriever": {"type": "CustomRetriever", "class_name": "a.B", "requester": {}}
                }
            ])
        );
    }

    #[test]
    fn own_parameters_win_and_falsy_values_yield() {
        let found = resolved(
            "a:\n  type: A\n  $parameters: {p: 1, q: 2, r: 3}\n  p: 0\n  q: 5\n  \
               b: {type: B, $parameters: {q: 7}}\n",
        );
        assert_eq!(
            found["a"],
            json!({
                "type": "A", "p": 1, "q": 5, "r": 3,
                "b": {"type": "B", "p": 1, "q": 7, "r": 3, "$parameters": {"p": 1, "q": 7, "r": 3}},
                "$parameters": {"p": 1, "q": 2, "r": 3}
            })
        );
    }

    #[test]
    fn a_parameter_does_not_enter_the_field_of_its_name() {
        let found = resolved(
            "a:\n  type: A\n  $parameters: {b: {type: X}, c: ''}\n  b: {type: B}\n  \
               c: {type: C}\n  d: {type: D}\n",
        );
        // `c` is falsy and gets lost behind its own field.
        assert_eq!(
            found["a"],
            json!({
                "type": "A",
                "b": {"type": "B", "c": "", "$parameters": {"c": ""}},
                "c": {"type": "C", "b": {"type": "X"}, "$parameters": {"b": {"type": "X"}}},
                "d": {"type": "D", "b": {"type": "X"}, "$parameters": {"b": {"type": "X"}}},
                "$parameters": {"b": {"type": "X"}}
            })
        );
    }

    #[test]
    fn schemas_and_plain_mappings_are_left_alone() {
        let found = resolved(
            "a:\n  type: A\n  $parameters: {p: 1}\n  \
               schema: {type: object, properties: {x: {type: string}}}\n  \
               nullable: {type: ['null', object], y: {type: Z}}\n  \
               plain: {x: {y: {type: Deep}}}\n  \
               holder: {$parameters: {q: 2}, x: {type: X}, y: 1}\n  \
               list: [{type: L}, [{type: M}], {x: 1}]\n",
        );
        assert_eq!(
            found["a"],
            json!({
                "type": "A", "p": 1,
                "schema": {"type": "object", "properties": {"x": {"type": "string"}}},
                "nullable": {"type": ["null", "object"], "y": {"type": "Z"}},
                "plain": {"x": {"y": {"type": "Deep"}}},
                "holder": {"x": {"type": "X", "p": 1, "q": 2, "$parameters": {"p": 1, "q": 2}}, "y": 1},
                "list": [{"type": "L", "p": 1, "$parameters": {"p": 1}}, [{"type": "M"}], {"x": 1}],
                "$parameters": {"p": 1}
            })
        );
    }

    #[test]
    fn outer_parameters_can_win() {
        let text = "type: T\n$parameters: {p: own}\nchild: {type: C, $parameters: {p: inner}}\n";
        let node = crate::manifest::yaml::parse(text, "m", &mut Vec::new()).unwrap();
        let Value::Object(outer) = json!({"p": "outer"}) else {
            panic!("no mapping");
        };
        let ours = propagate(&node, &outer, true).unwrap().to_json();
        assert_eq!(ours["p"], "outer");
        assert_eq!(ours["child"]["p"], "outer");
        let ours = propagate(&node, &outer, false).unwrap().to_json();
        assert_eq!(ours["p"], "own");
        assert_eq!(ours["child"]["p"], "inner");
    }

    #[test]
    fn parameters_must_be_a_mapping() {
        let text = "a: {type: A, $parameters: [x]}\nb: {type: B, $parameters: ~}\n";
        let errors = Manifest::load(text, "m").unwrap_err();
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "m:1:27: `$parameters` is a list, expected a mapping",
                "m:2:27: `$parameters` is null, expected a mapping",
            ]
        );
    }
}

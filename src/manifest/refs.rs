//! `$ref`: a value that stands elsewhere in the manifest.
//!
//! As airbyte-cdk 7.39.1, `parsers/manifest_reference_resolver.py`: any text that begins with
//! `#/` is a reference, except under `config_overrides`; a mapping's `$ref` is spread into the
//! mapping, whose own keys win. References lead into the manifest as it was written, before any
//! of them is resolved.
//!
//! What is referred to is resolved once and shared by all who refer to it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::error::{Error, merge};
use super::lint::Lint;
use super::lookup::lookup;
use super::node::{Entry, Map, Node, NodeValue};
use super::place::{Place, Via};
use super::yaml::MAX_DEPTH;

/// Values of the resolved manifest, at most, each counted as often as it is used.
const MAX_SIZE: u64 = 4_000_000;

/// Fields whose values are connector configuration, in which `#/…` is just text.
const UNTOUCHED: &str = "config_overrides";

/// Replaces all references by what they lead to.
pub(super) fn resolve(root: &Node, lints: &mut Vec<Lint>) -> Result<Node, Vec<Error>> {
    let mut resolver = Resolver {
        root,
        resolved: HashMap::new(),
        targets: HashMap::new(),
        trail: Vec::new(),
        depth: 0,
        errors: Vec::new(),
        linted: HashSet::new(),
        lints,
    };
    let (node, _) = resolver.node(root);
    if resolver.errors.is_empty() {
        Ok(node)
    } else {
        Err(merge(resolver.errors))
    }
}

/// How much a value holds when all that is shared is counted again.
#[derive(Clone, Copy)]
struct Shape {
    size: u64,
    depth: usize,
}

const LEAF: Shape = Shape { size: 1, depth: 0 };

impl Shape {
    fn holds(&mut self, child: Shape) {
        self.size = self.size.saturating_add(child.size);
        self.depth = self.depth.max(child.depth + 1);
    }
}

struct Resolver<'a> {
    root: &'a Node,
    /// Lists and mappings that are done, by their address in the written tree, which outlives us.
    resolved: HashMap<usize, (Node, Shape)>,
    targets: HashMap<Arc<str>, (Node, Shape)>,
    /// The references being followed, and where they stand.
    trail: Vec<(Arc<str>, Place)>,
    depth: usize,
    errors: Vec<Error>,
    linted: HashSet<Place>,
    lints: &'a mut Vec<Lint>,
}

impl Resolver<'_> {
    fn node(&mut self, node: &Node) -> (Node, Shape) {
        let address = match &node.value {
            NodeValue::Str(text) if text.starts_with("#/") => {
                return self.reference(text, &node.at);
            }
            NodeValue::Seq(items) => Arc::as_ptr(items).addr(),
            NodeValue::Map(map) => Arc::as_ptr(map).addr(),
            _ => return (node.clone(), LEAF),
        };
        if let Some((done, shape)) = self.resolved.get(&address) {
            return (done.clone(), *shape);
        }
        if self.depth > 2 * MAX_DEPTH {
            return self.too_deep(&node.at);
        }
        self.depth += 1;
        let (done, shape) = match &node.value {
            NodeValue::Seq(items) => self.list(node, items),
            NodeValue::Map(map) if map.contains_key("$ref") => self.spread(node, map),
            NodeValue::Map(map) => {
                let (map, shape) = self.entries(map);
                (with(node, NodeValue::Map(Arc::new(map))), shape)
            }
            _ => (node.clone(), LEAF),
        };
        self.depth -= 1;
        let (done, shape) = if shape.depth > MAX_DEPTH {
            self.too_deep(&node.at)
        } else if shape.size > MAX_SIZE {
            let message = format!("grows beyond {MAX_SIZE} values when references are resolved");
            self.errors.push(Error::new(message, &node.at));
            (with(node, NodeValue::Null), LEAF)
        } else {
            (done, shape)
        };
        self.resolved.insert(address, (done.clone(), shape));
        (done, shape)
    }

    fn too_deep(&mut self, at: &Place) -> (Node, Shape) {
        let message = format!("nested more than {MAX_DEPTH} levels deep");
        self.errors.push(Error::new(message, at));
        (null(at), LEAF)
    }

    fn list(&mut self, node: &Node, items: &[Node]) -> (Node, Shape) {
        let mut shape = LEAF;
        let items = items
            .iter()
            .map(|item| {
                let (item, inner) = self.node(item);
                shape.holds(inner);
                item
            })
            .collect();
        (with(node, NodeValue::Seq(Arc::new(items))), shape)
    }

    /// All entries but `$ref`.
    fn entries(&mut self, map: &Map) -> (Map, Shape) {
        let mut shape = LEAF;
        let mut out = Map::with_capacity_and_hasher(map.len(), Default::default());
        for (key, entry) in map {
            if &**key == "$ref" {
                continue;
            }
            let (node, inner) = if &**key == UNTOUCHED {
                (
                    entry.node.clone(),
                    measure(&entry.node, &mut HashMap::new()),
                )
            } else {
                self.node(&entry.node)
            };
            shape.holds(inner);
            let entry = Entry {
                key_at: entry.key_at.clone(),
                node,
                injected: false,
            };
            out.insert(Arc::clone(key), entry);
        }
        (out, shape)
    }

    /// A mapping with `$ref`: what it leads to, under the mapping's own keys.
    fn spread(&mut self, node: &Node, map: &Map) -> (Node, Shape) {
        let (own, mut shape) = self.entries(map);
        let Some(reference) = map.get("$ref") else {
            return (with(node, NodeValue::Map(Arc::new(own))), shape);
        };
        if let NodeValue::Str(text) = &reference.node.value
            && !text.starts_with("#/")
        {
            self.lint(Lint {
                name: "ref-form",
                message: format!("`{text}` is no reference and is taken as text"),
                at: reference.node.at.clone(),
                via: Via::default(),
                help: Some("a reference begins with `#/`".to_owned()),
            });
        }
        let (target, inner) = self.node(&reference.node);
        let NodeValue::Map(base) = &target.value else {
            if let Some((key, entry)) = own.first() {
                self.lint(Lint {
                    name: "ref-override",
                    message: format!(
                        "`{key}` is lost: the `$ref` beside it leads to {}",
                        target.value.kind()
                    ),
                    at: entry.key_at.clone(),
                    via: Via::default(),
                    help: None,
                });
            }
            return (target, inner);
        };
        if own.is_empty() {
            return (target, inner);
        }
        let mut spread = Map::with_capacity_and_hasher(base.len() + own.len(), Default::default());
        for (key, entry) in base.iter() {
            let mut entry = entry.clone();
            entry.node.via = entry.node.via.within(&target.via.at_key(key));
            spread.insert(Arc::clone(key), entry);
        }
        spread.extend(own);
        shape.size = shape.size.saturating_add(inner.size);
        shape.depth = shape.depth.max(inner.depth);
        (with(node, NodeValue::Map(Arc::new(spread))), shape)
    }

    fn reference(&mut self, text: &Arc<str>, site: &Place) -> (Node, Shape) {
        let (node, shape) = match self.targets.get(text) {
            Some(known) => known.clone(),
            None => {
                let found = self.follow(text, site);
                self.targets.insert(Arc::clone(text), found.clone());
                found
            }
        };
        let via = node.via.through(site, &dotted(text));
        (Node { via, ..node }, shape)
    }

    fn follow(&mut self, text: &Arc<str>, site: &Place) -> (Node, Shape) {
        if let Some(start) = self.trail.iter().position(|(seen, _)| seen == text) {
            self.errors.push(self.circle(start, text, site));
            return (null(site), LEAF);
        }
        if self.depth > 2 * MAX_DEPTH {
            return self.too_deep(site);
        }
        match lookup(text, self.root) {
            Ok(target) => {
                self.trail.push((Arc::clone(text), site.clone()));
                self.depth += 1;
                let found = self.node(target);
                self.depth -= 1;
                self.trail.pop();
                found
            }
            Err(missing) => {
                let error = Error::new(format!("`{text}` leads nowhere: {}", missing.why), site)
                    .with_help(missing.help);
                self.errors.push(error);
                (null(site), LEAF)
            }
        }
    }

    fn circle(&self, start: usize, text: &str, site: &Place) -> Error {
        let steps = self.trail.get(start..).unwrap_or_default();
        let mut places: Vec<String> = steps
            .iter()
            .skip(1)
            .map(|(text, at)| format!("`{text}` at {at}"))
            .collect();
        places.push(format!("`{text}` at {site}"));
        let at = steps.first().map_or(site, |(_, at)| at);
        let message = if text == "#/" {
            "`#/` leads to the whole manifest, and so in a circle".to_owned()
        } else {
            format!("`{text}` leads in a circle")
        };
        Error::new(message, at).with_help(Some(format!(
            "the circle goes on with {}",
            places.join(", then ")
        )))
    }

    fn lint(&mut self, lint: Lint) {
        if self.linted.insert(lint.at.clone()) {
            self.lints.push(lint);
        }
    }
}

fn with(node: &Node, value: NodeValue) -> Node {
    Node {
        value,
        at: node.at.clone(),
        via: node.via.clone(),
    }
}

fn null(at: &Place) -> Node {
    Node {
        value: NodeValue::Null,
        at: at.clone(),
        via: Via::default(),
    }
}

/// `#/definitions/pages` → `definitions.pages`.
fn dotted(text: &str) -> Arc<str> {
    Arc::from(text.strip_prefix("#/").unwrap_or(text).replace('/', "."))
}

fn measure(node: &Node, known: &mut HashMap<usize, Shape>) -> Shape {
    let address = match &node.value {
        NodeValue::Seq(items) => Arc::as_ptr(items).addr(),
        NodeValue::Map(map) => Arc::as_ptr(map).addr(),
        _ => return LEAF,
    };
    if let Some(shape) = known.get(&address) {
        return *shape;
    }
    let mut shape = LEAF;
    match &node.value {
        NodeValue::Seq(items) => {
            for item in items.iter() {
                shape.holds(measure(item, known));
            }
        }
        NodeValue::Map(map) => {
            for entry in map.values() {
                shape.holds(measure(&entry.node, known));
            }
        }
        _ => {}
    }
    known.insert(address, shape);
    shape
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::manifest::Manifest;

    fn resolved(text: &str) -> Value {
        Manifest::load(text, "m").unwrap().root().to_json()
    }

    fn mistakes(text: &str) -> Vec<String> {
        let errors = Manifest::load(text, "m").unwrap_err();
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn references_stand_for_what_they_lead_to() {
        let found = resolved(
            "a: {b: [{c: 1}, {c: 2}], \"d/e\": 3, d: {e: 4}}\n\
             \"top/x\": 5\n\
             1: {y: 6}\n\
             text: \"#/a/b/1/c\"\n\
             last: \"#/a/b/-1\"\n\
             slash: \"#/a/d/e\"\n\
             whole: \"#/top/x\"\n\
             number: \"#/1/y\"\n\
             spread: {$ref: \"#/a/d\", e: 7, f: \"#/text\"}\n\
             nested: {$ref: \"#/spread\", g: {$ref: \"#/a/d\"}}\n\
             scalar: {$ref: \"#/a/d/e\", lost: 1}\n\
             literal: {$ref: {h: 1}, i: 2}\n\
             config_overrides: {k: \"#/a\"}\n\
             near: [\"#\", \"x#/a\"]\n",
        );
        for (key, want) in [
            ("text", json!(2)),
            ("last", json!({"c": 2})),
            ("slash", json!(3)),
            ("whole", json!(5)),
            ("number", json!(6)),
            ("spread", json!({"e": 7, "f": 2})),
            ("nested", json!({"e": 7, "f": 2, "g": {"e": 4}})),
            ("scalar", json!(3)),
            ("literal", json!({"h": 1, "i": 2})),
            ("config_overrides", json!({"k": "#/a"})),
            ("near", json!(["#", "x#/a"])),
        ] {
            assert_eq!(found[key], want, "{key}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_told_with_a_cure() {
        let text = "\
definitions: {requester: {path: /x}, spread: {$ref: \"#/definitions/requester\"}, list: [1]}
a: \"#/definitions/requestor/path\"
b: {$ref: \"#/definition/requester\"}
c: \"#/definitions/spread/path\"
d: [\"#/definitions/list/1\", \"#/definitions/list/0/x\"]
";
        assert_eq!(
            mistakes(text),
            [
                "m:2:4: `#/definitions/requestor/path` leads nowhere: `definitions` has no \
                 `requestor` (did you mean `#/definitions/requester/path`?)",
                "m:3:11: `#/definition/requester` leads nowhere: the manifest has no `definition` \
                 (did you mean `#/definitions/requester`?)",
                "m:4:4: `#/definitions/spread/path` leads nowhere: `definitions.spread` has no \
                 `path` (references lead into the manifest as it is written, not through other \
                 `$ref`s)",
                "m:5:5: `#/definitions/list/1` leads nowhere: `definitions.list` is a list of 1, \
                 it has no `1`",
                "m:5:29: `#/definitions/list/0/x` leads nowhere: `definitions.list.0` is a number, \
                 it has no `x`",
            ]
        );
    }

    #[test]
    fn a_circle_is_told_once_with_its_trail() {
        let text = "a: {x: \"#/b\"}\nb: [\"#/c\"]\nc: {$ref: \"#/a\"}\nd: \"#/a\"\n";
        assert_eq!(
            mistakes(text),
            [
                "m:1:8: `#/b` leads in a circle (the circle goes on with `#/c` at m:2:5, then `#/a` \
              at m:3:11, then `#/b` at m:1:8)"
            ]
        );
        assert_eq!(mistakes("a: \"#/a\"\n").len(), 1);
    }

    #[test]
    fn odd_references_are_linted_once() {
        let text = "x: 1\na: {$ref: \"definitions/x\"}\nb: {$ref: \"#/x\", k: 1}\nc: \"#/b\"\n";
        let lints = Manifest::load(text, "m").unwrap().lints();
        let told: Vec<String> = lints
            .iter()
            .map(|l| format!("{} {}: {}", l.name, l.at, l.message))
            .collect();
        assert_eq!(
            told,
            [
                "ref-form m:2:11: `definitions/x` is no reference and is taken as text",
                "ref-override m:3:18: `k` is lost: the `$ref` beside it leads to a number",
            ]
        );
    }
}

//! The way from the root to where decoding stands, and what all steps of it share.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::failure::Failure;
use super::lint::Lint;
use super::node::{Map, Node, NodeValue, map_to_json};
use super::place::{Place, Via};

/// Stands between the steps of a value's id.
const SEPARATOR: char = '\u{1}';

pub(super) type Parameters = Arc<serde_json::Map<String, Value>>;

/// What is shared by all steps of one decoding.
pub(super) struct Run {
    lints: RefCell<IndexMap<(Place, String), Lint>>,
    /// `$parameters` as JSON, by the address of their mapping, which outlives the run.
    parameters: RefCell<HashMap<usize, Parameters>>,
    outer: Parameters,
    /// The ids of values that failed before and are passed over now.
    failed: HashSet<String>,
}

impl Run {
    pub(super) fn new(outer: Parameters) -> Run {
        Run {
            lints: RefCell::default(),
            parameters: RefCell::default(),
            outer,
            failed: HashSet::new(),
        }
    }

    pub(super) fn into_lints(self) -> impl Iterator<Item = Lint> {
        self.lints.into_inner().into_values()
    }

    /// Whether a failure only tells that a field is missing which failed before.
    pub(super) fn is_left_out(&self, failure: &Failure) -> bool {
        failure.missing().is_some_and(|field| {
            let id = format!("{}{SEPARATOR}{field}", failure.id());
            self.failed.contains(&id)
        })
    }

    /// Passes over what failed from now on; false if it is the root, or was passed over before.
    pub(super) fn leave_out(&mut self, failure: &Failure) -> bool {
        let id = failure.id();
        !id.is_empty() && self.failed.insert(id.to_owned())
    }

    pub(super) fn lint(&self, lint: Lint) {
        self.lints
            .borrow_mut()
            .entry((lint.at.clone(), lint.message.clone()))
            .or_insert(lint);
    }

    /// Whether a value is passed over.
    pub(super) fn skips(&self, frame: &Frame<'_>) -> bool {
        !self.failed.is_empty() && self.failed.contains(&frame.id())
    }

    /// `$parameters` of the nearest component around a value.
    pub(super) fn parameters(&self, frame: &Frame<'_>) -> Parameters {
        let Some(map) = frame.component() else {
            return Arc::clone(&self.outer);
        };
        let Some(NodeValue::Map(own)) = map.get("$parameters").map(|entry| &entry.node.value)
        else {
            return Arc::default();
        };
        let address = Arc::as_ptr(own).addr();
        let mut known = self.parameters.borrow_mut();
        let parameters = known
            .entry(address)
            .or_insert_with(|| Arc::new(map_to_json(own)));
        Arc::clone(parameters)
    }
}

/// A value on the way from the root to where decoding stands.
#[derive(Clone)]
pub(super) struct Frame<'a> {
    pub(super) up: Option<&'a Frame<'a>>,
    pub(super) step: Step<'a>,
    pub(super) node: &'a Node,
    /// The whole trail.
    pub(super) via: Via,
    pub(super) injected: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Frame<'a> {
    fn ups(&self) -> impl Iterator<Item = &Frame<'a>> {
        std::iter::successors(Some(self), |frame| frame.up)
    }

    /// The nearest component around the value, or itself.
    fn component(&self) -> Option<&'a Map> {
        self.ups()
            .filter_map(|frame| frame.node.as_map())
            .find(|map| map.contains_key("type"))
    }

    /// A text that no other value of the tree has; empty for the root.
    pub(super) fn id(&self) -> String {
        let mut steps: Vec<String> = self
            .ups()
            .filter_map(|frame| match frame.step {
                Step::Root => None,
                Step::Key(key) => Some(format!("{SEPARATOR}{key}")),
                Step::Index(i) => Some(format!("{SEPARATOR}{i}")),
            })
            .collect();
        steps.reverse();
        steps.concat()
    }

    /// The way from the definition, with the type of the nearest component.
    pub(super) fn path(&self) -> String {
        self.way(false)
    }

    /// The same without the type, to go on from there.
    pub(super) fn bare_path(&self) -> String {
        self.way(true)
    }

    fn way(&self, bare: bool) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut told = bare;
        for frame in self.ups() {
            if !told && let Some(kind) = frame.node.type_name() {
                parts.push(format!(" ({kind})"));
                told = true;
            }
            let defined_here =
                frame.up.is_none() || (!frame.injected && frame.node.via.base().is_some());
            match (defined_here.then(|| frame.via.base()).flatten(), frame.step) {
                (Some((base, None)), _) => parts.push(base.to_owned()),
                (Some((base, Some(key))), _) => {
                    let kind = frame.up.and_then(|up| up.node.type_name());
                    let kind = kind.filter(|_| !told);
                    let kind = kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
                    parts.push(format!("{base}{kind}.{key}"));
                }
                (None, Step::Key(key)) => parts.push(format!(".{key}")),
                (None, Step::Index(i)) => parts.push(format!("[{i}]")),
                (None, Step::Root) => {}
            }
            if defined_here {
                break;
            }
        }
        parts.reverse();
        parts.concat().trim_start_matches(['.', ' ']).to_owned()
    }
}

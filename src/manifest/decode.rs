//! Nodes → typed values, by `serde`.
//!
//! Components derive `Deserialize` as usual. An enum takes a mapping's `type` as its variant, so
//! nothing is copied into a buffer and every mistake keeps its place.
//!
//! serde stops at the first mistake. To tell all of them, a value that failed is left out and the
//! whole is decoded again, until nothing new is found: only broken manifests pay for it.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use serde::de::{self, DeserializeOwned, Deserializer, Expected, Unexpected, Visitor};
use serde_json::Value;

use super::access::{Component, Entries, Items};
use super::error::{Error, merge};
use super::failure::Failure;
use super::lint::{Lint, did_you_mean};
use super::located::{Aside, Here, LOCATED};
use super::node::{Map, Node, NodeValue, map_to_json};
use super::place::{Place, Via};

/// Decodes a value. All mistakes are gathered, as far as one does not hide another.
pub fn decode<T: DeserializeOwned>(node: &Node) -> Result<T, Vec<Error>> {
    decode_linting(node, &mut Vec::new())
}

/// Decodes a value and adds what looks suspicious to `lints`.
pub fn decode_linting<T: DeserializeOwned>(
    node: &Node,
    lints: &mut Vec<Lint>,
) -> Result<T, Vec<Error>> {
    decode_within(node, Arc::default(), lints)
}

/// Mistakes told of one value, at most.
const MAX_MISTAKES: usize = 100;

pub(super) fn decode_within<T: DeserializeOwned>(
    node: &Node,
    parameters: Parameters,
    lints: &mut Vec<Lint>,
) -> Result<T, Vec<Error>> {
    let mut run = Run {
        lints: RefCell::default(),
        parameters: RefCell::default(),
        outer: parameters,
        failed: HashSet::new(),
    };
    let mut errors: Vec<Error> = Vec::new();
    let done = loop {
        let root = Frame {
            up: None,
            step: Step::Root,
            node,
            via: node.via.clone(),
            injected: false,
        };
        let done = T::deserialize(Decoder::new(&run, root));
        for lint in Aside::take_lints() {
            run.lint(lint);
        }
        let failure = match done {
            Ok(value) => break Some(value),
            Err(failure) => failure,
        };
        let id = failure.id().to_owned();
        let because_left_out = failure
            .missing()
            .is_some_and(|field| run.failed.contains(&format!("{id}{SEPARATOR}{field}")));
        if !because_left_out {
            errors.extend(failure.into_errors(&node.at));
        }
        if id.is_empty() || errors.len() >= MAX_MISTAKES || !run.failed.insert(id) {
            break None;
        }
    };
    lints.extend(run.lints.into_inner().into_values());
    match done {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(merge(errors)),
    }
}

/// Stands between the steps of a value's id.
const SEPARATOR: char = '\u{1}';

type Parameters = Arc<serde_json::Map<String, Value>>;

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

    fn parameters(&self, frame: &Frame<'_>) -> Parameters {
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
        let mut parts: Vec<String> = Vec::new();
        let mut told = false;
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

/// The field that nobody asked for.
#[derive(Clone, Copy)]
pub(super) struct Unknown<'a> {
    pub(super) key: &'a str,
    pub(super) key_at: &'a Place,
    pub(super) owner: &'static str,
    pub(super) fields: &'static [&'static str],
}

/// Decodes the value of a frame.
pub(super) struct Decoder<'a> {
    pub(super) run: &'a Run,
    pub(super) frame: Frame<'a>,
    /// What to say if the value is asked for by nobody.
    pub(super) unknown: Option<Unknown<'a>>,
    /// The value's `type` has chosen a variant already.
    pub(super) chosen: bool,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(run: &'a Run, frame: Frame<'a>) -> Decoder<'a> {
        Decoder {
            run,
            frame,
            unknown: None,
            chosen: false,
        }
    }

    fn mismatch(&self, expected: &dyn Expected) -> Failure {
        let found = match &self.frame.node.value {
            NodeValue::Null => Unexpected::Other("null"),
            NodeValue::Bool(b) => Unexpected::Bool(*b),
            NodeValue::Int(i) => Unexpected::Signed(*i),
            NodeValue::Large(u) => Unexpected::Unsigned(*u),
            NodeValue::Float(x) => Unexpected::Float(*x),
            NodeValue::Str(s) => Unexpected::Str(s),
            NodeValue::Seq(_) => Unexpected::Other("a list"),
            NodeValue::Map(_) => Unexpected::Other("a mapping"),
        };
        <Failure as de::Error>::invalid_type(found, expected).in_frame(&self.frame)
    }

    fn here(&self) -> Here {
        let node = self.frame.node;
        let via = self.frame.via.at_path(&self.frame.path());
        Here {
            at: node.at.clone(),
            via: self.frame.via.clone(),
            parameters: self.run.parameters(&self.frame),
            node: Node {
                via,
                ..node.clone()
            },
        }
    }

    pub(super) fn fields<'de, V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let NodeValue::Map(map) = &self.frame.node.value else {
            let expected = format!("a mapping (`{name}`)");
            return Err(self.mismatch(&expected.as_str()));
        };
        let entries = Entries::of_struct(self.run, &self.frame, map, name, fields);
        if !self.chosen {
            entries.check_type();
        }
        visitor
            .visit_map(entries)
            .map_err(|failure| failure.in_frame(&self.frame))
    }
}

/// Numbers are taken from their text too, as pydantic does.
macro_rules! integers {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.integer(visitor)
        }
    )* };
}

impl Decoder<'_> {
    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        // Whole floats up to here are exact.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let value = match &self.frame.node.value {
            NodeValue::Str(text) => text.trim().parse().map(NodeValue::Int).ok(),
            #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
            NodeValue::Float(x) if x.fract() == 0.0 && x.abs() <= EXACT => {
                Some(NodeValue::Int(*x as i64))
            }
            _ => None,
        };
        let done = match value.as_ref().unwrap_or(&self.frame.node.value) {
            NodeValue::Int(i) => visitor.visit_i64(*i),
            NodeValue::Large(u) => visitor.visit_u64(*u),
            _ => return Err(self.mismatch(&visitor)),
        };
        done.map_err(|failure: Failure| failure.in_frame(&self.frame))
    }

    fn float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let x = match &self.frame.node.value {
            NodeValue::Float(x) => *x,
            NodeValue::Int(i) => *i as f64,
            NodeValue::Large(u) => *u as f64,
            NodeValue::Str(text) => match text.trim().parse() {
                Ok(x) => x,
                Err(_) => return Err(self.mismatch(&visitor)),
            },
            _ => return Err(self.mismatch(&visitor)),
        };
        visitor
            .visit_f64(x)
            .map_err(|failure: Failure| failure.in_frame(&self.frame))
    }

    fn string<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let done = match &self.frame.node.value {
            NodeValue::Str(text) => visitor.visit_str(text),
            NodeValue::Null => return Err(self.mismatch(&visitor)),
            other => match other.text() {
                Some(text) => visitor.visit_string(text),
                None => return Err(self.mismatch(&visitor)),
            },
        };
        done.map_err(|failure: Failure| failure.in_frame(&self.frame))
    }
}

impl<'de> Deserializer<'de> for Decoder<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let done = match &self.frame.node.value {
            NodeValue::Null => visitor.visit_unit(),
            NodeValue::Bool(b) => visitor.visit_bool(*b),
            NodeValue::Int(i) => visitor.visit_i64(*i),
            NodeValue::Large(u) => visitor.visit_u64(*u),
            NodeValue::Float(x) if x.is_finite() => visitor.visit_f64(*x),
            // Most targets have no such numbers; `to_json` does the same.
            infinite @ NodeValue::Float(_) => {
                visitor.visit_string(infinite.text().unwrap_or_default())
            }
            NodeValue::Str(s) => visitor.visit_str(s),
            NodeValue::Seq(items) => visitor.visit_seq(Items::new(self.run, &self.frame, items)),
            NodeValue::Map(map) => visitor.visit_map(Entries::of_map(self.run, &self.frame, map)),
        };
        done.map_err(|failure: Failure| failure.in_frame(&self.frame))
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.float(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.float(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let truth = match &self.frame.node.value {
            NodeValue::Bool(b) => *b,
            NodeValue::Int(1) => true,
            NodeValue::Int(0) => false,
            NodeValue::Str(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" | "t" | "y" => true,
                "false" | "no" | "off" | "0" | "f" | "n" => false,
                _ => return Err(self.mismatch(&visitor)),
            },
            _ => return Err(self.mismatch(&visitor)),
        };
        visitor
            .visit_bool(truth)
            .map_err(|failure: Failure| failure.in_frame(&self.frame))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.frame.node.value {
            NodeValue::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.frame.node.value {
            NodeValue::Seq(_) => self.deserialize_any(visitor),
            _ => Err(self.mismatch(&"a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.frame.node.value {
            NodeValue::Map(_) => self.deserialize_any(visitor),
            _ => Err(self.mismatch(&"a mapping")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.fields(name, fields, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if name == LOCATED {
            Aside::put_here(self.here());
        }
        let frame = self.frame.clone();
        visitor
            .visit_newtype_struct(self)
            .map_err(|failure| failure.in_frame(&frame))
    }

    /// The mapping's `type` names the variant, or plain text does.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let component = Component::new(&self, variants)?;
        let frame = self.frame.clone();
        visitor
            .visit_enum(component.of(self))
            .map_err(|failure| failure.in_frame(&frame))
    }

    /// The value is not wanted: a field that the component does not have.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if let Some(unknown) = self.unknown {
            let owner = self.frame.up.and_then(|up| up.node.type_name());
            let owner = owner.unwrap_or(unknown.owner);
            self.run.lint(Lint {
                name: "unknown-field",
                message: format!("unknown field `{}` of `{owner}`", unknown.key),
                at: unknown.key_at.clone(),
                via: self.frame.via.clone(),
                help: did_you_mean(unknown.key, unknown.fields.iter().copied()),
            });
        }
        visitor.visit_unit()
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    serde::forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct identifier
    }
}

//! serde's side of decoding a node.
//!
//! Components derive `Deserialize` as usual. An enum takes a mapping's `type` as its variant, so
//! nothing is copied into a buffer and every mistake keeps its place. Text and numbers stand for
//! one another where pydantic v1, the reference's models, lets them.

use serde::de::{self, Deserializer, Expected, Unexpected, Visitor};

use super::access::{Component, Entries, Items};
use super::failure::Failure;
use super::frame::{Frame, Run};
use super::lint::{Lint, did_you_mean};
use super::located::{Aside, Here, LOCATED};
use super::node::{Node, NodeValue};
use super::place::Place;

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
        let via = self.frame.via.at_path(&self.frame.bare_path());
        Here {
            at: node.at.clone(),
            via: self.frame.via.clone(),
            parameters: self.run.parameters(&self.frame),
            path: self.frame.path(),
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

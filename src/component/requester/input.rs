//! Parameters, headers and bodies as a manifest writes them: a mapping of templates, or one.

use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::component::ComponentError;
use crate::manifest::located;
use crate::template::{Literal, PyType, Scope, Template};

/// A mapping of templates, keys too, or one template.
///
/// As airbyte-cdk 7.39.1, `interpolated_request_input_provider.py`.
pub(in crate::component) enum Fields<S> {
    /// Names and values.
    Mapping(Vec<(Template<S>, Template<S>)>),
    /// A template for all of it.
    Text(Template<S>),
}

/// What [`Fields`] evaluate to.
#[derive(Debug, PartialEq)]
pub(in crate::component) enum Evaluated {
    /// A mapping; entries that come out as nothing are gone.
    Mapping(Map<String, Value>),
    /// A text.
    Text(String),
    /// Neither: the reference sends nothing.
    Other,
}

impl<S: Scope> Fields<S> {
    /// Evaluates all of it; a mapping's literals of types that are not `valid` stay text.
    pub(in crate::component) fn eval(
        &self,
        scope: &S,
        valid: &[PyType],
    ) -> Result<Evaluated, ComponentError> {
        let pairs = match self {
            Self::Mapping(pairs) => pairs,
            Self::Text(template) => return Self::eval_text(template, scope),
        };
        let mut map = Map::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = key.eval_or(scope, None, &[PyType::Str])?.to_python_str();
            map.insert(key, value.eval_or(scope, None, valid)?.into_json());
        }
        Ok(Evaluated::Mapping(without_nulls(map)))
    }

    /// Evaluates one template for all of it.
    pub(in crate::component) fn eval_text(
        template: &Template<S>,
        scope: &S,
    ) -> Result<Evaluated, ComponentError> {
        Ok(match template.eval(scope)? {
            Literal::Str(text) => Evaluated::Text(text),
            value @ Literal::Dict(_) => match value.into_json() {
                Value::Object(map) => Evaluated::Mapping(without_nulls(map)),
                _ => Evaluated::Other,
            },
            _ => Evaluated::Other,
        })
    }
}

fn without_nulls(mut map: Map<String, Value>) -> Map<String, Value> {
    map.retain(|_, value| !value.is_null());
    map
}

impl<S> fmt::Debug for Fields<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mapping(pairs) => f
                .debug_map()
                .entries(pairs.iter().map(|(k, v)| (k, v)))
                .finish(),
            Self::Text(template) => template.fmt(f),
        }
    }
}

impl<'de, S: Scope> Deserialize<'de> for Fields<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (here, IgnoredAny) = located(deserializer)?;
        let here = here.ok_or_else(|| serde::de::Error::custom("expected a manifest"))?;
        if here.node.as_map().is_some() {
            here.decode::<Pairs<S>, _>()
                .map(|pairs| Self::Mapping(pairs.0))
        } else {
            here.decode::<Template<S>, _>().map(Self::Text)
        }
    }
}

/// A mapping in the order in which it is written.
struct Pairs<S>(Vec<(Template<S>, Template<S>)>);

impl<'de, S: Scope> Deserialize<'de> for Pairs<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<S>(PhantomData<S>);

impl<'de, S: Scope> Visitor<'de> for PairsVisitor<S> {
    type Value = Pairs<S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

impl<S: Scope> JsonSchema for Fields<S> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fields".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<Template<S>>();
        json_schema!({
            "anyOf": [
                {"type": "object", "additionalProperties": text},
                text,
            ]
        })
    }
}

//! `JsonTemplate`: a field of nested mappings and lists whose texts may be templates.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Number, Value};

use super::field::context;
use super::{Literal, PyType, Scope, Template, TemplateError};
use crate::manifest::{Here, located};

/// JSON whose texts and keys may be templates over the names of the scope `S`.
pub enum JsonTemplate<S> {
    /// A text.
    Text(Template<S>),
    /// A list.
    List(Vec<JsonTemplate<S>>),
    /// A mapping in order.
    Mapping(Vec<(Template<S>, JsonTemplate<S>)>),
    /// A number, `true`, `false` or null: it stays.
    Scalar(Value),
}

impl<S: Scope> JsonTemplate<S> {
    /// Compiles `json`, which stands nowhere and has no parameters.
    ///
    /// # Errors
    /// When the syntax of one of its texts is wrong.
    pub fn new(json: &Value) -> Result<Self, TemplateError> {
        Ok(match json {
            Value::String(text) => Self::Text(Template::new(text)?),
            Value::Array(items) => {
                Self::List(items.iter().map(Self::new).collect::<Result<_, _>>()?)
            }
            Value::Object(map) => Self::Mapping(
                map.iter()
                    .map(|(k, v)| Ok((Template::new(k)?, Self::new(v)?)))
                    .collect::<Result<_, TemplateError>>()?,
            ),
            scalar => Self::Scalar(scalar.clone()),
        })
    }

    /// The value, as airbyte-cdk's `InterpolatedNestedMapping.eval`: keys of mappings whose value
    /// is nothing are left out, at any depth.
    ///
    /// # Errors
    /// When a name is not in scope, or Python would raise.
    pub fn eval(&self, scope: &S) -> Result<Value, TemplateError> {
        Ok(match self {
            Self::Text(template) => template.eval_or(scope, None, &[])?.into_json(),
            Self::List(items) => items
                .iter()
                .map(|item| item.eval(scope))
                .collect::<Result<_, _>>()?,
            Self::Mapping(pairs) => {
                let mut map = Map::new();
                for (key, value) in pairs {
                    let key = key.eval_or(scope, None, &[])?.into_key();
                    map.insert(key, value.eval(scope)?);
                }
                map.retain(|_, value| !value.is_null());
                Value::Object(map)
            }
            Self::Scalar(scalar) => scalar.clone(),
        })
    }

    /// The pairs of a mapping, as airbyte-cdk's `InterpolatedMapping.eval`: keys stay text, and of
    /// the values only texts are evaluated; a literal whose type is not among `valid` (when some
    /// are named) stays text.
    ///
    /// # Errors
    /// When a name is not in scope, or Python would raise.
    pub fn eval_flat(
        &self,
        scope: &S,
        valid: &[PyType],
    ) -> Result<Vec<(String, Literal)>, TemplateError> {
        let Self::Mapping(pairs) = self else {
            return Ok(Vec::new());
        };
        let mut flat: Vec<(String, Literal)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = key.eval_or(scope, None, &[PyType::Str])?.into_key();
            let value = match value {
                Self::Text(template) => template.eval_or(scope, None, valid)?,
                other => other.written(),
            };
            match flat.iter_mut().find(|(k, _)| *k == key) {
                Some(old) => old.1 = value,
                None => flat.push((key, value)),
            }
        }
        Ok(flat)
    }
}

impl<S> JsonTemplate<S> {
    /// The value as it is written, nothing evaluated.
    fn written(&self) -> Literal {
        match self {
            Self::Text(template) => Literal::Str(template.source().to_owned()),
            Self::List(items) => Literal::List(items.iter().map(Self::written).collect()),
            Self::Mapping(pairs) => Literal::Dict(
                pairs
                    .iter()
                    .map(|(k, v)| (Literal::Str(k.source().to_owned()), v.written()))
                    .collect(),
            ),
            Self::Scalar(scalar) => Literal::from_json(scalar),
        }
    }

    fn any(&self, test: &impl Fn(&Template<S>) -> bool) -> bool {
        match self {
            Self::Text(template) => test(template),
            Self::List(items) => items.iter().any(|i| i.any(test)),
            Self::Mapping(pairs) => pairs.iter().any(|(k, v)| test(k) || v.any(test)),
            Self::Scalar(_) => false,
        }
    }

    /// Whether any of its texts may read `name`.
    #[must_use]
    pub fn reads(&self, name: &str) -> bool {
        self.any(&|t| t.reads(name))
    }

    /// Whether its texts read nothing but `config` and `parameters`.
    #[must_use]
    pub fn reads_only_config(&self) -> bool {
        !self.any(&|t| !t.reads_only_config())
    }

    /// Whether it is an empty mapping, list or text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(template) => template.source().is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Mapping(pairs) => pairs.is_empty(),
            Self::Scalar(scalar) => scalar.is_null(),
        }
    }
}

impl<S> Clone for JsonTemplate<S> {
    fn clone(&self) -> Self {
        match self {
            Self::Text(template) => Self::Text(template.clone()),
            Self::List(items) => Self::List(items.clone()),
            Self::Mapping(pairs) => Self::Mapping(pairs.clone()),
            Self::Scalar(scalar) => Self::Scalar(scalar.clone()),
        }
    }
}

impl<S> fmt::Debug for JsonTemplate<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(template) => fmt::Debug::fmt(template.source(), f),
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Mapping(pairs) => f
                .debug_map()
                .entries(pairs.iter().map(|(k, v)| (k.source(), v)))
                .finish(),
            Self::Scalar(scalar) => fmt::Display::fmt(scalar, f),
        }
    }
}

/// A value as it is written: its children are placed already, it itself not yet.
enum Written<S> {
    Text(String),
    List(Vec<JsonTemplate<S>>),
    Mapping(Vec<(String, JsonTemplate<S>)>),
    Scalar(Value),
}

impl<'de, S: Scope> Deserialize<'de> for Written<S> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Visitor(PhantomData))
    }
}

struct Visitor<S>(PhantomData<S>);

impl<'de, S: Scope> de::Visitor<'de> for Visitor<S> {
    type Value = Written<S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, a list or a mapping")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Written::Text(text.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, b: bool) -> Result<Self::Value, E> {
        Ok(Written::Scalar(Value::Bool(b)))
    }

    fn visit_i64<E: de::Error>(self, i: i64) -> Result<Self::Value, E> {
        Ok(Written::Scalar(Value::from(i)))
    }

    fn visit_u64<E: de::Error>(self, u: u64) -> Result<Self::Value, E> {
        Ok(Written::Scalar(Value::from(u)))
    }

    fn visit_f64<E: de::Error>(self, f: f64) -> Result<Self::Value, E> {
        Ok(Written::Scalar(
            Number::from_f64(f).map_or(Value::Null, Value::Number),
        ))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Written::Scalar(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_any(self)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Written::List(items))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(super::field::ScalarText(key)) = map.next_key()? {
            pairs.push((key, map.next_value()?));
        }
        Ok(Written::Mapping(pairs))
    }
}

impl<'de, S: Scope> Deserialize<'de> for JsonTemplate<S> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let (here, written) = located::<D, Written<S>>(d)?;
        let here: Option<&Here> = here.as_ref();
        let template = |text: &str| Template::here(text, here).map_err(|error| error.at_load(here));
        Ok(match written {
            Written::Text(text) => Self::Text(template(&text)?),
            Written::List(items) => Self::List(items),
            Written::Mapping(pairs) => Self::Mapping(
                pairs
                    .into_iter()
                    .map(|(key, value)| Ok((template(&key)?, value)))
                    .collect::<Result<_, D::Error>>()?,
            ),
            Written::Scalar(scalar) => Self::Scalar(scalar),
        })
    }
}

impl<S: Scope> JsonSchema for JsonTemplate<S> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "JsonTemplate".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["object", "array", "string", "number", "boolean", "null"],
            "interpolation_context": context::<S>(),
        })
    }
}

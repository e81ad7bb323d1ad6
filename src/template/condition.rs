//! `Condition`: a field that a template makes true or false.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::field::context;
use super::threshold::{self, Number};
use super::{Literal, Scope, Template, TemplateError};
use crate::manifest::{Place, located};

/// A condition over the names of the scope `S`: a template, or `true` or `false` outright.
///
/// False are: no value, `false`, `0`, an empty text, list or mapping, and the texts `False`,
/// `false`, `{}`, `[]`, `()`, `0`, `0.0`. All else is true.
pub enum Condition<S> {
    /// Known at once.
    Fixed(bool),
    /// To be evaluated.
    Template(Template<S>),
}

impl<S: Scope> Condition<S> {
    /// Compiles `text`, which stands nowhere and has no parameters.
    ///
    /// # Errors
    /// When the syntax is wrong, or a filter or test is unknown.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        Template::new(text).map(Self::Template)
    }

    /// The outcome, as airbyte-cdk's `InterpolatedBoolean.eval`.
    ///
    /// # Errors
    /// When a name is not in scope, or Python would raise.
    pub fn eval(&self, scope: &S) -> Result<bool, TemplateError> {
        match self {
            Self::Fixed(outcome) => Ok(*outcome),
            Self::Template(template) => template
                .eval_or(scope, Some("False"), &[])
                .map(|literal| holds(&literal)),
        }
    }
}

/// As airbyte-cdk's `FALSE_VALUES`: falsy values, and texts that look like them.
fn holds(literal: &Literal) -> bool {
    match literal {
        Literal::Str(text) => !is_false(text),
        // Only `b''` differs from Python's truth: it equals none of the list.
        Literal::Bytes(_) => true,
        other => other.truth(),
    }
}

/// Whether a text looks like a value that is falsy.
pub(super) fn is_false(text: &str) -> bool {
    matches!(
        text,
        "" | "False" | "false" | "{}" | "[]" | "()" | "0" | "0.0"
    )
}

impl<S> Condition<S> {
    /// Whether it is sure to hold just because `number` is below something else than its own largest
    /// value.
    #[must_use]
    pub fn holds_below(&self, number: Number<'_>) -> bool {
        let code = self.template().and_then(Template::code);
        code.is_some_and(|code| threshold::holds_below(code, number))
    }

    /// Whether it may read `name`.
    #[must_use]
    pub fn reads(&self, name: &str) -> bool {
        self.template().is_some_and(|t| t.reads(name))
    }

    /// Whether it reads nothing but `config` and `parameters`.
    #[must_use]
    pub fn reads_only_config(&self) -> bool {
        self.template().is_none_or(Template::reads_only_config)
    }

    /// Where it stands in its manifest.
    #[must_use]
    pub fn at(&self) -> Option<&Place> {
        self.template().and_then(Template::at)
    }

    /// The template, when it is one.
    #[must_use]
    pub fn template(&self) -> Option<&Template<S>> {
        match self {
            Self::Fixed(_) => None,
            Self::Template(template) => Some(template),
        }
    }
}

impl<S> Clone for Condition<S> {
    fn clone(&self) -> Self {
        match self {
            Self::Fixed(outcome) => Self::Fixed(*outcome),
            Self::Template(template) => Self::Template(template.clone()),
        }
    }
}

impl<S> fmt::Debug for Condition<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(outcome) => f.debug_tuple("Condition").field(outcome).finish(),
            Self::Template(t) => f.debug_tuple("Condition").field(&t.source()).finish(),
        }
    }
}

enum Written {
    Fixed(bool),
    Text(String),
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a template, `true` or `false`")
            }

            fn visit_bool<E: de::Error>(self, outcome: bool) -> Result<Written, E> {
                Ok(Written::Fixed(outcome))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Written, E> {
                Ok(Written::Text(text.to_owned()))
            }
        }
        d.deserialize_any(Visitor)
    }
}

impl<'de, S: Scope> Deserialize<'de> for Condition<S> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match located::<D, Written>(d)? {
            (_, Written::Fixed(outcome)) => Ok(Self::Fixed(outcome)),
            (here, Written::Text(text)) => Template::here(&text, here.as_ref())
                .map(Self::Template)
                .map_err(|error| error.at_load(here.as_ref())),
        }
    }
}

impl<S: Scope> JsonSchema for Condition<S> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "boolean"],
            "interpolation_context": context::<S>(),
        })
    }
}

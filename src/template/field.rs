//! A [`Template`] as a field of a component: how it decodes, and what the schema says of it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::{Literal, Scope, Template};
use crate::manifest::located;

/// A scalar, as the text that Python's `str()` makes of it.
pub(crate) struct ScalarText(pub(crate) String);

impl<'de> Deserialize<'de> for ScalarText {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = ScalarText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a template")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ScalarText, E> {
                Ok(ScalarText(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, b: bool) -> Result<ScalarText, E> {
                Ok(ScalarText(Literal::Bool(b).to_python_str()))
            }

            fn visit_i64<E: de::Error>(self, i: i64) -> Result<ScalarText, E> {
                Ok(ScalarText(i.to_string()))
            }

            fn visit_u64<E: de::Error>(self, u: u64) -> Result<ScalarText, E> {
                Ok(ScalarText(u.to_string()))
            }

            fn visit_f64<E: de::Error>(self, f: f64) -> Result<ScalarText, E> {
                Ok(ScalarText(Literal::Float(f).to_python_str()))
            }
        }
        d.deserialize_any(Visitor)
    }
}

impl<'de, S: Scope> Deserialize<'de> for Template<S> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let (here, ScalarText(text)) = located::<D, ScalarText>(d)?;
        Self::here(&text, here.as_ref()).map_err(|error| error.at_load(here.as_ref()))
    }
}

impl<S: Scope> JsonSchema for Template<S> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number", "boolean"],
            "interpolation_context": context::<S>(),
        })
    }
}

/// The names that a template of scope `S` may read, as the schema lists them.
pub(crate) fn context<S: Scope>() -> Vec<&'static str> {
    let mut names = vec!["config", "parameters"];
    names.extend(S::NAMES);
    if S::NAMES.contains(&"stream_slice") {
        names.extend(["stream_interval", "stream_partition"]);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::scope::ConfigOnly;

    #[test]
    fn a_template_decodes_from_any_scalar_and_a_broken_one_does_not() {
        let text = |json: &str| {
            serde_json::from_str::<Template<ConfigOnly>>(json).map(|t| t.source().to_owned())
        };
        assert_eq!(text("true").unwrap(), "True");
        assert_eq!(text("1.0").unwrap(), "1.0");
        let error = text("\"a{{ config. }}\"").unwrap_err().to_string();
        assert!(error.contains("at offset 12"), "{error}");
    }
}

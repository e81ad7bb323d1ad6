//! A value that knows where it stands in the manifest.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use crate::manifest::{Place, located};

/// A decoded value and its place; none when it does not come from a manifest.
#[derive(Debug, Clone)]
pub(super) struct Placed<T> {
    /// Where the value starts.
    pub(super) at: Option<Place>,
    /// The value.
    pub(super) value: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (here, value) = located(deserializer)?;
        Ok(Self {
            at: here.map(|here| here.at),
            value,
        })
    }
}

impl<T: JsonSchema> JsonSchema for Placed<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

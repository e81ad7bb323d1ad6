//! A field that holds one component, or a list of them.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use schemars::JsonSchema;

use crate::manifest::{Raw, located};

/// One component, or a list of them.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// A list.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (here, Raw(node)) = located::<D, Raw>(deserializer)?;
        let here = here.ok_or_else(|| D::Error::custom("expected a manifest"))?;
        if node.as_seq().is_some() {
            here.decode().map(Self::Many)
        } else {
            here.decode().map(Self::One)
        }
    }
}

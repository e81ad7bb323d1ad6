//! Fields that hold one component or a list of them, and lists that must not be empty.

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

/// Decodes a list that must not be empty.
pub(super) fn not_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let items = Vec::deserialize(deserializer)?;
    if items.is_empty() {
        return Err(D::Error::custom("expected one item at least"));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::{from_yaml, mistakes};

    #[test]
    fn one_or_a_list() {
        assert_eq!(from_yaml::<OneOrMany<u8>>("1").as_slice(), [1]);
        assert_eq!(from_yaml::<OneOrMany<u8>>("[1, 2]").as_slice(), [1, 2]);
        let mistakes = mistakes::<OneOrMany<u8>>("[1, x]");
        assert_eq!(mistakes.len(), 1);
        assert!(mistakes[0].contains("test.yaml:2:7"), "{mistakes:?}");
    }
}

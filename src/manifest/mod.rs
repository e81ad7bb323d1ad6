//! YAML text → resolved document that keeps its places → typed values.
//!
//! In: text and its name. Out: [`Node`]s after `$ref`, default types and `$parameters`, and a
//! decoder from a node to any `serde::Deserialize` type. It must not know any component.

use std::fmt;
use std::sync::Arc;

/// Where something stands in a manifest.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Name of the file as the user gave it.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a value stands, and the `$parameters` of its component.
#[derive(Debug, Clone)]
pub struct Here {
    /// The value's place.
    pub at: Place,
    /// `$parameters` of the nearest enclosing component.
    pub parameters: Arc<serde_json::Map<String, serde_json::Value>>,
}

/// Decodes a `T`; says where it stood when the deserializer knows.
///
/// # Errors
/// When `T` does not decode.
pub fn located<'de, D: serde::Deserializer<'de>, T: serde::Deserialize<'de>>(
    d: D,
) -> Result<(Option<Here>, T), D::Error> {
    T::deserialize(d).map(|value| (None, value))
}

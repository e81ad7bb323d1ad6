//! YAML text → resolved document that keeps its places → typed values.
//!
//! In: text and its name. Out: [`Node`]s after `$ref`, default types and `$parameters`, and a
//! decoder from a node to any `serde::Deserialize` type. It must not know any component; the
//! table of default types in `defaults.rs` is all it has of their names.
//!
//! The stages are those of the reference (airbyte-cdk 7.39.1, `concurrent_declarative_source.py`,
//! `_pre_process_manifest`): YAML, `$ref`, types and parameters.

mod access;
mod decode;
mod decoder;
mod defaults;
mod error;
mod failure;
mod frame;
mod lint;
mod located;
mod node;
mod parameters;
mod place;
mod refs;
mod scalar;
mod yaml;

use std::sync::Arc;

pub use decode::{decode, decode_linting};
pub use error::{Error, merge};
pub use lint::Lint;
pub use located::{Here, Raw, located};
pub use node::{Entry, Map, Node, NodeValue};
pub use parameters::propagate;
pub use place::{Place, Via};

/// A manifest that was read, with all `$ref`s, default types and `$parameters` in their places.
#[derive(Clone, Debug)]
pub struct Manifest {
    source: Arc<str>,
    root: Node,
    lints: Vec<Lint>,
}

impl Manifest {
    /// Reads a manifest; `name` is what messages call it.
    ///
    /// All mistakes in references and parameters are gathered; a mistake in the YAML itself
    /// comes alone.
    pub fn load(text: &str, name: &str) -> Result<Manifest, Vec<Error>> {
        let mut lints = Vec::new();
        let written = yaml::parse(text, name, &mut lints).map_err(|e| vec![*e])?;
        let written = parameters::with_source_type(&written)?;
        let resolved = refs::resolve(&written, &mut lints)?;
        let root = parameters::propagate(&resolved, &serde_json::Map::new(), false)?;
        Ok(Manifest {
            source: Arc::from(text),
            root,
            lints,
        })
    }

    /// The resolved document, a mapping.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// What is suspicious in the text, though it can be read.
    #[must_use]
    pub fn lints(&self) -> Vec<Lint> {
        self.lints.clone()
    }

    /// The text that was loaded, for drawing errors.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
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

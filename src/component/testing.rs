//! What tests of components start from.

use serde::de::DeserializeOwned;

use crate::manifest::{self, Manifest, Node};

/// The node of a piece of YAML, resolved as a manifest is.
pub(crate) fn node(yaml: &str) -> Node {
    let indented: String = yaml.lines().map(|line| format!("  {line}\n")).collect();
    let manifest = Manifest::load(&format!("value:\n{indented}"), "test.yaml")
        .unwrap_or_else(|errors| panic!("{errors:?}"));
    manifest.root().get("value").unwrap().clone()
}

/// The component of a piece of YAML.
pub(crate) fn from_yaml<T: DeserializeOwned>(yaml: &str) -> T {
    manifest::decode(&node(yaml)).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The messages of the mistakes in a piece of YAML.
pub(crate) fn mistakes<T: DeserializeOwned>(yaml: &str) -> Vec<String> {
    match manifest::decode::<T>(&node(yaml)) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

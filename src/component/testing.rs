//! Components out of YAML text, for tests.

use serde::de::DeserializeOwned;

use crate::manifest::{Manifest, decode};

/// Decodes a component that stands alone in a document.
pub(crate) fn from_yaml<T: DeserializeOwned>(yaml: &str) -> T {
    decoded(yaml).unwrap_or_else(|errors| panic!("{errors}\n{yaml}"))
}

/// The errors that decoding such a document gives, in words.
pub(crate) fn errors_of<T: DeserializeOwned>(yaml: &str) -> String {
    decoded::<T>(yaml)
        .err()
        .unwrap_or_else(|| panic!("no error in\n{yaml}"))
}

fn decoded<T: DeserializeOwned>(yaml: &str) -> Result<T, String> {
    let words = |errors: Vec<crate::manifest::Error>| {
        let words: Vec<_> = errors.iter().map(ToString::to_string).collect();
        words.join("\n")
    };
    let manifest = Manifest::load(yaml, "test.yaml").map_err(words)?;
    decode(manifest.root()).map_err(words)
}

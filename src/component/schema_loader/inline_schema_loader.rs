//! `InlineSchemaLoader`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::manifest::Raw;

/// The schema stands in the manifest.
///
/// As airbyte-cdk 7.39.1, `inline_schema_loader.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct InlineSchemaLoader {
    /// JSON schema of the stream's records. Unset: an empty one.
    #[serde(default)]
    schema: Option<Raw>,
}

impl InlineSchemaLoader {
    /// The schema.
    #[must_use]
    pub fn schema(&self) -> Value {
        match &self.schema {
            Some(Raw(node)) if node.value.is_truthy() => node.to_json(),
            _ => json!({}),
        }
    }
}

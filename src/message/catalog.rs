//! What streams there are, and which of them are asked for.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The streams that a source offers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// One for each stream.
    pub streams: Vec<CatalogStream>,
}

/// A stream that a source offers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogStream {
    /// Its name.
    pub name: String,
    /// JSON schema of its records.
    #[serde(default)]
    pub json_schema: Value,
    /// How it can be read.
    #[serde(default)]
    pub supported_sync_modes: Vec<SyncMode>,
    /// Whether the manifest says what its cursor field is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_defined_cursor: Option<bool>,
    /// Path of the cursor field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_cursor_field: Option<Vec<String>>,
    /// Paths of the fields of the primary key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_defined_primary_key: Option<Vec<Vec<String>>>,
    /// Namespace; streams of manifests have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Whether an interrupted read goes on where it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_resumable: Option<bool>,
    /// Whether its records come with files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_file_based: Option<bool>,
}

/// How a stream is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    /// All of it, each time.
    #[default]
    FullRefresh,
    /// What is new since the state.
    Incremental,
}

/// What is to be read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfiguredCatalog {
    /// One for each stream to be read.
    pub streams: Vec<ConfiguredStream>,
}

/// A stream to be read. Unknown keys are ignored, as the reference does.
///
/// Differs: the reference demands `sync_mode`, `destination_sync_mode`, `json_schema` and
/// `supported_sync_modes`; a missing one has its default here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfiguredStream {
    /// The stream as the catalog offered it.
    pub stream: CatalogStream,
    /// How to read it; a full refresh when not said.
    #[serde(default)]
    pub sync_mode: SyncMode,
    /// What a destination does with the records; nothing to us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_sync_mode: Option<String>,
    /// Path of the cursor field that the user chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor_field: Option<Vec<String>>,
    /// Paths of the fields of the primary key that the user chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_key: Option<Vec<Vec<String>>>,
}

impl ConfiguredCatalog {
    /// The stream `name`, when it is to be read.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ConfiguredStream> {
        self.streams
            .iter()
            .find(|stream| stream.stream.name == name)
    }
}

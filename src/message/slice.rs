//! The unit of reading: a partition and a window of the cursor.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One unit of reading of a stream: the parent's or list's key, and the cursor's window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSlice {
    /// Partition values by field, `parent_slice` among them for a substream.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub partition: Map<String, Value>,
    /// Start and end of the cursor's window; empty without a cursor.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub cursor_slice: Map<String, Value>,
    /// Values of the parent record asked for beside the key.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra_fields: Map<String, Value>,
}

impl StreamSlice {
    /// Value of `key`, as a template's `stream_slice[key]` sees it: the cursor's window first.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.cursor_slice
            .get(key)
            .or_else(|| self.partition.get(key))
    }

    /// Partition and window taken together, as logs and templates show the slice.
    #[must_use]
    pub fn merged(&self) -> Map<String, Value> {
        let mut all = self.partition.clone();
        all.extend(self.cursor_slice.clone());
        all
    }
}

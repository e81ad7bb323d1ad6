//! From the bytes of a response to the JSON values in it.
//!
//! In: a body. Out: a [`Page`], whose text is checked but not parsed. It must not know where the
//! records are in it.

mod json_decoder;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::message::{JsonError, Text};

pub use json_decoder::JsonDecoder;

/// What a response says: one JSON value, or the items of a list.
#[derive(Debug, Clone)]
pub struct Page {
    documents: Vec<Text>,
    /// Why the body could not be read; it counts as an empty object then.
    pub fault: Option<JsonError>,
}

impl Page {
    /// The values among which records are looked for. There is one at least.
    #[must_use]
    pub fn documents(&self) -> &[Text] {
        &self.documents
    }

    /// The first value: what templates see as `response`.
    #[must_use]
    pub fn first(&self) -> &Text {
        self.documents
            .first()
            .expect("a decoder gives an empty object where there is nothing")
    }
}

/// Turns bytes into JSON values.
pub trait Decode {
    /// Reads a whole body. `depth` is how deep values will be looked for: a hint.
    fn decode(&self, body: Vec<u8>, depth: usize) -> Page;
}

/// How the bytes of a response are read.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Decoder {
    /// Reads the body as JSON.
    JsonDecoder(JsonDecoder),
}

impl Decoder {
    fn get(&self) -> &dyn Decode {
        match self {
            Self::JsonDecoder(decoder) => decoder,
        }
    }

    /// Reads a whole body. `depth` is how deep values will be looked for: a hint.
    #[must_use]
    pub fn decode(&self, body: Vec<u8>, depth: usize) -> Page {
        self.get().decode(body, depth)
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::JsonDecoder(JsonDecoder {})
    }
}

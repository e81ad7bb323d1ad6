//! What may stand inside of a compressed body.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    CsvDecoder, Decode as _, Decoded, GzipDecoder, JsonDecoder, JsonItemsDecoder, JsonlDecoder,
};

/// How the content of a compressed body is read.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Parser {
    /// Reads the content as JSON. Unlike in a plain body, what is no JSON, or null, is an error.
    JsonDecoder(JsonDecoder),
    /// Reads the items of one list of a JSON content.
    JsonItemsDecoder(JsonItemsDecoder),
    /// Reads each line as JSON.
    JsonlDecoder(JsonlDecoder),
    /// Reads the content as CSV.
    CsvDecoder(CsvDecoder),
    /// Decompresses the content once more.
    GzipDecoder(Box<GzipDecoder>),
}

impl Parser {
    /// Reads a content. `depth` is how deep values will be looked for: a hint.
    pub(super) fn parse(&self, content: Vec<u8>, depth: usize) -> Decoded {
        match self {
            Self::JsonDecoder(_) => JsonDecoder::parse(content, depth),
            Self::JsonItemsDecoder(decoder) => decoder.decode(content, depth),
            Self::JsonlDecoder(decoder) => decoder.decode(content, depth),
            Self::CsvDecoder(decoder) => decoder.decode(content, depth),
            Self::GzipDecoder(decoder) => decoder.decode(content, depth),
        }
    }
}

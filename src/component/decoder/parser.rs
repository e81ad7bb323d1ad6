//! What may stand inside of a compressed body.

use std::io::Read;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    CsvDecoder, Cut, Decode as _, Decoded, Each, GzipDecoder, JsonDecoder, JsonItemsDecoder,
    JsonlDecoder,
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
    /// Reads a content part by part.
    pub(super) fn stream(&self, content: &mut dyn Read, cut: Cut, each: &mut Each<'_>) {
        match self {
            Self::JsonDecoder(_) => {
                let mut body = Vec::new();
                each(match content.read_to_end(&mut body) {
                    Ok(_) => JsonDecoder::parse(body, cut.depth),
                    Err(error) => Decoded::broken(error.to_string()),
                });
            }
            Self::JsonItemsDecoder(decoder) => decoder.stream(content, cut, each),
            Self::JsonlDecoder(decoder) => decoder.stream(content, cut, each),
            Self::CsvDecoder(decoder) => decoder.stream(content, cut, each),
            Self::GzipDecoder(decoder) => decoder.stream(content, cut, each),
        }
    }
}

//! From the bytes of a response to the JSON values in it.
//!
//! In: a body. Out: a [`Page`], whose text is checked but not parsed. It must not know where the
//! records are in it.
//!
//! Bodies are whole today. The formats that are read value by value (lines, CSV, items of a list)
//! are those whose [`Decode::shows_body`] is false: no template looks at their body, so that a
//! later `decode` over a reader can hand out their values one by one, in memory that does not grow.

mod csv_decoder;
mod encoding;
mod gzip_decoder;
mod iterable_decoder;
mod json_decoder;
mod json_items_decoder;
mod jsonl_decoder;
mod page;
mod parser;
mod xml_decoder;
mod zipfile_decoder;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::message::Text;

pub use csv_decoder::CsvDecoder;
pub use gzip_decoder::GzipDecoder;
pub use iterable_decoder::IterableDecoder;
pub use json_decoder::JsonDecoder;
pub use json_items_decoder::JsonItemsDecoder;
pub use jsonl_decoder::JsonlDecoder;
pub use page::Page;
pub use parser::Parser;
pub use xml_decoder::XmlDecoder;
pub use zipfile_decoder::ZipfileDecoder;

/// The values of a body, and why there are no more of them.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The values, in order.
    pub documents: Vec<Text>,
    /// What was passed over: the read goes on.
    pub warning: Option<String>,
    /// Why the body ends before its end: the read of the slice fails after these values.
    pub broken: Option<String>,
}

impl Decoded {
    fn of(documents: Vec<Text>) -> Self {
        Self {
            documents,
            ..Self::default()
        }
    }

    fn broken(why: impl Into<String>) -> Self {
        Self {
            broken: Some(why.into()),
            ..Self::default()
        }
    }
}

/// Turns bytes into JSON values.
pub trait Decode {
    /// Reads a whole body. `depth` is how deep values will be looked for: a hint.
    fn decode(&self, body: Vec<u8>, depth: usize) -> Decoded;

    /// Whether templates see the first value as `response`; else they see an empty object, as the
    /// reference shows them of a body that it reads as a stream.
    fn shows_body(&self) -> bool;
}

/// How the bytes of a response are read.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Decoder {
    /// Reads the body as JSON.
    JsonDecoder(JsonDecoder),
    /// Reads the items of one list of a JSON body.
    JsonItemsDecoder(JsonItemsDecoder),
    /// Reads each line as JSON.
    JsonlDecoder(JsonlDecoder),
    /// Reads the body as CSV.
    CsvDecoder(CsvDecoder),
    /// Reads each line as text.
    IterableDecoder(IterableDecoder),
    /// Reads the body as XML.
    XmlDecoder(XmlDecoder),
    /// Decompresses the body by gzip.
    GzipDecoder(GzipDecoder),
    /// Reads the files of a ZIP archive.
    ZipfileDecoder(ZipfileDecoder),
}

impl Decoder {
    fn get(&self) -> &dyn Decode {
        match self {
            Self::JsonDecoder(decoder) => decoder,
            Self::JsonItemsDecoder(decoder) => decoder,
            Self::JsonlDecoder(decoder) => decoder,
            Self::CsvDecoder(decoder) => decoder,
            Self::IterableDecoder(decoder) => decoder,
            Self::XmlDecoder(decoder) => decoder,
            Self::GzipDecoder(decoder) => decoder,
            Self::ZipfileDecoder(decoder) => decoder,
        }
    }

    /// Whether the reference reads the body as a stream, which it can do once only.
    #[must_use]
    pub fn is_streamed(&self) -> bool {
        !self.get().shows_body()
    }

    /// Reads a whole body. `depth` is how deep values will be looked for: a hint.
    #[must_use]
    pub fn decode(&self, body: Vec<u8>, depth: usize) -> Page {
        let decoder = self.get();
        Page::new(decoder.decode(body, depth), decoder.shows_body())
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::JsonDecoder(JsonDecoder {})
    }
}

/// What tests of decoders look at.
#[cfg(test)]
mod testing {
    use serde_json::Value;

    use super::{Decoder, Page};
    use crate::component::testing::from_yaml;

    pub(super) fn page(yaml: &str, body: &[u8]) -> Page {
        from_yaml::<Decoder>(yaml).decode(body.to_vec(), 1)
    }

    pub(super) fn values(yaml: &str, body: &[u8]) -> Vec<Value> {
        let page = page(yaml, body);
        assert_eq!(page.broken, None);
        page.documents()
            .iter()
            .map(crate::message::Text::value)
            .collect()
    }
}

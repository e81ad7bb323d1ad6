//! From the bytes of a response to the JSON values in it.
//!
//! In: a body. Out: a [`Page`], whose text is checked but not parsed. It must not know where the
//! records are in it.
//!
//! A long body comes in parts: [`Decoder::read`] hands out a page for each. Lines, CSV and the items
//! of a list are read so in memory that does not grow, also out of gzip and ZIP; JSON and XML are one
//! part, whatever their length.

mod csv_decoder;
mod encoding;
mod gzip_decoder;
mod iterable_decoder;
mod json_decoder;
mod json_items_decoder;
mod jsonl_decoder;
mod lines;
mod page;
mod parser;
mod xml_decoder;
mod zipfile_decoder;

use std::io::Read;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::http::Body;
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

    /// All parts of a body together.
    fn of_parts(read: impl FnOnce(&mut Each<'_>)) -> Self {
        let mut all = Self::default();
        read(&mut |part| {
            all.documents.extend(part.documents);
            all.warning = all.warning.take().or(part.warning);
            all.broken = part.broken;
            true
        });
        all
    }
}

/// Takes the parts of a body in order; false when no more are wanted. A broken part is the last one.
pub type Each<'a> = dyn FnMut(Decoded) -> bool + 'a;

/// How a body is cut into parts.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// How deep values will be looked for: a hint.
    pub depth: usize,
    /// Bytes that are enough for a part.
    pub most: usize,
}

/// Bytes of a part. More would only cost memory: so many are thousands of records.
pub(in crate::component) const PART: usize = 1 << 20;

/// Turns bytes into JSON values.
pub trait Decode {
    /// Reads a whole body. `depth` is how deep values will be looked for: a hint.
    fn decode(&self, body: Vec<u8>, depth: usize) -> Decoded;

    /// Whether templates see the first value as `response`; else they see an empty object, as the
    /// reference shows them of a body that it reads as a stream.
    fn shows_body(&self) -> bool;

    /// Reads a body part by part: all of it at once, where the format does not come value by value.
    fn stream(&self, content: &mut dyn Read, cut: Cut, each: &mut Each<'_>) {
        let mut body = Vec::new();
        each(match content.read_to_end(&mut body) {
            Ok(_) => self.decode(body, cut.depth),
            Err(error) => Decoded::broken(error.to_string()),
        });
    }
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

    /// Reads a whole body, a long one too. `depth` is how deep values will be looked for: a hint.
    #[must_use]
    pub fn decode(&self, body: impl Into<Body>, depth: usize) -> Page {
        let decoder = self.get();
        let decoded = match body.into().into_bytes() {
            Ok(body) => decoder.decode(body, depth),
            Err(error) => Decoded::broken(error.to_string()),
        };
        Page::new(decoded, decoder.shows_body())
    }

    /// Reads a body and hands out a page for each part of it, at least one; `each` is false when no
    /// more are wanted. A broken page is the last one, and only one has a warning.
    pub fn read(&self, body: Body, depth: usize, each: &mut dyn FnMut(Page) -> bool) {
        let is_packed = matches!(self, Self::GzipDecoder(_) | Self::ZipfileDecoder(_));
        if !body.is_long() && !is_packed {
            each(self.decode(body, depth));
            return;
        }
        self.read_parts(&body, Cut { depth, most: PART }, each);
    }

    fn read_parts(&self, body: &Body, cut: Cut, each: &mut dyn FnMut(Page) -> bool) {
        let decoder = self.get();
        let mut first: Option<Text> = None;
        let mut was_warned = false;
        let mut hand_out = |mut part: Decoded| {
            let is_told = part.warning.is_some();
            part.warning = part.warning.filter(|_| !was_warned);
            was_warned |= is_told;
            let page = match &first {
                Some(first) => Page::after(first, part),
                None => Page::new(part, decoder.shows_body()),
            };
            first.get_or_insert_with(|| page.first().clone());
            each(page)
        };
        match self {
            Self::ZipfileDecoder(archive) => {
                archive.stream_files(body.reader(), cut, &mut hand_out)
            }
            _ => decoder.stream(&mut body.reader(), cut, &mut hand_out),
        }
        if first.is_none() {
            each(Page::new(Decoded::default(), decoder.shows_body()));
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::JsonDecoder(JsonDecoder {})
    }
}

#[cfg(test)]
mod tests;

/// What tests of decoders look at.
#[cfg(test)]
mod testing {
    use serde_json::Value;

    use super::{Cut, Decoder, Page};
    use crate::component::testing::from_yaml;

    pub(super) fn page(yaml: &str, body: &[u8]) -> Page {
        from_yaml::<Decoder>(yaml).decode(body.to_vec(), 1)
    }

    /// The values of a body that is read in parts as small as can be, and why it broke off.
    pub(super) fn parts(yaml: &str, body: &[u8], most: usize) -> Page {
        let decoder = from_yaml::<Decoder>(yaml);
        let mut all: Option<Page> = None;
        let cut = Cut { depth: 1, most };
        decoder.read_parts(&body.to_vec().into(), cut, &mut |page| {
            assert!(all.as_ref().is_none_or(|all| all.broken.is_none()));
            all = Some(match all.take() {
                Some(all) => all.with(page),
                None => page,
            });
            true
        });
        all.expect("there is at least one part")
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

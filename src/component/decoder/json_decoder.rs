//! `JsonDecoder`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::page::empty;
use super::{Decode, Decoded};
use crate::message::{Kind, Text};

/// Reads the body as JSON.
///
/// The items of a list are looked at one by one, each as if it were a body of its own. A body that
/// is empty, an empty list, null, or no JSON at all counts as an empty object. As airbyte-cdk
/// 7.39.1, `json_decoder.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct JsonDecoder {}

impl Decode for JsonDecoder {
    fn decode(&self, body: Vec<u8>, depth: usize) -> Decoded {
        let is_empty = body.is_empty();
        let mut decoded = Self::parse(body, depth);
        // An empty body is how many APIs say that there is nothing.
        decoded.warning = decoded.broken.take().filter(|_| !is_empty);
        if decoded.documents.is_empty() {
            decoded.documents.push(empty());
        }
        decoded
    }

    fn shows_body(&self) -> bool {
        true
    }
}

impl JsonDecoder {
    /// Reads JSON as it is: nothing counts as something else.
    pub(super) fn parse(body: Vec<u8>, depth: usize) -> Decoded {
        match Text::parse(body, depth) {
            Ok(text) if text.as_str() == "null" => Decoded::broken("the body is null"),
            Ok(text) if text.kind() == Kind::Array => Decoded::of(text.items().collect()),
            Ok(text) => Decoded::of(vec![text]),
            Err(fault) => Decoded::broken(format!("the body is not JSON: {}", fault.bare())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::decoder::Decoder;

    fn decode(body: &str) -> Vec<String> {
        let page = Decoder::default().decode(body.as_bytes().to_vec(), 1);
        assert_eq!(page.broken, None);
        let texts = page.documents().iter();
        texts.map(|t| t.as_str().to_owned()).collect()
    }

    #[test]
    fn a_list_is_many_documents_and_nothing_is_an_empty_object() {
        assert_eq!(decode(r#"{"a": 1}"#), [r#"{"a": 1}"#]);
        assert_eq!(decode("[1, [2]]"), ["1", "[2]"]);
        for nothing in ["", "[]", "null", "not JSON", "[1,"] {
            assert_eq!(decode(nothing), ["{}"], "{nothing}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_is_told() {
        let warning = |body: &str| JsonDecoder {}.decode(body.as_bytes().to_vec(), 1).warning;
        assert!(warning("<html>").is_some());
        assert!(warning("").is_none());
    }
}

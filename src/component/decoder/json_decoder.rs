//! `JsonDecoder`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Decode, Page};
use crate::message::{Kind, Text};

/// Reads the body as JSON.
///
/// The items of a list are looked at one by one, each as if it were a body of its own. A body that
/// is empty, an empty list, null, or no JSON at all counts as an empty object. As airbyte-cdk
/// 7.39.1, `json_decoder.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct JsonDecoder {}

impl Decode for JsonDecoder {
    fn decode(&self, body: Vec<u8>, depth: usize) -> Page {
        let is_empty = body.is_empty();
        match Text::parse(body, depth) {
            Ok(text) => Page {
                documents: documents(text),
                fault: None,
            },
            Err(fault) => Page {
                documents: vec![empty()],
                // An empty body is how many APIs say that there is nothing.
                fault: (!is_empty).then_some(fault),
            },
        }
    }
}

fn documents(text: Text) -> Vec<Text> {
    match text.kind() {
        Kind::Null => vec![empty()],
        Kind::Array => {
            let items: Vec<Text> = text.items().collect();
            if items.is_empty() {
                vec![empty()]
            } else {
                items
            }
        }
        _ => vec![text],
    }
}

fn empty() -> Text {
    Text::parse(b"{}".to_vec(), 0).expect("an empty object is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(body: &str) -> Vec<String> {
        let page = JsonDecoder {}.decode(body.as_bytes().to_vec(), 1);
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
        let fault = |body: &str| JsonDecoder {}.decode(body.as_bytes().to_vec(), 1).fault;
        assert!(fault("<html>").is_some());
        assert!(fault("").is_none());
    }
}

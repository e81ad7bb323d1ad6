//! `JsonItemsDecoder`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::encoding::Encoding;
use super::{Decode, Decoded};
use crate::message::{Kind, Text};

/// Reads the items of one list of a JSON body.
///
/// For bodies of one large list: each item counts as a body of its own, and the rest is passed
/// over. Templates see an empty object as `response`. As airbyte-cdk 7.39.1,
/// `composite_raw_decoder.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct JsonItemsDecoder {
    /// Keys down to the list, with dots between them, such as `data.users`; `item` stands for the
    /// items of a list on the way.
    items_path: String,
    /// Character encoding of the body. Default: `utf-8`.
    #[serde(default)]
    encoding: Encoding,
}

impl Decode for JsonItemsDecoder {
    fn decode(&self, body: Vec<u8>, depth: usize) -> Decoded {
        if self.items_path.is_empty() {
            return Decoded::broken("`items_path` of `JsonItemsDecoder` is empty");
        }
        let text = match self.encoding.decode(body) {
            Ok(text) => text,
            Err(why) => return Decoded::broken(why),
        };
        let depth = depth + self.items_path.split('.').count() + 1;
        match Text::parse(text.into_bytes(), depth) {
            Ok(text) => {
                let mut documents = Vec::new();
                collect(&text, &self.items_path, &mut documents);
                Decoded::of(documents)
            }
            Err(fault) => Decoded::broken(format!("the body is not JSON: {}", fault.bare())),
        }
    }

    fn shows_body(&self) -> bool {
        false
    }
}

/// The items of all lists at `path`, of which the keys above `at` are gone. A key may hold dots.
fn collect(at: &Text, path: &str, found: &mut Vec<Text>) {
    let mut below = |key: &str, child: &Text| {
        let Some(rest) = path.strip_prefix(key) else {
            return;
        };
        if rest.is_empty() && child.kind() == Kind::Array {
            found.extend(child.items());
        } else if let Some(rest) = rest.strip_prefix('.') {
            collect(child, rest, found);
        }
    };
    match at.kind() {
        Kind::Object => at.fields().for_each(|(key, child)| below(&key, &child)),
        Kind::Array => at.items().for_each(|child| below("item", &child)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{page, values};

    fn items(path: &str, body: &str) -> Vec<serde_json::Value> {
        let yaml = format!("{{type: JsonItemsDecoder, items_path: '{path}'}}");
        values(&yaml, body.as_bytes())
    }

    #[test]
    fn finds_the_items_of_a_nested_list() {
        let body = r#"{"n": 2, "data": {"users": [{"id": 1}, 2]}, "a.b": [3], "l": [[4], [5]]}"#;
        assert_eq!(items("data.users", body), [json!({"id": 1}), json!(2)]);
        assert_eq!(items("a.b", body), [json!(3)]);
        assert_eq!(items("l.item", body), [json!(4), json!(5)]);
        assert!(items("data", body).is_empty());
        assert!(items("nope", body).is_empty());
    }

    #[test]
    fn other_encodings_and_broken_bodies() {
        let yaml = "{type: JsonItemsDecoder, items_path: a, encoding: latin-1}";
        assert_eq!(values(yaml, b"{\"a\": [\"\xe9\"]}"), [json!("é")]);
        assert!(page(yaml, b"{\"a\": [").broken.is_some());
    }
}

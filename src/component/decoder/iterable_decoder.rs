//! `IterableDecoder`.

use std::io::Read;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::lines::Lines;
use super::{Cut, Decode, Decoded, Each};
use crate::message::Text;

/// Reads each line as text: a line becomes `{"record": "the line"}`.
///
/// The lines are read one after the other: memory does not grow with the body. Templates see an empty object as `response`. As airbyte-cdk 7.39.1, `json_decoder.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct IterableDecoder {}

impl Decode for IterableDecoder {
    fn decode(&self, body: Vec<u8>, depth: usize) -> Decoded {
        let (text, broken) = match std::str::from_utf8(&body) {
            Ok(text) => (text, None),
            Err(error) => {
                let valid = body.get(..error.valid_up_to()).unwrap_or_default();
                let valid = std::str::from_utf8(valid).unwrap_or_default();
                let end = valid.rfind(['\n', '\r']).map_or(0, |end| end + 1);
                let lines = valid.get(..end).unwrap_or_default();
                (lines, Some("the body is not UTF-8".to_owned()))
            }
        };
        if text.is_empty() {
            return Decoded {
                broken,
                ..Decoded::default()
            };
        }
        let body = text.replace("\r\n", "\n");
        let body = body.strip_suffix(['\n', '\r']).unwrap_or(&body);
        let mut list = String::from("[");
        for line in body.split(['\n', '\r']) {
            if list.len() > 1 {
                list.push(',');
            }
            list.push_str("{\"record\":");
            list.push_str(&Value::from(line).to_string());
            list.push('}');
        }
        list.push(']');
        match Text::parse(list.into_bytes(), depth + 1) {
            Ok(list) => Decoded {
                documents: list.items().collect(),
                broken,
                ..Decoded::default()
            },
            Err(fault) => Decoded::broken(fault.to_string()),
        }
    }

    fn shows_body(&self) -> bool {
        false
    }

    fn stream(&self, content: &mut dyn Read, cut: Cut, each: &mut Each<'_>) {
        Lines::of(content, cut.most).each(each, &mut |lines| self.decode(lines, cut.depth));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::values;

    #[test]
    fn each_line_is_a_record() {
        let lines = |body: &str| values("{type: IterableDecoder}", body.as_bytes());
        assert_eq!(
            lines("a \"b\"\r\n\nc\r"),
            [
                json!({"record": "a \"b\""}),
                json!({"record": ""}),
                json!({"record": "c"})
            ]
        );
        assert!(lines("").is_empty());
        assert_eq!(lines("\n"), [json!({"record": ""})]);
    }
}

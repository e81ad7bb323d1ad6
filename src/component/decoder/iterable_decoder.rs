//! `IterableDecoder`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Decode, Decoded};
use crate::message::Text;

/// Reads each line as text: a line becomes `{"record": "the line"}`.
///
/// Templates see an empty object as `response`. As airbyte-cdk 7.39.1, `json_decoder.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct IterableDecoder {}

impl Decode for IterableDecoder {
    fn decode(&self, body: Vec<u8>, depth: usize) -> Decoded {
        let Ok(body) = String::from_utf8(body) else {
            return Decoded::broken("the body is not UTF-8");
        };
        let body = body.replace("\r\n", "\n");
        let body = body.strip_suffix(['\n', '\r']).unwrap_or(&body);
        if body.is_empty() {
            return Decoded::default();
        }
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
            Ok(list) => Decoded::of(list.items().collect()),
            Err(fault) => Decoded::broken(fault.to_string()),
        }
    }

    fn shows_body(&self) -> bool {
        false
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
    }
}

//! `JsonlDecoder`.

use std::io::Read;

use schemars::JsonSchema;
use serde::Deserialize;

use super::lines::Lines;
use super::{Cut, Decode, Decoded, Each};
use crate::message::Text;

/// Reads each line as JSON.
///
/// A line that is no JSON, an empty one too, is passed over; a body that is not UTF-8 is an error.
/// The lines are read one after the other: memory does not grow with the body. Templates see an empty object as `response`. As airbyte-cdk 7.39.1, `composite_raw_decoder.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct JsonlDecoder {}

impl Decode for JsonlDecoder {
    fn decode(&self, body: Vec<u8>, depth: usize) -> Decoded {
        values(&body, 1, depth)
    }

    fn shows_body(&self) -> bool {
        false
    }

    fn stream(&self, content: &mut dyn Read, cut: Cut, each: &mut Each<'_>) {
        let mut number = 1;
        Lines::of(content, cut.most).each(each, &mut |lines| {
            let decoded = values(&lines, number, cut.depth);
            number += memchr::memchr_iter(b'\n', &lines).count();
            decoded
        });
    }
}

/// The values of lines, of which the first has this number.
fn values(lines: &[u8], number: usize, depth: usize) -> Decoded {
    // Differs: the reference passes over the first line when a byte order mark stands before it.
    let lines = match lines.strip_prefix(b"\xef\xbb\xbf") {
        Some(lines) if number == 1 => lines,
        _ => lines,
    };
    if let Some(documents) = at_once(lines, depth) {
        return Decoded::of(documents);
    }
    let mut decoded = Decoded::default();
    for (number, line) in (number..).zip(lines.split(|byte| *byte == b'\n')) {
        if std::str::from_utf8(line).is_err() {
            decoded.broken = Some(format!("line {number} is not UTF-8"));
            return decoded;
        }
        match Text::parse(line.to_vec(), depth) {
            Ok(text) => decoded.documents.push(text),
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(fault) => {
                let message = format!("line {number} is not JSON: {}", fault.bare());
                decoded.warning.get_or_insert(message);
            }
        }
    }
    decoded
}

/// Reads all lines as the items of one list, which is one scan and one allocation. None when they
/// are not exactly that.
fn at_once(body: &[u8], depth: usize) -> Option<Vec<Text>> {
    let lines = || {
        let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty())
    };
    let mut list = Vec::with_capacity(body.len() + 2);
    for line in lines() {
        list.push(if list.is_empty() { b'[' } else { b',' });
        list.extend_from_slice(line);
    }
    if list.is_empty() {
        return Some(Vec::new());
    }
    list.push(b']');
    let list = Text::parse(list, depth + 1).ok()?;
    let documents: Vec<Text> = list.items().collect();
    // Commas and brackets could have made other items out of broken lines.
    let same = documents.len() == lines().count()
        && (documents.iter().zip(lines())).all(|(text, line)| text.as_str().as_bytes() == line);
    same.then_some(documents)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{page, values};

    const YAML: &str = "{type: JsonlDecoder}";

    #[test]
    fn each_line_is_a_value() {
        let body = b"\xef\xbb\xbf{\"a\": 1}\r\n\n {\"a\":  [2]}\n3\n";
        assert_eq!(
            values(YAML, body),
            [json!({"a": 1}), json!({"a": [2]}), json!(3)]
        );
        assert!(values(YAML, b"").is_empty());
    }

    #[test]
    fn broken_lines_are_passed_over_and_told() {
        for body in ["bad\n{\"a\": 1}", "1,2\n{\"a\": 1}", "[1\n2]\n{\"a\": 1}"] {
            assert_eq!(values(YAML, body.as_bytes()), [json!({"a": 1})], "{body}");
            let warning = page(YAML, body.as_bytes()).warning.unwrap();
            assert!(warning.starts_with("line 1 is not JSON"), "{warning}");
        }
    }

    #[test]
    fn templates_do_not_see_the_body() {
        assert_eq!(page(YAML, b"{\"a\": 1}").first().as_str(), "{}");
    }

    #[test]
    fn what_is_not_utf8_ends_the_read_after_the_lines_before() {
        let page = page(YAML, b"{\"a\": 1}\n\xff\n");
        assert_eq!(page.documents().len(), 1);
        assert_eq!(page.broken.as_deref(), Some("line 2 is not UTF-8"));
    }
}

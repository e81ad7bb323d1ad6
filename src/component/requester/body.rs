//! Bodies as Python writes them.

use serde::Serialize as _;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value};

use super::BodyData;
use crate::component::ComponentError;
use crate::http::{Headers, Request, url};

/// Sets a URL-encoded form as the body.
pub(in crate::component) fn send_form(
    form: &Map<String, Value>,
    headers: &mut Headers,
    body: &mut Vec<u8>,
) {
    *body = url::encode(url::flatten(form)).into_bytes();
    content_type(headers, "application/x-www-form-urlencoded");
}

/// Sets a JSON object as the body.
fn send_json(object: Map<String, Value>, headers: &mut Headers, body: &mut Vec<u8>) {
    *body = python_json(&Value::Object(object));
    content_type(headers, "application/json");
}

/// Sets the body that a request has, if it has one.
pub(super) fn set_body(
    request: &mut Request,
    data: Option<BodyData>,
    object: Map<String, Value>,
) -> Result<(), ComponentError> {
    let data = data.filter(|data| match data {
        BodyData::Form(form) => !form.is_empty(),
        BodyData::Text(text) => !text.is_empty(),
    });
    match data {
        Some(_) if !object.is_empty() => Err(ComponentError::system(
            "a request has either a JSON body or another one, not both",
        )),
        Some(BodyData::Form(form)) => {
            send_form(&form, &mut request.headers, &mut request.body);
            Ok(())
        }
        Some(BodyData::Text(text)) => {
            request.body = text.into_bytes();
            Ok(())
        }
        None if object.is_empty() => Ok(()),
        None => {
            send_json(object, &mut request.headers, &mut request.body);
            Ok(())
        }
    }
}

/// The manifest's own content type stays.
fn content_type(headers: &mut Headers, value: &str) {
    if headers.get("Content-Type").is_none() {
        headers.set("Content-Type", value);
    }
}

/// JSON as Python's `json.dumps` writes it: a space after `,` and `:`, and ASCII only.
fn python_json(value: &Value) -> Vec<u8> {
    written(value, Python(" "))
}

/// The same without spaces.
pub(in crate::component) fn compact_json(value: &Value) -> Vec<u8> {
    written(value, Python(""))
}

fn written(value: &Value, formatter: Python) -> Vec<u8> {
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, formatter);
    // A JSON value in memory can always be written.
    let _ = value.serialize(&mut serializer);
    text
}

/// With what stands after `,` and `:`.
struct Python(&'static str);

impl Python {
    fn comma<W: ?Sized + std::io::Write>(
        &self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first {
            return Ok(());
        }
        writer.write_all(b",")?;
        writer.write_all(self.0.as_bytes())
    }
}

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        self.comma(writer, first)
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        self.comma(writer, first)
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b":")?;
        writer.write_all(self.0.as_bytes())
    }

    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> std::io::Result<()> {
        for c in fragment.chars() {
            if c.is_ascii() && c != '\u{7f}' {
                write!(writer, "{c}")?;
            } else if c == '\u{7f}' {
                writer.write_all(b"\x7f")?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_written_as_python_writes_it() {
        let value = json!({"a": [1, 2.5, null, true], "b": {"ü": "\u{1f600}\n\"\u{7f}"}, "c": []});
        assert_eq!(
            String::from_utf8(python_json(&value)).unwrap(),
            "{\"a\": [1, 2.5, null, true], \"b\": {\"\\u00fc\": \"\\ud83d\\ude00\\n\\\"\u{7f}\"}, \"c\": []}"
        );
    }

    #[test]
    fn a_declared_content_type_stays() {
        let mut headers = Headers::default();
        headers.set("content-type", "application/vnd.api+json");
        let mut body = Vec::new();
        send_json(Map::new(), &mut headers, &mut body);
        assert_eq!(
            headers.get("Content-Type"),
            Some("application/vnd.api+json")
        );
    }

    #[test]
    fn a_form_is_encoded() {
        let (mut headers, mut body) = (Headers::default(), Vec::new());
        let form = json!({"a b": "c&d", "list": [1, true], "none": null});
        send_form(form.as_object().unwrap(), &mut headers, &mut body);
        assert_eq!(body, b"a+b=c%26d&list=1&list=True");
        assert_eq!(
            headers.get("Content-Type"),
            Some("application/x-www-form-urlencoded")
        );
    }
}

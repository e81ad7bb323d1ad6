//! `CsvDecoder`.

use std::borrow::Cow;
use std::io::Read;

use csv::{ErrorKind, ReaderBuilder, StringRecord};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::encoding::Encoding;
use super::{Cut, Decode, Decoded, Each, PART};
use crate::message::Text;

/// Reads the body as CSV: the first line names the fields, and all values are text.
///
/// A line that is too short has null in its last fields; what stands behind the last field is a
/// list under the key `null`. The lines are read one after the other: memory does not grow with the
/// body. Templates see an empty object as `response`. As airbyte-cdk 7.39.1,
/// `composite_raw_decoder.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CsvDecoder {
    /// Character encoding of the body, such as `latin-1`. Default: `utf-8`.
    #[serde(default)]
    encoding: Encoding,
    /// The character between fields; `\t` is a tab. Default: a comma.
    #[serde(default)]
    delimiter: Option<String>,
    /// Values that become null. Default: none.
    #[serde(default)]
    set_values_to_none: Option<Vec<String>>,
}

/// Stands for a delimiter that is more than a byte. No text has it: it is no character.
const STAND_IN: u8 = 0x1f;

impl Decode for CsvDecoder {
    fn decode(&self, body: Vec<u8>, depth: usize) -> Decoded {
        let cut = Cut { depth, most: PART };
        Decoded::of_parts(|each| self.stream(&mut body.as_slice(), cut, each))
    }

    fn shows_body(&self) -> bool {
        false
    }

    fn stream(&self, content: &mut dyn Read, cut: Cut, each: &mut Each<'_>) {
        let (delimiter, replaced) = match self.delimiter() {
            Some(delimiter) if delimiter.is_ascii() => (delimiter as u8, None),
            Some(delimiter) => (STAND_IN, Some(delimiter)),
            None => {
                each(Decoded::broken(NOT_ONE));
                return;
            }
        };
        let mut after_return = false;
        let mut change = |text: &mut String| {
            universal_newlines(text, &mut after_return);
            match replaced {
                None => Ok(()),
                Some(_) if text.contains(char::from(STAND_IN)) => Err(NOT_ONE.to_owned()),
                Some(delimiter) => {
                    *text = text.replace(delimiter, "\u{1f}");
                    Ok(())
                }
            }
        };
        let text = self.encoding.reader(content, &mut change);
        self.rows(text, delimiter, cut, each);
    }
}

const NOT_ONE: &str = "`delimiter` of `CsvDecoder` must be one character";

/// Python reads text with `universal newlines`, also inside of quotes. A return at the end of one
/// block may belong to the newline at the start of the next.
fn universal_newlines(text: &mut String, after_return: &mut bool) {
    if text.is_empty() {
        return;
    }
    if std::mem::replace(after_return, text.ends_with('\r')) && text.starts_with('\n') {
        text.remove(0);
    }
    if text.contains('\r') {
        *text = text.replace("\r\n", "\n").replace('\r', "\n");
    }
}

impl CsvDecoder {
    /// The delimiter, its escapes resolved as in Python.
    fn delimiter(&self) -> Option<char> {
        let written = self.delimiter.as_deref().unwrap_or_default();
        match written {
            "" => return Some(','),
            "\\t" => return Some('\t'),
            "\\n" => return Some('\n'),
            "\\r" => return Some('\r'),
            "\\f" => return Some('\u{c}'),
            "\\v" => return Some('\u{b}'),
            "\\\\" => return Some('\\'),
            _ => {}
        }
        let code = written.strip_prefix("\\x").or(written.strip_prefix("\\u"));
        if let Some(code) = code {
            return char::from_u32(u32::from_str_radix(code, 16).ok()?);
        }
        let mut characters = written.chars();
        characters.next().filter(|_| characters.next().is_none())
    }

    fn rows(&self, text: impl Read, delimiter: u8, cut: Cut, each: &mut Each<'_>) {
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(text);
        let mut row = StringRecord::new();
        let mut fields = Fields::default();
        loop {
            let mut list = String::from("[");
            let mut is_ended = false;
            let mut broken = None;
            while !is_ended && list.len() <= cut.most {
                match reader.read_record(&mut row) {
                    Ok(false) => is_ended = true,
                    Ok(true) if fields.width == 0 => fields = Fields::of(&row),
                    Ok(true) => {
                        if list.len() > 1 {
                            list.push(',');
                        }
                        self.write_row(&row, &fields, &mut list);
                    }
                    Err(error) => {
                        is_ended = true;
                        broken = Some(match error.kind() {
                            ErrorKind::Io(error) => error.to_string(),
                            _ => format!("the body is not CSV: {error}"),
                        });
                    }
                }
            }
            list.push(']');
            let part = match Text::parse(list.into_bytes(), cut.depth + 1) {
                Ok(list) => Decoded {
                    documents: list.items().collect(),
                    broken,
                    ..Decoded::default()
                },
                Err(fault) => Decoded::broken(fault.to_string()),
            };
            if !each(part) || is_ended {
                return;
            }
        }
    }

    fn write_row(&self, row: &StringRecord, fields: &Fields, out: &mut String) {
        let mut next = '{';
        for (key, index) in &fields.keys {
            out.push(next);
            next = ',';
            out.push_str(key);
            out.push(':');
            match row.get(*index) {
                Some(value) if !self.is_none(value) => out.push_str(&quoted(value)),
                _ => out.push_str("null"),
            }
        }
        if row.len() > fields.width {
            let rest: Value = row.iter().skip(fields.width).collect();
            out.push_str(",\"null\":");
            out.push_str(&rest.to_string());
        }
        out.push('}');
    }

    fn is_none(&self, value: &str) -> bool {
        let none = self.set_values_to_none.as_deref().unwrap_or_default();
        none.iter().any(|text| text == value)
    }
}

/// The first line: quoted keys, and where their values stand.
#[derive(Default)]
struct Fields {
    keys: Vec<(String, usize)>,
    width: usize,
}

impl Fields {
    /// Of equal names the last column counts, at the place of the first.
    fn of(row: &StringRecord) -> Self {
        let mut keys: Vec<(String, usize)> = Vec::new();
        for (index, name) in row.iter().enumerate() {
            let key = quoted(name).into_owned();
            match keys.iter_mut().find(|(known, _)| *known == key) {
                Some(known) => known.1 = index,
                None => keys.push((key, index)),
            }
        }
        Self {
            keys,
            width: row.len(),
        }
    }
}

/// A JSON string.
fn quoted(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b < 0x20 || matches!(b, b'"' | b'\\')) {
        return Value::from(text).to_string().into();
    }
    format!("\"{text}\"").into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{page, values};

    fn rows(options: &str, body: &str) -> Vec<Value> {
        values(&format!("type: CsvDecoder\n{options}"), body.as_bytes())
    }

    #[test]
    fn the_first_line_names_the_fields() {
        assert_eq!(
            rows("", "a,b\r\n1,\"x, \"\"y\"\"\r\nz\"\r\n\r\n3,4"),
            [
                json!({"a": "1", "b": "x, \"y\"\nz"}),
                json!({"a": "3", "b": "4"})
            ]
        );
        assert!(rows("", "a,b\n").is_empty());
        assert!(rows("", "").is_empty());
    }

    #[test]
    fn lines_may_be_short_or_long_and_names_equal() {
        assert_eq!(
            rows("", "a,b\n1\n1,2,3,4\n"),
            [
                json!({"a": "1", "b": null}),
                json!({"a": "1", "b": "2", "null": ["3", "4"]})
            ]
        );
        assert_eq!(
            rows("", "a,b,a\n1,2,3\n1,2\n"),
            [json!({"a": "3", "b": "2"}), json!({"a": null, "b": "2"})]
        );
    }

    #[test]
    fn quotes_inside_of_a_field_are_text() {
        assert_eq!(
            rows("", "a,b\nx\"y\",\"1\"2\n"),
            [json!({"a": "x\"y\"", "b": "12"})]
        );
    }

    #[test]
    fn options() {
        assert_eq!(
            rows("delimiter: '\\t'", "a\tb\n1\t2\n"),
            [json!({"a": "1", "b": "2"})]
        );
        assert_eq!(
            rows("delimiter: '§'", "a§b\n1§2\n"),
            [json!({"a": "1", "b": "2"})]
        );
        assert_eq!(
            rows("set_values_to_none: ['', NA]", "a,b,c\n,NA,x\n"),
            [json!({"a": null, "b": null, "c": "x"})]
        );
        assert_eq!(
            values("{type: CsvDecoder, encoding: latin-1}", b"a\n\xe9\n"),
            [json!({"a": "é"})]
        );
        assert!(
            page("{type: CsvDecoder, delimiter: ab}", b"a\n1\n")
                .broken
                .is_some()
        );
        assert!(page("{type: CsvDecoder}", b"a\n\xe9\n").broken.is_some());
    }
}

//! `XmlDecoder`.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::page::empty;
use super::{Decode, Decoded};
use crate::message::Text;

/// Reads the body as XML.
///
/// An element becomes an object: its attributes under `@name`, its children under their names (a
/// list where there are several), its text under `#text`. An element with nothing but text becomes
/// that text, an empty one null. Names keep their namespace's prefix. A body that is no XML counts
/// as an empty object. As airbyte-cdk 7.39.1, `xml_decoder.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct XmlDecoder {}

/// Elements within each other: more are refused.
const DEEPEST: usize = 250;

impl Decode for XmlDecoder {
    fn decode(&self, body: Vec<u8>, depth: usize) -> Decoded {
        let text = parse(&text_of(body)).and_then(|document| {
            Text::parse(document.to_string().into_bytes(), depth).map_err(|e| e.to_string())
        });
        match text {
            Ok(text) => Decoded::of(vec![text]),
            Err(why) => Decoded {
                documents: vec![empty()],
                warning: Some(format!("the body is not XML: {why}")),
                broken: None,
            },
        }
    }

    fn shows_body(&self) -> bool {
        true
    }
}

/// The text of a body.
///
/// Differs: the reference goes by the header `Content-Type`, and reads UTF-8 as Latin-1 where it is
/// `text/xml` without a charset. Here the byte order mark and the declaration count.
fn text_of(body: Vec<u8>) -> String {
    let declared = || {
        let head = String::from_utf8_lossy(body.get(..200).unwrap_or(&body)).into_owned();
        let declaration = head.split_once("?>")?.0.split_once("encoding=")?.1;
        let name = declaration.trim_matches(['"', '\'', ' ']);
        let name = name.split(['"', '\'']).next()?;
        encoding_rs::Encoding::for_label(name.as_bytes())
    };
    let marked = encoding_rs::Encoding::for_bom(&body).map(|(encoding, _)| encoding);
    let encoding = marked
        .or_else(declared)
        .or_else(|| {
            std::str::from_utf8(&body)
                .is_err()
                .then_some(encoding_rs::WINDOWS_1252)
        })
        .unwrap_or(encoding_rs::UTF_8);
    encoding.decode(&body).0.into_owned()
}

/// An element that is not at its end yet.
struct Open {
    name: String,
    content: Map<String, Value>,
    text: String,
}

fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut document = Map::new();
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(start) => {
                if open.is_empty() && !document.is_empty() {
                    return Err("there is more than one element at the top".to_owned());
                }
                if open.len() == DEEPEST {
                    return Err(format!(
                        "there are more than {DEEPEST} elements within each other"
                    ));
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => {
                if open.is_empty() && !document.is_empty() {
                    return Err("there is more than one element at the top".to_owned());
                }
                close(element(&start)?, &mut open, &mut document);
            }
            Event::End(_) => {
                let ended = open.pop().ok_or("an element ends that was not begun")?;
                close(ended, &mut open, &mut document);
            }
            Event::Text(text) => add_text(&mut open, &text.xml10_content())?,
            Event::CData(data) => add_text(&mut open, &data.xml10_content())?,
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|e| e.to_string())?;
                match character {
                    Some(character) => add_text(&mut open, character.encode_utf8(&mut [0; 4]))?,
                    None => {
                        let name = reference.xml10_content();
                        let text = quick_xml::escape::resolve_predefined_entity(&name)
                            .ok_or_else(|| format!("the entity `{name}` is not defined"))?;
                        add_text(&mut open, text)?;
                    }
                }
            }
            Event::Eof if !open.is_empty() || document.is_empty() => {
                return Err("it ends before its last element does".to_owned());
            }
            Event::Eof => return Ok(Value::Object(document)),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

fn element(start: &BytesStart<'_>) -> Result<Open, String> {
    let mut content = Map::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|e| e.to_string())?;
        content.insert(
            format!("@{}", attribute.key.as_ref()),
            value.into_owned().into(),
        );
    }
    Ok(Open {
        name: start.name().as_ref().to_owned(),
        content,
        text: String::new(),
    })
}

fn add_text(open: &mut [Open], text: &str) -> Result<(), String> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text
            .trim_matches(['\u{feff}', ' ', '\t', '\n', '\r'])
            .is_empty() => {}
        None => return Err("there is text outside of the element at the top".to_owned()),
    }
    Ok(())
}

/// Puts an element into the one around it.
fn close(ended: Open, open: &mut [Open], document: &mut Map<String, Value>) {
    let Open {
        name,
        mut content,
        text,
    } = ended;
    let text = text.trim();
    let value = if content.is_empty() {
        if text.is_empty() {
            Value::Null
        } else {
            Value::from(text)
        }
    } else {
        if !text.is_empty() {
            push(&mut content, "#text".to_owned(), Value::from(text));
        }
        Value::Object(content)
    };
    let around = open.last_mut().map(|element| &mut element.content);
    push(around.unwrap_or(document), name, value);
}

/// Equal names make a list.
fn push(content: &mut Map<String, Value>, name: String, value: Value) {
    match content.get_mut(&name) {
        Some(Value::Array(list)) => list.push(value),
        Some(one) => *one = Value::Array(vec![one.take(), value]),
        None => {
            content.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{page, values};

    fn read(body: &str) -> Value {
        let page = page("{type: XmlDecoder}", body.as_bytes());
        assert_eq!(page.warning, None, "{body}");
        assert_eq!(page.first().value(), page.documents()[0].value());
        page.first().value()
    }

    #[test]
    fn elements_become_objects_lists_text_and_null() {
        assert_eq!(
            read(
                "<?xml version='1.0'?><!-- c --><r xmlns:x='u'>
                 <i id='5'> t </i><i/><x:n><![CDATA[a<b]]> &amp; &#65;</x:n> <e></e> mixed </r>"
            ),
            json!({"r": {
                "@xmlns:x": "u",
                "i": [{"@id": "5", "#text": "t"}, null],
                "x:n": "a<b & A",
                "e": null,
                "#text": "mixed",
            }})
        );
        assert_eq!(read("<r/>"), json!({"r": null}));
    }

    #[test]
    fn encodings() {
        let yaml = "{type: XmlDecoder}";
        let declared = b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><r>\xe9</r>";
        assert_eq!(values(yaml, declared), [json!({"r": "é"})]);
        assert_eq!(
            values(yaml, b"\xef\xbb\xbf<r>\xc3\xa9</r>"),
            [json!({"r": "é"})]
        );
    }

    #[test]
    fn what_is_no_xml_is_an_empty_object_and_told() {
        let deep = "<a>".repeat(10_000);
        for body in [
            "",
            "<r>",
            "<r></s>",
            "<r/><r/>",
            "x<r/>",
            "<r>&nope;</r>",
            "<r",
            &deep,
        ] {
            let page = page("{type: XmlDecoder}", body.as_bytes());
            assert_eq!(page.first().as_str(), "{}", "{body}");
            assert_eq!(page.documents().len(), 1);
            assert!(page.warning.is_some(), "{body}");
        }
    }
}

//! Nodes → typed values, all mistakes at once.
//!
//! serde stops at the first mistake. To tell all of them, a value that failed is left out and the
//! whole is decoded again, until nothing new is found: only broken manifests pay for it.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::decoder::Decoder;
use super::error::{Error, merge};
use super::frame::{Frame, Parameters, Run, Step};
use super::lint::Lint;
use super::located::Aside;
use super::node::Node;

/// Decodes a value. All mistakes are gathered, as far as one does not hide another.
pub fn decode<T: DeserializeOwned>(node: &Node) -> Result<T, Vec<Error>> {
    decode_linting(node, &mut Vec::new())
}

/// Decodes a value and adds what looks suspicious to `lints`.
pub fn decode_linting<T: DeserializeOwned>(
    node: &Node,
    lints: &mut Vec<Lint>,
) -> Result<T, Vec<Error>> {
    decode_within(node, Arc::default(), lints)
}

/// Mistakes told of one value, at most.
const MAX_MISTAKES: usize = 100;

pub(super) fn decode_within<T: DeserializeOwned>(
    node: &Node,
    parameters: Parameters,
    lints: &mut Vec<Lint>,
) -> Result<T, Vec<Error>> {
    let mut run = Run::new(parameters);
    let mut errors: Vec<Error> = Vec::new();
    let done = loop {
        let root = Frame {
            up: None,
            step: Step::Root,
            node,
            via: node.via.clone(),
            injected: false,
        };
        let done = T::deserialize(Decoder::new(&run, root));
        for lint in Aside::take_lints() {
            run.lint(lint);
        }
        let failure = match done {
            Ok(value) => break Some(value),
            Err(failure) => failure,
        };
        let known = run.is_left_out(&failure);
        let passed_over = run.leave_out(&failure);
        if !known {
            errors.extend(failure.into_errors(&node.at));
        }
        if !passed_over || errors.len() >= MAX_MISTAKES {
            break None;
        }
    };
    lints.extend(run.into_lints());
    match done {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(merge(errors)),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::manifest::{Here, Manifest, Raw, located};

    #[derive(Debug, Deserialize)]
    enum Strategy {
        CursorPagination(Cursor),
        #[expect(dead_code, reason = "only its name is read")]
        OffsetIncrement(Offset),
    }

    #[derive(Debug, Deserialize)]
    struct Cursor {
        cursor_value: Text,
        page_size: Option<u32>,
    }

    #[derive(Debug, Deserialize)]
    struct Offset {
        #[expect(dead_code, reason = "only decoded")]
        page_size: Option<u32>,
    }

    #[derive(Debug, Deserialize)]
    struct Stream {
        #[expect(dead_code, reason = "only decoded")]
        name: String,
        pages: Strategy,
    }

    #[derive(Debug, Deserialize)]
    struct Source {
        streams: Vec<Stream>,
    }

    /// As a template: knows its place, and refuses text at its place.
    #[derive(Debug)]
    struct Text {
        text: String,
        here: Option<Here>,
    }

    impl<'de> Deserialize<'de> for Text {
        fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Text, D::Error> {
            let (here, text): (_, String) = located(d)?;
            if text.matches("{{").count() == text.matches("}}").count() {
                Ok(Text { text, here })
            } else {
                Err(serde::de::Error::custom("unclosed `{{`"))
            }
        }
    }

    /// As a field that holds text or a component.
    #[derive(Debug)]
    enum Either {
        Text(String),
        Strategy(Strategy),
    }

    impl<'de> Deserialize<'de> for Either {
        fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Either, D::Error> {
            let (here, raw): (Option<Here>, Raw) = located(d)?;
            match (here, raw.0.as_str()) {
                (_, Some(text)) => Ok(Either::Text(text.to_owned())),
                (Some(here), None) => here.decode().map(Either::Strategy),
                (None, None) => Err(serde::de::Error::custom("only in manifests")),
            }
        }
    }

    const PAGES: &str = "\
definitions:
  pages:
    type: CursorPagination
    cursor_value: \"{{ response.next }}\"
    page_size: many
streams:
  - name: a
    pages:
      $ref: \"#/definitions/pages\"
  - name: b
    pages: \"#/definitions/pages\"
";

    fn load(text: &str) -> Manifest {
        Manifest::load(text, "m.yaml").unwrap()
    }

    fn mistakes<T: DeserializeOwned>(text: &str) -> String {
        let Err(errors) = decode::<T>(load(text).root()) else {
            panic!("decodes: {text}");
        };
        errors.iter().map(|e| e.render(text)).collect()
    }

    #[test]
    fn a_mistake_in_a_definition_is_told_once_at_its_place() {
        assert_eq!(
            mistakes::<Source>(PAGES),
            "\
error: invalid type: string \"many\", expected u32
  --> m.yaml:5:16
   |
 5 |     page_size: many
   |                ^^^^
   = in: definitions.pages (CursorPagination).page_size
   = used 2 times through $ref, first at m.yaml:9:13
"
        );
    }

    #[test]
    fn streams_that_a_mistake_hits_are_counted() {
        let root = load(PAGES);
        let streams = root.root().get("streams").and_then(Node::as_seq).unwrap();
        let mut errors = Vec::new();
        for (name, stream) in ["a", "b"].iter().zip(streams) {
            let failed = decode::<Stream>(stream).unwrap_err();
            errors.extend(failed.into_iter().map(|e| e.in_stream(name)));
        }
        let [error] = merge(errors).try_into().unwrap();
        let drawn = error.render(PAGES);
        assert!(
            drawn.contains("= used by 2 streams through $ref, first at m.yaml:9:13"),
            "{drawn}"
        );
    }

    #[test]
    fn all_mistakes_of_a_document_are_told() {
        let text = "\
streams:
  - name: [no, name]
    pages: {type: CursorPaginator, cursor_value: x}
  - pages: {cursor_value: x}
  - name: c
    pages: {type: CursorPagination, cursor_value: \"{{ x\", page_size: -1}
  - name: d
    pages: {type: CursorPagination}
  - 5
";
        let Err(errors) = decode::<Source>(load(text).root()) else {
            panic!("decodes");
        };
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "m.yaml:2:11: invalid type: a list, expected a string",
                "m.yaml:3:19: unknown type `CursorPaginator`, expected `CursorPagination` or \
                 `OffsetIncrement` (did you mean `CursorPagination`?)",
                "m.yaml:4:5: missing field `name` of `DeclarativeStream`",
                "m.yaml:4:12: missing `type`, expected `CursorPagination` or `OffsetIncrement`",
                "m.yaml:6:51: unclosed `{{`",
                "m.yaml:6:70: invalid value: integer `-1`, expected u32",
                "m.yaml:8:12: missing field `cursor_value` of `CursorPagination`",
                "m.yaml:9:5: invalid type: integer `5`, expected a mapping (`Stream`)",
            ]
        );
        assert_eq!(
            errors[4].path,
            "streams[2].pages (CursorPagination).cursor_value"
        );
    }

    #[test]
    fn values_know_their_place_and_parameters() {
        let text = "\
definitions:
  value: \"{{ parameters.p }}\"
streams:
  - type: DeclarativeStream
    $parameters: {p: 1, page_size: 7, name: n}
    pages:
      type: CursorPagination
      cursor_value: \"#/definitions/value\"
";
        let source: Source = decode(load(text).root()).unwrap();
        let Strategy::CursorPagination(cursor) = &source.streams[0].pages else {
            panic!("another strategy");
        };
        assert_eq!(cursor.page_size, Some(7));
        assert_eq!(cursor.cursor_value.text, "{{ parameters.p }}");
        let here = cursor.cursor_value.here.as_ref().unwrap();
        assert_eq!(here.at.to_string(), "m.yaml:2:10");
        assert_eq!(
            here.via
                .sites()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["m.yaml:8:21"]
        );
        assert_eq!(
            Value::Object((*here.parameters).clone()),
            json!({"p": 1, "page_size": 7, "name": "n"})
        );
    }

    #[test]
    fn an_injected_value_has_the_place_where_the_parameter_was_written() {
        let text = "\
streams:
  - type: DeclarativeStream
    $parameters:
      page_size: lots
    name: n
    pages: {type: CursorPagination, cursor_value: x}
";
        let drawn = mistakes::<Source>(text);
        assert!(drawn.contains("--> m.yaml:4:18"), "{drawn}");
    }

    #[test]
    fn unknown_fields_are_lints_unless_they_were_injected() {
        let text = "\
streams:
  - type: DeclarativeStream
    $parameters: {other: 1}
    name: n
    pages: {type: CursorPagination, cursor_value: x, page_sise: 3}
";
        let mut lints = Vec::new();
        let _: Source = decode_linting(load(text).root(), &mut lints).unwrap();
        let told: Vec<String> = lints
            .iter()
            .filter(|l| l.name == "unknown-field")
            .map(|l| format!("{}: {} {:?}", l.at, l.message, l.help))
            .collect();
        assert_eq!(
            told,
            [
                "m.yaml:5:54: unknown field `page_sise` of `CursorPagination` \
              Some(\"did you mean `page_size`?\")"
            ]
        );
    }

    #[test]
    fn a_field_can_hold_text_or_a_component_without_losing_places() {
        #[derive(Debug, Deserialize)]
        struct Doc {
            a: Either,
            b: Either,
        }
        let good = "a: text\nb: {type: CursorPagination, cursor_value: x, stray: 1}\n";
        let mut lints = Vec::new();
        let doc: Doc = decode_linting(load(good).root(), &mut lints).unwrap();
        assert!(matches!(doc.a, Either::Text(text) if text == "text"));
        assert!(matches!(
            doc.b,
            Either::Strategy(Strategy::CursorPagination(_))
        ));
        let stray = lints.iter().any(|l| l.at.to_string() == "m.yaml:2:46");
        assert!(stray, "{lints:?}");
        let bad = "a: x\nb:\n  type: CursorPagination\n  cursor_value: '{{'\n  page_size: x\n";
        let drawn = mistakes::<Doc>(bad);
        assert!(drawn.contains("--> m.yaml:4:17"), "{drawn}");
        assert!(drawn.contains("--> m.yaml:5:14"), "{drawn}");
        assert!(
            drawn.contains("= in: b (CursorPagination).page_size"),
            "{drawn}"
        );
    }

    #[test]
    fn raw_values_are_decoded_later_with_their_whole_trail() {
        #[derive(Debug, Deserialize)]
        struct Doc {
            streams: Vec<Raw>,
        }
        let doc: Doc = decode(load(PAGES).root()).unwrap();
        let errors = decode::<Stream>(&doc.streams[1].0).unwrap_err();
        assert_eq!(
            errors[0].path,
            "definitions.pages (CursorPagination).page_size"
        );
        assert_eq!(errors[0].uses[0].to_string(), "m.yaml:11:12");
        let text = "streams:\n  - {name: n, pages: {type: OffsetIncrement, page_size: x}}\n";
        let doc: Doc = decode(load(text).root()).unwrap();
        let errors = decode::<Stream>(&doc.streams[0].0).unwrap_err();
        assert_eq!(
            errors[0].path,
            "streams[0].pages (OffsetIncrement).page_size"
        );
    }

    #[test]
    fn values_of_other_types_are_taken_as_pydantic_takes_them() {
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Place {
            Header,
            BodyJson,
        }
        #[derive(Debug, PartialEq, Deserialize)]
        struct Doc {
            s: String,
            t: String,
            i: u64,
            j: i32,
            f: f64,
            g: f64,
            b: bool,
            place: Place,
            others: Vec<Place>,
            any: Value,
            none: Option<u32>,
        }
        let text = "{s: 5, t: 1.0, i: '10', j: -3.0, f: 2, g: '2.5', b: 'true', place: header, \
                    others: [body_json], any: {a: [1, 1.5, null, yes, {type: x}]}, none: ~}";
        let doc: Doc = decode(load(text).root()).unwrap();
        assert_eq!(
            doc,
            Doc {
                s: "5".to_owned(),
                t: "1.0".to_owned(),
                i: 10,
                j: -3,
                f: 2.0,
                g: 2.5,
                b: true,
                place: Place::Header,
                others: vec![Place::BodyJson],
                any: json!({"a": [1, 1.5, null, true, {"type": "x"}]}),
                none: None,
            }
        );
        let wrong = text.replace("header", "heder").replace("-3.0", "3.5");
        let drawn = mistakes::<Doc>(&wrong);
        assert!(drawn.contains("unknown value `heder`"), "{drawn}");
        assert!(drawn.contains("help: did you mean `header`?"), "{drawn}");
        assert!(
            drawn.contains("floating point `3.5`, expected i32"),
            "{drawn}"
        );
    }

    #[test]
    fn other_decoders_have_no_place_to_tell() {
        let text: Text = serde_json::from_str("\"x\"").unwrap();
        assert!(text.here.is_none());
        let raw: Raw = serde_json::from_value(json!({"a": 1})).unwrap();
        assert_eq!(raw.0.to_json(), json!({"a": 1}));
    }
}

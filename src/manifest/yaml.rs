//! YAML text → nodes with places.
//!
//! Anchors are shared, merge keys and duplicate keys are settled here. What a plain scalar means
//! is `scalar`'s matter.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::error::Error;
use super::lint::Lint;
use super::node::{Entry, Map, Node, NodeValue};
use super::place::{File, Place, Via};
use super::scalar::{self, Plain};
use super::tags;

/// Mappings and lists inside of one another, at most. The reference's own limit is Python's
/// recursion, at about 300.
pub(super) const MAX_DEPTH: usize = 200;

/// Reads the one document of a text, a mapping.
pub(super) fn parse(text: &str, name: &str, lints: &mut Vec<Lint>) -> Result<Node, Box<Error>> {
    let root = document(text, name, lints)?;
    match &root.value {
        NodeValue::Map(_) => Ok(root),
        NodeValue::Null => Err(fail("the manifest is empty", &root.at)),
        other => Err(fail(
            format!("the manifest is {}, expected a mapping", other.kind()),
            &root.at,
        )),
    }
}

/// Reads the one document of a text, whatever it is; nothing is null.
pub(super) fn document(text: &str, name: &str, lints: &mut Vec<Lint>) -> Result<Node, Box<Error>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let file = File::new(name, text);
    refuse_control_characters(text, &file)?;
    let mut builder = Builder {
        file,
        lints,
        open: Vec::new(),
        anchors: HashMap::default(),
        root: None,
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| builder.syntax(&e))?;
        builder.event(event, span.start)?;
    }
    let start = builder.place(&Marker::new(0, 1, 0));
    Ok(builder.root.unwrap_or(Node {
        value: NodeValue::Null,
        at: start,
        via: Via::default(),
    }))
}

/// Characters that YAML does not allow, which the parser takes for the end or for text.
fn refuse_control_characters(text: &str, file: &File) -> Result<(), Box<Error>> {
    let bad = |c: char| {
        matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}'
            | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
    };
    let Some((at, found)) = text.char_indices().find(|(_, c)| bad(*c)) else {
        return Ok(());
    };
    let before = text.split_at(at).0;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    let at = Place {
        file: file.clone(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
    };
    Err(fail(
        format!(
            "not valid YAML: the character U+{:04X} is not allowed",
            u32::from(found)
        ),
        &at,
    ))
}

/// Boxed, since nearly every step can fail and hardly any does.
fn fail(message: impl Into<String>, at: &Place) -> Box<Error> {
    Box::new(Error::new(message, at))
}

fn too_deep(at: &Place) -> Box<Error> {
    fail(format!("nested more than {MAX_DEPTH} levels deep"), at)
}

enum Open {
    Seq {
        at: Place,
        anchor: usize,
        /// Levels inside of it so far, those behind aliases too.
        height: usize,
        items: Vec<Node>,
    },
    Map {
        at: Place,
        anchor: usize,
        height: usize,
        own: Map,
        merged: Map,
        key: Option<Key>,
    },
}

enum Key {
    Named(Arc<str>, Place),
    Merge,
}

struct Builder<'a> {
    file: File,
    lints: &'a mut Vec<Lint>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    root: Option<Node>,
}

impl Builder<'_> {
    fn place(&self, mark: &Marker) -> Place {
        Place {
            file: self.file.clone(),
            line: u32::try_from(mark.line()).unwrap_or(u32::MAX),
            column: u32::try_from(mark.col())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
        }
    }

    fn syntax(&self, error: &ScanError) -> Box<Error> {
        // The parser reads ahead of us, and has a bound of its own in flow style.
        if error.info() == "recursion limit exceeded" {
            return too_deep(&self.place(error.marker()));
        }
        fail(
            format!("not valid YAML: {}", error.info()),
            &self.place(error.marker()),
        )
    }

    fn event(&mut self, event: Event<'_>, mark: Marker) -> Result<(), Box<Error>> {
        let at = self.place(&mark);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if style == ScalarStyle::Plain && tag.is_none() && text == "<<" && self.wants_key()
                {
                    self.set_key(Key::Merge);
                    return Ok(());
                }
                let value = self.scalar(&text, style, tag.as_deref(), &at)?;
                self.put(value, at, anchor, 0)
            }
            Event::SequenceStart(anchor, tag) => {
                tags::check(tag.as_deref(), "seq").map_err(|m| fail(m, &at))?;
                self.push(Open::Seq {
                    at,
                    anchor,
                    height: 0,
                    items: Vec::new(),
                })
            }
            Event::MappingStart(anchor, tag) => {
                tags::check(tag.as_deref(), "map").map_err(|m| fail(m, &at))?;
                self.push(Open::Map {
                    at,
                    anchor,
                    height: 0,
                    own: Map::default(),
                    merged: Map::default(),
                    key: None,
                })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::Seq {
                    at,
                    anchor,
                    height,
                    items,
                }) => self.put(NodeValue::Seq(Arc::new(items)), at, anchor, height + 1),
                Some(Open::Map {
                    at,
                    anchor,
                    height,
                    own,
                    mut merged,
                    ..
                }) => {
                    // Own entries win, but stand behind merged ones, as in a Python dict.
                    let map = if merged.is_empty() {
                        own
                    } else {
                        merged.extend(own);
                        merged
                    };
                    self.put(NodeValue::Map(Arc::new(map)), at, anchor, height + 1)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some((node, height)) => self.put(node.value, node.at, 0, height),
                None => Err(fail("the alias stands inside of its own anchor", &at)),
            },
            Event::DocumentStart(_) if self.root.is_some() => Err(fail(
                "a second document begins here, but a manifest is one document",
                &at,
            )),
            _ => Ok(()),
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map { key: None, .. }))
    }

    fn set_key(&mut self, new: Key) {
        if let Some(Open::Map { key, .. }) = self.open.last_mut() {
            *key = Some(new);
        }
    }

    fn push(&mut self, open: Open) -> Result<(), Box<Error>> {
        if self.open.len() >= MAX_DEPTH {
            let (Open::Seq { at, .. } | Open::Map { at, .. }) = &open;
            return Err(too_deep(at));
        }
        self.open.push(open);
        Ok(())
    }

    fn put(
        &mut self,
        value: NodeValue,
        at: Place,
        anchor: usize,
        height: usize,
    ) -> Result<(), Box<Error>> {
        if self.open.len() + height > MAX_DEPTH {
            return Err(too_deep(&at));
        }
        let node = Node {
            value,
            at,
            via: Via::default(),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), height));
        }
        if let Some(Open::Seq { height: above, .. } | Open::Map { height: above, .. }) =
            self.open.last_mut()
        {
            *above = height.max(*above);
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Seq { items, .. }) => items.push(node),
            Some(Open::Map {
                own, merged, key, ..
            }) => match key.take() {
                None => match node.value.text() {
                    // Differs: Python keeps keys that are no text; here they become their text.
                    Some(text) => *key = Some(Key::Named(Arc::from(text), node.at)),
                    None => {
                        let message = format!("a key cannot be {}", node.value.kind());
                        return Err(fail(message, &node.at));
                    }
                },
                Some(Key::Merge) => merge_into(merged, &node)?,
                Some(Key::Named(name, key_at)) => {
                    if let Some(first) = own.get(&name) {
                        self.lints.push(Lint {
                            name: "duplicate-key",
                            message: format!(
                                "the key `{name}` is there twice, the last one counts"
                            ),
                            help: Some(format!("the first one stands at {}", first.key_at)),
                            at: key_at.clone(),
                            via: Via::default(),
                        });
                    }
                    let entry = Entry {
                        key_at,
                        node,
                        injected: false,
                    };
                    own.insert(name, entry);
                }
            },
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        at: &Place,
    ) -> Result<NodeValue, Box<Error>> {
        let string = || NodeValue::Str(Arc::from(text));
        let found = match tag {
            None if style != ScalarStyle::Plain => return Ok(string()),
            None => scalar::plain(text),
            Some(tag) if tags::is_bare(tag) => scalar::plain(text),
            Some(tag) => return tags::typed(text, tag).map_err(|message| fail(message, at)),
        };
        match found {
            Plain::Value(value) => Ok(value),
            Plain::Time(time) => {
                if time != text {
                    self.lints.push(Lint {
                        name: "unquoted-time",
                        message: format!("YAML takes this for an instant and gives `{time}`"),
                        at: at.clone(),
                        via: Via::default(),
                        help: Some(format!("put it in quotes: \"{text}\"")),
                    });
                }
                Ok(NodeValue::Str(Arc::from(time)))
            }
            Plain::NoTime => Err(Box::new(
                Error::new(format!("`{text}` is no date"), at)
                    .with_help(Some("put it in quotes if it is meant as text".to_owned())),
            )),
        }
    }
}

/// `<<`: of a list the first mapping wins, of several `<<` the last one.
fn merge_into(merged: &mut Map, node: &Node) -> Result<(), Box<Error>> {
    let maps: Vec<&Node> = match &node.value {
        NodeValue::Seq(items) => items.iter().rev().collect(),
        _ => vec![node],
    };
    for map in maps {
        let NodeValue::Map(entries) = &map.value else {
            return Err(fail(
                format!("`<<` merges mappings, found {}", map.value.kind()),
                &map.at,
            ));
        };
        for (key, entry) in entries.iter() {
            merged.insert(Arc::clone(key), entry.clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Value {
        parse(text, "m", &mut Vec::new()).unwrap().to_json()
    }

    #[test]
    fn documents_are_read_as_pyyaml_reads_them() {
        for (text, want) in [
            ("\u{feff}a: 1\n", json!({"a": 1})),
            ("--- # start\na: 'it''s'\n...\n", json!({"a": "it's"})),
            (
                "a: \"x\\ty\"\nb: |+\n  t\n\nc: >\n  u\n  v\n",
                json!({"a": "x\ty", "b": "t\n\n", "c": "u v\n"}),
            ),
            (
                "1: a\nno: b\n~: c\n1.5: d\n2025-01-02: e\n",
                json!({"1": "a", "False": "b", "None": "c", "1.5": "d", "2025-01-02": "e"}),
            ),
            (
                "a: {b, c: }\nd:\n- e\n",
                json!({"a": {"b": null, "c": null}, "d": ["e"]}),
            ),
            ("a: [b: 1, c]\n", json!({"a": [{"b": 1}, "c"]})),
            (
                "a: !!str 12\nb: !!int '12'\nc: !!float 3\nd: !!bool 'yes'\ne: !!null x\nf: ! 12\n",
                json!({"a": "12", "b": 12, "c": 3.0, "d": true, "e": null, "f": 12}),
            ),
            (
                "a: &x {k: 1}\nb: *x\nc: {<<: *x, l: 2}\n",
                json!({"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1, "l": 2}}),
            ),
            (
                "a: &x {k: 1, m: 1}\nb: &y {k: 2, n: 2}\nc: {k: 3, <<: [*x, *y]}\nd: {<<: *x, <<: *y}\ne: {<<: [*x, *y]}\n",
                json!({"a": {"k": 1, "m": 1}, "b": {"k": 2, "n": 2}, "c": {"k": 3, "n": 2, "m": 1}, "d": {"k": 2, "m": 1, "n": 2}, "e": {"k": 1, "n": 2, "m": 1}}),
            ),
            ("a: {'<<': 1, = : 2}\n", json!({"a": {"<<": 1, "=": 2}})),
            ("a: b\r\nc: d\r\n", json!({"a": "b", "c": "d"})),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_a_place() {
        for (text, want) in [
            ("", "m:1:1: the manifest is empty"),
            ("# nothing\n", "m:1:1: the manifest is empty"),
            ("~\n", "m:1:1: the manifest is empty"),
            ("- a\n", "m:1:1: the manifest is a list, expected a mapping"),
            (
                "a: 1\n---\nb: 2\n",
                "m:2:1: a second document begins here, but a manifest is one document",
            ),
            ("a: 1\n? [b]\n: 2\n", "m:2:3: a key cannot be a list"),
            (
                "a: 1\nb: é\u{0}\n",
                "m:2:5: not valid YAML: the character U+0000 is not allowed",
            ),
            (
                "a: &x [*x]\n",
                "m:1:8: the alias stands inside of its own anchor",
            ),
            ("a: !!int x\n", "m:1:4: `x` is no `!!int`"),
            (
                "a: !custom x\n",
                "m:1:4: the tag `!custom` has no meaning here",
            ),
            (
                "a: !!set {b}\n",
                "m:1:4: the tag `!!set` has no meaning here",
            ),
            (
                "a: {<<: 1}\n",
                "m:1:9: `<<` merges mappings, found a number",
            ),
            (
                "a: 2025-02-30\n",
                "m:1:4: `2025-02-30` is no date (put it in quotes if it is meant as text)",
            ),
        ] {
            assert_eq!(
                parse(text, "m", &mut Vec::new()).unwrap_err().to_string(),
                want,
                "{text}"
            );
        }
        for broken in [
            "a: b: c\n",
            "a: [1\n",
            "a:\n\t- b\n",
            "a: *nobody\n",
            "a: \"x\n",
            "%\n",
        ] {
            let error = parse(broken, "m", &mut Vec::new()).unwrap_err();
            assert!(error.message.starts_with("not valid YAML: "), "{error}");
        }
    }

    #[test]
    fn places_are_lines_and_characters_from_one() {
        let root = parse(
            "a: 1\nü:\n  - {é: x, k: *no}\n"
                .replace("*no", "no")
                .as_str(),
            "m",
            &mut Vec::new(),
        );
        let root = root.unwrap();
        let entry = root.get("ü").and_then(Node::as_seq).unwrap()[0]
            .as_map()
            .unwrap();
        assert_eq!(entry["k"].key_at.to_string(), "m:3:12");
        assert_eq!(entry["k"].node.at.to_string(), "m:3:15");
    }

    #[test]
    fn suspicious_text_is_linted() {
        let mut lints = Vec::new();
        let text = "a: 1\nb: {c: 1, c: 2}\na: 2\nd: 2025-01-02\ne: 2025-01-02T00:00:00Z\n";
        parse(text, "m", &mut lints).unwrap();
        let told: Vec<String> = lints
            .iter()
            .map(|l| format!("{} {} {:?}", l.at, l.name, l.help))
            .collect();
        assert_eq!(
            told,
            [
                "m:2:11 duplicate-key Some(\"the first one stands at m:2:5\")",
                "m:3:1 duplicate-key Some(\"the first one stands at m:1:1\")",
                "m:5:4 unquoted-time Some(\"put it in quotes: \\\"2025-01-02T00:00:00Z\\\"\")",
            ]
        );
    }
}

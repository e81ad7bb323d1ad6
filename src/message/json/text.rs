//! A value inside of a shared body: its bounds, and what can be asked of it.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::error::JsonError;
use super::scan::{self, Mark, Scan};
use super::skip::{space_end, value_end, write_joined, write_native};
use super::value;

/// A body and what the scanner noted about it.
struct Page {
    body: String,
    scan: Scan,
    /// In how many containers a value may lie to have a mark.
    depth: usize,
}

/// A checked JSON value in a shared body. Nothing is parsed before it is asked for; cloning costs
/// one count.
#[derive(Clone)]
pub struct Text {
    page: Arc<Page>,
    start: u32,
    end: u32,
    /// Index of the value's mark when what it holds is marked too.
    mark: Option<u32>,
    /// In how many containers of the body it lies, as long as that matters.
    level: u32,
}

/// The kinds of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    /// The kind of a checked value.
    pub(in crate::message) fn of(json: &str) -> Self {
        match json.as_bytes() {
            [b'{', ..] => Self::Object,
            [b'[', ..] => Self::Array,
            [b'"', ..] => Self::String,
            [b't' | b'f', ..] => Self::Bool,
            [b'-', b'I', ..] => Self::Null,
            [b'-' | b'0'..=b'9', ..] => Self::Number,
            _ => Self::Null,
        }
    }
}

impl Text {
    /// Checks a whole body, and marks all values that lie in at most `depth` containers.
    ///
    /// The elements of `data` in `{"data": […]}` lie in two. What lies deeper is found as well, but
    /// costs a second look. Beside JSON it takes what the reference's decoder takes: `NaN`,
    /// `Infinity` and `-Infinity` (null as values), and lone surrogates (U+FFFD as values).
    ///
    /// # Errors
    /// When `body` is not UTF-8, not JSON, has more than 512 containers within each other, or
    /// 4 GiB or more.
    pub fn parse(body: Vec<u8>, depth: usize) -> Result<Self, JsonError> {
        if u32::try_from(body.len()).is_err() {
            return Err(JsonError::new("a body of 4 GiB or more", &body, 0));
        }
        let body = String::from_utf8(body).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            JsonError::new("not UTF-8", error.as_bytes(), at)
        })?;
        let scan = scan::scan(body.as_bytes(), depth)
            .map_err(|fault| JsonError::new(fault.reason, body.as_bytes(), fault.at))?;
        let root = scan.marks.first().copied();
        let page = Arc::new(Page { body, scan, depth });
        let root = root.ok_or_else(|| JsonError::new("empty", page.body.as_bytes(), 0))?;
        Ok(Self {
            start: root.start,
            end: root.end,
            mark: (depth > 0).then_some(0),
            level: 0,
            page,
        })
    }

    /// The JSON text, as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.slice(self.start, self.end)
    }

    fn slice(&self, start: u32, end: u32) -> &str {
        self.page
            .body
            .get(start as usize..end as usize)
            .expect("the bounds of a value are those of characters")
    }

    /// Which kind of value it is. `NaN` and the infinities are null.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::of(self.as_str())
    }

    /// The member `key` of an object; the last one when there are several, as in Python.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Self> {
        self.fields().find_last(key)
    }

    /// The value behind a path of keys, through objects only.
    #[must_use]
    pub fn get_path<S: AsRef<str>>(&self, path: &[S]) -> Option<Self> {
        path.iter()
            .try_fold(self.clone(), |text, key| text.get(key.as_ref()))
    }

    /// The elements of an array; nothing for other kinds.
    #[must_use]
    pub fn items(&self) -> Items<'_> {
        Items(Spans::new(self, b'['))
    }

    /// Keys and values of an object, in the order of the text; nothing for other kinds.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        Fields(Spans::new(self, b'{'))
    }

    /// What a string says; `None` for other kinds.
    #[must_use]
    pub fn string(&self) -> Option<Cow<'_, str>> {
        (self.kind() == Kind::String).then(|| value::unquote(self.as_str()))
    }

    /// The value as a tree. Integers beyond 64 bits become doubles, as in the reference.
    #[must_use]
    pub fn value(&self) -> Value {
        value::parse(self.as_str())
    }

    /// Appends `json`, a part of this text, to `out` as one line: as it came when it can be.
    pub(in crate::message) fn write_line(&self, json: &str, out: &mut Vec<u8>) {
        if self.page.scan.foreign {
            write_native(json, out);
        } else if self.page.scan.breaks {
            write_joined(json, out);
        } else {
            out.extend_from_slice(json.as_bytes());
        }
    }

    /// [`fields`](Text::fields), found by `index` when the scanner has not marked them. The index
    /// is made at the first use, and belongs to this text.
    pub(in crate::message) fn fields_by<'a>(&'a self, index: &'a Index) -> Fields<'a> {
        let mut spans = Spans::new(self, b'{');
        if matches!(spans.place, Walk::Bytes(_)) {
            let known = index.0.get_or_init(|| {
                let mut spans = Spans::new(self, b'{');
                std::iter::from_fn(|| spans.next_span()).collect()
            });
            spans.place = Walk::Known(known.iter());
        }
        Fields(spans)
    }

    /// The value at `span`, which came from this text.
    fn at(&self, span: Span) -> Self {
        let level = self.level.saturating_add(1);
        Self {
            page: Arc::clone(&self.page),
            start: span.start,
            end: span.end,
            mark: span.mark.filter(|_| (level as usize) < self.page.depth),
            level,
        }
    }

    #[inline(always)]
    fn mark_at(&self, index: Option<u32>) -> Option<Mark> {
        self.page.scan.marks.get(index? as usize).copied()
    }

    /// The JSON text at `span`, which came from this text.
    fn str_at(&self, span: Span) -> &str {
        self.slice(span.start, span.end)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Compares values, not texts.
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str() || self.value() == other.value()
    }
}

/// Bounds of a value in a body, and its mark.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
    mark: Option<u32>,
}

/// Walks over what a container holds: keys and values in turn, or elements.
struct Spans<'a> {
    text: &'a Text,
    place: Walk<'a>,
}

/// Bounds of the keys and values of an object that the scanner has not marked.
#[derive(Clone, Default)]
pub(in crate::message) struct Index(OnceLock<Box<[Span]>>);

enum Walk<'a> {
    /// Along spans found before.
    Known(std::slice::Iter<'a, Span>),
    /// Along the scanner's marks: the next one, and the one after the container.
    Marks(u32, u32),
    /// Along the text, from a byte on.
    Bytes(usize),
    Done,
}

impl<'a> Spans<'a> {
    fn new(text: &'a Text, opening: u8) -> Self {
        let place = if text.as_str().as_bytes().first() != Some(&opening) {
            Walk::Done
        } else if let Some((index, mark)) = text.mark.zip(text.mark_at(text.mark)) {
            Walk::Marks(index + 1, mark.next)
        } else {
            Walk::Bytes(text.start as usize + 1)
        };
        Self { text, place }
    }

    // Inlined, it costs a third: what it returns stays in registers.
    #[inline(always)]
    fn next_span(&mut self) -> Option<Span> {
        match &mut self.place {
            Walk::Marks(index, end) => {
                let at = (*index < *end).then_some(*index);
                let mark = self.text.mark_at(at)?;
                *index = mark.next;
                Some(Span {
                    start: mark.start,
                    end: mark.end,
                    mark: at,
                })
            }
            Walk::Bytes(at) => {
                let bytes = self.text.page.body.as_bytes();
                let start = next_start(bytes, *at);
                if matches!(bytes.get(start), None | Some(b'}' | b']')) {
                    self.place = Walk::Done;
                    return None;
                }
                let end = value_end(bytes, start);
                *at = end;
                Some(Span {
                    start: start as u32,
                    end: end as u32,
                    mark: None,
                })
            }
            Walk::Known(spans) => spans.next().copied(),
            Walk::Done => None,
        }
    }
}

/// At the first byte from `at` that is neither white space nor a separator.
fn next_start(bytes: &[u8], mut at: usize) -> usize {
    loop {
        at = space_end(bytes, at);
        if !matches!(bytes.get(at), Some(b',' | b':')) {
            return at;
        }
        at += 1;
    }
}

/// The elements of an array, in order.
pub struct Items<'a>(Spans<'a>);

impl Iterator for Items<'_> {
    type Item = Text;

    fn next(&mut self) -> Option<Text> {
        let span = self.0.next_span()?;
        Some(self.0.text.at(span))
    }
}

/// The keys and values of an object, in order.
pub struct Fields<'a>(Spans<'a>);

impl<'a> Fields<'a> {
    /// The next field, nothing of it parsed.
    #[inline(always)]
    pub(in crate::message) fn next_member(&mut self) -> Option<Member<'a>> {
        let (key, value) = self.next_spans()?;
        Some(Member {
            text: self.0.text,
            key,
            value,
        })
    }

    /// The value of the last field `key`.
    pub(in crate::message) fn find_last(mut self, key: &str) -> Option<Text> {
        let mut found = None;
        while let Some(member) = self.next_member() {
            if member.is(key) {
                found = Some(member);
            }
        }
        found.map(|member| member.text.at(member.value))
    }

    #[inline(always)]
    fn next_spans(&mut self) -> Option<(Span, Span)> {
        Some((self.0.next_span()?, self.0.next_span()?))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Cow<'a, str>, Text);

    fn next(&mut self) -> Option<Self::Item> {
        let Member { text, key, value } = self.next_member()?;
        Some((value::unquote(text.str_at(key)), text.at(value)))
    }
}

/// A field of an object: bounds only.
#[derive(Clone, Copy)]
pub(in crate::message) struct Member<'a> {
    text: &'a Text,
    key: Span,
    value: Span,
}

impl<'a> Member<'a> {
    /// Whether the field's name is `key`.
    #[inline]
    pub(in crate::message) fn is(&self, key: &str) -> bool {
        let (start, end) = (self.key.start as usize + 1, self.key.end as usize - 1);
        if end - start == key.len() {
            // Without escapes both have the same bytes; with some, the text is longer.
            return self.text.page.body.as_bytes().get(start..end) == Some(key.as_bytes());
        }
        self.text.page.scan.escaped_keys
            && end - start > key.len()
            && value::unquote(self.text.str_at(self.key)) == key
    }

    /// The field's name.
    pub(in crate::message) fn key(&self) -> Cow<'a, str> {
        value::unquote(self.text.str_at(self.key))
    }

    /// The JSON text of the value, as it came.
    pub(in crate::message) fn json(&self) -> &'a str {
        self.text.str_at(self.value)
    }

    /// What the value says, when it is a string.
    pub(in crate::message) fn string(&self) -> Option<Cow<'a, str>> {
        let json = self.json();
        (Kind::of(json) == Kind::String).then(|| value::unquote(json))
    }

    /// Appends the value in one line: as it came when it can be.
    pub(in crate::message) fn write_json(&self, out: &mut Vec<u8>) {
        self.text.write_line(self.json(), out);
    }

    /// The text from this field to the field `last` of the same object.
    pub(in crate::message) fn to(&self, last: &Self) -> &'a str {
        self.text.slice(self.key.start, last.value.end)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DEPTHS: [usize; 5] = [0, 1, 2, 3, 9];

    fn text(json: &str, depth: usize) -> Text {
        Text::parse(json.into(), depth).unwrap()
    }

    #[test]
    fn elements_and_members_are_the_same_with_and_without_marks() {
        let page = r#" {"data":[{"id":1,"n":{"x":[[],{}]}} , {"id":2},3,"a]}\"",[]],"next":{"offset":"o"}} "#;
        for depth in DEPTHS {
            let page = text(page, depth);
            let data = page.get("data").unwrap();
            let items: Vec<String> = data.items().map(|i| i.as_str().to_owned()).collect();
            assert_eq!(
                items,
                [
                    r#"{"id":1,"n":{"x":[[],{}]}}"#,
                    r#"{"id":2}"#,
                    "3",
                    r#""a]}\"""#,
                    "[]"
                ]
            );
            let offset = page.get_path(&["next", "offset"]).unwrap();
            assert_eq!(offset.string().unwrap(), "o");
            let first = data.items().next().unwrap();
            let fields: Vec<(String, Value)> = first
                .fields()
                .map(|(key, value)| (key.into_owned(), value.value()))
                .collect();
            assert_eq!(
                fields,
                [
                    ("id".to_owned(), json!(1)),
                    ("n".to_owned(), json!({"x": [[], {}]}))
                ]
            );
            assert_eq!(first.get_path(&["n", "x"]).unwrap().items().count(), 2);
            assert!(first.get("missing").is_none());
            assert_eq!(data.fields().count(), 0);
            assert_eq!(page.items().count(), 0);
        }
    }

    #[test]
    fn the_last_of_equal_keys_counts_however_it_is_written() {
        for depth in DEPTHS {
            let page = text(r#"{"a":1,"\u0061":2,"b\n":3,"b":4}"#, depth);
            assert_eq!(page.get("a").unwrap().value(), json!(2));
            assert_eq!(page.get("b\n").unwrap().value(), json!(3));
            assert_eq!(page.get("b").unwrap().value(), json!(4));
            assert_eq!(page.value(), json!({"a": 2, "b\n": 3, "b": 4}));
        }
    }

    #[test]
    fn kinds_are_told_by_the_first_byte() {
        let page = text(r#"[null,true,-1,"",[],{},NaN,-Infinity]"#, 1);
        let kinds: Vec<Kind> = page.items().map(|item| item.kind()).collect();
        assert_eq!(
            kinds,
            [
                Kind::Null,
                Kind::Bool,
                Kind::Number,
                Kind::String,
                Kind::Array,
                Kind::Object,
                Kind::Null,
                Kind::Null
            ]
        );
    }
}

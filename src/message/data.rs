//! The data of one record: text as it came, until somebody changes it.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use super::FileReference;
use super::field::Field;
use super::json::{Fields, Index, Kind, Member, Text};

/// One record: raw text until somebody changes it.
///
/// Reading a field parses that field alone. Setting or removing a field of the first level keeps
/// the others as text. Only [`value_mut`](Data::value_mut) turns the whole record into a tree.
#[derive(Clone)]
pub struct Data {
    form: Form,
    /// Mostly there is none, and a pointer is small.
    file: Option<Box<FileReference>>,
}

#[derive(Clone)]
enum Form {
    Text(Raw),
    Tree(Value),
}

/// A text and what has been changed about it.
#[derive(Clone)]
struct Raw {
    text: Text,
    /// Bounds of the fields, found when first needed.
    index: Index,
    /// Fields set or removed since.
    changes: Vec<Change>,
}

#[derive(Clone)]
struct Change {
    key: String,
    /// `None`: the field was removed.
    value: Option<Value>,
    /// Whether the text has a field of that name.
    replaces: bool,
}

impl Data {
    fn of(form: Form) -> Self {
        Self { form, file: None }
    }

    /// The file that was fetched for the record.
    #[must_use]
    pub fn file(&self) -> Option<&FileReference> {
        self.file.as_deref()
    }

    /// Ties a file to the record.
    pub fn set_file(&mut self, file: FileReference) {
        self.file = Some(Box::new(file));
    }

    /// A record that is the value `text`.
    #[must_use]
    pub fn from_text(text: Text) -> Self {
        Self::of(Form::Text(Raw {
            text,
            index: Index::default(),
            changes: Vec::new(),
        }))
    }

    /// A record that is a tree already.
    #[must_use]
    pub fn from_value(value: Value) -> Self {
        Self::of(Form::Tree(value))
    }

    /// Whether the record is a JSON object, as records are expected to be.
    #[must_use]
    pub fn is_object(&self) -> bool {
        match &self.form {
            Form::Text(raw) => raw.text.kind() == Kind::Object,
            Form::Tree(value) => value.is_object(),
        }
    }

    /// About how many bytes it holds: those of its text, or a guess for a tree.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.form {
            Form::Text(raw) => raw.text.as_str().len(),
            Form::Tree(_) => 1024,
        }
    }

    /// The text as it came, when nothing has been changed.
    #[must_use]
    pub fn text(&self) -> Option<&Text> {
        match &self.form {
            Form::Text(raw) if raw.changes.is_empty() => Some(&raw.text),
            _ => None,
        }
    }

    /// The field `key`, parsed now. `None` without such a field, or when this is no object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value> {
        self.get_path(&[key])
    }

    /// The value behind a path of keys, through objects only; the record itself for no key.
    #[must_use]
    pub fn get_path<S: AsRef<str>>(&self, path: &[S]) -> Option<Value> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self.to_value());
        };
        match &self.form {
            Form::Tree(value) => get_path(value, path).cloned(),
            Form::Text(raw) => match raw.change(first.as_ref()) {
                Some(change) => get_path(change.value.as_ref()?, rest).cloned(),
                None => Some(raw.field(first.as_ref())?.get_path(rest)?.value()),
            },
        }
    }

    /// The record as a tree.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.form {
            Form::Tree(value) => value.clone(),
            Form::Text(raw) => raw.to_value(),
        }
    }

    /// Sets the field `key` of the first level: in its place, or behind the others.
    ///
    /// Does nothing when this is no object.
    pub fn set(&mut self, key: &str, value: Value) {
        match &mut self.form {
            Form::Tree(Value::Object(map)) => {
                map.insert(key.to_owned(), value);
            }
            Form::Text(raw) if raw.text.kind() == Kind::Object => raw.put(key, Some(value)),
            _ => {}
        }
    }

    /// Removes the field `key` of the first level, and returns what it held.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        match &mut self.form {
            Form::Tree(Value::Object(map)) => map.shift_remove(key),
            Form::Tree(_) => None,
            Form::Text(raw) => raw.remove(key),
        }
    }

    /// The whole record as a tree that can be changed; it stays one.
    pub fn value_mut(&mut self) -> &mut Value {
        if let Form::Text(raw) = &self.form {
            self.form = Form::Tree(raw.to_value());
        }
        match &mut self.form {
            Form::Tree(value) => value,
            Form::Text(_) => unreachable!("made a tree just above"),
        }
    }

    /// Gives each field of the first level to `take`, in the order in which they are written; nothing
    /// when this is no object.
    pub fn each_field<'a>(&'a self, take: &mut dyn FnMut(Cow<'a, str>, Field<'a>)) {
        match &self.form {
            Form::Tree(Value::Object(map)) => {
                for (key, value) in map {
                    take(Cow::Borrowed(key), Field::of_value(value));
                }
            }
            Form::Tree(_) => {}
            Form::Text(raw) => raw.each_field(take),
        }
    }

    /// Appends the record to `out` as JSON without line breaks. Text that nobody changed passes as
    /// it came, unless it has line breaks between its tokens, or numbers that are not JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match &self.form {
            Form::Tree(value) => write_value(value, out),
            Form::Text(raw) => raw.write_json(out),
        }
    }
}

impl Raw {
    fn fields(&self) -> Fields<'_> {
        self.text.fields_by(&self.index)
    }

    fn change(&self, key: &str) -> Option<&Change> {
        self.changes.iter().find(|change| change.key == key)
    }

    /// The field as it stands in the text; the last one when there are several.
    fn field(&self, key: &str) -> Option<Text> {
        self.fields().find_last(key)
    }

    fn put(&mut self, key: &str, value: Option<Value>) {
        if let Some(change) = self.changes.iter_mut().find(|change| change.key == key) {
            change.value = value;
            return;
        }
        let replaces = self.field(key).is_some();
        self.changes.push(Change {
            key: key.to_owned(),
            value,
            replaces,
        });
    }

    fn remove(&mut self, key: &str) -> Option<Value> {
        if let Some(at) = self.changes.iter().position(|change| change.key == key) {
            let change = self.changes.get_mut(at)?;
            if change.replaces {
                return change.value.take();
            }
            return self.changes.remove(at).value;
        }
        let removed = self.field(key)?.value();
        self.put(key, None);
        Some(removed)
    }

    fn each_field<'a>(&'a self, take: &mut dyn FnMut(Cow<'a, str>, Field<'a>)) {
        let mut fields = self.fields();
        while let Some(member) = fields.next_member() {
            let changed = self.changes.iter().find(|change| member.is(&change.key));
            match changed {
                None => take(member.key(), Field::of_member(member)),
                Some(change) => {
                    if let Some(value) = &change.value {
                        take(Cow::Borrowed(&change.key), Field::of_value(value));
                    }
                }
            }
        }
        for change in self.changes.iter().filter(|change| !change.replaces) {
            if let Some(value) = &change.value {
                take(Cow::Borrowed(&change.key), Field::of_value(value));
            }
        }
    }

    fn to_value(&self) -> Value {
        if self.changes.is_empty() {
            return self.text.value();
        }
        let mut map = Map::new();
        for (key, value) in self.fields() {
            match self.change(&key) {
                Some(change) if !map.contains_key(&*key) => {
                    if let Some(value) = &change.value {
                        map.insert(key.into_owned(), value.clone());
                    }
                }
                Some(_) => {}
                None => {
                    map.insert(key.into_owned(), value.value());
                }
            }
        }
        for change in self.changes.iter().filter(|change| !change.replaces) {
            if let Some(value) = &change.value {
                map.insert(change.key.clone(), value.clone());
            }
        }
        Value::Object(map)
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        if self.changes.is_empty() {
            return self.text.write_line(self.text.as_str(), out);
        }
        let mut open = if self.changes.iter().any(|change| change.replaces) {
            self.write_fields(out)
        } else {
            let text = self.text.as_str();
            let open = text.strip_suffix('}').unwrap_or(text).trim_end();
            self.text.write_line(open, out);
            self.fields().next_member().is_some()
        };
        for change in self.changes.iter().filter(|change| !change.replaces) {
            if let Some(value) = &change.value {
                separate(&mut open, out);
                write_field(&change.key, value, out);
            }
        }
        out.push(b'}');
    }

    /// Writes the opening brace and the fields of the text with their changes; true when there was
    /// one.
    fn write_fields(&self, out: &mut Vec<u8>) -> bool {
        out.push(b'{');
        let mut open = false;
        // Fields in a row that nobody changed pass together.
        let mut row: Option<(Member<'_>, Member<'_>)> = None;
        // Of several fields of a changed name, only the first is written.
        let mut written: Vec<&str> = Vec::new();
        let mut fields = self.fields();
        while let Some(member) = fields.next_member() {
            let mut changes = self.changes.iter().filter(|change| change.replaces);
            let changed = changes.find(|change| member.is(&change.key));
            let Some(change) = changed else {
                row = Some((row.map_or(member, |(first, _)| first), member));
                continue;
            };
            self.write_row(row.take(), &mut open, out);
            if let Some(value) = &change.value
                && !written.contains(&change.key.as_str())
            {
                written.push(&change.key);
                separate(&mut open, out);
                write_field(&change.key, value, out);
            }
        }
        self.write_row(row, &mut open, out);
        open
    }

    fn write_row(&self, row: Option<(Member<'_>, Member<'_>)>, open: &mut bool, out: &mut Vec<u8>) {
        if let Some((first, last)) = row {
            separate(open, out);
            self.text.write_line(first.to(&last), out);
        }
    }
}

fn separate(open: &mut bool, out: &mut Vec<u8>) {
    if *open {
        out.push(b',');
    }
    *open = true;
}

fn write_field(key: &str, value: &Value, out: &mut Vec<u8>) {
    write_value(key, out);
    out.push(b':');
    write_value(value, out);
}

pub(super) fn write_value<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("text and trees always fit into memory as JSON");
}

fn get_path<'a, S: AsRef<str>>(value: &'a Value, path: &[S]) -> Option<&'a Value> {
    path.iter()
        .try_fold(value, |value, key| value.as_object()?.get(key.as_ref()))
}

impl From<Value> for Data {
    fn from(value: Value) -> Self {
        Self::from_value(value)
    }
}

impl From<Text> for Data {
    fn from(text: Text) -> Self {
        Self::from_text(text)
    }
}

/// Compares values, not texts.
impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        match (self.text(), other.text()) {
            (Some(a), Some(b)) => a == b,
            _ => self.to_value() == other.to_value(),
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut json = Vec::new();
        self.write_json(&mut json);
        f.write_str(&String::from_utf8_lossy(&json))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RECORD: &str = r#"{"id":1,"na\u006de":"a","n":{"x":[1,{"y":2}]},"id":7}"#;

    /// `json` as a record, found with marks of its fields and without.
    fn both(json: &str) -> [Data; 2] {
        [0, 1].map(|depth| Data::from(Text::parse(json.into(), depth).unwrap()))
    }

    fn written(data: &Data) -> String {
        let mut out = b"head ".to_vec();
        data.write_json(&mut out);
        let text = String::from_utf8(out).unwrap();
        text.strip_prefix("head ").unwrap().to_owned()
    }

    #[test]
    fn fields_are_read_one_by_one() {
        for data in both(RECORD) {
            assert_eq!(data.get("id"), Some(json!(7)));
            assert_eq!(data.get("name"), Some(json!("a")));
            assert_eq!(data.get_path(&["n", "x"]), Some(json!([1, {"y": 2}])));
            assert_eq!(data.get_path(&["n", "x", "y"]), None);
            assert_eq!(data.get("z"), None);
            assert!(data.text().is_some(), "reading has changed the record");
        }
        assert_eq!(
            Data::from(json!({"n": {"x": 1}})).get_path(&["n", "x"]),
            Some(json!(1))
        );
    }

    #[test]
    fn untouched_text_passes_as_it_came() {
        let text = r#"{ "a": 1.10, "b" : [ ] ,"a":-0 }"#;
        assert!(both(text).iter().all(|data| written(data) == text));
    }

    #[test]
    fn line_breaks_and_foreign_numbers_do_not_pass() {
        let text =
            "{\n \"a \\n b\" : [ 1 ,\t\"x: [\" , -Infinity, 1e999, -1.5e3 ],\r\n \"c\": true }";
        let native = r#"{"a \n b":[1,"x: [",null,null,-1.5e3],"c":true}"#;
        let joined = "{\"a \\n b\" : [ 1 ,\t\"x: [\" , -2, 1e99, -1.5e3 ],\"c\": true }";
        let broken = text.replace("-Infinity", "-2").replace("1e999", "1e99");
        for mut data in both(text) {
            assert_eq!(written(&data), native);
            data.set("d", json!(1));
            assert_eq!(written(&data), native.replace("true}", "true,\"d\":1}"));
            data.set("c", json!(false));
            assert_eq!(written(&data), native.replace("true}", "false,\"d\":1}"));
        }
        for mut data in both(&broken) {
            assert_eq!(written(&data), joined);
            data.set("d", json!(1));
            assert_eq!(written(&data), joined.replace("true }", "true,\"d\":1}"));
        }
    }

    #[test]
    fn new_fields_stand_behind_the_text() {
        for (text, expected) in [
            (r#"{"a":{"b":{}}}"#, r#"{"a":{"b":{}},"x":1,"y":"\""}"#),
            ("{ }", r#"{"x":1,"y":"\""}"#),
        ] {
            for mut data in both(text) {
                data.set("x", json!(0));
                data.set("gone", json!(0));
                data.set("y", json!("\""));
                data.set("x", json!(1));
                assert_eq!(data.remove("gone"), Some(json!(0)));
                assert_eq!(written(&data), expected);
                assert_eq!(data.to_value().to_string(), expected);
                assert_eq!(data.get("y"), Some(json!("\"")));
            }
        }
    }

    #[test]
    fn changed_fields_keep_their_place_and_leave_the_others_text() {
        for mut data in both(RECORD) {
            data.set("id", json!([2]));
            assert_eq!(data.remove("name"), Some(json!("a")));
            assert_eq!(data.remove("name"), None);
            assert_eq!(data.get("name"), None);
            let expected = r#"{"id":[2],"n":{"x":[1,{"y":2}]}}"#;
            assert_eq!(written(&data), expected);
            assert_eq!(data.to_value().to_string(), expected);
            assert_eq!(data.get_path(&["id"]), Some(json!([2])));
            data.set("name", json!("b"));
            data.remove("n");
            data.remove("id");
            assert_eq!(written(&data), r#"{"name":"b"}"#);
        }
    }

    #[test]
    fn a_tree_is_changed_like_text() {
        for mut data in both(RECORD) {
            data.set("new", json!(0));
            data.value_mut()["n"]["x"] = json!(null);
            data.set("name", json!("b"));
            assert_eq!(data.remove("id"), Some(json!(7)));
            assert_eq!(written(&data), r#"{"name":"b","n":{"x":null},"new":0}"#);
        }
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        for mut data in both(r#"["a"]"#) {
            data.set("a", json!(1));
            assert_eq!(data.get("a"), None);
            assert_eq!(data.remove("a"), None);
            assert!(!data.is_object());
            assert_eq!(written(&data), r#"["a"]"#);
        }
    }

    #[test]
    fn equality_is_that_of_values() {
        let [a, mut b] = both(RECORD);
        assert_eq!(a, b);
        assert_eq!(
            a,
            Data::from(json!({"name": "a", "n": {"x": [1, {"y": 2}]}, "id": 7}))
        );
        b.set("id", json!(8));
        assert_ne!(a, b);
        b.set("id", json!(7));
        assert_eq!(a, b);
    }
}

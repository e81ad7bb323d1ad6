//! One field of a record, as a destination with columns looks at it.
//!
//! In: text or a tree. Out: what kind of value it is, and its parts, without a tree of the record.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::json::{Kind, Member};

/// The value of one field.
#[derive(Clone, Copy)]
pub struct Field<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    Text(Member<'a>),
    Tree(&'a Value),
}

impl<'a> Field<'a> {
    pub(super) fn of_member(member: Member<'a>) -> Self {
        Self(Form::Text(member))
    }

    /// A value that is a tree.
    #[must_use]
    pub fn of_value(value: &'a Value) -> Self {
        Self(Form::Tree(value))
    }

    /// Which kind of value it is. `NaN` and the infinities are null.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.0 {
            Form::Text(member) => Kind::of(member.json()),
            Form::Tree(value) => match value {
                Value::Null => Kind::Null,
                Value::Bool(_) => Kind::Bool,
                Value::Number(_) => Kind::Number,
                Value::String(_) => Kind::String,
                Value::Array(_) => Kind::Array,
                Value::Object(_) => Kind::Object,
            },
        }
    }

    /// What a string says; `None` for other kinds.
    #[must_use]
    pub fn string(&self) -> Option<Cow<'a, str>> {
        match self.0 {
            Form::Text(member) => member.string(),
            Form::Tree(value) => value.as_str().map(Cow::Borrowed),
        }
    }

    /// The digits of a number as they came; `None` for other kinds.
    #[must_use]
    pub fn number(&self) -> Option<Cow<'a, str>> {
        if self.kind() != Kind::Number {
            return None;
        }
        match self.0 {
            Form::Text(member) => Some(Cow::Borrowed(member.json())),
            Form::Tree(value) => value.as_number().map(Number::to_string).map(Cow::Owned),
        }
    }

    /// What a boolean says; `None` for other kinds.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        match self.0 {
            Form::Text(member) => match member.json() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            Form::Tree(value) => value.as_bool(),
        }
    }

    /// Appends the value as JSON in one line: as it came, where it can be.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self.0 {
            // Whatever its size, a number has its digits.
            Form::Text(member) if self.kind() == Kind::Number => {
                out.extend_from_slice(member.json().as_bytes());
            }
            Form::Text(member) => member.write_json(out),
            Form::Tree(value) => super::data::write_value(value, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::message::{Data, Text};

    fn fields(data: &Data) -> Vec<(String, String)> {
        let mut found = Vec::new();
        data.each_field(&mut |key, field| {
            let mut json = Vec::new();
            field.write_json(&mut json);
            found.push((key.into_owned(), String::from_utf8(json).unwrap()));
        });
        found
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = expected
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        owned.collect()
    }

    const RECORD: &str = "{\"i\\u0064\": 12345678901234567890123, \"n\": {\"x\" :\n[1.10,NaN]}, \"s\":\"a\\\"b\", \"z\":NaN, \"b\":true}";

    #[test]
    fn text_passes_as_it_came() {
        for depth in [0, 1, 2] {
            let mut data = Data::from(Text::parse(RECORD.into(), depth).unwrap());
            let expected = pairs(&[
                ("id", "12345678901234567890123"),
                ("n", r#"{"x":[1.10,null]}"#),
                ("s", r#""a\"b""#),
                ("z", "null"),
                ("b", "true"),
            ]);
            assert_eq!(fields(&data), expected);
            data.set("s", json!([1]));
            data.set("new", json!(1));
            data.remove("b");
            let changed = pairs(&[
                ("id", "12345678901234567890123"),
                ("n", r#"{"x":[1.10,null]}"#),
                ("s", "[1]"),
                ("z", "null"),
                ("new", "1"),
            ]);
            assert_eq!(fields(&data), changed);
        }
    }

    #[test]
    fn values_are_told_apart() {
        let tree = json!({"i": 1, "f": 1.5, "s": "x", "b": false, "z": null, "a": [], "o": {}});
        let text = Text::parse(tree.to_string().into(), 1).unwrap();
        for data in [Data::from(tree), Data::from(text)] {
            let mut seen = Vec::new();
            data.each_field(&mut |key, field| {
                seen.push(format!(
                    "{key} {:?} {:?} {:?} {:?}",
                    field.kind(),
                    field.string(),
                    field.number(),
                    field.boolean()
                ));
            });
            assert_eq!(
                seen,
                [
                    "i Number None Some(\"1\") None",
                    "f Number None Some(\"1.5\") None",
                    "s String Some(\"x\") None None",
                    "b Bool None None Some(false)",
                    "z Null None None None",
                    "a Array None None None",
                    "o Object None None None",
                ]
            );
        }
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        assert_eq!(fields(&Data::from(json!([1]))), []);
        assert_eq!(
            fields(&Data::from(Text::parse(b"[1]".to_vec(), 1).unwrap())),
            []
        );
    }
}

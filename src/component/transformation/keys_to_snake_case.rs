//! `KeysToSnakeCase`.

use std::sync::Arc;

use any_ascii::any_ascii;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Around, RecordTransformation, fields};
use crate::component::ComponentError;
use crate::message::Data;

/// Turns all keys into snake case, those of nested objects too, but not within lists.
///
/// Letters outside of ASCII are transliterated; `HTTPCode` becomes `httpcode`, `userID2` becomes
/// `user_id_2`, and a leading digit gets a `_` before it. As airbyte-cdk 7.39.1,
/// `keys_to_snake_transformation.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct KeysToSnakeCase {}

impl RecordTransformation for KeysToSnakeCase {
    fn transform(&self, record: &mut Arc<Data>, _: &Around) -> Result<(), ComponentError> {
        let map = fields(record)?;
        *map = rename(std::mem::take(map));
        Ok(())
    }
}

fn rename(map: Map<String, Value>) -> Map<String, Value> {
    map.into_iter()
        .map(|(key, value)| match value {
            Value::Object(inner) => (snake_case(&key), Value::Object(rename(inner))),
            value => (snake_case(&key), value),
        })
        .collect()
}

fn snake_case(key: &str) -> String {
    let key = any_ascii(key);
    let mut words = words(&key);
    // Separators between words give empty words; only those at the ends stay, as a `_`.
    let last = words.len().saturating_sub(1);
    let mut at = 0;
    words.retain(|word| {
        at += 1;
        !word.is_empty() || at == 1 || at == last + 1
    });
    if words
        .first()
        .is_some_and(|w| w.starts_with(|c: char| c.is_ascii_digit()))
    {
        words.insert(0, "");
    }
    words.join("_").to_lowercase()
}

/// Splits into runs: capitals with the small letters after them, small letters, digits; a run of
/// anything else is an empty word.
fn words(key: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = key;
    while let Some(first) = rest.chars().next() {
        let length = |run: &str, class: fn(&char) -> bool| {
            run.chars()
                .take_while(class)
                .map(char::len_utf8)
                .sum::<usize>()
        };
        let (end, is_word) = if first.is_ascii_uppercase() {
            let capitals = length(rest, char::is_ascii_uppercase);
            let (_, after) = rest.split_at(capitals);
            (capitals + length(after, char::is_ascii_lowercase), true)
        } else if first.is_ascii_lowercase() {
            (length(rest, char::is_ascii_lowercase), true)
        } else if first.is_ascii_digit() {
            (length(rest, char::is_ascii_digit), true)
        } else {
            (length(rest, |c| !c.is_ascii_alphanumeric()), false)
        };
        let (word, after) = rest.split_at(end);
        words.push(if is_word { word } else { "" });
        rest = after;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::testing::transform;
    use super::snake_case;
    use serde_json::json;

    #[test]
    fn keys_become_snake_case() {
        for (key, expected) in [
            ("camelCase", "camel_case"),
            ("HTTPCode", "httpcode"),
            ("With Space", "with_space"),
            ("a.b--c", "a_b_c"),
            ("_private ", "_private_"),
            ("2fast", "_2_fast"),
            ("Ünïcode", "unicode"),
            ("", ""),
        ] {
            assert_eq!(snake_case(key), expected, "{key}");
        }
    }

    #[test]
    fn nested_objects_too_but_not_lists() {
        let record = json!({"aB": {"cD": 1}, "lI": [{"eF": 1}]});
        assert_eq!(
            transform("type: KeysToSnakeCase", &record).unwrap(),
            json!({"a_b": {"c_d": 1}, "l_i": [{"eF": 1}]})
        );
    }
}

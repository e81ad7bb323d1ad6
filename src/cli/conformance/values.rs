//! JSON values, compared as the conformance cases are: numbers by value.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// The first place at which two values differ, in words.
pub(super) fn difference(want: &Value, got: &Value, path: &str) -> Option<String> {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            if let Some((key, value)) = want.iter().find(|(key, _)| !got.contains_key(*key)) {
                return Some(format!("{path}.{key}: missing, expected {}", brief(value)));
            }
            if let Some((key, value)) = got.iter().find(|(key, _)| !want.contains_key(*key)) {
                return Some(format!("{path}.{key}: unexpected {}", brief(value)));
            }
            want.iter().find_map(|(key, want)| {
                let got = got.get(key)?;
                difference(want, got, &format!("{path}.{key}"))
            })
        }
        (Value::Array(want), Value::Array(got)) => {
            let mut pairs = want.iter().zip(got).enumerate();
            pairs
                .find_map(|(at, (want, got))| difference(want, got, &format!("{path}[{at}]")))
                .or_else(|| {
                    let (want, got) = (want.len(), got.len());
                    (want != got).then(|| format!("{path}: expected {want} elements, got {got}"))
                })
        }
        _ if canonical(want) == canonical(got) => None,
        _ => Some(format!(
            "{path}: expected {}, got {}",
            brief(want),
            brief(got)
        )),
    }
}

/// A text that is the same for equal values: keys sorted, and a float without a fraction an integer.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in entries {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) if float.fract() == 0.0 => text.push_str(&format!("{float:.0}")),
            _ => text.push_str(&number.to_string()),
        },
        other => text.push_str(&other.to_string()),
    }
}

/// A record without its null keys at the top level, which the reference's serializer leaves out.
pub(super) fn without_nulls(record: &Value) -> Value {
    match record {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(key, value)| (key.clone(), value.clone()))
                .collect::<Map<_, _>>()
                .into()
        }
        other => other.clone(),
    }
}

/// A value without null keys, at any depth.
pub(super) fn without_any_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(key, value)| (key.clone(), without_any_nulls(value)))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.iter().map(without_any_nulls).collect(),
        other => other.clone(),
    }
}

/// A state, in which the states of partitions have no order.
pub(super) fn state_form(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let form = |(key, value): (&String, &Value)| {
                let mut value = state_form(value);
                if let (true, Value::Array(states)) = (key == "states", &mut value) {
                    states.sort_by_cached_key(canonical);
                }
                (key.clone(), value)
            };
            map.iter().map(form).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(state_form).collect(),
        other => other.clone(),
    }
}

/// How the records of a stream differ from those expected, if they do.
pub(super) fn record_difference(want: &[Value], got: &[Value]) -> Option<String> {
    let form = |records: &[Value]| -> Vec<(String, Value)> {
        let records = records.iter().map(without_nulls);
        records.map(|record| (canonical(&record), record)).collect()
    };
    let (all, got) = (want.len(), form(got));
    let want = form(want);
    let mut counts: HashMap<&str, i64> = HashMap::new();
    for (text, _) in &got {
        *counts.entry(text).or_default() += 1;
    }
    let mut lost = Vec::new();
    for (text, record) in &want {
        match counts.get_mut(text.as_str()).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None => lost.push(record),
        }
    }
    let mut more = Vec::new();
    for (text, record) in &got {
        if let Some(count) = counts.get_mut(text.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            more.push(record);
        }
    }
    let counted = format!(
        "{} of {all} records missing, {} unexpected",
        lost.len(),
        more.len()
    );
    match (lost.first(), more.first()) {
        (None, None) => None,
        (Some(lost), None) => Some(format!("{counted}; first missing {}", brief(lost))),
        (None, Some(more)) => Some(format!("{counted}; first unexpected {}", brief(more))),
        (Some(lost), Some(first)) => {
            let nearest = more.iter().max_by_key(|record| likeness(lost, record));
            let where_ = difference(lost, nearest.unwrap_or(first), "$");
            Some(format!(
                "{counted}; nearest differs at {}",
                where_.unwrap_or_default()
            ))
        }
    }
}

/// How many keys have the same value.
fn likeness(a: &Value, b: &Value) -> usize {
    let (Value::Object(a), Value::Object(b)) = (a, b) else {
        return 0;
    };
    let same = |(key, value): &(&String, &Value)| {
        b.get(*key)
            .is_some_and(|other| canonical(value) == canonical(other))
    };
    a.iter().filter(same).count()
}

/// The value as JSON, at most 160 characters.
pub(super) fn brief(value: &Value) -> String {
    shortened(&value.to_string(), 160)
}

/// The first `most` characters of `text`.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_difference_has_its_path() {
        let told = |want: Value, got: Value| difference(&want, &got, "$").unwrap_or_default();
        assert_eq!(told(json!({"a": [1, 2.0]}), json!({"a": [1.0, 2]})), "");
        assert_eq!(
            told(json!({"a": [1, 2]}), json!({"a": [1, "2"]})),
            "$.a[1]: expected 2, got \"2\""
        );
        assert_eq!(told(json!({"a": 1}), json!({})), "$.a: missing, expected 1");
        assert_eq!(told(json!({}), json!({"a": null})), "$.a: unexpected null");
        assert_eq!(
            told(json!([1]), json!([1, 2])),
            "$: expected 1 elements, got 2"
        );
        assert_eq!(told(json!(true), json!(1)), "$: expected true, got 1");
        assert_eq!(told(json!(1.5), json!(1)), "$: expected 1.5, got 1");
    }

    #[test]
    fn records_are_multisets_and_nulls_at_the_top_do_not_count() {
        let told = |want: Value, got: Value| {
            let list = |value: Value| value.as_array().cloned().unwrap();
            record_difference(&list(want), &list(got))
        };
        assert_eq!(
            told(
                json!([{"a": 1}, {"b": 2}]),
                json!([{"b": 2.0, "c": null}, {"a": 1}])
            ),
            None
        );
        assert_eq!(
            told(json!([{"a": 1}, {"a": 1}]), json!([{"a": 1}])).unwrap(),
            "1 of 2 records missing, 0 unexpected; first missing {\"a\":1}"
        );
        assert_eq!(
            told(
                json!([{"a": 1, "b": {"c": null}}]),
                json!([{"z": 0}, {"a": 1, "b": {}}])
            )
            .unwrap(),
            "1 of 1 records missing, 2 unexpected; nearest differs at $.b.c: missing, expected null"
        );
    }

    #[test]
    fn states_of_partitions_have_no_order() {
        let state = |a: i64, b: i64| json!({"states": [{"cursor": a}, {"cursor": b}], "l": [a, b]});
        let (want, got) = (state_form(&state(1, 2)), state_form(&state(2, 1)));
        assert_eq!(want["states"], got["states"]);
        assert_ne!(want["l"], got["l"]);
    }
}

//! Words for what a JSON schema expects, and for where a value stands.

use jsonschema::JsonType;
use jsonschema::paths::LocationSegment;
use serde_json::Value;

/// What a missing property of `schema` should be: its kind and its title.
pub(super) fn wanted(schema: &Value, name: &str) -> String {
    let property = schema.get("properties").and_then(|all| all.get(name));
    let Some(property) = property else {
        return "a value".to_owned();
    };
    let mut text = match (property.get("type"), property.get("enum")) {
        (_, Some(Value::Array(options))) => format!("one of {}", listed(options)),
        (Some(Value::String(one)), _) => type_word(one).to_owned(),
        (Some(Value::Array(several)), _) => {
            let names = several.iter().filter_map(Value::as_str).map(type_word);
            names.collect::<Vec<_>>().join(" or ")
        }
        _ => "a value".to_owned(),
    };
    if let Some(title) = property.get("title").and_then(Value::as_str) {
        text.push_str(&format!(" ({title})"));
    }
    text.push_str(&examples(property));
    text
}

/// How a union's forms are told apart, for a message.
pub(super) fn options(schema: &Value) -> String {
    let forms = ["oneOf", "anyOf"]
        .iter()
        .find_map(|word| schema.get(word))
        .and_then(Value::as_array);
    let titles: Vec<Value> = forms
        .into_iter()
        .flatten()
        .filter_map(|form| form.get("title").cloned())
        .collect();
    if titles.is_empty() {
        "one of the allowed forms".to_owned()
    } else {
        format!("one of the forms {}", listed(&titles))
    }
}

pub(super) fn known_keys(schema: &Value, name: &str) -> String {
    let Some(known) = schema.get("properties").and_then(Value::as_object) else {
        return String::new();
    };
    let names: Vec<Value> = known.keys().map(|k| Value::String(k.clone())).collect();
    let close = close_to(&Value::String(name.to_owned()), &names);
    if close.is_empty() {
        format!("; expected only {}", listed(&names))
    } else {
        close
    }
}

/// Suggests the option that is spelt almost like the text that was found.
pub(super) fn close_to(found: &Value, options: &[Value]) -> String {
    let Some(found) = found.as_str() else {
        return String::new();
    };
    let best = options
        .iter()
        .filter_map(Value::as_str)
        .map(|option| (strsim::damerau_levenshtein(found, option), option))
        .min();
    match best {
        Some((distance, option)) if distance <= 1 + option.len() / 5 => {
            format!("; did you mean `{option}`?")
        }
        _ => String::new(),
    }
}

/// Examples that the spec gives, or its own words for the pattern.
pub(super) fn examples(schema: &Value) -> String {
    let words = schema.get("pattern_descriptor").and_then(Value::as_str);
    let example = schema.get("examples").and_then(|list| match list {
        Value::Array(list) => list.first(),
        one => Some(one),
    });
    match (words, example) {
        (Some(words), _) => format!(", such as {words}"),
        (None, Some(example)) => format!(", such as `{}`", plain(example)),
        (None, None) => String::new(),
    }
}

pub(super) fn listed(values: &[Value]) -> String {
    let names: Vec<String> = values.iter().map(|v| format!("`{}`", plain(v))).collect();
    names.join(", ")
}

pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(super) fn type_name(one: JsonType) -> &'static str {
    type_word(one.as_str())
}

pub(super) fn type_word(name: &str) -> &str {
    match name {
        "string" => "text",
        "boolean" => "a boolean",
        "integer" => "an integer",
        "number" => "a number",
        "array" => "a list",
        "object" => "a mapping",
        other => other,
    }
}

pub(super) fn child(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

pub(super) fn dotted<'a>(segments: impl Iterator<Item = LocationSegment<'a>>) -> String {
    let names: Vec<String> = segments
        .map(|segment| match segment {
            LocationSegment::Property(name) => name.into_owned(),
            LocationSegment::Index(index) => index.to_string(),
        })
        .collect();
    names.join(".")
}

//! The secrets in a config: the values of the fields that the spec marks with `airbyte_secret`.

use serde_json::Value;

/// All secret values of `config`, as texts. Every alternative of `oneOf`, `anyOf` and `allOf` is
/// followed: a value that is secret in one of them is treated as secret.
pub(super) fn values(schema: &Value, config: &Value) -> Vec<String> {
    let mut found = Vec::new();
    gather(schema, config, &mut found);
    found
}

fn gather(schema: &Value, config: &Value, found: &mut Vec<String>) {
    if schema.get("airbyte_secret") == Some(&Value::Bool(true)) {
        leaves(config, found);
        return;
    }
    for alternatives in ["oneOf", "anyOf", "allOf"] {
        for alternative in schema.get(alternatives).and_then(Value::as_array).into_iter().flatten() {
            gather(alternative, config, found);
        }
    }
    if let (Some(fields), Some(values)) = (
        schema.get("properties").and_then(Value::as_object),
        config.as_object(),
    ) {
        for (name, field) in fields {
            if let Some(value) = values.get(name) {
                gather(field, value, found);
            }
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), config.as_array()) {
        for value in values {
            gather(items, value, found);
        }
    }
}

/// All texts and numbers inside of a secret value.
fn leaves(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| leaves(field, found)),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_found_in_alternatives_lists_and_objects() {
        let schema = json!({
            "properties": {
                "name": {"type": "string"},
                "credentials": {"oneOf": [
                    {"properties": {"kind": {"const": "token"}, "token": {"airbyte_secret": true}}},
                    {"properties": {"password": {"airbyte_secret": true}}},
                ]},
                "keys": {"items": {"properties": {"key": {"airbyte_secret": true}}}},
                "service_account": {"type": "object", "airbyte_secret": true},
            }
        });
        let config = json!({
            "name": "public",
            "credentials": {"kind": "token", "token": "t-1"},
            "keys": [{"key": "k-1"}, {"key": 22}],
            "service_account": {"id": "s-1", "private": ["s-2"]},
        });
        assert_eq!(values(&schema, &config), ["t-1", "k-1", "22", "s-1", "s-2"]);
    }
}

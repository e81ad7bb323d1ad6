//! Which values of a config are secret: those that the spec marks by `airbyte_secret`, and those whose
//! keys are named as credentials are, since a spec may forget its mark.

use serde_json::Value;

/// How keys of credentials end, in lower case.
const NAMES: [&str; 7] = [
    "token",
    "secret",
    "password",
    "passphrase",
    "api_key",
    "apikey",
    "private_key",
];

/// Texts of the secret values in `config`.
pub(crate) fn of(spec: Option<&Value>, config: &Value) -> Vec<String> {
    let mut found = spec.map_or_else(Vec::new, |schema| values(schema, config));
    found.extend(named(config));
    found
}

/// Texts of the values whose keys are named as those of credentials are.
fn named(config: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match config {
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.to_lowercase();
                if value.is_string() && NAMES.iter().any(|name| key.ends_with(name)) {
                    texts(value, &mut found);
                } else {
                    found.extend(named(value));
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|item| found.extend(named(item))),
        _ => {}
    }
    found
}

/// Texts of the values under an `airbyte_secret` of `schema`, as they stand in `config`.
///
/// As airbyte-cdk 7.39.1, `airbyte_secrets_utils.py`, finds them; and also in lists and unions of
/// any kind. A number is a secret by its digits; a mapping or list that is secret, by all in it.
fn values(schema: &Value, config: &Value) -> Vec<String> {
    let mut found = Vec::new();
    gather(schema, config, &mut found);
    found
}

fn gather(schema: &Value, value: &Value, found: &mut Vec<String>) {
    if schema.get("airbyte_secret") == Some(&Value::Bool(true)) {
        texts(value, found);
        return;
    }
    if let (Some(properties), Some(map)) = (
        schema.get("properties").and_then(Value::as_object),
        value.as_object(),
    ) {
        for (key, property) in properties {
            if let Some(value) = map.get(key) {
                gather(property, value, found);
            }
        }
    }
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
        for item in list {
            gather(items, item, found);
        }
    }
    for union in ["oneOf", "anyOf", "allOf"] {
        for form in schema
            .get(union)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            gather(form, value, found);
        }
    }
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(list) => list.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => map.values().for_each(|item| texts(item, found)),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_tell_what_a_spec_does_not() {
        let config = json!({
            "credentials": {"Access_Token": "t", "token_type": "Bearer", "expires": 3},
            "accounts": [{"client_secret": "s", "user": "u"}],
            "password": "p",
        });
        assert_eq!(of(None, &config), ["t", "s", "p"]);
        let spec = json!({"properties": {"accounts": {"airbyte_secret": true}}});
        assert_eq!(of(Some(&spec), &config), ["s", "u", "t", "s", "p"]);
    }

    #[test]
    fn marked_values_are_found_wherever_they_stand() {
        let secret = json!({"type": "string", "airbyte_secret": true});
        let schema = json!({"properties": {
            "token": secret,
            "name": {"type": "string"},
            "pin": {"type": "integer", "airbyte_secret": true},
            "credentials": {"oneOf": [
                {"properties": {"key": secret}},
                {"properties": {"password": secret, "user": {"type": "string"}}},
            ]},
            "accounts": {"items": {"properties": {"key": secret}}},
            "absent": secret,
        }});
        let config = json!({
            "token": "t", "name": "n", "pin": 12,
            "credentials": {"password": "p", "user": "u"},
            "accounts": [{"key": "a"}, {"key": "b"}],
        });
        assert_eq!(values(&schema, &config), ["t", "12", "p", "a", "b"]);
    }
}

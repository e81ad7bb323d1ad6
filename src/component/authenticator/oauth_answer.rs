//! What a token endpoint answers.

use serde_json::Value;

use crate::http::Response;

/// How deep a field is looked for.
const DEPTH: u32 = 5;

/// The field `name`, wherever it is in the answer; the outermost, then the first.
///
/// As airbyte-cdk 7.39.1, `abstract_oauth.py`, `_find_and_get_value_from_response`.
pub(super) fn find<'a>(answer: &'a Value, name: &str) -> Option<&'a Value> {
    find_below(answer, name, 0)
}

fn find_below<'a>(answer: &'a Value, name: &str, depth: u32) -> Option<&'a Value> {
    if depth > DEPTH {
        return None;
    }
    match answer {
        Value::Object(map) => match map.get(name) {
            Some(found) => Some(found).filter(|found| !found.is_null()),
            None => map
                .values()
                .find_map(|value| find_below(value, name, depth + 1)),
        },
        Value::Array(items) => items
            .iter()
            .find_map(|item| find_below(item, name, depth + 1)),
        _ => None,
    }
}

/// What the provider says went wrong, short enough for a message: `error` of RFC 6749 section 5.2,
/// and the code that leads `error_description`, such as `AADSTS50173`.
pub(super) fn complaint(answer: &Value) -> Option<String> {
    let error = answer.get("error").and_then(Value::as_str);
    let error = error.map(|error| error.split_whitespace().collect::<Vec<_>>().join(" "));
    let description = answer.get("error_description").and_then(Value::as_str);
    let code = description.and_then(|text| {
        let word: String = text
            .trim()
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let letters = word.bytes().take_while(u8::is_ascii_alphabetic).count();
        let digits = word
            .bytes()
            .skip(letters)
            .take_while(u8::is_ascii_digit)
            .count();
        (letters >= 3 && digits >= 4 && letters + digits == word.len()).then_some(word)
    });
    let parts: Vec<String> = [error.filter(|error| !error.is_empty()), code]
        .into_iter()
        .flatten()
        .collect();
    let text: String = parts.join(": ").chars().take(64).collect();
    Some(text).filter(|text| !text.is_empty())
}

/// The body as JSON.
pub(super) fn json(response: &Response) -> Option<Value> {
    serde_json::from_slice(response.body.start()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_found_at_any_depth_up_to_five() {
        let answer = json!({"a": [{"b": {"token": "inner"}}], "c": {"token": "other"}});
        assert_eq!(find(&answer, "token"), Some(&json!("inner")));
        let deep = json!({"1": {"2": {"3": {"4": {"5": {"6": {"token": 1}}}}}}});
        assert_eq!(find(&deep, "token"), None);
        assert_eq!(find(&json!({"token": null}), "token"), None);
    }

    #[test]
    fn the_provider_s_words_are_short() {
        let both = json!({"error": "invalid_grant", "error_description": "AADSTS50173: The grant expired at 12:00"});
        assert_eq!(
            complaint(&both).as_deref(),
            Some("invalid_grant: AADSTS50173")
        );
        let prose = json!({"error": "invalid_grant", "error_description": "expired"});
        assert_eq!(complaint(&prose).as_deref(), Some("invalid_grant"));
        assert_eq!(complaint(&json!([])), None);
    }
}

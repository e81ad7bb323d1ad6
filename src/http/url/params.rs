//! Query parameters and form fields.

use serde_json::{Map, Value};

use super::join::Parts;
use super::quote::{quote_plus, unquote_plus};

/// The pairs that `requests` makes of a mapping: null is left out, a list gives a pair for each
/// item, a mapping one for each of its keys; `True` and numbers are written as Python writes them.
#[must_use]
pub fn flatten(params: &Map<String, Value>) -> Vec<(String, String)> {
    let mut pairs = Vec::with_capacity(params.len());
    for (name, value) in params {
        match value {
            Value::Array(items) => {
                let items = items.iter().filter_map(python_text);
                pairs.extend(items.map(|text| (name.clone(), text)));
            }
            Value::Object(fields) => {
                pairs.extend(fields.keys().map(|key| (name.clone(), key.clone())));
            }
            value => pairs.extend(python_text(value).map(|text| (name.clone(), text))),
        }
    }
    pairs
}

/// Python's `str()` of a scalar; null has none. What is nested deeper is written as JSON.
fn python_text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => python_float(float),
            None => number.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
    })
}

/// Python's `repr()` of a float: the shortest digits, an exponent below 1e-4 and from 1e16 on.
fn python_float(float: f64) -> String {
    let size = float.abs();
    if float == 0.0 || (1e-4..1e16).contains(&size) {
        return format!("{float:?}");
    }
    let text = format!("{float:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

/// A query or form body of `pairs`, as `urllib.parse.urlencode`.
pub fn encode<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(&quote_plus(name.as_ref()));
        text.push('=');
        text.push_str(&quote_plus(value.as_ref()));
    }
    text
}

/// The pairs of a query or form body, as `urllib.parse.parse_qsl`, empty values kept.
#[must_use]
pub fn parse_query(text: &str) -> Vec<(String, String)> {
    let fields = text.split('&').filter(|field| !field.is_empty());
    fields
        .map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            (unquote_plus(name), unquote_plus(value))
        })
        .collect()
}

/// Removes the parameters that the query of `url` already gives with the same value, as the
/// reference's `HttpClient._dedupe_query_params` (airbyte-cdk 7.39.1, `http_client.py`): only the
/// first value of a name in the query counts, and an empty one does not.
pub fn dedupe(url: &str, params: &mut Map<String, Value>) {
    let query = parse_query(&Parts::of(url).query);
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        if seen.contains(&name.as_str()) {
            continue;
        }
        seen.push(name);
        // A list is compared by its Python text there, which no query holds.
        if params.get(name).and_then(python_text).as_ref() == Some(value) {
            params.shift_remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn encodes_as_requests() {
        let params = map(json!({
            "a": [1, null, "x y"], "b": true, "n": null, "f": 1.0, "g": 1e16, "h": 1.5e-7, "i": 0.1,
            "m": {"k": 1}, "e": "", "u": "ü&"
        }));
        assert_eq!(
            encode(flatten(&params)),
            "a=1&a=x+y&b=True&f=1.0&g=1e%2B16&h=1.5e-07&i=0.1&m=k&e=&u=%C3%BC%26"
        );
    }

    #[test]
    fn drops_what_the_url_has() {
        let mut params = map(json!({"limit": 10, "page": "2", "flag": true, "empty": ""}));
        dedupe(
            "https://h/a?limit=10&page=3&page=2&flag=True&empty=",
            &mut params,
        );
        assert_eq!(Value::Object(params), json!({"page": "2", "empty": ""}));
    }
}

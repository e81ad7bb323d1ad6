//! What templates and filters see of a response.

use std::io::BufReader;
use std::sync::{Arc, OnceLock};

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::http::{Body, Response};
use crate::message::{Kind, Text};
use crate::template::{Config, Lazy, TValue, headers, json, lazy, scope};

/// The scope of error filters and waits: the JSON body, or an empty mapping where there is none,
/// the headers, and the URL without query, fragment and credentials.
///
/// As airbyte-cdk 7.39.1, `http_response_filter.py`.
#[must_use]
pub fn response_scope(url: &str, response: Option<&Response>, config: &Config) -> scope::Response {
    let empty = || json(&Value::Object(Map::new()));
    let body: TValue = match response {
        Some(response) if response.body.is_long() => {
            lazy(Arc::new(Long(response.body.clone(), OnceLock::new())))
        }
        Some(response) => Text::parse(without_mark(response.body.start()).to_vec(), 1)
            .map_or_else(|_| empty(), |text| lazy(Arc::new(Short(text)))),
        None => empty(),
    };
    let fields = response.map_or_else(empty, |response| headers(response.headers.iter()));
    let mut scope = scope::Response::new(config.clone(), body, fields);
    scope.request_url = Some(json(&bare_url(url).into()));
    scope
}

/// A body that is checked, and parsed only where a template looks: predicates see every page.
#[derive(Debug)]
struct Short(Text);

impl Lazy for Short {
    fn get(&self, key: &str) -> Option<Value> {
        self.0.get(key).map(|text| text.value())
    }

    fn whole(&self) -> Value {
        self.0.value()
    }
}

/// A long body: read only where a template looks, and kept only if it is JSON as a whole.
#[derive(Debug)]
struct Long(Body, OnceLock<Option<Text>>);

impl Long {
    fn text(&self) -> Option<&Text> {
        let read = || {
            let mut reader = BufReader::new(self.0.reader());
            let mark = self.0.start().len() - without_mark(self.0.start()).len();
            reader.seek_relative(i64::try_from(mark).ok()?).ok()?;
            serde_json::from_reader::<_, IgnoredAny>(reader).ok()?;
            Text::parse(without_mark(&self.0.bytes().ok()?).to_vec(), 1).ok()
        };
        self.1.get_or_init(read).as_ref()
    }
}

impl Lazy for Long {
    fn get(&self, key: &str) -> Option<Value> {
        self.text()?.get(key).map(|text| text.value())
    }

    fn whole(&self) -> Value {
        self.text()
            .map_or_else(|| Value::Object(Map::new()), Text::value)
    }
}

/// The body without a byte order mark.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// The URL without query, fragment and credentials, which some APIs take for authentication.
fn bare_url(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        None => url.to_owned(),
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
    }
}

/// What a body says went wrong: the usual fields of a JSON body, or the whole text of another.
///
/// As airbyte-cdk 7.39.1, `json_error_message_parser.py`.
#[must_use]
pub fn error_message(response: &Response) -> Option<String> {
    let body = without_mark(response.body.start());
    match Text::parse(body.to_vec(), 1) {
        // Filters ask it of every page: only the fields that may say something become trees.
        Ok(text) if text.kind() == Kind::Object => {
            message_of(|field| text.get(field).map(|text| text.value()))
        }
        Ok(text) => message_in(&text.value()),
        Err(_) => std::str::from_utf8(response.body.start())
            .ok()
            .map(str::to_owned),
    }
}

/// Fields that APIs put their words into, the first first.
const FIELDS: [&str; 12] = [
    "message",
    "messages",
    "error",
    "errors",
    "failures",
    "failure",
    "detail",
    "err",
    "error_message",
    "msg",
    "reason",
    "status_message",
];

fn message_in(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let texts: Vec<_> = items.iter().filter_map(message_in).collect();
            Some(texts.join(", "))
        }
        Value::Object(map) => message_of(|field| map.get(field).cloned()),
        _ => None,
    }
}

/// What the first field says that says anything. Where none does, the last one's nothing (`""`, `[]`)
/// still counts.
fn message_of(field: impl Fn(&str) -> Option<Value>) -> Option<String> {
    (FIELDS.iter())
        .find_map(|name| field(name).filter(is_truthy))
        .or_else(|| field("status_message"))
        .and_then(|value| message_in(&value))
}

/// Whether Python takes the value for true.
#[must_use]
pub(in crate::component) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::backoff::testing::response;

    #[test]
    fn the_words_of_a_body_are_found() {
        let words = |body: &str| error_message(&response(400, ("A", "b"), body));
        assert_eq!(
            words(r#"{"error": {"message": "no"}}"#).as_deref(),
            Some("no")
        );
        assert_eq!(
            words(r#"{"errors": [{"msg": "a"}, "b", 3]}"#).as_deref(),
            Some("a, b")
        );
        assert_eq!(
            words(r#"{"message": "", "detail": "why"}"#).as_deref(),
            Some("why")
        );
        assert_eq!(words(r#"{"code": 3}"#), None);
        assert_eq!(words("[]").as_deref(), Some(""));
        assert_eq!(words("<h1>oops</h1>").as_deref(), Some("<h1>oops</h1>"));
    }

    #[test]
    fn a_long_body_is_seen_if_it_is_json() {
        let long = |body: &str| Long(Body::in_file(body.as_bytes()), OnceLock::new());
        let json = long("\u{feff}{\"a\": [1]}");
        assert_eq!(json.get("a"), Some(serde_json::json!([1])));
        assert_eq!(json.get("b"), None);
        for other in ["{\"a\": 1}\n{\"a\": 2}\n", "a,b\n1,2\n"] {
            assert_eq!(long(other).get("a"), None);
            assert_eq!(long(other).whole(), serde_json::json!({}));
        }
    }

    #[test]
    fn credentials_and_queries_leave_the_url() {
        for (url, bare) in [
            ("https://u:p@a.example/b/c?key=1#d", "https://a.example/b/c"),
            ("https://a.example?key=1", "https://a.example"),
            ("", ""),
        ] {
            assert_eq!(bare_url(url), bare);
        }
    }
}

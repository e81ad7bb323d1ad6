//! When two requests are the same, and where they differ.
//!
//! In: requests. Out: their canonical form: method, address, sorted decoded query, body by value.
//! The same rules as those of the conformance cases. `***` in a recorded request stands for any text.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fit::{Pairs, brief, fits, json_difference, pairs_difference, pairs_fit};
use crate::http::url::{Parts, parse_query, unquote};
use crate::http::{MASK, Request};

/// A request, in the form in which requests are compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Canon {
    pub(super) method: String,
    /// Scheme, host and decoded path.
    pub(super) address: String,
    pub(super) query: Pairs,
    pub(super) body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Body {
    Empty,
    /// JSON text with sorted keys and numbers by value.
    Json(String),
    Form(Pairs),
    Text(String),
}

impl Canon {
    pub(super) fn of(request: &Request) -> Self {
        let parts = Parts::of(&request.url);
        let default = Parts {
            scheme: parts.scheme.clone(),
            ..Parts::default()
        };
        let mut host = parts.netloc.to_lowercase();
        if parts.port() == default.port() {
            let end = host.rfind(':').filter(|_| !host.ends_with(']'));
            host.truncate(end.unwrap_or(host.len()));
        }
        let path = match unquote(&parts.path) {
            path if path.is_empty() => "/".to_owned(),
            path => path,
        };
        Self {
            method: request.method.to_ascii_uppercase(),
            address: format!("{}://{host}{path}", parts.scheme),
            query: sorted(parse_query(&parts.query)),
            body: Body::of(request),
        }
    }

    /// Holds it a `***`?
    pub(super) fn is_masked(&self) -> bool {
        let pairs = |pairs: &Pairs| pairs.iter().any(|(_, value)| value.contains(MASK));
        self.address.contains(MASK)
            || pairs(&self.query)
            || match &self.body {
                Body::Empty => false,
                Body::Json(text) | Body::Text(text) => text.contains(MASK),
                Body::Form(form) => pairs(form),
            }
    }

    /// Is `asked` the request that was recorded as this one?
    pub(super) fn stands_for(&self, asked: &Self) -> bool {
        self.method == asked.method
            && fits(&self.address, &asked.address)
            && pairs_fit(&self.query, &asked.query)
            && match (&self.body, &asked.body) {
                (Body::Empty, Body::Empty) => true,
                (Body::Json(recorded), Body::Json(asked)) => {
                    json_difference(&json(recorded), &json(asked), "$").is_none()
                }
                (Body::Form(recorded), Body::Form(asked)) => pairs_fit(recorded, asked),
                (Body::Text(recorded), Body::Text(asked)) => fits(recorded, asked),
                _ => false,
            }
    }

    /// The request in one line.
    pub(super) fn show(&self) -> String {
        let pairs = self
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let query = pairs.collect::<Vec<_>>().join("&");
        let mut text = format!("{} {}", self.method, self.address);
        if !query.is_empty() {
            text.push('?');
            text.push_str(&query);
        }
        if self.body != Body::Empty {
            text.push(' ');
            text.push_str(&self.body.show());
        }
        text
    }

    /// How this recorded request differs from `asked`, in words.
    pub(super) fn difference(&self, asked: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut differ = |what: &str, recorded: &str, asked: &str| {
            if !fits(recorded, asked) {
                found.push(format!(
                    "{what}: recorded {}, asked {}",
                    brief(recorded),
                    brief(asked)
                ));
            }
        };
        differ("method", &self.method, &asked.method);
        differ("address", &self.address, &asked.address);
        found.extend(pairs_difference(
            "query parameter",
            &self.query,
            &asked.query,
        ));
        match (&self.body, &asked.body) {
            (Body::Json(recorded), Body::Json(asked)) => {
                found.extend(
                    json_difference(&json(recorded), &json(asked), "$")
                        .map(|d| format!("body {d}")),
                );
            }
            (Body::Form(recorded), Body::Form(asked)) => {
                found.extend(pairs_difference("form field", recorded, asked));
            }
            (Body::Text(recorded), Body::Text(asked)) if fits(recorded, asked) => {}
            (recorded, asked) if recorded == asked => {}
            (recorded, asked) => {
                found.push(format!(
                    "body: recorded {}, asked {}",
                    recorded.show(),
                    asked.show()
                ));
            }
        }
        found
    }
}

impl Body {
    fn of(request: &Request) -> Self {
        if request.body.is_empty() {
            return Self::Empty;
        }
        let text = String::from_utf8_lossy(&request.body);
        if let Ok(value) = serde_json::from_str(&text) {
            return Self::Json(normal(value).to_string());
        }
        let kind = request.headers.get("content-type").unwrap_or_default();
        if kind.to_ascii_lowercase().contains("form-urlencoded") {
            return Self::Form(sorted(parse_query(&text)));
        }
        Self::Text(text.into_owned())
    }

    fn show(&self) -> String {
        match self {
            Self::Empty => "none".to_owned(),
            Self::Json(text) | Self::Text(text) => brief(text),
            Self::Form(pairs) => {
                let pairs: Vec<_> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
                brief(&pairs.join("&"))
            }
        }
    }
}

fn sorted(mut pairs: Pairs) -> Pairs {
    pairs.sort_unstable();
    pairs
}

/// Keys sorted, numbers by value: `1.0` is `1`.
fn normal(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => Value::from(float as i64),
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.into_iter().collect();
            fields
                .into_iter()
                .map(|(key, item)| (key, normal(item)))
                .collect()
        }
        other => other,
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;

    fn canon(url: &str, kind: &str, body: &str) -> Canon {
        let mut headers = Headers::default();
        headers.set("Content-Type", kind);
        Canon::of(&Request {
            method: "POST".into(),
            url: url.into(),
            headers,
            body: body.into(),
            timeouts: Default::default(),
        })
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn spelling_does_not_matter() {
        let same = |a: (&str, &str, &str), b: (&str, &str, &str)| {
            assert_eq!(canon(a.0, a.1, a.2), canon(b.0, b.1, b.2));
        };
        same(
            ("https://H:443/a%20b?y=1&x=%C3%BC+2", "", ""),
            ("https://h/a b?x=ü%202&y=1", "", ""),
        );
        same(
            ("http://h", "", r#"{"a":1.0,"b":[2]}"#),
            ("http://h/", "", r#"{"b": [2.0], "a": 1}"#),
        );
        same(
            ("http://h/", FORM, "b=2&a=%31"),
            ("http://h/", FORM, "a=1&b=2"),
        );
        assert_ne!(
            canon("http://h/", "", "b=2&a=1"),
            canon("http://h/", "", "a=1&b=2")
        );
        assert_ne!(
            canon("http://h/", "", "[1,2]"),
            canon("http://h/", "", "[2,1]")
        );
    }

    #[test]
    fn masks_stand_for_any_text_in_their_place() {
        let fits = |a: &Canon, b: &Canon| a.is_masked() && a.stands_for(b);
        let asked = canon(
            "https://h/bot123/x?key=abc&key=z&q=1",
            FORM,
            "secret=s&id=7",
        );
        assert!(fits(
            &canon(
                "https://h/bot***/x?key=***&key=z&q=1",
                FORM,
                "id=7&secret=***"
            ),
            &asked
        ));
        assert!(!fits(
            &canon(
                "https://h/bot***/y?key=***&key=z&q=1",
                FORM,
                "id=7&secret=***"
            ),
            &asked
        ));
        assert!(!fits(
            &canon(
                "https://h/bot***/x?key=***&key=z&q=2",
                FORM,
                "id=7&secret=***"
            ),
            &asked
        ));
        let asked = canon("https://h/", "", r#"{"a":{"t":"x-s-y"},"n":12345678}"#);
        assert!(fits(
            &canon("https://h/", "", r#"{"a":{"t":"x-***-y"},"n":"***"}"#),
            &asked
        ));
        assert!(!fits(
            &canon("https://h/", "", r#"{"a":{"t":"z-***-y"},"n":"***"}"#),
            &asked
        ));
    }

    #[test]
    fn differences_name_their_place() {
        let recorded = canon("https://h/a?page=1&old=2&k=***", "", r#"{"q":{"a":[1,2]}}"#);
        let asked = canon("https://h/a?page=2&new=3&k=s", "", r#"{"q":{"a":[1,3]}}"#);
        assert_eq!(
            recorded.difference(&asked),
            [
                "query parameter `old`: recorded `2`, not asked",
                "query parameter `page`: recorded `1`, asked `2`",
                "query parameter `new`: not recorded, asked `3`",
                "body $.q.a[1]: recorded `2`, asked `3`",
            ]
        );
    }
}

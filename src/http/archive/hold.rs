//! Holds the requests that were made against those of an archive.
//!
//! In: an archive of one command, and requests. Out: those that are too many, those that are missing,
//! and header fields that differ. Requests are compared as sets: repeats are only counted.

use super::{Archive, Canon};
use crate::http::{Headers, Request};

/// How requests and an archive differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Requests that the archive does not have, each with the nearest that it has.
    pub extra: Vec<String>,
    /// Requests of the command that were not made.
    pub missing: Vec<String>,
    /// Requests of no page that were not made: another command may have made them.
    pub unclaimed: Vec<String>,
    /// Header fields of recorded requests that were not sent, or with another value.
    pub headers: Vec<String>,
    /// Requests that were made, repeats counted.
    pub made: usize,
    /// Exchanges of the archive, repeats counted.
    pub recorded: usize,
}

impl Archive {
    /// Only the exchanges of one command: those of its page (`pageref`), and those of no page, which
    /// any command may be answered by.
    #[must_use]
    pub fn of_command(mut self, id: &str) -> Self {
        let belongs = |page: Option<&str>| page.is_none_or(|page| page == id);
        self.exchanges.retain(|e| belongs(e.page.as_deref()));
        let secrets = self.secrets;
        Self::new(self.exchanges, self.meta).with_secrets(secrets)
    }

    /// Whether some request has different answers in turn: who asks first matters then.
    #[must_use]
    pub fn depends_on_order(&self) -> bool {
        let answer = |at: &usize| {
            let outcome = self.exchanges.get(*at).map(|exchange| &exchange.outcome);
            outcome.map(|outcome| match outcome {
                Ok(response) => Ok((response.status, response.body.start())),
                Err(error) => Err(&error.message),
            })
        };
        self.groups.iter().any(|group| {
            let mut answers = group.exchanges.iter().map(answer);
            let first = answers.next();
            answers.any(|answer| Some(answer) != first)
        })
    }

    /// Holds `asked` against what was recorded.
    #[must_use]
    pub fn hold(&self, asked: &[Request]) -> Held {
        let mut held = Held {
            made: asked.len(),
            recorded: self.exchanges.len(),
            ..Held::default()
        };
        let mut seen = vec![false; self.groups.len()];
        let mut told = std::collections::HashSet::new();
        for request in asked {
            let canon = Canon::of(request);
            let found = self.exact.get(&canon).copied();
            let Some(group) = found.or_else(|| self.fitting(&canon)) else {
                if told.insert(canon) {
                    held.extra.push(self.not_recorded(request).message);
                }
                continue;
            };
            if let Some(seen) = seen.get_mut(group) {
                *seen = true;
            }
            if let Some(difference) = self.header_difference(group, &request.headers)
                && !held.headers.contains(&difference)
            {
                held.headers.push(difference);
            }
        }
        for (group, seen) in self.groups.iter().zip(seen) {
            let first = group
                .exchanges
                .first()
                .and_then(|&at| self.exchanges.get(at));
            if let Some(exchange) = first.filter(|_| !seen) {
                match exchange.page {
                    Some(_) => held.missing.push(exchange.canon.show()),
                    None => held.unclaimed.push(exchange.canon.show()),
                }
            }
        }
        held
    }

    /// The first field that differs from the recorded repeat which is most like `sent`.
    fn header_difference(&self, group: usize, sent: &Headers) -> Option<String> {
        let recorded = self.groups.get(group)?.exchanges.iter();
        let recorded = recorded.filter_map(|&at| self.exchanges.get(at));
        let mut nearest: Option<(usize, String)> = None;
        for exchange in recorded {
            let fields = exchange.request.headers.iter();
            let mut different = fields.filter(|(name, value)| !is_sent(name, value, sent));
            let (name, value) = different.next()?;
            let count = 1 + different.count();
            if nearest.as_ref().is_none_or(|(fewest, _)| count < *fewest) {
                let request = exchange.canon.show();
                let found = sent
                    .get(name)
                    .map_or("nothing".to_owned(), |v| format!("`{v}`"));
                let text = format!("{request}: header `{name}`: recorded `{value}`, sent {found}");
                nearest = Some((count, text));
            }
        }
        nearest.map(|(_, text)| text)
    }
}

/// Is the recorded field among those sent, or one that the reference's client adds by itself?
fn is_sent(name: &str, value: &str, sent: &Headers) -> bool {
    let essence = |value: &str| match name.eq_ignore_ascii_case("content-type") {
        true => {
            let kind = value.split(';').next().unwrap_or_default();
            kind.trim().to_ascii_lowercase()
        }
        false => value.trim().to_owned(),
    };
    match sent.get(name) {
        Some(sent) => essence(sent) == essence(value),
        None => is_of_the_transport(name, value),
    }
}

fn is_of_the_transport(name: &str, value: &str) -> bool {
    match name.to_ascii_lowercase().as_str() {
        "accept" => value == "*/*",
        "accept-encoding" => value == "gzip, deflate",
        "connection" => value == "keep-alive",
        // Of a body whose kind nobody told.
        "content-type" => value == "application/octet-stream",
        "user-agent" => value.starts_with("python-requests/"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn archive(entries: &Value) -> Archive {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.har");
        std::fs::write(&path, json!({"log": {"entries": entries}}).to_string()).unwrap();
        Archive::load(&path).unwrap()
    }

    fn entry(page: Option<&str>, url: &str, headers: &[(&str, &str)]) -> Value {
        let fields = headers
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}));
        json!({
            "pageref": page,
            "request": {"method": "GET", "url": url, "headers": fields.collect::<Value>()},
            "response": {"status": 200},
        })
    }

    fn get(url: &str, headers: &[(&str, &str)]) -> Request {
        let mut sent = Headers::default();
        for (name, value) in headers {
            sent.add(name, *value);
        }
        Request {
            method: "GET".to_owned(),
            url: url.to_owned(),
            headers: sent,
            body: Vec::new(),
            timeouts: Default::default(),
        }
    }

    #[test]
    fn requests_are_sets() {
        let recorded = json!([
            entry(Some("read"), "https://h/a?x=1&y=2", &[]),
            entry(Some("read"), "https://h/a?x=1&y=2", &[]),
            entry(Some("read"), "https://h/b", &[]),
            entry(Some("check"), "https://h/c", &[]),
        ]);
        let held = archive(&recorded).of_command("read").hold(&[
            get("https://h/a?y=2&x=1", &[]),
            get("https://h/c", &[]),
            get("https://h/c", &[]),
        ]);
        assert_eq!((held.made, held.recorded), (3, 3));
        assert_eq!(held.missing, ["GET https://h/b"]);
        assert_eq!(held.extra.len(), 1);
        assert!(
            held.extra[0].contains("https://h/c; nearest recorded: "),
            "{held:?}"
        );
    }

    #[test]
    fn exchanges_of_no_page_answer_every_command() {
        let recorded = json!([entry(None, "https://h/a", &[])]);
        for command in ["check", "read"] {
            let archive = archive(&recorded).of_command(command);
            assert_eq!(archive.hold(&[get("https://h/a", &[])]).extra, [""; 0]);
            let held = archive.hold(&[]);
            assert_eq!((held.missing.len(), held.unclaimed.len()), (0, 1));
        }
    }

    #[test]
    fn order_matters_where_answers_change() {
        let mut recorded = json!([
            entry(None, "https://h/a", &[]),
            entry(None, "https://h/a", &[])
        ]);
        assert!(!archive(&recorded).depends_on_order());
        recorded[1]["response"]["status"] = json!(503);
        assert!(archive(&recorded).depends_on_order());
    }

    #[test]
    fn headers_are_those_of_one_of_the_repeats() {
        let recorded = json!([
            entry(
                None,
                "https://h/",
                &[("X", "1"), ("Content-Type", "application/json")]
            ),
            entry(
                None,
                "https://h/",
                &[
                    ("X", "2"),
                    ("Accept", "*/*"),
                    ("User-Agent", "python-requests/2")
                ]
            ),
        ]);
        let archive = archive(&recorded);
        let headers = |sent: &[(&str, &str)]| archive.hold(&[get("https://h/", sent)]).headers;
        assert_eq!(headers(&[("x", "2 ")]), [""; 0]);
        assert_eq!(
            headers(&[
                ("x", "1"),
                ("content-type", "application/JSON; charset=utf-8")
            ]),
            [""; 0]
        );
        assert_eq!(
            headers(&[("x", "2"), ("accept", "text/xml")]),
            ["GET https://h/: header `Accept`: recorded `*/*`, sent `text/xml`"]
        );
        assert_eq!(
            headers(&[]),
            ["GET https://h/: header `X`: recorded `2`, sent nothing"]
        );
    }
}

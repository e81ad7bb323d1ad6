//! Response headers as pagination templates see them, with the `Link` header parsed.

use serde_json::{Map, Value};

use crate::http::Headers;
use crate::template::Lazy;

/// Header fields: `link` is the parsed header, all else the field without regard to case.
///
/// `Differs:` in the reference names keep their case here, as the server wrote it; HTTP/2 has none.
#[derive(Debug)]
pub(super) struct PageHeaders {
    fields: Map<String, Value>,
    links: Value,
}

impl PageHeaders {
    pub(super) fn of(headers: &Headers) -> Self {
        let mut fields: Map<String, Value> = Map::new();
        for (name, value) in headers.iter() {
            let known = fields
                .iter_mut()
                .find(|(n, _)| n.eq_ignore_ascii_case(name));
            if let Some((_, Value::String(all))) = known {
                all.push_str(", ");
                all.push_str(value);
            } else {
                fields.insert(name.to_owned(), value.into());
            }
        }
        let link = fields
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("link"))
            .and_then(|(_, value)| value.as_str())
            .unwrap_or_default();
        let links = Value::Object(links(link));
        Self { fields, links }
    }
}

impl Lazy for PageHeaders {
    fn get(&self, key: &str) -> Option<Value> {
        if key == "link" {
            return Some(self.links.clone());
        }
        let mut fields = self.fields.iter();
        fields
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, value)| value.clone())
    }

    fn whole(&self) -> Value {
        let mut all = self.fields.clone();
        all.insert("link".to_owned(), self.links.clone());
        Value::Object(all)
    }
}

/// The links of a `Link` header by their `rel`, or by their URL; as `requests`' `Response.links`.
fn links(header: &str) -> Map<String, Value> {
    const AROUND: [char; 3] = [' ', '\'', '"'];
    let mut all = Map::new();
    let header = header.trim_matches(AROUND);
    if header.is_empty() {
        return all;
    }
    for link in split_links(header) {
        let (url, parameters) = link.split_once(';').unwrap_or((link, ""));
        let url = url.trim_matches(['<', '>', ' ', '\'', '"']);
        let mut fields = Map::new();
        fields.insert("url".to_owned(), url.into());
        for parameter in parameters.split(';') {
            // One that is not a pair ends the list, as in `requests`.
            let Some((key, value)) = parameter.split_once('=').filter(|(_, v)| !v.contains('='))
            else {
                break;
            };
            let value = value.trim_matches(AROUND);
            fields.insert(key.trim_matches(AROUND).to_owned(), value.into());
        }
        let name = fields
            .get("rel")
            .and_then(Value::as_str)
            .filter(|rel| !rel.is_empty())
            .unwrap_or(url)
            .to_owned();
        all.insert(name, Value::Object(fields));
    }
    all
}

/// Splits at `, <`, with any number of spaces.
fn split_links(header: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = header;
    let mut from = 0;
    while let Some(comma) = rest.get(from..).and_then(|tail| tail.find(',')) {
        let comma = from + comma;
        let after = rest.get(comma + 1..).unwrap_or_default();
        match after.trim_start_matches(' ').strip_prefix('<') {
            Some(next) => {
                parts.push(rest.get(..comma).unwrap_or_default());
                rest = next;
                from = 0;
            }
            None => from = comma + 1,
        }
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn links_are_read_as_requests_reads_them() {
        for (header, expected) in [
            ("", json!({})),
            (
                "<https://a.example/?a=1,2&p=2>; rel=\"next\", <https://a.example/?p=9>; rel='last'; title=\"x\"",
                json!({
                    "next": {"url": "https://a.example/?a=1,2&p=2", "rel": "next"},
                    "last": {"url": "https://a.example/?p=9", "rel": "last", "title": "x"},
                }),
            ),
            (
                "example.com",
                json!({"example.com": {"url": "example.com"}}),
            ),
            ("<a>; nonsense; rel=next", json!({"a": {"url": "a"}})),
        ] {
            assert_eq!(Value::Object(links(header)), expected, "{header}");
        }
    }

    #[test]
    fn names_are_found_in_any_case_except_the_parsed_one() {
        let mut headers = Headers::default();
        headers.add("Link", "<a>; rel=next");
        headers.add("x-next", "7");
        let headers = PageHeaders::of(&headers);
        assert_eq!(headers.get("X-Next"), Some(json!("7")));
        assert_eq!(headers.get("Link"), Some(json!("<a>; rel=next")));
        assert_eq!(
            headers.get("link"),
            Some(json!({"next": {"url": "a", "rel": "next"}}))
        );
        assert_eq!(headers.get("nothing"), None);
    }
}

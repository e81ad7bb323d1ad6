//! `HttpRequestRegexMatcher`.

use std::collections::BTreeMap;

use fancy_regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::number;
use crate::component::ComponentError;
use crate::http::{Request, url};
use crate::template::{Config, Literal, Template, scope};

/// Matches requests by method, URL, parameters and headers; what is unset matches all.
///
/// As airbyte-cdk 7.39.1, `call_rate.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct HttpRequestRegexMatcher {
    /// HTTP method.
    #[serde(default)]
    method: Option<String>,
    /// Scheme and host, such as `https://api.example.com`.
    #[serde(default)]
    url_base: Option<String>,
    /// Regular expression that is looked for in the path.
    #[serde(default, deserialize_with = "pattern")]
    #[schemars(with = "Option<String>")]
    url_path_pattern: Option<Regex>,
    /// Parameters that the query has.
    #[serde(default)]
    params: Option<BTreeMap<String, Value>>,
    /// Header fields that the request has.
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    /// How many requests one of these counts for, such as `10`. Default: 1.
    #[serde(default)]
    weight: Option<Template<scope::ConfigOnly>>,
}

fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Regex>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.filter(|text| !text.is_empty())
        .map(|text| Regex::new(&text).map_err(serde::de::Error::custom))
        .transpose()
}

fn text(value: &Value) -> String {
    Literal::from_json(value).to_python_str()
}

impl HttpRequestRegexMatcher {
    /// Whether the request is one of these.
    pub(in crate::component) fn matches(&self, request: &Request) -> bool {
        let method = self.method.as_deref().filter(|method| !method.is_empty());
        if method.is_some_and(|method| !method.eq_ignore_ascii_case(&request.method)) {
            return false;
        }
        let bare = request.url.split('#').next().unwrap_or_default();
        let (address, query) = bare.split_once('?').unwrap_or((bare, ""));
        let host = address.find("://").map_or(0, |at| at + 3);
        let path = address.get(host..).and_then(|rest| rest.find('/'));
        let (base, path) = address.split_at(path.map_or(address.len(), |at| host + at));
        let wanted = self.url_base.as_deref().filter(|wanted| !wanted.is_empty());
        if wanted.is_some_and(|wanted| wanted.trim_end_matches('/') != base) {
            return false;
        }
        if let Some(pattern) = &self.url_path_pattern
            && !pattern
                .is_match(path.trim_end_matches('/'))
                .unwrap_or(false)
        {
            return false;
        }
        let query: BTreeMap<String, String> = url::parse_query(query).into_iter().collect();
        let params = self.params.iter().flatten();
        let headers = self.headers.iter().flatten();
        params
            .into_iter()
            .all(|(name, value)| query.get(name) == Some(&text(value)))
            && headers
                .into_iter()
                .all(|(name, value)| request.headers.get(name) == Some(text(value).as_str()))
    }

    /// Equal for matchers that match the same.
    pub(in crate::component) fn identity(&self) -> String {
        let pattern = self.url_path_pattern.as_ref().map(Regex::as_str);
        let address = (&self.method, &self.url_base, pattern);
        format!("{:?}", (address, &self.params, &self.headers))
    }

    /// How many requests one of these counts for.
    pub(super) fn weight(&self, config: &Config) -> Result<u64, ComponentError> {
        match &self.weight {
            Some(weight) if !weight.source().is_empty() => number(weight, config),
            _ => Ok(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::{from_yaml, mistakes};
    use crate::http::Headers;

    fn matches(yaml: &str) -> bool {
        let matcher: HttpRequestRegexMatcher = from_yaml(yaml);
        let mut headers = Headers::default();
        headers.set("X-Kind", "slow");
        matcher.matches(&Request {
            method: "GET".to_owned(),
            url: "https://api.example.com/v1/items/?page=2&a=b".to_owned(),
            headers,
            body: Vec::new(),
            timeouts: Default::default(),
        })
    }

    #[test]
    fn all_that_is_set_has_to_match() {
        for yes in [
            "{method: get}",
            "{url_base: 'https://api.example.com/'}",
            "{url_path_pattern: '^/v1/items$'}",
            "{params: {page: 2}}",
            "{headers: {x-kind: slow}}",
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            "{method: POST}",
            "{url_base: 'https://other.example.com'}",
            "{url_path_pattern: '^/items'}",
            "{method: GET, params: {page: 3}}",
            "{headers: {X-Kind: fast}}",
        ] {
            assert!(!matches(no), "{no}");
        }
    }

    #[test]
    fn a_pattern_that_is_none_is_told() {
        let errors = mistakes::<HttpRequestRegexMatcher>("url_path_pattern: '('");
        assert_eq!(errors.len(), 1);
    }
}

//! `TokenQuota` and `QuotaStatusSource`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

use super::Session;
use super::expiry::instant;
use super::rotation::{News, Quota};
use crate::clock::Micros;
use crate::component::ComponentError;
use crate::component::api_budget::HttpRequestRegexMatcher;
use crate::component::error_handler::{Action, ErrorHandler, Outcome, Verdict, default_handler};
use crate::component::requester::{HttpMethod, persist};
use crate::http::{Headers, Request, Response};
use crate::template::{Config, Literal, Template, scope};

/// A quota that an API keeps for each token.
///
/// Counts come from the status endpoint, and from the response headers that are named here.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct TokenQuota {
    /// Name of the quota.
    pub(super) name: String,
    /// Path of the number of calls left in the answer of the status endpoint.
    remaining_path: Vec<String>,
    /// Path of the time at which the quota is reset: ISO 8601, or seconds since 1970.
    reset_path: Vec<String>,
    /// Path of the number of calls in a whole quota. Default: those left at first.
    #[serde(default)]
    limit_path: Option<Vec<String>>,
    /// The requests that it counts. Empty: those that no other quota counts.
    #[serde(default)]
    matchers: Option<Vec<HttpRequestRegexMatcher>>,
    /// Response header with the number of calls left.
    #[serde(default)]
    remaining_header: Option<String>,
    /// Response header with the time at which the quota is reset.
    #[serde(default)]
    reset_header: Option<String>,
    /// Response header with the number of calls in a whole quota.
    #[serde(default)]
    limit_header: Option<String>,
    /// Statuses of responses that mean that no call is left.
    #[serde(default)]
    exhaustion_status_codes: Option<Vec<u16>>,
}

/// Says where an API tells what is left of a token's quotas.
///
/// It is asked once for each token before the first request, and after a wait for all of them.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct QuotaStatusSource {
    /// URL of the endpoint.
    url: Template<scope::ConfigOnly>,
    /// Method. Default: GET.
    #[serde(default)]
    http_method: Option<HttpMethod>,
    /// Further header fields.
    #[serde(default)]
    request_headers: Option<BTreeMap<String, Template<scope::ConfigOnly>>>,
    /// Statuses that mean that the API does not count: tokens then take turns, without waits.
    #[serde(default)]
    unavailable_status_codes: Option<Vec<u16>>,
}

impl TokenQuota {
    fn matchers(&self) -> &[HttpRequestRegexMatcher] {
        self.matchers.as_deref().unwrap_or_default()
    }

    /// Which of several quotas counts a request.
    pub(super) fn of(quotas: &[Self], request: &Request) -> usize {
        let counts = |quota: &Self| quota.matchers().iter().any(|it| it.matches(request));
        let rest = |quota: &Self| quota.matchers().is_empty();
        let found = quotas.iter().position(counts);
        found.or_else(|| quotas.iter().position(rest)).unwrap_or(0)
    }

    /// Equal for quotas that are the same.
    pub(super) fn identity(&self) -> String {
        let matchers = self.matchers().iter();
        let matchers: Vec<_> = matchers.map(HttpRequestRegexMatcher::identity).collect();
        format!(
            "{:?}",
            (
                &self.name,
                (&self.remaining_path, &self.reset_path, &self.limit_path),
                (
                    &self.remaining_header,
                    &self.reset_header,
                    &self.limit_header
                ),
                &self.exhaustion_status_codes,
                matchers,
            )
        )
    }

    fn read(&self, answer: &Value) -> Result<Quota, ComponentError> {
        let remaining = self.number(answer, &self.remaining_path)?;
        let reset = self.at(answer, &self.reset_path)?;
        let limit = match &self.limit_path {
            Some(path) if !path.is_empty() => self.number(answer, path)?,
            _ => remaining,
        };
        Ok(Quota {
            remaining,
            reset_at: instant(&reset).ok_or_else(|| self.wrong(&self.reset_path, "an instant"))?,
            limit,
            tracked: true,
        })
    }

    fn number(&self, answer: &Value, path: &[String]) -> Result<i64, ComponentError> {
        whole(&self.at(answer, path)?).ok_or_else(|| self.wrong(path, "a whole number"))
    }

    fn at(&self, answer: &Value, path: &[String]) -> Result<String, ComponentError> {
        let found = path.iter().try_fold(answer, |value, key| value.get(key));
        let found = found.ok_or_else(|| self.wrong(path, "a value"))?;
        Ok(Literal::from_json(found).to_python_str())
    }

    fn wrong(&self, path: &[String], expected: &str) -> ComponentError {
        ComponentError::system(format!(
            "the answer of the quota status endpoint has not {expected} at `{}`, for the quota `{}`",
            path.join("."),
            self.name
        ))
    }

    /// What a response says; none when it says nothing.
    pub(super) fn news(&self, response: &Response) -> Option<News> {
        let header = |name: &Option<String>| {
            let name = name.as_deref().filter(|name| !name.is_empty())?;
            response.headers.get(name)
        };
        let codes = self.exhaustion_status_codes.as_deref().unwrap_or_default();
        let is_exhausted = codes.contains(&response.status);
        let remaining = header(&self.remaining_header).and_then(whole);
        let news = News {
            remaining: remaining.or(is_exhausted.then_some(0)),
            reset_at: header(&self.reset_header).and_then(instant),
            limit: header(&self.limit_header).and_then(whole),
            is_exhausted,
        };
        let parts = (news.remaining, news.reset_at, news.limit);
        (parts != (None, None::<Micros>, None)).then_some(news)
    }
}

/// A whole number as Python's `int()` reads it.
fn whole(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        (number.is_finite() && text.contains('.')).then_some(number as i64)
    })
}

/// The usual meaning of statuses, but for those of an API that does not count.
struct Unavailable<'a>(&'a [u16]);

impl ErrorHandler for Unavailable<'_> {
    fn judge(
        &self,
        url: &str,
        outcome: Outcome<'_>,
        config: &Config,
    ) -> Result<Verdict, ComponentError> {
        match outcome {
            Ok(response) if self.0.contains(&response.status) => Ok(Verdict {
                action: Action::Ignore,
                ..Verdict::success()
            }),
            outcome => default_handler().judge(url, outcome, config),
        }
    }

    fn backoff(
        &self,
        outcome: Outcome<'_>,
        attempt: u32,
        config: &Config,
    ) -> Result<Option<f64>, ComponentError> {
        default_handler().backoff(outcome, attempt, config)
    }

    fn max_retries(&self, config: &Config) -> Result<u32, ComponentError> {
        default_handler().max_retries(config)
    }

    fn uses(&self, action: Action) -> bool {
        action == Action::Ignore
    }
}

impl QuotaStatusSource {
    /// Equal for sources that answer the same.
    pub(super) fn identity(&self, config: &Config) -> Result<String, ComponentError> {
        let request = self.request(config)?;
        Ok(format!("{request:?} {:?}", self.unavailable_status_codes))
    }

    fn request(&self, config: &Config) -> Result<Request, ComponentError> {
        let scope = scope::ConfigOnly::new(config.clone());
        let mut headers = Headers::default();
        for (name, value) in self.request_headers.iter().flatten() {
            headers.set(name, value.text(&scope)?);
        }
        Ok(Request {
            method: self.http_method.unwrap_or_default().as_str().to_owned(),
            url: self.url.text(&scope)?,
            headers,
            body: Vec::new(),
            timeouts: Default::default(),
        })
    }

    /// What is left of `quotas` for the token that `authorization` (a header field) carries.
    pub(super) fn ask(
        &self,
        quotas: &[TokenQuota],
        authorization: (&str, &str),
        session: &dyn Session,
    ) -> Result<Vec<Quota>, ComponentError> {
        let mut request = self.request(session.config())?;
        request.headers.set(authorization.0, authorization.1);
        let unavailable = self.unavailable_status_codes.as_deref().unwrap_or_default();
        let handler = Unavailable(unavailable);
        let response = persist(&mut || Ok(request.clone()), &handler, None, session);
        let response = response.map_err(|mut error| {
            error.message = format!("cannot ask for the quota of a token: {}", error.message);
            error
        })?;
        let Some(response) = response else {
            return Ok(vec![Quota::UNTRACKED; quotas.len()]);
        };
        let answer: Value = serde_json::from_slice(response.body.start()).map_err(|_| {
            ComponentError::system("the answer of the quota status endpoint is not JSON")
        })?;
        quotas.iter().map(|quota| quota.read(&answer)).collect()
    }
}

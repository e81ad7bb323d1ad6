//! How many requests an API allows: `HTTPAPIBudget`.
//!
//! In: policies, requests, and what responses say of the limit. Out: how long to wait before a
//! request. It must not wait itself.

mod limiter;
mod matcher;
mod window;

pub use limiter::Limiter;
pub use matcher::HttpRequestRegexMatcher;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::ComponentError;
use crate::template::datetime::Duration;
use crate::template::{Config, Literal, Template, scope};

/// A budget of requests for all streams of a source.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum ApiBudget {
    /// Policies for groups of requests.
    HTTPAPIBudget(HTTPAPIBudget),
}

/// Holds requests back before an API has to refuse them.
///
/// The first policy that matches a request counts it. As airbyte-cdk 7.39.1, `call_rate.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct HTTPAPIBudget {
    /// The policies, in the order in which they are asked.
    policies: Vec<Policy>,
    /// Header with the time at which the limit is reset, in seconds since 1970-01-01T00:00:00Z.
    /// Default: `ratelimit-reset`.
    #[serde(default)]
    ratelimit_reset_header: Option<String>,
    /// Header with the number of requests that are left. Default: `ratelimit-remaining`.
    #[serde(default)]
    ratelimit_remaining_header: Option<String>,
    /// Statuses that mean that no request is left. Default: `[429]`.
    #[serde(default)]
    status_codes_for_ratelimit_hit: Vec<u16>,
}

/// How many requests are allowed in which time.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
#[expect(clippy::enum_variant_names, reason = "the names are the language's")]
enum Policy {
    /// A number of requests in each period.
    FixedWindowCallRatePolicy(FixedWindowCallRatePolicy),
    /// A number of requests in any period of that length.
    MovingWindowCallRatePolicy(MovingWindowCallRatePolicy),
    /// Any number.
    UnlimitedCallRatePolicy(UnlimitedCallRatePolicy),
}

/// Allows a number of requests in each period.
///
/// `Differs:` the first period begins with the first request; in the reference its end is ten days
/// away until a response names another.
#[derive(Debug, Deserialize, JsonSchema)]
struct FixedWindowCallRatePolicy {
    /// Length of a period: an ISO 8601 duration such as `PT1M`.
    #[serde(deserialize_with = "micros")]
    #[schemars(with = "String")]
    period: i64,
    /// Requests in each period.
    call_limit: u64,
    /// The requests that are counted. Empty: all.
    matchers: Vec<HttpRequestRegexMatcher>,
}

/// Allows a number of requests in any period of a length.
#[derive(Debug, Deserialize, JsonSchema)]
struct MovingWindowCallRatePolicy {
    /// The rates, all of which hold.
    rates: Vec<Rate>,
    /// The requests that are counted. Empty: all.
    matchers: Vec<HttpRequestRegexMatcher>,
}

/// A number of requests in a time.
#[derive(Debug, Deserialize, JsonSchema)]
struct Rate {
    /// Requests, such as `100` or `{{ config['limit'] }}`.
    limit: Template<scope::ConfigOnly>,
    /// Length of the time: an ISO 8601 duration such as `PT1M`.
    #[serde(deserialize_with = "micros")]
    #[schemars(with = "String")]
    interval: i64,
}

/// Allows any number of the requests that match, so that later policies do not count them.
#[derive(Debug, Deserialize, JsonSchema)]
struct UnlimitedCallRatePolicy {
    /// The requests. Empty: all.
    matchers: Vec<HttpRequestRegexMatcher>,
}

fn micros<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let duration = Duration::parse(&text).map_err(|error| serde::de::Error::custom(error.0))?;
    if duration.is_fixed() && duration.rest.0 > 0 {
        Ok(duration.rest.0)
    } else {
        Err(serde::de::Error::custom(format!(
            "expected a duration of a fixed length, found `{text}`"
        )))
    }
}

/// The whole number that a template gives.
fn number(template: &Template<scope::ConfigOnly>, config: &Config) -> Result<u64, ComponentError> {
    let value = template.eval(&scope::ConfigOnly::new(config.clone()))?;
    let number = match &value {
        Literal::Int(number) => u64::try_from(*number).ok(),
        Literal::Str(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| *number > 0).ok_or_else(|| {
        ComponentError::config(format!(
            "expected a whole number of 1 at least, found `{}`",
            value.to_python_str()
        ))
        .or_at(template.at())
    })
}

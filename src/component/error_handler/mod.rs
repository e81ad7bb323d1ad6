//! What a response, or its absence, means: take it, try again, give up, …
//!
//! In: what came of a request. Out: a [`Verdict`], and how long to wait before another try. It must
//! not send, wait or count.

mod answer;
mod composite;
mod default;
mod default_mapping;
mod http_response_filter;

pub(in crate::component) use answer::is_truthy;
pub use answer::{error_message, response_scope};
pub use composite::CompositeErrorHandler;
pub use default::{DefaultErrorHandler, default_handler};
pub use default_mapping::default_verdict;
pub use http_response_filter::HttpResponseFilter;

use schemars::JsonSchema;
use serde::Deserialize;

use super::ComponentError;
use crate::http::{Response, TransportError};
use crate::manifest::Place;
use crate::message::FailureType;
use crate::template::Config;

/// What came of one try: a response of any status, or none.
pub type Outcome<'a> = Result<&'a Response, &'a TransportError>;

/// Retries of one request when the manifest does not say.
///
/// As airbyte-cdk 7.39.1, `http_client.py`, `_DEFAULT_MAX_RETRY`.
pub const MAX_RETRIES: u32 = 5;

/// Seconds after the first try in which further ones may start.
///
/// It does not hold for [`Action::RateLimited`] without a strategy's wait: only the number of
/// retries bounds that. As airbyte-cdk 7.39.1, `http_client.py`, `_DEFAULT_MAX_TIME`.
pub const MAX_TIME: f64 = 600.0;

/// What to do with a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Take its records, whatever the status.
    Success,
    /// Fail the stream.
    Fail,
    /// Send the request again after a wait.
    Retry,
    /// Go on as if the response had no records and no next page.
    Ignore,
    /// Start again with the first page.
    ResetPagination,
    /// Send the request again after a wait: the API asked for fewer requests.
    RateLimited,
    /// Get a new access token, and send the request again.
    RefreshTokenThenRetry,
    /// Ask for the same page with fewer records in it.
    ReducePageSize,
    /// Read the two halves of the cursor's window one after the other.
    SplitRequestWindow,
}

impl Action {
    /// Name in a manifest, such as `RATE_LIMITED`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Fail => "FAIL",
            Self::Retry => "RETRY",
            Self::Ignore => "IGNORE",
            Self::ResetPagination => "RESET_PAGINATION",
            Self::RateLimited => "RATE_LIMITED",
            Self::RefreshTokenThenRetry => "REFRESH_TOKEN_THEN_RETRY",
            Self::ReducePageSize => "REDUCE_PAGE_SIZE",
            Self::SplitRequestWindow => "SPLIT_REQUEST_WINDOW",
        }
    }

    /// Whether the same request is sent again.
    #[must_use]
    pub const fn is_retry(self) -> bool {
        matches!(
            self,
            Self::Retry | Self::RateLimited | Self::RefreshTokenThenRetry
        )
    }
}

/// An error handler's decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What to do.
    pub action: Action,
    /// Who has to act if the stream fails by this; none on success.
    pub failure_type: Option<FailureType>,
    /// Words for the user, from the manifest where it has some.
    pub message: Option<String>,
    /// The response filter that decided, when one did.
    pub at: Option<Place>,
}

impl Verdict {
    /// Takes the response.
    #[must_use]
    pub const fn success() -> Self {
        Self {
            action: Action::Success,
            failure_type: None,
            message: None,
            at: None,
        }
    }
}

/// What an error handler does.
pub trait ErrorHandler: Send + Sync {
    /// Decides what the outcome of the request to `url` means.
    ///
    /// # Errors
    /// When a template of the handler fails on the response.
    fn judge(
        &self,
        url: &str,
        outcome: Outcome<'_>,
        config: &Config,
    ) -> Result<Verdict, ComponentError>;

    /// Seconds that the strategies ask to wait after `attempt` tries; `None` leaves the wait to
    /// [`backoff::default_wait`](super::backoff::default_wait).
    ///
    /// # Errors
    /// When a template fails, or a wait is longer than the manifest allows.
    fn backoff(
        &self,
        outcome: Outcome<'_>,
        attempt: u32,
        config: &Config,
    ) -> Result<Option<f64>, ComponentError>;

    /// How many times a request may be sent again.
    ///
    /// # Errors
    /// When the template for it gives no whole number.
    fn max_retries(&self, config: &Config) -> Result<u32, ComponentError>;

    /// Whether a response filter has this action.
    fn uses(&self, action: Action) -> bool;

    /// Seconds after the first try in which further ones may start.
    fn max_time(&self) -> f64 {
        MAX_TIME
    }
}

/// A way to decide what a response means.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Handler {
    /// Several handlers, asked one after the other.
    CompositeErrorHandler(CompositeErrorHandler),
    /// Filters, and what the status means when none matches.
    DefaultErrorHandler(DefaultErrorHandler),
}

impl Handler {
    /// The component behind the type name.
    #[must_use]
    pub fn get(&self) -> &dyn ErrorHandler {
        match self {
            Self::CompositeErrorHandler(handler) => handler,
            Self::DefaultErrorHandler(handler) => handler,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_named_as_in_a_manifest() {
        for name in [
            "SUCCESS",
            "FAIL",
            "RETRY",
            "IGNORE",
            "RESET_PAGINATION",
            "RATE_LIMITED",
            "REFRESH_TOKEN_THEN_RETRY",
            "REDUCE_PAGE_SIZE",
            "SPLIT_REQUEST_WINDOW",
        ] {
            let action: Action = serde_json::from_value(name.into()).unwrap();
            assert_eq!(action.as_str(), name);
        }
    }
}

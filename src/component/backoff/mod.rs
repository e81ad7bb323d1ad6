//! How long to wait before a request is tried again.
//!
//! In: what came of the last try, and how many there were. Out: seconds, or nothing when the
//! strategy has no opinion. It must not wait itself.

mod constant;
mod exponential;
mod number;
mod tries;
mod wait_time_from_header;
mod wait_time_from_response;
mod wait_until_time_from_header;

pub use constant::ConstantBackoffStrategy;
pub use exponential::ExponentialBackoffStrategy;
pub use tries::{Tries, is_limit};
pub use wait_time_from_header::WaitTimeFromHeader;
pub use wait_time_from_response::WaitTimeFromResponse;
pub use wait_until_time_from_header::WaitUntilTimeFromHeader;

use schemars::JsonSchema;
use serde::Deserialize;

use super::ComponentError;
use super::error_handler::Outcome;
use crate::template::Config;

/// Seconds that are added to a wait which a strategy asked for, to cover fractions of a second.
///
/// As airbyte-cdk 7.39.1, `rate_limiting.py`, `user_defined_backoff_handler`.
pub const EXTRA_WAIT: f64 = 1.0;

/// Longest wait between two tries that is ever made, in seconds: a day.
///
/// `Differs:` the reference has no bound, so a doubled wait can outgrow any run.
pub const LONGEST_WAIT: f64 = 86_400.0;

/// Seconds to wait before the next try when no strategy says: 1, 2, 4, 8, … without jitter.
///
/// `tries` counts the requests sent so far, from 1. As airbyte-cdk 7.39.1, `rate_limiting.py`:
/// `backoff.expo` with base 2 and factor 1.
#[must_use]
pub fn default_wait(tries: u32) -> f64 {
    2f64.powi(i32::try_from(tries.saturating_sub(1)).unwrap_or(i32::MAX))
        .min(LONGEST_WAIT)
}

/// Seconds to wait before the next try: what the strategies `asked` for, and a second more, or the
/// [default](default_wait).
///
/// `Differs:` a negative wait, which the reference fails on, is none.
#[must_use]
pub fn wait(asked: Option<f64>, tries: u32) -> f64 {
    asked.map_or_else(
        || default_wait(tries),
        |seconds| (seconds + EXTRA_WAIT).clamp(0.0, LONGEST_WAIT),
    )
}

/// What a strategy does.
pub trait BackoffStrategy {
    /// Seconds to wait after `attempt` tries ended with `outcome`; `None` leaves it to the next.
    ///
    /// # Errors
    /// When a template fails, or the wait is longer than the manifest allows.
    fn wait(
        &self,
        outcome: Outcome<'_>,
        attempt: u32,
        config: &Config,
    ) -> Result<Option<f64>, ComponentError>;
}

/// A way to find how long to wait before a request is tried again.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Strategy {
    /// Always the same wait.
    ConstantBackoffStrategy(ConstantBackoffStrategy),
    /// A wait that doubles with each try.
    ExponentialBackoffStrategy(ExponentialBackoffStrategy),
    /// Seconds named by a response header.
    WaitTimeFromHeader(WaitTimeFromHeader),
    /// Seconds computed from the response.
    WaitTimeFromResponse(WaitTimeFromResponse),
    /// An instant named by a response header.
    WaitUntilTimeFromHeader(WaitUntilTimeFromHeader),
}

impl Strategy {
    /// The component behind the type name.
    #[must_use]
    pub fn get(&self) -> &dyn BackoffStrategy {
        match self {
            Self::ConstantBackoffStrategy(strategy) => strategy,
            Self::ExponentialBackoffStrategy(strategy) => strategy,
            Self::WaitTimeFromHeader(strategy) => strategy,
            Self::WaitTimeFromResponse(strategy) => strategy,
            Self::WaitUntilTimeFromHeader(strategy) => strategy,
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! Made-up responses for the tests of the strategies.

    use std::sync::Arc;

    use crate::clock::Clock;
    use crate::http::{Headers, Response};
    use crate::template::Config;

    /// A response with one header.
    pub(in crate::component) fn response(
        status: u16,
        header: (&str, &str),
        body: &str,
    ) -> Response {
        let mut headers = Headers::default();
        headers.add(header.0, header.1);
        Response {
            status,
            headers,
            body: body.as_bytes().to_vec().into(),
            wire_bytes: 0,
        }
    }

    /// A config read at 2025-03-01T00:00:00Z.
    pub(in crate::component) fn config(json: serde_json::Value) -> Config {
        let clock = Clock::new(Some(1_740_787_200_000_000), 0.0);
        Config::new(json, Arc::new(clock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_doubles_from_one_second_and_is_bounded() {
        assert_eq!(
            [1, 2, 3, 4].map(default_wait),
            [1.0, 2.0, 4.0, 8.0],
            "as backoff.expo without a factor"
        );
        assert_eq!(default_wait(u32::MAX), LONGEST_WAIT);
    }

    #[test]
    fn a_strategy_s_wait_gets_a_second_more() {
        assert_eq!(wait(Some(30.0), 3), 31.0);
        assert_eq!(wait(None, 3), 4.0);
        assert_eq!(wait(Some(-5.0), 3), 0.0);
        assert_eq!(wait(Some(1e300), 3), LONGEST_WAIT);
    }
}

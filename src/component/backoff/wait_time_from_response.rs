//! `WaitTimeFromResponse`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::BackoffStrategy;
use super::number::{bounded, longest, number};
use crate::component::ComponentError;
use crate::component::error_handler::{Outcome, response_scope};
use crate::template::{Config, Template, scope};

/// Waits the seconds that a template finds in the response.
///
/// Without a positive number, or when the template cannot be evaluated on this response, the next
/// strategy decides. As airbyte-cdk 7.39.1, `wait_time_from_response_backoff_strategy.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct WaitTimeFromResponse {
    /// Seconds to wait from now, such as `{{ response['error']['retry_in'] }}`. A body that is not
    /// JSON reads as an empty `response`.
    wait_time_in_seconds: Template<scope::Response>,
    /// Fails the stream instead of waiting this many seconds or longer; 0 means never wait. Unset,
    /// any wait is made: setting it is a good idea.
    max_waiting_time_in_seconds: Option<Template<scope::ConfigOnly>>,
}

impl BackoffStrategy for WaitTimeFromResponse {
    fn wait(
        &self,
        outcome: Outcome<'_>,
        _attempt: u32,
        config: &Config,
    ) -> Result<Option<f64>, ComponentError> {
        let bound = self.max_waiting_time_in_seconds.as_ref();
        bound.map(|bound| longest(bound, config)).transpose()?;
        let scope = response_scope("", outcome.ok(), config);
        // A body of a shape that the template was not written for is no reason to fail.
        let Ok(value) = self.wait_time_in_seconds.eval(&scope) else {
            return Ok(None);
        };
        match number(&value) {
            Some(wait) if wait > 0.0 => bounded(wait, bound, config).map(Some),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{config, response};
    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn the_body_names_the_wait() {
        let strategy: WaitTimeFromResponse = from_yaml(
            "{wait_time_in_seconds: \"{{ response['retry']['in'] }}\", max_waiting_time_in_seconds: 60}",
        );
        let wait = |body: &str| {
            let limited = response(429, ("X-None", ""), body);
            strategy.wait(Ok(&limited), 1, &config(json!({})))
        };
        assert_eq!(wait(r#"{"retry": {"in": 30}}"#), Ok(Some(30.0)));
        for body in [
            r#"{"retry": {"in": -1}}"#,
            r#"{"retry": 3}"#,
            "[]",
            "{}",
            "oops",
        ] {
            assert_eq!(wait(body), Ok(None), "{body}");
        }
        assert!(wait(r#"{"retry": {"in": 60}}"#).is_err());
    }
}

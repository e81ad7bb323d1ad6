//! `CompositeErrorHandler`.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::default::first_wait;
use super::{Action, ErrorHandler, Handler, MAX_TIME, Outcome, Verdict, default_verdict};
use crate::component::ComponentError;
use crate::component::backoff::Strategy;
use crate::template::Config;

/// Asks several error handlers, one after the other.
///
/// The first that takes, ignores or tries again decides; a handler that fails or waits for a rate
/// limit is only followed when no later one says otherwise. A handler without a matching filter
/// has the meaning of the status as its answer. The backoff strategies of all of them are asked in
/// order. As airbyte-cdk 7.39.1, `composite_error_handler.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CompositeErrorHandler {
    /// The error handlers, at least one. The first one's `max_retries` holds for all.
    #[serde(deserialize_with = "at_least_one")]
    error_handlers: Vec<Handler>,
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Handler>, D::Error> {
    let handlers = Vec::<Handler>::deserialize(deserializer)?;
    if handlers.is_empty() {
        return Err(serde::de::Error::custom(
            "expected at least one error handler in `error_handlers`",
        ));
    }
    Ok(handlers)
}

impl CompositeErrorHandler {
    fn strategies(&self) -> Vec<&Strategy> {
        let mut all = Vec::new();
        for handler in &self.error_handlers {
            match handler {
                Handler::DefaultErrorHandler(handler) => all.extend(handler.strategies()),
                Handler::CompositeErrorHandler(handler) => all.extend(handler.strategies()),
            }
        }
        all
    }
}

impl ErrorHandler for CompositeErrorHandler {
    fn uses(&self, action: Action) -> bool {
        self.error_handlers
            .iter()
            .any(|handler| handler.get().uses(action))
    }

    fn judge(
        &self,
        url: &str,
        outcome: Outcome<'_>,
        config: &Config,
    ) -> Result<Verdict, ComponentError> {
        let mut last = None;
        for handler in &self.error_handlers {
            let verdict = handler.get().judge(url, outcome, config)?;
            match verdict.action {
                Action::Fail | Action::RateLimited | Action::RefreshTokenThenRetry => {
                    last = Some(verdict);
                }
                _ => return Ok(verdict),
            }
        }
        Ok(last.unwrap_or_else(|| default_verdict(outcome)))
    }

    fn backoff(
        &self,
        outcome: Outcome<'_>,
        attempt: u32,
        config: &Config,
    ) -> Result<Option<f64>, ComponentError> {
        first_wait(self.strategies(), outcome, attempt, config)
    }

    fn max_retries(&self, config: &Config) -> Result<u32, ComponentError> {
        // What the others say is still checked: the reference refuses the manifest for it.
        let mut retries = Vec::with_capacity(self.error_handlers.len());
        for handler in &self.error_handlers {
            retries.push(handler.get().max_retries(config)?);
        }
        Ok(retries.first().copied().unwrap_or(super::MAX_RETRIES))
    }

    fn max_time(&self) -> f64 {
        self.error_handlers
            .iter()
            .map(|handler| handler.get().max_time())
            .reduce(f64::max)
            .unwrap_or(MAX_TIME)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::backoff::testing::{config, response};
    use crate::component::testing::from_yaml;

    const HANDLER: &str = "
        error_handlers:
          - type: DefaultErrorHandler
            max_retries: 7
            response_filters:
              - {type: HttpResponseFilter, http_codes: [403], action: IGNORE}
          - type: DefaultErrorHandler
            response_filters:
              - {type: HttpResponseFilter, http_codes: [404], action: RETRY}
            backoff_strategies:
              - {type: ConstantBackoffStrategy, backoff_time_in_seconds: 3}
    ";

    #[test]
    fn a_later_handler_overrides_a_failure_but_not_a_retry() {
        let handler: CompositeErrorHandler = from_yaml(HANDLER);
        let action = |status| {
            let response = response(status, ("A", "b"), "{}");
            let verdict = handler.judge("https://a.example/b", Ok(&response), &config(json!({})));
            verdict.unwrap().action
        };
        assert_eq!(action(403), Action::Ignore);
        assert_eq!(
            action(404),
            Action::Retry,
            "the first would fail by the status"
        );
        assert_eq!(action(401), Action::Fail);
        assert_eq!(action(500), Action::Retry);
    }

    #[test]
    fn retries_are_the_first_s_and_strategies_everybody_s() {
        let handler: CompositeErrorHandler = from_yaml(HANDLER);
        let limited = response(429, ("A", "b"), "{}");
        let config = config(json!({}));
        assert_eq!(handler.max_retries(&config), Ok(7));
        assert_eq!(handler.backoff(Ok(&limited), 1, &config), Ok(Some(3.0)));
    }
}

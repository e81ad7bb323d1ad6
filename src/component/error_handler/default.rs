//! `DefaultErrorHandler`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Action, ErrorHandler, HttpResponseFilter, MAX_RETRIES, Outcome, Verdict, default_verdict,
};
use crate::component::ComponentError;
use crate::component::backoff::Strategy;
use crate::template::{Config, Literal, Template, scope};

/// Asks its filters in order; where none matches, the status decides.
///
/// Without a filter: statuses below 400 are taken; 408, 429 and the 5xx are tried again, as is a
/// request without an answer; 400, 401, 403, 404 and 405 fail the stream; others are tried again.
/// As airbyte-cdk 7.39.1, `default_error_handler.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DefaultErrorHandler {
    /// Decide what a response means. The first that matches and has an `action` wins.
    #[serde(default)]
    response_filters: Vec<HttpResponseFilter>,
    /// How many times a request may be sent again before the stream fails, such as `10` or
    /// `{{ config['max_retries'] }}`. Default: 5.
    max_retries: Option<Template<scope::ConfigOnly>>,
    /// Say how long to wait before the next try. The first with an answer wins; without one, the
    /// wait doubles from one second.
    #[serde(default)]
    backoff_strategies: Vec<Strategy>,
}

/// The handler of requesters that declare none.
#[must_use]
pub fn default_handler() -> &'static DefaultErrorHandler {
    static HANDLER: DefaultErrorHandler = DefaultErrorHandler {
        response_filters: Vec::new(),
        max_retries: None,
        backoff_strategies: Vec::new(),
    };
    &HANDLER
}

impl DefaultErrorHandler {
    pub(super) fn strategies(&self) -> impl Iterator<Item = &Strategy> {
        self.backoff_strategies.iter()
    }
}

/// The first strategy with an answer other than 0 decides.
pub(super) fn first_wait<'a>(
    strategies: impl IntoIterator<Item = &'a Strategy>,
    outcome: Outcome<'_>,
    attempt: u32,
    config: &Config,
) -> Result<Option<f64>, ComponentError> {
    for strategy in strategies {
        if let Some(wait) = strategy.get().wait(outcome, attempt, config)?
            && wait != 0.0
        {
            return Ok(Some(wait));
        }
    }
    Ok(None)
}

impl ErrorHandler for DefaultErrorHandler {
    fn uses(&self, action: Action) -> bool {
        self.response_filters
            .iter()
            .any(|filter| filter.action() == Some(action))
    }

    fn judge(
        &self,
        url: &str,
        outcome: Outcome<'_>,
        config: &Config,
    ) -> Result<Verdict, ComponentError> {
        if let Ok(response) = outcome {
            for filter in &self.response_filters {
                if let Some(verdict) = filter.judge(url, response, config)? {
                    return Ok(verdict);
                }
            }
        }
        Ok(default_verdict(outcome))
    }

    fn backoff(
        &self,
        outcome: Outcome<'_>,
        attempt: u32,
        config: &Config,
    ) -> Result<Option<f64>, ComponentError> {
        first_wait(&self.backoff_strategies, outcome, attempt, config)
    }

    fn max_retries(&self, config: &Config) -> Result<u32, ComponentError> {
        let Some(template) = &self.max_retries else {
            return Ok(MAX_RETRIES);
        };
        let scope = scope::ConfigOnly::new(config.clone());
        let value = template.eval_or(&scope, Some("5"), &[])?;
        whole(&value)
            .map(|retries| u32::try_from(retries.max(0)).unwrap_or(u32::MAX))
            .ok_or_else(|| {
                ComponentError::config(format!(
                    "expected a whole number in `max_retries`, found `{}`",
                    value.to_python_str()
                ))
                .or_at(template.at())
            })
    }
}

/// A literal as Python's `int()` reads it.
fn whole(value: &Literal) -> Option<i64> {
    match value {
        Literal::Bool(value) => Some(i64::from(*value)),
        Literal::Float(value) if value.is_finite() => Some(*value as i64),
        Literal::Int(_) | Literal::Str(_) => value.to_python_str().trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Action;
    use super::*;
    use crate::component::backoff::testing::{config, response};
    use crate::component::testing::from_yaml;

    const HANDLER: &str = "
        response_filters:
          - {type: HttpResponseFilter, http_codes: [404], action: IGNORE}
          - {type: HttpResponseFilter, predicate: \"{{ response.code == 17 }}\", action: RETRY}
        backoff_strategies:
          - {type: WaitTimeFromHeader, header: Retry-After}
          - {type: ConstantBackoffStrategy, backoff_time_in_seconds: 9}
    ";

    #[test]
    fn the_first_filter_that_matches_decides() {
        let handler: DefaultErrorHandler = from_yaml(HANDLER);
        let action = |status, body| {
            let response = response(status, ("A", "b"), body);
            let verdict = handler.judge("https://a.example/b", Ok(&response), &config(json!({})));
            verdict.unwrap().action
        };
        assert_eq!(action(404, "{}"), Action::Ignore);
        assert_eq!(action(200, r#"{"code": 17}"#), Action::Retry);
        assert_eq!(action(200, "not JSON"), Action::Success);
        assert_eq!(action(403, "{}"), Action::Fail, "the status decides");
    }

    #[test]
    fn the_first_strategy_with_an_answer_decides() {
        let handler: DefaultErrorHandler = from_yaml(HANDLER);
        let wait = |header| {
            let limited = response(429, header, "");
            handler.backoff(Ok(&limited), 1, &config(json!({})))
        };
        assert_eq!(wait(("Retry-After", "30")), Ok(Some(30.0)));
        assert_eq!(wait(("Retry-After", "0")), Ok(Some(9.0)));
        assert_eq!(wait(("Other", "30")), Ok(Some(9.0)));
    }

    #[test]
    fn retries_are_counted_by_a_number_or_a_template() {
        let retries =
            |yaml: &str, json| from_yaml::<DefaultErrorHandler>(yaml).max_retries(&config(json));
        assert_eq!(retries("{}", json!({})), Ok(5));
        assert_eq!(retries("max_retries: 0", json!({})), Ok(0));
        let template = "max_retries: \"{{ config['n'] }}\"";
        assert_eq!(retries(template, json!({"n": 7})), Ok(7));
        assert_eq!(
            retries(template, json!({})),
            Ok(5),
            "nothing is the default"
        );
        assert!(retries(template, json!({"n": "many"})).is_err());
    }
}

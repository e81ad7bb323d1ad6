//! `WaitUntilTimeFromHeader`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::BackoffStrategy;
use super::number::{bounded, header_number, longest, number};
use crate::component::ComponentError;
use crate::component::error_handler::Outcome;
use crate::template::{Config, Literal, Template, scope};

/// Waits until the instant that a response header names, in seconds since 1970-01-01T00:00:00Z.
///
/// Without the header, without a number in it, or when the instant is over, the next strategy
/// decides, unless `min_wait` is set. As airbyte-cdk 7.39.1,
/// `wait_until_time_from_header_backoff_strategy.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct WaitUntilTimeFromHeader {
    /// Name of the header, such as `X-RateLimit-Reset`. Upper and lower case are alike.
    header: Template<scope::ConfigOnly>,
    /// Shortest wait in seconds, also made when the header is missing. Unset, none.
    min_wait: Option<Template<scope::ConfigOnly>>,
    /// Regular expression for the part of the value that is the number. It has to match at the
    /// start of the value; where it does not, the whole value is read.
    regex: Option<Template<scope::ConfigOnly>>,
    /// Fails the stream instead of waiting this many seconds or longer; 0 means never wait. Unset,
    /// any wait is made.
    max_waiting_time_in_seconds: Option<Template<scope::ConfigOnly>>,
}

impl BackoffStrategy for WaitUntilTimeFromHeader {
    fn wait(
        &self,
        outcome: Outcome<'_>,
        _attempt: u32,
        config: &Config,
    ) -> Result<Option<f64>, ComponentError> {
        let bound = self.max_waiting_time_in_seconds.as_ref();
        bound.map(|bound| longest(bound, config)).transpose()?;
        let until = header_number(outcome, &self.header, self.regex.as_ref(), config)?
            .filter(|until| *until != 0.0);
        let least = self.least(config)?;
        #[expect(clippy::cast_precision_loss, reason = "microseconds fit for centuries")]
        let now = config.clock().now() as f64 / 1e6;
        let wait = match (until.map(|until| until - now), least) {
            (None, None) => return Ok(None),
            (None, Some(least)) => least,
            (Some(wait), Some(least)) => wait.max(least),
            (Some(wait), None) if wait < 0.0 => return Ok(None),
            (Some(wait), None) => wait,
        };
        bounded(wait, bound, config).map(Some)
    }
}

impl WaitUntilTimeFromHeader {
    /// The shortest wait; nothing when it is empty, null or zero.
    fn least(&self, config: &Config) -> Result<Option<f64>, ComponentError> {
        let Some(template) = &self.min_wait else {
            return Ok(None);
        };
        let value = template.eval(&scope::ConfigOnly::new(config.clone()))?;
        if matches!(&value, Literal::None)
            || matches!(&value, Literal::Str(text) if text.is_empty())
        {
            return Ok(None);
        }
        let least = number(&value).ok_or_else(|| {
            ComponentError::config(format!(
                "expected a number of seconds in `min_wait`, found `{}`",
                value.to_python_str()
            ))
            .or_at(template.at())
        })?;
        Ok(Some(least).filter(|least| *least != 0.0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{config, response};
    use super::*;
    use crate::component::testing::from_yaml;

    fn wait(yaml: &str, value: &str) -> Result<Option<f64>, ComponentError> {
        let strategy: WaitUntilTimeFromHeader = from_yaml(yaml);
        let limited = response(429, ("X-Reset", value), "");
        strategy.wait(Ok(&limited), 1, &config(json!({})))
    }

    #[test]
    fn the_wait_ends_at_the_instant() {
        assert_eq!(wait("header: X-Reset", "1740787290"), Ok(Some(90.0)));
        assert_eq!(
            wait("header: X-Reset", "1740787190"),
            Ok(None),
            "it is over"
        );
        assert_eq!(wait("header: X-Reset", "never"), Ok(None));
    }

    #[test]
    fn the_shortest_wait_is_a_floor_and_a_stand_in() {
        let yaml = "{header: X-Reset, min_wait: 120}";
        assert_eq!(wait(yaml, "1740787290"), Ok(Some(120.0)));
        assert_eq!(wait(yaml, "1740787500"), Ok(Some(300.0)));
        assert_eq!(wait(yaml, "never"), Ok(Some(120.0)));
    }

    #[test]
    fn the_bound_holds_against_the_computed_wait() {
        let yaml = "{header: X-Reset, max_waiting_time_in_seconds: 90}";
        assert!(wait(yaml, "1740787289").is_ok());
        assert!(wait(yaml, "1740787290").is_err());
    }
}

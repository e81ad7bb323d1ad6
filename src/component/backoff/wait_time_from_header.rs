//! `WaitTimeFromHeader`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::BackoffStrategy;
use super::number::{bounded, header_number, longest};
use crate::component::ComponentError;
use crate::component::error_handler::Outcome;
use crate::template::{Config, Template, scope};

/// Waits the seconds that a response header names.
///
/// Without the header, or without a number in it, the next strategy decides. As airbyte-cdk 7.39.1,
/// `wait_time_from_header_backoff_strategy.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct WaitTimeFromHeader {
    /// Name of the header, such as `Retry-After`. Upper and lower case are alike.
    header: Template<scope::ConfigOnly>,
    /// Regular expression for the part of the value that is the number. It has to match at the
    /// start of the value; where it does not, the whole value is read.
    regex: Option<Template<scope::ConfigOnly>>,
    /// Fails the stream instead of waiting this many seconds or longer; 0 means never wait. Unset,
    /// any wait is made.
    max_waiting_time_in_seconds: Option<Template<scope::ConfigOnly>>,
}

impl BackoffStrategy for WaitTimeFromHeader {
    fn wait(
        &self,
        outcome: Outcome<'_>,
        _attempt: u32,
        config: &Config,
    ) -> Result<Option<f64>, ComponentError> {
        let bound = self.max_waiting_time_in_seconds.as_ref();
        // A bound that cannot be read is an error even where nothing is to be bounded.
        bound.map(|bound| longest(bound, config)).transpose()?;
        match header_number(outcome, &self.header, self.regex.as_ref(), config)? {
            // A header of 0 asks for no wait, which no bound refuses.
            Some(wait) if wait != 0.0 => bounded(wait, bound, config).map(Some),
            other => Ok(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{config, response};
    use super::*;
    use crate::component::testing::from_yaml;
    use crate::message::FailureType;

    fn wait(yaml: &str, header: (&str, &str)) -> Result<Option<f64>, ComponentError> {
        let strategy: WaitTimeFromHeader = from_yaml(yaml);
        strategy.wait(
            Ok(&response(429, header, "")),
            1,
            &config(json!({"most": 60})),
        )
    }

    #[test]
    fn the_header_names_seconds() {
        assert_eq!(
            wait("header: Retry-After", ("retry-after", "12")),
            Ok(Some(12.0))
        );
        assert_eq!(
            wait("header: Retry-After", ("Retry-After", "soon")),
            Ok(None)
        );
        assert_eq!(wait("header: Retry-After", ("Other", "12")), Ok(None));
    }

    #[test]
    fn the_regex_matches_at_the_start_only() {
        let yaml = "{header: X-Wait, regex: '[0-9]+'}";
        assert_eq!(wait(yaml, ("X-Wait", "45s")), Ok(Some(45.0)));
        assert_eq!(wait(yaml, ("X-Wait", "wait 45s")), Ok(None));
    }

    #[test]
    fn a_wait_as_long_as_the_bound_fails_the_stream() {
        let yaml = "{header: Retry-After, max_waiting_time_in_seconds: \"{{ config['most'] }}\"}";
        assert_eq!(wait(yaml, ("Retry-After", "59")), Ok(Some(59.0)));
        let error = wait(yaml, ("Retry-After", "60")).unwrap_err();
        assert_eq!(error.failure_type, FailureType::TransientError);
        assert!(error.message.contains("a wait of 60 seconds"), "{error}");
        assert_eq!(wait(yaml, ("Retry-After", "0")), Ok(Some(0.0)));
    }
}

//! `ConstantBackoffStrategy`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::BackoffStrategy;
use super::number::{jitter, seconds, with_jitter};
use crate::component::ComponentError;
use crate::component::error_handler::Outcome;
use crate::template::{Config, Template, scope};

/// Waits the same time before each further try.
///
/// As airbyte-cdk 7.39.1, `constant_backoff_strategy.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConstantBackoffStrategy {
    /// Seconds to wait, such as `30` or `{{ config['backoff_time'] }}`. It fails when it is not a
    /// number.
    backoff_time_in_seconds: Template<scope::ConfigOnly>,
    /// Lengthens each wait by a random time of up to twice this many seconds, so that many clients
    /// do not come back at once. Unset, no such time.
    #[serde(default, deserialize_with = "jitter")]
    jitter_range_in_seconds: Option<f64>,
}

impl BackoffStrategy for ConstantBackoffStrategy {
    fn wait(
        &self,
        _outcome: Outcome<'_>,
        _attempt: u32,
        config: &Config,
    ) -> Result<Option<f64>, ComponentError> {
        let wait = seconds(
            &self.backoff_time_in_seconds,
            config,
            "backoff_time_in_seconds",
        )?;
        Ok(Some(with_jitter(wait, self.jitter_range_in_seconds)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{config, response};
    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn the_wait_is_a_number_or_a_template() {
        let limited = response(429, ("X-None", ""), "");
        for (yaml, config_json, seconds) in [
            ("backoff_time_in_seconds: 5", json!({}), 5.0),
            (
                "backoff_time_in_seconds: \"{{ config['wait'] }}\"",
                json!({"wait": "1.5"}),
                1.5,
            ),
        ] {
            let strategy: ConstantBackoffStrategy = from_yaml(yaml);
            let wait = strategy.wait(Ok(&limited), 7, &config(config_json));
            assert_eq!(wait, Ok(Some(seconds)));
        }
    }

    #[test]
    fn text_is_refused() {
        let strategy: ConstantBackoffStrategy = from_yaml("backoff_time_in_seconds: soon");
        let limited = response(429, ("X-None", ""), "");
        let error = strategy
            .wait(Ok(&limited), 1, &config(json!({})))
            .unwrap_err();
        assert_eq!(
            error.message,
            "expected a number of seconds in `backoff_time_in_seconds`, found `soon`"
        );
    }
}

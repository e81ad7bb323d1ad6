//! `ExponentialBackoffStrategy`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::number::{jitter, seconds, with_jitter};
use super::{BackoffStrategy, LONGEST_WAIT};
use crate::component::ComponentError;
use crate::component::error_handler::Outcome;
use crate::template::{Config, Template, scope};

/// Waits twice as long before each further try: `factor` times 2, 4, 8, …
///
/// As airbyte-cdk 7.39.1, `exponential_backoff_strategy.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ExponentialBackoffStrategy {
    /// Seconds that are doubled with each try, such as `2` or `{{ config['factor'] }}`. Default: 5.
    factor: Option<Template<scope::ConfigOnly>>,
    /// Lengthens each wait by a random time of up to twice this many seconds, so that many clients
    /// do not come back at once. Unset, no such time.
    #[serde(default, deserialize_with = "jitter")]
    jitter_range_in_seconds: Option<f64>,
}

impl BackoffStrategy for ExponentialBackoffStrategy {
    fn wait(
        &self,
        _outcome: Outcome<'_>,
        attempt: u32,
        config: &Config,
    ) -> Result<Option<f64>, ComponentError> {
        // A factor that is written as nothing or zero is the default, as in the reference.
        let declared = self
            .factor
            .as_ref()
            .filter(|factor| !matches!(factor.source(), "" | "0" | "0.0"));
        let factor = match declared {
            Some(template) => seconds(template, config, "factor")?,
            None => 5.0,
        };
        let doubled = 2f64.powi(i32::try_from(attempt).unwrap_or(i32::MAX));
        let wait = (factor * doubled).min(LONGEST_WAIT);
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
    fn the_wait_doubles_with_each_try() {
        let limited = response(429, ("X-None", ""), "");
        let waits = |yaml: &str| {
            let strategy: ExponentialBackoffStrategy = from_yaml(yaml);
            [1, 2, 3].map(|attempt| strategy.wait(Ok(&limited), attempt, &config(json!({"f": 2}))))
        };
        assert_eq!(
            waits("factor: \"{{ config['f'] }}\""),
            [4.0, 8.0, 16.0].map(|wait| Ok(Some(wait)))
        );
        assert_eq!(waits("{}"), [10.0, 20.0, 40.0].map(|wait| Ok(Some(wait))));
        assert_eq!(waits("factor: 0"), waits("{}"));
    }

    #[test]
    fn no_number_of_tries_makes_it_endless() {
        let strategy: ExponentialBackoffStrategy = from_yaml("factor: 5");
        let limited = response(429, ("X-None", ""), "");
        let wait = strategy.wait(Ok(&limited), u32::MAX, &config(json!({})));
        assert_eq!(wait, Ok(Some(LONGEST_WAIT)));
    }
}

//! `ConcurrencyLevel`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::component::ComponentError;
use crate::template::{Config, Literal, Template, scope};

/// How many partitions are read at the same time.
///
/// As airbyte-cdk 7.39.1, `concurrency_level.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConcurrencyLevel {
    /// The number, or a template that gives it, such as `{{ config['num_workers'] or 10 }}`.
    default_concurrency: Template<scope::ConfigOnly>,
    /// The most that a template may give. Required when the template reads the config.
    #[serde(default)]
    max_concurrency: Option<u32>,
}

impl ConcurrencyLevel {
    /// How many partitions are read at the same time: one at least.
    ///
    /// # Errors
    /// When the template gives no integer, or reads the config and there is no `max_concurrency`.
    pub fn level(&self, config: &Config) -> Result<usize, ComponentError> {
        let template = &self.default_concurrency;
        let fail = |message: &str| Err(ComponentError::config(message).or_at(template.at()));
        let max = self.max_concurrency.filter(|max| *max > 0);
        let text = template.source();
        let is_number = text.trim().parse::<i64>().is_ok();
        if text.contains("config") && max.is_none() {
            return fail(
                "`max_concurrency` is required where `default_concurrency` reads the config",
            );
        }
        let scope = scope::ConfigOnly {
            config: config.clone(),
        };
        let level = match template.eval(&scope)? {
            Literal::Int(level) => level,
            // Python counts a boolean as a number.
            Literal::Bool(level) => i64::from(level),
            _ => return fail("`default_concurrency` is expected to give an integer"),
        };
        let level = match max {
            // A number that stands in the manifest is not limited.
            Some(max) if !is_number => level.min(i64::from(max)),
            _ => level,
        };
        Ok(usize::try_from(level).unwrap_or(1).max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::from_yaml;

    #[test]
    fn a_template_is_limited_and_a_number_is_not() {
        let config = Config::new(json!({"n": 50, "s": "x"}), Arc::new(Clock::system()));
        let level = |yaml: &str| from_yaml::<ConcurrencyLevel>(yaml).level(&config);
        assert_eq!(level("default_concurrency: 7").unwrap(), 7);
        assert_eq!(
            level("{default_concurrency: 70, max_concurrency: 5}").unwrap(),
            70
        );
        let yaml = "{default_concurrency: '{{ config.n or 4 }}', max_concurrency: 20}";
        assert_eq!(level(yaml).unwrap(), 20);
        let yaml = "{default_concurrency: '{{ config.m or 4 }}', max_concurrency: 20}";
        assert_eq!(level(yaml).unwrap(), 4);
        assert!(level("default_concurrency: '{{ config.n }}'").is_err());
        assert!(level("{default_concurrency: '{{ config.s }}', max_concurrency: 2}").is_err());
        assert_eq!(level("default_concurrency: 0").unwrap(), 1);
    }
}

//! `PageSizeReduction`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::component::ComponentError;

/// Asks for a page again with fewer records when the action is `REDUCE_PAGE_SIZE`.
///
/// Only with a `DefaultPaginator` that has a `page_size_option`, and `OffsetIncrement` or
/// `CursorPagination`, whose `page_size` is more than `minimum_page_size`. A `stop_condition` that
/// compares `last_page_size` with a number of its own would take a smaller page for the last one:
/// `{{ last_page_size < page_size }}` follows the size that was asked for. As airbyte-cdk 7.39.1, `page_size_reducer.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PageSizeReduction {
    /// What the page size is divided by each time; more than 1. Default: 2.
    #[serde(default = "two", deserialize_with = "above_one")]
    reduction_factor: f64,
    /// Smallest page size that is asked for. Default: 1.
    #[serde(default = "one", deserialize_with = "positive")]
    minimum_page_size: i64,
    /// How often in a row the page size is reduced without a page that succeeds. Default: 5.
    #[serde(default = "five", deserialize_with = "positive")]
    max_attempts: i64,
    /// Seconds to wait before the page is asked for again, times the number of attempts in a row.
    /// Default: 0.5.
    #[serde(default = "half", deserialize_with = "not_negative")]
    backoff_seconds: f64,
    /// How often a page of the smallest size is asked for again. Default: 0.
    #[serde(default)]
    retries_at_minimum_page_size: u32,
    /// When the page size grows back. Default: `NEVER`.
    #[serde(default)]
    reset_policy: ResetPolicy,
    /// Words for the user, added to the error when no size is small enough.
    failure_message: Option<String>,
}

/// When a reduced page size grows back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ResetPolicy {
    /// Not in this partition.
    #[default]
    Never,
    /// After each page that succeeds.
    AfterSuccessfulPage,
}

fn two() -> f64 {
    2.0
}

fn one() -> i64 {
    1
}

fn five() -> i64 {
    5
}

fn half() -> f64 {
    0.5
}

fn above_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number > 1.0 {
        Ok(number)
    } else {
        Err(D::Error::custom(format!(
            "expected more than 1, found {number}"
        )))
    }
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = i64::deserialize(deserializer)?;
    if number >= 1 {
        Ok(number)
    } else {
        Err(D::Error::custom(format!(
            "expected 1 at least, found {number}"
        )))
    }
}

fn not_negative<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number >= 0.0 {
        Ok(number)
    } else {
        Err(D::Error::custom(format!(
            "expected 0 at least, found {number}"
        )))
    }
}

/// The page size of a partition that is being read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageSize {
    /// What is asked for in place of the strategy's page size.
    pub reduced: Option<i64>,
    attempts: i64,
    retries: u32,
}

impl PageSizeReduction {
    /// Smallest page size that is asked for.
    pub(super) fn minimum_page_size(&self) -> i64 {
        self.minimum_page_size
    }

    /// Makes pages smaller, and says how long to wait before the page is asked for again.
    /// `configured` is the strategy's page size, `rejection` what the error handler says.
    ///
    /// # Errors
    /// When no smaller page is to be asked for.
    pub fn reduce(
        &self,
        size: &mut PageSize,
        configured: Option<i64>,
        rejection: Option<&str>,
    ) -> Result<Duration, ComponentError> {
        let Some(current) = size.reduced.or(configured) else {
            return Err(ComponentError::config(
                "`page_size_reduction` needs a `page_size` in the pagination strategy",
            ));
        };
        let floor = self.minimum_page_size;
        let smaller = floor.max((current as f64 / self.reduction_factor).floor() as i64);
        if smaller >= current {
            return self.again(size, current, rejection);
        }
        size.attempts += 1;
        if size.attempts > self.max_attempts {
            return Err(self.failure(
                &format!("the API rejects pages of every size down to {current} records"),
                rejection,
            ));
        }
        size.reduced = Some(smaller);
        Ok(self.wait(size.attempts as f64))
    }

    /// Tries once more at the smallest size, as often as it may.
    fn again(
        &self,
        size: &mut PageSize,
        current: i64,
        rejection: Option<&str>,
    ) -> Result<Duration, ComponentError> {
        if size.retries < self.retries_at_minimum_page_size {
            size.retries += 1;
            return Ok(self.wait(f64::from(size.retries)));
        }
        if size.reduced.is_none() && self.minimum_page_size > 1 {
            return Err(ComponentError::config(format!(
                "the page size {current} cannot be reduced: `minimum_page_size` is {}",
                self.minimum_page_size
            )));
        }
        Err(self.failure(
            &format!("the API rejects pages of the smallest size, {current} records"),
            rejection,
        ))
    }

    /// Notes that a page succeeded.
    pub fn succeeded(&self, size: &mut PageSize) {
        let keeps = self.reset_policy == ResetPolicy::Never;
        *size = PageSize {
            reduced: size.reduced.filter(|_| keeps),
            ..PageSize::default()
        };
    }

    fn wait(&self, attempts: f64) -> Duration {
        Duration::try_from_secs_f64(self.backoff_seconds * attempts).unwrap_or(Duration::MAX)
    }

    fn failure(&self, what: &str, rejection: Option<&str>) -> ComponentError {
        let said = rejection.filter(|text| !text.is_empty());
        let said = said.map(|text| format!(": {text}")).unwrap_or_default();
        let help = self.failure_message.as_deref().unwrap_or_default().trim();
        let help = if help.is_empty() {
            String::new()
        } else {
            format!(". {help}")
        };
        ComponentError::transient(format!("{what}{said}{help}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::{from_yaml, mistakes};
    use crate::message::FailureType;

    fn sizes(yaml: &str, from: i64) -> (Vec<(Option<i64>, f64)>, ComponentError) {
        let reduction: PageSizeReduction = from_yaml(yaml);
        let (mut size, mut seen) = (PageSize::default(), Vec::new());
        loop {
            match reduction.reduce(&mut size, Some(from), Some("too much")) {
                Ok(wait) => seen.push((size.reduced, wait.as_secs_f64())),
                Err(error) => return (seen, error),
            }
        }
    }

    #[test]
    fn pages_shrink_until_the_floor_or_the_attempts_are_used_up() {
        let (seen, error) = sizes("{}", 100);
        let sizes_seen: Vec<_> = seen.iter().map(|(size, _)| size.unwrap()).collect();
        assert_eq!(sizes_seen, [50, 25, 12, 6, 3]);
        assert_eq!(seen[4].1, 2.5);
        assert_eq!(error.failure_type, FailureType::TransientError);
        let (seen, error) = sizes(
            "{minimum_page_size: 2, retries_at_minimum_page_size: 1, failure_message: Ask for less.}",
            4,
        );
        assert_eq!(seen, [(Some(2), 0.5), (Some(2), 0.5)]);
        assert!(
            error
                .message
                .ends_with("2 records: too much. Ask for less."),
            "{error}"
        );
    }

    #[test]
    fn a_page_size_below_the_floor_is_the_manifests_mistake() {
        let (seen, error) = sizes("{minimum_page_size: 10}", 10);
        assert!(seen.is_empty());
        assert_eq!(error.failure_type, FailureType::ConfigError);
    }

    #[test]
    fn a_success_counts_anew_and_may_restore_the_size() {
        for (policy, after) in [("NEVER", Some(2)), ("AFTER_SUCCESSFUL_PAGE", None)] {
            let reduction: PageSizeReduction = from_yaml(&format!("{{reset_policy: {policy}}}"));
            let mut size = PageSize::default();
            reduction.reduce(&mut size, Some(4), None).unwrap();
            reduction.succeeded(&mut size);
            assert_eq!(size.reduced, after);
            assert_eq!(size.attempts, 0);
        }
    }

    #[test]
    fn a_factor_that_reduces_nothing_is_refused() {
        let errors = mistakes::<PageSizeReduction>("reduction_factor: 1").join("\n");
        assert!(errors.contains("expected more than 1"), "{errors}");
    }
}

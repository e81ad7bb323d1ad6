//! `MinMaxDatetime`.

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::text;
use crate::component::ComponentError;
use crate::manifest::{Raw, located};
use crate::template::datetime::{self, DateTime};
use crate::template::{Config, Template, scope};

/// A date that is kept between two others.
///
/// As airbyte-cdk 7.39.1, `min_max_datetime.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct MinMaxDatetime {
    /// The date, such as `{{ config['start_date'] }}`.
    datetime: Template<scope::ConfigOnly>,
    /// Format of this date and of its bounds, such as `%Y-%m-%d`. Unset or empty: the cursor's
    /// `datetime_format`.
    #[serde(default)]
    datetime_format: Option<String>,
    /// The latest date that counts; a later one is replaced by it. Unset or empty: no bound.
    #[serde(default)]
    max_datetime: Option<Template<scope::ConfigOnly>>,
    /// The earliest date that counts; an earlier one is replaced by it. Unset or empty: no bound.
    #[serde(default)]
    min_datetime: Option<Template<scope::ConfigOnly>>,
}

/// A date: text, or text with bounds.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum Moment {
    /// A date in the cursor's `datetime_format`, such as `{{ config['start_date'] }}`.
    Text(Template<scope::ConfigOnly>),
    /// A date that is kept between two others.
    MinMax(MinMaxDatetime),
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (here, Raw(node)) = located::<D, Raw>(deserializer)?;
        let here = here.ok_or_else(|| D::Error::custom("expected a manifest"))?;
        if node.as_map().is_some() {
            here.decode().map(Self::MinMax)
        } else {
            here.decode().map(Self::Text)
        }
    }
}

impl Moment {
    /// The instant; `format` is for a date without a format of its own.
    ///
    /// # Errors
    /// When a template fails, or its text has not the format.
    pub fn evaluate(&self, format: &str, config: &Config) -> Result<DateTime, ComponentError> {
        match self {
            Self::Text(template) => at(template, [None, None], format, config),
            Self::MinMax(bounded) => bounded.evaluate(format, config),
        }
    }

    /// Whether there is a date at all: empty text is none.
    pub(super) fn is_set(&self) -> bool {
        !matches!(self, Self::Text(template) if template.source().is_empty())
    }
}

impl MinMaxDatetime {
    /// The instant; `format` is for a date without a format of its own.
    ///
    /// # Errors
    /// When a template fails, or its text has not the format.
    pub fn evaluate(&self, format: &str, config: &Config) -> Result<DateTime, ComponentError> {
        let own = self
            .datetime_format
            .as_deref()
            .filter(|own| !own.is_empty());
        let bounds = [self.min_datetime.as_ref(), self.max_datetime.as_ref()];
        at(&self.datetime, bounds, own.unwrap_or(format), config)
    }
}

fn at(
    template: &Template<scope::ConfigOnly>,
    bounds: [Option<&Template<scope::ConfigOnly>>; 2],
    format: &str,
    config: &Config,
) -> Result<DateTime, ComponentError> {
    let date = text(template, config)?;
    let bound = |bound: Option<&Template<_>>| bound.map(|bound| text(bound, config)).transpose();
    let [min, max] = bounds;
    let (min, max) = (bound(min)?, bound(max)?);
    datetime::min_max(&date, min.as_deref(), max.as_deref(), format)
        .map_err(|error| super::wrong(&error, Some(template)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::from_yaml;

    fn day(yaml: &str) -> Result<String, String> {
        let moment: Moment = from_yaml(yaml);
        let config = Config::new(json!({"from": "2025-01-05"}), Arc::new(Clock::system()));
        let at = moment.evaluate("%Y-%m-%d", &config);
        at.map(|at| datetime::format(&at, "%Y-%m-%d"))
            .map_err(|error| error.message)
    }

    #[test]
    fn text_or_text_with_bounds() {
        assert_eq!(day("'{{ config.from }}'").unwrap(), "2025-01-05");
        let bounded = "{type: MinMaxDatetime, datetime: '{{ config.from }}', min_datetime: ";
        assert_eq!(
            day(&format!("{bounded}2025-01-09}}")).unwrap(),
            "2025-01-09"
        );
        assert_eq!(day(&format!("{bounded}''}}")).unwrap(), "2025-01-05");
        let own = "{datetime: '1736000000', datetime_format: '%s'}";
        assert_eq!(day(own).unwrap(), "2025-01-04");
        assert!(day("yesterday").unwrap_err().contains("`yesterday`"));
    }
}

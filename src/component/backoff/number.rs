//! Numbers of seconds, out of templates and headers.

use std::hash::{BuildHasher as _, Hasher as _};

use fancy_regex::Regex;
use serde::{Deserialize, Deserializer};

use super::super::ComponentError;
use super::super::error_handler::Outcome;
use crate::template::{Config, Literal, Template, scope};

/// A template's value as Python's `float()` reads it.
pub(super) fn seconds(
    template: &Template<scope::ConfigOnly>,
    config: &Config,
    field: &str,
) -> Result<f64, ComponentError> {
    let value = template.eval(&scope::ConfigOnly::new(config.clone()))?;
    number(&value).ok_or_else(|| {
        ComponentError::config(format!(
            "expected a number of seconds in `{field}`, found `{}`",
            value.to_python_str()
        ))
        .or_at(template.at())
    })
}

/// A literal as Python's `float()` reads it; `None` where Python raises, or the result is not
/// finite: nobody can wait for that.
pub(super) fn number(value: &Literal) -> Option<f64> {
    match value {
        Literal::Bool(true) => Some(1.0),
        Literal::Bool(false) => Some(0.0),
        Literal::Float(float) => Some(*float),
        Literal::Int(_) | Literal::BigInt(_) | Literal::Str(_) => {
            python_float(&value.to_python_str())
        }
        _ => None,
    }
    .filter(|float| float.is_finite())
}

/// Text as Python's `float()` reads it: spaces around, single underscores between digits.
pub(super) fn python_float(text: &str) -> Option<f64> {
    let text = text.trim();
    let between_digits = |at: usize| {
        let digit = |index: Option<usize>| {
            index
                .and_then(|index| text.as_bytes().get(index))
                .is_some_and(u8::is_ascii_digit)
        };
        digit(at.checked_sub(1)) && digit(at.checked_add(1))
    };
    if text.match_indices('_').any(|(at, _)| !between_digits(at)) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// The number in `header` of the response; `None` when there is no response, header or number.
///
/// With `regex`, what it matches at the start of the value; the whole value when it matches nothing
/// there. As airbyte-cdk 7.39.1, `header_helper.py`.
pub(super) fn header_number(
    outcome: Outcome<'_>,
    header: &Template<scope::ConfigOnly>,
    regex: Option<&Template<scope::ConfigOnly>>,
    config: &Config,
) -> Result<Option<f64>, ComponentError> {
    let scope = scope::ConfigOnly::new(config.clone());
    let name = header.text(&scope)?;
    let regex = match regex.filter(|regex| !regex.source().is_empty()) {
        None => None,
        Some(template) => {
            let pattern = template.text(&scope)?;
            Some(Regex::new(&pattern).map_err(|error| {
                ComponentError::config(format!("`{pattern}` is not a regular expression: {error}"))
                    .or_at(template.at())
            })?)
        }
    };
    let Some(value) = outcome
        .ok()
        .and_then(|response| response.headers.get(&name))
    else {
        return Ok(None);
    };
    let found = regex
        .and_then(|regex| regex.find(value).ok().flatten())
        .filter(|found| found.start() == 0)
        .map_or(value, |found| found.as_str());
    Ok(python_float(found).filter(|float| float.is_finite()))
}

/// Fails when `wait` reaches the bound that the manifest sets; the bound itself is refused too.
pub(super) fn bounded(
    wait: f64,
    bound: Option<&Template<scope::ConfigOnly>>,
    config: &Config,
) -> Result<f64, ComponentError> {
    let Some(template) = bound else {
        return Ok(wait);
    };
    let bound = longest(template, config)?;
    if wait < bound {
        return Ok(wait);
    }
    Err(ComponentError::transient(format!(
        "the API asks for a wait of {wait} seconds, and `max_waiting_time_in_seconds` is {bound}"
    ))
    .or_at(template.at()))
}

/// The bound, which must be a finite number: one that resolves to nothing would be no bound.
pub(super) fn longest(
    template: &Template<scope::ConfigOnly>,
    config: &Config,
) -> Result<f64, ComponentError> {
    // The manifest names it, so the user of the config can do nothing about it.
    seconds(template, config, "max_waiting_time_in_seconds").map_err(|error| ComponentError {
        failure_type: crate::message::FailureType::SystemError,
        ..error
    })
}

/// `base`, or an even choice between it and `base` plus twice the jitter.
pub(super) fn with_jitter(base: f64, jitter: Option<f64>) -> f64 {
    // A hasher's random key is entropy enough to keep clients apart.
    let random = || {
        let bits = std::hash::RandomState::new().build_hasher().finish();
        #[expect(clippy::cast_precision_loss, reason = "any fraction will do")]
        let fraction = (bits >> 11) as f64 / (1u64 << 53) as f64;
        fraction
    };
    jitter.map_or(base, |jitter| random().mul_add(jitter * 2.0, base))
}

/// Reads a jitter range, which must not be negative.
pub(super) fn jitter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let range = Option::<f64>::deserialize(deserializer)?;
    if range.is_some_and(|range| range < 0.0) {
        return Err(serde::de::Error::custom(
            "`jitter_range_in_seconds` must not be negative",
        ));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_as_python_reads_them() {
        assert_eq!(python_float(" 1_000.5 "), Some(1000.5));
        assert_eq!(python_float("1e3"), Some(1000.0));
        assert_eq!(python_float("+5"), Some(5.0));
        for text in ["", "_1", "1_", "1__0", "5s", "0x10"] {
            assert_eq!(python_float(text), None, "{text}");
        }
    }

    #[test]
    fn jitter_only_lengthens() {
        for _ in 0..100 {
            let wait = with_jitter(10.0, Some(2.0));
            assert!((10.0..=14.0).contains(&wait), "{wait}");
        }
        assert_eq!(with_jitter(10.0, None), 10.0);
    }
}

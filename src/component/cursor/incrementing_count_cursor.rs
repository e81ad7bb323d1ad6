//! `IncrementingCountCursor`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::clamping::Clamping;
use super::intervals::Unit;
use super::stream_cursor::{Settings, StreamCursor};
use super::windows::Range;
use super::{CursorValue, Form, Given, Split, inject, text, wrong};
use crate::component::ComponentError;
use crate::component::requester::{RequestOption, RequestParts};
use crate::message::StreamSlice;
use crate::template::{Config, Template, scope};

/// Name of the start in `stream_interval`.
const START: &str = "start";

/// Reads what was added since the last run, by a number in each record that only grows.
///
/// As airbyte-cdk 7.39.1, `incrementing_count_stream_state_converter.py`. It does not go with a
/// `partition_router`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct IncrementingCountCursor {
    /// The field of a record that holds the number, at its first level.
    cursor_field: Template<scope::ConfigOnly>,
    /// The number of the first run. Unset: 0.
    #[serde(default)]
    start_value: Option<StartValue>,
    /// Where requests carry the number to start from.
    #[serde(default)]
    start_value_option: Option<RequestOption>,
    /// Whether the configured catalog may name another cursor field. Default: false.
    #[serde(default)]
    allow_catalog_defined_cursor_field: Option<bool>,
}

/// A whole number, or a template that gives one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StartValue(Template<scope::ConfigOnly>);

impl IncrementingCountCursor {
    pub(super) fn cursor_field(&self) -> &Template<scope::ConfigOnly> {
        &self.cursor_field
    }

    pub(super) fn allows_catalog_defined_field(&self) -> bool {
        self.allow_catalog_defined_cursor_field.unwrap_or(false)
    }

    pub(super) fn evaluate(&self, given: &Given<'_>) -> Result<StreamCursor, ComponentError> {
        let config = given.config;
        if given.split != Split::Whole {
            let message = "an `IncrementingCountCursor` does not go with a `partition_router`";
            return Err(ComponentError::config(message).or_at(self.cursor_field.at()));
        }
        let field = match given.field {
            Some(field) => field.to_owned(),
            None => text(&self.cursor_field, config)?,
        };
        let settings = Settings {
            field,
            form: Form::Count,
            range: Range {
                start: CursorValue::Count(self.start(config)?),
                end: CursorValue::Fraction(f64::INFINITY),
                lookback: None,
                step: None,
                granularity: None,
                clamping: Clamping::None,
                strict: false,
            },
            unit: Unit::One,
            bounds: (START.to_owned(), "end".to_owned()),
            is_bounded: false,
            clock: None,
            is_global: false,
            no_end: None,
        };
        StreamCursor::new(settings, given).map_err(|error| wrong(&error, Some(&self.cursor_field)))
    }

    pub(super) fn share(
        &self,
        slice: &Arc<StreamSlice>,
        config: &Config,
    ) -> Result<RequestParts, ComponentError> {
        let mut parts = RequestParts::default();
        let option = self.start_value_option.as_ref();
        inject(&mut parts, option, slice, START, config)?;
        Ok(parts)
    }

    fn start(&self, config: &Config) -> Result<i128, ComponentError> {
        let Some(StartValue(template)) = &self.start_value else {
            return Ok(0);
        };
        let text = text(template, config)?;
        // Python's `int()` cuts a number that is not whole.
        let whole = text
            .trim()
            .split_once('.')
            .map_or(text.trim(), |(whole, _)| whole);
        whole.parse().map_err(|_| {
            let message = format!("`start_value` is `{text}`, expected a whole number");
            ComponentError::config(message).or_at(template.at())
        })
    }
}

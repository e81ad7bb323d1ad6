//! Incremental reading: which part of a stream is new since its state.
//!
//! In: the config, a state, the partitions of a stream. Out: the windows to read, their share of each
//! request, and the next state. It must not know who reads the windows, or in which order.

mod age;
mod clamping;
mod datetime_based_cursor;
mod incrementing_count_cursor;
mod intervals;
mod legacy_to_per_partition_state_migration;
mod min_max_datetime;
mod narrowing;
mod partition_states;
mod progress;
mod stream_cursor;
mod value;
mod windows;

pub use datetime_based_cursor::{DateRangeClamping, DatetimeBasedCursor};
pub use incrementing_count_cursor::{IncrementingCountCursor, StartValue};
pub use legacy_to_per_partition_state_migration::{
    LegacyToPerPartitionStateMigration, Migrating, StateMigration,
};
pub use min_max_datetime::{MinMaxDatetime, Moment};
pub use partition_states::partition_key;
pub use progress::{End, Pace, Progress};
pub use stream_cursor::{StreamCursor, Synced};
pub use value::{CursorValue, Form};

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::ComponentError;
use super::requester::{RequestOption, RequestParts};
use crate::message::StreamSlice;
use crate::template::datetime::DateError;
use crate::template::{Config, Template, scope};

/// By what a stream is read incrementally.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Cursor {
    /// By an instant in each record. In a box, since most streams are read whole.
    DatetimeBasedCursor(Box<DatetimeBasedCursor>),
    /// By a number in each record that only grows.
    IncrementingCountCursor(IncrementingCountCursor),
}

/// What a cursor is evaluated with.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The user's values.
    pub config: &'a Config,
    /// The cursor field that the configured catalog names; none for the manifest's own.
    pub field: Option<&'a str>,
    /// The state that the stream starts from.
    pub state: &'a Map<String, Value>,
    /// How the stream is split beside the windows.
    pub split: Split,
}

/// How a stream is split beside the windows of its cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Not at all.
    Whole,
    /// Into partitions, each with a state of its own.
    Partitions,
    /// Into groups of partitions, which change from run to run: they have one state together.
    Groups,
}

impl Cursor {
    /// The field of a record that the cursor looks at, as the manifest has it.
    ///
    /// # Errors
    /// When a template fails.
    pub fn field(&self, config: &Config) -> Result<String, ComponentError> {
        let template = match self {
            Self::DatetimeBasedCursor(cursor) => cursor.cursor_field(),
            Self::IncrementingCountCursor(cursor) => cursor.cursor_field(),
        };
        text(template, config)
    }

    /// Whether the configured catalog may name another cursor field.
    #[must_use]
    pub fn allows_catalog_defined_field(&self) -> bool {
        match self {
            Self::DatetimeBasedCursor(cursor) => cursor.allows_catalog_defined_field(),
            Self::IncrementingCountCursor(cursor) => cursor.allows_catalog_defined_field(),
        }
    }

    /// Whether the pages come newest first, and end at the first record that is not new.
    #[must_use]
    pub fn is_data_feed(&self) -> bool {
        matches!(self, Self::DatetimeBasedCursor(cursor) if cursor.is_data_feed())
    }

    /// Whether a partition has one window: a cursor of dates without `step`.
    #[must_use]
    pub fn has_one_window(&self) -> bool {
        matches!(self, Self::DatetimeBasedCursor(cursor) if cursor.has_one_window())
    }

    /// Checks that its windows can be split into smaller ones.
    ///
    /// # Errors
    /// What keeps them from it.
    pub fn check_splits(&self) -> Result<(), ComponentError> {
        match self {
            Self::DatetimeBasedCursor(cursor) => cursor.check_splits(),
            Self::IncrementingCountCursor(_) => Err(ComponentError::config(
                "windows of an `IncrementingCountCursor` cannot be split",
            )),
        }
    }

    /// Whether records that are not new are dropped here, since the API sends all.
    #[must_use]
    pub fn is_client_side(&self) -> bool {
        matches!(self, Self::DatetimeBasedCursor(cursor) if cursor.is_client_side())
    }

    /// The cursor of a stream in one run.
    ///
    /// # Errors
    /// When a template fails, a date has not its format, or fields do not go together.
    pub fn evaluate(&self, given: &Given<'_>) -> Result<StreamCursor, ComponentError> {
        match self {
            Self::DatetimeBasedCursor(cursor) => cursor.evaluate(given),
            Self::IncrementingCountCursor(cursor) => cursor.evaluate(given),
        }
    }

    /// What the window of `slice` puts into its requests.
    ///
    /// # Errors
    /// When a template fails.
    pub fn share(
        &self,
        slice: &Arc<StreamSlice>,
        config: &Config,
    ) -> Result<RequestParts, ComponentError> {
        match self {
            Self::DatetimeBasedCursor(cursor) => cursor.share(slice, config),
            Self::IncrementingCountCursor(cursor) => cursor.share(slice, config),
        }
    }
}

/// The text of a template that sees only the config.
fn text(template: &Template<scope::ConfigOnly>, config: &Config) -> Result<String, ComponentError> {
    Ok(template.text(&scope::ConfigOnly::new(config.clone()))?)
}

/// Puts one bound of a window into a request.
fn inject(
    parts: &mut RequestParts,
    option: Option<&RequestOption>,
    slice: &StreamSlice,
    field: &str,
    config: &Config,
) -> Result<(), ComponentError> {
    match (option, slice.cursor_slice.get(field)) {
        (Some(option), Some(value)) => option.inject(parts, value.clone(), config),
        _ => Ok(()),
    }
}

/// The error of a date of this cursor.
fn wrong(error: &DateError, template: Option<&Template<scope::ConfigOnly>>) -> ComponentError {
    ComponentError::config(error.to_string()).or_at(template.and_then(Template::at))
}

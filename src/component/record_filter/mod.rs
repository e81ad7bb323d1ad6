//! Which records of a page go out, and how they are changed on the way.
//!
//! In: a page. Out: its records, filtered, transformed and normalized. Nothing is parsed that no
//! template, transformation or schema looks into.

mod normalization;
mod record_selector;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::ComponentError;
use super::transformation::Around;
use crate::message::Data;
use crate::template::{Condition, scope};

pub use normalization::normalize;
pub use record_selector::{RecordSelector, SchemaNormalization, SelectError, Selecting, Selection};

/// Which records go out.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Filter {
    /// Keeps the records for which a condition is true.
    RecordFilter(RecordFilter),
}

impl Filter {
    /// Whether `record` goes out.
    ///
    /// # Errors
    /// When the condition fails.
    pub fn keeps(&self, record: &Arc<Data>, around: &Around) -> Result<bool, ComponentError> {
        match self {
            Self::RecordFilter(filter) => filter.keeps(record, around),
        }
    }
}

/// Keeps the records for which a condition is true.
///
/// As airbyte-cdk 7.39.1, `record_filter.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RecordFilter {
    /// Keeps a record when true, such as `{{ record['status'] == 'open' }}`. Empty or unset: no
    /// record is kept.
    #[serde(default)]
    condition: Option<Condition<scope::Record>>,
}

impl RecordFilter {
    fn keeps(&self, record: &Arc<Data>, around: &Around) -> Result<bool, ComponentError> {
        match &self.condition {
            Some(condition) => Ok(condition.eval(&around.scope(record))?),
            None => Ok(false),
        }
    }
}

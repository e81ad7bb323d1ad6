//! Where the records are in a response.
//!
//! In: the values of a page. Out: the records among them, as bounds of text where nothing has to
//! be changed about them.

mod combined_extractor;
mod dpath_extractor;
mod json_path_extractor;
mod parent_field_path;
mod record_expander;
mod response_to_file_extractor;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::ComponentError;
use super::decoder::Page;
use super::retriever::Retriever;
use crate::message::{Data, StreamSlice};
use crate::template::{Config, Gap, Template, scope};

pub use combined_extractor::{CombineMode, CombinedExtractor};
pub use dpath_extractor::DpathExtractor;
pub use json_path_extractor::JsonPathExtractor;
pub use parent_field_path::ParentFieldPath;
pub use record_expander::{OnNoRecords, RecordExpander};
pub use response_to_file_extractor::ResponseToFileExtractor;

/// Reads all records that a retriever of a component's own has for a slice: the rest of a list
/// that a response holds only the beginning of.
pub type Fetch<'a> =
    dyn Fn(&Retriever, &Arc<StreamSlice>) -> Result<Vec<Data>, ComponentError> + 'a;

/// What records are extracted with, beside the page.
#[derive(Clone, Copy)]
pub struct Extracting<'a> {
    /// The user's values.
    pub config: &'a Config,
    /// How more is asked for; `None`: not at all.
    pub fetch: Option<&'a Fetch<'a>>,
}

impl<'a> Extracting<'a> {
    /// Only the config: nothing more is asked for.
    #[must_use]
    pub fn new(config: &'a Config) -> Self {
        Self {
            config,
            fetch: None,
        }
    }
}

/// The records of a page.
#[derive(Debug, Default)]
pub struct Extracted {
    /// The records, in order. They may be any JSON values.
    pub records: Vec<Data>,
    /// Empty records that were dropped; paginators count them.
    pub dropped: u64,
}

/// Finds records in a page.
pub trait RecordExtractor {
    /// The records of `page`.
    ///
    /// # Errors
    /// When a template fails, the path is ambiguous, or more of a list cannot be fetched.
    fn extract(&self, page: &Page, with: &Extracting<'_>) -> Result<Extracted, ComponentError>;

    /// The key of its path that no value of `page` has, where that is why there are no records.
    fn gap(&self, page: &Page, config: &Config) -> Option<Gap> {
        let _ = (page, config);
        None
    }

    /// In how many containers of the body the records lie, for the decoder.
    fn depth(&self) -> usize;
}

/// How records are found in a page.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Extractor {
    /// Finds records at a path of keys.
    DpathExtractor(DpathExtractor),
    /// Finds records by several extractors.
    CombinedExtractor(CombinedExtractor),
    /// Finds records by a JSONPath.
    JsonPathExtractor(JsonPathExtractor),
}

impl Default for Extractor {
    /// The body is the record, or a list of them.
    fn default() -> Self {
        Self::DpathExtractor(DpathExtractor::default())
    }
}

impl Extractor {
    /// The component itself.
    #[must_use]
    pub fn get(&self) -> &dyn RecordExtractor {
        match self {
            Self::DpathExtractor(extractor) => extractor,
            Self::CombinedExtractor(extractor) => extractor,
            Self::JsonPathExtractor(extractor) => extractor,
        }
    }

    /// Whether one page gives the records of several paths together, so that their number says
    /// nothing about the API's page.
    #[must_use]
    pub fn unites(&self) -> bool {
        match self {
            Self::CombinedExtractor(combined) => combined.unites(),
            _ => false,
        }
    }
}

/// Evaluates the segments of a path: text, or a number where a template gives one.
pub(super) fn eval_path(
    path: &[Template<scope::ConfigOnly>],
    config: &Config,
) -> Result<Vec<Value>, ComponentError> {
    let scope = scope::ConfigOnly {
        config: config.clone(),
    };
    path.iter()
        .map(|segment| Ok(segment.json(&scope)?))
        .collect()
}

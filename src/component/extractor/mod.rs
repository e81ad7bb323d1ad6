//! Where the records are in a response.
//!
//! In: the values of a page. Out: the records among them, as bounds of text.

mod dpath_extractor;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::ComponentError;
use super::decoder::Page;
use crate::message::Data;
use crate::template::{Config, Template, scope};

pub use dpath_extractor::DpathExtractor;

/// Finds records in a page.
pub trait RecordExtractor {
    /// The records of `page`, in order. They may be any JSON values.
    ///
    /// # Errors
    /// When a template fails, or the path is ambiguous.
    fn extract(&self, page: &Page, config: &Config) -> Result<Vec<Data>, ComponentError>;

    /// In how many containers of the body the records lie, for the decoder.
    fn depth(&self) -> usize;
}

/// How records are found in a page.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Extractor {
    /// Finds records at a path of keys.
    DpathExtractor(DpathExtractor),
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

//! How the records of a stream are retrieved.
//!
//! In: a slice and a page token; then the response. Out: the request's parts; then the page's
//! records and the next token. It is immutable: what changes during a read is the engine's.

mod page_size_reduction;
mod pagination_reset;
mod read_all;
mod simple_retriever;

use schemars::JsonSchema;
use serde::Deserialize;

pub use page_size_reduction::{PageSize, PageSizeReduction};
pub use pagination_reset::{PaginationReset, ResetAction};
pub use simple_retriever::SimpleRetriever;

/// How the records of a stream are retrieved.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Retriever {
    /// Asks for one page after the other.
    SimpleRetriever(Box<SimpleRetriever>),
}

//! How the records of a stream are retrieved.
//!
//! In: a slice and a page token; then the response. Out: the request's parts; then the page's
//! records and the next token. It is immutable: what changes during a read is the engine's.

mod async_retriever;
mod checks;
mod job_context;
mod job_status;
mod page_size_reduction;
mod pagination_reset;
mod read_all;
mod request_window_splitting;
mod simple_retriever;

use schemars::JsonSchema;
use serde::Deserialize;

pub use async_retriever::AsyncRetriever;
pub use job_context::{JobAnswer, slice_of_job};
pub use job_status::{AsyncJobStatusMap, JobStatus};
pub use page_size_reduction::{PageSize, PageSizeReduction};
pub use pagination_reset::PaginationReset;
pub use request_window_splitting::RequestWindowSplitting;
pub use simple_retriever::SimpleRetriever;

/// How the records of a stream are retrieved.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Retriever {
    /// Asks for one page after the other.
    SimpleRetriever(Box<SimpleRetriever>),
    /// Has the records prepared, waits, and downloads them.
    AsyncRetriever(Box<AsyncRetriever>),
}

impl Retriever {
    /// How pages are read: those of the API, or those of a job's results.
    #[must_use]
    pub fn pages(&self) -> &SimpleRetriever {
        match self {
            Self::SimpleRetriever(retriever) => retriever,
            Self::AsyncRetriever(retriever) => retriever.download(),
        }
    }

    /// How the records are prepared, where they are.
    #[must_use]
    pub fn job(&self) -> Option<&AsyncRetriever> {
        match self {
            Self::SimpleRetriever(_) => None,
            Self::AsyncRetriever(retriever) => Some(retriever),
        }
    }
}

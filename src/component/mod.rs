//! Components: what a manifest declares, as typed and immutable values.
//!
//! In: nodes of a resolved document. Out: a folder for each role, a file for each component;
//! decoding one is building it. They must not know plans, threads or outputs.

pub mod decoder;
mod dpath;
mod error;
pub mod extractor;
#[cfg(test)]
pub(crate) mod fragment;
mod one_or_many;
pub mod paginator;
pub mod partition_router;
pub mod record_filter;
pub mod requester;
pub mod retriever;
pub mod schema_loader;
pub mod source;
pub mod stream;
pub mod transformation;
mod unknown;

pub use dpath::DpathError;
pub use error::ComponentError;
pub use one_or_many::OneOrMany;

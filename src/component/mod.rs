//! Components: what a manifest's mappings with a `type` are decoded into, a folder for each role.
//!
//! In: nodes of a manifest. Out: immutable values that know requests, responses and records. They
//! must not know threads, the network or outputs.

pub mod api_budget;
pub mod authenticator;
pub mod backoff;
pub mod config;
pub mod cursor;
pub mod custom;
pub mod decoder;
pub mod dpath;
mod error;
pub mod error_handler;
pub mod extractor;
mod one_or_many;
pub mod paginator;
pub mod partition_router;
mod placed;
pub mod record_filter;
pub mod requester;
pub mod resolver;
pub mod retriever;
pub mod schema_loader;
pub mod source;
pub mod stream;
#[cfg(test)]
mod table;
#[cfg(test)]
pub(crate) mod testing;
pub mod transformation;

pub use error::{ComponentError, Detail};
pub use one_or_many::OneOrMany;

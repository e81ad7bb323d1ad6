//! Streams, as a manifest declares them.
//!
//! In: a node. Out: a stream with all its components, and its entry in the catalog.

mod declarative_stream;
mod primary_key;

use schemars::JsonSchema;
use serde::Deserialize;

pub use declarative_stream::DeclarativeStream;
pub use primary_key::PrimaryKey;

/// A stream, as a manifest declares it.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Stream {
    /// Records from the pages of an API.
    DeclarativeStream(Box<DeclarativeStream>),
}

//! Streams, as a manifest declares them.
//!
//! In: a node. Out: a stream with all its components, and its entry in the catalog.

mod conditional_streams;
mod declarative_stream;
mod dynamic_declarative_stream;
mod file_uploader;
mod primary_key;
mod state_delegating_stream;

use schemars::JsonSchema;
use serde::Deserialize;

pub use conditional_streams::ConditionalStreams;
pub use declarative_stream::DeclarativeStream;
pub use dynamic_declarative_stream::DynamicDeclarativeStream;
pub use file_uploader::FileUploader;
pub use primary_key::PrimaryKey;
pub use state_delegating_stream::StateDelegatingStream;

/// A stream, as a manifest declares it.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Stream {
    /// Records from the pages of an API.
    DeclarativeStream(Box<DeclarativeStream>),
    /// One of two ways to read the stream, by whether it has a state.
    StateDelegatingStream(Box<StateDelegatingStream>),
}

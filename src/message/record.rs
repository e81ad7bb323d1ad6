//! A record by itself, as a program that embeds the engine gets it.

use std::sync::Arc;

use super::Data;

/// A record, and the stream that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Name of the stream.
    pub stream: Arc<str>,
    /// What the API said.
    pub data: Data,
}

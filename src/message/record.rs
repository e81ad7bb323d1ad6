//! A record on its way through the engine.

use std::sync::Arc;

use super::{Data, StreamSlice};

/// A record, the stream that it belongs to, and the slice that it was read in.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Name of the stream.
    pub stream: Arc<str>,
    /// What the API said.
    pub data: Data,
    /// The partition and window that it was read in.
    pub slice: Arc<StreamSlice>,
}

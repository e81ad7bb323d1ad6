//! What crosses from the engine to an output: records, states, logs, traces, catalogs.
//!
//! In: values. Out: values. It must not know components, threads or destinations.

pub mod airbyte;
mod catalog;
mod data;
mod failure;
mod field;
mod file;
pub mod json;
mod progress;
mod record;
mod slice;
mod state;

use std::sync::Arc;

use serde_json::Value;

pub use airbyte::{
    CheckStatus, ConnectionStatus, Failure, Level, Log, Spec, StreamState, StreamStatus,
};
pub use catalog::{Catalog, CatalogStream, ConfiguredCatalog, ConfiguredStream, SyncMode};
pub use data::Data;
pub use failure::FailureType;
pub use field::Field;
pub use file::FileReference;
pub use json::{JsonError, Kind, Text};
pub use progress::{Progress, Step};
pub use record::Record;
pub use slice::StreamSlice;
pub use state::{InputState, NO_CURSOR_STATE, StateError};

/// What crosses from the engine to an output, in the order in which it happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Records of one stream, most often those of a page.
    Records {
        /// Name of the stream.
        stream: Arc<str>,
        /// Number of the unit of reading in the stream, as [`Step`] has it.
        unit: u64,
        /// The records, in the order of the response.
        records: Vec<Data>,
    },
    /// Records that were handed on before are not to be kept, because they come again.
    Void {
        /// Name of the stream.
        stream: Arc<str>,
        /// The unit whose records so far are void; none: those of the whole load, which begins anew.
        unit: Option<u64>,
    },
    /// What is left to read, where a run is to go on one day: see there when it may be kept.
    Progress(Progress),
    /// A checkpoint: all records that it counts as read have gone before it.
    State(StreamState),
    /// A line of the log.
    Log(Log),
    /// A stream has come further.
    Status {
        /// Name of the stream.
        stream: Arc<str>,
        /// How far it is.
        status: StreamStatus,
    },
    /// A stream, or the whole run, has failed.
    Failure(Failure),
    /// The config changed and should be kept, such as a rotated refresh token.
    Control {
        /// The whole new config.
        config: Arc<Value>,
    },
    /// What the connector wants to be told.
    Spec(Spec),
    /// The answer of a check.
    ConnectionStatus(ConnectionStatus),
    /// The streams on offer.
    Catalog(Catalog),
}

//! Messages as the Airbyte protocol has them, without their envelope and their time of sending.
//!
//! Keys, their order, and the keys left out when they have no value are those of `airbyte-cdk`
//! 7.39.1, `models/airbyte_protocol.py`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::FailureType;

/// How much a log message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say all")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Log {
    /// How much it matters.
    pub level: Level,
    /// What it says, secrets masked.
    pub message: String,
}

/// How far a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StreamStatus {
    /// Its first partition is about to be read.
    Started,
    /// Its first record has come.
    Running,
    /// All of it was read.
    Complete,
    /// Some of it could not be read.
    Incomplete,
}

/// A failure of a stream, or of the whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// What a user is told.
    pub message: String,
    /// What an engineer is told.
    pub internal_message: Option<String>,
    /// How it came about.
    pub stack_trace: Option<String>,
    /// Whose fault it is.
    pub failure_type: FailureType,
    /// The stream that failed; `None`: the whole run.
    pub stream: Option<Arc<str>>,
    /// The parent whose failure this one follows from, where there is one.
    pub parent: Option<Arc<str>>,
    /// What it has in common with the failures of other streams that one cure helps; empty where
    /// that is not known.
    pub cause: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(stream) = &self.stream {
            write!(f, "stream `{stream}`: ")?;
        }
        f.write_str(self.internal_message.as_ref().unwrap_or(&self.message))
    }
}

impl std::error::Error for Failure {}

/// The state of one stream, to be given back at the next read.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamState {
    /// Name of the stream.
    pub stream: Arc<str>,
    /// What its cursor keeps.
    pub state: Map<String, Value>,
}

impl StreamState {
    /// The state as the protocol hands it to a read.
    #[must_use]
    pub fn to_message(&self) -> Value {
        json!({"type": "STREAM", "stream": {
            "stream_descriptor": {"name": &*self.stream}, "stream_state": self.state}})
    }
}

/// What a connector wants to be told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// JSON schema of the config.
    #[serde(rename = "connectionSpecification")]
    pub connection_specification: Value,
    /// Where it is explained.
    #[serde(rename = "documentationUrl", skip_serializing_if = "Option::is_none")]
    pub documentation_url: Option<String>,
    /// Always false for a source; the reference writes it all the same.
    #[serde(rename = "supportsNormalization", default)]
    pub supports_normalization: bool,
    /// Always false for a source; the reference writes it all the same.
    #[serde(rename = "supportsDBT", default)]
    pub supports_dbt: bool,
    /// How a platform obtains credentials by OAuth, in the protocol's keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advanced_auth: Option<Value>,
}

/// The answer of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectionStatus {
    /// Whether the check succeeded.
    pub status: CheckStatus,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Whether a check succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say all")]
pub enum CheckStatus {
    Succeeded,
    Failed,
}

//! `ConditionalStreams`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::manifest::Raw;
use crate::template::{Condition, scope};

/// Streams that are there only while a condition on the config holds.
///
/// As airbyte-cdk 7.39.1, `concurrent_declarative_source.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConditionalStreams {
    /// When the streams are there, such as `{{ config['is_sandbox'] }}`.
    pub condition: Condition<scope::ConfigOnly>,
    /// The streams.
    pub streams: Vec<Raw>,
}

//! What a stream is split by: the values of a list, or the records of parent streams.
//!
//! In: the config, or a parent's record. Out: partitions, and their share of each request. It must
//! not know how parents are read.

mod list_partition_router;
mod product;
mod substream_partition_router;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::ComponentError;
use super::requester::RequestParts;
use crate::message::StreamSlice;
use crate::template::Config;

pub use list_partition_router::{ListPartitionRouter, ListValues};
pub use product::merge;
pub(super) use product::overlay;
pub use substream_partition_router::{ParentStreamConfig, SubstreamPartitionRouter};

/// What a stream is split by.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum PartitionRouter {
    /// The values of a list.
    ListPartitionRouter(ListPartitionRouter),
    /// The records of parent streams.
    SubstreamPartitionRouter(SubstreamPartitionRouter),
}

impl PartitionRouter {
    /// What this router puts into the requests for `slice`.
    ///
    /// # Errors
    /// When a template fails.
    pub fn share(
        &self,
        slice: &Arc<StreamSlice>,
        config: &Config,
    ) -> Result<RequestParts, ComponentError> {
        match self {
            Self::ListPartitionRouter(router) => router.share(slice, config),
            Self::SubstreamPartitionRouter(router) => router.share(slice, config),
        }
    }
}

/// What all routers of a stream put into a request; of equal keys the first router's counts, as in
/// the reference (`cartesian_product_stream_slicer.py`).
///
/// # Errors
/// When a template fails.
pub fn share_of_all(
    routers: &[PartitionRouter],
    slice: &Arc<StreamSlice>,
    config: &Config,
) -> Result<RequestParts, ComponentError> {
    let mut parts = RequestParts::default();
    for router in routers.iter().rev() {
        product::overlay(&mut parts, router.share(slice, config)?);
    }
    Ok(parts)
}

/// Python's `bool()`: a falsy partition value is not put into requests.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => !s.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

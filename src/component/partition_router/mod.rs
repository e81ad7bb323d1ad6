//! What a stream is split by: the values of a list, or the records of parent streams.
//!
//! In: the config, or a parent's record. Out: partitions, and their share of each request. It must
//! not know how parents are read.

mod gather;
mod grouping_partition_router;
mod list_partition_router;
mod product;
mod substream_partition_router;
mod union_partition_router;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::ComponentError;
use super::requester::RequestParts;
use crate::message::StreamSlice;
use crate::template::Config;
use gather::GatherStep;

pub use gather::{Gather, Gathering};
pub use grouping_partition_router::GroupingPartitionRouter;
pub use list_partition_router::{ListPartitionRouter, ListValues};
pub use product::merge;
pub(super) use product::overlay;
pub use substream_partition_router::{ParentStreamConfig, SubstreamPartitionRouter};

pub use union_partition_router::UnionPartitionRouter;

/// What a stream is split by.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum PartitionRouter {
    /// The values of a list.
    ListPartitionRouter(ListPartitionRouter),
    /// The records of parent streams.
    SubstreamPartitionRouter(SubstreamPartitionRouter),
    /// The partitions of several routers, each once.
    UnionPartitionRouter(UnionPartitionRouter),
    /// The partitions of another router, several together.
    GroupingPartitionRouter(GroupingPartitionRouter),
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
            Self::UnionPartitionRouter(_) | Self::GroupingPartitionRouter(_) => {
                Ok(RequestParts::default())
            }
        }
    }

    /// The lists and the parents that the partitions come from.
    #[must_use]
    pub fn sources(&self) -> Vec<Source<'_>> {
        match self {
            Self::ListPartitionRouter(list) => vec![Source::List(list)],
            Self::SubstreamPartitionRouter(router) => {
                router.parents().iter().map(Source::Parent).collect()
            }
            Self::UnionPartitionRouter(union) => {
                union.routers().iter().flat_map(Self::sources).collect()
            }
            Self::GroupingPartitionRouter(router) => router.underlying().sources(),
        }
    }

    /// The parents that the partitions come from, in order.
    #[must_use]
    pub fn parents(&self) -> Vec<&ParentStreamConfig> {
        let sources = self.sources().into_iter();
        let parent = |source| match source {
            Source::Parent(parent) => Some(parent),
            Source::List(_) => None,
        };
        sources.filter_map(parent).collect()
    }

    /// What becomes of the partitions on their way.
    ///
    /// # Errors
    /// When a template fails, or routers do not go together.
    pub fn gather(&self, config: &Config) -> Result<Gather, ComponentError> {
        Ok(match self {
            Self::ListPartitionRouter(_) | Self::SubstreamPartitionRouter(_) => Gather::default(),
            Self::UnionPartitionRouter(union) => {
                let field = union.field(config)?;
                for router in union.routers() {
                    router.gather(config)?;
                }
                Gather(vec![GatherStep::Union(field)])
            }
            Self::GroupingPartitionRouter(router) => {
                let mut gather = router.underlying().gather(config)?;
                gather.0.push(GatherStep::Group {
                    size: router.size()?,
                    once: router.deduplicates(),
                });
                gather
            }
        })
    }

    /// Names of the values, as far as the manifest tells them.
    fn fields(&self, config: &Config) -> Result<Vec<String>, ComponentError> {
        match self {
            Self::UnionPartitionRouter(union) => union.field(config).map(|field| vec![field]),
            Self::GroupingPartitionRouter(_) => Err(ComponentError::config(
                "a `GroupingPartitionRouter` cannot stand in a `UnionPartitionRouter`",
            )),
            _ => (self.sources().into_iter())
                .map(|source| match source {
                    Source::List(list) => list.key(config),
                    Source::Parent(parent) => parent.partition_field(config),
                })
                .collect(),
        }
    }

    /// Whether a state keeps those of the parents.
    #[must_use]
    pub fn keeps_parent_states(&self) -> bool {
        match self {
            Self::ListPartitionRouter(_) => false,
            Self::SubstreamPartitionRouter(_) | Self::UnionPartitionRouter(_) => true,
            Self::GroupingPartitionRouter(router) => router.underlying().keeps_parent_states(),
        }
    }

    fn has_request_option(&self) -> bool {
        match self {
            Self::ListPartitionRouter(list) => list.has_request_option(),
            Self::SubstreamPartitionRouter(router) => {
                let parents = router.parents().iter();
                parents
                    .into_iter()
                    .any(ParentStreamConfig::has_request_option)
            }
            // Those within are refused there.
            Self::UnionPartitionRouter(_) | Self::GroupingPartitionRouter(_) => false,
        }
    }
}

/// Where partitions come from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A list.
    List(&'a ListPartitionRouter),
    /// A parent stream.
    Parent(&'a ParentStreamConfig),
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

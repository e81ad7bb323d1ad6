//! Joins a manifest with a config and what was asked for: the graph of streams to read.
//!
//! In: components, a config, the names of streams. Out: a [`Plan`]: streams, their parents, and the
//! partitions that are known already. It is immutable; no network, no thread.
//!
//! Two parents are one when their resolved documents are equal: each is read once, for all of its
//! children and for the output.

mod build;

pub use build::{Planner, StreamFailure};

use crate::component::partition_router::{ParentStreamConfig, PartitionRouter};
use crate::component::retriever::{Retriever, SimpleRetriever};
use crate::component::stream::DeclarativeStream;
use crate::message::StreamSlice;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// The graph of streams to read: parents stand before their children.
#[derive(Debug, Default)]
pub struct Plan {
    /// The streams, each once.
    pub nodes: Vec<StreamNode>,
}

/// One stream of a plan.
#[derive(Debug)]
pub struct StreamNode {
    /// Name of the stream as the catalog has it.
    pub name: Arc<str>,
    /// The component.
    pub stream: Arc<DeclarativeStream>,
    /// JSON schema of its records, where they are normalized by it.
    pub schema: Option<Value>,
    /// Properties of its schema in the configured catalog; none in a check or discovery.
    pub columns: Option<Value>,
    /// Whether its records go to the output; otherwise it is read for its children only.
    pub selected: bool,
    /// Where its partitions come from: their product. Empty: one partition without values.
    pub inputs: Vec<Input>,
    /// The streams that its records feed.
    pub children: Vec<Edge>,
    /// Number of parents above it; 0 for a stream without a parent.
    pub depth: usize,
}

/// One router of a stream.
#[derive(Debug)]
pub enum Input {
    /// Partitions that are known before the run.
    Known(Vec<StreamSlice>),
    /// Indexes of the streams whose records give the partitions, one for each
    /// `parent_stream_configs`.
    Parents(Vec<usize>),
}

impl StreamNode {
    /// How the stream is retrieved.
    #[must_use]
    pub fn retriever(&self) -> &SimpleRetriever {
        let Retriever::SimpleRetriever(retriever) = self.stream.retriever();
        retriever
    }

    /// What makes a partition of this stream out of a record that comes by `edge`.
    #[must_use]
    pub fn parent(&self, edge: &Edge) -> Option<&ParentStreamConfig> {
        match self.retriever().partition_routers().get(edge.input)? {
            PartitionRouter::SubstreamPartitionRouter(router) => router.parents().get(edge.parent),
            PartitionRouter::ListPartitionRouter(_) => None,
        }
    }
}

/// From a parent to the place in a child that its records feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Index of the child in the plan.
    pub child: usize,
    /// Index of the child's router.
    pub input: usize,
    /// Index in that router's `parent_stream_configs`.
    pub parent: usize,
}

impl fmt::Display for Plan {
    /// The graph, a line a stream, as tests and logs show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            write!(f, "{:indent$}{}", "", node.name, indent = 2 * node.depth)?;
            if !node.selected {
                write!(f, " (for its children)")?;
            }
            for input in &node.inputs {
                match input {
                    Input::Known(slices) => write!(f, " ×{}", slices.len())?,
                    Input::Parents(parents) => {
                        let names: Vec<_> = parents.iter().map(|&p| &*self.nodes[p].name).collect();
                        write!(f, " ← {}", names.join(" + "))?;
                    }
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

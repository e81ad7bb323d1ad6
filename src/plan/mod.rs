//! Joins a manifest with a config and what was asked for: the graph of streams to read.
//!
//! In: components, a config, the names of streams. Out: a [`Plan`]: streams, their parents, and the
//! partitions that are known already. It is immutable; no network, no thread.
//!
//! Two parents are one when their resolved documents are equal: each is read once, for all of its
//! children and for the output.

mod build;
mod offer;
#[cfg(test)]
mod tests;

pub use build::{Planner, StreamFailure};
pub use offer::{Offer, OfferedStream, ReadValues, stream_of};

use crate::component::cursor::StreamCursor;
use crate::component::partition_router::{Gather, ParentStreamConfig};
use crate::component::retriever::SimpleRetriever;
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
    /// What tells its part of the manifest from another one; the state plays no part.
    pub fingerprint: String,
    /// The component.
    pub stream: Arc<DeclarativeStream>,
    /// Its cursor and the state that it starts from; none for a stream that is read whole.
    pub cursor: Option<Arc<StreamCursor>>,
    /// JSON schema of its records, where they are normalized by it.
    pub schema: Option<Value>,
    /// Properties of its schema in the configured catalog; none in a check or discovery.
    pub columns: Option<Value>,
    /// Whether its records go to the output; otherwise it is read for its children only.
    pub selected: bool,
    /// Whether the first page of a partition stands in the record of its parent.
    pub is_lazy: bool,
    /// Where its partitions come from: their product. Empty: one partition without values.
    pub inputs: Vec<Input>,
    /// The streams that its records feed.
    pub children: Vec<Edge>,
    /// Number of parents above it; 0 for a stream without a parent.
    pub depth: usize,
}

/// One router of a stream.
#[derive(Debug, Default)]
pub struct Input {
    /// Partitions that are known before the run.
    pub known: Vec<StreamSlice>,
    /// Indexes of the streams whose records give further partitions, one for each of the router's
    /// parents.
    pub parents: Vec<usize>,
    /// What becomes of these partitions on their way.
    pub gather: Gather,
}

impl Plan {
    /// Whether somebody wants to know how far the stream `index` has come: its own state, or that of
    /// a child that is read by it.
    #[must_use]
    pub fn is_tracked(&self, index: usize) -> bool {
        let node = &self.nodes[index];
        let depends = |edge: &Edge| self.nodes[edge.child].depends(edge.input, edge.parent);
        node.cursor.is_some() && (node.selected || node.children.iter().any(depends))
    }

    /// The other streams that may ask for the same as the stream `index`: those of its name, which
    /// start from elsewhere. The requests about a job are never the same.
    #[must_use]
    pub fn twins(&self, index: usize) -> Vec<usize> {
        let has_pages = |it: &StreamNode| it.stream.retriever().job().is_none();
        let this = &self.nodes[index];
        let is_twin = |&other: &usize| {
            let other = (other, &self.nodes[other]);
            other.0 != index && other.1.name == this.name && has_pages(other.1)
        };
        let others = 0..self.nodes.len();
        others.filter(|_| has_pages(this)).filter(is_twin).collect()
    }
}

impl StreamNode {
    /// How the stream is retrieved.
    #[must_use]
    pub fn retriever(&self) -> &SimpleRetriever {
        self.stream.retriever().pages()
    }

    /// What makes a partition of this stream out of a record that comes by `edge`.
    #[must_use]
    pub fn parent(&self, edge: &Edge) -> Option<&ParentStreamConfig> {
        self.parent_at(edge.input, edge.parent)
    }

    /// Whether a parent of this stream is read incrementally for it.
    #[must_use]
    pub fn depends(&self, input: usize, parent: usize) -> bool {
        let parent = self.parent_at(input, parent);
        parent.is_some_and(ParentStreamConfig::incremental_dependency)
    }

    fn parent_at(&self, input: usize, parent: usize) -> Option<&ParentStreamConfig> {
        let router = self.retriever().partition_routers().get(input)?;
        router.parents().into_iter().nth(parent)
    }
}

/// From a parent to the place in a child that its records feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Index of the child in the plan.
    pub child: usize,
    /// Index of the child's router.
    pub input: usize,
    /// Index among that router's parents.
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
                if !input.known.is_empty() || input.parents.is_empty() {
                    write!(f, " ×{}", input.known.len())?;
                }
                if !input.parents.is_empty() {
                    let names = input.parents.iter().map(|&p| &*self.nodes[p].name);
                    write!(f, " ← {}", names.collect::<Vec<_>>().join(" + "))?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

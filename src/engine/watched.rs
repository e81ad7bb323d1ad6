//! A run as another thread sees it.

use super::StreamStats;
use crate::plan::Plan;
use std::sync::{Arc, OnceLock};

/// The counters of a run under way, for another thread to look at. Empty before it begins.
#[derive(Debug, Clone, Default)]
pub struct Watched(Arc<OnceLock<Vec<WatchedStream>>>);

/// The counters of one stream.
#[derive(Debug, Clone)]
pub struct WatchedStream {
    /// Name of the stream.
    pub name: Arc<str>,
    /// Whether its records go to the output.
    pub selected: bool,
    /// What is counted.
    pub stats: Arc<StreamStats>,
}

impl Watched {
    pub(super) fn show(&self, plan: &Plan, stats: &[Arc<StreamStats>]) {
        let streams = plan.nodes.iter().zip(stats);
        let streams = streams.map(|(node, stats)| WatchedStream {
            name: Arc::clone(&node.name),
            selected: node.selected,
            stats: Arc::clone(stats),
        });
        // A second run in the same view does not show: it is made for one.
        let _ = self.0.set(streams.collect());
    }

    /// The streams in the order of the plan.
    #[must_use]
    pub fn streams(&self) -> &[WatchedStream] {
        self.0.get().map_or(&[], Vec::as_slice)
    }
}

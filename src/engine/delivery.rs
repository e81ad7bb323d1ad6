//! Where records go: to the children as partitions, and to the output.

use super::error::ReadError;
use super::{Event, Shared};
use crate::message::{Data, StreamSlice};
use crate::plan::StreamNode;
use std::sync::Arc;

impl Shared {
    /// Gives each child the partitions that these records make.
    pub(super) fn feed(
        &self,
        node: &StreamNode,
        stream: usize,
        slice: &Arc<StreamSlice>,
        records: &[Data],
    ) -> Result<(), ReadError> {
        for edge in &node.children {
            let child = &self.plan.nodes[edge.child];
            let Some(parent) = child.parent(edge) else {
                continue;
            };
            let mut slices = Vec::with_capacity(records.len());
            for record in records {
                match parent.partition_of(record, slice, &self.session.config)? {
                    Some(partition) => slices.push(partition),
                    None => {
                        self.stats[stream].keyless.add(1);
                    }
                }
            }
            self.schedule.feed(edge, slices).map_err(|error| {
                ReadError::system(format!("cannot keep the queue of partitions: {error}"))
            })?;
        }
        Ok(())
    }

    /// Sends records to the output, as many as are wanted.
    pub(super) fn hand_out(
        &self,
        node: &StreamNode,
        stream: usize,
        slice: &Arc<StreamSlice>,
        mut records: Vec<Data>,
    ) {
        if !node.selected || records.is_empty() {
            return;
        }
        let before = self.stats[stream].records.add(records.len() as u64);
        if let Some(limit) = self.options.limit {
            let left = limit.saturating_sub(before);
            records.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            if before + records.len() as u64 >= limit && node.children.is_empty() {
                self.schedule.drop_stream(stream);
            }
        }
        if self.options.probe {
            self.schedule.stop();
        }
        if records.is_empty() {
            return;
        }
        match &self.options.kept {
            Some(kept) => kept.push(slice, records),
            None => self.send(Event::Records { stream, records }),
        }
    }
}

//! Where records go: to the children as partitions, and to the output.

use super::error::ReadError;
use super::{Event, Shared};
use crate::message::{Data, StreamSlice};
use crate::plan::StreamNode;
use std::sync::Arc;

/// Name of a first page among the extra fields of a slice, as the reference has it.
pub(super) const EMBEDDED_PAGE: &str = "child_response";

impl Shared {
    /// Gives each child the partitions that these records make.
    pub(super) fn feed(
        &self,
        node: &StreamNode,
        stream: usize,
        slice: &Arc<StreamSlice>,
        records: &[Data],
    ) -> Result<(), ReadError> {
        let config = &self.session.config;
        for edge in &node.children {
            let child = &self.plan.nodes[edge.child];
            let Some(parent) = child.parent(edge) else {
                continue;
            };
            let mut slices = Vec::with_capacity(records.len());
            let mut keyless = (0, None);
            for record in records {
                let mut partition = parent.partition_of(record, slice, config)?;
                match &mut partition {
                    Some(partition) if child.is_lazy => {
                        if let Some(page) = parent.embedded_page(record, config)? {
                            let fields = &mut partition.extra_fields;
                            fields.insert(EMBEDDED_PAGE.to_owned(), page);
                        }
                    }
                    Some(_) => {}
                    None => keyless = (keyless.0 + 1, keyless.1.or(Some(record))),
                }
                slices.push(partition);
            }
            if let (count, Some(sample)) = keyless {
                self.stats[stream].keyless.add(count);
                self.notice_keyless(stream, parent, child, sample, count);
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
        (unit, slice): (u64, &Arc<StreamSlice>),
        mut records: Vec<Data>,
    ) {
        if !node.selected || records.is_empty() {
            return;
        }
        let wanted = self.options.limit.unwrap_or(u64::MAX);
        let before = self.stats[stream].records.add_up_to(records.len(), wanted);
        let left = wanted.saturating_sub(before);
        records.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        if before.saturating_add(records.len() as u64) >= wanted && node.children.is_empty() {
            self.schedule.drop_stream(stream);
        }
        if self.options.probe {
            self.schedule.stop();
        }
        if records.is_empty() {
            return;
        }
        match &self.options.kept {
            Some(kept) => kept.push(slice, records),
            None => self.send(Event::Records {
                stream,
                unit,
                records,
            }),
        }
    }
}

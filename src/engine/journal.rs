//! What a later run has to know, told when the records that go with it are out.
//!
//! In: events, in the order of their records. Out: [`Progress`] messages, at points where no page is
//! half-way to the output.

use crate::message::{Progress, Step};
use std::collections::HashSet;
use std::sync::Arc;

/// Gathers steps until they may be told.
#[derive(Debug)]
pub(super) struct Journal {
    keys: Vec<Arc<str>>,
    steps: Vec<(Arc<str>, Step)>,
    /// Units of which a page is on its way to the output.
    open: HashSet<(usize, u64)>,
}

impl Journal {
    /// A journal without steps.
    pub(super) fn new(keys: Vec<Arc<str>>) -> Self {
        Self {
            keys,
            steps: Vec::new(),
            open: HashSet::new(),
        }
    }

    /// Notes a step that ends a unit's page, if it is about a unit.
    pub(super) fn note(&mut self, stream: usize, step: Step) {
        if let Step::At { unit, .. }
        | Step::Again { unit }
        | Step::Read { unit, .. }
        | Step::Failed { unit, .. } = step
        {
            self.open.remove(&(stream, unit));
        }
        self.steps.push((Arc::clone(&self.keys[stream]), step));
    }

    /// Notes that a page of `unit` is on its way: nothing is told until it is out.
    pub(super) fn open(&mut self, stream: usize, unit: u64) {
        self.open.insert((stream, unit));
    }

    /// What may be told now, if there is something.
    pub(super) fn take(&mut self) -> Option<Progress> {
        let is_due = self.open.is_empty() && !self.steps.is_empty();
        is_due.then(|| Progress {
            steps: std::mem::take(&mut self.steps),
        })
    }
}

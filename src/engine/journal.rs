//! What a later run has to know, told when the records that go with it are out.
//!
//! In: events, in the order of their records. Out: [`Progress`] messages, at points where no page is
//! half-way to the output.

use super::collector::Collector;
use super::partitions::News;
use super::queue::Unit;
use crate::component::cursor::CursorValue;
use crate::message::{Message, Progress, Step, StreamSlice};
use serde_json::Value;
use std::collections::HashSet;
use std::io;
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

impl Collector<'_> {
    /// Notes a step for those who keep it.
    pub(super) fn note(&mut self, stream: usize, step: Step) {
        if let Some(journal) = &mut self.journal {
            journal.note(stream, step);
        }
    }

    /// Hands on what a later run has to know, once the records that go with it are out.
    pub(super) fn tell_progress(&mut self) -> io::Result<()> {
        match self.journal.as_mut().and_then(Journal::take) {
            Some(progress) => (self.emit)(Message::Progress(progress)),
            None => Ok(()),
        }
    }

    /// Tells that records which went out before come again.
    pub(super) fn void(&mut self, stream: usize, unit: Option<u64>) -> io::Result<()> {
        if !self.streams[stream].selected {
            return Ok(());
        }
        let stream = Arc::clone(&self.streams[stream].name);
        (self.emit)(Message::Void { stream, unit })
    }

    /// Notes the units that are to be read.
    pub(super) fn found(&mut self, stream: usize, news: News) {
        for (input, slice) in news.arrived {
            self.note(stream, Step::Arrived { input, slice });
        }
        for unit in news.found {
            self.note(stream, found(&unit, None));
        }
    }

    /// Notes the windows of a partition.
    pub(super) fn cut(&mut self, stream: usize, unit: u64, windows: &[Unit]) {
        let count = windows.len();
        self.note(
            stream,
            Step::Cut {
                unit,
                windows: count,
            },
        );
        for window in windows {
            self.note(stream, found(window, Some(unit)));
        }
    }

    /// A value of the stream's cursor as JSON.
    pub(super) fn written(&self, stream: usize, value: &CursorValue) -> Option<Value> {
        let cursor = self.shared.plan.nodes[stream].cursor.as_ref()?;
        Some(cursor.write(value))
    }
}

/// The step that makes a unit known.
fn found(unit: &Unit, of: Option<u64>) -> Step {
    Step::Found {
        unit: unit.number,
        of,
        slice: StreamSlice::clone(&unit.slice),
    }
}

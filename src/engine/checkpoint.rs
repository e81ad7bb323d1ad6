//! How far each stream has come, kept by the calling thread: its state can be told at any time.
//!
//! In: windows that were begun and read, in the order of their records. Out: states.

use super::Shared;
use super::resume::{Heard, Resume};
use crate::clock::monotonic;
use crate::component::cursor::{CursorValue, End, Pace, Progress};
use crate::message::{NO_CURSOR_STATE, StreamSlice};
use crate::template::datetime::DateError;
use serde_json::{Map, Value};
use std::time::{Duration, Instant};

/// How long a large state is not told again.
const SELDOM: Duration = Duration::from_secs(600);

/// The progress of all streams.
pub(super) struct Checkpoints {
    /// None for a stream without a cursor, or one that nobody asks.
    progress: Vec<Option<Progress>>,
    told: Vec<Option<Instant>>,
}

impl Checkpoints {
    /// The progress at the start of a run, or at the point where an earlier one stopped.
    pub(super) fn new(shared: &Shared, resume: Option<Resume>) -> Self {
        let plan = &shared.plan;
        let tracked = |(index, node): (usize, &crate::plan::StreamNode)| {
            let cursor = node.cursor.as_ref().filter(|_| plan.is_tracked(index));
            cursor.map(Progress::new)
        };
        let mut this = Self {
            progress: plan.nodes.iter().enumerate().map(tracked).collect(),
            told: vec![None; plan.nodes.len()],
        };
        for (stream, left) in resume.into_iter().flat_map(|it| it.left).enumerate() {
            for heard in left.into_iter().flat_map(|left| left.heard) {
                match heard {
                    Heard::Opened(slice, windows) => this.opened(stream, &slice, windows),
                    // That its bounds can be read was seen when it was closed first.
                    Heard::Closed(slice, latest) => drop(this.closed(stream, &slice, latest)),
                }
            }
        }
        this
    }

    pub(super) fn opened(&mut self, stream: usize, slice: &StreamSlice, windows: usize) {
        if let Some(progress) = &mut self.progress[stream] {
            progress.open(slice, windows);
        }
    }

    /// Notes a window that was read. Gives the state when it is time to tell it.
    pub(super) fn closed(
        &mut self,
        stream: usize,
        slice: &StreamSlice,
        latest: Option<CursorValue>,
    ) -> Result<Option<Map<String, Value>>, DateError> {
        let Some(progress) = &mut self.progress[stream] else {
            return Ok(None);
        };
        progress.close(slice, latest)?;
        let due = match progress.pace() {
            Pace::Each => true,
            Pace::Seldom => self.told[stream].is_none_or(|told| told.elapsed() > SELDOM),
            Pace::Never => false,
        };
        if due {
            self.told[stream] = Some(monotonic());
        }
        Ok(due.then(|| progress.state()))
    }

    /// Notes that a stream came to its end.
    pub(super) fn finished(
        &mut self,
        shared: &Shared,
        stream: usize,
        is_whole: bool,
        seconds: i64,
    ) {
        let parents = self.parents(shared, stream);
        if let Some(progress) = &mut self.progress[stream] {
            progress.finish(End {
                is_whole,
                parents,
                seconds,
            });
        }
    }

    /// The state of a stream; what the reference's `FinalStateCursor` writes for one without cursor.
    pub(super) fn state(&self, stream: usize) -> Map<String, Value> {
        match &self.progress[stream] {
            Some(progress) => progress.state(),
            None => Map::from_iter([(NO_CURSOR_STATE.to_owned(), true.into())]),
        }
    }

    /// The states of the parents that a stream reads incrementally.
    fn parents(&self, shared: &Shared, stream: usize) -> Option<Map<String, Value>> {
        let node = &shared.plan.nodes[stream];
        if !node.retriever().keeps_parent_states() {
            return None;
        }
        let mut states = Map::new();
        for (input, router) in node.inputs.iter().enumerate() {
            for (parent, &index) in router.parents.iter().enumerate() {
                if node.depends(input, parent) {
                    let name = shared.plan.nodes[index].name.to_string();
                    states.insert(name, self.state(index).into());
                }
            }
        }
        Some(states)
    }
}

//! What is read next: one lock, a condition variable for each worker that waits, no thread of its own.
//!
//! In: partitions as parents give them, reads between two pages. Out: the next read for a worker
//! that is free, and the streams that came to their end.
//!
//! A read that has begun goes on before a new one begins, because its page token may go stale. A new
//! one is a parent's while the queue of one of its children is short, else the deepest stream's: so
//! parents run ahead of their children, and what waits is partition values.

use super::channel::Channel;
use super::partitions::Partitions;
use super::queue::Unit;
use super::read::PartitionRead;
use super::resume::Resume;
use super::{Event, Options};
use crate::component::cursor::Cursor;
use crate::message::StreamSlice;
use crate::plan::{Edge, Plan, StreamNode};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Slices of one stream kept in memory; those above wait in a temporary file.
pub(super) const QUEUE_BOUND: usize = 10_000;

/// The state of all streams of a run.
pub(super) struct Schedule {
    state: Mutex<State>,
    policy: Policy,
    /// A child's queue below this length is short.
    low_water: usize,
}

/// Which of several possible reads is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// Reads that began first, then hungry parents, then the deepest stream.
    Full,
    /// Always the deepest, so that a first record is found with the fewest requests.
    Probe,
}

struct State {
    begun: VecDeque<PartitionRead>,
    streams: Vec<StreamState>,
    stopped: bool,
    /// Workers that wait, each on its own. The last to come is the first to be called, so that a chain
    /// of pages stays with few threads: each that ever had a page keeps memory of its size.
    idle: Vec<Arc<Condvar>>,
    /// Reads that wait for a place among the jobs that run.
    parked: VecDeque<PartitionRead>,
    /// How many more jobs may run at the same time.
    places: usize,
    /// A queue that could not be kept, until a worker tells of it.
    broken: Option<io::Error>,
    events: Arc<Channel<Event>>,
}

struct StreamState {
    partitions: Partitions,
    children: Vec<Edge>,
    depth: usize,
    /// Whether a partition is read in windows.
    has_windows: bool,
    /// Groups of which one stream is read at a time.
    groups: Vec<usize>,
    /// Whether a partition was begun.
    is_begun: bool,
    /// Partitions that are being read.
    active: usize,
    finished: bool,
    /// Nobody wants more of this stream: what waits is dropped.
    dropped: bool,
    /// Slices of a check that count when another record follows, or their parent ends.
    held: Vec<(Edge, StreamSlice)>,
    /// Slices that have to be known before one of them is read in a check.
    lookahead: usize,
}

impl StreamState {
    /// Lets the slices go that were held for `edge`.
    fn release(&mut self, edge: &Edge) -> io::Result<()> {
        let is_it = |held: &mut (Edge, StreamSlice)| held.0 == *edge;
        for (edge, slice) in self.held.extract_if(.., is_it) {
            self.partitions.arrive(edge.input, slice)?;
        }
        Ok(())
    }

    /// Whether a check may begin a partition: it knows as many as the reference looks ahead.
    fn knows_enough(&self) -> bool {
        self.partitions.windows.front().is_some()
            || self.partitions.ready.len() >= self.lookahead
            || self.partitions.is_closed()
    }
}

/// Slices that the reference knows when it reads the first of them: one more where it has states of
/// partitions (`concurrent_partition_cursor.py`), one more where it is asked for by a child
/// (`substream_partition_router.py`), and all of them where a list of routers is a product.
///
/// A check follows it here, so that it asks for the same pages of parents.
fn lookahead(node: &StreamNode) -> usize {
    if node.retriever().is_product() {
        return usize::MAX;
    }
    let cursor = node.stream.cursor();
    let one_window = cursor.is_none_or(Cursor::has_one_window);
    1 + usize::from(cursor.is_some()) + usize::from(!node.children.is_empty() && one_window)
}

impl Schedule {
    /// The schedule of `plan` at its start.
    ///
    /// # Errors
    /// When the known partitions cannot be spilled to a temporary file.
    pub(super) fn new(
        plan: &Plan,
        policy: Policy,
        workers: usize,
        options: &Options,
        events: Arc<Channel<Event>>,
        resume: Option<&mut Resume>,
    ) -> io::Result<Self> {
        let mut streams = Vec::with_capacity(plan.nodes.len());
        let mut begun = VecDeque::new();
        let is_kept = resume.is_some();
        let mut left: Vec<_> = resume.map_or_else(Vec::new, |resume| {
            resume.tell(&events);
            resume.left.iter_mut().collect()
        });
        for (stream, node) in plan.nodes.iter().enumerate() {
            let mut partitions = Partitions::new(&node.inputs, QUEUE_BOUND);
            if node.cursor.is_some() && !node.inputs.is_empty() {
                partitions = partitions.once();
            }
            if is_kept {
                partitions = partitions.told();
            }
            let mut active = 0;
            match left.get_mut(stream).and_then(|left| left.as_mut()) {
                Some(left) => {
                    partitions.restore(left)?;
                    active = left.begun.len();
                    let reads = left.begun.drain(..);
                    begun.extend(reads.map(|read| PartitionRead::restored(stream, read, node)));
                }
                // All that it gave, it gave to an earlier run.
                None if is_kept && !node.selected && node.children.is_empty() => partitions.end(),
                None => partitions.begin(&node.inputs)?,
            }
            streams.push(StreamState {
                partitions,
                children: node.children.clone(),
                depth: node.depth,
                has_windows: node.cursor.is_some(),
                groups: (options.groups.iter().enumerate())
                    .filter(|(_, group)| group.contains(&*node.name))
                    .map(|(index, _)| index)
                    .collect(),
                is_begun: active > 0,
                active,
                finished: false,
                dropped: false,
                held: Vec::new(),
                lookahead: lookahead(node),
            });
        }
        Ok(Self {
            state: Mutex::new(State {
                begun,
                streams,
                stopped: false,
                idle: Vec::new(),
                parked: VecDeque::new(),
                places: options.jobs.max(1),
                broken: None,
                events,
            }),
            policy,
            low_water: 2 * workers,
        })
    }

    /// Streams that are at their end before anything is read: those without a partition.
    pub(super) fn finished_at_start(&self) -> Vec<usize> {
        let mut state = self.lock();
        let mut finished = Vec::new();
        for stream in 0..state.streams.len() {
            state.tell(stream);
            state.settle(stream, &mut finished);
        }
        finished
    }

    /// The next read; waits for one. `None` when there is nothing more to do.
    ///
    /// # Errors
    /// When a spilled queue cannot be read back.
    pub(super) fn next(&self) -> io::Result<Option<PartitionRead>> {
        let mut state = self.lock();
        loop {
            if let Some(error) = state.broken.take() {
                return Err(error);
            }
            if state.stopped || state.streams.iter().all(|s| s.finished) {
                self.wake_all(state);
                return Ok(None);
            }
            if let Some(read) = state.choose(self.policy, self.low_water)? {
                return Ok(Some(read));
            }
            let seat = Arc::new(Condvar::new());
            state.idle.push(Arc::clone(&seat));
            state = seat.wait(state).unwrap_or_else(PoisonError::into_inner);
            // It may have woken though nobody called.
            state.idle.retain(|other| !Arc::ptr_eq(other, &seat));
        }
    }

    /// Puts a read back that goes on with its next page.
    pub(super) fn resume(&self, read: PartitionRead) {
        let mut state = self.lock();
        state.begun.push_back(read);
        let called = state.idle.pop();
        drop(state);
        if let Some(seat) = called {
            seat.notify_one();
        }
    }

    /// Gives a read its place among the jobs that run; without one, it is kept until there is.
    pub(super) fn take_job(&self, read: PartitionRead) -> Option<PartitionRead> {
        if read.has_place {
            return Some(read);
        }
        let mut state = self.lock();
        if state.places == 0 {
            state.parked.push_back(read);
            return None;
        }
        state.places -= 1;
        Some(read)
    }

    /// The place of a job that runs; it is free again when this is dropped.
    pub(super) fn job_place(&self) -> JobPlace<'_> {
        JobPlace(self)
    }

    /// Hands the slices to a child that the records of a parent's page gave; none for a record
    /// without the key.
    ///
    /// # Errors
    /// When the child's queue cannot be spilled to its temporary file.
    pub(super) fn feed(&self, edge: &Edge, slices: Vec<Option<StreamSlice>>) -> io::Result<()> {
        if slices.is_empty() {
            return Ok(());
        }
        let mut state = self.lock();
        let child = &mut state.streams[edge.child];
        if !child.dropped {
            let mut slices = slices;
            if self.policy == Policy::Probe {
                // What was held is followed by a record now.
                child.release(edge)?;
                let last = slices.pop().flatten();
                child.held.extend(last.map(|slice| (edge.clone(), slice)));
            }
            for slice in slices.into_iter().flatten() {
                child.partitions.arrive(edge.input, slice)?;
            }
            state.tell(edge.child);
        }
        self.wake_all(state);
        Ok(())
    }

    /// Puts the windows of a partition in its place, and tells of it before anybody can read one of
    /// them. Gives the streams that ended with it.
    pub(super) fn cut(&self, stream: usize, unit: Unit, windows: Vec<StreamSlice>) -> Vec<usize> {
        let mut state = self.lock();
        let cut = &mut state.streams[stream].partitions;
        let windows: Vec<Unit> = windows
            .into_iter()
            .map(|window| cut.number(window))
            .collect();
        state.events.push(Event::Opened {
            stream,
            unit,
            windows: windows.clone(),
        });
        let cut = &mut state.streams[stream];
        if !cut.dropped {
            cut.partitions.windows.extend(windows);
        }
        drop(state);
        self.close_partition(stream)
    }

    /// Notes the end of one partition of `stream`; gives the streams that ended with it.
    pub(super) fn close_partition(&self, stream: usize) -> Vec<usize> {
        let mut state = self.lock();
        let ended = &mut state.streams[stream];
        ended.active = ended.active.saturating_sub(1);
        for edge in ended.children.clone() {
            if let Err(error) = state.streams[edge.child].release(&edge) {
                state.broken.get_or_insert(error);
            }
            state.tell(edge.child);
        }
        let mut finished = Vec::new();
        state.settle(stream, &mut finished);
        self.wake_all(state);
        finished
    }

    /// Drops what waits of `stream`: nobody wants more of it.
    pub(super) fn drop_stream(&self, stream: usize) {
        let mut state = self.lock();
        state.streams[stream].dropped = true;
        state.streams[stream].partitions.clear();
        self.wake_all(state);
    }

    /// Whether nobody wants more of `stream`.
    pub(super) fn is_dropped(&self, stream: usize) -> bool {
        self.lock().streams[stream].dropped
    }

    /// Whether nothing more is handed out.
    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Hands out nothing more.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        self.wake_all(state);
    }

    /// Wakes the workers that wait, after a change of `state`.
    fn wake_all(&self, mut state: MutexGuard<'_, State>) {
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        for seat in idle.iter().rev() {
            seat.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a job that runs.
pub(super) struct JobPlace<'a>(&'a Schedule);

impl Drop for JobPlace<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        match state.parked.pop_front() {
            Some(mut read) => {
                read.has_place = true;
                state.begun.push_back(read);
            }
            None => state.places += 1,
        }
        self.0.wake_all(state);
    }
}

impl State {
    fn choose(&mut self, policy: Policy, low_water: usize) -> io::Result<Option<PartitionRead>> {
        let fresh = self.next_stream(policy, low_water);
        let begun = match policy {
            Policy::Full => (!self.begun.is_empty()).then_some(0),
            Policy::Probe => (0..self.begun.len())
                .max_by_key(|&i| self.streams[self.begun[i].stream].depth)
                .filter(|&i| {
                    fresh.is_none_or(|stream| {
                        self.streams[stream].depth <= self.streams[self.begun[i].stream].depth
                    })
                }),
        };
        if let Some(read) = begun.and_then(|index| self.begun.remove(index)) {
            return Ok(Some(read));
        }
        let Some(stream) = fresh else { return Ok(None) };
        let chosen = &mut self.streams[stream];
        let window = chosen.partitions.windows.pop_front();
        let is_cut = window.is_some() || !chosen.has_windows;
        let unit = match window {
            Some(window) => Some(window),
            None => chosen.partitions.ready.pop()?,
        };
        Ok(unit.map(|unit| {
            chosen.active += 1;
            chosen.is_begun = true;
            PartitionRead::new(stream, unit, is_cut)
        }))
    }

    /// Tells of units that have come, before anybody can read one of them.
    fn tell(&mut self, stream: usize) {
        if let Some(news) = self.streams[stream].partitions.take_news() {
            self.events.push(Event::Found { stream, news });
        }
    }

    /// Whether another stream of a group of this one is read.
    fn is_blocked(&self, stream: usize) -> bool {
        let this = &self.streams[stream];
        !this.is_begun
            && !this.groups.is_empty()
            && self.streams.iter().any(|other| {
                other.is_begun
                    && !other.finished
                    && other.groups.iter().any(|group| this.groups.contains(group))
            })
    }

    /// The stream whose next partition is begun.
    fn next_stream(&self, policy: Policy, low_water: usize) -> Option<usize> {
        // Where nothing is read, groups wait for each other: one of them has to go on.
        let is_idle = self.streams.iter().all(|stream| stream.active == 0);
        let ready = (0..self.streams.len()).filter(|&s| {
            let stream = &self.streams[s];
            stream.partitions.has_next()
                && (is_idle || !self.is_blocked(s))
                && (policy == Policy::Full || stream.knows_enough())
        });
        // Of equals the first in the manifest's order: `max_by_key` would take the last.
        ready.rev().max_by_key(|&s| {
            let stream = &self.streams[s];
            let hungry = policy == Policy::Full
                && stream
                    .children
                    .iter()
                    .any(|edge| self.streams[edge.child].partitions.ready.len() < low_water);
            (hungry, stream.depth)
        })
    }

    /// Notes `stream` as finished if nothing of it can come any more, and then its children.
    fn settle(&mut self, stream: usize, finished: &mut Vec<usize>) {
        let state = &mut self.streams[stream];
        let at_end = state.active == 0 && (state.dropped || state.partitions.is_exhausted());
        if state.finished || !at_end {
            return;
        }
        state.finished = true;
        finished.push(stream);
        for edge in state.children.clone() {
            if let Err(error) = self.streams[edge.child].partitions.close(edge.input) {
                self.broken.get_or_insert(error);
            }
            self.tell(edge.child);
            self.settle(edge.child, finished);
        }
    }
}

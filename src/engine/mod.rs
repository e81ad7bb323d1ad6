//! Executes a plan: worker threads, retries, pages in order, one channel out.
//!
//! In: a [`Plan`] and a [`Session`]. Out: [`Message`]s, given to the calling thread, which alone
//! owns the output. It must not know destinations.
//!
//! The rule against deadlock: a worker waits for the network, the clock, the channel, for an earlier
//! page of its own partition, whose holder waits for the channel only, or for a request that another
//! makes, who waits for the network and the clock only; never for another partition.

mod async_job;
mod bounds;
mod channel;
mod checkpoint;
mod chunks;
mod collector;
mod cure;
mod delivery;
mod error;
mod exchange;
mod fetch;
mod journal;
mod nested;
mod notice;
mod page;
mod paging;
mod part;
mod partitions;
mod queue;
mod read;
mod records;
mod refusal;
mod resume;
mod schedule;
mod session;
mod shelf;
mod stats;
mod turn;
mod twins;
mod upload;
mod watched;
mod worker;

pub use bounds::{Bound, Bounds};
use channel::{Channel, channel};
use chunks::Chunks;
pub use error::{Exchange, ReadError};
pub use fetch::{Kept, KeptRecord, fetch};
pub use records::Records;
pub use resume::{Recall, Resume};
pub use session::Session;
pub use stats::{Counter, Gauge, Slowest, StreamStats};
pub use twins::Series;
pub use watched::{Watched, WatchedStream};

use crate::component::cursor::CursorValue;
use crate::message::{Data, Message};
use crate::plan::Plan;
use collector::Collector;
use partitions::News;
use queue::Unit;
use read::{Latest, Position};
use schedule::{Policy, Schedule};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use twins::Twins;

/// Folder of files where none is named, as the reference has it.
const FILES: &str = "airbyte-file-transfer";

/// How a plan is executed.
#[derive(Debug, Clone)]
pub struct Options {
    /// Worker threads, which is the number of requests in flight.
    pub workers: usize,
    /// Records of each stream after which no more are read.
    pub limit: Option<u64>,
    /// Whether the next page is asked for while the present one is worked on.
    pub read_ahead: bool,
    /// Ends at the first record of any selected stream, or after its first partition without one:
    /// what a check needs, with the fewest requests.
    pub probe: bool,
    /// Jobs that an API does for us at the same time.
    pub jobs: usize,
    /// Where the records are kept, if they do not go to the output.
    pub kept: Option<Kept>,
    /// The runs before and behind this one that may ask for the same.
    pub series: Option<Series>,
    /// Names of streams of which one is read at a time.
    pub groups: Vec<BTreeSet<String>>,
    /// Where files go that belong to records.
    pub files: PathBuf,
    /// Lets somebody look at the counters while the streams are read.
    pub watched: Option<Watched>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 8,
            limit: None,
            read_ahead: true,
            probe: false,
            jobs: 1,
            kept: None,
            series: None,
            groups: Vec::new(),
            files: std::env::temp_dir().join(FILES),
            watched: None,
        }
    }
}

/// What became of a run.
#[derive(Debug)]
pub struct Outcome {
    /// One for each stream of the plan, in its order.
    pub streams: Vec<StreamOutcome>,
    /// Whether the run was asked to stop before its end.
    pub cancelled: bool,
    /// The bound at which it stopped before its end.
    pub bound: Option<Bound>,
}

/// What became of one stream.
#[derive(Debug)]
pub struct StreamOutcome {
    /// Name of the stream.
    pub name: Arc<str>,
    /// Whether its records were asked for; otherwise it was read for its children.
    pub selected: bool,
    /// Everything that went wrong.
    pub errors: Vec<ReadError>,
    /// Whether it was read to its end, with or without errors.
    pub finished: bool,
    /// Whether it has had a partition.
    pub started: bool,
    /// The counters.
    pub stats: Arc<StreamStats>,
    /// What was left out or is suspicious, once it was read to its end.
    pub notes: Vec<String>,
    /// From the first request to the end.
    pub elapsed: Duration,
}

/// From the workers to the calling thread.
enum Event {
    Started {
        stream: usize,
    },
    Records {
        stream: usize,
        unit: u64,
        records: Vec<Data>,
    },
    /// What a later run has to know of partitions.
    Found {
        stream: usize,
        news: News,
    },
    /// A partition is begun, in these windows.
    Opened {
        stream: usize,
        unit: Unit,
        windows: Vec<Unit>,
    },
    /// A page is on its way to the output.
    Page {
        stream: usize,
        unit: u64,
    },
    /// A page is out. Without a position, nobody but this run can go on behind it.
    At {
        stream: usize,
        unit: u64,
        position: Option<Position>,
    },
    /// The stream is read from its beginning.
    Begun {
        stream: usize,
        fingerprint: String,
    },
    /// The unit is read from its beginning again, whatever an earlier run read of it.
    Again {
        stream: usize,
        unit: u64,
    },
    /// A unit was read to its end, and its records have gone before.
    Closed {
        stream: usize,
        unit: Unit,
        latest: Option<CursorValue>,
    },
    Failed {
        stream: usize,
        unit: u64,
        error: ReadError,
    },
    Finished {
        streams: Vec<usize>,
    },
    /// The run cannot go on.
    Broken {
        error: ReadError,
    },
}

impl Event {
    /// About how many bytes it holds.
    fn weight(&self) -> usize {
        const SMALL: usize = 256;
        match self {
            Self::Records { records, .. } => SMALL + records.iter().map(Data::size).sum::<usize>(),
            _ => SMALL,
        }
    }

    /// Whether the calling thread need not hear of it at once.
    fn can_wait(&self) -> bool {
        match self {
            Self::Started { .. }
            | Self::Records { .. }
            | Self::Found { .. }
            | Self::Opened { .. }
            | Self::Page { .. }
            | Self::At { .. }
            | Self::Begun { .. }
            | Self::Again { .. }
            | Self::Closed { .. } => true,
            Self::Failed { .. } | Self::Finished { .. } | Self::Broken { .. } => false,
        }
    }
}

/// What all workers see.
struct Shared {
    plan: Plan,
    session: Arc<Session>,
    schedule: Schedule,
    stats: Vec<Arc<StreamStats>>,
    /// The chunks of properties that each stream asks for, once they are known.
    chunks: Vec<Chunks>,
    twins: Twins,
    events: Arc<Channel<Event>>,
    /// Worker threads that have not ended.
    working: AtomicUsize,
    options: Options,
    /// Whether somebody keeps what is left to read.
    is_kept: bool,
}

impl Shared {
    /// Sends an event. When nobody listens any more, there is nothing left to do.
    fn send(&self, event: Event) {
        let (weight, can_wait) = (event.weight(), event.can_wait() && !self.options.probe);
        if self.events.send(event, weight, can_wait).is_err() {
            self.schedule.stop();
        }
    }

    /// Tells, once, that a stream is begun: each telling wakes the calling thread.
    fn start(&self, stream: usize) {
        if !self.stats[stream].is_started.swap(true, Ordering::Relaxed) {
            self.send(Event::Started { stream });
        }
    }

    /// Tells that a page of `unit` is on its way to the output, where somebody keeps that.
    fn open_page(&self, stream: usize, unit: u64) {
        if self.is_kept {
            self.send(Event::Page { stream, unit });
        }
    }

    /// Tells that the page is out.
    fn close_page(
        &self,
        stream: usize,
        unit: u64,
        mut position: Option<Position>,
        latest: &Latest,
    ) {
        if self.is_kept {
            if let Some(position) = &mut position {
                let latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
                position.latest = latest.clone();
            }
            self.send(Event::At {
                stream,
                unit,
                position,
            });
        }
    }

    fn end(&self, streams: Vec<usize>) {
        if !streams.is_empty() {
            self.twins.ended(&streams);
            for &stream in &streams {
                self.stats[stream].is_ended.store(true, Ordering::Relaxed);
            }
            self.send(Event::Finished { streams });
        }
    }

    fn break_off(&self, message: &str) {
        self.send(Event::Broken {
            error: ReadError::system(message),
        });
        self.schedule.stop();
    }
}

/// A worker thread's share; when the last one is gone, nothing more comes.
struct Worker(Arc<Shared>);

impl Worker {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.working.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Ordering::Release);
    }
}

/// Reads all streams of `plan`, and gives every message to `emit` on the calling thread, in order.
///
/// # Errors
/// Only those of `emit`, and of the temporary files of a long queue. What goes wrong in a stream
/// stands in its [`StreamOutcome`].
pub fn run(
    plan: Plan,
    session: Arc<Session>,
    options: &Options,
    emit: &mut dyn FnMut(Message) -> io::Result<()>,
) -> io::Result<Outcome> {
    run_from(plan, session, options, None, emit)
}

/// The same, from where an earlier run stopped; `emit` gets [`Message::Progress`] besides.
///
/// # Errors
/// As [`run`].
pub fn run_from(
    plan: Plan,
    session: Arc<Session>,
    options: &Options,
    mut resume: Option<Resume>,
    emit: &mut dyn FnMut(Message) -> io::Result<()>,
) -> io::Result<Outcome> {
    let (sender, mut events) = channel();
    let workers = if options.probe {
        1
    } else {
        options.workers.max(1)
    };
    let policy = if options.probe {
        Policy::Probe
    } else {
        Policy::Full
    };
    let shared = Arc::new(Shared {
        schedule: Schedule::new(
            &plan,
            policy,
            workers,
            options,
            Arc::clone(&sender),
            resume.as_mut(),
        )?,
        stats: plan.nodes.iter().map(|_| Arc::default()).collect(),
        chunks: plan.nodes.iter().map(|_| Chunks::default()).collect(),
        twins: Twins::new(&plan, options.series.as_ref()),
        events: sender,
        working: AtomicUsize::new(0),
        options: options.clone(),
        is_kept: resume.is_some(),
        session,
        plan,
    });
    if let Some(watched) = &options.watched {
        watched.show(&shared.plan, &shared.stats);
    }
    let mut collector = Collector::new(&shared, resume, emit);
    let finished = shared.schedule.finished_at_start();
    shared.twins.ended(&finished);
    collector.finished(finished)?;
    for number in 0..workers {
        let worker = Worker::new(&shared);
        let spawned = std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || worker.0.work());
        match spawned {
            // Where the system has no more threads to give, those that there are do the work.
            Err(_) if number > 0 => break,
            spawned => drop(spawned?),
        }
    }
    let result = collector.collect(&mut events);
    shared.schedule.stop();
    let cancelled = shared.session.is_interrupted();
    let bound = shared.session.bound().filter(|_| !collector.is_done());
    result.map(|()| Outcome {
        streams: collector.streams,
        cancelled,
        bound,
    })
}

#[cfg(test)]
mod tests;

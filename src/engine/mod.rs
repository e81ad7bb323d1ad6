//! Executes a plan: worker threads, retries, pages in order, one channel out.
//!
//! In: a [`Plan`] and a [`Session`]. Out: [`Message`]s, given to the calling thread, which alone
//! owns the output. It must not know destinations.
//!
//! The rule against deadlock: a worker waits for the network, the clock, the channel, or for an
//! earlier page of its own partition, whose holder waits for the channel only; never for another
//! partition.

mod async_job;
mod checkpoint;
mod error;
mod exchange;
mod fetch;
mod partitions;
mod queue;
mod read;
mod schedule;
mod session;
mod stats;
mod turn;
mod worker;

pub use error::ReadError;
pub use fetch::{Kept, KeptRecord, fetch};
pub use session::Session;
pub use stats::{Counter, StreamStats};

use crate::clock::monotonic;
use crate::component::cursor::CursorValue;
use crate::message::{Data, Failure, Level, Log, Message, StreamSlice, StreamState, StreamStatus};
use crate::plan::Plan;
use checkpoint::Checkpoints;
use schedule::{Policy, Schedule};
use serde_json::{Map, Value};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Pages that wait for the output before the workers have to.
const CHANNEL_BOUND: usize = 16;
/// How long the calling thread waits for news before it looks whether it should stop.
const TICK: Duration = Duration::from_millis(50);
/// How long a cancelled run waits for the pages that are being worked on.
const GRACE: Duration = Duration::from_millis(500);

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
        records: Vec<Data>,
    },
    /// A partition is begun, in so many windows.
    Opened {
        stream: usize,
        slice: Arc<StreamSlice>,
        windows: usize,
    },
    /// A window was read to its end, and its records have gone before.
    Closed {
        stream: usize,
        slice: Arc<StreamSlice>,
        latest: Option<CursorValue>,
    },
    Failed {
        stream: usize,
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

/// What all workers see.
struct Shared {
    plan: Plan,
    session: Arc<Session>,
    schedule: Schedule,
    stats: Vec<Arc<StreamStats>>,
    events: SyncSender<Event>,
    options: Options,
}

impl Shared {
    /// Sends an event. When nobody listens any more, there is nothing left to do.
    fn send(&self, event: Event) {
        if self.events.send(event).is_err() {
            self.schedule.stop();
        }
    }

    fn end(&self, streams: Vec<usize>) {
        if !streams.is_empty() {
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
    let (sender, events) = sync_channel(CHANNEL_BOUND);
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
        schedule: Schedule::new(&plan, policy, workers, options.jobs)?,
        stats: plan.nodes.iter().map(|_| Arc::default()).collect(),
        events: sender,
        options: options.clone(),
        session,
        plan,
    });
    let mut collector = Collector::new(&shared, emit);
    collector.finished(shared.schedule.finished_at_start())?;
    for number in 0..workers {
        let shared = Arc::clone(&shared);
        std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || shared.work())?;
    }
    let result = collector.collect(&events);
    shared.schedule.stop();
    let cancelled = shared.session.is_cancelled();
    result.map(|()| Outcome {
        streams: collector.streams,
        cancelled,
    })
}

/// The calling thread's side: turns events into messages and keeps the books.
struct Collector<'a> {
    shared: &'a Shared,
    emit: &'a mut dyn FnMut(Message) -> io::Result<()>,
    streams: Vec<StreamOutcome>,
    began: Vec<Option<Instant>>,
    counted: Vec<u64>,
    checkpoints: Checkpoints,
}

impl<'a> Collector<'a> {
    fn new(shared: &'a Shared, emit: &'a mut dyn FnMut(Message) -> io::Result<()>) -> Self {
        let nodes = &shared.plan.nodes;
        let streams = nodes
            .iter()
            .zip(&shared.stats)
            .map(|(node, stats)| StreamOutcome {
                name: Arc::clone(&node.name),
                selected: node.selected,
                errors: Vec::new(),
                finished: false,
                started: false,
                stats: Arc::clone(stats),
                elapsed: Duration::ZERO,
            });
        Self {
            emit,
            streams: streams.collect(),
            began: vec![None; nodes.len()],
            counted: vec![0; nodes.len()],
            checkpoints: Checkpoints::new(shared),
            shared,
        }
    }

    /// Takes events until every stream is finished, or the run is cancelled or broken off.
    fn collect(&mut self, events: &Receiver<Event>) -> io::Result<()> {
        let mut grace_until: Option<Instant> = None;
        while !self.is_done() {
            match events.recv_timeout(TICK) {
                Ok(event) => self.take(event)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.shared.session.is_cancelled() {
                self.shared.schedule.stop();
                self.shared.session.gate.stop();
                let until = *grace_until.get_or_insert_with(|| monotonic() + GRACE);
                if monotonic() >= until {
                    break;
                }
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let wanted = |s: &&StreamOutcome| s.selected;
        if self.shared.options.probe {
            return self.streams.iter().filter(wanted).all(|s| s.finished)
                || self
                    .streams
                    .iter()
                    .zip(&self.shared.stats)
                    .any(|(stream, stats)| {
                        stream.selected && (stats.records.get() > 0 || stats.partitions.get() > 0)
                            || !stream.errors.is_empty()
                    });
        }
        self.streams.iter().filter(wanted).all(|s| s.finished)
    }

    fn take(&mut self, event: Event) -> io::Result<()> {
        if let Some(config) = self.shared.session.take_changed_config() {
            let config = Arc::new(config);
            (self.emit)(Message::Control { config })?;
        }
        match event {
            Event::Started { stream } => self.started(stream),
            Event::Records { stream, records } => self.records(stream, records),
            Event::Opened {
                stream,
                slice,
                windows,
            } => {
                self.checkpoints.opened(stream, &slice, windows);
                Ok(())
            }
            Event::Closed {
                stream,
                slice,
                latest,
            } => match self.checkpoints.closed(stream, &slice, latest) {
                Ok(Some(state)) => self.state(stream, state),
                Ok(None) => Ok(()),
                Err(error) => self.failed(stream, ReadError::system(error.to_string())),
            },
            Event::Failed { stream, error } => self.failed(stream, error),
            Event::Finished { streams } => self.finished(streams),
            Event::Broken { error } => {
                for stream in 0..self.streams.len() {
                    if !self.streams[stream].finished {
                        self.failed(stream, error.clone())?;
                    }
                }
                self.finished((0..self.streams.len()).collect())
            }
        }
    }

    fn started(&mut self, stream: usize) -> io::Result<()> {
        if std::mem::replace(&mut self.streams[stream].started, true) {
            return Ok(());
        }
        self.began[stream] = Some(monotonic());
        self.log(stream, Level::Info, "reading begins")?;
        self.status(stream, StreamStatus::Started)
    }

    fn records(&mut self, stream: usize, records: Vec<Data>) -> io::Result<()> {
        if self.counted[stream] == 0 {
            self.status(stream, StreamStatus::Running)?;
        }
        self.counted[stream] += records.len() as u64;
        let stream = Arc::clone(&self.streams[stream].name);
        (self.emit)(Message::Records { stream, records })
    }

    /// A stream's failure is also that of the streams below it: partitions of theirs are missing.
    fn failed(&mut self, stream: usize, error: ReadError) -> io::Result<()> {
        let below = self.below(stream);
        let outcome = &self.streams[stream];
        if outcome.selected {
            (self.emit)(failure(outcome, &error))?;
        }
        for child in below {
            let mut told = error.clone();
            told.message = format!(
                "partitions are missing, because the parent `{}` failed: {}",
                self.streams[stream].name, error.message
            );
            if self.streams[child].selected && self.streams[child].errors.is_empty() {
                (self.emit)(failure(&self.streams[child], &told))?;
            }
            self.streams[child].errors.push(told);
        }
        self.streams[stream].errors.push(error);
        Ok(())
    }

    /// All streams below `stream` in the graph.
    fn below(&self, stream: usize) -> Vec<usize> {
        let nodes = &self.shared.plan.nodes;
        let mut reached = vec![false; nodes.len()];
        reached[stream] = true;
        for index in stream..nodes.len() {
            if reached[index] {
                for edge in &nodes[index].children {
                    reached[edge.child] = true;
                }
            }
        }
        (stream + 1..nodes.len())
            .filter(|&index| reached[index])
            .collect()
    }

    fn finished(&mut self, streams: Vec<usize>) -> io::Result<()> {
        for stream in streams {
            self.started(stream)?;
            if std::mem::replace(&mut self.streams[stream].finished, true) {
                continue;
            }
            let elapsed = self.began[stream].map(|began| began.elapsed());
            self.streams[stream].elapsed = elapsed.unwrap_or_default();
            self.settle(stream);
            for (reason, count) in self.streams[stream].stats.notes() {
                self.log(stream, Level::Warn, &format!("{count} × {reason}"))?;
            }
            if self.streams[stream].selected {
                self.log(
                    stream,
                    Level::Info,
                    &format!("{} records read", self.counted[stream]),
                )?;
                self.state(stream, self.checkpoints.state(stream))?;
            }
            let status = if self.streams[stream].errors.is_empty() {
                StreamStatus::Complete
            } else {
                StreamStatus::Incomplete
            };
            self.status(stream, status)?;
        }
        Ok(())
    }

    /// Lets the state of a stream move on with its end.
    fn settle(&mut self, stream: usize) {
        let clock = self.shared.session.config.clock();
        // A replay takes no time.
        let seconds = if clock.stands_still() {
            0
        } else {
            let elapsed = self.streams[stream].elapsed;
            i64::try_from(elapsed.as_millis().div_ceil(1000)).unwrap_or(i64::MAX)
        };
        let is_whole = self.streams[stream].errors.is_empty();
        self.checkpoints
            .finished(self.shared, stream, is_whole, seconds);
    }

    fn state(&mut self, stream: usize, state: Map<String, Value>) -> io::Result<()> {
        if !self.streams[stream].selected {
            return Ok(());
        }
        let stream = Arc::clone(&self.streams[stream].name);
        (self.emit)(Message::State(StreamState { stream, state }))
    }

    fn log(&mut self, stream: usize, level: Level, text: &str) -> io::Result<()> {
        let message = format!("stream `{}`: {text}", self.streams[stream].name);
        (self.emit)(Message::Log(Log { level, message }))
    }

    fn status(&mut self, stream: usize, status: StreamStatus) -> io::Result<()> {
        if !self.streams[stream].selected {
            return Ok(());
        }
        let stream = Arc::clone(&self.streams[stream].name);
        (self.emit)(Message::Status { stream, status })
    }
}

fn failure(stream: &StreamOutcome, error: &ReadError) -> Message {
    Message::Failure(Failure {
        message: error.message.clone(),
        internal_message: Some(error.to_string()),
        stack_trace: None,
        failure_type: error.failure_type,
        stream: Some(Arc::clone(&stream.name)),
    })
}

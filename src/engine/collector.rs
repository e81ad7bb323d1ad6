//! The calling thread's side of a run: events in, messages out, and the books.

use super::channel::Receiver;
use super::checkpoint::Checkpoints;
use super::journal::Journal;
use super::queue::Unit;
use super::resume::Resume;
use super::{Event, ReadError, Shared, StreamOutcome};
use crate::clock::monotonic;
use crate::component::authenticator::Session as _;
use crate::component::cursor::CursorValue;
use crate::message::{Data, Failure, Level, Log, Message, Step, StreamState, StreamStatus};
use crate::plan::Edge;
use serde_json::{Map, Value};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long the calling thread waits for news before it looks whether it should stop.
const TICK: Duration = Duration::from_millis(50);
/// How long a cancelled run waits for the pages that are being worked on.
const GRACE: Duration = Duration::from_millis(500);

/// The same where the pages that come in the meantime need not be asked for again.
const LONG_GRACE: Duration = Duration::from_secs(4);

/// The calling thread's side: turns events into messages and keeps the books.
pub(super) struct Collector<'a> {
    pub(super) shared: &'a Shared,
    pub(super) emit: &'a mut dyn FnMut(Message) -> io::Result<()>,
    pub(super) streams: Vec<StreamOutcome>,
    began: Vec<Option<Instant>>,
    counted: Vec<u64>,
    checkpoints: Checkpoints,
    /// What a later run has to know, where somebody keeps it.
    pub(super) journal: Option<Journal>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        resume: Option<Resume>,
        emit: &'a mut dyn FnMut(Message) -> io::Result<()>,
    ) -> Self {
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
                notes: Vec::new(),
                elapsed: Duration::ZERO,
            });
        let journal = resume
            .as_ref()
            .map(|resume| Journal::new(resume.keys.clone()));
        Self {
            emit,
            streams: streams.collect(),
            began: vec![None; nodes.len()],
            counted: vec![0; nodes.len()],
            checkpoints: Checkpoints::new(shared, resume),
            journal,
            shared,
        }
    }

    /// Takes events until every stream is finished, or the run is cancelled or broken off.
    pub(super) fn collect(&mut self, events: &mut Receiver<Event>) -> io::Result<()> {
        let mut grace_until: Option<Instant> = None;
        while !self.is_done() {
            match events.next(TICK) {
                Some(event) => self.take(event)?,
                // All that a worker sends comes before its end.
                None if self.shared.working.load(Ordering::Acquire) == 0 => {
                    while let Some(event) = events.next(Duration::ZERO) {
                        self.take(event)?;
                    }
                    break;
                }
                None => {}
            }
            if self.shared.session.is_cancelled() {
                self.shared.schedule.stop();
                self.shared.session.gate.stop();
                let grace = if self.journal.is_some() {
                    LONG_GRACE
                } else {
                    GRACE
                };
                let until = *grace_until.get_or_insert_with(|| monotonic() + grace);
                // At a bound, pages in flight come to their end, however long that takes.
                if monotonic() >= until && self.shared.session.is_interrupted() {
                    break;
                }
            }
        }
        // A counter may tell a check's end before the failure that stands in the channel.
        while self.shared.options.probe
            && let Some(event) = events.next(Duration::ZERO)
        {
            self.take(event)?;
        }
        for (stream, began) in self.streams.iter_mut().zip(&self.began) {
            if let Some(began) = began.filter(|_| !stream.finished) {
                stream.elapsed = began.elapsed();
            }
        }
        if !self.is_done() && !self.shared.session.is_cancelled() {
            self.broken(ReadError::system("internal error: the workers ended early"))?;
        }
        if !self.shared.session.is_cancelled() {
            for stream in 0..self.streams.len() {
                if self.streams[stream].finished && self.streams[stream].errors.is_empty() {
                    self.note(stream, Step::Over);
                }
            }
        }
        self.tell_progress()
    }

    pub(super) fn is_done(&self) -> bool {
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
        // A read whose records are kept has nobody who would hand a message on.
        if self.shared.options.kept.is_none() {
            for config in self.shared.session.take_changed_configs() {
                let config = Arc::new(config);
                (self.emit)(Message::Control { config })?;
            }
        }
        match event {
            Event::Started { stream } => self.started(stream),
            Event::Records {
                stream,
                unit,
                records,
            } => self.records(stream, unit, records),
            Event::Found { stream, news } => {
                self.found(stream, news);
                Ok(())
            }
            Event::Opened {
                stream,
                unit,
                windows,
            } => {
                self.checkpoints.opened(stream, &unit.slice, windows.len());
                self.cut(stream, unit.number, &windows);
                Ok(())
            }
            Event::Page { stream, unit } => {
                if let Some(journal) = &mut self.journal {
                    journal.open(stream, unit);
                }
                Ok(())
            }
            Event::At {
                stream,
                unit,
                position,
            } => {
                let write = |value: &CursorValue| self.written(stream, value);
                let position = position.map(|position| position.to_value(write));
                self.note(stream, Step::At { unit, position });
                self.tell_progress()
            }
            Event::Begun {
                stream,
                fingerprint,
            } => {
                self.note(stream, Step::Begun { fingerprint });
                self.void(stream, None)
            }
            Event::Again { stream, unit } => {
                self.note(stream, Step::Again { unit });
                self.void(stream, Some(unit))?;
                self.tell_progress()
            }
            Event::Closed {
                stream,
                unit,
                latest,
            } => {
                self.closed(stream, &unit, latest)?;
                self.tell_progress()
            }
            Event::Failed {
                stream,
                unit,
                error,
            } => {
                let reason = error.message.clone();
                self.failed(stream, error)?;
                self.note(stream, Step::Failed { unit, reason });
                self.tell_progress()
            }
            Event::Finished { streams } => {
                self.finished(streams)?;
                self.tell_progress()
            }
            Event::Broken { error } => self.broken(error),
        }
    }

    fn closed(
        &mut self,
        stream: usize,
        unit: &Unit,
        latest: Option<CursorValue>,
    ) -> io::Result<()> {
        let written = (latest.as_ref()).and_then(|latest| self.written(stream, latest));
        match self.checkpoints.closed(stream, &unit.slice, latest) {
            Ok(Some(state)) => self.state(stream, state)?,
            Ok(None) => {}
            Err(error) => self.failed(stream, ReadError::system(error.to_string()))?,
        }
        let (unit, latest) = (unit.number, written);
        self.note(stream, Step::Read { unit, latest });
        Ok(())
    }

    fn started(&mut self, stream: usize) -> io::Result<()> {
        if std::mem::replace(&mut self.streams[stream].started, true) {
            return Ok(());
        }
        self.began[stream] = Some(monotonic());
        self.status(stream, StreamStatus::Started)
    }

    fn records(&mut self, stream: usize, unit: u64, records: Vec<Data>) -> io::Result<()> {
        if self.counted[stream] == 0 {
            self.status(stream, StreamStatus::Running)?;
        }
        self.counted[stream] += records.len() as u64;
        let stream = Arc::clone(&self.streams[stream].name);
        (self.emit)(Message::Records {
            stream,
            unit,
            records,
        })
    }

    /// The run cannot go on: all streams that have not finished fail.
    fn broken(&mut self, error: ReadError) -> io::Result<()> {
        let error = error.masked(self.shared.session.secrets());
        let open = (0..self.streams.len()).filter(|&stream| !self.streams[stream].finished);
        let open: Vec<usize> = open.collect();
        for &stream in &open {
            if self.streams[stream].selected {
                let failure = self.failure(stream, &error);
                (self.emit)(Message::Failure(failure))?;
            }
            self.streams[stream].errors.push(error.clone());
        }
        self.finished(open)
    }

    /// A stream's failure is also that of the streams below it: partitions of theirs are missing.
    fn failed(&mut self, stream: usize, error: ReadError) -> io::Result<()> {
        let error = error.masked(self.shared.session.secrets());
        let below = self.below(stream);
        if self.streams[stream].selected {
            let failure = self.failure(stream, &error);
            (self.emit)(Message::Failure(failure))?;
        }
        for child in below {
            let mut told = error.clone();
            told.message = format!(
                "partitions are missing, because the parent `{}` failed: {}",
                self.streams[stream].name, error.message
            );
            if self.streams[child].selected && self.streams[child].errors.is_empty() {
                let failure = Failure {
                    parent: Some(Arc::clone(&self.streams[stream].name)),
                    ..self.failure(child, &told)
                };
                (self.emit)(Message::Failure(failure))?;
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

    pub(super) fn finished(&mut self, streams: Vec<usize>) -> io::Result<()> {
        for stream in streams {
            self.started(stream)?;
            if std::mem::replace(&mut self.streams[stream].finished, true) {
                continue;
            }
            let elapsed = self.began[stream].map(|began| began.elapsed());
            self.streams[stream].elapsed = elapsed.unwrap_or_default();
            self.settle(stream);
            let (mut notes, remarks) = self.shared.notices(stream);
            for note in &notes {
                let message = format!("stream `{}`: {note}", self.streams[stream].name);
                (self.emit)(Message::Log(Log {
                    level: Level::Warn,
                    message,
                }))?;
            }
            notes.extend(remarks);
            self.streams[stream].notes = notes;
            if self.streams[stream].selected {
                let (count, name) = (self.counted[stream], &self.streams[stream].name);
                self.info(format!("Read {count} records from {name} stream"))?;
                self.state(stream, self.checkpoints.state(stream))?;
            }
            let is_whole = self.streams[stream].errors.is_empty();
            self.note(stream, Step::Ended { is_whole });
            if is_whole {
                for Edge {
                    child,
                    input,
                    parent,
                } in &self.shared.plan.nodes[stream].children
                {
                    let (input, parent) = (*input, *parent);
                    self.note(*child, Step::Fed { input, parent });
                }
            }
            let status = if is_whole {
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

    /// A log in the words of the reference, which tools look for (airbyte-cdk 7.39.1,
    /// `concurrent_read_processor.py`, `stream_logger`).
    fn info(&mut self, message: String) -> io::Result<()> {
        let level = Level::Info;
        (self.emit)(Message::Log(Log { level, message }))
    }

    fn status(&mut self, stream: usize, status: StreamStatus) -> io::Result<()> {
        if !self.streams[stream].selected {
            return Ok(());
        }
        let name = Arc::clone(&self.streams[stream].name);
        match status {
            StreamStatus::Started => {
                self.info(format!("Marking stream {name} as STARTED"))?;
                self.info(format!("Syncing stream: {name}"))?;
            }
            StreamStatus::Running => self.info(format!("Marking stream {name} as RUNNING"))?,
            StreamStatus::Complete | StreamStatus::Incomplete => {
                self.info(format!("Marking stream {name} as STOPPED"))?;
                self.info(format!("Finished syncing {name}"))?;
            }
        }
        let stream = name;
        (self.emit)(Message::Status { stream, status })
    }

    /// A stream's failure as it crosses to the output. The line of the manifest that it draws may
    /// hold credentials too.
    fn failure(&self, stream: usize, error: &ReadError) -> Failure {
        let drawn = error.to_string();
        Failure {
            message: error.sentence(),
            internal_message: Some(self.shared.session.secrets().mask(&drawn)),
            cause: error.cause(),
            failure_type: error.failure_type,
            stream: Some(Arc::clone(&self.streams[stream].name)),
            ..Failure::default()
        }
    }
}

//! What each worker thread does: take a read, have its next page brought, close what has ended.

use super::async_job::Done;
use super::error::ReadError;
use super::queue::Unit;
use super::read::{Latest, PartitionRead};
use super::turn::Turns;
use super::{Event, Shared};
use crate::message::StreamSlice;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, PoisonError};

/// What becomes of a partition after one of its pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It has come to its end, by an error or without.
    Ended,
    /// Its next page is asked for, maybe by another worker already.
    HandedOn,
    /// The run was stopped; the partition, and so its stream, does not come to its end.
    Abandoned,
}

impl Shared {
    /// Works until nothing is left to do.
    pub(super) fn work(&self) {
        loop {
            match self.schedule.next() {
                Ok(Some(read)) => self.step(read),
                Ok(None) => break,
                Err(error) => {
                    self.break_off(&format!(
                        "cannot read the queue of partitions back: {error}"
                    ));
                    break;
                }
            }
        }
    }

    /// Reads one page, and tells of its failure. Whoever has the last page of a partition closes it.
    fn step(&self, read: PartitionRead) {
        let (stream, number, unit) = (read.stream, read.page, read.unit);
        let again = read.is_resumed.then(|| read.again());
        let turns = Arc::clone(&read.turns);
        let (slice, latest) = (Arc::clone(&read.slice), Arc::clone(&read.latest));
        let job = Arc::clone(&read.job);
        let mut fate = Fate::Ended;
        // A panic is a fault of ours; it must not leave the others waiting for this partition.
        let result = catch_unwind(AssertUnwindSafe(|| self.bring(read, &mut fate)))
            .unwrap_or_else(|_| Err(ReadError::system("internal error: a worker panicked")));
        let result = match result {
            Ok(()) if fate == Fate::Ended => {
                let goes_on = self.after_download((stream, unit), number, &turns, &job, &latest);
                goes_on.map(|goes_on| fate = if goes_on { Fate::HandedOn } else { fate })
            }
            result => result,
        };
        if let Err(error) = &result
            && fate == Fate::Ended
            && error.is_refusal()
            && let Some(read) = again
        {
            self.start_over(read);
            return;
        }
        if let Err(mut error) = result
            // What earlier pages hold comes out first.
            && turns.wait(number).is_some()
        {
            if self.session.is_cancelled() {
                fate = fate.interrupted();
                self.close_page(stream, unit, None, &latest);
            } else {
                self.stats[stream].failed.add(1);
                error.slice = describe(&slice).into();
                self.send(Event::Failed {
                    stream,
                    unit,
                    error,
                });
            }
            if self.options.probe {
                self.schedule.stop();
            }
            // Only now may the holder of the last page close the partition: its failure is told.
            turns.fail();
        }
        if fate == Fate::Ended {
            // A page without records has not waited for those before it: their records, and the
            // partitions that they make, come before the end.
            if turns.wait(number).is_none() && self.session.is_cancelled() {
                return;
            }
            if (self.is_kept || self.plan.nodes[stream].cursor.is_some())
                && !turns.has_failed()
                && !self.schedule.is_dropped(stream)
            {
                let latest = latest.lock().unwrap_or_else(PoisonError::into_inner).take();
                let unit = Unit {
                    number: unit,
                    slice,
                };
                self.send(Event::Closed {
                    stream,
                    unit,
                    latest,
                });
            }
            // A check has its answer: the first partition has come to its end.
            if self.options.probe && self.plan.nodes[stream].selected {
                self.schedule.stop();
            }
            self.stats[stream].partitions.add(1);
            self.end(self.schedule.close_partition(stream));
        }
    }

    /// Reads a unit from its beginning whose page token, of an earlier run, is of no use any more.
    pub(super) fn start_over(&self, read: PartitionRead) {
        let (stream, unit) = (read.stream, read.unit);
        self.stats[stream].note(
            "a page token of the run before was refused: that partition is read from its beginning"
                .to_owned(),
        );
        self.send(Event::Again { stream, unit });
        self.schedule.resume(read);
    }

    /// Goes on with the next download of a job, true then; after the last one the job is deleted.
    fn after_download(
        &self,
        (stream, unit): (usize, u64),
        number: u64,
        turns: &Turns,
        job: &Arc<OnceLock<Done>>,
        latest: &Arc<Latest>,
    ) -> Result<bool, ReadError> {
        let retriever = self.plan.nodes[stream].stream.retriever().job();
        let (Some(retriever), Some(done)) = (retriever, job.get()) else {
            return Ok(false);
        };
        if turns.wait(number).is_none() || self.schedule.is_dropped(stream) {
            return Ok(false);
        }
        let Some(slice) = done.next() else {
            return self.delete_job(stream, retriever, done).map(|()| false);
        };
        let unit = Unit {
            number: unit,
            slice,
        };
        let mut read = PartitionRead::new(stream, unit, true);
        read.job = Arc::clone(job);
        read.latest = Arc::clone(latest);
        self.schedule.resume(read);
        Ok(true)
    }

    /// Brings a page, or the windows of a partition that has to be cut first.
    fn bring(&self, read: PartitionRead, fate: &mut Fate) -> Result<(), ReadError> {
        if read.is_cut {
            let job = self.plan.nodes[read.stream].stream.retriever().job();
            let read = match job.filter(|_| read.job.get().is_none()) {
                None => Some(read),
                Some(_) if self.schedule.is_dropped(read.stream) => {
                    drop(read.has_place.then(|| self.schedule.job_place()));
                    None
                }
                Some(retriever) => {
                    self.start(read.stream);
                    self.prepare(retriever, read, fate)?
                }
            };
            return match read {
                Some(read) => self.page(read, fate),
                None => Ok(()),
            };
        }
        let (stream, slice) = (read.stream, read.slice);
        let number = read.unit;
        let cursor = self.plan.nodes[stream].cursor.as_ref();
        let cut = cursor.map_or(Ok(Vec::new()), |cursor| cursor.windows(&slice));
        if cut.is_err() && self.stats[stream].failed.get() > 0 {
            // It fails for each partition, which is told once.
            read.turns.fail();
            return Ok(());
        }
        self.end(self.schedule.cut(stream, Unit { number, slice }, cut?));
        // Its windows stand in its place now.
        *fate = Fate::HandedOn;
        Ok(())
    }
}

impl Fate {
    /// The same in a run that was stopped: what has not ended well does not end at all.
    fn interrupted(self) -> Self {
        match self {
            Self::Ended => Self::Abandoned,
            other => other,
        }
    }
}

/// The slice as a person reads it: JSON, or nothing for a stream with one partition.
fn describe(slice: &StreamSlice) -> String {
    let merged = slice.merged();
    if merged.is_empty() {
        String::new()
    } else {
        serde_json::Value::Object(merged).to_string()
    }
}

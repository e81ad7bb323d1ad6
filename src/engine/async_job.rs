//! Jobs that an API does before there is something to download: created, asked for, ended.
//!
//! In: the slice of a partition. Out: the slices of its downloads, which are read like any pages.
//! As many jobs run at the same time as the schedule has places for; a read without one waits there,
//! and no worker with it.

use super::Shared;
use super::error::ReadError;
use super::exchange::{Answer, Question};
use super::read::PartitionRead;
use super::worker::Fate;
use crate::component::requester::Requester;
use crate::component::retriever::{AsyncRetriever, JobAnswer, JobStatus, slice_of_job};
use crate::message::{FailureType, StreamSlice};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Between two looks at a job, as the reference has it.
const POLL_EVERY: Duration = Duration::from_secs(5);
/// How often a job is created at most.
const ATTEMPTS: u32 = 3;
/// How often in a row a look at a job may fail.
///
/// Differs: the reference looks again without a pause until the job's time is up.
const LOOKS: u32 = 3;

/// A job that is done: what is left to download.
#[derive(Debug)]
pub(super) struct Done {
    targets: Mutex<VecDeque<Arc<StreamSlice>>>,
    /// What the requests about the job are made with.
    slice: Arc<StreamSlice>,
    /// A look at the job that failed: the records come, and then the partition fails.
    trouble: Mutex<Option<ReadError>>,
}

impl Done {
    /// The slice of the next download.
    pub(super) fn next(&self) -> Option<Arc<StreamSlice>> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.pop_front()
    }
}

/// How the looks at a job went.
#[derive(Default)]
struct Looks {
    failed: u32,
    trouble: Option<ReadError>,
}

impl Looks {
    /// Notes one; an error when it is one too many, or for the user to mend.
    fn note(
        &mut self,
        look: Result<(JobStatus, JobAnswer), ReadError>,
    ) -> Result<Option<(JobStatus, JobAnswer)>, ReadError> {
        match look {
            Ok(look) => {
                self.failed = 0;
                Ok(Some(look))
            }
            Err(error) if error.failure_type == FailureType::ConfigError => Err(error),
            Err(error) => {
                self.failed += 1;
                if self.failed >= LOOKS {
                    return Err(error);
                }
                self.trouble.get_or_insert(error);
                Ok(None)
            }
        }
    }
}

/// What became of one job.
enum Ended {
    Done(Done),
    /// There is nothing to download.
    Skipped,
    /// It could not be created.
    NotCreated(ReadError),
    /// The API said so.
    Failed(ReadError),
    TimedOut(ReadError),
}

impl Shared {
    /// Has the job of a partition done. Gives the read back with its first download; none when the
    /// read waits for its place, or there is nothing to download.
    pub(super) fn prepare(
        &self,
        retriever: &AsyncRetriever,
        read: PartitionRead,
        fate: &mut Fate,
    ) -> Result<Option<PartitionRead>, ReadError> {
        let Some(read) = self.schedule.take_job(read) else {
            *fate = Fate::HandedOn;
            return Ok(None);
        };
        let place = self.schedule.job_place();
        let done = self.run_job(read.stream, retriever, &read.slice);
        drop(place);
        if let Err(error) = &done
            && error.failure_type == FailureType::ConfigError
        {
            // What the user has to mend is not tried again with other partitions.
            self.schedule.drop_stream(read.stream);
        }
        let done = done?;
        let Some(done) = done else {
            // As in the reference, a skipped partition is not closed: its window is read again.
            read.turns.fail();
            return Ok(None);
        };
        let first = done.next();
        // Nobody else holds this read, so it is set once.
        let _ = read.job.set(done);
        Ok(first.map(|slice| read.of_slice(slice)))
    }

    /// Deletes a job whose downloads are at their end, and tells of the trouble that it gave.
    pub(super) fn delete_job(
        &self,
        stream: usize,
        retriever: &AsyncRetriever,
        job: &Done,
    ) -> Result<(), ReadError> {
        if let Some(requester) = retriever.delete() {
            self.ask_job(stream, requester, &job.slice)?;
        }
        let mut trouble = job.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.take().map_or(Ok(()), Err)
    }

    fn run_job(
        &self,
        stream: usize,
        retriever: &AsyncRetriever,
        slice: &Arc<StreamSlice>,
    ) -> Result<Option<Done>, ReadError> {
        let mut attempt = 1;
        loop {
            let (error, wait) = match self.one_job(stream, retriever, slice)? {
                Ended::Done(done) => return Ok(Some(done)),
                Ended::Skipped => return Ok(None),
                Ended::Failed(error) => (error, retriever.retry_wait(&self.session.config)?),
                Ended::NotCreated(error) | Ended::TimedOut(error) => (error, None),
            };
            if attempt >= ATTEMPTS {
                return Err(ReadError {
                    message: format!("gave up after {attempt} jobs: {}", error.message),
                    ..error
                });
            }
            attempt += 1;
            self.stats[stream].retries.add(1);
            self.wait(wait.map_or(POLL_EVERY, Duration::from_secs))?;
        }
    }

    fn one_job(
        &self,
        stream: usize,
        retriever: &AsyncRetriever,
        slice: &Arc<StreamSlice>,
    ) -> Result<Ended, ReadError> {
        let config = &self.session.config;
        let created = match self.ask_job(stream, retriever.creation(), slice) {
            Ok(Some(created)) if created.response.status < 400 => created,
            Ok(_) => {
                let message = "the request that creates the job brought no answer";
                return Ok(Ended::NotCreated(ReadError::system(message)));
            }
            // What the user has to mend is not tried again.
            Err(error) if error.failure_type == FailureType::ConfigError => return Err(error),
            Err(error) => return Ok(Ended::NotCreated(error)),
        };
        let creation = created.context()?;
        let known = [("creation_response", creation.clone())];
        let about = slice_of_job(slice, known);
        let began = config.clock().now();
        let most = retriever.timeout(config)?;
        let mut looks = Looks::default();
        loop {
            if self.schedule.is_dropped(stream) {
                self.abort_job(stream, retriever, &about);
                return Ok(Ended::Skipped);
            }
            let took = (config.clock().now() - began) / 1_000_000;
            let look = if took <= most {
                let look = self.look_at_job(stream, retriever, &about);
                if self.session.is_cancelled() {
                    return Err(ReadError::system("the run was asked to stop"));
                }
                looks.note(look)?
            } else {
                self.abort_job(stream, retriever, &about);
                let message = format!("the job was not done after {took} seconds");
                return Ok(Ended::TimedOut(ReadError::system(message)));
            };
            match look {
                Some((JobStatus::Completed, polled)) => {
                    let mut done = self.done(stream, retriever, &about, &creation, &polled)?;
                    done.trouble = Mutex::new(looks.trouble);
                    return Ok(Ended::Done(done));
                }
                Some((JobStatus::Skipped, _)) => return Ok(Ended::Skipped),
                Some((JobStatus::Failed, _)) => {
                    let error = ReadError::system("the API says that the job failed");
                    return Ok(Ended::Failed(error));
                }
                Some((JobStatus::TimedOut, _)) => {
                    self.abort_job(stream, retriever, &about);
                    let error = ReadError::system("the API says that the job took too long");
                    return Ok(Ended::TimedOut(error));
                }
                Some((JobStatus::Running, _)) | None => self.wait(POLL_EVERY)?,
            }
        }
    }

    /// Asks how a job stands.
    fn look_at_job(
        &self,
        stream: usize,
        retriever: &AsyncRetriever,
        about: &Arc<StreamSlice>,
    ) -> Result<(JobStatus, JobAnswer), ReadError> {
        let polled = self.ask_job(stream, retriever.polling(), about)?;
        let polled = polled.ok_or_else(|| {
            ReadError::system("the request for the job's status brought no answer")
        })?;
        let status = retriever.status(&polled.response, &self.session.config)?;
        Ok((status, polled))
    }

    /// Ends a job, if there is a request for it; that it cannot be ended is no failure.
    fn abort_job(&self, stream: usize, retriever: &AsyncRetriever, about: &Arc<StreamSlice>) {
        if let Some(requester) = retriever.abort()
            && let Err(error) = self.ask_job(stream, requester, about)
        {
            let note = format!("a job could not be ended: {}", error.message);
            self.stats[stream].note(note);
        }
    }

    /// What there is to download of a job that is done.
    fn done(
        &self,
        stream: usize,
        retriever: &AsyncRetriever,
        about: &Arc<StreamSlice>,
        creation: &Value,
        polled: &JobAnswer,
    ) -> Result<Done, ReadError> {
        let config = &self.session.config;
        let polling = polled.context()?;
        let targets = match retriever.targets() {
            None => retriever.targets_in(&polled.response, config)?,
            Some(requester) => {
                let known = [("polling_response", polling.clone())];
                let slice = slice_of_job(&StreamSlice::default(), known);
                let answer = self.ask_job(stream, requester, &slice)?;
                let answer = answer.filter(|answer| answer.response.status < 400);
                let answer = answer.ok_or_else(|| {
                    ReadError::system("the request for the results' addresses brought no answer")
                })?;
                retriever.targets_in(&answer.response, config)?
            }
        };
        let of_target = |target| {
            let known = [
                ("download_target", target),
                ("creation_response", creation.clone()),
                ("polling_response", polling.clone()),
            ];
            slice_of_job(about, known)
        };
        Ok(Done {
            targets: Mutex::new(targets.into_iter().map(of_target).collect()),
            slice: Arc::clone(about),
            trouble: Mutex::default(),
        })
    }

    /// Sends a request about a job; none when its answer is to be ignored.
    fn ask_job(
        &self,
        stream: usize,
        requester: &Requester,
        slice: &Arc<StreamSlice>,
    ) -> Result<Option<JobAnswer>, ReadError> {
        let (answer, request) = self.ask(&Question::plain(stream, requester.get(), slice))?;
        match answer {
            Answer::Page(response) => Ok(Some(JobAnswer { request, response })),
            Answer::Stopped => Err(ReadError::system("the run was asked to stop")),
            Answer::Nothing | Answer::Reset | Answer::Smaller(_) | Answer::Split(_) => Ok(None),
        }
    }

    fn wait(&self, duration: Duration) -> Result<(), ReadError> {
        let slept = self.session.gate.sleep(duration);
        slept.map_err(|_| ReadError::system("the run was asked to stop"))
    }
}

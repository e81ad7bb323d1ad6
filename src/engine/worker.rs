//! What each worker thread does: take a read, bring its next page, hand its records on.

use super::async_job::Done;
use super::chunks::Gathered;
use super::error::ReadError;
use super::exchange::Answer;
use super::read::{Latest, PartitionRead};
use super::turn::Turns;
use super::{Event, Shared};
use crate::component::ComponentError;
use crate::component::authenticator::Session as _;
use crate::component::cursor::Cursor;
use crate::component::decoder::Page;
use crate::component::paginator::{PageInfo, Paginator};
use crate::component::record_filter::{Selecting, Selection};
use crate::component::retriever::{PaginationReset, Retriever, SimpleRetriever};
use crate::http::Response;
use crate::message::{Data, StreamSlice};
use crate::plan::StreamNode;
use crate::template::{self, Config};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, PoisonError};

/// How often the pagination of one partition may start before it is called a loop.
///
/// As airbyte-cdk 7.39.1, `pagination_tracker.py`.
const START_LIMIT: u32 = 2;

/// A page that came, and what it was asked for with.
pub(super) struct Around<'a> {
    pub(super) response: &'a Response,
    pub(super) page: &'a Page,
    pub(super) slice: &'a Arc<StreamSlice>,
    pub(super) token: Option<&'a Value>,
    pub(super) page_size: Option<i64>,
}

/// What was selected from a page.
#[derive(Default)]
pub(super) struct Seen {
    selected: u64,
    read: u64,
    last: Option<Data>,
}

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

impl Seen {
    pub(super) fn of(selection: &Selection) -> Self {
        Self {
            selected: selection.records.len() as u64,
            read: selection.read,
            last: selection.records.last().cloned(),
        }
    }
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
        let (stream, number) = (read.stream, read.page);
        let turns = Arc::clone(&read.turns);
        let (slice, latest) = (Arc::clone(&read.slice), Arc::clone(&read.latest));
        let job = Arc::clone(&read.job);
        let mut fate = Fate::Ended;
        // A panic is a fault of ours; it must not leave the others waiting for this partition.
        let result = catch_unwind(AssertUnwindSafe(|| self.bring(read, &mut fate)))
            .unwrap_or_else(|_| Err(ReadError::system("internal error: a worker panicked")));
        let result = match result {
            Ok(()) if fate == Fate::Ended => {
                let goes_on = self.after_download(stream, number, &turns, &job, &latest);
                goes_on.map(|goes_on| fate = if goes_on { Fate::HandedOn } else { fate })
            }
            result => result,
        };
        if let Err(mut error) = result
            // What earlier pages hold comes out first.
            && turns.wait(number).is_some()
        {
            if self.session.is_cancelled() {
                fate = fate.interrupted();
            } else {
                self.stats[stream].failed.add(1);
                error.slice = describe(&slice).into();
                self.send(Event::Failed { stream, error });
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
            if self.plan.nodes[stream].cursor.is_some()
                && !turns.has_failed()
                && !self.schedule.is_dropped(stream)
            {
                let latest = latest.lock().unwrap_or_else(PoisonError::into_inner).take();
                self.send(Event::Closed {
                    stream,
                    slice,
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

    /// Goes on with the next download of a job, true then; after the last one the job is deleted.
    fn after_download(
        &self,
        stream: usize,
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
        let mut read = PartitionRead::new(stream, slice, true);
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
                    self.send(Event::Started {
                        stream: read.stream,
                    });
                    self.prepare(retriever, read, fate)?
                }
            };
            return match read {
                Some(read) => self.page(read, fate),
                None => Ok(()),
            };
        }
        let (stream, slice) = (read.stream, read.slice);
        let mut windows = Vec::new();
        if let Some(cursor) = &self.plan.nodes[stream].cursor {
            let cut = cursor.windows(&slice);
            let cut = cut.map_err(|error| ReadError::system(error.to_string()))?;
            windows.extend(cut.into_iter().map(Arc::new));
        }
        self.send(Event::Opened {
            stream,
            slice,
            windows: windows.len(),
        });
        self.end(self.schedule.cut(stream, windows));
        // Its windows stand in its place now.
        *fate = Fate::HandedOn;
        Ok(())
    }

    /// Brings one page and hands its records on. `fate` holds even when it ends by a panic.
    fn page(&self, mut read: PartitionRead, fate: &mut Fate) -> Result<(), ReadError> {
        let stream = read.stream;
        if self.schedule.is_stopped() {
            *fate = Fate::Abandoned;
            return Ok(());
        }
        if read.turns.has_failed() || self.schedule.is_dropped(stream) {
            return Ok(());
        }
        let node = &self.plan.nodes[stream];
        let retriever = node.retriever();
        let paginator = retriever.paginator();
        let config = &self.session.config;
        if read.page == 0 {
            self.send(Event::Started { stream });
            read.token = initial_token(paginator, config)?;
        }
        let chunks = self.chunks(stream, retriever, &read.slice)?;
        let (request_slice, earlier) = match chunks.split_last() {
            Some((last, earlier)) => (last, earlier),
            None => (&read.slice, &[][..]),
        };
        let mut gathered = Gathered::of(retriever);
        let (asked, page_size) = (read.token.as_ref(), read.size.reduced);
        for slice in earlier {
            let answer = self.exchange(stream, retriever, slice, asked, page_size)?;
            if let Answer::Page(response) = answer {
                gathered.add(self.selected(node, slice, response)?);
            }
        }
        let answer = self.exchange(stream, retriever, request_slice, asked, page_size)?;
        let response = match answer {
            Answer::Page(response) => response,
            Answer::Nothing => {
                let records = gathered.finish();
                if !records.is_empty()
                    && let Some(turn) = read.turns.wait(read.page)
                {
                    self.feed(node, stream, &read.slice, &records)?;
                    self.hand_out(node, stream, &read.slice, records);
                    turn.pass();
                }
                return Ok(());
            }
            Answer::Stopped => {
                *fate = Fate::Abandoned;
                return Ok(());
            }
            Answer::Reset => {
                if let Some(turn) = read.turns.wait(read.page) {
                    turn.pass();
                }
                return self.start_again(read, paginator, fate);
            }
            Answer::Smaller(rejection) => {
                return self.shrink(read, retriever, rejection.as_deref(), fate);
            }
        };
        if let Some(reduction) = retriever.page_size_reduction() {
            reduction.succeeded(&mut read.size);
        }
        if read.goes_round(&response.body) {
            return Err(self.loop_error(&read));
        }
        // The reference reads no records from a response with an error status, even where its error
        // handler calls it a success (`requests.Response` is false from 400 on).
        // Differs: its page token counts, so that an API which hands out its first token with an
        // error status, as Asana's events do with 412, can be read.
        let readable = response.status < 400;
        let mut response = response;
        let page = retriever.decode(std::mem::take(&mut response.body));
        if let Some(warning) = &page.warning {
            self.stats[stream].note(self.session.secrets().mask(warning));
        }
        let (turns, number) = (Arc::clone(&read.turns), read.page);
        let latest = Arc::clone(&read.latest);
        let (slice, token) = (Arc::clone(&read.slice), read.token.clone());

        // The next page is asked for before this one is worked on, if its token can be known.
        let mut read = Some(read);
        let mut token_error = None;
        let around = Around {
            response: &response,
            page: &page,
            slice: &slice,
            token: token.as_ref(),
            page_size,
        };
        let is_feed = node.stream.cursor().is_some_and(Cursor::is_data_feed);
        let is_client_side = node.stream.cursor().is_some_and(Cursor::is_client_side);
        let synced = (node.cursor.as_ref())
            .filter(|_| is_feed || is_client_side)
            .map(|cursor| cursor.synced(&slice));
        let limit = (retriever.pagination_reset()).and_then(PaginationReset::limit);
        if self.options.read_ahead
            && !is_feed
            && limit.is_none()
            && !paginator.is_some_and(|paginator| paginator.get().needs_records())
        {
            match self.next_token(paginator, &around, None) {
                Ok(Some(next)) => {
                    if let Some(read) = read.take() {
                        self.schedule.resume(read.after(Some(next)));
                        *fate = Fate::HandedOn;
                    }
                }
                Ok(None) => read = None,
                Err(error) => token_error = Some(error),
            }
        }

        let fetch = |retriever: &Retriever, slice: &Arc<StreamSlice>| {
            self.read_whole(stream, retriever, slice)
        };
        let selecting = Selecting {
            fetch: Some(&fetch),
            slice: &slice,
            token: None,
            transformations: node.stream.transformations(),
            schema: node.schema.as_ref(),
            config,
            // A feed's pages have to be seen whole to know where they end.
            synced: synced.as_ref().filter(|_| !is_feed),
            transform_first: is_client_side,
        };
        let (selection, select_error) = if readable {
            match retriever.record_selector().select(&page, &selecting) {
                Ok(selection) => (selection, None),
                Err(error) => (error.before, Some(error.error)),
            }
        } else {
            (Selection::default(), None)
        };
        let mut selection = gathered.with(selection);
        let Some(turn) = turns.wait(number) else {
            return Ok(());
        };
        let seen = Seen::of(&selection);
        self.stats[stream]
            .filtered
            .add(seen.read.saturating_sub(seen.selected));
        let at_end = match &synced {
            Some(synced) if is_feed => {
                selection.records.retain(|record| synced.keeps(record));
                seen.last.as_ref().is_some_and(|last| !synced.keeps(last))
            }
            _ => false,
        };
        if self.plan.is_tracked(stream)
            && let Some(cursor) = &node.cursor
        {
            let mut latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
            for value in selection.records.iter().filter_map(|r| cursor.value_of(r)) {
                *latest = Some(match latest.take() {
                    Some(before) => before.later(value),
                    None => value,
                });
            }
        }
        self.feed(node, stream, &slice, &selection.records)?;
        self.hand_out(node, stream, &slice, selection.records);
        if let Some(error) = select_error.or(token_error) {
            return Err(error.into());
        }
        turn.pass();
        if let Some(read) = &mut read {
            read.records += seen.selected;
        }
        let limited = |read: &PartitionRead| limit.is_some_and(|limit| read.records >= limit);
        if let Some(read) = read.take_if(|read| limited(read)) {
            return self.start_again(read, paginator, fate);
        }
        if let Some(read) = read.filter(|_| !at_end)
            && let Some(next) = self.next_token(paginator, &around, Some(&seen))?
        {
            self.schedule.resume(read.after(Some(next)));
            *fate = Fate::HandedOn;
        }
        Ok(())
    }

    /// Asks for the first page again.
    fn start_again(
        &self,
        mut read: PartitionRead,
        paginator: Option<&Paginator>,
        fate: &mut Fate,
    ) -> Result<(), ReadError> {
        read.resets += 1;
        if read.resets >= START_LIMIT {
            return Err(ReadError::system(format!(
                "the pagination was started {START_LIMIT} times, and did not come to its end"
            )));
        }
        read.records = 0;
        let token = initial_token(paginator, &self.session.config)?;
        self.schedule.resume(read.after(token));
        *fate = Fate::HandedOn;
        Ok(())
    }

    /// Asks for the same page again with fewer records, after a wait.
    fn shrink(
        &self,
        mut read: PartitionRead,
        retriever: &SimpleRetriever,
        rejection: Option<&str>,
        fate: &mut Fate,
    ) -> Result<(), ReadError> {
        let (Some(reduction), Some(paginator)) =
            (retriever.page_size_reduction(), retriever.paginator())
        else {
            return Err(ReadError::system("no `page_size_reduction` is declared"));
        };
        let configured = paginator.get().page_size(&self.session.config)?;
        let wait = reduction.reduce(&mut read.size, configured, rejection)?;
        self.stats[read.stream].retries.add(1);
        if self.session.gate.sleep(wait).is_ok() {
            self.schedule.resume(read);
            *fate = Fate::HandedOn;
        } else {
            *fate = Fate::Abandoned;
        }
        Ok(())
    }

    /// What asks for the page after this one; `seen` is there once its records are selected.
    pub(super) fn next_token(
        &self,
        paginator: Option<&Paginator>,
        around: &Around<'_>,
        seen: Option<&Seen>,
    ) -> Result<Option<Value>, ComponentError> {
        let Some(paginator) = paginator else {
            return Ok(None);
        };
        let page = PageInfo {
            response: around.response,
            body: template::lazy(Arc::new(around.page.first().clone())),
            last_page_size: seen.map_or(0, |seen| seen.selected),
            read: seen.map_or(0, |seen| seen.read),
            last_record: seen.and_then(|seen| seen.last.as_ref()),
            page_size: around.page_size,
            config: &self.session.config,
            slice: around.slice,
        };
        paginator.get().next_token(&page, around.token)
    }

    /// Gives each child the partitions that these records make.
    fn feed(
        &self,
        node: &StreamNode,
        stream: usize,
        slice: &Arc<StreamSlice>,
        records: &[Data],
    ) -> Result<(), ReadError> {
        for edge in &node.children {
            let child = &self.plan.nodes[edge.child];
            let Some(parent) = child.parent(edge) else {
                continue;
            };
            let mut slices = Vec::with_capacity(records.len());
            for record in records {
                match parent.partition_of(record, slice, &self.session.config)? {
                    Some(partition) => slices.push(partition),
                    None => {
                        self.stats[stream].keyless.add(1);
                    }
                }
            }
            self.schedule.feed(edge, slices).map_err(|error| {
                ReadError::system(format!("cannot keep the queue of partitions: {error}"))
            })?;
        }
        Ok(())
    }

    /// Sends records to the output, as many as are wanted.
    fn hand_out(
        &self,
        node: &StreamNode,
        stream: usize,
        slice: &Arc<StreamSlice>,
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
            None => self.send(Event::Records { stream, records }),
        }
    }

    fn loop_error(&self, read: &PartitionRead) -> ReadError {
        let token = read.token.as_ref().map_or_else(
            || "no token".to_owned(),
            |token| format!("the page token `{token}`"),
        );
        ReadError {
            help: Some(
                "give the paginator a `stop_condition`, or check the path of its `cursor_value`"
                    .into(),
            ),
            ..ReadError::system(format!(
                "the pagination goes round in a circle: {token} brings the same page again and again"
            ))
        }
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

/// What asks for the first page.
pub(super) fn initial_token(
    paginator: Option<&Paginator>,
    config: &Config,
) -> Result<Option<Value>, ComponentError> {
    paginator.map_or(Ok(None), |paginator| paginator.get().initial_token(config))
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

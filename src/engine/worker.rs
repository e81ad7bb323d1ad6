//! What each worker thread does: take a read, bring its next page, hand its records on.

use super::async_job::Done;
use super::error::ReadError;
use super::exchange::Answer;
use super::read::{Latest, PartitionRead};
use super::turn::{Turn, Turns};
use super::{Event, Shared};
use crate::component::ComponentError;
use crate::component::cursor::Cursor;
use crate::component::decoder::Page;
use crate::component::paginator::{PageInfo, Paginator};
use crate::component::record_filter::{Selecting, Selection};
use crate::http::Response;
use crate::message::{Data, StreamSlice};
use crate::plan::StreamNode;
use crate::template::{self, Config};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, PoisonError};

/// How often the pagination of one partition may start again before it is called a loop.
const RESET_LIMIT: u32 = 10;

/// A page that came, and what it was asked for with.
struct Around<'a> {
    response: &'a Response,
    page: &'a Page,
    slice: &'a Arc<StreamSlice>,
    token: Option<&'a Value>,
}

/// What was selected from a page.
struct Seen {
    selected: u64,
    read: u64,
    last: Option<Data>,
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
        let slice = Arc::clone(&read.slice);
        let latest = Arc::clone(&read.latest);
        let job = Arc::clone(&read.job);
        let (is_cut, mut handed_on) = (read.is_cut, false);
        let mut held = None;
        // A panic is a fault of ours; it must not leave the others waiting for this partition.
        let result = catch_unwind(AssertUnwindSafe(|| {
            self.bring(read, &turns, &mut held, &mut handed_on)
        }))
        .unwrap_or_else(|_| Err(ReadError::system("internal error: a worker panicked")));
        let result = match result {
            Ok(()) if !handed_on => self.after_download(stream, number, &turns, &job, &latest),
            result => result.map(|()| false),
        };
        handed_on |= matches!(result, Ok(true));
        let failure = result.err().filter(|_| !self.session.is_cancelled());
        if let Some(mut error) = failure {
            // What earlier pages hold comes out first, and nothing of later ones.
            let turn = held.take().or_else(|| turns.wait(number));
            if turn.is_some() && turns.fail() {
                self.stats[stream].failed.add(1);
                error.slice = describe(&slice);
                self.send(Event::Failed { stream, error });
            }
        }
        drop(held);
        if !handed_on && !is_cut && !turns.has_failed() {
            // Its windows stand in its place now.
            return;
        }
        if !handed_on {
            if !turns.has_failed()
                && !self.session.is_cancelled()
                && !self.schedule.is_dropped(stream)
                && self.plan.nodes[stream].cursor.is_some()
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
        drop(turns.wait(number));
        if turns.has_failed() || self.schedule.is_dropped(stream) {
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
    fn bring<'t>(
        &self,
        read: PartitionRead,
        turns: &'t Turns,
        held: &mut Option<Turn<'t>>,
        handed_on: &mut bool,
    ) -> Result<(), ReadError> {
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
                    self.prepare(retriever, read, handed_on)?
                }
            };
            return match read {
                Some(read) => self.page(read, turns, held, handed_on),
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
        Ok(())
    }

    /// Brings one page and hands its records on. `handed_on` is set when the next page is. An error
    /// leaves the page's turn in `held`, so that no later page comes before it.
    fn page<'t>(
        &self,
        mut read: PartitionRead,
        turns: &'t Turns,
        held: &mut Option<Turn<'t>>,
        handed_on: &mut bool,
    ) -> Result<(), ReadError> {
        let stream = read.stream;
        if turns.has_failed() || self.schedule.is_dropped(stream) {
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
        let response = match self.exchange(stream, retriever, &read)? {
            Answer::Page(response) => response,
            Answer::Nothing => return Ok(()),
            Answer::Reset => {
                read.resets += 1;
                if read.resets > RESET_LIMIT {
                    return Err(ReadError::system(format!(
                        "the pagination was started again {RESET_LIMIT} times, and never came to its end"
                    )));
                }
                *handed_on = true;
                let token = initial_token(paginator, config)?;
                drop(read.turns.wait(read.page));
                self.schedule.resume(read.after(token));
                return Ok(());
            }
        };
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
        let (number, latest) = (read.page, Arc::clone(&read.latest));
        let (slice, token) = (Arc::clone(&read.slice), read.token.clone());

        // The next page is asked for before this one is worked on, if its token can be known.
        let mut read = Some(read);
        let mut token_error = None;
        let around = Around {
            response: &response,
            page: &page,
            slice: &slice,
            token: token.as_ref(),
        };
        let is_feed = node.stream.cursor().is_some_and(Cursor::is_data_feed);
        let is_client_side = node.stream.cursor().is_some_and(Cursor::is_client_side);
        let synced = (node.cursor.as_ref())
            .filter(|_| is_feed || is_client_side)
            .map(|cursor| cursor.synced(&slice));
        if self.options.read_ahead
            && !is_feed
            && !paginator.is_some_and(|paginator| paginator.get().needs_records())
        {
            match self.next_token(paginator, &around, None) {
                Ok(Some(next)) => {
                    if let Some(read) = read.take() {
                        self.schedule.resume(read.after(Some(next)));
                        *handed_on = true;
                    }
                }
                Ok(None) => read = None,
                Err(error) => token_error = Some(error),
            }
        }

        let selecting = Selecting {
            slice: &slice,
            token: None,
            transformations: node.stream.transformations(),
            schema: node.schema.as_ref(),
            config,
            // A feed's pages have to be seen whole to know where they end.
            synced: synced.as_ref().filter(|_| !is_feed),
            transform_first: is_client_side,
        };
        let (mut selection, select_error) = if readable {
            match retriever.record_selector().select(&page, &selecting) {
                Ok(selection) => (selection, None),
                Err(error) => (error.before, Some(error.error)),
            }
        } else {
            (Selection::default(), None)
        };
        let Some(turn) = turns.wait(number) else {
            return Ok(());
        };
        let seen = Seen {
            selected: selection.records.len() as u64,
            read: selection.read,
            last: selection.records.last().cloned(),
        };
        self.stats[stream]
            .filtered
            .add(seen.read.saturating_sub(seen.selected));
        *held = Some(turn);
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
        drop(held.take());
        if let Some(read) = read.filter(|_| !at_end)
            && let Some(next) = self.next_token(paginator, &around, Some(&seen))?
        {
            self.schedule.resume(read.after(Some(next)));
            *handed_on = true;
        }
        Ok(())
    }

    /// What asks for the page after this one; `seen` is there once its records are selected.
    fn next_token(
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
        let before = self.stats[stream].records.add(records.len() as u64);
        if let Some(limit) = self.options.limit {
            let left = limit.saturating_sub(before);
            records.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            if before + records.len() as u64 >= limit && node.children.is_empty() {
                self.schedule.drop_stream(stream);
            }
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

/// What asks for the first page.
fn initial_token(
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

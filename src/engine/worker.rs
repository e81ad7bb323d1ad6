//! What each worker thread does: take a read, bring its next page, hand its records on.

use super::chunks::Gathered;
use super::error::ReadError;
use super::exchange::Answer;
use super::read::PartitionRead;
use super::{Event, Shared};
use crate::component::ComponentError;
use crate::component::decoder::Page;
use crate::component::paginator::{PageInfo, Paginator};
use crate::component::record_filter::{Selecting, Selection};
use crate::component::retriever::{PaginationReset, SimpleRetriever};
use crate::http::Response;
use crate::message::{Data, StreamSlice};
use crate::plan::StreamNode;
use crate::template::{self, Config};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How often the pagination of one partition may start before it is called a loop.
///
/// As airbyte-cdk 7.39.1, `pagination_tracker.py`.
const START_LIMIT: u32 = 2;

/// A page that came, and what it was asked for with.
struct Around<'a> {
    response: &'a Response,
    page: &'a Page,
    slice: &'a Arc<StreamSlice>,
    token: Option<&'a Value>,
    page_size: Option<i64>,
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
        let mut handed_on = false;
        // A panic is a fault of ours; it must not leave the others waiting for this partition.
        let result = catch_unwind(AssertUnwindSafe(|| self.page(read, &mut handed_on)))
            .unwrap_or_else(|_| Err(ReadError::system("internal error: a worker panicked")));
        let failure = result.err().filter(|_| !self.session.is_cancelled());
        if let Some(mut error) = failure {
            // What earlier pages hold comes out first.
            let turn = turns.wait(number);
            if turn.is_some() && turns.fail() {
                self.stats[stream].failed.add(1);
                error.slice = describe(&slice);
                self.send(Event::Failed { stream, error });
            }
        }
        if !handed_on {
            // A check has its answer: the first partition has come to its end.
            if self.options.probe && self.plan.nodes[stream].selected {
                self.schedule.stop();
            }
            self.stats[stream].partitions.add(1);
            self.end(self.schedule.close_partition(stream));
        }
    }

    /// Brings one page and hands its records on. `handed_on` is set when the next page is.
    fn page(&self, mut read: PartitionRead, handed_on: &mut bool) -> Result<(), ReadError> {
        let stream = read.stream;
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
        for slice in earlier {
            if let Answer::Page(response) = self.exchange(stream, retriever, slice, &read)? {
                gathered.add(self.selected(node, slice, response)?);
            }
        }
        let answer = self.exchange(stream, retriever, request_slice, &read)?;
        let page_size = read.size.reduced;
        let response = match answer {
            Answer::Page(response) => response,
            Answer::Nothing => {
                if let Some(_turn) = read.turns.wait(read.page) {
                    self.hand_out(node, stream, gathered.finish());
                }
                return Ok(());
            }
            Answer::Reset => {
                drop(read.turns.wait(read.page));
                return self.start_again(read, paginator, handed_on);
            }
            Answer::Smaller(rejection) => {
                return self.shrink(read, retriever, rejection.as_deref(), handed_on);
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
        let (turns, number) = (Arc::clone(&read.turns), read.page);
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
        let limit = (retriever.pagination_reset()).and_then(PaginationReset::limit);
        if self.options.read_ahead
            && limit.is_none()
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
        };
        let (selection, select_error) = if readable {
            match retriever.record_selector().select(&page, &selecting) {
                Ok(selection) => (selection, None),
                Err(error) => (error.before, Some(error.error)),
            }
        } else {
            (Selection::default(), None)
        };
        let selection = gathered.with(selection);
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
        self.feed(node, stream, &slice, &selection.records)?;
        self.hand_out(node, stream, selection.records);
        drop(turn);

        if let Some(error) = select_error.or(token_error) {
            return Err(error.into());
        }
        if let Some(read) = &mut read {
            read.records += seen.selected;
        }
        let limited = |read: &PartitionRead| limit.is_some_and(|limit| read.records >= limit);
        if let Some(read) = read.take_if(|read| limited(read)) {
            return self.start_again(read, paginator, handed_on);
        }
        if let Some(read) = read
            && let Some(next) = self.next_token(paginator, &around, Some(&seen))?
        {
            self.schedule.resume(read.after(Some(next)));
            *handed_on = true;
        }
        Ok(())
    }

    /// Asks for the first page again.
    fn start_again(
        &self,
        mut read: PartitionRead,
        paginator: Option<&Paginator>,
        handed_on: &mut bool,
    ) -> Result<(), ReadError> {
        read.resets += 1;
        if read.resets >= START_LIMIT {
            return Err(ReadError::system(format!(
                "the pagination was started {START_LIMIT} times, and did not come to its end"
            )));
        }
        read.records = 0;
        let token = initial_token(paginator, &self.session.config)?;
        *handed_on = true;
        self.schedule.resume(read.after(token));
        Ok(())
    }

    /// Asks for the same page again with fewer records, after a wait.
    fn shrink(
        &self,
        mut read: PartitionRead,
        retriever: &SimpleRetriever,
        rejection: Option<&str>,
        handed_on: &mut bool,
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
            *handed_on = true;
            self.schedule.resume(read);
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
    fn hand_out(&self, node: &StreamNode, stream: usize, mut records: Vec<Data>) {
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
        if !records.is_empty() {
            self.send(Event::Records { stream, records });
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

//! The way of one page: asked for, selected, handed on, gone on from.
//!
//! In: a read between two pages. Out: its records, in their turn, and the read with its next page.
//! [`Shared::page`] is the way; what it calls stands below in the same order.

use super::Shared;
use super::chunks::Gathered;
use super::delivery::EMBEDDED_PAGE;
use super::error::ReadError;
use super::exchange::Answer;
use super::notice::head;
use super::paging::{Around, Seen, initial_token};
use super::read::{Latest, PartitionRead};
use super::turn::Turns;
use super::worker::Fate;
use crate::component::ComponentError;
use crate::component::cursor::{Cursor, Synced};
use crate::component::decoder::Page;
use crate::component::record_filter::{Selecting, Selection};
use crate::component::retriever::{PaginationReset, Retriever};
use crate::component::transformation::Transformation;
use crate::http::{Headers, Response};
use crate::message::StreamSlice;
use crate::plan::StreamNode;
use serde_json::Value;
use std::sync::{Arc, PoisonError};

/// A page that came, and all that it was asked for with.
struct Came<'a> {
    stream: usize,
    node: &'a StreamNode,
    number: u64,
    /// What the state knows the partition by.
    slice: Arc<StreamSlice>,
    /// What the records are selected with.
    part: Arc<StreamSlice>,
    asked: Arc<StreamSlice>,
    token: Option<Value>,
    page_size: Option<i64>,
    turns: Arc<Turns>,
    latest: Arc<Latest>,
    response: Response,
    page: Page,
    /// The beginning of the body.
    head: Vec<u8>,
    /// Which records are new, where the API does not tell.
    synced: Option<Synced<'a>>,
    /// Whether the first record that is not new ends the pages.
    is_feed: bool,
    /// Whether records that are not new are dropped here.
    is_client_side: bool,
}

/// What is known of the next page before this one is worked on.
struct Ahead {
    /// The read, if it is still here: its next page is not known.
    read: Option<PartitionRead>,
    error: Option<ComponentError>,
    /// Whether there is no next page.
    is_last: bool,
}

impl Ahead {
    /// Nothing is known of the next page of `read`.
    fn none(read: PartitionRead) -> Self {
        Self {
            read: Some(read),
            error: None,
            is_last: false,
        }
    }
}

impl Shared {
    /// Brings one page and hands its records on. `fate` holds even when it ends by a panic.
    pub(super) fn page(&self, mut read: PartitionRead, fate: &mut Fate) -> Result<(), ReadError> {
        if !self.begin(&mut read, fate)? {
            return Ok(());
        }
        let retriever = self.plan.nodes[read.stream].retriever();
        let mut gathered = Gathered::of(retriever);
        let response = match self.ask_for(&read, &mut gathered)? {
            Answer::Page(response) => response,
            other => return self.without_page(read, other, gathered, fate),
        };
        if read.goes_round(&response.body) {
            return Err(loop_error(&read));
        }
        let came = self.came(&read, response);
        if let Some(reduction) = retriever.page_size_reduction() {
            reduction.succeeded(&mut read.pages.size);
        }
        // No page follows one whose records fail: those that a template may fail on come first.
        let before = came.selects_by_template().then(|| self.select(&came));
        let mut ahead = match &before {
            Some((_, Some(_))) => Ahead::none(read),
            _ => self.ask_ahead(&came, read, fate),
        };
        let (selection, select_error) = before.unwrap_or_else(|| self.select(&came));
        let mut selection = gathered.with(selection);
        let mut failed = select_error.map(ReadError::from);
        if let Some(uploader) = came.node.stream.file_uploader() {
            let uploaded = self.upload(came.stream, uploader, &mut selection.records);
            failed = uploaded.err().or(failed);
        }
        let Some(turn) = came.turns.wait(came.number) else {
            return Ok(());
        };
        let seen = Seen::of(&selection);
        if let Some(read) = &mut ahead.read {
            came.note_newest(read, &selection);
        }
        let is_last = self.take_note(&came, &mut selection, &seen);
        // A check asks for one record, and does not look at those behind it.
        let is_enough = self.options.probe && came.node.selected && !selection.records.is_empty();
        self.feed(came.node, came.stream, &came.slice, &selection.records)?;
        self.hand_out(came.node, came.stream, &came.slice, selection.records);
        let failed = failed.or(ahead.error.map(ReadError::from));
        if let Some(error) = failed.filter(|_| !is_enough) {
            return Err(match came.page.broken {
                None => error,
                Some(_) => self.unread(error, &came.around(), &came.head),
            });
        }
        turn.pass();
        let is_download = came.node.stream.retriever().job().is_some();
        let seen = if is_download {
            seen.of_download()
        } else {
            seen
        };
        match ahead.read {
            Some(read) => self.go_on(&came, read, &seen, is_last, fate),
            None => {
                if ahead.is_last {
                    self.notice_end(came.stream, &came.around(), &seen);
                }
                Ok(())
            }
        }
    }

    /// Whether the page is wanted still. Before its first one, the partition is told of.
    fn begin(&self, read: &mut PartitionRead, fate: &mut Fate) -> Result<bool, ReadError> {
        if self.schedule.is_stopped() {
            *fate = Fate::Abandoned;
            return Ok(false);
        }
        if read.turns.has_failed() || self.schedule.is_dropped(read.stream) {
            return Ok(false);
        }
        if read.page == 0 {
            self.start(read.stream);
        }
        let is_begun = std::mem::replace(&mut read.pages.are_begun, true);
        if !is_begun && !self.plan.nodes[read.stream].is_lazy {
            let paginator = self.plan.nodes[read.stream].retriever().paginator();
            read.pages.token = initial_token(paginator, &self.session.config)?;
        }
        Ok(true)
    }

    /// Asks for the page, unless it stands in the record of a parent: once, or once for each chunk of
    /// properties. All chunks but the last are gathered here.
    fn ask_for(
        &self,
        read: &PartitionRead,
        gathered: &mut Gathered<'_>,
    ) -> Result<Answer, ReadError> {
        let stream = read.stream;
        let node = &self.plan.nodes[stream];
        let retriever = node.retriever();
        if node.is_lazy
            && read.page == 0
            && let Some(page) = read.slice.extra_fields.get(EMBEDDED_PAGE)
        {
            return Ok(Answer::Page(Response {
                status: 200,
                headers: Headers::default(),
                body: page.to_string().into_bytes(),
                wire_bytes: 0,
            }));
        }
        let (token, size) = (read.pages.token.as_ref(), read.pages.size.reduced);
        let chunks = self.chunks(stream, retriever, &read.pages.asked)?;
        let (last, earlier) = match chunks.split_last() {
            Some((last, earlier)) => (last, earlier),
            None => (&read.pages.asked, &[][..]),
        };
        for slice in earlier {
            let answer = self.exchange(stream, retriever, slice, token, size)?;
            if let Answer::Page(response) = answer {
                gathered.add(self.selected(node, slice, response)?);
            }
        }
        self.exchange(stream, retriever, last, token, size)
    }

    /// Does what the error handler says in place of a page.
    fn without_page(
        &self,
        read: PartitionRead,
        answer: Answer,
        gathered: Gathered<'_>,
        fate: &mut Fate,
    ) -> Result<(), ReadError> {
        let stream = read.stream;
        let node = &self.plan.nodes[stream];
        match answer {
            Answer::Page(_) | Answer::Nothing => {
                let records = gathered.finish();
                if (!records.is_empty() || read.has_parts())
                    && let Some(turn) = read.turns.wait(read.page)
                {
                    self.feed(node, stream, &read.slice, &records)?;
                    self.hand_out(node, stream, &read.slice, records);
                    turn.pass();
                    self.proceed(read, None, fate);
                }
                Ok(())
            }
            Answer::Stopped => {
                *fate = Fate::Abandoned;
                Ok(())
            }
            Answer::Reset => {
                if let Some(turn) = read.turns.wait(read.page) {
                    turn.pass();
                }
                self.start_again(read, fate)
            }
            Answer::Split(rejection) => {
                if let Some(turn) = read.turns.wait(read.page) {
                    turn.pass();
                }
                self.split(read, rejection.as_deref(), fate)
            }
            Answer::Smaller(rejection) => self.shrink(read, rejection.as_deref(), fate),
        }
    }

    /// The page of a response, with all that it was asked for with.
    fn came(&self, read: &PartitionRead, mut response: Response) -> Came<'_> {
        let node = &self.plan.nodes[read.stream];
        let head = head(&response.body);
        let page = node.retriever().decode(std::mem::take(&mut response.body));
        let is_feed = node.stream.cursor().is_some_and(Cursor::is_data_feed);
        let is_client_side = node.stream.cursor().is_some_and(Cursor::is_client_side);
        Came {
            stream: read.stream,
            node,
            number: read.page,
            slice: Arc::clone(&read.slice),
            part: Arc::clone(&read.pages.part.slice),
            asked: Arc::clone(&read.pages.asked),
            token: read.pages.token.clone(),
            page_size: read.pages.size.reduced,
            turns: Arc::clone(&read.turns),
            latest: Arc::clone(&read.latest),
            synced: (node.cursor.as_ref())
                .filter(|_| is_feed || is_client_side)
                .map(|cursor| cursor.synced(&read.slice)),
            is_feed,
            is_client_side,
            response,
            page,
            head,
        }
    }

    /// Lets another worker ask for the next page while this one is worked on, if its token can be
    /// known without the records.
    fn ask_ahead(&self, came: &Came<'_>, read: PartitionRead, fate: &mut Fate) -> Ahead {
        let retriever = came.node.retriever();
        let paginator = retriever.paginator();
        let mut ahead = Ahead {
            read: Some(read),
            error: None,
            is_last: false,
        };
        if !self.options.read_ahead
            || came.is_feed
            || came.starts_again()
            || paginator.is_some_and(|paginator| paginator.get().needs_records())
        {
            return ahead;
        }
        match self.next_token(paginator, &came.around(), None) {
            Ok(next) => {
                match &next {
                    Some(_) => self.stats[came.stream].token_path.found(),
                    None => ahead.is_last = true,
                }
                if let Some(read) = ahead.read.take() {
                    self.proceed(read, next, fate);
                }
            }
            Err(error) => ahead.error = Some(error),
        }
        ahead
    }

    /// Selects the records of a page; those before the one that failed count too.
    fn select(&self, came: &Came<'_>) -> (Selection, Option<ComponentError>) {
        // The reference reads no records from a response with an error status, even where its error
        // handler calls it a success (`requests.Response` is false from 400 on).
        // Differs: its page token counts, so that an API which hands out its first token with an
        // error status, as Asana's events do with 412, can be read.
        if came.response.status >= 400 {
            return (Selection::default(), None);
        }
        let fetch = |retriever: &Retriever, slice: &Arc<StreamSlice>| {
            self.read_whole(came.stream, retriever, slice)
        };
        let selecting = Selecting {
            fetch: Some(&fetch),
            slice: &came.part,
            token: None,
            transformations: came.node.stream.transformations(),
            schema: came.node.schema.as_ref(),
            config: &self.session.config,
            // A feed's pages have to be seen whole to know where they end.
            synced: came.synced.as_ref().filter(|_| !came.is_feed),
            transform_first: came.is_client_side,
        };
        let selector = came.node.retriever().record_selector();
        match selector.select(&came.page, &selecting) {
            Ok(selection) => (selection, None),
            Err(error) => (error.before, Some(error.error)),
        }
    }

    /// Counts the records and notes their cursor values. True when a feed has come to records that
    /// are not new, which are dropped.
    fn take_note(&self, came: &Came<'_>, selection: &mut Selection, seen: &Seen) -> bool {
        let stats = &self.stats[came.stream];
        stats.read.add(seen.read);
        stats.filtered.add(seen.read.saturating_sub(seen.selected));
        if came.response.status < 400 {
            self.notice_records(came.stream, &came.around(), seen);
        }
        if let Some(warning) = &came.page.warning {
            self.notice_unread(came.stream, warning, &came.around(), &came.head);
        }
        let at_end = match &came.synced {
            Some(synced) if came.is_feed => {
                selection.records.retain(|record| synced.keeps(record));
                seen.last.as_ref().is_some_and(|last| !synced.keeps(last))
            }
            _ => false,
        };
        if self.plan.is_tracked(came.stream)
            && let Some(cursor) = &came.node.cursor
        {
            let mut latest = came.latest.lock().unwrap_or_else(PoisonError::into_inner);
            let before = latest.take();
            *latest = cursor.latest_of(before, &selection.records);
        }
        at_end
    }

    /// Asks for the page after this one, or for the first one again.
    fn go_on(
        &self,
        came: &Came<'_>,
        mut read: PartitionRead,
        seen: &Seen,
        is_last: bool,
        fate: &mut Fate,
    ) -> Result<(), ReadError> {
        let retriever = came.node.retriever();
        let reset = retriever.pagination_reset();
        read.pages.records += seen.selected;
        let limit = reset.and_then(PaginationReset::limit);
        if limit.is_some_and(|limit| read.pages.records >= limit) {
            return self.start_again(read, fate);
        }
        let next = if is_last {
            None
        } else {
            let next = self.next_token(retriever.paginator(), &came.around(), Some(seen))?;
            match &next {
                Some(_) => self.stats[came.stream].token_path.found(),
                None => self.notice_end(came.stream, &came.around(), seen),
            }
            next
        };
        self.proceed(read, next, fate);
        Ok(())
    }
}

impl Came<'_> {
    /// Whether a template over its records may fail.
    fn selects_by_template(&self) -> bool {
        let mut transformations = self.node.stream.transformations().iter();
        self.node.retriever().record_selector().filters()
            || transformations.any(Transformation::is_templated)
    }

    fn around(&self) -> Around<'_> {
        Around {
            response: &self.response,
            page: &self.page,
            slice: &self.asked,
            token: self.token.as_ref(),
            page_size: self.page_size,
        }
    }

    /// Notes how far the pages have come, where they may start again from there.
    fn note_newest(&self, read: &mut PartitionRead, selection: &Selection) {
        if self.starts_again()
            && let Some(cursor) = &self.node.cursor
        {
            let before = read.pages.newest.take();
            read.pages.newest = cursor.latest_of(before, &selection.records);
        }
    }

    /// Whether the records may decide that the pagination starts again.
    fn starts_again(&self) -> bool {
        let reset = self.node.retriever().pagination_reset();
        reset.is_some_and(|reset| reset.limit().is_some() || reset.splits())
    }
}

/// The error of pages that come again and again.
fn loop_error(read: &PartitionRead) -> ReadError {
    let token = read.pages.token.as_ref().map_or_else(
        || "no token".to_owned(),
        |token| format!("the page token `{token}`"),
    );
    ReadError {
        help: Some(
            "give the paginator a `stop_condition`, or check the path of its `cursor_value`".into(),
        ),
        ..ReadError::system(format!(
            "the pagination goes round in a circle: {token} brings the same page again and again"
        ))
    }
}

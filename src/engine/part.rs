//! The parts of one page: selected, noted, handed on.
//!
//! In: a part of a body, decoded. Out: its records, to the children and to the output, and what the
//! pages after it have to know. A page has one part, unless it is long.

use super::Shared;
use super::chunks::Gathered;
use super::error::ReadError;
use super::page::Ahead;
use super::paging::{Around, Seen};
use super::read::{Latest, PartitionRead};
use super::turn::{Turn, Turns};
use super::worker::Fate;
use crate::component::ComponentError;
use crate::component::cursor::Synced;
use crate::component::decoder::Page;
use crate::component::record_filter::{Selecting, Selection};
use crate::component::retriever::Retriever;
use crate::component::transformation::Transformation;
use crate::http::Response;
use crate::message::StreamSlice;
use crate::plan::StreamNode;
use serde_json::Value;
use std::sync::{Arc, PoisonError};

/// A page that came, and all that it was asked for with.
pub(super) struct Came<'a> {
    pub(super) stream: usize,
    pub(super) node: &'a StreamNode,
    pub(super) number: u64,
    /// What the state knows the partition by.
    pub(super) slice: Arc<StreamSlice>,
    /// Number of its unit.
    pub(super) unit: u64,
    /// What the records are selected with.
    pub(super) part: Arc<StreamSlice>,
    pub(super) asked: Arc<StreamSlice>,
    pub(super) token: Option<Value>,
    pub(super) page_size: Option<i64>,
    pub(super) latest: Arc<Latest>,
    /// The response without its body.
    pub(super) response: Response,
    /// The part of the body that is worked on.
    pub(super) page: Page,
    /// The beginning of the body.
    pub(super) head: Vec<u8>,
    /// Which records are new, where the API does not tell.
    pub(super) synced: Option<Synced<'a>>,
    /// Whether the first record that is not new ends the pages.
    pub(super) is_feed: bool,
    /// Whether records that are not new are dropped here.
    pub(super) is_client_side: bool,
}

/// What has come of the parts of a page so far.
pub(super) struct Out<'t, 'g> {
    pub(super) ahead: Ahead,
    /// What the page is merged with.
    pub(super) gathered: Option<Gathered<'g>>,
    /// There from the first part on.
    pub(super) turn: Option<Turn<'t>>,
    pub(super) seen: Seen,
    /// Whether a feed has come to records that are not new.
    pub(super) is_last: bool,
}

impl Shared {
    /// Selects the records of a part and hands them on, in the turn of the page. False when no more
    /// parts are wanted.
    pub(super) fn part<'t>(
        &self,
        came: &Came<'_>,
        out: &mut Out<'t, '_>,
        turns: &'t Turns,
        fate: &mut Fate,
    ) -> Result<bool, ReadError> {
        let is_first = out.turn.is_none();
        // No page follows one whose records fail: those that may come first.
        let before = (is_first && came.selects_first()).then(|| self.select(came));
        if is_first
            && !matches!(&before, Some((_, Some(_))))
            && let Some(read) = out.ahead.read.take()
        {
            out.ahead = self.ask_ahead(came, read, fate);
        }
        if !is_first && !self.wants_more(came, turns, fate) {
            return Ok(false);
        }
        let (mut selection, select_error) = before.unwrap_or_else(|| self.select(came));
        if let Some(gathered) = out.gathered.take() {
            selection = gathered.with(selection);
        }
        let mut failed = select_error.map(ReadError::from);
        if let Some(uploader) = came.node.stream.file_uploader() {
            let uploaded = self.upload(came.stream, uploader, &mut selection.records);
            failed = uploaded.err().or(failed);
        }
        if is_first {
            out.turn = turns.wait(came.number);
            if out.turn.is_none() {
                return Ok(false);
            }
            self.open_page(came.stream, came.unit);
        }
        let seen = Seen::of(&selection);
        if let Some(read) = &mut out.ahead.read {
            came.note_newest(read, &selection);
        }
        let is_last = self.take_note(came, &mut selection, &seen);
        if seen.last.is_some() {
            out.is_last = is_last;
        }
        // A check asks for one record, and does not look at those behind it.
        let is_enough = self.options.probe && came.node.selected && !selection.records.is_empty();
        self.feed(came.node, came.stream, &came.slice, &selection.records)?;
        self.hand_out(
            came.node,
            came.stream,
            (came.unit, &came.slice),
            selection.records,
        );
        out.seen.add(seen);
        if is_enough {
            out.ahead.error = None;
            return Ok(true);
        }
        match failed {
            None => Ok(true),
            Some(error) if came.page.broken.is_none() => Err(error),
            Some(error) => Err(self.unread(error, &came.around(), &came.head)),
        }
    }

    /// Whether the rest of a page is wanted still. If not, it counts as failed: neither the pages after
    /// it nor its partition come to their end.
    fn wants_more(&self, came: &Came<'_>, turns: &Turns, fate: &mut Fate) -> bool {
        let is_stopped = self.schedule.is_stopped();
        if !is_stopped && !self.schedule.is_dropped(came.stream) {
            return true;
        }
        self.close_page(came.stream, came.unit, None, &came.latest);
        turns.fail();
        if is_stopped && *fate == Fate::Ended {
            *fate = Fate::Abandoned;
        }
        false
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
}

impl Came<'_> {
    /// Whether its records are selected before the next page is asked for: where a template may fail
    /// on one, and where it takes no time to see that one is no object.
    fn selects_first(&self) -> bool {
        let selector = self.node.retriever().record_selector();
        let mut transformations = self.node.stream.transformations().iter();
        let is_quick = transformations.len() == 0 && !selector.needs_schema();
        is_quick || selector.filters() || transformations.any(Transformation::is_templated)
    }

    pub(super) fn around(&self) -> Around<'_> {
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
    pub(super) fn starts_again(&self) -> bool {
        let reset = self.node.retriever().pagination_reset();
        reset.is_some_and(|reset| reset.limit().is_some() || reset.splits())
    }
}

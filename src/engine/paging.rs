//! Which page comes next: the one after, the first one again, or the same one with fewer records.

use super::Shared;
use super::error::ReadError;
use super::read::PartitionRead;
use super::worker::Fate;
use crate::component::ComponentError;
use crate::component::decoder::Page;
use crate::component::paginator::{PageInfo, Paginator};
use crate::component::record_filter::Selection;
use crate::component::retriever::PaginationReset;
use crate::http::Response;
use crate::message::{Data, StreamSlice};
use crate::template::{self, Config};
use serde_json::Value;
use std::sync::Arc;

/// How often the same pages may start before it is called a loop.
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
    pub(super) selected: u64,
    pub(super) read: u64,
    pub(super) last: Option<Data>,
}

impl Seen {
    pub(super) fn of(selection: &Selection) -> Self {
        Self {
            selected: selection.records.len() as u64,
            read: selection.read,
            last: selection.records.last().cloned(),
        }
    }

    /// Adds what was selected from the next part of the page.
    pub(super) fn add(&mut self, next: Self) {
        self.selected += next.selected;
        self.read += next.read;
        self.last = next.last.or(self.last.take());
    }

    /// The same for a download, whose pages are counted before anything is filtered.
    pub(super) fn of_download(self) -> Self {
        Self {
            selected: self.read,
            ..self
        }
    }
}

impl Shared {
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
        let page = self.page_info(around, seen);
        paginator.get().next_token(&page, around.token)
    }

    /// What is known of a page.
    pub(super) fn page_info<'a>(
        &'a self,
        around: &Around<'a>,
        seen: Option<&'a Seen>,
    ) -> PageInfo<'a> {
        PageInfo {
            response: around.response,
            body: template::lazy(Arc::new(around.page.first().clone())),
            last_page_size: seen.map_or(0, |seen| seen.selected),
            read: seen.map_or(0, |seen| seen.read),
            last_record: seen.and_then(|seen| seen.last.as_ref()),
            page_size: around.page_size,
            config: &self.session.config,
            slice: around.slice,
        }
    }

    /// Asks for the page of `token`; without one, for the first page of the next part, if there is one.
    pub(super) fn proceed(&self, read: PartitionRead, token: Option<Value>, fate: &mut Fate) {
        let next = match token {
            Some(token) => Some(read.after(Some(token))),
            None => read.next_part(),
        };
        if let Some(read) = next {
            self.schedule.resume(read);
            *fate = Fate::HandedOn;
        }
    }

    /// Asks for the first page again, of all or of what is left.
    ///
    /// As airbyte-cdk 7.39.1, `pagination_tracker.py`.
    pub(super) fn start_again(
        &self,
        mut read: PartitionRead,
        fate: &mut Fate,
    ) -> Result<(), ReadError> {
        let node = &self.plan.nodes[read.stream];
        let retriever = node.retriever();
        let pages = &mut read.pages;
        let reset = retriever.pagination_reset();
        let cursor = (node.cursor.as_ref()).filter(|_| reset.is_some_and(PaginationReset::splits));
        let is_stuck = match cursor {
            None => {
                pages.resets += 1;
                pages.resets >= START_LIMIT
            }
            Some(cursor) => {
                let newest = pages.newest.as_ref();
                let rest = newest.map(|newest| cursor.rest(&pages.part.slice, newest));
                let rest = rest.map_or_else(|| Arc::clone(&pages.part.slice), Arc::new);
                let is_stuck = rest.cursor_slice == pages.asked.cursor_slice;
                pages.asked = rest;
                is_stuck
            }
        };
        if is_stuck {
            return Err(ReadError::system(
                "the pagination was started again, and did not come further than before",
            ));
        }
        pages.records = 0;
        let token = initial_token(retriever.paginator(), &self.session.config)?;
        self.schedule.resume(read.after(token));
        *fate = Fate::HandedOn;
        Ok(())
    }

    /// Reads the halves of the window in its place.
    pub(super) fn split(
        &self,
        read: PartitionRead,
        rejection: Option<&str>,
        fate: &mut Fate,
    ) -> Result<(), ReadError> {
        let node = &self.plan.nodes[read.stream];
        let Some(splitting) = node.retriever().request_window_splitting() else {
            return Err(ReadError::system(
                "no `request_window_splitting` is declared",
            ));
        };
        let part = &read.pages.part;
        let cursor = node.cursor.as_deref();
        let halves = splitting.halves(cursor, &part.slice, part.splits, rejection)?;
        if let Some(read) = read.split(halves) {
            self.schedule.resume(read);
            *fate = Fate::HandedOn;
        }
        Ok(())
    }

    /// Asks for the same page again with fewer records, after a wait.
    pub(super) fn shrink(
        &self,
        mut read: PartitionRead,
        rejection: Option<&str>,
        fate: &mut Fate,
    ) -> Result<(), ReadError> {
        let retriever = self.plan.nodes[read.stream].retriever();
        let (Some(reduction), Some(paginator)) =
            (retriever.page_size_reduction(), retriever.paginator())
        else {
            return Err(ReadError::system("no `page_size_reduction` is declared"));
        };
        let configured = paginator.get().page_size(&self.session.config)?;
        let wait = reduction.reduce(&mut read.pages.size, configured, rejection)?;
        self.stats[read.stream].retries.add(1);
        if self.session.gate.sleep(wait).is_ok() {
            self.schedule.resume(read);
            *fate = Fate::HandedOn;
        } else {
            *fate = Fate::Abandoned;
        }
        Ok(())
    }
}

/// What asks for the first page.
pub(super) fn initial_token(
    paginator: Option<&Paginator>,
    config: &Config,
) -> Result<Option<Value>, ComponentError> {
    paginator.map_or(Ok(None), |paginator| paginator.get().initial_token(config))
}

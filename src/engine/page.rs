//! The way of one page: asked for, selected, handed on, gone on from.
//!
//! In: a read between two pages. Out: its records, in their turn, and the read with its next page.
//! [`Shared::page`] is the way; what it calls stands below in the same order. A long page goes it part
//! by part, all of them in the one turn of the page, so that memory holds a part only.

use super::Shared;
use super::chunks::Gathered;
use super::delivery::EMBEDDED_PAGE;
use super::error::ReadError;
use super::exchange::Answer;
use super::notice::head;
use super::paging::{Seen, initial_token};
use super::part::{Came, Out};
use super::read::{PartitionRead, Position};
use super::worker::Fate;
use crate::component::ComponentError;
use crate::component::cursor::Cursor;
use crate::component::decoder::Page;
use crate::component::retriever::PaginationReset;
use crate::http::{Body, Headers, Response};
use serde_json::Value;
use std::sync::Arc;

/// What is known of the next page before this one is worked on.
pub(super) struct Ahead {
    /// The read, if it is still here: its next page is not known.
    pub(super) read: Option<PartitionRead>,
    pub(super) error: Option<ComponentError>,
    /// From where a later run may go on once this page is out, where pages follow.
    next: Option<Option<Position>>,
    /// Whether there is no next page.
    pub(super) is_last: bool,
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
        let turns = Arc::clone(&read.turns);
        let (mut came, body) = self.came(&read, response);
        if let Some(reduction) = retriever.page_size_reduction() {
            reduction.succeeded(&mut read.pages.size);
        }
        let is_in_parts = gathered.is_nothing();
        let mut out = Out {
            ahead: Ahead::of(read),
            gathered: Some(gathered),
            turn: None,
            seen: Seen::default(),
            is_last: false,
        };
        let mut goes_on = Ok(true);
        let mut take = |page| {
            came.page = page;
            goes_on = self.part(&came, &mut out, &turns, fate);
            matches!(goes_on, Ok(true))
        };
        if is_in_parts {
            retriever.read(body, &mut take);
        } else {
            take(retriever.decode(body));
        }
        let Some(turn) = out.turn.filter(|_| !matches!(goes_on, Ok(false))) else {
            return Ok(());
        };
        goes_on?;
        let (ahead, seen, is_last) = (out.ahead, out.seen, out.is_last);
        if let Some(error) = ahead.error {
            return Err(error.into());
        }
        if let Some(position) = ahead.next {
            self.close_page(came.stream, came.unit, position, &came.latest);
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
                body: page.to_string().into_bytes().into(),
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
            Answer::Nothing if read.is_resumed => {
                self.start_over(read.again());
                *fate = Fate::HandedOn;
                Ok(())
            }
            Answer::Page(_) | Answer::Nothing => {
                let records = gathered.finish();
                if (!records.is_empty() || read.has_parts())
                    && let Some(turn) = read.turns.wait(read.page)
                {
                    self.open_page(stream, read.unit);
                    self.feed(node, stream, &read.slice, &records)?;
                    self.hand_out(node, stream, (read.unit, &read.slice), records);
                    if read.has_parts() {
                        self.close_page(stream, read.unit, None, &read.latest);
                    }
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

    /// The page of a response, with all that it was asked for with, and its body.
    fn came(&self, read: &PartitionRead, mut response: Response) -> (Came<'_>, Body) {
        let node = &self.plan.nodes[read.stream];
        let body = std::mem::take(&mut response.body);
        let is_feed = node.stream.cursor().is_some_and(Cursor::is_data_feed);
        let is_client_side = node.stream.cursor().is_some_and(Cursor::is_client_side);
        let came = Came {
            stream: read.stream,
            node,
            number: read.page,
            slice: Arc::clone(&read.slice),
            unit: read.unit,
            part: Arc::clone(&read.pages.part.slice),
            asked: Arc::clone(&read.pages.asked),
            token: read.pages.token.clone(),
            page_size: read.pages.size.reduced,
            latest: Arc::clone(&read.latest),
            synced: (node.cursor.as_ref())
                .filter(|_| is_feed || is_client_side)
                .map(|cursor| cursor.synced(&read.slice)),
            is_feed,
            is_client_side,
            response,
            page: Page::default(),
            head: head(body.start()),
        };
        (came, body)
    }

    /// Lets another worker ask for the next page while this one is worked on, if its token can be
    /// known without the records.
    pub(super) fn ask_ahead(&self, came: &Came<'_>, read: PartitionRead, fate: &mut Fate) -> Ahead {
        let retriever = came.node.retriever();
        let paginator = retriever.paginator();
        let mut ahead = Ahead::of(read);
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
                    ahead.next = position_behind(&read, next.as_ref());
                    self.proceed(read, next, fate);
                }
            }
            Err(error) => ahead.error = Some(error),
        }
        ahead
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
            self.close_page(came.stream, came.unit, None, &came.latest);
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
        if let Some(position) = position_behind(&read, next.as_ref()) {
            self.close_page(came.stream, came.unit, position, &came.latest);
        }
        self.proceed(read, next, fate);
        Ok(())
    }
}

impl Ahead {
    /// Nothing is known.
    fn of(read: PartitionRead) -> Self {
        Self {
            read: Some(read),
            error: None,
            next: None,
            is_last: false,
        }
    }
}

/// The point behind a page, where `token` asks for the next one; none where nothing follows.
fn position_behind(read: &PartitionRead, token: Option<&Value>) -> Option<Option<Position>> {
    let follows = token.is_some() || read.has_parts();
    follows.then(|| token.and_then(|token| read.position(token)))
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

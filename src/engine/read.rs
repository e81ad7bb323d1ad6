//! The read of one partition, as a value: whoever holds it may ask for its next page.

use super::async_job::Done;
use super::queue::Unit;
use super::resume::Begun;
use super::turn::Turns;
use crate::component::cursor::CursorValue;
use crate::component::retriever::PageSize;
use crate::http::Body;
use crate::message::StreamSlice;
use crate::plan::StreamNode;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{Arc, Mutex, OnceLock};

/// How often in a row the same page may come back for the same token before it is called a loop.
const LOOP_LIMIT: u32 = 5;

/// The latest cursor value of a window's records.
pub(super) type Latest = Mutex<Option<CursorValue>>;

/// One partition between two pages. Not calling on is cancelling it.
pub(super) struct PartitionRead {
    /// Index of the stream in the plan.
    pub(super) stream: usize,
    /// What the state knows the partition by.
    pub(super) slice: Arc<StreamSlice>,
    /// Number of the unit in the stream.
    pub(super) unit: u64,
    /// Whether the next page is the first one after that of an earlier run: its token may be too old.
    pub(super) is_resumed: bool,
    /// Number of the next page, from 0.
    pub(super) page: u64,
    pub(super) turns: Arc<Turns>,
    /// Whether the slice is a window already, or needs no windows.
    pub(super) is_cut: bool,
    /// The latest cursor value of the records so far.
    pub(super) latest: Arc<Latest>,
    /// The job whose results are downloaded, once it is done.
    pub(super) job: Arc<OnceLock<Done>>,
    /// Whether it has a place among the jobs that run.
    pub(super) has_place: bool,
    /// The pages that are read now: those of the slice, or of a part that it was split into.
    pub(super) pages: Pages,
    /// Parts that are read after these pages.
    parts: VecDeque<Part>,
}

/// The pages of one slice.
pub(super) struct Pages {
    /// What records are selected with, and how often it was split.
    pub(super) part: Part,
    /// What requests are made with: the slice of the part, or what is left of it.
    pub(super) asked: Arc<StreamSlice>,
    /// What asks for the next page; `None` for a first page without a token.
    pub(super) token: Option<Value>,
    /// Whether the first page was asked for.
    pub(super) are_begun: bool,
    /// Times the pagination was started again.
    pub(super) resets: u32,
    /// Records since the pagination started.
    pub(super) records: u64,
    /// The latest cursor value of its records, where what is left is read by it.
    pub(super) newest: Option<CursorValue>,
    /// The page size, when the API wanted a smaller one.
    pub(super) size: PageSize,
    repeats: Repeats,
}

/// A slice that a window was split into.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) slice: Arc<StreamSlice>,
    pub(super) splits: u32,
}

impl PartitionRead {
    pub(super) fn new(stream: usize, unit: Unit, is_cut: bool) -> Self {
        let Unit { number, slice } = unit;
        Self {
            stream,
            pages: Pages::of(Part {
                slice: Arc::clone(&slice),
                splits: 0,
            }),
            slice,
            unit: number,
            is_resumed: false,
            page: 0,
            turns: Arc::default(),
            is_cut,
            latest: Arc::default(),
            job: Arc::default(),
            has_place: false,
            parts: VecDeque::new(),
        }
    }

    /// A read that an earlier run has begun.
    pub(super) fn restored(stream: usize, begun: Begun, node: &StreamNode) -> Self {
        let is_cut = begun.is_window || node.cursor.is_none();
        let mut read = Self::new(stream, begun.unit, is_cut);
        if let Some(position) = begun.position {
            read.is_resumed = true;
            read.pages.are_begun = true;
            read.pages.token = Some(position.token);
            read.pages.size.reduced = position.page_size;
            read.latest = Arc::new(Mutex::new(position.latest));
        }
        read
    }

    /// The same read from its beginning.
    pub(super) fn again(&self) -> Self {
        let slice = Arc::clone(&self.slice);
        let number = self.unit;
        Self::new(self.stream, Unit { number, slice }, self.is_cut)
    }

    /// The point that it has come to, with `token` for its next page; none where nobody could go on
    /// from there but this run.
    pub(super) fn position(&self, token: &Value) -> Option<Position> {
        let pages = &self.pages;
        let is_plain = self.parts.is_empty()
            && self.job.get().is_none()
            && pages.part.splits == 0
            && pages.resets == 0
            && pages.newest.is_none();
        is_plain.then(|| Position {
            token: token.clone(),
            page_size: pages.size.reduced,
            latest: None,
        })
    }

    /// The same read with `token` for its next page.
    pub(super) fn after(mut self, token: Option<Value>) -> Self {
        self.is_resumed = false;
        self.pages.token = token;
        self.page += 1;
        self
    }

    /// The same read with another slice, before its first page.
    pub(super) fn of_slice(mut self, slice: Arc<StreamSlice>) -> Self {
        self.pages = Pages::of(Part {
            slice: Arc::clone(&slice),
            splits: 0,
        });
        self.slice = slice;
        self
    }

    /// Whether a part is left when these pages have come to their end.
    pub(super) fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    /// The same read with its next part; none when no part is left.
    pub(super) fn next_part(mut self) -> Option<Self> {
        self.pages = Pages::of(self.parts.pop_front()?);
        self.page += 1;
        Some(self)
    }

    /// The same read with `halves` in place of the part that is read.
    pub(super) fn split(mut self, halves: [StreamSlice; 2]) -> Option<Self> {
        let splits = self.pages.part.splits + 1;
        for slice in halves.into_iter().rev() {
            let slice = Arc::new(slice);
            self.parts.push_front(Part { slice, splits });
        }
        self.next_part()
    }

    /// Notes the page that came for the present token; true when the pages go round in a circle.
    pub(super) fn goes_round(&mut self, body: &Body) -> bool {
        let token = hash(&self.pages.token.as_ref().map(Value::to_string));
        self.pages
            .repeats
            .note(token, || hash(&(body.len(), body.start())))
    }
}

impl Pages {
    fn of(part: Part) -> Self {
        Self {
            asked: Arc::clone(&part.slice),
            part,
            token: None,
            are_begun: false,
            resets: 0,
            records: 0,
            newest: None,
            size: PageSize::default(),
            repeats: Repeats::default(),
        }
    }
}

/// Where a later run goes on with a unit.
#[derive(Debug)]
pub(super) struct Position {
    /// What asks for the next page.
    pub(super) token: Value,
    /// The page size, when the API wanted a smaller one.
    pub(super) page_size: Option<i64>,
    /// The latest cursor value of the records so far.
    pub(super) latest: Option<CursorValue>,
}

impl Position {
    pub(super) fn to_value(&self, write: impl Fn(&CursorValue) -> Option<Value>) -> Value {
        let mut fields = Map::new();
        let latest = self.latest.as_ref().and_then(write);
        for (name, value) in [
            ("token", Some(self.token.clone())),
            ("page_size", self.page_size.map(Value::from)),
            ("latest", latest),
        ] {
            fields.extend(value.map(|value| (name.to_owned(), value)));
        }
        fields.into()
    }

    /// None when `value` is not what [`Position::to_value`] makes.
    pub(super) fn from_value(
        mut value: Value,
        parse: impl Fn(&Value) -> Option<CursorValue>,
    ) -> Option<Self> {
        let latest = value.get("latest").map(parse);
        if matches!(latest, Some(None)) {
            return None;
        }
        Some(Self {
            token: value.get_mut("token")?.take(),
            page_size: value.get("page_size").and_then(Value::as_i64),
            latest: latest.flatten(),
        })
    }
}

fn hash<T: Hash>(value: &T) -> u64 {
    // The standard library's hasher takes as long over a body as finding its records does.
    foldhash::fast::FixedState::default().hash_one(value)
}

/// Finds a circle of any length in constant memory, by Brent's method: one page is remembered, and
/// replaced by the present one after 1, 2, 4, 8, … pages.
#[derive(Debug, Default)]
struct Repeats {
    /// Hashes of a token and of the page that it brought.
    remembered: Option<(u64, u64)>,
    since: u64,
    until: u64,
    hits: u32,
}

impl Repeats {
    /// `page` is only asked for when the token is the one remembered, or is to be: a body is long.
    fn note(&mut self, token: u64, page: impl FnOnce() -> u64) -> bool {
        let same_token = self.remembered.is_some_and(|(known, _)| known == token);
        if same_token || self.since >= self.until {
            let present = Some((token, page()));
            if self.remembered == present {
                self.hits += 1;
                self.since = 0;
            } else if self.since >= self.until {
                self.remembered = present;
                self.until = (self.until * 2).max(1);
                self.since = 0;
                self.hits = 0;
            }
        }
        self.since += 1;
        self.hits >= LOOP_LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages_until_a_circle(tokens: impl Iterator<Item = u64>) -> Option<usize> {
        let mut repeats = Repeats::default();
        tokens
            .take(10_000)
            .position(|page| repeats.note(page, || page))
    }

    #[test]
    fn a_circle_of_any_length_is_found() {
        assert!(pages_until_a_circle(std::iter::repeat(7)).unwrap() < 20);
        assert!(pages_until_a_circle((0..).map(|n| n % 3)).unwrap() < 100);
        assert!(pages_until_a_circle((0..).map(|n| if n < 50 { n } else { n % 9 })).unwrap() < 300);
    }

    #[test]
    fn one_token_for_many_pages_is_no_circle() {
        // A scroll: the API keeps the place, and the token stays the same.
        let mut repeats = Repeats::default();
        assert!((0..1_000).all(|page| !repeats.note(1, || page)));
    }

    #[test]
    fn pages_that_differ_are_no_circle() {
        assert_eq!(pages_until_a_circle(0..), None);
        // A page that comes a few times over, while a server is working, is not one either.
        assert_eq!(pages_until_a_circle((0..).map(|n| n / 4)), None);
    }
}

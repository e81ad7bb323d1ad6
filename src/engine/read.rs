//! The read of one partition, as a value: whoever holds it may ask for its next page.

use super::async_job::Done;
use super::turn::Turns;
use crate::component::cursor::CursorValue;
use crate::component::retriever::PageSize;
use crate::message::StreamSlice;
use serde_json::Value;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::{Arc, Mutex, OnceLock};

/// How often in a row the same page may come back for the same token before it is called a loop.
const LOOP_LIMIT: u32 = 5;

/// The latest cursor value of a window's records.
pub(super) type Latest = Mutex<Option<CursorValue>>;

/// One partition between two pages. Not calling on is cancelling it.
pub(super) struct PartitionRead {
    /// Index of the stream in the plan.
    pub(super) stream: usize,
    pub(super) slice: Arc<StreamSlice>,
    /// What asks for the next page; `None` for a first page without a token.
    pub(super) token: Option<Value>,
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
    /// Times the pagination was started again at the error handler's word.
    pub(super) resets: u32,
    /// Records since the pagination started.
    pub(super) records: u64,
    /// The page size, when the API wanted a smaller one.
    pub(super) size: PageSize,
    repeats: Repeats,
}

impl PartitionRead {
    pub(super) fn new(stream: usize, slice: Arc<StreamSlice>, is_cut: bool) -> Self {
        Self {
            stream,
            slice,
            token: None,
            page: 0,
            turns: Arc::default(),
            is_cut,
            latest: Arc::default(),
            job: Arc::default(),
            has_place: false,
            resets: 0,
            records: 0,
            size: PageSize::default(),
            repeats: Repeats::default(),
        }
    }

    /// The same read with `token` for its next page.
    pub(super) fn after(self, token: Option<Value>) -> Self {
        Self {
            token,
            page: self.page + 1,
            ..self
        }
    }

    /// Notes the page that came for the present token; true when the pages go round in a circle.
    pub(super) fn goes_round(&mut self, body: &[u8]) -> bool {
        let token = hash(&self.token.as_ref().map(Value::to_string));
        self.repeats.note(token, || hash(&body))
    }
}

fn hash<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
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

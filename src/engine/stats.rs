//! What is counted while streams are read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Reasons that are kept apart, at most: an API may give another one each time.
const KINDS: usize = 20;
/// The kind of all that come after; it sorts behind every text.
const OTHERS: &str = "\u{10ffff}";

/// Counters of one stream. Every number only grows.
#[derive(Debug, Default)]
pub struct StreamStats {
    /// Records that came out of the selector and went to the output.
    pub records: Counter,
    /// Records that the pages held, before a filter left some out.
    pub read: Counter,
    /// Records that a record filter left out.
    pub filtered: Counter,
    /// Parent records without the key that a child asks for: they gave no partition.
    pub keyless: Counter,
    /// Requests sent, retries among them.
    pub requests: Counter,
    /// Requests sent again.
    pub retries: Counter,
    /// Responses that an IGNORE rule dropped.
    pub ignored: Counter,
    /// Requests whose answers are waited for now.
    pub in_flight: Gauge,
    by_status: Mutex<BTreeMap<u16, u64>>,
    slowest: Mutex<Option<Slowest>>,
    /// Bytes of response bodies on the wire.
    pub bytes: Counter,
    /// Partitions read to their end.
    pub partitions: Counter,
    /// Partitions that failed.
    pub failed: Counter,
    /// Microseconds of waits between tries, before `--wait-scale`.
    pub waited: Counter,
    /// Whether its first partition was told of.
    pub(super) is_started: AtomicBool,
    /// Whether it came to its end.
    pub(super) is_ended: AtomicBool,
    notes: Mutex<BTreeMap<String, (String, u64)>>,
    /// The path of the extractor.
    pub(super) records_path: Watch,
    /// The path of the next page's token.
    pub(super) token_path: Watch,
}

/// The request that took longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slowest {
    /// From its first byte to the last one of its answer.
    pub took: Duration,
    /// Method and URL, credentials masked.
    pub request: String,
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// One more, until what comes back is dropped.
    pub(super) fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Relaxed);
        Entered(self)
    }

    /// How many there are now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// One that counts as long as this lives.
pub(super) struct Entered<'a>(&'a Gauge);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// A path of the manifest in the responses of a stream: whether it was ever there, and what to say
/// if not.
#[derive(Debug, Default)]
pub(super) struct Watch {
    is_found: AtomicBool,
    missing: OnceLock<String>,
}

impl Watch {
    /// The path is there, now and so at all.
    pub(super) fn found(&self) {
        self.is_found.store(true, Relaxed);
    }

    /// Whether it was ever there.
    pub(super) fn is_found(&self) -> bool {
        self.is_found.load(Relaxed)
    }

    /// It is not there; the first words count.
    pub(super) fn missing(&self, words: impl FnOnce() -> String) {
        self.missing.get_or_init(words);
    }

    /// What to say, if it never was.
    pub(super) fn told(&self) -> Option<&String> {
        self.missing.get().filter(|_| !self.is_found())
    }
}

/// A number that threads count up together.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`, and gives the sum before.
    pub fn add(&self, n: u64) -> u64 {
        self.0.fetch_add(n, Relaxed)
    }

    /// Adds `n`, but not beyond `bound`, and gives the sum before.
    pub(super) fn add_up_to(&self, n: usize, bound: u64) -> u64 {
        let sum = |before: u64| Some(before.saturating_add(n as u64).min(bound.max(before)));
        let before = self.0.fetch_update(Relaxed, Relaxed, sum);
        before.unwrap_or_else(|before| before)
    }

    /// The sum so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl StreamStats {
    /// Counts an answer that an IGNORE rule drops; without a status there was none.
    pub(super) fn ignore(&self, status: Option<u16>) {
        self.ignored.add(1);
        let mut counts = self
            .by_status
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *counts.entry(status.unwrap_or_default()).or_default() += 1;
    }

    /// Answers that an IGNORE rule dropped, by their status; 0 where no answer came.
    #[must_use]
    pub fn ignored_by_status(&self) -> BTreeMap<u16, u64> {
        let counts = self
            .by_status
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }

    /// Notes how long a request took; `name` is asked for when it is the slowest so far.
    pub(super) fn took(&self, took: Duration, name: impl FnOnce() -> String) {
        let mut slowest = self.slowest.lock().unwrap_or_else(PoisonError::into_inner);
        if slowest.as_ref().is_none_or(|slowest| slowest.took < took) {
            let request = name();
            *slowest = Some(Slowest { took, request });
        }
    }

    /// The request that took longest.
    #[must_use]
    pub fn slowest(&self) -> Option<Slowest> {
        let slowest = self.slowest.lock().unwrap_or_else(PoisonError::into_inner);
        slowest.clone()
    }

    /// Notes that something was left out, and why; equal reasons are counted.
    pub(super) fn note(&self, reason: String) {
        self.note_all(&reason, 1, || reason.clone());
    }

    /// Notes that so many things of a kind were left out; the words are those of the first time.
    pub(super) fn note_all(&self, kind: &str, count: u64, words: impl FnOnce() -> String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counted)) = notes.get_mut(kind) {
            *counted += count;
        } else if notes.len() < KINDS {
            notes.insert(kind.to_owned(), (words(), count));
        } else {
            let others = || ("others, for other reasons".to_owned(), 0);
            notes.entry(OTHERS.to_owned()).or_insert_with(others).1 += count;
        }
    }

    /// What was left out: each reason, and how often.
    #[must_use]
    pub fn notes(&self) -> Vec<(String, u64)> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.values().cloned().collect()
    }

    /// Whether the stream has begun and not come to its end.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.is_started.load(Relaxed) && !self.is_ended.load(Relaxed)
    }

    /// Time of all waits between tries.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.waited.get())
    }
}

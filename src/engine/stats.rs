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
    notes: Mutex<BTreeMap<String, (String, u64)>>,
    /// The path of the extractor.
    pub(super) records_path: Watch,
    /// The path of the next page's token.
    pub(super) token_path: Watch,
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

    /// Time of all waits between tries.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.waited.get())
    }
}

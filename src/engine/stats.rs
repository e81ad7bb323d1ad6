//! What is counted while streams are read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Reasons that are told apart, for each stream.
const REASONS: usize = 20;

/// Counters of one stream. Every number only grows.
#[derive(Debug, Default)]
pub struct StreamStats {
    /// Records that came out of the selector and went to the output.
    pub records: Counter,
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
    notes: Mutex<BTreeMap<String, u64>>,
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
    /// Notes that something was left out, and why; equal reasons are counted. A reason may quote
    /// the API, so that no two are equal: only so many are kept apart.
    pub(super) fn note(&self, reason: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = match notes.len() {
            REASONS.. if !notes.contains_key(&reason) => "other reasons".to_owned(),
            _ => reason,
        };
        *notes.entry(reason).or_default() += 1;
    }

    /// What was left out: each reason, and how often.
    #[must_use]
    pub fn notes(&self) -> Vec<(String, u64)> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes
            .iter()
            .map(|(reason, count)| (reason.clone(), *count))
            .collect()
    }

    /// Time of all waits between tries.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.waited.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_and_not_without_end() {
        let stats = StreamStats::default();
        for number in 0..100 {
            stats.note(format!("body {}", number % 50));
        }
        let notes = stats.notes();
        assert_eq!(notes.len(), REASONS + 1);
        assert_eq!(notes.iter().map(|(_, count)| count).sum::<u64>(), 100);
    }

    #[test]
    fn a_bounded_count_stops_at_its_bound() {
        let counter = Counter::default();
        assert_eq!(counter.add_up_to(2, 3), 0);
        assert_eq!(counter.add_up_to(2, 3), 2);
        assert_eq!(counter.add_up_to(2, 3), 3);
        assert_eq!(counter.get(), 3);
    }
}

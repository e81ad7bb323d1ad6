//! What is counted while streams are read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

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
}

/// A number that threads count up together.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`, and gives the sum before.
    pub fn add(&self, n: u64) -> u64 {
        self.0.fetch_add(n, Relaxed)
    }

    /// The sum so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl StreamStats {
    /// Time of all waits between tries.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.waited.get())
    }
}

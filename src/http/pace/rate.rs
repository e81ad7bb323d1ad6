//! Requests a second that a host was found to allow: kept just below, and felt for again.

use std::time::{Duration, Instant};

/// How far a rate falls behind its own times before it has lost them: what may come at once.
const SLACK: Duration = Duration::from_secs(1);
/// The part of the rate at which a host had enough that is asked for from then on.
const BACK: f64 = 0.95;
/// The part of what a host was measured to allow that is asked for.
const MEASURED: f64 = 0.98;
/// The least that is left of a rate after one limit.
const HALF: f64 = 0.5;
/// By how much a rate grows in each second in which it holds requests back: 2.4% a minute …
const GROWTH: f64 = 0.0004;
/// … and after so many seconds without a limit faster and faster: the limit may be another one.
const CALM: f64 = 180.0;
/// Seconds in which the growth doubles then.
const DOUBLING: f64 = 22.0;
/// The fastest growth in a second.
const FASTEST: f64 = 0.02;

/// A rate, and when the next request is due.
#[derive(Debug)]
pub(super) struct Rate {
    pub(super) per_second: f64,
    /// When the next request is due, if none comes late.
    due: Instant,
    /// Seconds of holding back since the last limit.
    age: f64,
}

impl Rate {
    pub(super) fn new(per_second: f64, now: Instant) -> Self {
        Self {
            per_second,
            due: now + SLACK,
            age: 0.0,
        }
    }

    /// When a request may start, if not now.
    pub(super) fn wait(&self, now: Instant) -> Option<Instant> {
        let from = self.due.checked_sub(SLACK)?;
        (from > now).then_some(from)
    }

    /// Counts a request that starts now.
    pub(super) fn start(&mut self, now: Instant) {
        let interval = 1.0 / self.per_second;
        // Only where requests have to wait, a higher rate is put to the test.
        if self.due > now {
            self.age += interval;
            let growth = GROWTH * ((self.age - CALM).max(0.0) / DOUBLING).exp2();
            self.per_second *= 1.0 + (growth.min(FASTEST) * interval).min(0.1);
        }
        let interval = Duration::try_from_secs_f64(interval).unwrap_or_default();
        self.due = self.due.max(now) + interval;
    }

    /// The rate after a limit: `open` is the part of the time in which the host let us go on, and
    /// `served` how many requests a second it answered all the same.
    pub(super) fn lower(&mut self, open: f64, served: f64, now: Instant) {
        let part = (MEASURED * open).max(HALF);
        let lower = (self.per_second * part).max(MEASURED * served);
        let age = if part > HALF { 0.0 } else { CALM };
        *self = Self::new(lower.min(self.per_second * BACK), now);
        self.age = age;
    }

    /// The first rate: so many requests a second went well in the part `open` of the time.
    pub(super) fn measured(per_second: f64, open: f64, now: Instant) -> Self {
        Self::new(per_second * MEASURED * open, now)
    }
}

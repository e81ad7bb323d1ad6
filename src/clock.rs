//! The only place that asks the machine for the time, or waits.
//!
//! In: nothing. Out: instants and waits. A replay or a test makes a clock that stands still and
//! waits for nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Time as templates, cursors and waits see it. Cheap to share by `Arc`.
#[derive(Debug)]
pub struct Clock {
    /// Microseconds since the Unix epoch at which the clock stands; unset when it runs.
    fixed: Option<Micros>,
    /// What a wait is multiplied by; 0 makes every wait take no time.
    scale: f64,
    /// Microseconds of all waits asked for, before scaling.
    waited: AtomicU64,
}

/// An instant in microseconds since the Unix epoch, UTC.
pub type Micros = i64;

impl Clock {
    /// The machine's clock; waits take their time.
    #[must_use]
    pub fn system() -> Self {
        Self::new(None, 1.0)
    }

    /// A clock that stands at `fixed` when given, and multiplies each wait by `scale`.
    #[must_use]
    pub fn new(fixed: Option<Micros>, scale: f64) -> Self {
        Self {
            fixed,
            scale,
            waited: AtomicU64::new(0),
        }
    }

    /// Now as waits, rate limits and the age of tokens see it, in microseconds since the Unix
    /// epoch: a clock that stands still moves on by each wait, so that each wait ends.
    #[must_use]
    pub fn now(&self) -> Micros {
        match self.fixed {
            None => machine_now().timestamp_micros(),
            Some(fixed) => {
                let waited = self.waited.load(Ordering::Relaxed);
                fixed.saturating_add(i64::try_from(waited).unwrap_or(i64::MAX))
            }
        }
    }

    /// Whether the clock stands still.
    #[must_use]
    pub fn stands_still(&self) -> bool {
        self.fixed.is_some()
    }

    /// Now as templates and cursors see it: a clock that stands still gives the same instant to
    /// all of them, however long the waits between.
    #[must_use]
    pub fn now_utc(&self) -> chrono::DateTime<chrono::Utc> {
        match self.fixed {
            None => machine_now(),
            Some(fixed) => chrono::DateTime::from_timestamp_micros(fixed).unwrap_or_default(),
        }
    }

    /// How long a wait of `duration` takes on this clock.
    #[must_use]
    pub fn scaled(&self, duration: Duration) -> Duration {
        duration.mul_f64(self.scale.max(0.0))
    }

    /// Notes that somebody waits for `duration`: the [`now`](Clock::now) of a clock that stands
    /// still moves on by it.
    ///
    /// The waiting itself is [`Clock::pause`]'s, or that of a condition variable with the
    /// [scaled](Clock::scaled) time.
    pub fn note_wait(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.waited.fetch_add(micros, Ordering::Relaxed);
    }

    /// Waits for `duration`, scaled.
    pub fn pause(&self, duration: Duration) {
        self.note_wait(duration);
        let time = self.scaled(duration);
        if !time.is_zero() {
            #[expect(clippy::disallowed_methods, reason = "the one place that may sleep")]
            std::thread::sleep(time);
        }
    }

    /// Sum of all waits that were asked for, before scaling.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.waited.load(Ordering::Relaxed))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks for the time"
)]
fn machine_now() -> chrono::DateTime<chrono::Utc> {
    std::time::SystemTime::now().into()
}

/// A monotonic instant, to measure how long something took.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks for the time"
)]
pub fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_on_for_waits_but_not_for_templates() {
        let clock = Clock::new(Some(1_000_000), 0.0);
        assert_eq!(clock.now(), 1_000_000);
        clock.pause(Duration::from_secs(3600));
        assert_eq!(clock.now(), 3_601_000_000);
        assert_eq!(clock.now_utc().timestamp_micros(), 1_000_000);
        assert_eq!(clock.waited(), Duration::from_secs(3600));
    }
}

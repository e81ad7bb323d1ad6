//! How far a run goes: until a deadline, or a number of requests.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::clock::monotonic;
use crate::http::Stopped;

/// Where a run stops before its end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// When no more requests are sent.
    pub deadline: Option<Instant>,
    /// How many requests of streams are sent.
    pub requests: Option<u64>,
}

/// What a run came to before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The deadline.
    Deadline,
    /// The number of requests.
    Requests,
}

/// How far a run has gone.
#[derive(Debug, Default)]
pub(super) struct Reach {
    bounds: Bounds,
    sent: AtomicU64,
    reached: OnceLock<Bound>,
}

impl Reach {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    /// Counts a request that is about to be sent, if it may be.
    pub(super) fn take(&self) -> Result<(), Stopped> {
        if self.bound().is_some() {
            return Err(Stopped);
        }
        if let Some(most) = self.bounds.requests
            && self.sent.fetch_add(1, Ordering::Relaxed) >= most
        {
            self.reached.get_or_init(|| Bound::Requests);
            return Err(Stopped);
        }
        Ok(())
    }

    /// The bound that was reached.
    pub(super) fn bound(&self) -> Option<Bound> {
        if let Some(bound) = self.reached.get() {
            return Some(*bound);
        }
        let deadline = self.bounds.deadline?;
        (deadline <= monotonic()).then(|| *self.reached.get_or_init(|| Bound::Deadline))
    }
}

//! Holds back everybody whom a host told to wait.
//!
//! In: a pause for a key (host and credential), when a response asked for one. Out: all who send to
//! that key wait until it is over, or until the run is stopped. Time is the clock's: a replay takes
//! none.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::url::{Parts, parse_query};
use super::{Request, Secrets};
use crate::clock::{Clock, monotonic};

/// Whom a rate limit counts: a host, and the credentials that are sent to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GateKey {
    host: String,
    /// A hash, so that the key holds no credentials.
    credentials: u64,
}

impl GateKey {
    /// The key under which `request` is counted.
    #[must_use]
    pub fn of(request: &Request, secrets: &Secrets) -> Self {
        let parts = Parts::of(&request.url);
        let mut hasher = DefaultHasher::new();
        for (name, value) in request.headers.iter() {
            if secrets.is_header(name) {
                (name.to_ascii_lowercase(), value).hash(&mut hasher);
            }
        }
        for (name, value) in parse_query(&parts.query) {
            if secrets.is_param(&name) {
                (name, value).hash(&mut hasher);
            }
        }
        Self {
            host: format!("{}:{}", parts.host(), parts.port().unwrap_or(0)),
            credentials: hasher.finish(),
        }
    }
}

/// The pauses of a run. A clone shares them.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Arc<Clock>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    /// When each pause is over, by the monotonic clock.
    closed: HashMap<GateKey, Instant>,
}

/// The run was stopped while somebody waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

impl Gate {
    /// A gate that is open to all.
    #[must_use]
    pub fn new(clock: Arc<Clock>) -> Self {
        Self(Arc::new(Shared {
            clock,
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// Closes the gate to `key` for `duration` from now on; never shortens a longer pause. Whoever
    /// met the limit calls [`wait`](Self::wait) then, as all others do.
    ///
    /// However many wait, the clock notes the wait once.
    pub fn pause(&self, key: GateKey, duration: Duration) {
        let clock = &self.0.clock;
        let scaled = clock.scaled(duration);
        if scaled.is_zero() {
            clock.note_wait(duration);
            return;
        }
        let mut state = self.lock();
        let now = monotonic();
        state.closed.retain(|_, over| *over > now);
        // A time too far away to be told: nothing is left to wait for.
        let Some(over) = now.checked_add(scaled) else {
            return;
        };
        let before = state.closed.get(&key).copied().unwrap_or(now);
        if over > before {
            let share = (over - before).as_secs_f64() / scaled.as_secs_f64();
            clock.note_wait(duration.mul_f64(share.min(1.0)));
            state.closed.insert(key, over);
        }
    }

    /// Waits until the gate is open to `key`.
    ///
    /// # Errors
    /// When the run is stopped, at once.
    pub fn wait(&self, key: &GateKey) -> Result<(), Stopped> {
        self.wait_until(|state| state.closed.get(key).copied())
    }

    /// Waits until the gate is open to `request`. Costs next to nothing while it is open to all.
    ///
    /// # Errors
    /// When the run is stopped, at once.
    pub fn wait_for(&self, request: &Request, secrets: &Secrets) -> Result<(), Stopped> {
        let state = self.lock();
        if state.stopped {
            return Err(Stopped);
        }
        if state.closed.is_empty() {
            return Ok(());
        }
        drop(state);
        self.wait(&GateKey::of(request, secrets))
    }

    /// Waits for `duration`, by the clock: between two tries of one request.
    ///
    /// # Errors
    /// When the run is stopped, at once.
    pub fn sleep(&self, duration: Duration) -> Result<(), Stopped> {
        self.0.clock.note_wait(duration);
        let over = monotonic().checked_add(self.0.clock.scaled(duration));
        self.wait_until(|_| over)
    }

    /// How long the longest pause lasts still; none while the gate is open to all.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        let now = monotonic();
        let state = self.lock();
        let left = state
            .closed
            .values()
            .map(|over| over.saturating_duration_since(now));
        left.max().filter(|left| !left.is_zero())
    }

    /// Lets nobody wait any longer, from now on.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.0.changed.notify_all();
    }

    /// Was the run stopped?
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    fn wait_until(&self, over: impl Fn(&State) -> Option<Instant>) -> Result<(), Stopped> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Err(Stopped);
            }
            let left = over(&state).map(|over| over.saturating_duration_since(monotonic()));
            match left.filter(|left| !left.is_zero()) {
                None => return Ok(()),
                Some(left) => {
                    let woken = self.0.changed.wait_timeout(state, left);
                    state = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::Headers;
    use super::*;

    fn key(url: &str, token: &str) -> GateKey {
        let mut headers = Headers::default();
        headers.set("Authorization", token);
        let request = Request {
            method: "GET".into(),
            url: url.into(),
            headers,
            body: vec![],
            timeouts: Default::default(),
        };
        GateKey::of(&request, &Secrets::default())
    }

    #[test]
    fn a_key_is_a_host_and_its_credentials() {
        assert_eq!(key("https://h/a", "t"), key("https://h:443/b?x=1", "t"));
        assert_ne!(key("https://h/a", "t"), key("https://h/a", "u"));
        assert_ne!(key("https://h/a", "t"), key("https://o/a", "t"));
    }

    #[test]
    fn all_wait_until_the_pause_is_over_and_others_do_not() {
        let gate = Gate::new(Arc::new(Clock::new(Some(0), 0.001)));
        let begun = monotonic();
        gate.pause(key("https://h/", "t"), Duration::from_secs(100));
        gate.pause(key("https://h/", "t"), Duration::from_secs(1));
        gate.wait(&key("https://h/", "other")).unwrap();
        assert!(begun.elapsed() < Duration::from_millis(90));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| gate.wait(&key("https://h/", "t")).unwrap());
            }
        });
        assert!(begun.elapsed() >= Duration::from_millis(100));
        // Noted once, and not for each of the three.
        assert_eq!(gate.0.clock.waited(), Duration::from_secs(100));
        assert_eq!(gate.0.clock.now(), 100_000_000);
    }

    #[test]
    fn a_scale_of_zero_waits_for_nothing() {
        let gate = Gate::new(Arc::new(Clock::new(Some(0), 0.0)));
        gate.pause(key("https://h/", "t"), Duration::from_secs(1 << 40));
        gate.wait(&key("https://h/", "t")).unwrap();
        gate.sleep(Duration::from_secs(60)).unwrap();
        assert_eq!(gate.0.clock.waited(), Duration::from_secs((1 << 40) + 60));
    }

    #[test]
    fn stopping_wakes_who_waits() {
        let gate = Gate::new(Arc::new(Clock::system()));
        gate.pause(key("https://h/", "t"), Duration::from_secs(3600));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| gate.wait(&key("https://h/", "t")));
            let sleeping = scope.spawn(|| gate.sleep(Duration::from_secs(3600)));
            gate.stop();
            assert_eq!(waiting.join().unwrap(), Err(Stopped));
            assert_eq!(sleeping.join().unwrap(), Err(Stopped));
        });
        assert_eq!(gate.wait(&key("https://o/", "t")), Err(Stopped));
    }
}

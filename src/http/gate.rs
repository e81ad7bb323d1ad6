//! Holds back everybody who asks a host for more than it allows.
//!
//! In: requests that want to start, and their answers. Out: each waits until the [`Pace`] of its key
//! (host and credential) lets it start, or until the run is stopped. Time is the clock's: where waits
//! take none, as in a replay, nobody is held back.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pace::{Answer, Pace, Start, Told};
use super::url::parse_query;
use super::{Request, Response, Secrets};
use crate::clock::{Clock, monotonic};

/// Keys from which on those are forgotten that nothing is known of: each signed URL may be one.
const MANY: usize = 256;
/// Longest time for which a host is obeyed when the run is not to be patient.
const IMPATIENT: Duration = Duration::from_secs(600);

/// Whom a rate limit counts: a host, and the credentials that are sent to it. A hash, so that it holds
/// no credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GateKey(u64);

impl GateKey {
    /// The key under which `request` is counted.
    #[must_use]
    pub fn of(request: &Request, secrets: &Secrets) -> Self {
        let mut hasher = DefaultHasher::new();
        let url = &request.url;
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let usual = if scheme.eq_ignore_ascii_case("https") {
            ":443"
        } else {
            ":80"
        };
        let host = authority.strip_suffix(usual).unwrap_or(authority);
        for byte in host.bytes() {
            hasher.write_u8(byte.to_ascii_lowercase());
        }
        for (name, value) in request.headers.iter() {
            if secrets.is_header(name) {
                (name.to_ascii_lowercase(), value).hash(&mut hasher);
            }
        }
        if let Some((_, query)) = url.split_once('?')
            && secrets.has_params()
        {
            for (name, value) in parse_query(query) {
                if secrets.is_param(&name) {
                    (name, value).hash(&mut hasher);
                }
            }
        }
        Self(hasher.finish())
    }
}

/// The limits of a run. A clone shares them.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Arc<Clock>,
    /// How long a second of waiting takes.
    second: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    paces: HashMap<GateKey, Pace>,
    /// How many wait.
    waiting: usize,
}

/// The run was stopped while somebody waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

/// The leave to send one request. Dropped without an answer, it counts as a request without one.
#[derive(Debug)]
pub struct Pass {
    /// Unset where nobody is held back.
    gate: Option<Gate>,
    key: GateKey,
    started: Instant,
    came: Option<Instant>,
}

impl Gate {
    /// A gate that is open to all.
    #[must_use]
    pub fn new(clock: Arc<Clock>) -> Self {
        Self(Arc::new(Shared {
            second: clock.scaled(Duration::from_secs(1)),
            clock,
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// Closes the gate to `key` for `duration` from now on; never shortens a longer pause. Whoever
    /// met the limit calls [`enter`](Self::enter) then, as all others do.
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
        // A time too far away to be told: nothing is left to wait for.
        let Some(over) = now.checked_add(scaled) else {
            return;
        };
        let pace = state.pace(key, self.0.second, now);
        let before = pace.closed().unwrap_or(now).max(now);
        if over > before {
            let share = (over - before).as_secs_f64() / scaled.as_secs_f64();
            clock.note_wait(duration.mul_f64(share.min(1.0)));
            pace.close(over);
            self.call(&state);
        }
    }

    /// Waits until `request` may start.
    ///
    /// # Errors
    /// When the run is stopped, at once.
    pub fn enter(&self, request: &Request, secrets: &Secrets) -> Result<Pass, Stopped> {
        let is_open = self.0.second.is_zero();
        let key = if is_open {
            GateKey(0)
        } else {
            GateKey::of(request, secrets)
        };
        let pass = |started| Pass {
            gate: (!is_open).then(|| self.clone()),
            key,
            started,
            came: None,
        };
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Err(Stopped);
            }
            let now = monotonic();
            if is_open {
                return Ok(pass(now));
            }
            let until = match state.pace(key, self.0.second, now).start(now) {
                Start::Now => return Ok(pass(now)),
                Start::At(until) => Some(until - now),
                Start::Later => None,
            };
            state = self.wait(state, until);
        }
    }

    /// Waits for `duration`, by the clock: between two tries of one request.
    ///
    /// # Errors
    /// When the run is stopped, at once.
    pub fn sleep(&self, duration: Duration) -> Result<(), Stopped> {
        self.0.clock.note_wait(duration);
        let over = monotonic().checked_add(self.0.clock.scaled(duration));
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Err(Stopped);
            }
            let left = over.map(|over| over.saturating_duration_since(monotonic()));
            match left.filter(|left| !left.is_zero()) {
                None => return Ok(()),
                left => state = self.wait(state, left),
            }
        }
    }

    /// How long the longest pause lasts still; none while the gate is open to all.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        let now = monotonic();
        let state = self.lock();
        let left = (state.paces.values())
            .filter_map(Pace::opens)
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

    /// Waits for a change, and no longer than `time`.
    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        time: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        let changed = &self.0.changed;
        state.waiting += 1;
        let mut state = match time {
            Some(time) => {
                let woken = changed.wait_timeout(state, time);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
            None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
        state.waiting -= 1;
        state
    }

    /// Calls those who wait, after a change of `state`.
    fn call(&self, state: &State) {
        if state.waiting > 0 {
            self.0.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pace(&mut self, key: GateKey, second: Duration, now: Instant) -> &mut Pace {
        if self.paces.len() >= MANY && !self.paces.contains_key(&key) {
            self.paces.retain(|_, pace| !pace.is_idle(now));
        }
        self.paces.entry(key).or_insert_with(|| Pace::new(second))
    }
}

impl Pass {
    /// The key of the request.
    #[must_use]
    pub fn key(&self) -> GateKey {
        self.key
    }

    /// Notes that the request has come to its end, whatever that is.
    pub fn came(&mut self) {
        if self.gate.is_some() {
            self.came = Some(monotonic());
        }
    }

    /// Tells what came: a response, which may be `limited`. Unless the run is `patient`, a host is not
    /// obeyed for longer than ten minutes.
    pub fn answered(mut self, response: &Response, limited: bool, patient: bool) {
        let Some(gate) = self.gate.take() else { return };
        let mut told = Told::of(&response.headers, gate.0.clock.now());
        if !patient {
            told.reset = told.reset.filter(|reset| *reset <= IMPATIENT);
            told.retry_after = told.retry_after.map(|time| time.min(IMPATIENT));
        }
        let now = self.came.unwrap_or_else(monotonic);
        let mut state = gate.lock();
        let pace = state.pace(self.key, gate.0.second, now);
        pace.answered(self.started, now, &Answer { limited, told });
        gate.call(&state);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take() {
            let mut state = gate.lock();
            if let Some(pace) = state.paces.get_mut(&self.key) {
                pace.ended(self.started);
            }
            gate.call(&state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::Headers;
    use super::*;

    fn request(url: &str, token: &str) -> Request {
        let mut headers = Headers::default();
        headers.set("Authorization", token);
        Request {
            method: "GET".into(),
            url: url.into(),
            headers,
            body: vec![],
            timeouts: Default::default(),
        }
    }

    fn key(url: &str, token: &str) -> GateKey {
        GateKey::of(&request(url, token), &Secrets::default())
    }

    fn enter(gate: &Gate, url: &str, token: &str) -> Result<Pass, Stopped> {
        gate.enter(&request(url, token), &Secrets::default())
    }

    fn response(status: u16, header: (&str, &str)) -> Response {
        let mut headers = Headers::default();
        headers.add(header.0, header.1);
        Response {
            status,
            headers,
            body: Vec::new().into(),
            wire_bytes: 0,
        }
    }

    #[test]
    fn a_key_is_a_host_and_its_credentials() {
        assert_eq!(key("https://h/a", "t"), key("https://H:443/b?x=1", "t"));
        assert_ne!(key("https://h/a", "t"), key("https://h/a", "u"));
        assert_ne!(key("https://h/a", "t"), key("https://o/a", "t"));
        let secrets = Secrets::default();
        secrets.add_param("k");
        let of = |url: &str| GateKey::of(&request(url, "t"), &secrets);
        assert_ne!(of("https://h/a?k=1"), of("https://h/a?k=2"));
        assert_eq!(of("https://h/a?k=1&x=1"), of("https://h/a?k=1&x=2"));
    }

    #[test]
    fn all_wait_until_the_pause_is_over_and_others_do_not() {
        let gate = Gate::new(Arc::new(Clock::new(Some(0), 0.001)));
        let begun = monotonic();
        gate.pause(key("https://h/", "t"), Duration::from_secs(100));
        gate.pause(key("https://h/", "t"), Duration::from_secs(1));
        drop(enter(&gate, "https://h/", "other").unwrap());
        assert!(begun.elapsed() < Duration::from_millis(90));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| drop(enter(&gate, "https://h/", "t").unwrap()));
            }
        });
        assert!(begun.elapsed() >= Duration::from_millis(100));
        // Noted once, and not for each of the three.
        assert_eq!(gate.0.clock.waited(), Duration::from_secs(100));
        assert_eq!(gate.0.clock.now(), 100_000_000);
    }

    #[test]
    fn a_host_that_says_retry_after_is_left_alone() {
        let gate = Gate::new(Arc::new(Clock::new(Some(0), 0.001)));
        let begun = monotonic();
        let pass = enter(&gate, "https://h/", "t").unwrap();
        pass.answered(&response(429, ("Retry-After", "99")), true, true);
        drop(enter(&gate, "https://h/", "t").unwrap());
        assert!(begun.elapsed() >= Duration::from_millis(100));
    }

    #[test]
    fn a_scale_of_zero_waits_for_nothing() {
        let gate = Gate::new(Arc::new(Clock::new(Some(0), 0.0)));
        gate.pause(key("https://h/", "t"), Duration::from_secs(1 << 40));
        let pass = enter(&gate, "https://h/", "t").unwrap();
        pass.answered(&response(429, ("Retry-After", "3600")), true, true);
        drop(enter(&gate, "https://h/", "t").unwrap());
        gate.sleep(Duration::from_secs(60)).unwrap();
        assert_eq!(gate.0.clock.waited(), Duration::from_secs((1 << 40) + 60));
    }

    #[test]
    fn stopping_wakes_who_waits() {
        let gate = Gate::new(Arc::new(Clock::system()));
        gate.pause(key("https://h/", "t"), Duration::from_secs(3600));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| enter(&gate, "https://h/", "t").err());
            let sleeping = scope.spawn(|| gate.sleep(Duration::from_secs(3600)));
            gate.stop();
            assert_eq!(waiting.join().unwrap(), Some(Stopped));
            assert_eq!(sleeping.join().unwrap(), Err(Stopped));
        });
        assert!(enter(&gate, "https://o/", "t").is_err());
    }

    #[test]
    fn hosts_that_nothing_is_known_of_are_forgotten() {
        let gate = Gate::new(Arc::new(Clock::system()));
        for number in 0..2 * MANY {
            drop(enter(&gate, &format!("https://h{number}/"), "t").unwrap());
        }
        assert!(gate.lock().paces.len() <= MANY);
    }
}

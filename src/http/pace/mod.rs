//! How fast one host lets us go with one credential, as far as it is known.
//!
//! In: requests that want to start, and what came of them, each with its instant. Out: whether one
//! may start, or from when on it may. It never waits, and knows nothing of threads or of the time.
//!
//! What the host tells is obeyed: `Retry-After`, and the requests left until a reset. Where it tells
//! nothing, it is found out. A limit that is met closes the way, until one request alone has got
//! through; then the rate is that at which the host was seen to answer, and requests are spread
//! evenly. From there it grows slowly, and after some calm minutes fast, until the next limit. A limit
//! that is over at once is one of the requests in flight: half of them, and one more at a time.
//! Before the first limit nothing is held back.
//!
//! `Differs:` the reference waits as the manifest says, and for nothing else.

mod crowd;
mod rate;
mod told;

pub use told::Told;

use std::time::{Duration, Instant};

use crowd::Crowd;
use rate::Rate;

/// Seconds for which a host is left alone after a limit of which it tells nothing more.
const FIRST_WAIT: f64 = 1.0;
/// The same, at most, when it has had enough again and again.
const LONGEST_WAIT: f64 = 60.0;
/// Seconds that `Retry-After` takes longer, to cover fractions of a second.
const EXTRA_WAIT: f64 = 1.0;
/// Seconds up to which a reset is waited for on the word of a header alone. What is further away may be
/// misread; a request is risked for it.
const BELIEVED: f64 = 3_600.0;
/// Seconds after which a limit that is over was one of the rate, not of the requests in flight.
const SHORT: f64 = 2.5;
/// Seconds after a limit in which the next one says that the rate is much too high.
const AGAIN: f64 = 10.0;
/// Seconds by which a rate is measured: at least so long back, and at most twice.
const SPAN: f64 = 60.0;
/// Seconds without a request after which measuring begins anew.
const IDLE: f64 = 10.0;
/// Answers below which nothing can be measured.
const FEW: u64 = 10;

/// Whether a request may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It may, and counts as started.
    Now,
    /// Not before this instant.
    At(Instant),
    /// Not before another one has ended.
    Later,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer {
    /// Whether it was refused because of a limit.
    pub limited: bool,
    /// What it tells of the limit.
    pub told: Told,
}

/// The requests to one host with one credential.
#[derive(Debug)]
pub struct Pace {
    /// How long a second of waiting takes: waits may be scaled.
    second: Duration,
    in_flight: usize,
    /// Nothing starts before.
    closed: Option<Instant>,
    quota: Option<Quota>,
    /// Seconds to wait longer than until a reset: some hosts tell it in whole seconds, rounded down.
    margin: f64,
    limit: Option<Limit>,
    /// When the last limit was over: what started earlier has nothing to say of the next one.
    opened: Option<Instant>,
    rate: Option<Rate>,
    crowd: Crowd,
    count: Count,
}

/// What a host has told of the requests that are left.
#[derive(Debug)]
struct Quota {
    left: u64,
    reset: Instant,
    /// When it was told.
    at: Instant,
    /// The one request that finds out what is left after the reset.
    scout: Option<Instant>,
}

/// A limit that was met and is not over.
#[derive(Debug)]
struct Limit {
    since: Instant,
    /// How many seconds to wait should it be met again.
    wait: f64,
    /// The one request that finds out whether it is over.
    scout: Option<Instant>,
    /// Whether it may be one of the requests in flight.
    is_of_crowd: bool,
    /// Whether the host tells its limits, so that there is nothing to find out.
    is_told: bool,
}

/// Answers by time: those of the present span, and of the one before.
#[derive(Debug, Default)]
struct Count {
    before: Option<(Instant, u64)>,
    now: Option<(Instant, u64)>,
    /// The last start.
    last: Option<Instant>,
}

impl Pace {
    /// Nothing is known; a second of waiting takes `second`.
    #[must_use]
    pub fn new(second: Duration) -> Self {
        Self {
            second,
            in_flight: 0,
            closed: None,
            quota: None,
            margin: 0.0,
            limit: None,
            opened: None,
            rate: None,
            crowd: Crowd::default(),
            count: Count::default(),
        }
    }

    /// Asks for the start of a request. Whoever may start it tells how it ended, by
    /// [`answered`](Self::answered) or [`ended`](Self::ended).
    pub fn start(&mut self, now: Instant) -> Start {
        if let Some(closed) = self.closed {
            if now < closed {
                return Start::At(closed);
            }
            self.closed = None;
        }
        if self.limit.as_ref().is_some_and(|it| it.scout.is_some()) {
            return Start::Later;
        }
        if let Some(quota) = &self.quota {
            if now < quota.reset {
                // Those in flight may not be counted in what is left.
                if self.in_flight as u64 >= quota.left {
                    return Start::At(quota.reset);
                }
            } else if quota.scout.is_some() {
                return Start::Later;
            }
        }
        if self.crowd.is_full(self.in_flight) {
            return Start::Later;
        }
        if let Some(at) = self.rate.as_ref().and_then(|rate| rate.wait(now)) {
            return Start::At(at);
        }
        if let Some(limit) = &mut self.limit {
            limit.scout = Some(now);
        }
        if let Some(quota) = self.quota.as_mut().filter(|quota| now >= quota.reset) {
            quota.scout = Some(now);
        }
        if let Some(rate) = &mut self.rate {
            rate.start(now);
        }
        if self.limit.is_none() {
            let interval = (self.rate.as_ref()).map_or(0.0, |rate| 1.0 / rate.per_second);
            self.count.begin(now, IDLE + 3.0 * interval);
        }
        self.in_flight += 1;
        Start::Now
    }

    /// Nothing starts before `until`, which never shortens what was there before.
    pub fn close(&mut self, until: Instant) {
        self.closed = Some(self.closed.map_or(until, |closed| closed.max(until)));
    }

    /// Until when nothing starts, whatever else holds.
    #[must_use]
    pub fn closed(&self) -> Option<Instant> {
        self.closed
    }

    /// When the host is open again, as far as it is known: a pause is over, or a quota is reset.
    #[must_use]
    pub fn opens(&self) -> Option<Instant> {
        let spent = self.quota.as_ref().filter(|quota| quota.left == 0);
        self.closed.max(spent.map(|quota| quota.reset))
    }

    /// Whether nothing is under way, and nothing known that a new one would not know.
    #[must_use]
    pub fn is_idle(&self, now: Instant) -> bool {
        self.in_flight == 0
            && self.limit.is_none()
            && self.rate.is_none()
            && self.closed.is_none_or(|closed| closed <= now)
    }

    /// A request that started at `started` ended without an answer.
    pub fn ended(&mut self, started: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(limit) = &mut self.limit {
            limit.scout.take_if(|scout| *scout == started);
        }
        if let Some(quota) = &mut self.quota {
            quota.scout.take_if(|scout| *scout == started);
        }
    }

    /// A request that started at `started` was answered now.
    pub fn answered(&mut self, started: Instant, now: Instant, answer: &Answer) {
        let is_scout = (self.limit.as_ref()).is_some_and(|limit| limit.scout == Some(started));
        let asked = (self.quota.as_ref()).is_some_and(|quota| quota.scout == Some(started));
        if asked && answer.limited {
            self.margin = EXTRA_WAIT;
        }
        let in_flight = self.in_flight;
        self.ended(started);
        self.note(started, now, &answer.told);
        if let Some(time) = answer.told.retry_after.filter(|_| answer.limited) {
            self.close_for(time.as_secs_f64() + EXTRA_WAIT, now);
        }
        if answer.limited {
            self.limited(started, now, in_flight, is_scout, &answer.told);
        } else {
            self.went_well(started, now, in_flight);
        }
    }

    /// Notes what is left, as the host tells it.
    fn note(&mut self, started: Instant, now: Instant, told: &Told) {
        let reset = told
            .reset
            .filter(|reset| reset.as_secs_f64() <= BELIEVED)
            .and_then(|reset| now.checked_add(self.time(reset.as_secs_f64() + self.margin)));
        match (told.remaining, reset) {
            (Some(left), Some(reset)) => match &mut self.quota {
                // It may have been overtaken by a later one.
                Some(quota) if started < quota.at && now < quota.reset => {
                    quota.left = quota.left.min(left);
                }
                quota => {
                    *quota = Some(Quota {
                        left,
                        reset,
                        at: now,
                        scout: None,
                    });
                }
            },
            _ => match &mut self.quota {
                Some(quota) if now < quota.reset => quota.left = quota.left.saturating_sub(1),
                quota => *quota = None,
            },
        }
    }

    fn limited(
        &mut self,
        started: Instant,
        now: Instant,
        in_flight: usize,
        is_scout: bool,
        told: &Told,
    ) {
        let is_told = told.remaining == Some(0) && self.quota.is_some();
        let tells_time = told.retry_after.is_some() || is_told;
        if let Some(limit) = &mut self.limit {
            if is_scout {
                limit.wait = (limit.wait * 2.0).min(LONGEST_WAIT);
                let wait = limit.wait;
                self.close_for(wait, now);
            }
            return;
        }
        if self.opened.is_some_and(|opened| started < opened) {
            return;
        }
        let is_of_crowd = self.crowd.is_tight(in_flight);
        if is_of_crowd {
            self.crowd.halve(in_flight);
        }
        self.limit = Some(Limit {
            since: now,
            wait: FIRST_WAIT,
            scout: None,
            is_of_crowd,
            is_told,
        });
        if !tells_time {
            self.close_for(FIRST_WAIT, now);
        }
    }

    fn went_well(&mut self, started: Instant, now: Instant, in_flight: usize) {
        if let Some(limit) = self.limit.take_if(|limit| started > limit.since) {
            self.learn(&limit, started);
            self.opened = Some(started);
            self.count.last = Some(started);
        }
        self.count.add();
        let latency = now.saturating_duration_since(started);
        self.crowd.answered(latency.as_secs_f64(), in_flight);
    }

    /// Learns from a limit that was over at `over`.
    fn learn(&mut self, limit: &Limit, over: Instant) {
        let closed = over.saturating_duration_since(limit.since);
        let is_short = closed <= self.time(SHORT);
        if limit.is_told || (limit.is_of_crowd && is_short) {
            return;
        }
        let Some((from, answers)) = self.count.all() else {
            return;
        };
        let whole = over.saturating_duration_since(from).as_secs_f64();
        let free = limit.since.saturating_duration_since(from).as_secs_f64();
        // The limit before was not one of a moment.
        let is_again = self
            .opened
            .is_some_and(|opened| limit.since.saturating_duration_since(opened) < self.time(AGAIN));
        let open = if is_again { 0.0 } else { free / whole };
        match &mut self.rate {
            Some(rate) if whole > 0.0 => {
                let served = if whole < SPAN / 2.0 {
                    0.0
                } else {
                    answers as f64 / whole
                };
                rate.lower(open, served, over);
            }
            None if answers >= FEW && free > 0.0 => {
                let per_second = answers as f64 / free;
                self.rate = Some(Rate::measured(per_second, free / whole, over));
            }
            _ => {}
        }
    }

    fn close_for(&mut self, seconds: f64, now: Instant) {
        // A time too far away to be told: nobody would wait for it.
        if let Some(until) = now.checked_add(self.time(seconds)) {
            self.close(until);
        }
    }

    fn time(&self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64(self.second.as_secs_f64() * seconds).unwrap_or(Duration::MAX)
    }
}

impl Count {
    /// Notes a start; after so many `idle` seconds without one, counting begins anew.
    fn begin(&mut self, now: Instant, idle: f64) {
        let since = |then: Instant| now.saturating_duration_since(then).as_secs_f64();
        if self.last.is_some_and(|last| since(last) > idle) {
            *self = Self::default();
        }
        self.last = Some(now);
        match self.now {
            Some((from, _)) if since(from) <= SPAN => {}
            present => {
                self.before = present;
                self.now = Some((now, 0));
            }
        }
    }

    fn add(&mut self) {
        if let Some((_, answers)) = &mut self.now {
            *answers += 1;
        }
    }

    /// Answers, and since when.
    fn all(&self) -> Option<(Instant, u64)> {
        let (from, answers) = self.now?;
        Some(match self.before {
            Some((from, before)) => (from, before + answers),
            None => (from, answers),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    const LIMITED: Answer = Answer {
        limited: true,
        told: Told {
            remaining: None,
            reset: None,
            retry_after: None,
        },
    };

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn left(remaining: u64, reset: f64) -> Answer {
        let told = Told {
            remaining: Some(remaining),
            reset: Some(seconds(reset)),
            retry_after: None,
        };
        Answer {
            limited: false,
            told,
        }
    }

    /// A pace with so many requests in flight since the instant that is given too.
    fn busy(in_flight: usize) -> (Pace, Instant) {
        let begin = monotonic();
        let mut pace = Pace::new(seconds(1.0));
        for _ in 0..in_flight {
            assert_eq!(pace.start(begin), Start::Now);
        }
        (pace, begin)
    }

    #[test]
    fn nothing_is_held_back_before_a_limit() {
        let (mut pace, begin) = busy(1_000);
        pace.answered(begin, begin + seconds(0.1), &Answer::default());
        assert_eq!(pace.start(begin + seconds(0.1)), Start::Now);
    }

    #[test]
    fn one_request_alone_finds_out_whether_a_limit_is_over() {
        let (mut pace, begin) = busy(8);
        let at = |time: f64| begin + seconds(time);
        for _ in 0..7 {
            pace.answered(begin, at(0.1), &LIMITED);
        }
        assert_eq!(pace.start(at(0.2)), Start::At(at(1.1)));
        assert_eq!(pace.start(at(1.1)), Start::Now);
        assert_eq!(pace.start(at(1.1)), Start::Later);
        // It is not; what was sent long before does not count.
        pace.answered(at(1.1), at(1.2), &LIMITED);
        pace.answered(begin, at(1.2), &LIMITED);
        assert_eq!(pace.start(at(1.2)), Start::At(at(3.2)));
        assert_eq!(pace.start(at(3.2)), Start::Now);
        // The one came to nothing: another one is sent.
        assert_eq!(pace.start(at(3.2)), Start::Later);
        pace.ended(at(3.2));
        assert_eq!(pace.start(at(3.3)), Start::Now);
        pace.answered(at(3.3), at(3.4), &Answer::default());
        assert_eq!(pace.start(at(3.4)), Start::Now);
        assert_eq!(pace.start(at(3.4)), Start::Now);
    }

    #[test]
    fn retry_after_is_obeyed() {
        let (mut pace, begin) = busy(1);
        let mut answer = LIMITED;
        answer.told.retry_after = Some(seconds(30.0));
        pace.answered(begin, begin, &answer);
        assert_eq!(pace.start(begin), Start::At(begin + seconds(31.0)));
    }

    #[test]
    fn no_more_are_sent_than_are_left() {
        let (mut pace, begin) = busy(3);
        let at = |time: f64| begin + seconds(time);
        pace.answered(begin, at(0.1), &left(3, 10.0));
        assert_eq!(pace.start(at(0.1)), Start::Now);
        // Three are in flight.
        assert_eq!(pace.start(at(0.1)), Start::At(at(10.1)));
        pace.answered(begin, at(0.2), &left(2, 9.9));
        pace.answered(begin, at(0.2), &left(1, 9.9));
        assert_eq!(pace.start(at(0.2)), Start::At(at(10.1)));
        pace.answered(at(0.1), at(0.3), &left(0, 9.8));
        assert_eq!(pace.start(at(0.3)), Start::At(at(10.1)));
        // One finds out what is allowed then.
        assert_eq!(pace.start(at(10.1)), Start::Now);
        assert_eq!(pace.start(at(10.1)), Start::Later);
        pace.answered(at(10.1), at(10.2), &left(9, 9.9));
        assert_eq!(pace.start(at(10.2)), Start::Now);
        assert_eq!(pace.start(at(10.2)), Start::Now);
    }

    #[test]
    fn a_reset_that_is_far_away_is_not_believed_without_a_limit() {
        let (mut pace, begin) = busy(1);
        pace.answered(begin, begin, &left(0, 86_400.0));
        assert_eq!(pace.start(begin), Start::Now);
    }

    #[test]
    fn a_limit_that_is_over_at_once_is_of_the_requests_in_flight() {
        let (mut pace, begin) = busy(8);
        let at = |time: f64| begin + seconds(time);
        for _ in 0..7 {
            pace.answered(begin, at(0.1), &Answer::default());
        }
        pace.answered(begin, at(0.1), &LIMITED);
        assert_eq!(pace.start(at(1.1)), Start::Now);
        pace.answered(at(1.1), at(1.2), &Answer::default());
        assert!(pace.rate.is_none());
    }
}

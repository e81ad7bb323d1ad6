//! Hosts that allow so many requests a minute, and workers that ask them as fast as they may.
//!
//! Time is virtual: the events of an hour take milliseconds, and come out the same each time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use lowcode::http::{Answer, Headers, Pace, Start, Told};

/// How a host counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Anew with each minute.
    FixedWindow,
    /// What came in the last minute.
    MovingWindow,
}

/// What a host tells of its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tells {
    /// Only 429.
    Nothing,
    /// `Retry-After` with a 429, in whole seconds.
    RetryAfter,
    /// `RateLimit-Remaining` and `RateLimit-Reset` with each response.
    Remaining,
}

/// A simulation: `minutes` for each of the `limits`, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) counts: Counts,
    pub(crate) tells: Tells,
    pub(crate) workers: usize,
    /// Requests a minute, and for how many minutes.
    pub(crate) limits: Vec<(u64, u64)>,
}

/// What came of it, for each of the limits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Phase {
    pub(crate) allowed: u64,
    pub(crate) served: u64,
    pub(crate) refused: u64,
}

impl Phase {
    /// The part of the allowed rate that was used.
    pub(crate) fn used(&self) -> f64 {
        self.served as f64 / self.allowed as f64
    }

    /// The part of the requests that were answered by 429.
    pub(crate) fn refusals(&self) -> f64 {
        self.refused as f64 / (self.served + self.refused) as f64
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// Microseconds since the beginning.
type Micros = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A request has come to the host.
    Arrives {
        started: Micros,
        tries: u32,
        back: Micros,
    },
    /// Its response has come back.
    Answered {
        started: Micros,
        tries: u32,
        left: Option<u64>,
        reset: Micros,
        limited: bool,
    },
    /// Somebody may want to start.
    Wakes,
}

struct Host {
    counts: Counts,
    calls: VecDeque<Micros>,
    window: u64,
    used: u64,
}

impl Host {
    /// What is left after a request at `now`, or nothing when it is refused; and the time until more
    /// is allowed.
    fn take(&mut self, now: Micros, limit: u64) -> (Option<u64>, Micros) {
        let minute = MINUTE.as_micros() as u64;
        match self.counts {
            Counts::FixedWindow => {
                // The host's minutes are not ours.
                let shifted = now + 17_000_000;
                if shifted / minute != self.window {
                    (self.window, self.used) = (shifted / minute, 0);
                }
                let reset = minute - shifted % minute;
                if self.used >= limit {
                    return (None, reset);
                }
                self.used += 1;
                (Some(limit - self.used), reset)
            }
            Counts::MovingWindow => {
                while self.calls.front().is_some_and(|call| call + minute <= now) {
                    self.calls.pop_front();
                }
                let reset =
                    |calls: &VecDeque<Micros>| calls.front().map_or(0, |call| call + minute - now);
                if self.calls.len() as u64 >= limit {
                    return (None, reset(&self.calls));
                }
                self.calls.push_back(now);
                (Some(limit - self.calls.len() as u64), reset(&self.calls))
            }
        }
    }
}

/// Latencies from 50 to 300 ms, the same in each run.
struct Latencies(u64);

impl Latencies {
    fn next(&mut self) -> Micros {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        50_000 + (self.0 >> 33) % 250_000
    }
}

/// Runs `case`. All workers always have something to ask for, and try a refused request again as the
/// engine does: after 1, 2, 4, … seconds, for which nobody asks.
pub(crate) fn run(case: &Case, begin: Instant) -> Vec<Phase> {
    let mut pace = Pace::new(Duration::from_secs(1));
    let mut host = Host {
        counts: case.counts,
        calls: VecDeque::new(),
        window: 0,
        used: 0,
    };
    let mut latencies = Latencies(7);
    let mut phases = vec![Phase::default(); case.limits.len()];
    let mut events = BinaryHeap::from([Reverse((0, Event::Wakes))]);
    // Tries that each waiting worker has made of its request.
    let mut waiting: VecDeque<u32> = vec![0; case.workers].into();
    let mut alarm = Some(0);
    let at = |now: Micros| begin + Duration::from_micros(now);
    while let Some(Reverse((now, event))) = events.pop() {
        let Some((phase, limit)) = phase(case, now) else {
            break;
        };
        match event {
            Event::Wakes => alarm = None,
            Event::Arrives {
                started,
                tries,
                back,
            } => {
                let (left, reset) = host.take(now, limit);
                let limited = left.is_none();
                if limited {
                    phases[phase].refused += 1;
                } else {
                    phases[phase].served += 1;
                }
                events.push(Reverse((
                    back,
                    Event::Answered {
                        started,
                        tries,
                        left,
                        reset,
                        limited,
                    },
                )));
            }
            Event::Answered {
                started,
                tries,
                left,
                reset,
                limited,
            } => {
                let told = told(case.tells, left, reset, limited);
                pace.answered(at(started), at(now), &Answer { limited, told });
                if limited {
                    let wait = Duration::from_secs(1 << tries.min(6)).min(MINUTE);
                    pace.close(at(now) + wait);
                }
                waiting.push_back(if limited { tries + 1 } else { 0 });
            }
        }
        while let Some(&tries) = waiting.front() {
            match pace.start(at(now)) {
                Start::Now => {
                    waiting.pop_front();
                    let latency = latencies.next();
                    let back = now + latency;
                    let event = Event::Arrives {
                        started: now,
                        tries,
                        back,
                    };
                    events.push(Reverse((now + latency / 2, event)));
                }
                Start::At(until) => {
                    let wake = (until.duration_since(begin).as_micros() as u64).max(now + 1);
                    if alarm.is_none_or(|alarm| wake < alarm) {
                        alarm = Some(wake);
                        events.push(Reverse((wake, Event::Wakes)));
                    }
                    break;
                }
                Start::Later => break,
            }
        }
    }
    for (phase, (limit, minutes)) in phases.iter_mut().zip(&case.limits) {
        phase.allowed = limit * minutes;
    }
    phases
}

/// Which limit holds at `now`, and what it is.
fn phase(case: &Case, now: Micros) -> Option<(usize, u64)> {
    let mut end = 0;
    case.limits
        .iter()
        .enumerate()
        .find_map(|(phase, (limit, minutes))| {
            end += minutes * MINUTE.as_micros() as u64;
            (now < end).then_some((phase, *limit))
        })
}

/// What the host's headers say.
fn told(tells: Tells, left: Option<u64>, reset: Micros, limited: bool) -> Told {
    let mut headers = Headers::default();
    let seconds = (reset / 1_000_000).to_string();
    match tells {
        Tells::Nothing => {}
        Tells::RetryAfter if limited => headers.add("Retry-After", seconds),
        Tells::RetryAfter => {}
        Tells::Remaining => {
            headers.add("RateLimit-Remaining", left.unwrap_or(0).to_string());
            headers.add("RateLimit-Reset", seconds);
        }
    }
    Told::of(&headers, 0)
}

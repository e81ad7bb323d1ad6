//! How many requests may be in flight: one more at a time, half of them when it is too much.

/// Answers after which a latency says something.
const WARM: u32 = 32;
/// Answers that tell whether fewer requests made a host faster.
const TRIAL: u32 = 48;
/// Answers after which it is tried again, at first.
const PATIENCE: u32 = 512;
/// What each answer counts for in the smoothed latency.
const WEIGHT: f64 = 1.0 / 16.0;
/// A latency has doubled when it is this many seconds longer, too: an API that answers in 5 ms may
/// take 20.
const LONGER: f64 = 0.05;
/// The part of the latency that is left when it was the number of requests that made it long.
const BETTER: f64 = 0.75;
/// How much slower the number grows above that at which the host had enough.
const CAREFUL: f64 = 1.0 / 64.0;

/// The number of requests that may be in flight, and what it was learned from.
#[derive(Debug)]
pub(super) struct Crowd {
    /// Unbounded until a host has had enough.
    most: f64,
    /// How many were in flight when the host had enough.
    ceiling: f64,
    /// Smoothed latency in seconds.
    latency: f64,
    /// The shortest that the smoothed latency was.
    shortest: f64,
    /// Answers that are counted in it.
    answers: u32,
    trial: Option<Trial>,
    /// Answers before the next trial.
    rest: u32,
    /// The same after a trial that was of no help.
    patience: u32,
}

/// Half of the requests, to see whether the host gets faster by it.
#[derive(Debug)]
struct Trial {
    /// How many were allowed before.
    most: f64,
    /// The longest smoothed latency: what was in flight before comes first.
    latency: f64,
    answers: u32,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            most: f64::INFINITY,
            ceiling: f64::INFINITY,
            latency: 0.0,
            shortest: f64::INFINITY,
            answers: 0,
            trial: None,
            rest: WARM,
            patience: PATIENCE,
        }
    }
}

impl Crowd {
    /// Whether one more would be too many.
    pub(super) fn is_full(&self, in_flight: usize) -> bool {
        in_flight > 0 && in_flight as f64 + 1.0 > self.most
    }

    /// Whether as many are in flight as may be.
    pub(super) fn is_tight(&self, in_flight: usize) -> bool {
        self.most.is_infinite() || in_flight as f64 + 1.0 >= self.most
    }

    /// The host had enough with so many in flight.
    pub(super) fn halve(&mut self, in_flight: usize) {
        self.ceiling = (in_flight as f64).max(1.0);
        self.most = (self.ceiling / 2.0).max(1.0);
        self.trial = None;
    }

    /// An answer that was no limit came after `latency` seconds, of so many in flight.
    pub(super) fn answered(&mut self, latency: f64, in_flight: usize) {
        self.answers = self.answers.saturating_add(1);
        let weight = WEIGHT.max(1.0 / f64::from(self.answers));
        self.latency += (latency - self.latency) * weight;
        match &mut self.trial {
            Some(trial) => {
                trial.answers += 1;
                trial.latency = trial.latency.max(self.latency);
                if trial.answers >= TRIAL {
                    self.judge();
                }
            }
            None => {
                let step = if self.most < self.ceiling - 1.0 {
                    1.0
                } else {
                    CAREFUL
                };
                self.most += step / self.most;
                self.look(in_flight);
            }
        }
    }

    /// Halves the number when the latency has doubled: a trial.
    fn look(&mut self, in_flight: usize) {
        if self.answers < self.rest {
            return;
        }
        self.shortest = self.shortest.min(self.latency);
        let is_long = self.latency >= 2.0 * self.shortest && self.latency >= self.shortest + LONGER;
        if is_long && in_flight > 2 {
            self.trial = Some(Trial {
                most: self.most,
                latency: self.latency,
                answers: 0,
            });
            self.most = (in_flight as f64 / 2.0).max(1.0);
        }
    }

    /// Ends a trial: where the host got no faster, all is as it was before, and its latency the new
    /// measure.
    fn judge(&mut self) {
        let Some(trial) = self.trial.take() else {
            return;
        };
        if self.latency > BETTER * trial.latency {
            self.most = trial.most;
            self.shortest = f64::INFINITY;
            self.rest = self.patience;
            self.patience = self.patience.saturating_mul(2);
        } else {
            self.ceiling = self.ceiling.min(self.most * 2.0);
            self.rest = WARM;
        }
        self.answers = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(crowd: &mut Crowd, latency: f64, in_flight: usize, times: usize) {
        for _ in 0..times {
            crowd.answered(latency, in_flight);
        }
    }

    #[test]
    fn nothing_is_bounded_before_a_host_has_had_enough() {
        let mut crowd = Crowd::default();
        answer(&mut crowd, 0.005, 10, 1000);
        // Ten times as long, and yet no sign of too much.
        answer(&mut crowd, 0.05, 10, 1000);
        assert!(!crowd.is_full(10_000));
    }

    #[test]
    fn a_limit_halves_and_answers_add_one_at_a_time() {
        let mut crowd = Crowd::default();
        crowd.halve(16);
        assert!(crowd.is_full(8) && !crowd.is_full(7));
        answer(&mut crowd, 0.1, 8, 8);
        assert!(crowd.is_full(9) && !crowd.is_full(7));
        answer(&mut crowd, 0.1, 8, 200);
        // At the number that was too much it takes its time.
        assert!(crowd.is_full(16) && !crowd.is_full(14));
        crowd.halve(1);
        assert!(!crowd.is_full(0));
    }

    #[test]
    fn a_latency_that_doubles_halves_unless_that_is_of_no_help() {
        let mut crowd = Crowd::default();
        answer(&mut crowd, 0.1, 10, 100);
        answer(&mut crowd, 0.3, 10, 40);
        assert!(crowd.is_full(5) && !crowd.is_full(4));
        // It got faster by it: the number grows from here.
        answer(&mut crowd, 0.1, 5, TRIAL as usize);
        assert!(!crowd.is_full(4) && crowd.is_full(10));

        let mut crowd = Crowd::default();
        answer(&mut crowd, 0.1, 10, 100);
        answer(&mut crowd, 0.3, 10, 40);
        assert!(crowd.is_full(5));
        answer(&mut crowd, 0.3, 5, TRIAL as usize);
        assert!(!crowd.is_full(1_000));
    }
}

//! Whose turn it is among several tokens, by what is left of their quotas.
//!
//! In: requests, and what the API says of quotas. Out: a token, and how long to wait. It must not
//! wait or send.

use std::sync::Mutex;

use crate::clock::Micros;

/// Seconds that the delay before a request never exceeds.
const LONGEST_DELAY: f64 = 10.0;
/// Microseconds by which a response's window may end earlier and still be the present one.
const TOLERANCE: Micros = 60_000_000;

/// What is left of one token's quota.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quota {
    pub(super) remaining: i64,
    pub(super) reset_at: Micros,
    pub(super) limit: i64,
    /// Whether the API counts at all.
    pub(super) tracked: bool,
}

impl Quota {
    /// That of an API which does not count.
    pub(super) const UNTRACKED: Self = Self {
        remaining: 0,
        reset_at: 0,
        limit: 0,
        tracked: false,
    };

    fn is_spent(&self) -> bool {
        self.tracked && self.remaining <= 0
    }
}

/// What a response says of a quota.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct News {
    pub(super) remaining: Option<i64>,
    pub(super) reset_at: Option<Micros>,
    pub(super) limit: Option<i64>,
    /// Whether its status means that nothing is left.
    pub(super) is_exhausted: bool,
}

/// What may be done now.
#[derive(Debug, PartialEq)]
pub(super) enum Turn {
    /// Send with this token, after so many seconds.
    Send(usize, f64),
    /// Nothing is left of any token; the first quota is reset after so many seconds.
    Exhausted(f64),
}

/// How much of a quota is spent slowly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reserve {
    pub(super) fraction: f64,
    pub(super) least: i64,
}

/// The tokens of one authenticator during a run.
#[derive(Debug, Default)]
pub struct Rotation {
    pub(super) state: Mutex<State>,
    /// Held while the API is asked for the quotas.
    pub(super) asking: Mutex<()>,
}

/// Quotas by token and pool; none before they are known.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) quotas: Vec<Vec<Quota>>,
    active: usize,
}

impl State {
    /// Whether nothing is left of a pool.
    pub(super) fn is_spent(&self, pool: usize) -> bool {
        self.quotas.iter().all(|token| token[pool].is_spent())
    }

    /// Takes one call of a pool for a request at `now`.
    pub(super) fn take(&mut self, pool: usize, now: Micros, reserve: Reserve) -> Turn {
        for _ in 0..self.quotas.len() {
            let active = self.active % self.quotas.len();
            let quota = &mut self.quotas[active][pool];
            if !quota.tracked {
                // Nothing tells the tokens apart: they take turns.
                self.active = active + 1;
                return Turn::Send(active, 0.0);
            }
            if quota.remaining > 0 {
                quota.remaining -= 1;
                if quota.remaining == 0 {
                    // Differs: the reference waits with it until the next request of this pool.
                    self.active = active + 1;
                }
                return Turn::Send(active, self.delay(active, pool, now, reserve));
            }
            self.active = active + 1;
        }
        let resets = self.quotas.iter().map(|token| token[pool].reset_at);
        Turn::Exhausted(seconds(resets.min().unwrap_or(now), now))
    }

    /// Spreads the last calls over the time until the quota is reset.
    fn delay(&self, active: usize, pool: usize, now: Micros, reserve: Reserve) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "quotas are small")]
        let is_low = |quota: &Quota| {
            let share = quota.limit as f64 * reserve.fraction;
            quota.tracked && quota.remaining as f64 <= share.max(reserve.least as f64)
        };
        if !self.quotas.iter().all(|token| is_low(&token[pool])) {
            return 0.0;
        }
        let left: i64 = self
            .quotas
            .iter()
            .map(|token| token[pool].remaining.max(0))
            .sum();
        let time = seconds(self.quotas[active][pool].reset_at, now);
        if left <= 0 || time <= 0.0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "quotas are small")]
        let delay = (time / left as f64).min(LONGEST_DELAY);
        if delay < 0.1 { 0.0 } else { delay }
    }

    /// Notes what the response to a request with `token` says.
    pub(super) fn update(&mut self, token: usize, pool: usize, news: News) {
        let quota = self
            .quotas
            .get_mut(token)
            .and_then(|pools| pools.get_mut(pool));
        let Some(quota) = quota.filter(|quota| quota.tracked) else {
            return;
        };
        let is_at_least = |least| news.reset_at.is_none_or(|at| at >= least);
        if let Some(limit) = news.limit.filter(|limit| *limit > 0)
            && is_at_least(quota.reset_at)
        {
            quota.limit = limit;
        }
        if let Some(reset_at) = news.reset_at.filter(|at| *at > quota.reset_at) {
            // A new window: what was counted so far means nothing.
            quota.reset_at = reset_at;
            quota.remaining = news.remaining.unwrap_or(quota.limit);
        } else if let Some(remaining) = news.remaining
            && (remaining <= 0 && news.is_exhausted || is_at_least(quota.reset_at - TOLERANCE))
        {
            // Responses come out of order: an older one gives nothing back.
            quota.remaining = quota.remaining.min(remaining);
        }
    }

    /// Whether `token` has nothing left, and another one has.
    pub(super) fn has_another(&self, token: usize, pool: usize) -> bool {
        let is_spent = |token: usize| self.quotas.get(token).is_some_and(|it| it[pool].is_spent());
        is_spent(token) && self.quotas.iter().any(|it| it[pool].remaining > 0)
    }
}

fn seconds(at: Micros, now: Micros) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "microseconds fit for centuries")]
    let seconds = at.saturating_sub(now) as f64 / 1e6;
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOWLY: Reserve = Reserve {
        fraction: 0.1,
        least: 0,
    };
    const SECOND: Micros = 1_000_000;

    fn state(remaining: &[i64]) -> State {
        let quota = |remaining: &i64| {
            vec![Quota {
                remaining: *remaining,
                reset_at: 60 * SECOND,
                limit: 100,
                tracked: true,
            }]
        };
        State {
            quotas: remaining.iter().map(quota).collect(),
            active: 0,
        }
    }

    #[test]
    fn a_spent_token_makes_way_for_the_next() {
        let mut state = state(&[1, 50]);
        assert_eq!(state.take(0, 0, SLOWLY), Turn::Send(0, 0.0));
        assert_eq!(state.active, 1);
        assert_eq!(state.take(0, 0, SLOWLY), Turn::Send(1, 0.0));
        state.quotas[1][0].remaining = 0;
        assert!(state.is_spent(0));
        assert_eq!(state.take(0, 10 * SECOND, SLOWLY), Turn::Exhausted(50.0));
    }

    #[test]
    fn the_last_calls_are_spread_over_the_time() {
        let mut state = state(&[6, 5]);
        assert_eq!(state.take(0, 0, SLOWLY), Turn::Send(0, 6.0));
        assert_eq!(state.take(0, 59 * SECOND, SLOWLY), Turn::Send(0, 1.0 / 9.0));
        assert_eq!(state.take(0, 61 * SECOND, SLOWLY), Turn::Send(0, 0.0));
    }

    #[test]
    fn tokens_that_nobody_counts_take_turns() {
        let mut state = state(&[0, 0]);
        state.quotas = vec![vec![Quota::UNTRACKED]; 2];
        let turns: Vec<_> = (0..3).map(|_| state.take(0, 0, SLOWLY)).collect();
        assert_eq!(
            turns,
            [Turn::Send(0, 0.0), Turn::Send(1, 0.0), Turn::Send(0, 0.0)]
        );
        assert!(!state.is_spent(0));
    }

    #[test]
    fn responses_tighten_a_window_and_open_a_new_one() {
        let mut state = state(&[40, 50]);
        let news = |remaining, reset_at: i64| News {
            remaining,
            reset_at: Some(reset_at * SECOND),
            ..News::default()
        };
        let mut left = |news| {
            state.update(0, 0, news);
            state.quotas[0][0].remaining
        };
        assert_eq!(left(news(Some(30), 60)), 30);
        assert_eq!(left(news(Some(35), 60)), 30, "came late");
        assert_eq!(left(news(Some(5), -1)), 30, "of a window that is over");
        let refused = News {
            is_exhausted: true,
            ..news(Some(0), -1)
        };
        assert_eq!(left(refused), 0);
        assert_eq!(left(news(None, 120)), 100);
        assert_eq!(left(news(Some(7), 121)), 7);
    }

    #[test]
    fn another_token_serves_only_where_this_one_is_spent() {
        let state = state(&[0, 50, 0]);
        assert!(state.has_another(0, 0));
        assert!(!state.has_another(1, 0));
        assert!(!super::State::default().has_another(0, 0));
    }
}

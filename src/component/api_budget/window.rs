//! The requests counted so far by one policy.

use std::collections::VecDeque;

use crate::clock::Micros;

/// The state of a policy.
#[derive(Debug)]
pub(super) enum Window {
    /// Requests of the present period.
    Fixed {
        limit: u64,
        period: Micros,
        /// End of the period; none before the first request.
        ends: Option<Micros>,
        used: u64,
    },
    /// Requests by the time at which they were made, and the rates that hold.
    Moving {
        rates: Vec<(u64, Micros)>,
        calls: VecDeque<(Micros, u64)>,
    },
    /// Nothing is counted.
    Unlimited,
}

impl Window {
    /// The most that one request may count for.
    pub(super) fn most(&self) -> u64 {
        match self {
            Self::Fixed { limit, .. } => *limit,
            Self::Moving { rates, .. } => rates.iter().map(|rate| rate.0).min().unwrap_or(u64::MAX),
            Self::Unlimited => u64::MAX,
        }
    }

    /// Counts a request at `now`, or says when to ask again.
    pub(super) fn take(&mut self, weight: u64, now: Micros) -> Result<(), Micros> {
        match self {
            Self::Unlimited => Ok(()),
            Self::Fixed {
                limit,
                period,
                ends,
                used,
            } => {
                let end = current(ends, *period, used, now);
                if used.saturating_add(weight) > *limit {
                    return Err(end);
                }
                *used += weight;
                Ok(())
            }
            Self::Moving { rates, calls } => {
                let longest = rates.iter().map(|rate| rate.1).max().unwrap_or(0);
                calls.retain(|(at, _)| at.saturating_add(longest) > now);
                let free = rates.iter().map(|rate| free_at(calls, *rate, weight, now));
                match free.max().filter(|at| *at > now) {
                    Some(at) => Err(at),
                    None => {
                        calls.push_back((now, weight));
                        Ok(())
                    }
                }
            }
        }
    }

    /// Notes what a response says: requests left, and the end of the period.
    pub(super) fn update(&mut self, left: Option<u64>, reset: Option<Micros>, now: Micros) {
        match self {
            Self::Unlimited => {}
            Self::Fixed {
                limit,
                period,
                ends,
                used,
            } => {
                current(ends, *period, used, now);
                // More than our own limit is no news: it may be lower than the API's.
                if let Some(left) = left {
                    *used = (*used).max(limit.saturating_sub(left));
                }
                if reset.is_some() {
                    *ends = reset;
                }
            }
            Self::Moving { rates, calls } => {
                if left == Some(0) && reset.is_none() {
                    let room = |(limit, interval): &(u64, Micros)| {
                        limit.saturating_sub(within(calls, *interval, now))
                    };
                    let room = rates.iter().map(room).min().unwrap_or(0);
                    if room > 0 {
                        calls.push_back((now, room));
                    }
                }
            }
        }
    }
}

/// The end of the period that `now` is in; nothing is used yet in a new one.
fn current(ends: &mut Option<Micros>, period: Micros, used: &mut u64, now: Micros) -> Micros {
    let end = match *ends {
        Some(end) if now < end => end,
        Some(end) => {
            *used = 0;
            let passed = (now - end) / period.max(1) + 1;
            end.saturating_add(passed.saturating_mul(period))
        }
        None => now.saturating_add(period),
    };
    *ends = Some(end);
    end
}

fn within(calls: &VecDeque<(Micros, u64)>, interval: Micros, now: Micros) -> u64 {
    let recent = calls
        .iter()
        .filter(|(at, _)| at.saturating_add(interval) > now);
    recent.map(|call| call.1).sum()
}

/// When a rate has room for `weight`.
fn free_at(
    calls: &VecDeque<(Micros, u64)>,
    (limit, interval): (u64, Micros),
    weight: u64,
    now: Micros,
) -> Micros {
    let mut used = within(calls, interval, now);
    for (at, counted) in calls {
        if used.saturating_add(weight) <= limit {
            break;
        }
        let over = at.saturating_add(interval);
        if over > now {
            used -= counted;
            if used.saturating_add(weight) <= limit {
                return over;
            }
        }
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_begins_with_its_first_request() {
        let mut window = Window::Fixed {
            limit: 2,
            period: 10,
            ends: None,
            used: 0,
        };
        assert_eq!(window.take(1, 100), Ok(()));
        assert_eq!(window.take(1, 105), Ok(()));
        assert_eq!(window.take(1, 106), Err(110));
        assert_eq!(window.take(2, 110), Ok(()));
        assert_eq!(window.take(1, 111), Err(120));
        assert_eq!(window.take(1, 155), Ok(()));
        assert_eq!(window.take(2, 156), Err(160));
    }

    #[test]
    fn a_response_may_end_a_period_early_or_late() {
        let mut window = Window::Fixed {
            limit: 100,
            period: 10,
            ends: None,
            used: 0,
        };
        window.take(1, 0).unwrap();
        window.update(Some(0), Some(30), 1);
        assert_eq!(window.take(1, 2), Err(30));
        window.update(Some(500), None, 3);
        assert_eq!(window.take(1, 4), Err(30));
        assert_eq!(window.take(1, 30), Ok(()));
    }

    #[test]
    fn a_window_moves_with_its_requests() {
        let mut window = Window::Moving {
            rates: vec![(2, 10), (3, 100)],
            calls: VecDeque::new(),
        };
        assert_eq!(window.take(1, 0), Ok(()));
        assert_eq!(window.take(1, 4), Ok(()));
        assert_eq!(window.take(1, 5), Err(10));
        assert_eq!(window.take(1, 10), Ok(()));
        assert_eq!(window.take(1, 20), Err(100));
        window.update(Some(0), None, 100);
        assert!(window.take(1, 101).is_err());
    }
}

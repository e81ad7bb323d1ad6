//! The state of a budget during a run.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::window::Window;
use super::{ApiBudget, HTTPAPIBudget, HttpRequestRegexMatcher, Policy, number};
use crate::clock::Micros;
use crate::component::ComponentError;
use crate::http::{Request, Response};
use crate::template::Config;

/// Counts the requests of a run.
#[derive(Debug)]
pub struct Limiter {
    budget: HTTPAPIBudget,
    windows: Vec<Mutex<Window>>,
    config: Config,
}

impl Limiter {
    /// A limiter that has counted nothing yet.
    ///
    /// # Errors
    /// When a rate gives no number.
    pub fn new(budget: ApiBudget, config: &Config) -> Result<Self, ComponentError> {
        let ApiBudget::HTTPAPIBudget(budget) = budget;
        let windows = budget.policies.iter().map(|policy| {
            Ok(Mutex::new(match policy {
                Policy::UnlimitedCallRatePolicy(_) => Window::Unlimited,
                Policy::FixedWindowCallRatePolicy(policy) => Window::Fixed {
                    limit: policy.call_limit,
                    period: policy.period,
                    ends: None,
                    used: 0,
                },
                Policy::MovingWindowCallRatePolicy(policy) => {
                    let rates = policy.rates.iter();
                    let rates = rates.map(|rate| Ok((number(&rate.limit, config)?, rate.interval)));
                    Window::Moving {
                        rates: rates.collect::<Result<_, ComponentError>>()?,
                        calls: std::collections::VecDeque::new(),
                    }
                }
            }))
        });
        Ok(Self {
            windows: windows.collect::<Result<_, ComponentError>>()?,
            budget,
            config: config.clone(),
        })
    }

    /// Counts the request at `now`, or says how long to wait before asking again.
    ///
    /// # Errors
    /// When the request counts for more than is ever allowed.
    pub fn acquire(
        &self,
        request: &Request,
        now: Micros,
    ) -> Result<Option<Duration>, ComponentError> {
        let Some((window, matchers)) = self.policy(request) else {
            return Ok(None);
        };
        let weight = match matchers.iter().find(|matcher| matcher.matches(request)) {
            Some(matcher) => matcher.weight(&self.config)?,
            None => 1,
        };
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        if weight > window.most() {
            return Err(ComponentError::system(format!(
                "the request counts for {weight}, but the budget allows {} at once",
                window.most()
            )));
        }
        Ok(window.take(weight, now).err().map(|at| {
            let micros = u64::try_from(at.saturating_sub(now)).unwrap_or(0);
            Duration::from_micros(micros.max(1))
        }))
    }

    /// Notes what the response says of the limit, whatever its status.
    pub fn update(&self, request: &Request, response: &Response, now: Micros) {
        let Some((window, _)) = self.policy(request) else {
            return;
        };
        let header = |name: &Option<String>, usual: &str| {
            let name = name.as_deref().filter(|name| !name.is_empty());
            let text = response.headers.get(name.unwrap_or(usual))?;
            text.trim().parse::<u64>().ok()
        };
        let hits = &self.budget.status_codes_for_ratelimit_hit;
        let is_hit = if hits.is_empty() {
            response.status == 429
        } else {
            hits.contains(&response.status)
        };
        let left = header(
            &self.budget.ratelimit_remaining_header,
            "ratelimit-remaining",
        )
        .or(is_hit.then_some(0));
        let reset = header(&self.budget.ratelimit_reset_header, "ratelimit-reset")
            .and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000_000));
        if left.is_some() || reset.is_some() {
            let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
            window.update(left, reset, now);
        }
    }

    /// The first policy that counts the request.
    fn policy(&self, request: &Request) -> Option<(&Mutex<Window>, &[HttpRequestRegexMatcher])> {
        let policies = self.windows.iter().zip(&self.budget.policies);
        let mut policies = policies.map(|(window, policy)| {
            let matchers = match policy {
                Policy::FixedWindowCallRatePolicy(policy) => &policy.matchers,
                Policy::MovingWindowCallRatePolicy(policy) => &policy.matchers,
                Policy::UnlimitedCallRatePolicy(policy) => &policy.matchers,
            };
            (window, matchers.as_slice())
        });
        policies.find(|(_, matchers)| {
            matchers.is_empty() || matchers.iter().any(|matcher| matcher.matches(request))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::backoff::testing::{config, response};
    use crate::component::testing::{from_yaml, mistakes};
    use crate::http::Headers;

    fn request(method: &str) -> Request {
        Request {
            method: method.to_owned(),
            url: "https://a.example/items".to_owned(),
            headers: Headers::default(),
            body: Vec::new(),
            timeouts: Default::default(),
        }
    }

    fn limiter(policies: &str) -> Limiter {
        let yaml = format!(
            "{{type: HTTPAPIBudget, ratelimit_remaining_header: X-Left, policies: [{policies}]}}"
        );
        Limiter::new(from_yaml(&yaml), &config(json!({"n": 2, "w": 5}))).unwrap()
    }

    #[test]
    fn the_first_policy_that_matches_counts() {
        let limiter = limiter(
            "{type: UnlimitedCallRatePolicy, matchers: [{method: POST}]},
             {type: MovingWindowCallRatePolicy, rates: [{type: Rate, limit: \"{{ config['n'] }}\", interval: PT10S}], matchers: []}",
        );
        let seconds = |method: &str| {
            let wait = limiter.acquire(&request(method), 0).unwrap();
            wait.map(|wait| wait.as_secs())
        };
        assert_eq!(
            [seconds("GET"), seconds("GET"), seconds("GET")],
            [None, None, Some(10)]
        );
        assert_eq!(seconds("POST"), None);
    }

    #[test]
    fn responses_tell_what_is_left() {
        let limiter = limiter(
            "{type: FixedWindowCallRatePolicy, period: PT1M, call_limit: 100, matchers: []}",
        );
        assert_eq!(limiter.acquire(&request("GET"), 0), Ok(None));
        limiter.update(&request("GET"), &response(200, ("X-Left", "0"), ""), 0);
        assert!(limiter.acquire(&request("GET"), 1).unwrap().is_some());
    }

    #[test]
    fn what_can_never_be_allowed_is_an_error() {
        let limiter = limiter(
            "{type: FixedWindowCallRatePolicy, period: PT1M, call_limit: 4, matchers: [{weight: \"{{ config['w'] }}\"}]}",
        );
        let error = limiter.acquire(&request("GET"), 0).unwrap_err();
        assert!(error.message.contains("counts for 5"), "{error}");
        let errors = mistakes::<ApiBudget>(
            "{type: HTTPAPIBudget, policies: [{type: FixedWindowCallRatePolicy, period: nonsense, call_limit: 1, matchers: []}]}",
        );
        assert_eq!(errors.len(), 1, "{errors:?}");
    }
}

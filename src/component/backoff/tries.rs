//! How often a request was tried, and how long to wait before it is tried again.

use std::time::Duration;

use super::{default_wait, wait};
use crate::component::ComponentError;
use crate::component::error_handler::{Action, ErrorHandler, Outcome, Verdict};
use crate::template::Config;

/// Seconds to wait before a try with other credentials, and a second more as for all waits.
///
/// As airbyte-cdk 7.39.1, `http_client.py`, `TOKEN_ROTATION_BACKOFF`.
const ROTATION: f64 = 0.1;

/// Longest wait in seconds that no strategy asks for, of those who wait for a rate limit without end.
const PATIENT: f64 = 60.0;

/// Whether a rate limit stands in the way of a request that is to be tried again.
#[must_use]
pub fn is_limit(outcome: Outcome<'_>, verdict: &Verdict) -> bool {
    match verdict.action {
        Action::RateLimited => true,
        Action::Retry => outcome.is_ok_and(|response| response.status == 429),
        _ => false,
    }
}

/// Tries so far, by the kind of wait that stood before them.
///
/// As airbyte-cdk 7.39.1, `http_client.py` and `rate_limiting.py`: a wait that a strategy asks for
/// takes a second more; without one, tries wait 1, 2, 4, … seconds; the three kinds of wait are
/// counted apart.
#[derive(Debug, Default)]
pub struct Tries {
    /// Requests sent so far; whoever sends one counts it.
    pub sent: u32,
    asked: u32,
    limited: u32,
    plain: u32,
    waited: Duration,
    is_patient: bool,
}

impl Tries {
    /// No try so far. Where `is_patient`, rate limits use none up.
    ///
    /// `Differs:` the reference knows no patience, and gives up after a number of tries.
    #[must_use]
    pub fn new(is_patient: bool) -> Self {
        Self {
            is_patient,
            ..Self::default()
        }
    }

    /// How long to wait before the next try; `None` when there is none.
    ///
    /// # Errors
    /// When a template fails, or a wait is longer than the manifest allows.
    pub fn next_wait(
        &mut self,
        handler: &dyn ErrorHandler,
        outcome: Outcome<'_>,
        verdict: &Verdict,
        config: &Config,
    ) -> Result<Option<Duration>, ComponentError> {
        let asked = handler.backoff(outcome, self.sent, config)?;
        if self.is_patient && is_limit(outcome, verdict) {
            return Ok(Some(self.patiently(asked)));
        }
        self.after(asked, handler, verdict, config)
    }

    /// How long to wait before a try with other credentials: next to nothing, since the wait that
    /// the API asks for is that of the old ones.
    ///
    /// # Errors
    /// As [`next_wait`](Self::next_wait).
    pub fn rotating(
        &mut self,
        handler: &dyn ErrorHandler,
        verdict: &Verdict,
        config: &Config,
    ) -> Result<Option<Duration>, ComponentError> {
        if self.is_patient {
            return Ok(Some(self.patiently(Some(ROTATION))));
        }
        self.after(Some(ROTATION), handler, verdict, config)
    }

    /// The wait for a rate limit of those who wait without end.
    fn patiently(&mut self, asked: Option<f64>) -> Duration {
        self.limited = self.limited.saturating_add(1);
        seconds(match asked.filter(|seconds| *seconds > 0.0) {
            Some(asked) => wait(Some(asked), self.limited),
            None => default_wait(self.limited).min(PATIENT),
        })
    }

    fn after(
        &mut self,
        asked: Option<f64>,
        handler: &dyn ErrorHandler,
        verdict: &Verdict,
        config: &Config,
    ) -> Result<Option<Duration>, ComponentError> {
        let most = handler.max_retries(config)?.saturating_add(1);
        let time_left = seconds(handler.max_time()).saturating_sub(self.waited);
        let next = match asked.filter(|seconds| *seconds > 0.0) {
            Some(asked) => {
                self.asked += 1;
                let next = seconds(wait(Some(asked), self.asked));
                (self.asked < most && !time_left.is_zero()).then_some(next)
            }
            None if verdict.action == Action::RateLimited => {
                self.asked = 0;
                self.limited += 1;
                (self.limited < most).then(|| seconds(default_wait(self.limited)))
            }
            None => {
                (self.asked, self.limited) = (0, 0);
                self.plain += 1;
                (self.plain < most && !time_left.is_zero())
                    .then(|| seconds(default_wait(self.plain)).min(time_left))
            }
        };
        self.waited += next.unwrap_or_default();
        Ok(next)
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

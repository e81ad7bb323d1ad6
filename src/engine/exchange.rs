//! One request and its answer: sent, judged by the error handler, sent again after a wait.
//!
//! The waits follow the reference's `http_client.py` and `rate_limiting.py`: a wait that a backoff
//! strategy asks for takes a second more; without one, tries wait 1, 2, 4, … seconds; the three
//! kinds of wait are counted apart.

use super::error::ReadError;
use super::read::PartitionRead;
use super::{Shared, StreamStats};
use crate::component::ComponentError;
use crate::component::authenticator::Session as _;
use crate::component::backoff::{self, default_wait};
use crate::component::error_handler::{Action, ErrorHandler, Verdict};
use crate::component::requester::{HttpRequester, RequestParts};
use crate::component::retriever::SimpleRetriever;
use crate::http::{GateKey, Request, Response, TransportError};
use crate::message::{FailureType, StreamSlice};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What an exchange came to.
pub(super) enum Answer {
    /// A response that the error handler takes for a page.
    Page(Response),
    /// A response without records: the pagination ends here.
    Nothing,
    /// The pagination starts again.
    Reset,
}

/// Tries so far, by the kind of wait that stood before them.
#[derive(Default)]
struct Tries {
    sent: u32,
    asked: u32,
    limited: u32,
    plain: u32,
    waited: Duration,
}

impl Shared {
    /// Asks for the next page of `read`.
    pub(super) fn exchange(
        &self,
        stream: usize,
        retriever: &SimpleRetriever,
        read: &PartitionRead,
    ) -> Result<Answer, ReadError> {
        let token = read.token.as_ref();
        let cursor = self.plan.nodes[stream].stream.cursor();
        let config = &self.session.config;
        let parts = || retriever.request_parts(&read.slice, token, cursor, config);
        let requester = retriever.requester().get();
        self.ask(stream, requester, &read.slice, token, &parts)
    }

    /// Sends a request of a stream, and again as its error handler says. `parts` are the shares of
    /// others in it.
    pub(super) fn ask(
        &self,
        stream: usize,
        requester: &HttpRequester,
        slice: &Arc<StreamSlice>,
        token: Option<&Value>,
        parts: &dyn Fn() -> Result<RequestParts, ComponentError>,
    ) -> Result<Answer, ReadError> {
        let session = &*self.session;
        let handler = requester.error_handler();
        let mut request = requester.request(slice, token, parts()?, session)?;
        let stats = &self.stats[stream];
        let mut tries = Tries::default();
        loop {
            let Ok(()) = session.gate.wait_for(&request, session.secrets()) else {
                return Ok(Answer::Nothing);
            };
            stats.requests.add(1);
            tries.sent += 1;
            let outcome = self.send_once(stats, &request);
            let verdict = handler.judge(&request.url, outcome.as_ref(), &session.config)?;
            match verdict.action {
                Action::Success => {
                    return Ok(outcome.map_or(Answer::Nothing, Answer::Page));
                }
                Action::Ignore => {
                    stats.ignored.add(1);
                    stats.note(session.secrets().mask(&ignored(&outcome, verdict)));
                    return Ok(Answer::Nothing);
                }
                Action::ResetPagination => return Ok(Answer::Reset),
                Action::Retry | Action::RateLimited => {}
                Action::RefreshTokenThenRetry => {
                    if let Some(authenticator) = requester.authenticator() {
                        authenticator.get().refused(&request, session)?;
                    }
                }
                Action::Fail | Action::ReducePageSize | Action::SplitRequestWindow => {
                    return Err(self.failure(&request, outcome.as_ref(), verdict, tries.sent));
                }
            }
            let Some(wait) = tries.next_wait(handler, &outcome, &verdict, self)? else {
                return Err(self.exhausted(&request, outcome.as_ref(), verdict, &tries));
            };
            stats.retries.add(1);
            stats
                .waited
                .add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
            let limited = verdict.action == Action::RateLimited
                || outcome
                    .as_ref()
                    .is_ok_and(|response| response.status == 429);
            if limited {
                let key = GateKey::of(&request, session.secrets());
                session.gate.pause(key, wait);
            } else if session.gate.sleep(wait).is_err() {
                return Ok(Answer::Nothing);
            }
            // The credentials may have changed. The rest of the request stays as it was, though a
            // template of it may read the clock.
            request.headers = requester.request(slice, token, parts()?, session)?.headers;
        }
    }

    fn send_once(
        &self,
        stats: &StreamStats,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let outcome = self.session.send(request);
        if let Ok(response) = &outcome {
            stats.bytes.add(response.wire_bytes);
        }
        outcome
    }

    /// The error of a response that the handler says is a failure.
    fn failure(
        &self,
        request: &Request,
        outcome: Result<&Response, &TransportError>,
        verdict: Verdict,
        attempts: u32,
    ) -> ReadError {
        let secrets = self.session.secrets();
        let said = verdict.message.unwrap_or_else(|| match outcome {
            Ok(response) => format!("the request was answered with status {}", response.status),
            Err(error) => error.to_string(),
        });
        ReadError {
            request: Some(secrets.mask(&format!("{} {}", request.method, request.url))),
            status: outcome.ok().map(|response| response.status),
            attempts,
            at: verdict.at,
            ..ReadError::new(
                secrets.mask(&said),
                verdict.failure_type.unwrap_or(FailureType::SystemError),
            )
        }
    }

    /// The error of a request whose last try failed too.
    fn exhausted(
        &self,
        request: &Request,
        outcome: Result<&Response, &TransportError>,
        verdict: Verdict,
        tries: &Tries,
    ) -> ReadError {
        let limited = outcome.is_ok_and(|response| response.status == 429);
        let mut error = self.failure(request, outcome, verdict, tries.sent);
        if limited {
            error.failure_type = FailureType::TransientError;
        }
        error.message = format!("gave up after {} attempts: {}", tries.sent, error.message);
        error
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// Why a response was ignored, in the manifest's words where it has some.
fn ignored(outcome: &Result<Response, TransportError>, verdict: Verdict) -> String {
    let answer = match outcome {
        Ok(response) => format!("status {}", response.status),
        Err(error) => error.to_string(),
    };
    match verdict.message {
        Some(message) => format!("{message} ({answer})"),
        None => format!("response ignored: {answer}"),
    }
}

impl Tries {
    /// How long to wait before the next try; `None` when there is none.
    fn next_wait(
        &mut self,
        handler: &dyn ErrorHandler,
        outcome: &Result<Response, TransportError>,
        verdict: &Verdict,
        shared: &Shared,
    ) -> Result<Option<Duration>, ReadError> {
        let config = &shared.session.config;
        let most = handler.max_retries(config)?.saturating_add(1);
        let time_left = seconds(handler.max_time()).saturating_sub(self.waited);
        let asked = handler.backoff(outcome.as_ref(), self.sent, config)?;
        let wait = match asked.filter(|seconds| *seconds > 0.0) {
            Some(asked) => {
                self.asked += 1;
                let wait = seconds(backoff::wait(Some(asked), self.asked));
                (self.asked < most && !time_left.is_zero()).then_some(wait)
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
        self.waited += wait.unwrap_or_default();
        Ok(wait)
    }
}

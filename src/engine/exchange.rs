//! One request and its answer: sent, judged by the error handler, sent again after a wait.

use super::error::ReadError;
use super::refusal::{Tried, ignored};
use super::twins::Told;
use super::{Session, Shared, StreamStats};
use crate::clock::monotonic;
use crate::component::ComponentError;
use crate::component::authenticator::{Authenticator, Session as _};
use crate::component::backoff::{Tries, is_limit};
use crate::component::error_handler::Action;
use crate::component::requester::{HttpRequester, RequestParts};
use crate::component::retriever::SimpleRetriever;
use crate::http::{Pass, Request, Response, TransportError};
use crate::message::StreamSlice;
use serde_json::Value;
use std::sync::Arc;

/// What an exchange came to.
pub(super) enum Answer {
    /// A response that the error handler takes for a page.
    Page(Response),
    /// A response without records: the pagination ends here.
    Nothing,
    /// The run was stopped while the request waited.
    Stopped,
    /// The pagination starts again.
    Reset,
    /// The page is asked for again with fewer records; what the error handler says.
    Smaller(Option<String>),
    /// The window is read in two halves; what the error handler says.
    Split(Option<String>),
}

/// What can be changed about a request that the API finds too large.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mends {
    /// The size of its page.
    pub(super) size: bool,
    /// The window of its cursor.
    pub(super) window: bool,
}

/// What is asked for a stream, and how.
pub(super) struct Question<'a> {
    pub(super) stream: usize,
    pub(super) requester: &'a HttpRequester,
    pub(super) slice: &'a Arc<StreamSlice>,
    pub(super) token: Option<&'a Value>,
    /// The shares of others in the request.
    pub(super) parts: &'a dyn Fn() -> Result<RequestParts, ComponentError>,
    /// What else than this may be asked for.
    pub(super) mends: Mends,
}

impl<'a> Question<'a> {
    /// A question that nobody but the requester has a share in.
    pub(super) fn plain(
        stream: usize,
        requester: &'a HttpRequester,
        slice: &'a Arc<StreamSlice>,
    ) -> Self {
        Self {
            stream,
            requester,
            slice,
            token: None,
            parts: &|| Ok(RequestParts::default()),
            mends: Mends::default(),
        }
    }

    fn request(&self, session: &Session) -> Result<Request, ComponentError> {
        (self.requester).request(self.slice, self.token, (self.parts)()?, session)
    }
}

impl Shared {
    /// Asks for the page of `slice` that `token` asks for, with `size` records where the pages were
    /// made smaller.
    pub(super) fn exchange(
        &self,
        stream: usize,
        retriever: &SimpleRetriever,
        slice: &Arc<StreamSlice>,
        token: Option<&Value>,
        size: Option<i64>,
    ) -> Result<Answer, ReadError> {
        let cursor = self.plan.nodes[stream].stream.cursor();
        let config = &self.session.config;
        let question = Question {
            stream,
            requester: retriever.requester().get(),
            slice,
            token,
            parts: &|| retriever.request_parts(slice, token, cursor, size, config),
            mends: Mends {
                size: retriever.page_size_reduction().is_some(),
                window: retriever.request_window_splitting().is_some(),
            },
        };
        let mut request = question.request(&self.session)?;
        let told = if question.requester.may_share() {
            self.twins.look(stream, &request)
        } else {
            None
        };
        let asking = match told {
            Some(Told::Answer(response)) => return Ok(Answer::Page(response)),
            Some(Told::Ask(asking)) => Some(asking),
            None => None,
        };
        let answer = self.send_until_judged(&question, &mut request)?;
        if let (Some(asking), Answer::Page(response)) = (asking, &answer) {
            asking.answered(response);
        }
        Ok(answer)
    }

    /// Sends the request of a question, and again as its error handler says; gives the last one too.
    pub(super) fn ask(&self, question: &Question<'_>) -> Result<(Answer, Request), ReadError> {
        let mut request = question.request(&self.session)?;
        let answer = self.send_until_judged(question, &mut request)?;
        Ok((answer, request))
    }

    fn send_until_judged(
        &self,
        question: &Question<'_>,
        request: &mut Request,
    ) -> Result<Answer, ReadError> {
        let Question {
            requester, slice, ..
        } = *question;
        let mends = question.mends;
        let session = &*self.session;
        let handler = requester.error_handler();
        let stats = &self.stats[question.stream];
        let mut tries = Tries::new(session.is_patient());
        let mut was_renewed = false;
        loop {
            let Ok(mut pass) = session.admit(request)? else {
                return Ok(Answer::Stopped);
            };
            let key = pass.key();
            stats.requests.add(1);
            tries.sent += 1;
            let outcome = self.send_once(stats, &mut pass, request);
            let authenticator = requester.authenticator().map(Authenticator::get);
            if let (Some(authenticator), Ok(response)) = (authenticator, &outcome) {
                authenticator.answered(request, response, session)?;
            }
            let tried = Tried {
                requester,
                slice,
                request,
                outcome: outcome.as_ref(),
                attempts: tries.sent,
            };
            let verdict = handler.judge(&request.url, outcome.as_ref(), &session.config)?;
            let limited = is_limit(outcome.as_ref(), &verdict)
                || (outcome.as_ref()).is_ok_and(|response| response.status == 429);
            if let Ok(response) = &outcome {
                pass.answered(response, limited, session.is_patient());
            }
            match verdict.action {
                Action::Success => {
                    return Ok(outcome.map_or(Answer::Nothing, Answer::Page));
                }
                Action::Ignore => {
                    stats.ignore(outcome.as_ref().ok().map(|response| response.status));
                    stats.note(session.secrets().mask(&ignored(outcome.as_ref(), verdict)));
                    return Ok(Answer::Nothing);
                }
                Action::ResetPagination => return Ok(Answer::Reset),
                Action::ReducePageSize if mends.size => {
                    return Ok(Answer::Smaller(verdict.message));
                }
                Action::SplitRequestWindow if mends.window => {
                    return Ok(Answer::Split(verdict.message));
                }
                Action::Retry | Action::RateLimited => {}
                Action::RefreshTokenThenRetry if was_renewed => {
                    return Err(self.refused_again(&tried, verdict));
                }
                Action::RefreshTokenThenRetry => {
                    if let Some(authenticator) = authenticator {
                        was_renewed = authenticator.refused(request, session)?;
                    }
                }
                Action::Fail | Action::ReducePageSize | Action::SplitRequestWindow => {
                    return Err(self.failure(&tried, verdict));
                }
            }
            let rotates = verdict.action == Action::RateLimited
                && authenticator.is_some_and(|it| it.has_another(request, session));
            let wait = if rotates {
                tries.rotating(handler, &verdict, &session.config)?
            } else {
                tries.next_wait(handler, outcome.as_ref(), &verdict, &session.config)?
            };
            let Some(wait) = wait else {
                return Err(self.exhausted(&tried, verdict));
            };
            stats.retries.add(1);
            stats
                .waited
                .add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
            if limited && !rotates {
                session.gate.pause(key, wait);
            } else if session.gate.sleep(wait).is_err() {
                return Ok(Answer::Stopped);
            }
            // The credentials may have changed. The rest of the request stays as it was, though a
            // template of it may read the clock.
            request.headers = question.request(session)?.headers;
        }
    }

    fn send_once(
        &self,
        stats: &StreamStats,
        pass: &mut Pass,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let _under_way = stats.in_flight.enter();
        let began = monotonic();
        let outcome = self.session.send_admitted(pass, request);
        stats.took(began.elapsed(), || {
            let name = format!("{} {}", request.method, request.url);
            self.session.secrets().mask(&name)
        });
        if let Ok(response) = &outcome {
            stats.bytes.add(response.wire_bytes);
        }
        outcome
    }
}

//! A request outside of any stream's pages: a login, a list of properties.

use std::sync::Arc;

use serde_json::Value;

use super::{HttpRequester, RequestParts};
use crate::component::ComponentError;
use crate::component::authenticator::Session;
use crate::component::backoff::Tries;
use crate::component::error_handler::{Action, Outcome, Verdict};
use crate::http::{Request, Response};
use crate::message::{FailureType, StreamSlice};

impl HttpRequester {
    /// Sends one request, again and again as the error handler says. None when the handler ignores
    /// the response.
    ///
    /// # Errors
    /// When the handler calls the response a failure, the tries are used up, or the run is stopped.
    pub(in crate::component) fn fetch(
        &self,
        token: Option<&Value>,
        extra: &RequestParts,
        session: &dyn Session,
    ) -> Result<Option<Response>, ComponentError> {
        let (handler, config) = (self.error_handler(), session.config());
        let slice = Arc::new(StreamSlice::default());
        let mut tries = Tries::default();
        loop {
            let request = self.request(&slice, token, extra.clone(), session)?;
            let outcome = session.send(&request);
            tries.sent += 1;
            let verdict = handler.judge(&request.url, outcome.as_ref(), config)?;
            match verdict.action {
                Action::Success => return Ok(outcome.ok()),
                Action::Ignore => return Ok(None),
                Action::Retry | Action::RateLimited => {}
                Action::RefreshTokenThenRetry => {
                    if let Some(authenticator) = self.authenticator() {
                        authenticator.get().refused(&request, session)?;
                    }
                }
                _ => return Err(failure(&request, outcome.as_ref(), verdict, session)),
            }
            let Some(wait) = tries.next_wait(handler, outcome.as_ref(), &verdict, config)? else {
                let mut error = failure(&request, outcome.as_ref(), verdict, session);
                error.message = format!("gave up after {} attempts: {}", tries.sent, error.message);
                return Err(error);
            };
            session
                .pause(wait)
                .map_err(|stopped| ComponentError::system(stopped.to_string()))?;
        }
    }
}

fn failure(
    request: &Request,
    outcome: Outcome<'_>,
    verdict: Verdict,
    session: &dyn Session,
) -> ComponentError {
    let answer = match outcome {
        Ok(response) => format!("status {}", response.status),
        Err(error) => error.to_string(),
    };
    let said = verdict
        .message
        .map(|message| format!(": {message}"))
        .unwrap_or_default();
    let message = format!("{} {}: {answer}{said}", request.method, request.url);
    ComponentError {
        message: session.secrets().mask(&message),
        failure_type: verdict.failure_type.unwrap_or(FailureType::SystemError),
        at: verdict.at,
    }
}

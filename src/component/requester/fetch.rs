//! A request outside of any stream's pages: a login, a list of properties.

use std::sync::Arc;

use serde_json::Value;

use super::{HttpRequester, RequestParts};
use crate::component::ComponentError;
use crate::component::authenticator::{Authenticate, Authenticator, Session};
use crate::component::backoff::Tries;
use crate::component::error_handler::{Action, ErrorHandler, Outcome, Verdict};
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
        let slice = Arc::new(StreamSlice::default());
        let mut request = || self.request(&slice, token, extra.clone(), session);
        let authenticator = self.authenticator().map(Authenticator::get);
        persist(&mut request, self.error_handler(), authenticator, session)
    }
}

/// Sends what `request` makes, again and again as the handler says. None when the handler ignores
/// the response.
///
/// # Errors
/// As [`HttpRequester::fetch`].
pub(in crate::component) fn persist(
    request: &mut dyn FnMut() -> Result<Request, ComponentError>,
    handler: &dyn ErrorHandler,
    authenticator: Option<&dyn Authenticate>,
    session: &dyn Session,
) -> Result<Option<Response>, ComponentError> {
    let config = session.config();
    let mut tries = Tries::new(session.is_patient());
    let mut was_renewed = false;
    loop {
        let request = request()?;
        let outcome = session.send_within_budget(&request)?;
        tries.sent += 1;
        if let (Some(authenticator), Ok(response)) = (authenticator, &outcome) {
            authenticator.answered(&request, response, session)?;
        }
        let verdict = handler.judge(&request.url, outcome.as_ref(), config)?;
        match verdict.action {
            Action::Success => return Ok(outcome.ok()),
            Action::Ignore => return Ok(None),
            Action::Retry | Action::RateLimited => {}
            Action::RefreshTokenThenRetry if !was_renewed => {
                if let Some(authenticator) = authenticator {
                    was_renewed = authenticator.refused(&request, session)?;
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
    let message = session.secrets().mask(&message);
    let failure_type = verdict.failure_type.unwrap_or(FailureType::SystemError);
    ComponentError::new(failure_type, message).or_at(verdict.at.as_ref())
}

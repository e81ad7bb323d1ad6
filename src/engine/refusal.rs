//! What is told of a request that failed, or whose failure a rule ignores.
//!
//! In: the request, what came of it, and the error handler's verdict. Out: an error, or words, without
//! credentials.

use super::Shared;
use super::cure::cure;
use super::error::{Exchange, ReadError, shown, tries};
use crate::component::authenticator::Session as _;
use crate::component::error_handler::{Outcome, Verdict, default_verdict, error_message};
use crate::component::requester::HttpRequester;
use crate::http::{Request, Response, Secrets};
use crate::message::{FailureType, StreamSlice};

impl Shared {
    /// The error of a response that the handler says is a failure.
    pub(super) fn failure(&self, tried: &Tried<'_>, verdict: Verdict) -> ReadError {
        let secrets = self.session.secrets();
        let outcome = tried.outcome;
        // The manifest's own words have the cure in them where its author knows one.
        let usual = default_verdict(outcome).message;
        let is_usual = verdict.message.is_none() || verdict.message == usual;
        let is_partition = !tried.slice.merged().is_empty();
        let help = (is_usual)
            .then(|| cure(tried.requester, outcome, is_partition))
            .flatten();
        let said = match (verdict.message, outcome) {
            (Some(message), _) if !message.is_empty() => message,
            (_, Ok(response)) => {
                format!("the request was answered with status {}", response.status)
            }
            (_, Err(error)) => error.to_string(),
        };
        let message = secrets.mask(&said);
        let answer = outcome.ok().and_then(|response| answer(response, secrets));
        let exchange = Exchange {
            request: described(tried.request, secrets),
            status: outcome.ok().map(|response| response.status),
            attempts: tried.attempts,
            answer: answer.filter(|answer| !message.contains(answer)),
            filter: verdict.at,
        };
        let blame = verdict.failure_type.unwrap_or(FailureType::SystemError);
        ReadError {
            exchange: Some(Box::new(exchange)),
            help: help.map(Into::into),
            ..ReadError::new(message, blame)
        }
    }

    /// The error of a request whose new access token is refused as the old one was.
    ///
    /// As airbyte-cdk 7.39.1, `http_client.py`: a token is renewed once for a request.
    pub(super) fn refused_again(&self, tried: &Tried<'_>, verdict: Verdict) -> ReadError {
        let mut error = self.failure(tried, verdict);
        error.failure_type = FailureType::ConfigError;
        error.message = format!(
            "the API refuses the new access token too: {}",
            error.message
        );
        error
    }

    /// The error of a request whose last try failed too.
    pub(super) fn exhausted(&self, tried: &Tried<'_>, verdict: Verdict) -> ReadError {
        let limited = tried.outcome.is_ok_and(|response| response.status == 429);
        let mut error = self.failure(tried, verdict);
        if limited {
            error.failure_type = FailureType::TransientError;
        }
        error.message = format!("gave up {}: {}", tries(tried.attempts), error.message);
        error
    }
}

/// A request that failed, and what it was made of.
pub(super) struct Tried<'a> {
    pub(super) requester: &'a HttpRequester,
    pub(super) slice: &'a StreamSlice,
    pub(super) request: &'a Request,
    pub(super) outcome: Outcome<'a>,
    pub(super) attempts: u32,
}

/// Method and URL without credentials.
fn described(request: &Request, secrets: &Secrets) -> String {
    format!("{} {}", request.method, secrets.mask_url(&request.url))
}

/// What an API says about an error: the words in its body, else the body's beginning.
fn answer(response: &Response, secrets: &Secrets) -> Option<String> {
    /// Bytes of a body that are looked at: more than is shown, so that no credential is cut in two.
    const LOOKED_AT: usize = 1 << 14;
    let words = error_message(response).filter(|words| !words.trim().is_empty());
    let words = words.unwrap_or_else(|| {
        let start = response.body.start();
        let start = start.get(..LOOKED_AT).unwrap_or(start);
        String::from_utf8_lossy(start).into_owned()
    });
    Some(shown(&secrets.mask(&words))).filter(|answer| !answer.is_empty())
}

/// Why a response was ignored, in the manifest's words where it has some, and the rule's place.
pub(super) fn ignored(outcome: Outcome<'_>, verdict: Verdict) -> String {
    let usual = default_verdict(outcome).message;
    let answer = match outcome {
        Ok(response) => format!("status {}", response.status),
        Err(error) => error.to_string(),
    };
    let rule = verdict.at.map_or_else(
        || "the error handler".to_owned(),
        |at| format!("the response filter at {at}"),
    );
    match verdict.message.filter(|message| !message.is_empty()) {
        Some(message) if Some(&message) != usual.as_ref() => {
            format!("{message} ({answer}, ignored by {rule})")
        }
        _ => format!("{answer}, ignored by {rule}"),
    }
}

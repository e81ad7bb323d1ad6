//! What a status, or the absence of a response, means when the manifest does not say.

use super::answer::error_message;
use super::{Action, Outcome, Verdict};
use crate::http::{Response, TransportError, TransportErrorKind};
use crate::message::FailureType;

/// Decides by the status alone; without a response, by what went wrong.
///
/// As airbyte-cdk 7.39.1, `default_error_mapping.py` and `response_models.py`. `Differs:` a URL that
/// cannot be sent, a certificate that is not to be trusted, and a request that a replayed archive
/// does not hold, fail at once: another try cannot help.
#[must_use]
pub fn default_verdict(outcome: Outcome<'_>) -> Verdict {
    match outcome {
        Ok(response) if response.status < 400 => Verdict::success(),
        Ok(response) => of_status(response.status).unwrap_or_else(|| unexpected(response)),
        Err(error) => of_transport_error(error),
    }
}

/// What the reference knows about a status; nothing for success and for rarer statuses.
pub(super) fn of_status(status: u16) -> Option<Verdict> {
    use Action::{Fail, RateLimited, Retry};
    use FailureType::{ConfigError, SystemError, TransientError};
    let (action, failure_type, words) = match status {
        400 => (
            Fail,
            SystemError,
            "Bad request. Please check your request parameters.",
        ),
        401 => (
            Fail,
            ConfigError,
            "Unauthorized. Please ensure you are authenticated correctly.",
        ),
        403 => (
            Fail,
            ConfigError,
            "Forbidden. You don't have permission to access this resource.",
        ),
        404 => (
            Fail,
            SystemError,
            "Not found. The requested resource was not found on the server.",
        ),
        405 => (
            Fail,
            SystemError,
            "Method not allowed. Please check your request method.",
        ),
        408 => (Retry, TransientError, "Request timeout."),
        429 => (RateLimited, TransientError, "Too many requests."),
        500 => (Retry, TransientError, "Internal server error."),
        502 => (Retry, TransientError, "Bad gateway."),
        503 => (Retry, TransientError, "Service unavailable."),
        504 => (Retry, TransientError, "Gateway timeout."),
        _ => return None,
    };
    Some(Verdict {
        action,
        failure_type: Some(failure_type),
        message: Some(format!("HTTP Status Code: {status}. Error: {words}")),
        at: None,
    })
}

fn unexpected(response: &Response) -> Verdict {
    let words = error_message(response)
        .filter(|words| !words.is_empty())
        .map(|words| format!(": {words}"))
        .unwrap_or_default();
    Verdict {
        action: Action::Retry,
        failure_type: Some(FailureType::SystemError),
        message: Some(format!("HTTP Status Code: {}{words}", response.status)),
        at: None,
    }
}

fn of_transport_error(error: &TransportError) -> Verdict {
    let (action, failure_type) = match error.kind {
        TransportErrorKind::Invalid | TransportErrorKind::Certificate => {
            (Action::Fail, FailureType::ConfigError)
        }
        TransportErrorKind::Storage | TransportErrorKind::NotRecorded => {
            (Action::Fail, FailureType::SystemError)
        }
        TransportErrorKind::Dns
        | TransportErrorKind::Connect
        | TransportErrorKind::Proxy
        | TransportErrorKind::Broken
        | TransportErrorKind::Timeout
        | TransportErrorKind::Tls
        | TransportErrorKind::Redirects => (Action::Retry, FailureType::SystemError),
    };
    Verdict {
        action,
        failure_type: Some(failure_type),
        message: Some(error.message.clone()),
        at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::backoff::testing::response;

    #[test]
    fn statuses_mean_what_they_mean_in_the_reference() {
        let meaning = |status| {
            let verdict = default_verdict(Ok(&response(status, ("A", "b"), "{}")));
            (verdict.action, verdict.failure_type)
        };
        assert_eq!(meaning(204), (Action::Success, None));
        assert_eq!(meaning(301), (Action::Success, None));
        assert_eq!(meaning(401), (Action::Fail, Some(FailureType::ConfigError)));
        assert_eq!(meaning(404), (Action::Fail, Some(FailureType::SystemError)));
        assert_eq!(
            meaning(409),
            (Action::Retry, Some(FailureType::SystemError))
        );
        assert_eq!(
            meaning(429),
            (Action::RateLimited, Some(FailureType::TransientError))
        );
        assert_eq!(
            meaning(503),
            (Action::Retry, Some(FailureType::TransientError))
        );
    }

    #[test]
    fn only_what_can_get_better_is_tried_again() {
        let action = |kind| {
            let message = "no answer".to_owned();
            default_verdict(Err(&TransportError { kind, message })).action
        };
        assert_eq!(action(TransportErrorKind::Timeout), Action::Retry);
        assert_eq!(action(TransportErrorKind::Tls), Action::Retry);
        assert_eq!(action(TransportErrorKind::Certificate), Action::Fail);
        assert_eq!(action(TransportErrorKind::Invalid), Action::Fail);
        assert_eq!(action(TransportErrorKind::Storage), Action::Fail);
        assert_eq!(action(TransportErrorKind::NotRecorded), Action::Fail);
    }
}

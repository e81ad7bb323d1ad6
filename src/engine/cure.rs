//! What a person can do about a request that failed.
//!
//! In: the requester, and what came of its request. Out: a sentence that names the part of the
//! manifest, of the config or of the surroundings to look at; none where nobody knows.

use crate::component::error_handler::Outcome;
use crate::component::requester::HttpRequester;
use crate::http::TransportErrorKind;
use crate::manifest::Place;

/// What to do; `is_partition`: the request is one of many that differ by what they ask for.
pub(super) fn cure(
    requester: &HttpRequester,
    outcome: Outcome<'_>,
    is_partition: bool,
) -> Option<String> {
    match outcome {
        Ok(response) => of_status(requester, response.status, is_partition),
        Err(error) => of_silence(requester, error.kind),
    }
}

fn of_status(requester: &HttpRequester, status: u16, is_partition: bool) -> Option<String> {
    let authenticator = place(requester.authenticator_at());
    Some(match status {
        401 if requester.authenticator().is_none() => {
            "the requester has no `authenticator`".to_owned()
        }
        401 => format!("check the credentials in the config: the authenticator{authenticator} sends them"),
        403 => format!(
            "the API knows who asks, and does not permit this: check the permissions of the credentials that the authenticator{authenticator} sends"
        ),
        404 | 410 => {
            let mut cure = format!("check the path{}", place(requester.path_at()));
            if is_partition {
                cure.push_str("; if some may be gone, a response filter with `action: IGNORE` passes over them");
            }
            cure
        }
        405 => "check the `http_method` of the requester".to_owned(),
        429 => "the API allows fewer requests: lower `--concurrency`, or give the manifest an `api_budget` or its error handler more `max_retries`".to_owned(),
        500.. => "the API has trouble of its own: try again later".to_owned(),
        _ => return None,
    })
}

fn of_silence(requester: &HttpRequester, kind: TransportErrorKind) -> Option<String> {
    use TransportErrorKind as Kind;
    let host = place(requester.host_at());
    Some(match kind {
        Kind::Dns => format!("check the host{host}, and the network"),
        Kind::Connect => format!("check host and port{host}, and whether a server listens there"),
        Kind::Proxy => "check `HTTPS_PROXY`; `NO_PROXY` names hosts that need no proxy".to_owned(),
        Kind::Tls => format!("check the host{host}, and whether it speaks HTTPS at that port"),
        Kind::Certificate => "if a proxy or an authority of your own signs for the host, name its certificate in `SSL_CERT_FILE`".to_owned(),
        Kind::Timeout => "try again later, or give the requester a longer `read_timeout_in_seconds`".to_owned(),
        Kind::Broken => "try again later".to_owned(),
        Kind::Invalid => format!("check the URL{host}"),
        Kind::Storage => "make room in the folder for temporary files, or name another one in `TMPDIR`".to_owned(),
        Kind::Redirects | Kind::NotRecorded => return None,
    })
}

fn place(at: Option<&Place>) -> String {
    at.map(|at| format!(" at {at}")).unwrap_or_default()
}

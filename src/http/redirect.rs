//! Following redirects, with the rules of Python's `requests`, and stricter ones for credentials.
//!
//! In: a request and whatever sends one. Out: the response at the end of the redirects.

use super::url::{Parts, requote, urljoin};
use super::{Request, Response, Secrets, TransportError, TransportErrorKind};

/// As many as `requests` follows.
const MAX_REDIRECTS: usize = 30;

/// Sends `request` by `send_once`, and what its redirects ask for.
pub(super) fn follow(
    request: &Request,
    secrets: &Secrets,
    send_once: impl Fn(&Request) -> Result<Response, TransportError>,
) -> Result<Response, TransportError> {
    let mut response = send_once(request)?;
    let mut current: Option<Request> = None;
    for _ in 0..MAX_REDIRECTS {
        let from = current.as_ref().unwrap_or(request);
        let Some(next) = next_request(from, &response, secrets)? else {
            return Ok(response);
        };
        response = send_once(&next)?;
        current = Some(next);
    }
    if next_request(current.as_ref().unwrap_or(request), &response, secrets)?.is_none() {
        return Ok(response);
    }
    Err(refusal(format!(
        "{} leads through more than {MAX_REDIRECTS} redirects",
        secrets.mask_url(&request.url)
    )))
}

/// The request that `response` redirects `from` to, if it does.
fn next_request(
    from: &Request,
    response: &Response,
    secrets: &Secrets,
) -> Result<Option<Request>, TransportError> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers.get("location") else {
        return Ok(None);
    };
    let mut next = from.clone();
    next.url = urljoin(&from.url, &requote(location));
    let (old, new) = (Parts::of(&from.url), Parts::of(&next.url));
    if !matches!(new.scheme.as_str(), "http" | "https") || new.netloc.is_empty() {
        return Err(refusal(format!(
            "{} redirects to {}, which is no HTTP URL",
            secrets.mask_url(&from.url),
            secrets.mask_url(&next.url)
        )));
    }
    // `requests`, `rebuild_method`: browsers turned these into GET, whatever RFC 9110 says.
    let is_get = match response.status {
        303 | 302 => from.method != "HEAD",
        301 => from.method == "POST",
        _ => false,
    };
    if is_get {
        "GET".clone_into(&mut next.method);
    }
    if !matches!(response.status, 307 | 308) {
        next.body.clear();
        for name in ["Content-Length", "Content-Type", "Transfer-Encoding"] {
            next.headers.remove(name);
        }
    }
    next.headers.remove("Cookie");
    if crosses(&old, &new) {
        // Differs: `requests` takes `Authorization` away alone, and sends the body on; an API key in
        // another header, or a client secret in the body, would go to whoever is redirected to.
        next.headers
            .retain(|name, value| !secrets.is_header(name) && !secrets.are_in(value));
        if secrets.are_in(&String::from_utf8_lossy(&next.body)) {
            return Err(refusal(format!(
                "{} redirects a body that holds credentials to {}, which is another host: not followed",
                secrets.mask_url(&from.url),
                new.host()
            )));
        }
    }
    Ok(Some(next))
}

/// Is `new` another place in the eyes of credentials? The same host over TLS instead of without,
/// both on their usual ports, is not.
fn crosses(old: &Parts, new: &Parts) -> bool {
    let upgraded = old.scheme == "http"
        && new.scheme == "https"
        && (old.port(), new.port()) == (Some(80), Some(443));
    old.host() != new.host()
        || !(upgraded || (old.scheme == new.scheme && old.port() == new.port()))
}

fn refusal(message: String) -> TransportError {
    TransportError {
        kind: TransportErrorKind::Redirects,
        message,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::Headers;
    use super::*;

    fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Request {
        let mut request = Request {
            method: method.into(),
            url: url.into(),
            headers: Headers::default(),
            body: body.into(),
            timeouts: Default::default(),
        };
        for (name, value) in headers {
            request.headers.add(name, *value);
        }
        request
    }

    /// What is sent after `request` is answered by `status` and `location`.
    fn after(
        request: &Request,
        secrets: &Secrets,
        status: u16,
        location: &str,
    ) -> Result<Request, TransportError> {
        let sent = RefCell::new(Vec::new());
        let answer = |request: &Request| {
            sent.borrow_mut().push(request.clone());
            let mut headers = Headers::default();
            if sent.borrow().len() == 1 {
                headers.add("Location", location);
            }
            Ok(Response {
                status,
                headers,
                body: Vec::new().into(),
                wire_bytes: 0,
            })
        };
        follow(request, secrets, answer)?;
        Ok(sent.into_inner().pop().unwrap())
    }

    #[test]
    fn methods_change_as_in_requests() {
        let secrets = Secrets::default();
        for (status, method, then) in [
            (301, "POST", "GET"),
            (301, "PUT", "PUT"),
            (302, "PUT", "GET"),
            (302, "HEAD", "HEAD"),
            (303, "DELETE", "GET"),
            (307, "POST", "POST"),
            (308, "PATCH", "PATCH"),
        ] {
            let from = request(
                method,
                "https://h/a/b?x=1",
                &[("Content-Type", "x/y")],
                "body",
            );
            let next = after(&from, &secrets, status, "../c d").unwrap();
            let kept = status > 303;
            assert_eq!(
                (next.method.as_str(), next.url.as_str()),
                (then, "https://h/c%20d")
            );
            assert_eq!(
                (
                    next.body.is_empty(),
                    next.headers.get("content-type").is_some()
                ),
                (!kept, kept)
            );
        }
    }

    #[test]
    fn credentials_stay_with_their_host() {
        let secrets = Secrets::default();
        secrets.add_header("X-Api-Key");
        let _ = secrets.add("swordfish");
        let from = request(
            "GET",
            "http://h/a",
            &[
                ("Authorization", "Bearer t"),
                ("x-api-key", "k"),
                ("X-Other", "my swordfish"),
                ("Cookie", "c"),
                ("Accept", "a"),
            ],
            "",
        );
        let names = |location: &str| {
            let next = after(&from, &secrets, 302, location).unwrap();
            next.headers
                .iter()
                .map(|(name, _)| name.to_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(names("/b"), "Authorization x-api-key X-Other Accept");
        assert_eq!(
            names("https://h/b"),
            "Authorization x-api-key X-Other Accept"
        );
        for elsewhere in [
            "http://other/",
            "http://h:81/",
            "https://h:8443/",
            "//h.example/",
        ] {
            assert_eq!(names(elsewhere), "Accept", "{elsewhere}");
        }
        let from = request("POST", "https://h/a", &[], "client_secret=swordfish");
        let error = after(&from, &secrets, 307, "https://other/").unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Redirects);
        assert!(after(&from, &secrets, 302, "https://other/").is_ok());
    }

    #[test]
    fn circles_end() {
        let answer = |_: &Request| {
            let mut headers = Headers::default();
            headers.add("Location", "/again");
            Ok(Response {
                status: 302,
                headers,
                body: Vec::new().into(),
                wire_bytes: 0,
            })
        };
        let error = follow(
            &request("GET", "https://h/", &[], ""),
            &Secrets::default(),
            answer,
        )
        .unwrap_err();
        assert_eq!(
            error.message,
            "https://h/ leads through more than 30 redirects"
        );
    }
}

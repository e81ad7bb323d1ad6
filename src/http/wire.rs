//! Requests as ureq takes them.
//!
//! In: URLs and header fields. Out: the same, checked, in the types of the `http` crate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::header::{HeaderName, HeaderValue};
use ureq::http::{HeaderMap, Uri};

use super::Headers;
use super::url::{Parts, unquote};

/// The URL without user and fragment, and what the user becomes: basic authentication, as
/// `requests` does.
pub(super) fn target(url: &str) -> Result<(Uri, Option<HeaderValue>), String> {
    if !url.contains(['@', '#']) {
        return Ok((
            url.parse()
                .map_err(|e: ureq::http::uri::InvalidUri| e.to_string())?,
            None,
        ));
    }
    let mut parts = Parts::of(url);
    parts.fragment.clear();
    let mut user = None;
    if let Some((name, host)) = parts.netloc.rsplit_once('@') {
        let (name, password) = name.split_once(':').unwrap_or((name, ""));
        let text = STANDARD.encode(format!("{}:{}", unquote(name), unquote(password)));
        user = HeaderValue::try_from(format!("Basic {text}")).ok();
        parts.netloc = host.to_owned();
    }
    let url = parts.to_string();
    Ok((
        url.parse()
            .map_err(|e: ureq::http::uri::InvalidUri| e.to_string())?,
        user,
    ))
}

/// Header fields as they go on the wire. What cannot is an error that names the field only, since
/// its value may be a credential.
pub(super) fn headers(fields: &Headers) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::with_capacity(fields.len() + 4);
    for (name, value) in fields.iter() {
        // Ours to say, as in `requests`.
        if name.eq_ignore_ascii_case("content-length") {
            continue;
        }
        let field = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{name}` is not a valid header name"))?;
        // As Python writes it: Latin-1. What that lacks goes as UTF-8.
        let wire: Result<Vec<u8>, _> = value.chars().map(|c| u8::try_from(u32::from(c))).collect();
        let wire = wire.unwrap_or_else(|_| value.as_bytes().to_vec());
        let value = HeaderValue::from_bytes(&wire)
            .ok()
            .filter(|_| !value.starts_with([' ', '\t']));
        let value = value.ok_or_else(|| {
            format!("the value of the header `{name}` is not valid: it begins with a space, or holds a line break or control character")
        })?;
        map.append(field, value);
    }
    Ok(map)
}

pub(super) fn latin1(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => text.to_owned(),
        _ => bytes.iter().copied().map(char::from).collect(),
    }
}

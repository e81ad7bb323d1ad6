//! The URL that goes on the wire.

use std::fmt::Write as _;

use super::join::Parts;
use super::params::encode;
use super::quote::{hex_pair, is_unreserved, push_quoted, requote};

/// Why a text is not the URL of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing stands before the colon.
    #[error("the URL has no scheme: expected `https://…`")]
    NoScheme,
    /// Only HTTP can be asked.
    #[error("the URL has the scheme `{0}`: expected `https` or `http`")]
    Scheme(String),
    /// Nothing stands where the host should.
    #[error("the URL has no host")]
    NoHost,
    /// The host has characters that no host has.
    #[error("`{0}` is not a valid host")]
    Host(String),
    /// The port is not a number up to 65535. What stands there may be a part of a password.
    #[error("the URL's port is not a number up to 65535")]
    Port,
}

/// Adds `params` to the query of `url` and writes it as `requests` sends it
/// (`PreparedRequest.prepare_url`): scheme and host in lower case, dot segments resolved, what may
/// not stand in a URL quoted, escapes in upper case, international host names in ASCII.
///
/// # Errors
/// When it is not a whole HTTP URL.
pub fn prepare<K: AsRef<str>, V: AsRef<str>>(
    url: &str,
    params: impl IntoIterator<Item = (K, V)>,
) -> Result<String, UrlError> {
    let mut parts = Parts::of(url);
    match parts.scheme.as_str() {
        "http" | "https" => {}
        "" => return Err(UrlError::NoScheme),
        other => return Err(UrlError::Scheme(other.to_owned())),
    }
    parts.netloc = netloc(&parts.netloc)?;
    parts.path = quote_part(&without_dots(&parts.path), |b| {
        is_sub_delimiter(b) || b":@/".contains(&b)
    });
    parts.query = quote_part(&parts.query, |b| {
        is_sub_delimiter(b) || b":@/?".contains(&b)
    });
    parts.fragment = quote_part(&parts.fragment, |b| {
        is_sub_delimiter(b) || b":@/?".contains(&b)
    });
    if parts.path.is_empty() {
        parts.path.push('/');
    }
    let params = encode(params);
    if !params.is_empty() {
        if !parts.query.is_empty() {
            parts.query.push('&');
        }
        parts.query.push_str(&params);
    }
    Ok(requote(&parts.to_string()))
}

fn netloc(netloc: &str) -> Result<String, UrlError> {
    let (user, host_port) = match netloc.rsplit_once('@') {
        Some((user, host)) => (user, host),
        None => ("", netloc),
    };
    let split = match host_port.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (host_port, ""),
    };
    let (host, port) = split;
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    let mut text = String::new();
    if !user.is_empty() {
        text = quote_part(user, |b| is_sub_delimiter(b) || b == b':') + "@";
    }
    let bad = |c: char| c <= ' ' || c == '\u{7f}' || "\\^|<>\"`{}%".contains(c);
    let brackets = host.starts_with('[') && host.ends_with(']');
    if host.contains(bad)
        || host.starts_with(['*', '.'])
        || (!brackets && host.contains(['[', ']', ':']))
    {
        return Err(UrlError::Host(host.to_owned()));
    }
    if host.is_ascii() {
        text.push_str(&host.to_ascii_lowercase());
    } else {
        let ascii = idna::domain_to_ascii(host).map_err(|_| UrlError::Host(host.to_owned()))?;
        text.push_str(&ascii);
    }
    if !port.is_empty() {
        let number: u16 = port.parse().map_err(|_| UrlError::Port)?;
        // Writing to a string cannot fail.
        let _ = write!(text, ":{number}");
    }
    Ok(text)
}

fn is_sub_delimiter(byte: u8) -> bool {
    b"!$&'()*+,;=".contains(&byte)
}

/// Quotes what may not stand in `part`, as `urllib3`: when each `%` begins an escape, escapes stay
/// (in upper case); when one does not, every `%` is quoted.
fn quote_part(part: &str, safe: impl Fn(u8) -> bool) -> String {
    let bytes = part.as_bytes();
    if bytes.iter().all(|&b| is_unreserved(b) || safe(b)) {
        return part.to_owned();
    }
    let escape_at = |at: usize| bytes.get(at..).and_then(hex_pair).is_some();
    let escaped = (0..bytes.len()).all(|at| bytes.get(at) != Some(&b'%') || escape_at(at));
    let mut quoted = String::with_capacity(part.len());
    let mut digits = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == b'%' && escape_at(at) {
            digits = 3;
        }
        let byte = if digits > 0 {
            byte.to_ascii_uppercase()
        } else {
            byte
        };
        digits = usize::saturating_sub(digits, 1);
        push_quoted(&mut quoted, byte, |b| safe(b) || (escaped && b == b'%'));
    }
    quoted
}

/// Resolves `.` and `..` as RFC 3986 section 5.2.4, and as `urllib3` where they differ.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    if path.starts_with('/') && kept.first().is_none_or(|first| !first.is_empty()) {
        kept.insert(0, "");
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        kept.push("");
    }
    kept.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(url: &str) -> Result<String, UrlError> {
        prepare(url, [] as [(&str, &str); 0])
    }

    #[test]
    fn prepares_as_requests() {
        // Answers of requests 2.32 with urllib3 2.
        for (url, prepared) in [
            ("https://H.Example", "https://h.example/"),
            ("https://h:0443/a/../b/./c", "https://h:443/b/c"),
            (
                "https://h/a b?q=x y|z#f g",
                "https://h/a%20b?q=x%20y%7Cz#f%20g",
            ),
            ("https://h/%7euser/%2f%c3", "https://h/~user/%2F%C3"),
            ("https://h/100%/x%41", "https://h/100%25/x%2541"),
            ("https://h/?filter[a]=1", "https://h/?filter%5Ba%5D=1"),
            ("https://u:p%40@h/", "https://u:p%40@h/"),
            (
                "https://bücher.example/ü",
                "https://xn--bcher-kva.example/%C3%BC",
            ),
            ("https://h/..", "https://h/"),
            ("https://h?x=1", "https://h/?x=1"),
        ] {
            assert_eq!(plain(url).as_deref(), Ok(prepared), "{url}");
        }
        assert_eq!(
            prepare("https://h/a?b=1", [("c", "2 3"), ("b", "1")]).as_deref(),
            Ok("https://h/a?b=1&c=2+3&b=1")
        );
    }

    #[test]
    fn refuses_what_is_no_http_url() {
        assert_eq!(plain("items"), Err(UrlError::NoScheme));
        assert_eq!(plain("ftp://h/"), Err(UrlError::Scheme("ftp".into())));
        assert_eq!(plain("https:///a"), Err(UrlError::NoHost));
        assert_eq!(plain("https://a b/"), Err(UrlError::Host("a b".into())));
        assert_eq!(plain("https://h:x/"), Err(UrlError::Port));
        assert_eq!(plain("https://h:99999/"), Err(UrlError::Port));
    }
}

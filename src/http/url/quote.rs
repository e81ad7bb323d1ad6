//! Percent-encoding.

use std::fmt::Write as _;

/// Are these characters left alone by every kind of quoting?
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Percent-encodes all but unreserved characters and those in `safe`, as `urllib.parse.quote`.
#[must_use]
pub fn quote(text: &str, safe: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        push_quoted(&mut quoted, byte, |b| safe.as_bytes().contains(&b));
    }
    quoted
}

/// As [`quote`] with nothing safe, but a space is `+`, as `urllib.parse.quote_plus`.
#[must_use]
pub fn quote_plus(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte == b' ' {
            quoted.push('+');
        } else {
            push_quoted(&mut quoted, byte, |_| false);
        }
    }
    quoted
}

pub(super) fn push_quoted(out: &mut String, byte: u8, safe: impl Fn(u8) -> bool) {
    if is_unreserved(byte) || (byte.is_ascii() && safe(byte)) {
        out.push(char::from(byte));
    } else {
        // Writing to a string cannot fail.
        let _ = write!(out, "%{byte:02X}");
    }
}

/// Undoes percent-encoding, as `urllib.parse.unquote`: what is not UTF-8 becomes U+FFFD, what is no
/// escape stays.
#[must_use]
pub fn unquote(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match hex_pair(rest) {
            Some(value) if byte == b'%' => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// As [`unquote`], and `+` is a space.
#[must_use]
pub fn unquote_plus(text: &str) -> String {
    unquote(&text.replace('+', " "))
}

/// The value of the two hexadecimal digits after the first byte.
pub(super) fn hex_pair(escape: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*escape.get(at)?).to_digit(16);
    u8::try_from(digit(1)? * 16 + digit(2)?).ok()
}

/// Quotes what may not stand in a URL and leaves alone what is quoted already, as
/// `requests.utils.requote_uri`.
#[must_use]
pub fn requote(url: &str) -> String {
    // A `%` before two letters or digits that are no escape (`%zz`) makes every `%` a literal one.
    let bytes = url.as_bytes();
    // Most have been quoted all over by now.
    if bytes.iter().all(|&b| is_unreserved(b) || is_safe(b)) {
        return url.to_owned();
    }
    let mut literal = false;
    let mut quoted = String::with_capacity(url.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let escape = std::mem::replace(&mut rest, after);
        if byte != b'%' {
            push_quoted(&mut quoted, byte, is_safe);
            continue;
        }
        match hex_pair(escape) {
            Some(value) if is_unreserved(value) => {
                quoted.push(char::from(value));
                rest = after.get(2..).unwrap_or_default();
            }
            None if two_alphanumeric(url.get(bytes.len() - after.len()..)) => {
                literal = true;
                break;
            }
            _ => quoted.push('%'),
        }
    }
    if literal {
        quoted.clear();
        for &byte in bytes {
            push_quoted(&mut quoted, byte, is_safe);
        }
    }
    quoted
}

fn two_alphanumeric(text: Option<&str>) -> bool {
    let two = text.unwrap_or_default().chars().take(2);
    two.filter(|c| c.is_alphanumeric()).count() == 2
}

fn is_safe(byte: u8) -> bool {
    b"!#$&'()*+,/:;=?@[]~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_python() {
        assert_eq!(quote("a b/ü~", "/"), "a%20b/%C3%BC~");
        assert_eq!(quote_plus("a b/ü+~"), "a+b%2F%C3%BC%2B~");
        assert_eq!(unquote("a%20b%2fc%zz%C3%BC%"), "a b/c%zzü%");
        assert_eq!(unquote("%ff"), "\u{fffd}");
        assert_eq!(unquote_plus("a+b%2B"), "a b+");
    }

    #[test]
    fn requotes_as_requests() {
        assert_eq!(
            requote("http://h/a b%7Ec%2f?x=%41|"),
            "http://h/a%20b~c%2f?x=A%7C"
        );
        assert_eq!(requote("http://h/100%zz%41"), "http://h/100%25zz%2541");
        assert_eq!(requote("%aé"), "%25a%C3%A9");
        assert_eq!(requote("http://h/50% off"), "http://h/50%%20off");
    }
}

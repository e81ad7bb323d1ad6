//! Checked text → `serde_json::Value`, with numbers as Python reads them: the nearest double.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::skip::{space_end, string_end, value_end};

/// The tree of a checked value. Recursive: the scanner bounds the depth.
pub(super) fn parse(json: &str) -> Value {
    Reader { json, at: 0 }.value()
}

struct Reader<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn space(&mut self) {
        self.at = space_end(self.json.as_bytes(), self.at);
    }

    fn byte(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    /// Whether the next byte is `byte`, which is then passed.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.byte() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn piece(&mut self, end: usize) -> &'a str {
        let piece = self.json.get(self.at..end).unwrap_or_default();
        self.at = end;
        piece
    }

    fn string(&mut self) -> Cow<'a, str> {
        let end = string_end(self.json.as_bytes(), self.at + 1);
        unquote(self.piece(end))
    }

    fn value(&mut self) -> Value {
        self.space();
        match self.byte() {
            Some(b'"') => Value::String(self.string().into_owned()),
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            _ => {
                let end = value_end(self.json.as_bytes(), self.at);
                scalar(self.piece(end))
            }
        }
    }

    fn object(&mut self) -> Value {
        self.at += 1;
        let mut map = Map::new();
        loop {
            self.space();
            if self.byte() != Some(b'"') {
                self.take(b'}');
                return Value::Object(map);
            }
            let key = self.string().into_owned();
            self.space();
            self.take(b':');
            let value = self.value();
            map.insert(key, value);
            self.space();
            self.take(b',');
        }
    }

    fn array(&mut self) -> Value {
        self.at += 1;
        let mut list = Vec::new();
        loop {
            self.space();
            if self.take(b']') || self.byte().is_none() {
                return Value::Array(list);
            }
            list.push(self.value());
            self.space();
            self.take(b',');
        }
    }
}

fn scalar(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" | "NaN" | "Infinity" | "-Infinity" | "" => Value::Null,
        // An integer in Python, where `serde_json` sees the double -0.0.
        "-0" => Value::from(0),
        number => parse_number(number),
    }
}

/// Integers of 64 bits exactly; else the nearest double, or null when that is infinite.
fn parse_number(text: &str) -> Value {
    if let Ok(integer) = text.parse::<i64>() {
        return Value::from(integer);
    }
    if let Ok(integer) = text.parse::<u64>() {
        return Value::from(integer);
    }
    text.parse::<f64>()
        .ok()
        .and_then(Number::from_f64)
        .map_or(Value::Null, Value::Number)
}

/// What a checked string says; `quoted` has its quotes.
pub(super) fn unquote(quoted: &str) -> Cow<'_, str> {
    let inner = quoted
        .get(1..quoted.len().saturating_sub(1))
        .unwrap_or_default();
    match memchr::memchr(b'\\', inner.as_bytes()) {
        None => Cow::Borrowed(inner),
        Some(at) => Cow::Owned(unescape(inner, at)),
    }
}

/// `text` with its escapes resolved, the first of which stands at `at`.
fn unescape(text: &str, mut at: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    loop {
        out.push_str(text.get(from..at).unwrap_or_default());
        let rest = text.get(at..).unwrap_or_default();
        let (c, length) = escaped(rest);
        out.push(c);
        from = at + length;
        let ahead = text.as_bytes().get(from..).unwrap_or_default();
        match memchr::memchr(b'\\', ahead) {
            Some(next) => at = from + next,
            None => {
                out.push_str(text.get(from..).unwrap_or_default());
                return out;
            }
        }
    }
}

/// The character of the escape that `text` starts with, and the length of that escape.
///
/// A lone surrogate, which Python keeps, becomes U+FFFD: a Rust string cannot hold one.
fn escaped(text: &str) -> (char, usize) {
    let c = match text.as_bytes().get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let high = unit(text, 2);
            if (0xD800..0xDC00).contains(&high) && text.get(6..8) == Some("\\u") {
                let low = unit(text, 8);
                if (0xDC00..0xE000).contains(&low) {
                    let point = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                    return (char::from_u32(point).unwrap_or('\u{FFFD}'), 12);
                }
            }
            return (char::from_u32(high).unwrap_or('\u{FFFD}'), 6);
        }
        Some(&same) => char::from(same),
        None => '\\',
    };
    (c, 2)
}

/// The code unit of four hexadecimal digits at `at`; a surrogate when there are none.
fn unit(text: &str, at: usize) -> u32 {
    text.get(at..at + 4)
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .unwrap_or(0xDFFF)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_what_python_reads() {
        for (text, value) in [
            ("0", json!(0)),
            ("-0", json!(0)),
            ("-0.0", json!(-0.0)),
            ("1.0", json!(1.0)),
            ("1E5", json!(100000.0)),
            ("9223372036854775807", json!(i64::MAX)),
            ("18446744073709551615", json!(u64::MAX)),
            ("18446744073709551616", json!(18446744073709551616.0)),
            ("-9223372036854775809", json!(-9223372036854775809.0)),
            ("100000000000000000000000.5", json!(1.0000000000000001e23)),
            // Off by one place in `serde_json` without its `float_roundtrip`.
            ("110.00000000000001", json!(110.00000000000001)),
            ("123456789.12345679", json!(123456789.12345679)),
            ("5e-324", json!(5e-324)),
            ("1e-400", json!(0.0)),
            ("1e999", json!(null)),
            ("NaN", json!(null)),
            ("-Infinity", json!(null)),
        ] {
            assert_eq!(parse(text).to_string(), value.to_string(), "{text}");
        }
    }

    #[test]
    fn escapes_are_resolved_and_lone_surrogates_replaced() {
        for (text, said) in [
            (r#""""#, ""),
            (r#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{c}\n\r\tz"),
            (r#""\u00e9\u2019é\ud83d\ude00.""#, "é’é😀."),
            (r#""\ud83d""#, "\u{FFFD}"),
            (r#""\ud83d\u0041""#, "\u{FFFD}A"),
            (r#""\ude00\ud83d\ud83d\ude00""#, "\u{FFFD}\u{FFFD}😀"),
            (r#""\u0000""#, "\0"),
        ] {
            assert_eq!(parse(text), json!(said), "{text}");
        }
    }

    #[test]
    fn trees_keep_the_order_of_keys() {
        let tree = parse(r#" { "b" : [ 1 , { } , [ ] , "x" ] , "a" : { "c" : null } } "#);
        assert_eq!(tree.to_string(), r#"{"b":[1,{},[],"x"],"a":{"c":null}}"#);
    }
}

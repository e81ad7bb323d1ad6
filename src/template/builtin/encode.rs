//! Encodings: URLs, base64, HTML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Filter;
use crate::template::error::{Eval, Fault};
use crate::template::eval::{Args, Machine};
use crate::template::python::repr;
use crate::template::value::{Key, TValue};

macro_rules! filters {
    ($($name:literal => $call:expr),* $(,)?) => {
        &[$(Filter { name: $name, call: $call }),*]
    };
}

pub(super) const FILTERS: &[Filter] = filters! {
    "base64encode" => |_, value, args| {
        args.none("base64encode")?;
        Ok(TValue::from(STANDARD.encode(text(&value)?)))
    },
    "base64binascii_decode" => |_, value, args| {
        args.none("base64binascii_decode")?;
        // The reference encodes here too, whatever the name says.
        let text = text(&value)?;
        if !text.is_ascii() {
            return Err(Fault::other("the text is not ASCII"));
        }
        Ok(TValue::from(STANDARD.encode(text)))
    },
    "base64decode" => base64decode,
    "urlencode" => urlencode,
    "escape" => escape_filter,
    "e" => escape_filter,
    "forceescape" => escape_filter,
    "safe" => |_, value, args| {
        args.none("safe")?;
        Ok(TValue::from(repr::to_str(&value)))
    },
    "striptags" => |_, value, args| {
        args.none("striptags")?;
        Ok(TValue::from(striptags(&repr::to_str(&value))))
    },
    "xmlattr" => xmlattr,
    "urlize" => |_, value, _| Ok(TValue::from(urlize(&repr::to_str(&value)))),
};

/// Text, or Python's error for a missing method `encode`.
fn text(value: &TValue) -> Eval<&str> {
    if value.is_undefined() {
        return Err(value.use_fault());
    }
    value.as_str().ok_or_else(|| {
        Fault::other(format!(
            "`{}` object has no attribute `encode`",
            value.type_name()
        ))
    })
}

/// As Python's `base64.b64decode`: what is not of the alphabet is passed over.
fn base64decode(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    args.none("base64decode")?;
    let wrong = || Fault::other("incorrect base64");
    let mut symbols: Vec<u8> = Vec::new();
    let mut padding = 0;
    for b in text(&value)?.bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => {
                symbols.push(b);
                padding = 0;
            }
            b'=' => {
                padding += 1;
                if symbols.len() % 4 >= 2 && symbols.len() % 4 + padding >= 4 {
                    break;
                }
            }
            _ => {}
        }
    }
    let rest = symbols.len() % 4;
    if rest == 1 || (rest > 0 && rest + padding < 4) {
        return Err(wrong());
    }
    let lenient = base64::engine::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
    );
    let bytes = lenient.decode(symbols).map_err(|_| wrong())?;
    String::from_utf8(bytes)
        .map(TValue::from)
        .map_err(|_| Fault::other("the bytes are not UTF-8"))
}

fn percent(text: &str, safe: &[u8], plus: bool) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                out.push(char::from(b));
            }
            b' ' if plus => out.push('+'),
            b if safe.contains(&b) => out.push(char::from(b)),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// Python's `quote_plus`.
pub(super) fn quote_plus(text: &str) -> String {
    percent(text, b"", true)
}

fn urlencode(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    args.none("urlencode")?;
    let value = value.plain();
    let pairs: Vec<(TValue, TValue)> = match &value {
        TValue::Dict(d) => d
            .get()
            .iter()
            .map(|(k, v)| (Key::value(k).clone(), v.clone()))
            .collect(),
        other if other.as_str().is_some() || other.items().is_none() => {
            return Ok(TValue::from(percent(&repr::to_str(other), b"/", false)));
        }
        other => {
            let mut pairs = Vec::new();
            for pair in other.iterate()? {
                match pair.iterate()?.as_slice() {
                    [k, v] => pairs.push((k.clone(), v.clone())),
                    _ => return Err(Fault::other("a pair is expected")),
                }
            }
            pairs
        }
    };
    let parts: Vec<String> = pairs
        .iter()
        .map(|(k, v)| {
            format!(
                "{}={}",
                quote_plus(&repr::to_str(k)),
                quote_plus(&repr::to_str(v))
            )
        })
        .collect();
    Ok(TValue::from(parts.join("&")))
}

/// markupsafe's `escape`.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    out
}

/// Differs: what is escaped already (`| safe | e`) is escaped again.
fn escape_filter(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    args.none("escape")?;
    Ok(TValue::from(escape(&repr::to_str(&value))))
}

fn striptags(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(before);
        let end = if let Some(comment) = tag.strip_prefix("!--") {
            comment.split_once("-->").map(|(_, after)| after)
        } else {
            tag.split_once('>').map(|(_, after)| after)
        };
        match end {
            Some(after) => rest = after,
            None => {
                plain.push('<');
                rest = tag;
            }
        }
    }
    plain.push_str(rest);
    let words: Vec<&str> = plain.split_whitespace().collect();
    words
        .join(" ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#39;", "'")
        .replace("&#34;", "\"")
        .replace("&quot;", "\"")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}

fn xmlattr(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [autospace] = args.bind("xmlattr", ["autospace"], 0)?;
    let TValue::Dict(d) = value.plain() else {
        return Err(Fault::other("`xmlattr` needs a mapping"));
    };
    let mut parts = Vec::new();
    for (key, value) in d.get().iter() {
        if matches!(value, TValue::None) || value.is_undefined() {
            continue;
        }
        let key = repr::to_str(key.value());
        if key.contains([' ', '/', '>', '=', '\n', '\t']) {
            return Err(Fault::other("invalid character in attribute name"));
        }
        parts.push(format!(
            "{}=\"{}\"",
            escape(&key),
            escape(&repr::to_str(value))
        ));
    }
    let text = parts.join(" ");
    let space = autospace.is_none_or(|a| a.truth()) && !text.is_empty();
    Ok(TValue::from(if space { format!(" {text}") } else { text }))
}

/// Differs: links are made of `http(s)://…` and `www.…` words only.
fn urlize(text: &str) -> String {
    text.split(' ')
        .map(|word| {
            let url = escape(word);
            if word.starts_with("http://") || word.starts_with("https://") {
                format!("<a href=\"{url}\" rel=\"noopener\">{url}</a>")
            } else if word.starts_with("www.") {
                format!("<a href=\"https://{url}\" rel=\"noopener\">{url}</a>")
            } else {
                url
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

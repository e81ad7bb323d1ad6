//! Character encodings under the names that Python knows.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A character encoding, by its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Encoding {
    /// UTF-8; with `bom`, a byte order mark at the start is left out.
    Utf8 { bom: bool },
    /// ISO 8859-1 as Python has it: each byte is the character of that number.
    Latin1,
    /// US-ASCII.
    Ascii,
    /// Any other.
    Other(&'static encoding_rs::Encoding),
}

impl Encoding {
    fn named(name: &str) -> Option<Self> {
        let plain = name.trim().to_ascii_lowercase().replace(['_', ' '], "-");
        Some(match plain.as_str() {
            "utf-8" | "utf8" | "u8" | "utf" | "cp65001" => Self::Utf8 { bom: false },
            "utf-8-sig" => Self::Utf8 { bom: true },
            "latin-1" | "latin1" | "latin" | "l1" | "iso-8859-1" | "iso8859-1" | "8859"
            | "cp819" => Self::Latin1,
            "ascii" | "us-ascii" | "646" => Self::Ascii,
            "utf-16" | "utf16" | "u16" => Self::Other(encoding_rs::UTF_16LE),
            other => {
                let label = match other.strip_prefix("cp") {
                    Some(number) if other.starts_with("cp125") => format!("windows-{number}"),
                    Some("932") => "shift_jis".to_owned(),
                    Some("949") => "euc-kr".to_owned(),
                    Some("936") => "gbk".to_owned(),
                    Some("950") => "big5".to_owned(),
                    _ => other.to_owned(),
                };
                let underscored = label.replace('-', "_");
                let found = encoding_rs::Encoding::for_label(label.as_bytes());
                Self::Other(
                    found.or_else(|| encoding_rs::Encoding::for_label(underscored.as_bytes()))?,
                )
            }
        })
    }

    /// The text of a body.
    pub(super) fn decode(self, body: Vec<u8>) -> Result<String, String> {
        let wrong = |name: &str, at: usize| format!("the body is not {name} at byte {at}");
        match self {
            Self::Utf8 { bom } => {
                let mut text = String::from_utf8(body)
                    .map_err(|e| wrong("UTF-8", e.utf8_error().valid_up_to()))?;
                if bom && text.starts_with('\u{feff}') {
                    text.remove(0);
                }
                Ok(text)
            }
            Self::Latin1 => Ok(encoding_rs::mem::decode_latin1(&body).into_owned()),
            Self::Ascii => match body.iter().position(|byte| !byte.is_ascii()) {
                Some(at) => Err(wrong("ASCII", at)),
                None => String::from_utf8(body).map_err(|e| e.to_string()),
            },
            Self::Other(encoding) => match encoding.decode(&body) {
                (_, used, true) => Err(format!("the body is not {}", used.name())),
                (text, _, false) => Ok(text.into_owned()),
            },
        }
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self::Utf8 { bom: false }
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(name) = Option::<String>::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        Self::named(&name)
            .ok_or_else(|| de::Error::custom(format!("unknown character encoding `{name}`")))
    }
}

impl JsonSchema for Encoding {
    fn schema_name() -> Cow<'static, str> {
        "Encoding".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "default": "utf-8"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(name: &str, body: &[u8]) -> Result<String, String> {
        Encoding::named(name).unwrap().decode(body.to_vec())
    }

    #[test]
    fn names_are_those_of_python() {
        assert_eq!(decode("latin_1", b"\xe9\x80").unwrap(), "é\u{80}");
        assert_eq!(decode("cp1252", b"\x80").unwrap(), "€");
        assert_eq!(decode("UTF-8", "é".as_bytes()).unwrap(), "é");
        assert_eq!(decode("utf-8", b"\xef\xbb\xbfa").unwrap(), "\u{feff}a");
        assert_eq!(decode("utf_8_sig", b"\xef\xbb\xbfa").unwrap(), "a");
        assert_eq!(decode("utf-16", b"\xff\xfea\0").unwrap(), "a");
        assert_eq!(decode("shift_jis", b"\x82\xa0").unwrap(), "あ");
        assert_eq!(Encoding::named("klingon"), None);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert_eq!(
            decode("utf-8", b"a\xff").unwrap_err(),
            "the body is not UTF-8 at byte 1"
        );
        assert!(decode("ascii", b"\xff").is_err());
        assert!(decode("shift_jis", b"\x82").is_err());
    }
}

//! Character encodings under the names that Python knows.

use std::borrow::Cow;
use std::io::{self, BufReader, Read};

use encoding_rs::DecoderResult;
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

    /// The text of a body, as UTF-8: what does not fit is an error of the reader, after the text
    /// before it. `change` makes other text of each block.
    pub(super) fn reader<'a>(
        self,
        content: &'a mut dyn Read,
        change: &'a mut dyn FnMut(&mut String) -> Result<(), String>,
    ) -> BufReader<TextReader<'a>> {
        BufReader::with_capacity(
            BLOCK,
            TextReader {
                content,
                change,
                encoding: self,
                decoder: match self {
                    Self::Other(encoding) => Some(encoding.new_decoder()),
                    _ => None,
                },
                raw: Vec::new(),
                offset: 0,
                text: String::new(),
                given: 0,
                is_ended: false,
                failed: None,
            },
        )
    }
}

/// Bytes that are decoded at once.
const BLOCK: usize = 64 << 10;

/// Reads text, see [`Encoding::reader`].
pub(super) struct TextReader<'a> {
    content: &'a mut dyn Read,
    change: &'a mut dyn FnMut(&mut String) -> Result<(), String>,
    encoding: Encoding,
    /// The state of an encoding that has one.
    decoder: Option<encoding_rs::Decoder>,
    /// Bytes that are not decoded yet.
    raw: Vec<u8>,
    /// How many bytes came before them.
    offset: usize,
    text: String,
    /// Bytes of the text that were given.
    given: usize,
    is_ended: bool,
    failed: Option<String>,
}

impl TextReader<'_> {
    /// Decodes the next block.
    fn fill(&mut self) -> io::Result<()> {
        let missing = BLOCK.saturating_sub(self.raw.len());
        let mut front = Read::take(&mut *self.content, missing as u64);
        self.is_ended = front.read_to_end(&mut self.raw)? < missing;
        self.text.clear();
        self.given = 0;
        let decoded = self.decode();
        let changed = (self.change)(&mut self.text);
        self.failed = decoded.and(changed).err();
        Ok(())
    }

    /// Moves what can be decoded of the bytes to the text.
    fn decode(&mut self) -> Result<(), String> {
        let wrong = |name: &str, at: usize| Err(format!("the body is not {name} at byte {at}"));
        let raw = &mut self.raw;
        let is_start = self.offset == 0;
        match (self.encoding, &mut self.decoder) {
            (Encoding::Latin1, _) => {
                self.text.push_str(&encoding_rs::mem::decode_latin1(raw));
            }
            (_, Some(decoder)) => {
                let most = decoder.max_utf8_buffer_length_without_replacement(raw.len());
                self.text.reserve(most.unwrap_or(0));
                let (result, ..) = decoder.decode_to_string_without_replacement(
                    raw,
                    &mut self.text,
                    self.is_ended,
                );
                if result != DecoderResult::InputEmpty {
                    return Err(format!("the body is not {}", decoder.encoding().name()));
                }
            }
            (encoding, None) => {
                let is_ascii = encoding == Encoding::Ascii;
                let (valid, is_cut) = match std::str::from_utf8(raw) {
                    Ok(_) => (raw.len(), false),
                    Err(error) => (error.valid_up_to(), error.error_len().is_none()),
                };
                let whole = raw.get(..valid).unwrap_or(raw);
                let odd = whole.iter().position(|byte| is_ascii && !byte.is_ascii());
                let whole = odd.and_then(|odd| whole.get(..odd)).unwrap_or(whole);
                let text = std::str::from_utf8(whole).unwrap_or_default();
                let text = match encoding {
                    Encoding::Utf8 { bom: true } if is_start => {
                        text.strip_prefix('\u{feff}').unwrap_or(text)
                    }
                    _ => text,
                };
                self.text.push_str(text);
                let at = self.offset + whole.len();
                if is_ascii && whole.len() < raw.len() {
                    return wrong("ASCII", at);
                }
                if whole.len() < raw.len() && (!is_cut || self.is_ended) {
                    return wrong("UTF-8", at);
                }
                self.offset = at;
                raw.drain(..valid);
                return Ok(());
            }
        }
        self.offset += raw.len();
        raw.clear();
        Ok(())
    }
}

impl Read for TextReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            if let Some(why) = &self.failed {
                return Err(io::Error::new(io::ErrorKind::InvalidData, why.clone()));
            }
            if self.is_ended {
                return Ok(0);
            }
            self.fill()?;
        }
        let mut left = self.text.as_bytes().get(self.given..).unwrap_or_default();
        let count = left.read(buffer)?;
        self.given += count;
        Ok(count)
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
        let (mut body, mut text) = (body, String::new());
        let mut unchanged = |_: &mut String| Ok(());
        let mut reader = Encoding::named(name)
            .unwrap()
            .reader(&mut body, &mut unchanged);
        let read = reader.read_to_string(&mut text);
        read.map(|_| text).map_err(|error| error.to_string())
    }

    #[test]
    fn characters_may_be_cut_by_a_block() {
        let text = format!("{}é€😀", "a".repeat(BLOCK - 1));
        for start in 0..9 {
            let text = text.get(start..).unwrap();
            assert_eq!(decode("utf-8", text.as_bytes()).unwrap(), text);
            let cut = &text.as_bytes()[..text.len() - 1];
            let at = text.len() - 4;
            let why = format!("the body is not UTF-8 at byte {at}");
            assert_eq!(decode("utf-8", cut).unwrap_err(), why);
            let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(decode("utf-16", &wide).unwrap(), text);
        }
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

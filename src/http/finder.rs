//! Finding credentials in texts, however they are written there.
//!
//! In: the credentials. Out: texts without them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::secrets::{MASK, SHORT, SHORTEST};
use super::url;

pub(super) struct Finder {
    automaton: AhoCorasick,
    /// By pattern: must it stand alone?
    alone: Vec<bool>,
}

impl Finder {
    pub(super) fn new(values: &BTreeSet<String>) -> Option<Self> {
        let mut forms = BTreeSet::new();
        for value in values {
            let alone = value.chars().count() < SHORT;
            forms.extend(spellings(value).into_iter().map(|form| (form, alone)));
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(forms.iter().map(|(form, _)| form))
            .ok()?;
        let alone = forms.iter().map(|(_, alone)| *alone).collect();
        Some(Self { automaton, alone })
    }

    pub(super) fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = String::new();
        let mut copied = 0;
        for found in self.automaton.find_iter(text) {
            let (Some(before), Some(within), Some(after)) = (
                text.get(..found.start()),
                text.get(copied..found.start()),
                text.get(found.end()..),
            ) else {
                continue;
            };
            let touched = before
                .chars()
                .next_back()
                .is_some_and(char::is_alphanumeric)
                || after.chars().next().is_some_and(char::is_alphanumeric);
            if touched && self.alone.get(found.pattern().as_usize()) == Some(&true) {
                continue;
            }
            masked.push_str(within);
            masked.push_str(MASK);
            copied = found.end();
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        masked.push_str(text.get(copied..).unwrap_or_default());
        Cow::Owned(masked)
    }
}

/// The ways in which `value` may be written in a header, URL or body.
fn spellings(value: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::from([
        value.to_owned(),
        url::quote(value, ""),
        url::quote(value, "/"),
        url::quote_plus(value),
        url::requote(value),
    ]);
    let json = serde_json::Value::from(value).to_string();
    let json = json.trim_start_matches('"');
    let json = json.strip_suffix('"').unwrap_or(json);
    forms.insert(json.to_owned());
    forms.insert(json.replace('/', "\\/"));
    forms.insert(ascii_json(json));
    if value.len() >= SHORT {
        // A value inside of a longer Base64 text may start at each of three offsets; the
        // characters that it shares with its neighbours are left out.
        for skip in 0..3usize {
            let mut bytes = vec![0; skip];
            bytes.extend_from_slice(value.as_bytes());
            for engine in [&STANDARD, &URL_SAFE_NO_PAD] {
                let text = engine.encode(&bytes);
                let first = [0, 2, 3][skip];
                let whole = bytes.len() / 3 * 4;
                forms.extend(text.get(first..whole).map(str::to_owned));
            }
        }
        forms.insert(STANDARD.encode(value));
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// A JSON string's inner text with all that is not ASCII escaped, as Python writes it.
fn ascii_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

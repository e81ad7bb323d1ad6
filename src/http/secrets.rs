//! What must not be seen: credentials, and the names of the fields that carry them.
//!
//! In: values and names, as they become known. Out: texts in which they are masked. Whoever
//! describes a request masks it here, so that nobody who prints has to.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::finder::Finder;
use super::url;

/// What stands in the place of a credential.
pub const MASK: &str = "***";

/// Shorter values are too common to be looked for in texts; a named field hides them all the same.
pub(super) const SHORTEST: usize = 3;
/// Values shorter than this are masked where they stand alone, not inside of a longer word.
pub(super) const SHORT: usize = 8;
/// Header fields that always carry credentials.
const HEADERS: [&str; 4] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
];

/// The credentials of a run. A clone shares them.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Known>>);

/// Says whether a value that was added can be found in texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masked {
    /// Wherever it stands.
    Everywhere,
    /// Where no letter or digit touches it: it is shorter than 8 characters.
    AloneOnly,
    /// Only in fields that are named: it is empty or shorter than 3 characters.
    InNamedFieldsOnly,
}

#[derive(Default)]
struct Known {
    values: BTreeSet<String>,
    headers: BTreeSet<String>,
    params: BTreeSet<String>,
    finder: Option<Finder>,
}

impl Secrets {
    /// Masks `value` from now on, also where it is percent-encoded, in Base64 (alone or as a part
    /// of `user:password`), or escaped in a JSON string.
    pub fn add(&self, value: &str) -> Masked {
        let length = value.chars().count();
        if length < SHORTEST || value == MASK {
            return Masked::InNamedFieldsOnly;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.values.insert(value.to_owned()) {
            known.finder = Finder::new(&known.values);
        }
        if length < SHORT {
            Masked::AloneOnly
        } else {
            Masked::Everywhere
        }
    }

    /// Masks all values of the header field `name` from now on, and keeps it from following a
    /// redirect to another host.
    pub fn add_header(&self, name: &str) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.headers.insert(name.to_ascii_lowercase());
    }

    /// Masks all values of the query or form parameter `name` from now on.
    pub fn add_param(&self, name: &str) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.params.insert(name.to_owned());
    }

    /// `text` with every known value replaced by `***`.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        self.hide(text).into_owned()
    }

    /// As [`mask`](Self::mask), without a copy when there is nothing to mask.
    #[must_use]
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match &known.finder {
            Some(finder) => finder.hide(text),
            None => Cow::Borrowed(text),
        }
    }

    /// Does `text` hold a known value?
    #[must_use]
    pub fn are_in(&self, text: &str) -> bool {
        matches!(self.hide(text), Cow::Owned(_))
    }

    /// Does the header field `name` carry credentials?
    #[must_use]
    pub fn is_header(&self, name: &str) -> bool {
        HEADERS.iter().any(|h| h.eq_ignore_ascii_case(name)) || {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            !known.headers.is_empty() && known.headers.contains(&name.to_ascii_lowercase())
        }
    }

    /// Is any query or form parameter known to carry credentials?
    #[must_use]
    pub fn has_params(&self) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !known.params.is_empty()
    }

    /// Does the query or form parameter `name` carry credentials?
    #[must_use]
    pub fn is_param(&self, name: &str) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.params.contains(name)
    }

    /// The value of the header field `name`, masked.
    #[must_use]
    pub fn mask_header<'a>(&self, name: &str, value: &'a str) -> Cow<'a, str> {
        if self.is_header(name) {
            Cow::Borrowed(MASK)
        } else {
            self.hide(value)
        }
    }

    /// `text`, a URL, with user and password, named parameters and known values masked.
    #[must_use]
    pub fn mask_url(&self, text: &str) -> String {
        let mut parts = url::Parts::of(text);
        if let Some((_, host)) = parts.netloc.rsplit_once('@') {
            parts.netloc = format!("{MASK}@{host}");
        }
        parts.query = self.mask_form(&parts.query);
        self.mask(&parts.to_string())
    }

    /// `text`, a query or form body, with named parameters and known values masked.
    #[must_use]
    pub fn mask_form(&self, text: &str) -> String {
        let fields = text.split('&').map(|field| match field.split_once('=') {
            Some((name, _)) if self.is_param(&url::unquote_plus(name)) => {
                Cow::Owned(format!("{name}={MASK}"))
            }
            _ => self.hide(field),
        });
        fields.collect::<Vec<_>>().join("&")
    }

    /// `value` with known values masked in its strings and keys; a number that is one becomes a
    /// string.
    #[must_use]
    pub fn mask_json(&self, value: &serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::String(text) => Value::String(self.mask(text)),
            Value::Number(number) => {
                let text = number.to_string();
                match self.hide(&text) {
                    Cow::Owned(masked) => Value::String(masked),
                    Cow::Borrowed(_) => value.clone(),
                }
            }
            Value::Array(items) => items.iter().map(|item| self.mask_json(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, item)| (self.mask(key), self.mask_json(item)))
                .collect(),
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }
}

/// Shows how many there are, never what they are.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Secrets({} values)", known.values.len())
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn secrets(values: &[&str]) -> Secrets {
        let secrets = Secrets::default();
        for value in values {
            let _ = secrets.add(value);
        }
        secrets
    }

    #[test]
    fn masks_a_value_in_all_its_spellings() {
        let secrets = secrets(&["p@ss/wörd \"x\"", "tok-123456789"]);
        for text in [
            "key=p@ss/wörd \"x\"",
            "key=p%40ss%2Fw%C3%B6rd%20%22x%22",
            "key=p%40ss%2Fw%C3%B6rd+%22x%22",
            r#"key=p@ss/wörd \"x\""#,
            r#"key=p@ss/w\u00f6rd \"x\""#,
            "key=tok-123456789",
        ] {
            assert_eq!(secrets.mask(text), "key=***", "{text}");
        }
        assert_eq!(secrets.mask("nothing here"), "nothing here");
    }

    #[test]
    fn masks_a_password_inside_of_base64() {
        let secrets = secrets(&["correct horse battery"]);
        for user in ["a", "ab", "abc", "someone@example.com"] {
            let text = STANDARD.encode(format!("{user}:correct horse battery"));
            let masked = secrets.mask(&text);
            assert!(masked.contains(MASK), "{masked}");
            assert!(masked.len() < text.len() - 20, "{masked}");
        }
    }

    #[test]
    fn short_values_are_masked_alone_only() {
        let secrets = Secrets::default();
        assert_eq!(secrets.add(""), Masked::InNamedFieldsOnly);
        assert_eq!(secrets.add("ab"), Masked::InNamedFieldsOnly);
        assert_eq!(secrets.add("1234"), Masked::AloneOnly);
        assert_eq!(secrets.mask("ab 1234 x12345"), "ab *** x12345");
        secrets.add_param("pin");
        assert_eq!(
            secrets.mask_url("https://u:p@h/a?pin=ab&q=1234#f"),
            "https://***@h/a?pin=***&q=***#f"
        );
    }

    #[test]
    fn masked_json_stays_json() {
        let secrets = secrets(&["1234", "swordfish"]);
        let masked =
            secrets.mask_json(&serde_json::json!({"a": 1234, "swordfish": ["swordfish", 1, null]}));
        assert_eq!(masked.to_string(), r#"{"a":"***","***":["***",1,null]}"#);
    }

    #[test]
    fn debug_tells_no_value() {
        assert_eq!(
            format!("{:?}", secrets(&["swordfish"])),
            "Secrets(1 values)"
        );
    }
}

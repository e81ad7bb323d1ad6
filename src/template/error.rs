//! What goes wrong in a template: faults inside of an evaluation, and the error that leaves it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use minijinja::machinery;
use serde::de;

use super::value::{Object, TValue};
use crate::manifest::{self, Here, Place, did_you_mean};

/// Keys that are listed at most.
const KEYS: usize = 12;
/// Characters that are kept of what was rendered: more than is shown, so that no credential is cut in
/// two before it is masked.
const RENDERED: usize = 2000;
/// Characters that a message quotes at most of an expression.
const QUOTED: usize = 60;

/// Why a template does not compile, or gives no value. One line when displayed.
#[derive(Debug, Clone)]
pub struct TemplateError(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    message: String,
    source: Arc<str>,
    span: Option<Span>,
    at: Option<Place>,
    width: Option<u32>,
    names: Vec<&'static str>,
    keys: Option<String>,
    rendered: String,
    help: Option<String>,
}

impl TemplateError {
    pub(crate) fn new(message: impl Into<String>, source: &str, span: Option<Span>) -> Self {
        Self(Box::new(Inner {
            message: message.into(),
            source: Arc::from(source),
            span,
            at: None,
            width: None,
            names: Vec::new(),
            keys: None,
            rendered: String::new(),
            help: None,
        }))
    }

    /// The same for the template that begins at a place, and may read `names`.
    pub(crate) fn placed(mut self, at: Option<&Place>, names: Vec<&'static str>) -> Self {
        let inner = &mut *self.0;
        (inner.at, inner.width) = within(at, &inner.source, inner.span);
        inner.names = names;
        self
    }

    /// The same with the one of `known` that was probably meant.
    pub(crate) fn meant(mut self, word: &str, known: impl Iterator<Item = &'static str>) -> Self {
        self.0.help = did_you_mean(word, known);
        self
    }

    /// The same as a mistake of the manifest that is decoded.
    pub(crate) fn at_load<E: de::Error>(self, here: Option<&Here>) -> E {
        let Some(here) = here else {
            return E::custom(self);
        };
        let inner = *self.0;
        let at = inner.at.unwrap_or_else(|| here.at.clone());
        let mut error = manifest::Error::new(inner.message, &at).with_help(inner.help);
        error.width = inner.width;
        here.mistake(error)
    }

    /// What is wrong, without the template's text and place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The template's text.
    #[must_use]
    pub fn template(&self) -> &str {
        &self.0.source
    }

    /// Where the faulty expression stands in the manifest, or else the template.
    #[must_use]
    pub fn at(&self) -> Option<&Place> {
        self.0.at.as_ref()
    }

    /// Characters of the faulty expression, where its own place is known.
    #[must_use]
    pub fn width(&self) -> Option<u32> {
        self.0.width
    }

    /// The cure, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// What helps to understand it, each with its label. Credentials are not masked in it.
    #[must_use]
    pub fn details(&self) -> Vec<(&'static str, String)> {
        let mut details = Vec::new();
        if let Some(keys) = &self.0.keys {
            details.push(("it has", keys.clone()));
        }
        if !self.0.names.is_empty() {
            details.push(("may read", quoted(self.0.names.iter().copied())));
        }
        if !self.0.rendered.is_empty() {
            let text = cut(&self.0.rendered, RENDERED).replace('\n', "\\n");
            details.push(("rendered so far", format!("`{text}`")));
        }
        details
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.message)?;
        if let Some(span) = self.0.span {
            write!(f, " at offset {}", span.start)?;
        }
        let text = cut(&self.0.source, 200).replace('\n', "\\n");
        write!(f, " in template `{text}`")
    }
}

impl std::error::Error for TemplateError {}

/// Bytes of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// The first `length` bytes of a span.
    pub(crate) fn at(span: machinery::Span, length: usize) -> Self {
        let start = span.start_offset;
        let end = start.saturating_add(u32::try_from(length).unwrap_or(0));
        Self { start, end }
    }

    fn range(self) -> Range<usize> {
        let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
        at(self.start)..at(self.end.max(self.start))
    }

    fn of(self, source: &str) -> Option<&str> {
        source.get(self.range())
    }
}

impl From<machinery::Span> for Span {
    fn from(span: machinery::Span) -> Self {
        Self {
            start: span.start_offset,
            end: span.end_offset,
        }
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        let at = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            start: at(range.start),
            end: at(range.end),
        }
    }
}

/// The place of a part of a template that begins at `at`, and its width; else that of all of it.
fn within(at: Option<&Place>, source: &str, span: Option<Span>) -> (Option<Place>, Option<u32>) {
    let inside = at.and_then(|at| at.within(source, span?.range()));
    match inside {
        Some((place, width)) => (Some(place), Some(width)),
        None => (at.cloned(), None),
    }
}

/// A key that is looked up, and not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The look-up as it is written, such as `response.next`.
    pub path: String,
    /// The keys that there are in its place, as words.
    pub keys: String,
    /// Where the look-up stands.
    pub at: Option<Place>,
}

impl Gap {
    /// A path, what there is in its place, and where it stands.
    #[must_use]
    pub fn new(path: String, keys: &[String], at: Option<Place>) -> Self {
        let keys = quoted(keys.iter().map(String::as_str));
        Self { path, keys, at }
    }

    /// ` at file:line:column`, where that is known.
    #[must_use]
    pub fn place(&self) -> String {
        let at = self.at.as_ref();
        at.map(|at| format!(" at {at}")).unwrap_or_default()
    }
}

impl Gap {
    pub(super) fn of(missing: &Missing, with_keys: bool, source: &str, at: Option<&Place>) -> Self {
        let keys = with_keys.then(|| keys_of(&missing.of)).flatten();
        let whole = missing.spans.map(|(_, whole)| whole);
        let path = whole.and_then(|whole| whole.of(source));
        Self::new(
            path.unwrap_or(&missing.key).to_owned(),
            &keys.unwrap_or_default(),
            within(at, source, whole).0,
        )
    }
}

/// A key that was looked up in vain.
#[derive(Debug, Clone)]
pub struct Missing {
    /// What was looked into.
    pub(crate) of: TValue,
    /// What was looked for.
    pub(crate) key: Arc<str>,
    /// Where stand what was looked into, and the whole look-up.
    pub(crate) spans: Option<(Span, Span)>,
}

impl Missing {
    fn cure(&self, source: &str) -> Option<String> {
        let (of, _) = self.spans?;
        let key = &self.key;
        (of.of(source)? == "config")
            .then(|| format!("give it in the config, such as by `--set {key}=VALUE`"))
    }

    fn words(&self, source: &str) -> String {
        let of = self.spans.and_then(|(of, _)| of.of(source));
        let of = match of.filter(|of| of.len() <= QUOTED) {
            Some(of) => format!("`{of}`"),
            None => "the value".to_owned(),
        };
        let kind = match &self.of {
            TValue::None => "None",
            TValue::Bool(_) => "a boolean",
            TValue::Int(_) | TValue::Big(_) | TValue::Float(_) => "a number",
            TValue::Str(_) => "text",
            TValue::List(_) => "a list",
            TValue::Object(object) => match &**object {
                Object::Mapping(mapping) if !matches!(mapping.plain(), TValue::Dict(_)) => {
                    let of = mapping.plain();
                    let spans = self.spans;
                    let key = Arc::clone(&self.key);
                    return Self { of, key, spans }.words(source);
                }
                Object::Mapping(_) => return format!("{of} has no key `{}`", self.key),
                other => other.type_name(),
            },
            TValue::Dict(_) => return format!("{of} has no key `{}`", self.key),
            other => other.type_name(),
        };
        format!("{of} is {kind}, which has no `{}`", self.key)
    }
}

/// The keys of a mapping.
fn keys_of(value: &TValue) -> Option<Vec<String>> {
    let dict = match value {
        TValue::Dict(dict) => dict.get(),
        TValue::Object(object) => match &**object {
            Object::Mapping(mapping) => match mapping.plain() {
                TValue::Dict(dict) => dict.get(),
                _ => return None,
            },
            _ => return None,
        },
        _ => return None,
    };
    let keys = dict.keys().map(|key| key.value());
    Some(keys.filter_map(TValue::as_str).map(str::to_owned).collect())
}

/// The first of `names` in backquotes, and how many more there are.
fn quoted<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(KEYS);
    let shown: Vec<String> = names.take(KEYS).map(|name| format!("`{name}`")).collect();
    match (shown.is_empty(), more) {
        (true, _) => "nothing".to_owned(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The first `length` characters, with a sign that there are more.
fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What decides how the reference goes on after a Python exception inside a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// `TypeError`: the template's own text is the result.
    Type,
    /// jinja2's `UndefinedError`: the default is taken.
    Undefined,
    /// Any other exception: the evaluation fails.
    Other,
}

/// A Python exception on its way out of an evaluation.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// What Python says; empty where `missing` says it.
    pub(crate) message: String,
    pub(crate) span: Option<Span>,
    /// The key that was not there.
    pub(crate) missing: Option<Missing>,
    /// The name that was not in scope.
    pub(crate) unknown: Option<Arc<str>>,
    /// What was rendered before.
    pub(crate) rendered: String,
}

/// The result of evaluating something.
pub(crate) type Eval<T> = Result<T, Box<Fault>>;

impl Fault {
    fn boxed(kind: FaultKind, message: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            kind,
            message: message.into(),
            span: None,
            missing: None,
            unknown: None,
            rendered: String::new(),
        })
    }

    /// A key that is not there is used.
    pub(crate) fn missing(missing: Missing) -> Box<Self> {
        let mut fault = Self::boxed(FaultKind::Undefined, "");
        fault.span = missing.spans.map(|(_, whole)| whole);
        fault.missing = Some(missing);
        fault
    }

    /// The fault as the error of a template that may read `names`.
    pub(crate) fn told(&self, source: &str, names: &[&'static str]) -> TemplateError {
        let message = match &self.missing {
            Some(missing) => missing.words(source),
            None => self.message.clone(),
        };
        let mut error = TemplateError::new(message, source, self.span);
        error.0.rendered.clone_from(&self.rendered);
        if let Some(missing) = &self.missing
            && let Some(keys) = keys_of(&missing.of)
        {
            let near = did_you_mean(&missing.key, keys.iter().map(String::as_str));
            error.0.help = near.or_else(|| missing.cure(source));
            error.0.keys = Some(quoted(keys.iter().map(String::as_str)));
        }
        if let Some(unknown) = &self.unknown {
            let known = names.iter().copied().chain(super::builtin::global_names());
            error.0.help = did_you_mean(unknown, known);
        }
        error
    }

    pub(crate) fn types(message: impl Into<String>) -> Box<Self> {
        Self::boxed(FaultKind::Type, message)
    }

    pub(crate) fn undefined(message: impl Into<String>) -> Box<Self> {
        Self::boxed(FaultKind::Undefined, message)
    }

    pub(crate) fn other(message: impl Into<String>) -> Box<Self> {
        Self::boxed(FaultKind::Other, message)
    }
}

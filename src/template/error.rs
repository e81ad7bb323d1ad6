//! What goes wrong in a template: faults inside of an evaluation, and the error that leaves it.

use std::fmt;
use std::sync::Arc;

use crate::manifest::Place;

/// Why a template does not compile, or gives no value. One line when displayed.
#[derive(Debug, Clone)]
pub struct TemplateError {
    message: Arc<str>,
    source: Arc<str>,
    at: Option<Place>,
    offset: Option<usize>,
}

impl TemplateError {
    pub(crate) fn new(message: impl Into<Arc<str>>, source: &str, offset: Option<usize>) -> Self {
        Self {
            message: message.into(),
            source: Arc::from(source),
            at: None,
            offset,
        }
    }

    pub(crate) fn placed(mut self, at: Option<&Place>) -> Self {
        self.at = at.cloned();
        self
    }

    /// What is wrong, without the template's text and place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The template's text.
    #[must_use]
    pub fn template(&self) -> &str {
        &self.source
    }

    /// Where the template stands in its manifest.
    #[must_use]
    pub fn at(&self) -> Option<&Place> {
        self.at.as_ref()
    }

    /// Bytes from the start of the template to the faulty expression.
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if let Some(offset) = self.offset {
            write!(f, " at offset {offset}")?;
        }
        let text = self.source.replace('\n', "\\n");
        if text.chars().count() > 200 {
            let head: String = text.chars().take(200).collect();
            write!(f, " in template `{head}…`")
        } else {
            write!(f, " in template `{text}`")
        }
    }
}

impl std::error::Error for TemplateError {}

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
    pub(crate) message: String,
    pub(crate) offset: Option<usize>,
}

/// The result of evaluating something.
pub(crate) type Eval<T> = Result<T, Box<Fault>>;

impl Fault {
    fn boxed(kind: FaultKind, message: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            kind,
            message: message.into(),
            offset: None,
        })
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

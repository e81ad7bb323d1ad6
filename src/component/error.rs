//! Why a component could not do its work: one error for all roles.
//!
//! In: a message, who has to act on it, and the place in the manifest where it comes from.

use std::fmt;

use crate::manifest::Place;
use crate::message::FailureType;
use crate::template::TemplateError;

/// A component's failure, in words, with the place in the manifest that caused it.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentError {
    /// What went wrong: lower case, no period, names in backquotes.
    pub message: String,
    /// Who has to act: the user, the author of the manifest, or nobody but time.
    pub failure_type: FailureType,
    /// Where the component or the faulty expression of its template stands, when known.
    pub at: Option<Place>,
    /// How many characters are faulty there, where it is not the whole value.
    pub width: Option<u32>,
    /// What helps to understand it, each with its label.
    pub details: Vec<Detail>,
    /// The cure.
    pub help: Option<Box<str>>,
}

/// A label and what it says, such as `rendered so far`.
pub type Detail = (&'static str, String);

impl ComponentError {
    /// A failure that the user of the config, or the author of the manifest, can cure.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(FailureType::ConfigError, message)
    }

    /// A failure that nobody foresaw.
    pub fn system(message: impl Into<String>) -> Self {
        Self::new(FailureType::SystemError, message)
    }

    /// A failure that may be gone on a later run.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(FailureType::TransientError, message)
    }

    /// A failure that somebody has to act on.
    pub fn new(failure_type: FailureType, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            failure_type,
            at: None,
            width: None,
            details: Vec::new(),
            help: None,
        }
    }

    /// The same failure with a cure.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<Box<str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same failure, standing at `place` unless it knows its own.
    #[must_use]
    pub fn or_at(mut self, place: Option<&Place>) -> Self {
        self.at = self.at.or_else(|| place.cloned());
        self
    }
}

impl fmt::Display for ComponentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.at {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ComponentError {}

impl From<TemplateError> for ComponentError {
    /// A template that cannot be evaluated fails its stream as a system error, as airbyte-cdk
    /// 7.39.1 does with any exception that it did not raise on purpose.
    fn from(error: TemplateError) -> Self {
        Self {
            at: error.at().cloned(),
            width: error.width(),
            details: error.details(),
            help: error.help().map(Box::from),
            ..Self::system(error.message())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_place_stays() {
        let place = |line| Place {
            file: "a.yaml".into(),
            line,
            column: 3,
        };
        let error = ComponentError::config("no `path`")
            .or_at(None)
            .or_at(Some(&place(4)))
            .or_at(Some(&place(9)));
        assert_eq!(error.to_string(), "a.yaml:4:3: no `path`");
    }
}

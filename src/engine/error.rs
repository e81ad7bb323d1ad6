//! Why a stream's read failed, with all that a person needs to act on it.

use crate::component::ComponentError;
use crate::http::Secrets;
use crate::manifest::Place;
use crate::message::FailureType;
use std::fmt;

/// A failure while a stream was read. Everything in it is masked already.
#[derive(Debug, Clone)]
pub struct ReadError {
    /// What went wrong, in one sentence without a period.
    pub message: String,
    /// Whose fault it is, in the protocol's words.
    pub failure_type: FailureType,
    /// The slice that was read, as JSON; empty where the stream has one partition only.
    pub slice: Box<str>,
    /// Method and URL of the request, where there was one.
    pub request: Option<String>,
    /// Status of the last response, where there was one.
    pub status: Option<u16>,
    /// How often the request was sent.
    pub attempts: u32,
    /// The part of the manifest that decided: a response filter, a template.
    pub at: Option<Place>,
    /// What the API itself says in its answer, where that is not the message.
    pub answer: Option<Box<str>>,
    /// What to do about it.
    pub help: Option<Box<str>>,
}

impl ReadError {
    /// An error of the engine itself or of its surroundings.
    pub(super) fn system(message: impl Into<String>) -> Self {
        Self::new(message, FailureType::SystemError)
    }

    pub(super) fn new(message: impl Into<String>, failure_type: FailureType) -> Self {
        Self {
            message: message.into(),
            failure_type,
            slice: Box::default(),
            request: None,
            status: None,
            attempts: 0,
            at: None,
            answer: None,
            help: None,
        }
    }

    /// The same without the credentials that a component may have quoted.
    pub(super) fn masked(mut self, secrets: &Secrets) -> Self {
        self.message = secrets.mask(&self.message);
        self.slice = secrets.mask(&self.slice).into();
        self.answer = self.answer.map(|answer| secrets.mask(&answer).into());
        self.help = self.help.map(|help| secrets.mask(&help).into());
        self
    }
}

impl From<ComponentError> for ReadError {
    fn from(error: ComponentError) -> Self {
        Self {
            at: error.at,
            ..Self::new(error.message, error.failure_type)
        }
    }
}

impl From<ReadError> for ComponentError {
    /// Where something is read for the sake of another thing, which fails with it.
    fn from(error: ReadError) -> Self {
        let place = error.at.clone();
        let mut message = error.message;
        if let Some(request) = &error.request {
            message = format!("{message} ({request})");
        }
        let made = match error.failure_type {
            FailureType::ConfigError => Self::config(message),
            FailureType::TransientError => Self::transient(message),
            FailureType::SystemError => Self::system(message),
        };
        made.or_at(place.as_ref())
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(request) = &self.request {
            write!(f, "\n  = request: {request}")?;
        }
        match (self.status, self.attempts) {
            (Some(status), 0 | 1) => write!(f, "\n  = status: {status}")?,
            (Some(status), attempts) => {
                write!(f, "\n  = status: {status} after {attempts} attempts")?
            }
            (None, 0 | 1) => {}
            (None, attempts) => write!(f, "\n  = no answer in {attempts} attempts")?,
        }
        if let Some(answer) = &self.answer {
            write!(f, "\n  = answer: {answer}")?;
        }
        if !self.slice.is_empty() {
            write!(f, "\n  = slice: {}", self.slice)?;
        }
        if let Some(at) = &self.at {
            write!(f, "\n  = decided at: {at}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  = help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ReadError {}

//! Why a stream's read failed, with all that a person needs to act on it.

use crate::component::{ComponentError, Detail};
use crate::http::Secrets;
use crate::manifest::{self, Place, draw};
use crate::message::FailureType;
use std::fmt;

/// Characters that are shown at most of what came from elsewhere.
const SHOWN: usize = 200;

/// A failure while a stream was read. What a worker hands on is masked.
#[derive(Debug, Clone)]
pub struct ReadError {
    /// What went wrong, in one sentence without a period.
    pub message: String,
    /// Whose fault it is, in the protocol's words.
    pub failure_type: FailureType,
    /// The slice that was read, as JSON; empty where the stream has one partition only.
    pub slice: Box<str>,
    /// The request that failed, where one did.
    pub exchange: Option<Box<Exchange>>,
    /// The part of the manifest that is wrong, such as the expression of a template.
    pub at: Option<Place>,
    /// How many characters are wrong there, where it is not the whole value.
    pub width: Option<u32>,
    /// What helps to understand it, each with its label.
    pub details: Box<[Detail]>,
    /// What to do about it.
    pub help: Option<Box<str>>,
}

/// A request that failed, and the answer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Method and URL.
    pub request: String,
    /// Status of the last response, where there was one.
    pub status: Option<u16>,
    /// How often the request was sent.
    pub attempts: u32,
    /// What the API said about it.
    pub answer: Option<String>,
    /// The response filter that decided, when one did.
    pub filter: Option<Place>,
}

impl ReadError {
    /// Whether the API did not want the request as it was: with another page token it may.
    pub(super) fn is_refusal(&self) -> bool {
        let status = self.exchange.as_ref().and_then(|exchange| exchange.status);
        status
            .is_some_and(|status| matches!(status, 400..=499) && !matches!(status, 401 | 403 | 429))
    }

    /// An error of the engine itself or of its surroundings.
    pub(super) fn system(message: impl Into<String>) -> Self {
        Self::new(message, FailureType::SystemError)
    }

    pub(super) fn new(message: impl Into<String>, failure_type: FailureType) -> Self {
        Self {
            message: message.into(),
            failure_type,
            slice: Box::default(),
            exchange: None,
            at: None,
            width: None,
            details: Box::default(),
            help: None,
        }
    }

    /// The same without credentials.
    #[must_use]
    pub fn masked(mut self, secrets: &Secrets) -> Self {
        self.message = secrets.mask(&self.message);
        self.slice = secrets.mask(&self.slice).into();
        self.help = self.help.map(|help| secrets.mask(&help).into());
        for (_, text) in &mut self.details {
            *text = shown(&secrets.mask(text));
        }
        self
    }

    /// What went wrong, and where, in one sentence: what a platform shows its user.
    #[must_use]
    pub fn sentence(&self) -> String {
        let more = match (&self.at, &self.exchange) {
            (Some(at), None) => Some(at.to_string()),
            // What no response filter put into words is told in the API's own.
            (_, Some(exchange)) if exchange.filter.is_none() => exchange.answer.clone(),
            _ => None,
        };
        match more {
            Some(more) => format!("{} ({more})", self.message),
            None => self.message.clone(),
        }
    }

    /// What it has in common with the failures of other streams and slices which one cure helps.
    #[must_use]
    pub fn cause(&self) -> String {
        let mut cause = self.sentence();
        if let Some(exchange) = &self.exchange {
            let answer = exchange.answer.as_deref().unwrap_or_default();
            cause.push_str(&format!("\n{:?}\n{answer}\n", exchange.status));
            // One host or one set of credentials fails whatever is asked for.
            if !matches!(exchange.status, None | Some(401 | 403 | 429 | 500..)) {
                let path = exchange.request.split('?').next();
                cause.push_str(path.unwrap_or_default());
            }
        }
        cause.push_str(self.help.as_deref().unwrap_or_default());
        cause
    }

    /// The same as a mistake of the manifest, where it has a place in it.
    #[must_use]
    pub fn as_mistake(&self) -> Option<manifest::Error> {
        let mut mistake = manifest::Error::new(self.message.as_str(), self.at.as_ref()?);
        mistake.width = self.width;
        mistake.help = self.help.as_ref().map(ToString::to_string);
        let details = self.details.iter();
        mistake.details = details
            .map(|(label, text)| format!("{label}: {text}"))
            .collect();
        Some(mistake)
    }

    /// All but the message, each with its label.
    fn notes(&self) -> Vec<(&str, String)> {
        let details = self.details.iter();
        let mut notes: Vec<(&str, String)> = details
            .map(|(label, text)| (*label, text.clone()))
            .collect();
        if let Some(exchange) = &self.exchange {
            let is_told = self.message.contains(&tries(exchange.attempts));
            notes.extend(exchange.notes(is_told));
        }
        if !self.slice.is_empty() {
            notes.push(("slice", shown(&self.slice)));
        }
        if let Some(help) = &self.help {
            notes.push(("help", help.to_string()));
        }
        notes
    }
}

impl Exchange {
    /// All of it; `is_told`: the message has the number of attempts.
    fn notes(&self, is_told: bool) -> Vec<(&'static str, String)> {
        let mut notes = vec![("request", self.request.clone())];
        match (self.status, self.attempts) {
            (Some(status), attempts) if attempts > 1 && !is_told => {
                notes.push(("status", format!("{status} {}", tries(attempts))));
            }
            (Some(status), _) => notes.push(("status", status.to_string())),
            (None, attempts) if attempts > 1 && !is_told => {
                notes.push(("status", format!("no answer {}", tries(attempts))));
            }
            (None, _) => {}
        }
        if let Some(answer) = &self.answer {
            notes.push(("answer", answer.clone()));
        }
        if let Some(filter) = &self.filter {
            notes.push(("decided by", format!("the response filter at {filter}")));
        }
        notes
    }
}

/// How often a request was sent.
pub(super) fn tries(attempts: u32) -> String {
    format!("after {attempts} attempts")
}

/// On one line, and not too much of it.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = String::new();
    let mut was_blank = true;
    let mut length = 0;
    for c in text.chars() {
        let is_blank = c.is_whitespace() || c.is_control();
        if is_blank && was_blank {
            continue;
        }
        if length == SHOWN {
            return short.trim_end().to_owned() + "…";
        }
        short.push(if is_blank { ' ' } else { c });
        was_blank = is_blank;
        length += 1;
    }
    short.truncate(short.trim_end().len());
    short
}

impl From<ComponentError> for ReadError {
    fn from(error: ComponentError) -> Self {
        Self {
            at: error.at,
            width: error.width,
            details: error.details.into(),
            help: error.help,
            ..Self::new(error.message, error.failure_type)
        }
    }
}

impl From<ReadError> for ComponentError {
    /// Where something is read for the sake of another thing, which fails with it.
    fn from(error: ReadError) -> Self {
        let mut details = error.details.into_vec();
        if let Some(exchange) = &error.exchange {
            details.extend(exchange.notes(error.message.contains(&tries(exchange.attempts))));
        }
        Self {
            at: error.at,
            width: error.width,
            details,
            help: error.help,
            ..Self::new(error.failure_type, error.message)
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut margin = " ".to_owned();
        if let Some(at) = &self.at {
            margin = draw::margin(at);
            let drawing = draw::place(at, self.width);
            write!(f, "\n{}", drawing.trim_end())?;
        }
        for (label, text) in self.notes() {
            write!(f, "\n{margin} = {label}: {text}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ReadError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_elsewhere_is_one_short_line() {
        assert_eq!(shown(" a\n\t b\u{1b}[0m "), "a b [0m");
        assert_eq!(shown(&"é".repeat(300)), format!("{}…", "é".repeat(200)));
        assert_eq!(shown(""), "");
    }

    #[test]
    fn one_cause_is_one_whatever_it_hits() {
        let error = |status, request: &str| ReadError {
            exchange: Some(Box::new(Exchange {
                request: request.to_owned(),
                status,
                attempts: 1,
                answer: None,
                filter: None,
            })),
            ..ReadError::system("no")
        };
        let same = |status| {
            error(status, "GET https://a.example/a?b=1").cause()
                == error(status, "GET https://a.example/c").cause()
        };
        assert!(same(Some(401)) && same(Some(503)) && same(None));
        assert!(!same(Some(400)) && !same(Some(404)));
    }
}

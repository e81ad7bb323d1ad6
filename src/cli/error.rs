//! How the program ends: what went wrong, what the user can do about it, and the exit code.
//!
//! The one place where errors become words on standard error, and where `anyhow` is used.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;

use serde_json::json;

use super::flags::LogFormat;
use super::progress;
use crate::manifest;

/// How a verb ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All was done.
    Done,
    /// A stream or the check failed, and it was told.
    Failed,
    /// The manifest's mistakes, which were told, leave nothing to be done.
    Refused,
    /// A bound that was asked for ended the work early.
    Stopped,
    /// All was done, but something was left out, and that was asked to be told.
    Lossy,
    /// A signal ended the work early.
    Interrupted,
}

impl Outcome {
    fn code(self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Refused => 2,
            Outcome::Stopped => 4,
            Outcome::Lossy => 3,
            Outcome::Interrupted => 130,
        }
    }
}

/// Whose mistake it is, which decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The command line, a file it names, the manifest, or the config.
    Input,
    /// The work itself: the network, the disk, the API.
    Work,
}

/// Why a verb could not do its work.
#[derive(Debug)]
pub(super) struct Failure {
    kind: Kind,
    /// Whole messages, each already without `error: ` in front. Equal ones are told once.
    errors: Vec<anyhow::Error>,
    hints: Vec<String>,
}

impl Failure {
    /// The command line, a file that it names, or the config is wrong.
    pub(super) fn input(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Kind::Input, vec![error.into()])
    }

    /// The same, in words.
    pub(super) fn wrong(message: impl fmt::Display) -> Self {
        Self::input(anyhow::anyhow!("{message}"))
    }

    /// Several mistakes at once: those of a manifest, rendered, or those of a config.
    pub(super) fn all_wrong(messages: impl IntoIterator<Item = impl fmt::Display>) -> Self {
        let errors = messages.into_iter().map(|m| anyhow::anyhow!("{m}"));
        Self::new(Kind::Input, errors.collect())
    }

    /// The manifest is wrong: each mistake is drawn with its line of `source`, equal ones once.
    pub(super) fn manifest(errors: Vec<manifest::Error>, source: &str) -> Self {
        let errors = manifest::merge(errors);
        Self::all_wrong(errors.iter().map(|error| error.render(source)))
    }

    /// The work failed: exit code 1.
    pub(super) fn work(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Kind::Work, vec![error.into()])
    }

    fn new(kind: Kind, errors: Vec<anyhow::Error>) -> Self {
        Self {
            kind,
            errors,
            hints: Vec::new(),
        }
    }

    /// Adds what the user can do.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Is it only that the reader of our output went away? That is how `| head` ends, not an error.
    pub(super) fn is_closed_pipe(&self) -> bool {
        self.errors.iter().any(|error| {
            error.chain().any(|cause| {
                cause
                    .downcast_ref::<io::Error>()
                    .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
            })
        })
    }

    /// Is it the user's input that is wrong, and not the work that failed?
    pub(super) fn is_of_input(&self) -> bool {
        self.kind == Kind::Input
    }

    fn code(&self) -> u8 {
        match self.kind {
            _ if self.is_closed_pipe() => 0,
            Kind::Input => 2,
            Kind::Work => 1,
        }
    }

    /// The messages in one text, such as a connection status carries.
    pub(super) fn message(&self) -> String {
        let lines: Vec<String> = self.errors.iter().map(in_full).collect();
        lines.join("\n")
    }

    /// What is printed: each message once, then the hints.
    fn render(&self) -> String {
        let mut told = HashSet::new();
        let mut out = String::new();
        for text in self.errors.iter().map(in_full) {
            if told.insert(text.clone()) {
                // Rendered manifest errors bring their own first word.
                if !text.starts_with("error") {
                    out.push_str("error: ");
                }
                out.push_str(text.trim_end());
                out.push('\n');
            }
        }
        for hint in &self.hints {
            if told.insert(hint.clone()) {
                out.push_str("help: ");
                out.push_str(hint);
                out.push('\n');
            }
        }
        out
    }
}

/// An error and its causes, leaving out those that the one before has already quoted.
fn in_full(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Output that cannot be written ends the work; a closed pipe ends it well.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::work(anyhow::Error::new(error).context("the output could not be written"))
    }
}

/// Tells what went wrong, if anything did, and gives the program's exit code.
pub(super) fn finish(result: Result<Outcome, Failure>) -> ExitCode {
    match result {
        Ok(outcome) => ExitCode::from(outcome.code()),
        Err(failure) => {
            if !failure.is_closed_pipe() {
                say(&failure.render());
            }
            ExitCode::from(failure.code())
        }
    }
}

/// Writes to standard error. When that is closed nobody listens, so there is nothing to be done.
pub(super) fn say(text: &str) {
    progress::aside(|| match FORMAT.get() {
        Some(LogFormat::Json) => write(&as_json(text)),
        Some(LogFormat::Text) | None => write(text),
    });
}

/// The form of all that is said from now on.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Lets all be said in the form `format` from now on; the first call counts.
pub(super) fn speak(format: LogFormat) {
    let _ = FORMAT.set(format);
}

/// What is said, as an object: its level is the word in front.
fn as_json(text: &str) -> String {
    if text.starts_with('{') {
        return text.to_owned();
    }
    let levels = ["error", "warning", "help", "debug"];
    let of = |level: &&str| text.strip_prefix(level)?.strip_prefix(": ");
    let found = levels.iter().find_map(|level| Some((*level, of(level)?)));
    let (level, message) = found.unwrap_or(("info", text));
    json!({"level": level, "message": message.trim_end()}).to_string()
}

fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = stderr.write_all(b"\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_error_is_told_once_and_hints_follow() {
        let failure = Failure::all_wrong(["`a` is missing", "`b` is text", "`a` is missing"])
            .hint("use `--config`");
        assert_eq!(
            failure.render(),
            "error: `a` is missing\nerror: `b` is text\nhelp: use `--config`\n"
        );
        assert_eq!(failure.code(), 2);
    }

    #[test]
    fn causes_are_told_unless_already_quoted() {
        let inner = anyhow::anyhow!("disk full");
        let failure = Failure::work(inner.context("cannot write `x.har`"));
        assert_eq!(failure.render(), "error: cannot write `x.har`: disk full\n");
        assert_eq!(failure.code(), 1);
        let quoted = anyhow::anyhow!("disk full").context("cannot write: disk full");
        assert_eq!(
            Failure::work(quoted).render(),
            "error: cannot write: disk full\n"
        );
    }

    #[test]
    fn a_closed_pipe_is_success_wherever_it_shows() {
        let closed = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(closed.code(), 0);
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.code(), 1);
    }
}

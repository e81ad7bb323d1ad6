//! Requests and responses, and what carries them.
//!
//! In: a [`Request`]. Out: a [`Response`], or a [`TransportError`] when no response came. Statuses
//! are never errors here: the manifest's error handlers judge them.
//!
//! [`Agent`] is the network, [`Archive`] a recording of it, [`Recorder`] makes one. [`Secrets`] are
//! masked in all that any of them says; [`Gate`] holds back those whom a host told to wait.

mod agent;
mod archive;
mod body;
mod decode;
mod failure;
mod finder;
mod gate;
mod pace;
mod proxy;
mod recorder;
mod redirect;
mod secrets;
pub mod url;
mod wire;

use std::fmt;
use std::time::Duration;

pub use agent::{Agent, AgentError, AgentOptions};
pub use archive::{Archive, ArchiveError, ArchiveMeta, Held, read_requests};
pub use body::{Body, BodyReader};
pub use gate::{Gate, GateKey, Pass, Stopped};
pub use pace::{Answer, Pace, Start, Told};
pub use proxy::Proxies;
pub use recorder::{RecordError, RecordOptions, Recorder};
pub use secrets::{MASK, Masked, Secrets};

/// An HTTP request, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, … in upper case.
    pub method: String,
    /// Absolute URL, query included and encoded.
    pub url: String,
    /// Header fields in the order in which they were set.
    pub headers: Headers,
    /// Body bytes; empty means no body.
    pub body: Vec<u8>,
    /// How long the host may take.
    pub timeouts: Timeouts,
}

/// How long a host may take; unset, as long as the transport allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Longest time to reach the host, TLS included.
    pub connect: Option<Duration>,
    /// Longest time without a byte from the host.
    pub read: Option<Duration>,
}

/// An HTTP response. The body is whole, and content codings (gzip, brotli) are undone.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code, such as 200.
    pub status: u16,
    /// Header fields in the order in which they came.
    pub headers: Headers,
    /// The body: in memory, or in a temporary file when it is long.
    pub body: Body,
    /// Bytes of the body on the wire, before content codings were undone.
    pub wire_bytes: u64,
}

/// Header fields: names compare without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// First value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    }

    /// Sets `name`, replacing all of its values.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.0.push((name.to_owned(), value.into()));
    }

    /// Adds a value beside those that `name` has.
    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Removes all values of `name`.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Keeps the values for which `keep` is true of name and value.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.0.retain(|(n, v)| keep(n, v));
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there no value?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }
}

/// Why no response came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportError {
    /// What went wrong, which decides whether a later try can help.
    pub kind: TransportErrorKind,
    /// The cause in words, without credentials.
    pub message: String,
}

/// Kinds of [`TransportError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// The host name has no address.
    Dns,
    /// Nobody listens, or the connection was refused.
    Connect,
    /// The connection broke, or the response ended early.
    Broken,
    /// The proxy made no connection to the host.
    Proxy,
    /// No answer in time.
    Timeout,
    /// The TLS handshake failed.
    Tls,
    /// The host's certificate is not to be trusted: signed by nobody known, expired, or another's.
    Certificate,
    /// The temporary file of a long body cannot be written.
    Storage,
    /// The URL or a header is not valid.
    Invalid,
    /// More redirects than are followed.
    Redirects,
    /// A replayed archive holds no such request.
    NotRecorded,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}

/// Carries a request to its host and brings the response back: the network, an archive, a test.
pub trait Transport: Send + Sync {
    /// Sends `request` once. Redirects are followed; statuses are not judged.
    ///
    /// # Errors
    /// When no whole response came.
    fn send(&self, request: &Request) -> Result<Response, TransportError>;
}

/// A closure that answers requests: for tests, and for programs that bring an HTTP client of their own.
impl<F> Transport for F
where
    F: Fn(&Request) -> Result<Response, TransportError> + Send + Sync,
{
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self(request)
    }
}

#[cfg(test)]
mod tests;

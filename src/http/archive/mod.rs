//! A recorded session that answers requests: opens no socket.
//!
//! In: an HTTP Archive (HAR 1.2) of ours, of a browser, or of another tool. Out: for each request the
//! response that was recorded for it, or an error that shows the nearest recorded request.

mod canon;
mod fit;
mod har;
mod hold;
mod log;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::Value;

use self::canon::Canon;
use self::har::{Entry, Har};
use self::log::RequestLog;
use super::{Request, Response, Secrets, Transport, TransportError, TransportErrorKind, redirect};

pub(in crate::http) use self::har::KINDS;
pub use self::hold::Held;
pub use self::log::read_requests;

/// Replays recorded exchanges.
///
/// A request is matched by method, URL with sorted query, and body: JSON by value, a form by its
/// sorted fields. `***` in a recorded request, the mark of a masked credential, stands for any text.
/// Repeats of a request take its recorded responses in order, and the last one again after that.
/// Safe to share between threads.
#[derive(Debug)]
pub struct Archive {
    exchanges: Vec<Exchange>,
    /// Which exchanges each distinct request has, in order.
    groups: Vec<Group>,
    exact: HashMap<Canon, usize>,
    /// Groups of requests with a `***`.
    masked: Vec<usize>,
    meta: Option<ArchiveMeta>,
    secrets: Secrets,
    log: Option<RequestLog>,
}

#[derive(Debug)]
struct Exchange {
    page: Option<String>,
    canon: Canon,
    request: Request,
    outcome: Result<Response, TransportError>,
}

#[derive(Debug, Default)]
struct Group {
    exchanges: Vec<usize>,
    next: AtomicUsize,
}

/// What `lowcode` wrote into an archive about its recording, under `_lowcode`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct ArchiveMeta {
    /// The configuration, masked.
    pub config: Option<Value>,
    /// The clock at the start, RFC 3339.
    pub now: Option<String>,
}

/// Why an archive cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file cannot be read.
    #[error("cannot read the archive `{}`: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The file is not JSON, or not an HTTP Archive.
    #[error("`{}` is not an HTTP Archive: {error}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The cause, with line and column.
        error: serde_json::Error,
    },
    /// An entry cannot be used.
    #[error("entry {entry} of the archive `{}`: {message}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        entry: usize,
        /// The cause.
        message: String,
    },
}

impl Archive {
    /// Reads the archive `path`.
    ///
    /// # Errors
    /// When it cannot be read, or is no HTTP Archive.
    pub fn load(path: &Path) -> Result<Self, ArchiveError> {
        let path_buf = || path.to_owned();
        let text = fs::read(path).map_err(|error| ArchiveError::Read {
            path: path_buf(),
            error,
        })?;
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        let har: Har = serde_json::from_slice(text).map_err(|error| ArchiveError::Format {
            path: path_buf(),
            error,
        })?;
        // Ours are always decoded: a body with gzip's magic number is the content itself.
        let coded = har.log.creator.name != env!("CARGO_PKG_NAME");
        let mut exchanges = Vec::with_capacity(har.log.entries.len());
        for (at, entry) in har.log.entries.into_iter().enumerate() {
            let exchange = Exchange::of(entry, coded).map_err(|message| ArchiveError::Entry {
                path: path_buf(),
                entry: at + 1,
                message,
            })?;
            exchanges.push(exchange);
        }
        Ok(Self::new(exchanges, har.log.meta))
    }

    fn new(exchanges: Vec<Exchange>, meta: Option<ArchiveMeta>) -> Self {
        let mut archive = Self {
            exchanges,
            groups: Vec::new(),
            exact: HashMap::new(),
            masked: Vec::new(),
            meta,
            secrets: Secrets::default(),
            log: None,
        };
        for (at, exchange) in archive.exchanges.iter().enumerate() {
            let group = *archive
                .exact
                .entry(exchange.canon.clone())
                .or_insert_with(|| {
                    if exchange.canon.is_masked() {
                        archive.masked.push(archive.groups.len());
                    }
                    archive.groups.push(Group::default());
                    archive.groups.len() - 1
                });
            if let Some(group) = archive.groups.get_mut(group) {
                group.exchanges.push(at);
            }
        }
        archive
    }

    /// Only the exchanges of the page (`pageref`) that has this id: those of one command. When the
    /// archive has no such page, all of them.
    #[must_use]
    pub fn for_page(mut self, id: &str) -> Self {
        if self.exchanges.iter().any(|e| e.page.as_deref() == Some(id)) {
            self.exchanges.retain(|e| e.page.as_deref() == Some(id));
        }
        let secrets = self.secrets;
        Self::new(self.exchanges, self.meta).with_secrets(secrets)
    }

    /// The credentials of the run, which error messages must not show.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// Writes each request that it is asked for to a file, unmasked; [`read_requests`] reads it.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn logging_to(mut self, path: &Path) -> io::Result<Self> {
        self.log = Some(RequestLog::create(path)?);
        Ok(self)
    }

    /// What `lowcode` wrote down at the recording; none when another tool recorded.
    #[must_use]
    pub fn meta(&self) -> Option<&ArchiveMeta> {
        self.meta.as_ref()
    }

    fn answer(&self, request: &Request) -> Result<Response, TransportError> {
        if let Some(log) = &self.log {
            log.write(request);
        }
        let asked = Canon::of(request);
        let found = self.exact.get(&asked).copied().or_else(|| {
            // Most often the same values were masked at the recording.
            let masked = Canon::of(&masked(request, &self.secrets));
            self.exact.get(&masked).copied()
        });
        let found = found.or_else(|| self.fitting(&asked));
        let Some(group) = found.and_then(|at| self.groups.get(at)) else {
            return Err(self.not_recorded(request));
        };
        let turn = group.next.fetch_add(1, Ordering::Relaxed);
        let last = group.exchanges.len().saturating_sub(1);
        let exchange = group
            .exchanges
            .get(turn.min(last))
            .and_then(|&at| self.exchanges.get(at));
        match exchange {
            Some(exchange) => exchange.outcome.clone(),
            None => Err(self.not_recorded(request)),
        }
    }

    /// The group whose masked request stands for `asked`.
    fn fitting(&self, asked: &Canon) -> Option<usize> {
        self.masked.iter().copied().find(|&at| {
            let first = self
                .groups
                .get(at)
                .and_then(|group| group.exchanges.first());
            let exchange = first.and_then(|&first| self.exchanges.get(first));
            exchange.is_some_and(|exchange| exchange.canon.stands_for(asked))
        })
    }

    fn not_recorded(&self, request: &Request) -> TransportError {
        let asked = masked(request, &self.secrets);
        let canon = Canon::of(&asked);
        let mut message = format!("not in the archive: {} {}", asked.method, asked.url);
        // The same address first, then the one with the fewest differences, then the likest.
        let nearest = self.exchanges.iter().min_by_key(|exchange| {
            let elsewhere = exchange.canon.address != canon.address;
            let likeness = if elsewhere {
                strsim::jaro(&exchange.canon.address, &canon.address)
            } else {
                1.0
            };
            let differences = exchange.canon.difference(&canon).len();
            (elsewhere, ((1.0 - likeness) * 1000.0) as u32, differences)
        });
        match nearest {
            None => message.push_str("; it is empty"),
            Some(nearest) => {
                let url = self.secrets.mask_url(&nearest.request.url);
                message.push_str(&format!(
                    "; nearest recorded: {} {url}",
                    nearest.request.method
                ));
                for difference in nearest.canon.difference(&canon).iter().take(4) {
                    message.push_str("; ");
                    message.push_str(&self.secrets.hide(difference));
                }
            }
        }
        TransportError {
            kind: TransportErrorKind::NotRecorded,
            message,
        }
    }
}

impl Transport for Archive {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        redirect::follow(request, &self.secrets, |request| self.answer(request))
    }
}

impl Exchange {
    fn of(entry: Entry, coded: bool) -> Result<Self, String> {
        let request = entry.request()?;
        Ok(Self {
            canon: Canon::of(&request),
            outcome: entry.outcome(coded)?,
            request,
            page: entry.pageref,
        })
    }
}

/// `request` as a recorder writes it.
pub(in crate::http) fn masked(request: &Request, secrets: &Secrets) -> Request {
    let mut masked = Request {
        method: request.method.clone(),
        url: secrets.mask_url(&request.url),
        headers: super::Headers::default(),
        body: mask_body(&request.body, request.headers.get("content-type"), secrets),
        timeouts: Default::default(),
    };
    for (name, value) in request.headers.iter() {
        masked.headers.add(name, secrets.mask_header(name, value));
    }
    masked
}

/// `body` with credentials masked: JSON stays JSON, a form a form. What is not text stays as it is.
pub(in crate::http) fn mask_body(body: &[u8], kind: Option<&str>, secrets: &Secrets) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(body) else {
        return body.to_vec();
    };
    let form = kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("form-urlencoded"));
    if form {
        return secrets.mask_form(text).into_bytes();
    }
    let Cow::Owned(masked) = secrets.hide(text) else {
        return body.to_vec();
    };
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if is_json(text) && !is_json(&masked) {
        // A number was masked, which only a string can be.
        let value = serde_json::from_str(text).unwrap_or(Value::Null);
        return secrets.mask_json(&value).to_string().into_bytes();
    }
    masked.into_bytes()
}

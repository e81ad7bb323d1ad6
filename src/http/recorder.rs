//! Writes down what a transport sends and receives, as an HTTP Archive (HAR 1.2).
//!
//! In: the exchanges of any [`Transport`]. Out: a file, written entry by entry under a temporary name
//! and renamed when whole. Credentials are masked in all of it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use tempfile::TempPath;

use super::archive::{KINDS, mask_body, masked};
use super::url::{Parts, parse_query};
use super::{Body, Headers, Request, Response, Secrets, Transport, TransportError};
use crate::clock::{Clock, monotonic};

/// What a [`Recorder`] writes besides the exchanges.
#[derive(Debug, Clone)]
pub struct RecordOptions {
    /// The archive. A file of this name is replaced when the recording is finished.
    pub path: PathBuf,
    /// The configuration of the run; it is written with its credentials masked.
    pub config: Value,
    /// Name of the command, such as `read`: the `pageref` of the entries.
    pub page: String,
    /// The clock of the run.
    pub clock: Arc<Clock>,
    /// The credentials of the run, also those that become known while it lasts.
    pub secrets: Secrets,
}

/// The archive cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot record to `{}`: {error}", path.display())]
pub struct RecordError {
    /// The archive.
    pub path: PathBuf,
    /// The cause.
    #[source]
    pub error: io::Error,
}

/// Sends by another transport and records each exchange. Safe to share between threads.
///
/// An exchange is written when its thread sends the next request, since only then are the
/// credentials known that its response brought (an access token, a session). Memory holds one
/// exchange for each thread.
pub struct Recorder {
    inner: Arc<dyn Transport>,
    options: RecordOptions,
    begun: DateTime<Utc>,
    count: AtomicU64,
    state: Mutex<State>,
}

struct State {
    /// None once the archive is finished, or cannot be written.
    file: Option<Unfinished>,
    is_first: bool,
    trouble: Option<io::Error>,
    pending: HashMap<ThreadId, Exchange>,
}

/// The archive under its temporary name, which is removed when this is dropped.
struct Unfinished {
    writer: BufWriter<File>,
    /// None when the archive is no ordinary file (a pipe, a device), which a file must not replace.
    path: Option<TempPath>,
}

struct Exchange {
    number: u64,
    request: Request,
    outcome: Result<Response, TransportError>,
    begun: DateTime<Utc>,
    took: Duration,
}

impl Recorder {
    /// Begins the archive beside its final place.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn create(inner: Arc<dyn Transport>, options: RecordOptions) -> Result<Self, RecordError> {
        let begun = options.clock.now_utc();
        let file = begin(&options.path, &options.page, begun).map_err(|error| RecordError {
            path: options.path.clone(),
            error,
        })?;
        Ok(Self {
            inner,
            options,
            begun,
            count: AtomicU64::new(0),
            state: Mutex::new(State {
                file: Some(file),
                is_first: true,
                trouble: None,
                pending: HashMap::new(),
            }),
        })
    }

    /// Writes what is pending, closes the archive and gives it its name. What is sent afterwards is
    /// not recorded.
    ///
    /// # Errors
    /// When the archive could not be written, now or earlier. Told once; no file is left then.
    pub fn finish(&self) -> Result<(), RecordError> {
        let mut pending: Vec<Exchange> = self.lock().pending.drain().map(|(_, e)| e).collect();
        pending.sort_unstable_by_key(|exchange| exchange.number);
        for exchange in pending {
            self.write(&exchange);
        }
        let mut state = self.lock();
        let ended = match (state.trouble.take(), state.file.take()) {
            (Some(error), _) => Err(error),
            (None, None) => Ok(()),
            (None, Some(file)) => self.end(file),
        };
        ended.map_err(|error| RecordError {
            path: self.options.path.clone(),
            error,
        })
    }

    /// Did writing fail? [`finish`](Self::finish) tells why.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.lock().trouble.is_some()
    }

    fn end(&self, mut file: Unfinished) -> io::Result<()> {
        let meta = json!({
            "config": self.options.secrets.mask_json(&self.options.config),
            "now": rfc3339(self.begun),
        });
        writeln!(file.writer, "\n],\"_lowcode\":{meta}}}}}")?;
        let written = file
            .writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        let Some(path) = file.path else {
            return Ok(());
        };
        written.sync_all()?;
        path.persist(&self.options.path)
            .map_err(|error| error.error)
    }

    fn write(&self, exchange: &Exchange) {
        let text = self.entry(exchange).map(|entry| entry.to_string());
        let mut state = self.lock();
        let comma = if state.is_first { "" } else { ",\n" };
        let Some(file) = &mut state.file else {
            return;
        };
        let written = text.and_then(|text| write!(file.writer, "{comma}{text}"));
        if let Err(error) = written {
            state.trouble = Some(error);
            // What is buffered must not be tried again when it is dropped.
            if let Some(file) = state.file.take() {
                drop(file.writer.into_parts());
            }
        }
        state.is_first = false;
    }

    /// Fails when a long body cannot be read back.
    fn entry(&self, exchange: &Exchange) -> io::Result<Value> {
        let secrets = &self.options.secrets;
        let request = masked(&exchange.request, secrets);
        let query = parse_query(&Parts::of(&request.url).query);
        let query: Value = query
            .into_iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let mut asked = json!({
            "method": request.method,
            "url": request.url,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": fields(&request.headers, secrets),
            "queryString": query,
            "headersSize": -1,
            "bodySize": request.body.len(),
        });
        if !request.body.is_empty() {
            let kind = request.headers.get("content-type").unwrap_or_default();
            asked["postData"] = content(kind, &request.body);
        }
        let milliseconds = exchange.took.as_secs_f64() * 1000.0;
        let mut entry = json!({
            "pageref": self.options.page,
            "startedDateTime": rfc3339(exchange.begun),
            "time": milliseconds,
            "request": asked,
            "response": null,
            "cache": {},
            "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        });
        entry["response"] = match &exchange.outcome {
            Ok(response) => answered(response, secrets)?,
            Err(error) => {
                let message = secrets.mask(&error.message);
                let kind = KINDS.iter().find(|(_, kind)| *kind == error.kind);
                entry["_lowcode"] =
                    json!({"error": kind.map(|(name, _)| name), "message": message});
                let nothing = Response {
                    status: 0,
                    headers: Headers::default(),
                    body: Body::default(),
                    wire_bytes: 0,
                };
                let mut answered = answered(&nothing, secrets)?;
                answered["_error"] = Value::from(message);
                answered
            }
        };
        Ok(entry)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Recorder {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let thread = thread::current().id();
        let before = self.lock().pending.remove(&thread);
        if let Some(exchange) = before {
            self.write(&exchange);
        }
        let (began, clock_began) = (monotonic(), self.options.clock.now_utc());
        let outcome = self.inner.send(request);
        let exchange = Exchange {
            number: self.count.fetch_add(1, Ordering::Relaxed),
            request: request.clone(),
            outcome: outcome.clone(),
            begun: clock_began,
            took: began.elapsed(),
        };
        let mut state = self.lock();
        if state.file.is_some() {
            state.pending.insert(thread, exchange);
        }
        outcome
    }
}

fn begin(archive: &Path, page: &str, begun: DateTime<Utc>) -> io::Result<Unfinished> {
    let (file, path) = create(archive)?;
    let mut writer = BufWriter::new(file);
    let creator = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
    let pages = json!([
        {"startedDateTime": rfc3339(begun), "id": page, "title": page, "pageTimings": {}},
    ]);
    write!(
        writer,
        "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},"
    )?;
    writeln!(writer, "\"pages\":{pages},\"entries\":[")?;
    // A folder that takes no bytes is told now, before the first request.
    writer.flush()?;
    Ok(Unfinished { writer, path })
}

/// The file to write to, and its temporary name.
fn create(archive: &Path) -> io::Result<(File, Option<TempPath>)> {
    if std::fs::metadata(archive).is_ok_and(|found| !found.is_file()) {
        let file = std::fs::OpenOptions::new().write(true).open(archive)?;
        return Ok((file, None));
    }
    let folder = match archive.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let (file, path) = tempfile::Builder::new()
        .prefix(".lowcode-")
        .suffix(".har")
        .tempfile_in(folder)
        .map_err(without_path)?
        .into_parts();
    Ok((file, Some(path)))
}

/// The system's error, without the temporary name, which nobody gave.
fn without_path(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|named| named.source());
    let cause = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause.and_then(io::Error::raw_os_error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error,
    }
}

fn answered(response: &Response, secrets: &Secrets) -> io::Result<Value> {
    let kind = response.headers.get("content-type");
    let body = mask_body(&response.body.bytes()?, kind, secrets);
    let mut content = content(kind.unwrap_or_default(), &body);
    content["size"] = Value::from(body.len());
    let location = response.headers.get("location").unwrap_or_default();
    Ok(json!({
        "status": response.status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": fields(&response.headers, secrets),
        "content": content,
        "redirectURL": secrets.mask_url(location),
        "headersSize": -1,
        "bodySize": response.wire_bytes,
    }))
}

fn content(kind: &str, body: &[u8]) -> Value {
    match std::str::from_utf8(body) {
        Ok(text) => json!({"mimeType": kind, "text": text}),
        Err(_) => json!({"mimeType": kind, "text": STANDARD.encode(body), "encoding": "base64"}),
    }
}

fn fields(headers: &Headers, secrets: &Secrets) -> Value {
    let fields = headers.iter();
    fields
        .map(|(name, value)| json!({"name": name, "value": secrets.mask_header(name, value)}))
        .collect()
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

//! The list of the requests that a replay is asked for, as they are: credentials and all.
//!
//! In: requests. Out: a JSON line for each, written at once, so that what a killed program asked for
//! is there too; and requests again out of such lines.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::http::{Headers, Request};

#[derive(Serialize, Deserialize)]
struct Line {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    /// In Base64.
    body: String,
}

/// Where requests are written down.
#[derive(Debug)]
pub(super) struct RequestLog(Mutex<File>);

impl RequestLog {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        File::create(path).map(|file| Self(Mutex::new(file)))
    }

    /// A request that cannot be written down is missing in the list: whoever reads it will tell.
    pub(super) fn write(&self, request: &Request) {
        let fields = request.headers.iter();
        let line = Line {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: fields.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            body: STANDARD.encode(&request.body),
        };
        if let Ok(mut text) = serde_json::to_string(&line) {
            text.push('\n');
            let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = file.write_all(text.as_bytes());
        }
    }
}

/// The requests of a list that [`Archive::logging_to`](super::Archive::logging_to) wrote. A last line
/// that is cut off is left out.
///
/// # Errors
/// When the file cannot be read.
pub fn read_requests(path: &Path) -> io::Result<Vec<Request>> {
    let text = std::fs::read_to_string(path)?;
    let request = |line: &str| {
        let line: Line = serde_json::from_str(line).ok()?;
        let mut headers = Headers::default();
        for (name, value) in line.headers {
            headers.add(&name, value);
        }
        Some(Request {
            method: line.method,
            url: line.url,
            headers,
            body: STANDARD.decode(line.body).ok()?,
            timeouts: Default::default(),
        })
    };
    Ok(text.lines().filter_map(request).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requests.jsonl");
        let log = RequestLog::create(&path).unwrap();
        let mut headers = Headers::default();
        headers.add("Authorization", "Bearer ü");
        let request = Request {
            method: "POST".to_owned(),
            url: "https://h/a?key=secret".to_owned(),
            headers,
            body: vec![0xff, b'\n', 0],
            timeouts: Default::default(),
        };
        log.write(&request);
        log.write(&request);
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"method\":")
            .unwrap();
        assert_eq!(read_requests(&path).unwrap(), [request.clone(), request]);
    }
}

//! The shape of HTTP Archive 1.2, as far as a replay reads it.
//!
//! Tools leave out and add much: whatever can be missing or null may be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};

use super::ArchiveMeta;
use crate::http::url::encode;
use crate::http::{Headers, Request, Response, TransportError, TransportErrorKind, decode};

#[derive(Deserialize)]
pub(super) struct Har {
    pub(super) log: Log,
}

#[derive(Deserialize)]
pub(super) struct Log {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) creator: Creator,
    pub(super) entries: Vec<Entry>,
    #[serde(rename = "_lowcode")]
    pub(super) meta: Option<ArchiveMeta>,
}

#[derive(Deserialize, Default)]
pub(super) struct Creator {
    #[serde(default)]
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct Entry {
    pub(super) pageref: Option<String>,
    request: Asked,
    #[serde(default, deserialize_with = "nullable")]
    response: Answered,
    /// Ours: the error that came instead of a response.
    #[serde(rename = "_lowcode")]
    failure: Option<Failure>,
}

#[derive(Deserialize)]
struct Asked {
    method: String,
    url: String,
    #[serde(default, deserialize_with = "nullable")]
    headers: Vec<Field>,
    #[serde(rename = "postData")]
    body: Option<Posted>,
}

#[derive(Deserialize)]
struct Posted {
    text: Option<String>,
    encoding: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    params: Vec<Field>,
    #[serde(default, rename = "mimeType", deserialize_with = "nullable")]
    mime_type: String,
}

#[derive(Deserialize, Default)]
struct Answered {
    #[serde(default, deserialize_with = "nullable")]
    status: f64,
    #[serde(default, deserialize_with = "nullable")]
    headers: Vec<Field>,
    content: Option<Content>,
    #[serde(default, rename = "bodySize", deserialize_with = "nullable")]
    body_size: f64,
    #[serde(rename = "_error")]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    text: Option<String>,
    encoding: Option<String>,
}

#[derive(Deserialize)]
struct Field {
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    value: String,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
    message: String,
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// The names under which an archive keeps the kinds of errors.
pub(in crate::http) const KINDS: [(&str, TransportErrorKind); 9] = [
    ("dns", TransportErrorKind::Dns),
    ("connect", TransportErrorKind::Connect),
    ("broken", TransportErrorKind::Broken),
    ("timeout", TransportErrorKind::Timeout),
    ("tls", TransportErrorKind::Tls),
    ("storage", TransportErrorKind::Storage),
    ("invalid", TransportErrorKind::Invalid),
    ("redirects", TransportErrorKind::Redirects),
    ("not_recorded", TransportErrorKind::NotRecorded),
];

impl Entry {
    /// The request that was recorded.
    pub(super) fn request(&self) -> Result<Request, String> {
        let asked = &self.request;
        let mut headers = fields(&asked.headers);
        let body = match &asked.body {
            None => Vec::new(),
            Some(posted) => {
                if headers.get("content-type").is_none() && !posted.mime_type.is_empty() {
                    headers.set("Content-Type", posted.mime_type.as_str());
                }
                match &posted.text {
                    Some(text) => bytes(text, posted.encoding.as_deref())?,
                    None => encode(posted.params.iter().map(|f| (&f.name, &f.value))).into_bytes(),
                }
            }
        };
        Ok(Request {
            method: asked.method.to_ascii_uppercase(),
            url: asked.url.clone(),
            headers,
            body,
            timeouts: Default::default(),
        })
    }

    /// What was answered. `coded`: may bodies still be in their content coding?
    pub(super) fn outcome(&self, coded: bool) -> Result<Result<Response, TransportError>, String> {
        let answered = &self.response;
        let status = answered.status as u16;
        if let Some(failure) = &self.failure {
            let kind = KINDS.iter().find(|(name, _)| *name == failure.error);
            return Ok(Err(TransportError {
                kind: kind.map_or(TransportErrorKind::Broken, |(_, kind)| *kind),
                message: failure.message.clone(),
            }));
        }
        if status == 0 {
            // What browsers write for a request that was blocked or broke.
            let why = answered.error.as_deref().unwrap_or("no response");
            return Ok(Err(TransportError {
                kind: TransportErrorKind::Broken,
                message: format!("the archive has no response to {}: {why}", self.request.url),
            }));
        }
        let headers = fields(&answered.headers);
        let mut body = match &answered.content {
            Some(Content {
                text: Some(text),
                encoding,
            }) => bytes(text, encoding.as_deref())?,
            _ => Vec::new(),
        };
        let wire_bytes = match answered.body_size {
            size if size >= 1.0 => size as u64,
            _ => body.len() as u64,
        };
        if coded && let Some(codings) = headers.get("content-encoding") {
            // Most tools record the content decoded, whatever the header says.
            if let Some(content) = decoded(codings, &body) {
                body = content;
            }
        }
        Ok(Ok(Response {
            status,
            headers,
            body: body.into(),
            wire_bytes,
        }))
    }
}

/// `body` with its content coding undone, when it still has it.
fn decoded(codings: &str, body: &[u8]) -> Option<Vec<u8>> {
    let is_coded = match codings.trim().to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => body.starts_with(&[0x1f, 0x8b]),
        // These have no magic number: what can be read as text was decoded.
        "deflate" | "br" => std::str::from_utf8(body).is_err(),
        _ => false,
    };
    let mut content = Vec::new();
    let mut reader = decode::decoder(codings, body).ok().filter(|_| is_coded)?;
    std::io::Read::read_to_end(&mut reader, &mut content).ok()?;
    Some(content)
}

fn fields(fields: &[Field]) -> Headers {
    let mut headers = Headers::default();
    // HTTP/2 archives list `:method` and the like among the headers.
    for field in fields.iter().filter(|field| !field.name.starts_with(':')) {
        headers.add(&field.name, field.value.as_str());
    }
    headers
}

fn bytes(text: &str, encoding: Option<&str>) -> Result<Vec<u8>, String> {
    match encoding {
        Some("base64") => {
            let text: String = text.split_ascii_whitespace().collect();
            let body = STANDARD.decode(text);
            body.map_err(|error| format!("a body is not valid Base64: {error}"))
        }
        _ => Ok(text.as_bytes().to_vec()),
    }
}

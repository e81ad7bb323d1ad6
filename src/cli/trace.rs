//! `-vv`: a line on standard error for each exchange; `-vvv`: the bodies too.

use std::sync::Arc;

use super::error::say;
use crate::clock::monotonic;
use crate::http::{Request, Response, Secrets, Transport, TransportError};

/// Bytes of a body that are shown.
const SHOWN: usize = 2000;

/// Tells of each exchange that goes through it.
pub(super) struct Traced {
    pub(super) inner: Arc<dyn Transport>,
    pub(super) secrets: Secrets,
    /// Whether bodies are shown.
    pub(super) bodies: bool,
}

impl Transport for Traced {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let began = monotonic();
        let outcome = self.inner.send(request);
        let took = began.elapsed().as_millis();
        let (method, url) = (&request.method, self.secrets.mask_url(&request.url));
        if self.bodies && !request.body.is_empty() {
            let body = self.body(&request.body);
            say(&format!("debug: {method} {url} sends {body}"));
        }
        match &outcome {
            Ok(response) => {
                let (status, bytes) = (response.status, response.wire_bytes);
                say(&format!(
                    "debug: {method} {url}: {status}, {bytes} bytes in {took} ms"
                ));
                if self.bodies {
                    say(&format!("debug: {}", self.body(response.body.start())));
                }
            }
            Err(error) => say(&format!("debug: {method} {url}: {error} after {took} ms")),
        }
        outcome
    }
}

impl Traced {
    /// The beginning of a body, masked before it is cut: half a credential would not be known.
    fn body(&self, body: &[u8]) -> String {
        let text = self.secrets.mask(&String::from_utf8_lossy(body));
        match text.char_indices().nth(SHOWN) {
            None => text,
            Some((end, _)) => format!(
                "{}… ({} bytes)",
                text.get(..end).unwrap_or_default(),
                body.len()
            ),
        }
    }
}

//! `--debug`: a line on standard error for each exchange.

use std::sync::Arc;

use super::error::say;
use crate::clock::monotonic;
use crate::http::{Request, Response, Secrets, Transport, TransportError};

/// Tells of each exchange that goes through it.
pub(super) struct Traced {
    pub(super) inner: Arc<dyn Transport>,
    pub(super) secrets: Secrets,
}

impl Transport for Traced {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let began = monotonic();
        let outcome = self.inner.send(request);
        let took = began.elapsed().as_millis();
        let (method, url) = (&request.method, self.secrets.mask_url(&request.url));
        match &outcome {
            Ok(response) => {
                let (status, bytes) = (response.status, response.wire_bytes);
                say(&format!(
                    "debug: {method} {url}: {status}, {bytes} bytes in {took} ms"
                ));
            }
            Err(error) => say(&format!("debug: {method} {url}: {error} after {took} ms")),
        }
        outcome
    }
}

//! A session without a network, for tests.

use std::sync::Mutex;

use serde_json::Value;

use super::{Authenticate, ConfigChange, Session, TokenStore};
use crate::component::ComponentError;
use crate::component::backoff::testing::{config, response};
use crate::component::requester::RequestParts;
use crate::http::{Request, Response, Secrets, TransportError, TransportErrorKind};
use crate::template::Config;

/// Answers requests with the given statuses and bodies in order, and keeps what it was sent.
pub(in crate::component) struct TestSession {
    config: Config,
    answers: Mutex<Vec<(u16, Value)>>,
    pub(in crate::component) sent: Mutex<Vec<Request>>,
    pub(in crate::component) changes: Mutex<Vec<ConfigChange>>,
    tokens: TokenStore,
    secrets: Secrets,
}

impl TestSession {
    /// A session at 2025-03-01T00:00:00Z; status 0 stands for no answer.
    pub(in crate::component) fn new(json: Value, mut answers: Vec<(u16, Value)>) -> Self {
        answers.reverse();
        Self {
            config: config(json),
            answers: Mutex::new(answers),
            sent: Mutex::default(),
            changes: Mutex::default(),
            tokens: TokenStore::default(),
            secrets: Secrets::default(),
        }
    }

    /// Bodies of the requests sent so far.
    pub(in crate::component) fn bodies(&self) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        let text = |request: &Request| String::from_utf8(request.body.clone()).unwrap();
        sent.iter().map(text).collect()
    }
}

impl Session for TestSession {
    fn config(&self) -> &Config {
        &self.config
    }

    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self.sent.lock().unwrap().push(request.clone());
        let answer = self.answers.lock().unwrap().pop();
        match answer {
            Some((0, _)) => Err(TransportError {
                kind: TransportErrorKind::Timeout,
                message: "no answer in time".to_owned(),
            }),
            Some((status, body)) => Ok(response(status, ("A", "b"), &body.to_string())),
            None => panic!("nobody expects {request:?}"),
        }
    }

    fn tokens(&self) -> &TokenStore {
        &self.tokens
    }

    fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    fn config_changed(&self, changes: &[ConfigChange]) {
        self.changes.lock().unwrap().extend_from_slice(changes);
    }
}

/// The share of an authenticator.
pub(super) fn authorized(
    authenticator: &dyn Authenticate,
    session: &TestSession,
) -> Result<RequestParts, ComponentError> {
    let mut parts = RequestParts::default();
    authenticator.authorize(&mut parts, session)?;
    Ok(parts)
}

/// An authenticator with the client of [`credentials`].
pub(super) const OAUTH: &str = "
token_refresh_endpoint: https://auth.example.com/token
client_id: \"{{ config['id'] }}\"
client_secret: \"{{ config['secret'] }}\"
refresh_token: R0
";

/// A config with a client, and a refresh token where updaters keep it.
pub(super) fn credentials() -> Value {
    serde_json::json!({
        "id": "cid",
        "secret": "s&cret=1",
        "credentials": {"refresh_token": "R1"},
    })
}

/// The `Authorization` header that an authenticator sends.
pub(super) fn bearer(
    oauth: &super::OAuthAuthenticator,
    session: &TestSession,
) -> Result<String, ComponentError> {
    let parts = authorized(oauth, session)?;
    Ok(parts.headers["Authorization"].as_str().unwrap().to_owned())
}

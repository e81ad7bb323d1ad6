//! What an authenticator needs of the run, and what it leaves there.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};

use super::Rotation;
use crate::clock::Micros;
use crate::component::ComponentError;
use crate::http::{Request, Response, Secrets, Stopped, TransportError};
use crate::template::Config;

/// A value of the config that should be kept for later runs, such as a rotated refresh token: its
/// path, and what it is now.
pub type ConfigChange = (Vec<String>, Value);

/// Makes the changes in `config`, and mappings on the way to them.
pub fn apply(config: &mut Value, changes: &[ConfigChange]) {
    for (path, value) in changes {
        let mut place = &mut *config;
        for key in path {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            match place {
                Value::Object(fields) => place = fields.entry(key.as_str()).or_insert(Value::Null),
                // It has just become a mapping.
                _ => return,
            }
        }
        *place = value.clone();
    }
}

/// What authenticators need of the run; the engine gives it.
pub trait Session: Send + Sync {
    /// The user's configuration.
    fn config(&self) -> &Config;

    /// Sends a request once, outside of any stream's error handler.
    ///
    /// # Errors
    /// When no response came.
    fn send(&self, request: &Request) -> Result<Response, TransportError>;

    /// Sends a request of a stream or of a requester beside one: as often as the API's budget allows.
    ///
    /// # Errors
    /// When the request counts for more than is ever allowed, or the run is stopped.
    fn send_within_budget(
        &self,
        request: &Request,
    ) -> Result<Result<Response, TransportError>, ComponentError> {
        Ok(self.send(request))
    }

    /// Whether a rate limit is waited for without end.
    fn is_patient(&self) -> bool {
        false
    }

    /// Waits between two tries.
    ///
    /// # Errors
    /// When the run is stopped.
    fn pause(&self, wait: Duration) -> Result<(), Stopped> {
        self.config().clock().pause(wait);
        Ok(())
    }

    /// The access tokens of the run.
    fn tokens(&self) -> &TokenStore;

    /// The credentials of the run, to be masked wherever something is said.
    fn secrets(&self) -> &Secrets;

    /// Tells that the config should be kept with these changes, all at once.
    fn config_changed(&self, changes: &[ConfigChange]) {
        let _ = changes;
    }
}

/// Access tokens of a run, a small lock each: whoever finds one expired renews it while the others
/// wait for it. Authenticators that would get the same token share it.
#[derive(Default)]
pub struct TokenStore {
    slots: Mutex<HashMap<String, Arc<Mutex<Token>>>>,
    rotations: Mutex<HashMap<String, Arc<Rotation>>>,
}

impl TokenStore {
    /// The place of a token; `key` is all that it depends on.
    #[must_use]
    pub fn slot(&self, key: &str) -> Arc<Mutex<Token>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(key.to_owned()).or_default())
    }

    /// The tokens that take turns; `key` is all that they depend on.
    #[must_use]
    pub fn rotation(&self, key: &str) -> Arc<Rotation> {
        let rotations = self.rotations.lock();
        let mut rotations = rotations.unwrap_or_else(PoisonError::into_inner);
        Arc::clone(rotations.entry(key.to_owned()).or_default())
    }
}

/// Shows nothing of the tokens.
impl fmt::Debug for TokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenStore")
    }
}

/// An access token and what is known about it.
#[derive(Clone, Default)]
pub struct Token {
    /// The token; none before it is obtained, or once it is refused.
    pub value: Option<String>,
    /// When it has to be renewed.
    pub expires_at: Micros,
    /// The refresh token that takes the place of the config's.
    pub refresh_token: Option<String>,
    /// Whether what the config says was looked at.
    pub known: bool,
    /// Whether the API refused the last one.
    pub refused: bool,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

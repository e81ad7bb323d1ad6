//! What an authenticator needs of the run, and what it leaves there.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::clock::Micros;
use crate::http::{Request, Response, Secrets, Stopped, TransportError};
use crate::template::Config;

/// A value of the config that should be kept for later runs, such as a rotated refresh token: its
/// path, and what it is now.
pub type ConfigChange = (Vec<String>, Value);

/// What authenticators need of the run; the engine gives it.
pub trait Session: Send + Sync {
    /// The user's configuration.
    fn config(&self) -> &Config;

    /// Sends a request once, outside of any stream's error handler.
    ///
    /// # Errors
    /// When no response came.
    fn send(&self, request: &Request) -> Result<Response, TransportError>;

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
pub struct TokenStore(Mutex<HashMap<String, Arc<Mutex<Token>>>>);

impl TokenStore {
    /// The place of a token; `key` is all that it depends on.
    #[must_use]
    pub fn slot(&self, key: &str) -> Arc<Mutex<Token>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(key.to_owned()).or_default())
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

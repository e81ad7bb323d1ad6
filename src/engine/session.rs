//! What all streams of a run share: the way to the hosts, tokens, secrets, pauses, the clock.

use crate::component::authenticator::{ConfigChange, Session as Shared, TokenStore};
use crate::http::{Gate, Request, Response, Secrets, Stopped, Transport, TransportError};
use crate::template::Config;
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The surroundings of a run. Everything in it is shared by all workers.
pub struct Session {
    pub(super) config: Config,
    transport: Arc<dyn Transport>,
    tokens: TokenStore,
    secrets: Secrets,
    pub(super) gate: Gate,
    cancel: Arc<AtomicBool>,
    changes: Mutex<Changes>,
}

/// What authenticators changed in the config.
#[derive(Default)]
struct Changes {
    /// The config with all changes so far.
    config: Option<Value>,
    /// Whether nobody was told yet.
    is_news: bool,
}

impl Session {
    /// A session that sends by `transport`. Setting `cancel` ends every wait and hands out no more
    /// work.
    #[must_use]
    pub fn new(
        config: Config,
        transport: Arc<dyn Transport>,
        secrets: Secrets,
        cancel: Arc<AtomicBool>,
    ) -> Self {
        Self {
            gate: Gate::new(Arc::clone(config.clock())),
            config,
            transport,
            tokens: TokenStore::default(),
            secrets,
            cancel,
            changes: Mutex::default(),
        }
    }

    /// A session of its own on the same way to the hosts, with another config.
    #[must_use]
    pub fn with_config(&self, config: Config) -> Self {
        Self::new(
            config,
            Arc::clone(&self.transport),
            self.secrets.clone(),
            Arc::clone(&self.cancel),
        )
    }

    /// Asks the run to stop: every wait ends, and no more work is handed out.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// The config as authenticators changed it (a rotated refresh token); once for each change.
    pub(super) fn take_changed_config(&self) -> Option<Value> {
        let mut changes = self.changes();
        if std::mem::replace(&mut changes.is_news, false) {
            changes.config.clone()
        } else {
            None
        }
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets the value at `path`, making mappings on the way.
fn assign(config: &mut Value, path: &[String], value: &Value) {
    match path.split_first() {
        None => *config = value.clone(),
        Some((key, rest)) => {
            if !config.is_object() {
                *config = Value::Object(Map::new());
            }
            if let Value::Object(fields) = config {
                assign(
                    fields.entry(key.as_str()).or_insert(Value::Null),
                    rest,
                    value,
                );
            }
        }
    }
}

impl Shared for Session {
    fn config(&self) -> &Config {
        &self.config
    }

    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self.transport.send(request)
    }

    fn pause(&self, wait: Duration) -> Result<(), Stopped> {
        self.gate.sleep(wait)
    }

    fn tokens(&self) -> &TokenStore {
        &self.tokens
    }

    fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    fn config_changed(&self, changed: &[ConfigChange]) {
        let mut changes = self.changes();
        let mut config = (changes.config.take()).unwrap_or_else(|| (**self.config.json()).clone());
        for (path, value) in changed {
            assign(&mut config, path, value);
        }
        *changes = Changes {
            config: Some(config),
            is_news: true,
        };
    }
}

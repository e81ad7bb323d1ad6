//! What all streams of a run share: the way to the hosts, tokens, secrets, pauses, the clock.

use crate::component::authenticator::{Session as Shared, TokenStore};
use crate::http::{Gate, Request, Response, Secrets, Transport, TransportError};
use crate::template::Config;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The surroundings of a run. Everything in it is shared by all workers.
pub struct Session {
    pub(super) config: Config,
    transport: Arc<dyn Transport>,
    tokens: TokenStore,
    secrets: Secrets,
    pub(super) gate: Gate,
    cancel: Arc<AtomicBool>,
    changed_config: Mutex<Option<Value>>,
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
            changed_config: Mutex::new(None),
        }
    }

    /// Whether the run was asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// Takes the config that an authenticator changed (a rotated refresh token), once.
    pub(super) fn take_changed_config(&self) -> Option<Value> {
        self.changed_config
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Shared for Session {
    fn config(&self) -> &Config {
        &self.config
    }

    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self.transport.send(request)
    }

    fn tokens(&self) -> &TokenStore {
        &self.tokens
    }

    fn secrets(&self) -> &Secrets {
        &self.secrets
    }
}

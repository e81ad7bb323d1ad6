//! What all streams of a run share: the way to the hosts, tokens, secrets, pauses, the clock.

use crate::component::ComponentError;
use crate::component::api_budget::Limiter;
use crate::component::authenticator::{ConfigChange, Session as Shared, TokenStore, apply};
use crate::http::{Gate, Request, Response, Secrets, Stopped, Transport, TransportError};
use crate::template::Config;
use serde_json::Value;
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
    limiter: Option<Arc<Limiter>>,
    listener: Option<Listener>,
}

/// What authenticators changed in the config.
#[derive(Default)]
struct Changes {
    /// The config with all changes so far.
    config: Option<Value>,
    /// Those configs that nobody was told of.
    news: Vec<Value>,
}

/// Hears of each change of the config at once, on the thread that makes it.
type Listener = Arc<dyn Fn(&[ConfigChange]) + Send + Sync>;

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
            limiter: None,
            listener: None,
        }
    }

    /// The same session with a budget of requests.
    #[must_use]
    pub fn within(mut self, limiter: Option<Limiter>) -> Self {
        self.limiter = limiter.map(Arc::new);
        self
    }

    /// The same session, which tells `listener` what authenticators change in the config, as soon as
    /// they do: the old refresh token may be of no use from then on.
    #[must_use]
    pub fn telling(mut self, listener: impl Fn(&[ConfigChange]) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// A session of its own on the same way to the hosts, with another config.
    #[must_use]
    pub fn with_config(&self, config: Config) -> Self {
        Self {
            limiter: self.limiter.clone(),
            listener: self.listener.clone(),
            ..Self::new(
                config,
                Arc::clone(&self.transport),
                self.secrets.clone(),
                Arc::clone(&self.cancel),
            )
        }
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

    /// How long a host lets the run wait still; none while it may ask.
    #[must_use]
    pub fn paused(&self) -> Option<Duration> {
        self.gate.longest()
    }

    /// The configs that authenticators have made (by a rotated refresh token) since the last call.
    pub fn take_changed_configs(&self) -> Vec<Value> {
        std::mem::take(&mut self.changes().news)
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared for Session {
    fn config(&self) -> &Config {
        &self.config
    }

    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self.transport.send(request)
    }

    fn send_within_budget(
        &self,
        request: &Request,
    ) -> Result<Result<Response, TransportError>, ComponentError> {
        let Some(limiter) = &self.limiter else {
            return Ok(self.send(request));
        };
        // Waits may be scaled to nothing: what was waited for counts as passed.
        let mut now = self.config.clock().now();
        while let Some(wait) = limiter.acquire(request, now)? {
            self.pause(wait)
                .map_err(|stopped| ComponentError::system(stopped.to_string()))?;
            // Meanwhile the host may have told everybody to wait.
            (self.gate.wait_for(request, &self.secrets))
                .map_err(|stopped| ComponentError::system(stopped.to_string()))?;
            let waited = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
            now = self.config.clock().now().max(now.saturating_add(waited));
        }
        let outcome = self.send(request);
        if let Ok(response) = &outcome {
            limiter.update(request, response, self.config.clock().now());
        }
        Ok(outcome)
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
        apply(&mut config, changed);
        changes.news.push(config.clone());
        changes.config = Some(config);
        drop(changes);
        if let Some(listener) = &self.listener {
            listener(changed);
        }
    }
}

//! What all streams of a run share: the way to the hosts, tokens, secrets, pauses, the clock.

use super::bounds::{Bound, Bounds, Reach};
use crate::component::ComponentError;
use crate::component::api_budget::Limiter;
use crate::component::authenticator::{ConfigChange, Session as Shared, TokenStore, apply};
use crate::http::{Gate, Pass, Request, Response, Secrets, Stopped, Transport, TransportError};
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
    reach: Arc<Reach>,
    is_patient: bool,
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
            reach: Arc::default(),
            is_patient: false,
        }
    }

    /// The same session with a budget of requests.
    #[must_use]
    pub fn within(mut self, limiter: Option<Limiter>) -> Self {
        self.limiter = limiter.map(Arc::new);
        self
    }

    /// The same session, which waits for rate limits without end, as long as waits take time.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.is_patient = !(self.config.clock())
            .scaled(Duration::from_secs(1))
            .is_zero();
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
            reach: Arc::clone(&self.reach),
            is_patient: self.is_patient,
            gate: self.gate.clone(),
            ..Self::new(
                config,
                Arc::clone(&self.transport),
                self.secrets.clone(),
                Arc::clone(&self.cancel),
            )
        }
    }

    /// A session of its own on the same way to the hosts, which goes no further than `bounds`.
    #[must_use]
    pub fn bounded(&self, bounds: Bounds) -> Self {
        Self {
            reach: Arc::new(Reach::new(bounds)),
            ..self.with_config(self.config.clone())
        }
    }

    /// Asks the run to stop: every wait ends, and no more work is handed out.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to stop, or has come to a bound.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.is_interrupted() || self.bound().is_some()
    }

    /// Whether the run was asked to stop.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// The bound that the run has come to.
    #[must_use]
    pub fn bound(&self) -> Option<Bound> {
        self.reach.bound()
    }

    /// Waits until the API's budget and its host let `request` start.
    ///
    /// # Errors
    /// When the request counts for more than is ever allowed.
    pub(super) fn admit(&self, request: &Request) -> Result<Result<Pass, Stopped>, ComponentError> {
        if let Some(limiter) = &self.limiter {
            // Waits may be scaled to nothing: what was waited for counts as passed.
            let mut now = self.config.clock().now();
            while let Some(wait) = limiter.acquire(request, now)? {
                if let Err(stopped) = self.gate.sleep(wait) {
                    return Ok(Err(stopped));
                }
                let waited = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
                now = self.config.clock().now().max(now.saturating_add(waited));
            }
        }
        let pass = self.gate.enter(request, &self.secrets);
        Ok(pass.and_then(|pass| self.reach.take().map(|()| pass)))
    }

    /// Sends a request that may start.
    pub(super) fn send_admitted(
        &self,
        pass: &mut Pass,
        request: &Request,
    ) -> Result<Response, TransportError> {
        let outcome = self.send(request);
        pass.came();
        if let (Some(limiter), Ok(response)) = (&self.limiter, &outcome) {
            limiter.update(request, response, self.config.clock().now());
        }
        outcome
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
        let stopped = |stopped: Stopped| ComponentError::system(stopped.to_string());
        let mut pass = self.admit(request)?.map_err(stopped)?;
        let outcome = self.send_admitted(&mut pass, request);
        if let Ok(response) = &outcome {
            pass.answered(response, response.status == 429, self.is_patient);
        }
        Ok(outcome)
    }

    fn is_patient(&self) -> bool {
        self.is_patient
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

//! The user's configuration, and what a template may read beside it.

use std::sync::Arc;

use serde_json::Value;

use super::TValue;
use crate::clock::Clock;

/// The user's configuration and the run's clock: what every template may read. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Config(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    json: Arc<Value>,
    value: TValue,
    clock: Arc<Clock>,
}

impl Config {
    /// Takes the configuration as the user wrote it.
    #[must_use]
    pub fn new(json: Value, clock: Arc<Clock>) -> Self {
        let value = TValue::from_json(&json);
        Self(Arc::new(Inner {
            json: Arc::new(json),
            value,
            clock,
        }))
    }

    /// The configuration as JSON.
    #[must_use]
    pub fn json(&self) -> &Arc<Value> {
        &self.0.json
    }

    /// The clock that `now_utc()` and the like ask.
    #[must_use]
    pub fn clock(&self) -> &Arc<Clock> {
        &self.0.clock
    }

    pub(crate) fn value(&self) -> &TValue {
        &self.0.value
    }
}

/// The names that a template may read, and their values.
///
/// `config` and `parameters` are always there and are not looked up here; neither are the aliases
/// `stream_interval` and `stream_partition` of `stream_slice`.
pub trait Scope {
    /// Names that a template of this scope may read, beside `config` and `parameters`.
    const NAMES: &'static [&'static str];

    /// The configuration.
    fn config(&self) -> &Config;

    /// The value of `name`; `None` when it is not in scope, which is an error in the template.
    fn lookup(&self, name: &str) -> Option<TValue>;
}

//! `CheckStream`: what a check of the connection reads.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::manifest::Raw;

/// What a check of the connection reads.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Check {
    /// The first record of some streams.
    CheckStream(CheckStream),
    /// The first record of the first streams.
    CheckDynamicStream(CheckDynamicStream),
}

impl Check {
    /// Whether the check runs with another config than the rest.
    #[must_use]
    pub fn has_overrides(&self) -> bool {
        self.overrides().is_some_and(|raw| raw.0.value.is_truthy())
    }

    /// The config while the check runs: the user's, with other values laid over it. They are not
    /// evaluated as templates, and replace those of the config as a whole.
    ///
    /// # Errors
    /// When a key is one of the platform's own.
    pub fn config(&self, config: &Value) -> Result<Value, String> {
        let mut config = config.clone();
        let overrides = self.overrides().map(|raw| raw.0.to_json());
        if let (Value::Object(config), Some(Value::Object(overrides))) = (&mut config, overrides) {
            if let Some(key) = overrides.keys().find(|key| key.starts_with("__airbyte")) {
                return Err(format!(
                    "`config_overrides` cannot set `{key}`: such keys are the platform's own"
                ));
            }
            config.extend(overrides);
        }
        Ok(config)
    }

    fn overrides(&self) -> Option<&Raw> {
        match self {
            Self::CheckStream(check) => check.config_overrides.as_ref(),
            Self::CheckDynamicStream(check) => check.config_overrides.as_ref(),
        }
    }
}

/// The connection is fine when the first record of each of the first streams can be read: those of
/// the manifest come before those made of templates.
///
/// As airbyte-cdk 7.39.1, `check_dynamic_stream.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CheckDynamicStream {
    /// How many streams are read; when there are fewer, all of them.
    pub stream_count: i64,
    /// Whether records are read. With false, it is enough that there are streams. Default: true.
    #[serde(default)]
    pub use_check_availability: Option<bool>,
    /// Values laid over the config while the check runs.
    #[serde(default)]
    config_overrides: Option<Raw>,
}

/// Which of the streams of one template are read.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DynamicStreamCheckConfig {
    /// Name of the dynamic stream.
    pub dynamic_stream_name: String,
    /// How many of its streams are read. Unset: all.
    #[serde(default)]
    pub stream_count: Option<usize>,
}

/// The connection is fine when the first record of each of these streams can be read.
///
/// As airbyte-cdk 7.39.1, `check_stream.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CheckStream {
    /// Names of the streams.
    #[serde(default)]
    stream_names: Option<Vec<String>>,
    /// Which of the streams made of templates are read too.
    #[serde(default)]
    dynamic_streams_check_configs: Option<Vec<DynamicStreamCheckConfig>>,
    /// Values laid over the config while the check runs.
    #[serde(default)]
    config_overrides: Option<Raw>,
}

/// Key of the config that names the streams of a check, in place of the manifest.
const STREAM_NAMES_KEY: &str = "__airbyte_check_stream_names";

impl CheckStream {
    /// Names of the streams to read, in order: those of the config's own key, else those of the
    /// manifest.
    ///
    /// # Errors
    /// When the config's key is no list of texts, or nobody names any stream, made ones included.
    pub fn stream_names(&self, config: &Value) -> Result<Vec<String>, String> {
        match config.get(STREAM_NAMES_KEY) {
            None => self.own_names(),
            Some(Value::Array(names)) if names.is_empty() => self.own_names(),
            Some(names) => serde_json::from_value(names.clone())
                .map_err(|_| format!("`{STREAM_NAMES_KEY}` must be a list of texts")),
        }
    }

    fn own_names(&self) -> Result<Vec<String>, String> {
        match &self.stream_names {
            Some(names) => Ok(names.clone()),
            None if !self.dynamic_streams().is_empty() => Ok(Vec::new()),
            None => Err("`check` names no streams".to_owned()),
        }
    }

    /// Which of the streams made of templates are read.
    #[must_use]
    pub fn dynamic_streams(&self) -> &[DynamicStreamCheckConfig] {
        self.dynamic_streams_check_configs
            .as_deref()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn the_config_may_name_other_streams() {
        let check: CheckStream = from_yaml("{stream_names: [a]}");
        let names = |config: Value| check.stream_names(&config);
        assert_eq!(names(json!({})).unwrap(), ["a"]);
        assert_eq!(names(json!({STREAM_NAMES_KEY: []})).unwrap(), ["a"]);
        assert_eq!(names(json!({STREAM_NAMES_KEY: ["b"]})).unwrap(), ["b"]);
        assert!(names(json!({STREAM_NAMES_KEY: "b"})).is_err());
    }

    #[test]
    fn overrides_are_laid_over_the_config() {
        for check in [
            "type: CheckStream",
            "type: CheckDynamicStream, stream_count: 1",
        ] {
            let check: Check = from_yaml(&format!("{{{check}, config_overrides: {{size: 1}}}}"));
            assert!(check.has_overrides());
            assert_eq!(
                check.config(&json!({"a": 1, "size": 50})).unwrap(),
                json!({"a": 1, "size": 1})
            );
        }
        let check: Check =
            from_yaml("{type: CheckStream, config_overrides: {__airbyte_check_stream_names: [b]}}");
        assert!(check.config(&json!({})).is_err());
    }
}

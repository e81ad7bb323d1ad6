//! `CheckStream`: what a check of the connection reads.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::component::unknown::Unknown;
use crate::manifest::Raw;

/// What a check of the connection reads.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Check {
    /// The first record of some streams.
    CheckStream(CheckStream),
}

/// The connection is fine when the first record of each of these streams can be read.
///
/// As airbyte-cdk 7.39.1, `check_stream.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CheckStream {
    /// Names of the streams.
    #[serde(default)]
    stream_names: Option<Vec<String>>,
    /// Not known yet.
    #[serde(default)]
    #[schemars(skip)]
    #[expect(dead_code, reason = "it only has to be refused")]
    dynamic_streams_check_configs: Option<Unknown>,
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
    /// When the config's key is no list of texts.
    pub fn stream_names(&self, config: &Value) -> Result<Vec<String>, String> {
        match config.get(STREAM_NAMES_KEY) {
            None => Ok(self.stream_names.clone().unwrap_or_default()),
            Some(Value::Array(names)) if names.is_empty() => {
                Ok(self.stream_names.clone().unwrap_or_default())
            }
            Some(names) => serde_json::from_value(names.clone())
                .map_err(|_| format!("`{STREAM_NAMES_KEY}` must be a list of texts")),
        }
    }

    /// Whether the check runs with another config than the rest.
    #[must_use]
    pub fn has_overrides(&self) -> bool {
        let overrides = self.config_overrides.as_ref();
        overrides.is_some_and(|raw| raw.0.value.is_truthy())
    }

    /// The config while the check runs. Values are not evaluated as templates, and replace those
    /// of the config as a whole.
    ///
    /// # Errors
    /// When a key is one of the platform's own.
    pub fn config(&self, config: &Value) -> Result<Value, String> {
        let mut config = config.clone();
        let overrides = self.config_overrides.as_ref().map(|raw| raw.0.to_json());
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
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::fragment::from_yaml;

    #[test]
    fn the_config_may_name_other_streams() {
        let Check::CheckStream(check) = from_yaml("{type: CheckStream, stream_names: [a]}");
        let names = |config: Value| check.stream_names(&config);
        assert_eq!(names(json!({})).unwrap(), ["a"]);
        assert_eq!(names(json!({STREAM_NAMES_KEY: []})).unwrap(), ["a"]);
        assert_eq!(names(json!({STREAM_NAMES_KEY: ["b"]})).unwrap(), ["b"]);
        assert!(names(json!({STREAM_NAMES_KEY: "b"})).is_err());
    }

    #[test]
    fn overrides_are_laid_over_the_config() {
        let Check::CheckStream(check) =
            from_yaml("{type: CheckStream, config_overrides: {page_size: 1}}");
        assert!(check.has_overrides());
        assert_eq!(
            check.config(&json!({"a": 1, "page_size": 50})).unwrap(),
            json!({"a": 1, "page_size": 1})
        );
        let Check::CheckStream(check) =
            from_yaml("{type: CheckStream, config_overrides: {__airbyte_check_stream_names: [b]}}");
        assert!(check.config(&json!({})).is_err());
    }
}

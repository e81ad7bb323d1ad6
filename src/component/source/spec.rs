//! `Spec`: which settings a manifest takes.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::component::config::ConfigNormalizationRules;
use crate::manifest::Raw;
use crate::message;

/// Which settings a manifest takes, and where they are explained.
///
/// As airbyte-cdk 7.39.1, `spec.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Spec {
    /// JSON schema of the config.
    connection_specification: Raw,
    /// Where the settings are explained.
    #[serde(default)]
    documentation_url: Option<String>,
    /// How a platform obtains credentials by OAuth.
    #[serde(default)]
    advanced_auth: Option<AuthFlow>,
    /// Changes and checks of the config before it is used.
    #[serde(default)]
    config_normalization_rules: Option<ConfigNormalizationRules>,
}

/// How a platform obtains credentials by OAuth.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AuthFlow {
    /// The kind of authorization.
    #[serde(default)]
    auth_flow_type: Option<AuthFlowType>,
    /// Path of the setting that chooses this way.
    #[serde(default)]
    predicate_key: Option<Vec<String>>,
    /// Value of that setting.
    #[serde(default)]
    predicate_value: Option<String>,
    /// The platform's part; nothing of it is used in a read.
    #[serde(default)]
    oauth_config_specification: Option<Raw>,
}

/// Kinds of authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
enum AuthFlowType {
    /// OAuth 2.0.
    #[serde(rename = "oauth2.0")]
    OAuth2,
    /// OAuth 1.0.
    #[serde(rename = "oauth1.0")]
    OAuth1,
}

impl Spec {
    /// JSON schema of the config.
    #[must_use]
    pub fn connection_specification(&self) -> Value {
        self.connection_specification.0.to_json()
    }

    /// Changes and checks of the config before it is used.
    #[must_use]
    pub fn rules(&self) -> Option<&ConfigNormalizationRules> {
        self.config_normalization_rules.as_ref()
    }

    /// The spec in the protocol's words.
    #[must_use]
    pub fn message(&self) -> message::Spec {
        message::Spec {
            connection_specification: self.connection_specification(),
            documentation_url: self.documentation_url.clone().filter(|url| !url.is_empty()),
            supports_normalization: false,
            supports_dbt: false,
            advanced_auth: self.advanced_auth.as_ref().map(AuthFlow::message),
        }
    }
}

impl AuthFlow {
    fn message(&self) -> Value {
        let mut auth = Map::new();
        let flow = self.auth_flow_type.map(|flow| match flow {
            AuthFlowType::OAuth2 => "oauth2.0",
            AuthFlowType::OAuth1 => "oauth1.0",
        });
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                auth.insert(key.to_owned(), value);
            }
        };
        put("auth_flow_type", flow.map(Value::from));
        put("predicate_key", self.predicate_key.clone().map(Value::from));
        put(
            "predicate_value",
            self.predicate_value.clone().map(Value::from),
        );
        let oauth = self.oauth_config_specification.as_ref();
        put(
            "oauth_config_specification",
            oauth.map(|raw| raw.0.to_json()),
        );
        Value::Object(auth)
    }
}

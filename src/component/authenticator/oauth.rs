//! `OAuthAuthenticator`: what the manifest says, and whether the token at hand still holds.

use std::sync::PoisonError;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::expiry::instant;
use super::refresh::Refresh;
use super::selective::at_path;
use super::{Authenticate, JwtAuthenticator, Session, Token, header};
use crate::component::ComponentError;
use crate::component::requester::RequestParts;
use crate::http::Request;
use crate::template::{Config, JsonTemplate, Literal, Template, scope};

type Text = Template<scope::ConfigOnly>;

/// Sends `Authorization: Bearer …` with an access token that it gets, and renews, by OAuth 2.0.
///
/// All streams with the same credentials share one token, and one of them renews it for all. As
/// airbyte-cdk 7.39.1, `oauth.py` and `abstract_oauth.py`; RFC 6749. `Differs:` there each stream
/// gets its own.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct OAuthAuthenticator {
    /// URL that gives access tokens. Unset, `access_token_value` is used for ever.
    pub(super) token_refresh_endpoint: Option<Text>,
    /// The client's ID, such as `{{ config['client_id'] }}`.
    pub(super) client_id: Option<Text>,
    /// The client's secret, such as `{{ config['client_secret'] }}`; may be empty.
    pub(super) client_secret: Option<Text>,
    /// The refresh token, such as `{{ config['refresh_token'] }}`. Needed unless `grant_type` is
    /// another one than `refresh_token`.
    pub(super) refresh_token: Option<Text>,
    /// The grant that is asked for, such as `client_credentials`. Default: `refresh_token`.
    pub(super) grant_type: Option<Text>,
    /// Scopes that are asked for.
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    /// An access token to begin with, such as `{{ config['access_token'] }}`. It is used until
    /// `token_expiry_date`.
    access_token_value: Option<Text>,
    /// When `access_token_value` expires: ISO 8601, or seconds since 1970-01-01T00:00:00Z. Unset,
    /// it counts as expired.
    token_expiry_date: Option<Text>,
    /// When set, `expires_in_name` names an instant (ISO 8601), not a number of seconds.
    pub(super) token_expiry_date_format: Option<String>,
    /// Name of the field with the client's ID. Default: `client_id`.
    pub(super) client_id_name: Option<Text>,
    /// Name of the field with the client's secret. Default: `client_secret`.
    pub(super) client_secret_name: Option<Text>,
    /// Name of the field with the refresh token. Default: `refresh_token`.
    pub(super) refresh_token_name: Option<Text>,
    /// Name of the field with the grant. Default: `grant_type`.
    pub(super) grant_type_name: Option<Text>,
    /// Name of the answer's field with the access token, at any depth. Default: `access_token`.
    pub(super) access_token_name: Option<Text>,
    /// Name of the answer's field with its lifetime in seconds. Default: `expires_in`. Without that
    /// field, a token is used for an hour.
    pub(super) expires_in_name: Option<Text>,
    /// Further fields of the request.
    pub(super) refresh_request_body: Option<JsonTemplate<scope::ConfigOnly>>,
    /// Header fields of the request. With `Authorization`, client ID and secret are not sent in
    /// the body.
    pub(super) refresh_request_headers: Option<JsonTemplate<scope::ConfigOnly>>,
    /// Sends the fields in the query of the URL, with an empty body. With `use_profile_assertion` the
    /// fields of a client and a refresh token are in the query, and the assertion stays in the body.
    /// Default: false.
    #[serde(default)]
    pub(super) send_refresh_request_as_query_params: bool,
    /// Statuses of answers that mean that the refresh token is not valid. Default: `[400]`.
    #[serde(default)]
    refresh_token_error_status_codes: Vec<u16>,
    /// Field of such answers. Default: `error`.
    #[serde(default)]
    refresh_token_error_key: String,
    /// Values of that field. Default: `[invalid_grant, invalid_permissions]`.
    #[serde(default)]
    refresh_token_error_values: Vec<String>,
    /// Keeps tokens in the config, for APIs whose refresh tokens can be used only once.
    pub(super) refresh_token_updater: Option<RefreshTokenUpdater>,
    /// Signs the assertion that is sent with `use_profile_assertion`.
    profile_assertion: Option<ProfileAssertion>,
    /// Asks by an assertion in the place of a client and a refresh token: RFC 7523 section 2.1.
    /// The body has the fields `grant_type` and `assertion` then, and no other. Default: false.
    #[serde(default)]
    use_profile_assertion: Option<bool>,
}

/// What signs an assertion.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub(super) enum ProfileAssertion {
    /// A JSON Web Token.
    JwtAuthenticator(Box<JwtAuthenticator>),
}

/// Says where in the config tokens are kept.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RefreshTokenUpdater {
    /// Name of the field with the refresh token, in request and answer. Default: `refresh_token`.
    pub(super) refresh_token_name: Option<String>,
    /// Path of the access token. Default: `[credentials, access_token]`.
    #[serde(default = "RefreshTokenUpdater::access_token_path")]
    pub(super) access_token_config_path: Vec<String>,
    /// Path of the refresh token. Default: `[credentials, refresh_token]`.
    #[serde(default = "RefreshTokenUpdater::refresh_token_path")]
    pub(super) refresh_token_config_path: Vec<String>,
    /// Path of the access token's expiry. Default: `[credentials, token_expiry_date]`.
    #[serde(default = "RefreshTokenUpdater::expiry_path")]
    pub(super) token_expiry_date_config_path: Vec<String>,
    /// Deprecated: use the field of the authenticator.
    #[serde(default)]
    refresh_token_error_status_codes: Vec<u16>,
    /// Deprecated: use the field of the authenticator.
    #[serde(default)]
    refresh_token_error_key: String,
    /// Deprecated: use the field of the authenticator.
    #[serde(default)]
    refresh_token_error_values: Vec<String>,
}

impl RefreshTokenUpdater {
    fn declares_errors(&self) -> bool {
        !(self.refresh_token_error_status_codes.is_empty()
            && self.refresh_token_error_key.is_empty()
            && self.refresh_token_error_values.is_empty())
    }

    fn access_token_path() -> Vec<String> {
        ["credentials", "access_token"].map(str::to_owned).to_vec()
    }

    fn refresh_token_path() -> Vec<String> {
        ["credentials", "refresh_token"].map(str::to_owned).to_vec()
    }

    fn expiry_path() -> Vec<String> {
        ["credentials", "token_expiry_date"]
            .map(str::to_owned)
            .to_vec()
    }
}

/// The text of an optional template, or its default.
pub(super) fn text_or(
    template: Option<&Text>,
    default: &str,
    config: &Config,
) -> Result<String, ComponentError> {
    match template.filter(|template| !template.source().is_empty()) {
        Some(template) => Ok(template.text(&scope::ConfigOnly::new(config.clone()))?),
        None => Ok(default.to_owned()),
    }
}

/// The fields of an optional mapping of templates.
pub(super) fn fields(
    fields: Option<&JsonTemplate<scope::ConfigOnly>>,
    config: &Config,
) -> Result<Map<String, Value>, ComponentError> {
    let Some(fields) = fields else {
        return Ok(Map::new());
    };
    let fields = fields.eval_flat(&scope::ConfigOnly::new(config.clone()), &[])?;
    let fields = fields.into_iter();
    Ok(fields
        .map(|(name, value)| (name, value.into_json()))
        .collect())
}

/// Text in the config; empty where there is none.
pub(super) fn config_text(config: &Config, path: &[String]) -> String {
    match at_path(config, path) {
        None | Some(Value::Null) => String::new(),
        Some(value) => Literal::from_json(value).to_python_str(),
    }
}

impl OAuthAuthenticator {
    /// What signs the assertion to ask by, where one is asked by.
    pub(super) fn assertion(&self) -> Option<&JwtAuthenticator> {
        let ProfileAssertion::JwtAuthenticator(jwt) = self.profile_assertion.as_ref()?;
        (self.use_profile_assertion == Some(true)).then_some(jwt)
    }

    /// Holds the fields against each other.
    fn check(&self, config: &Config) -> Result<(), ComponentError> {
        let wrong = |message: &str| {
            let at = self.token_refresh_endpoint.as_ref().and_then(Template::at);
            Err(ComponentError::system(message).or_at(at))
        };
        if let Some(updater) = &self.refresh_token_updater {
            return if self.declares_errors() && updater.declares_errors() {
                wrong(
                    "expected `refresh_token_error_…` in the authenticator or in its `refresh_token_updater`, found both",
                )
            } else {
                Ok(())
            };
        }
        let has_client = self.client_id.is_some() && self.client_secret.is_some();
        match (self.use_profile_assertion == Some(true), has_client) {
            (true, _) if self.profile_assertion.is_none() => {
                wrong("`use_profile_assertion` needs a `profile_assertion`")
            }
            (true, _) => Ok(()),
            (false, false) => wrong("expected a `client_id` and a `client_secret`"),
            (false, true) if self.refresh_token.is_some() => Ok(()),
            (false, true) => {
                let grant = text_or(self.grant_type.as_ref(), "refresh_token", config)?;
                if grant == "refresh_token" {
                    return wrong("the grant `refresh_token` needs a `refresh_token`");
                }
                Ok(())
            }
        }
    }

    fn declares_errors(&self) -> bool {
        !(self.refresh_token_error_status_codes.is_empty()
            && self.refresh_token_error_key.is_empty()
            && self.refresh_token_error_values.is_empty())
    }

    /// Whether an answer means that the refresh token is not valid.
    pub(super) fn is_refresh_token_error(&self, status: u16, answer: &Value) -> bool {
        let none = || (&[][..], "", &[][..]);
        let own = (
            &self.refresh_token_error_status_codes[..],
            self.refresh_token_error_key.as_str(),
            &self.refresh_token_error_values[..],
        );
        let updater = self.refresh_token_updater.as_ref().map_or_else(none, |it| {
            (
                &it.refresh_token_error_status_codes[..],
                it.refresh_token_error_key.as_str(),
                &it.refresh_token_error_values[..],
            )
        });
        let declared = [updater, own]
            .into_iter()
            .find(|declared| *declared != none());
        let is_in = |key: &str, test: &dyn Fn(&str) -> bool| {
            answer.get(key).and_then(Value::as_str).is_some_and(test)
        };
        match declared {
            Some((statuses, key, values)) => {
                statuses.contains(&status) && is_in(key, &|it| values.iter().any(|v| v == it))
            }
            None => {
                let usual = |it: &str| matches!(it, "invalid_grant" | "invalid_permissions");
                status == 400 && is_in("error", &usual)
            }
        }
    }

    /// What the config holds before anything was asked for.
    fn first_token(&self, config: &Config) -> Result<Token, ComponentError> {
        let mut token = Token {
            known: true,
            ..Token::default()
        };
        let not_an_instant = |text: &str| {
            ComponentError::config(format!(
                "`{text}` is no instant: expected ISO 8601 or seconds since 1970"
            ))
        };
        if let Some(updater) = &self.refresh_token_updater {
            let expiry = config_text(config, &updater.token_expiry_date_config_path);
            if !expiry.is_empty() {
                token.expires_at = instant(&expiry).ok_or_else(|| not_an_instant(&expiry))?;
                token.value = Some(config_text(config, &updater.access_token_config_path));
            }
            return Ok(token);
        }
        let scope = scope::ConfigOnly::new(config.clone());
        if let Some(template) = &self.access_token_value
            && let Some(value) = some_text(template.eval(&scope)?)
        {
            token.value = Some(value);
        }
        if let Some(template) = &self.token_expiry_date
            && !template.source().is_empty()
        {
            let expiry = template.text(&scope)?;
            token.expires_at =
                instant(&expiry).ok_or_else(|| not_an_instant(&expiry).or_at(template.at()))?;
        }
        Ok(token)
    }

    /// The access token that holds now; the lock on its place is held while another is got.
    fn access_token(&self, session: &dyn Session) -> Result<String, ComponentError> {
        let config = session.config();
        self.check(config)?;
        let Some(refresh) = Refresh::of(self, config)? else {
            let token = self.first_token(config)?.value;
            return token.ok_or_else(|| {
                ComponentError::config(
                    "expected a `token_refresh_endpoint` or an `access_token_value`",
                )
            });
        };
        let slot = session.tokens().slot(&refresh.key());
        let mut token = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if !token.known {
            *token = self.first_token(config)?;
        }
        match &token.value {
            Some(value) if config.clock().now() <= token.expires_at => Ok(value.clone()),
            _ => refresh.renew(self, &mut token, session),
        }
    }
}

fn some_text(value: Literal) -> Option<String> {
    match value {
        Literal::None => None,
        value => Some(value.to_python_str()),
    }
}

impl Authenticate for OAuthAuthenticator {
    fn authorize(
        &self,
        parts: &mut RequestParts,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let token = self.access_token(session)?;
        session.secrets().add(&token);
        parts.merge(header("Authorization", format!("Bearer {token}")))
    }

    fn refused(&self, request: &Request, session: &dyn Session) -> Result<bool, ComponentError> {
        let Some(refresh) = Refresh::of(self, session.config())? else {
            return Ok(false);
        };
        let slot = session.tokens().slot(&refresh.key());
        let mut token = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = request.headers.get("Authorization");
        let current = token.value.as_ref().map(|value| format!("Bearer {value}"));
        if current.is_some() && current.as_deref() == sent {
            token.value = None;
            token.refused = true;
        }
        Ok(true)
    }
}

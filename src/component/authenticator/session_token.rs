//! `SessionTokenAuthenticator`.

use std::sync::PoisonError;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::api_key::send_key;
use super::{Authenticate, Session, Token, header};
use crate::clock::Micros;
use crate::component::ComponentError;
use crate::component::decoder::Decoder;
use crate::component::dpath::Glob;
use crate::component::requester::{RequestOption, RequestParts, Requester};
use crate::http::{Request, url};
use crate::template::datetime::{DateTime, Duration};
use crate::template::{self, Config, Literal, Scope, TValue, Template};

/// Microseconds for which a token is used whose lifetime the manifest does not say.
const LIFETIME: Micros = 60_000_000;

/// Sends a session token that a login request gets.
///
/// All streams that log in by the same request share one token. As airbyte-cdk 7.39.1,
/// `token_provider.py`. `Differs:` there each stream logs in by itself, and before each request
/// when no `expiration_duration` is given; here a token is used for a minute then, and as long as
/// the API does not refuse it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SessionTokenAuthenticator {
    /// The request that logs in, with its own authenticator and error handler.
    login_requester: Requester,
    /// Path of the token in the answer, such as `[result, token]`.
    #[schemars(with = "Vec<String>")]
    session_token_path: Vec<Value>,
    /// How long a token is used: an ISO 8601 duration such as `PT1H`.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "Option<String>")]
    expiration_duration: Option<Duration>,
    /// How requests carry the token.
    request_authentication: RequestAuthentication,
    /// How the answer is read. Unset: as JSON.
    #[serde(default)]
    decoder: Option<Decoder>,
}

/// How requests carry a session token.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
enum RequestAuthentication {
    /// In a header, parameter or body field.
    ApiKey(SessionTokenRequestApiKeyAuthenticator),
    /// As `Authorization: Bearer …`.
    Bearer(SessionTokenRequestBearerAuthenticator),
}

/// Sends the session token in a header, a parameter or a body field.
#[derive(Debug, Deserialize, JsonSchema)]
struct SessionTokenRequestApiKeyAuthenticator {
    /// Where the token goes.
    inject_into: RequestOption,
    /// What is sent, such as `Token {{ session_token }}`. Default: the token.
    api_token: Option<Template<LoggedIn>>,
}

/// Sends the session token as `Authorization: Bearer …`.
#[derive(Debug, Deserialize, JsonSchema)]
struct SessionTokenRequestBearerAuthenticator {}

/// What the template of the key sees.
#[derive(Debug)]
struct LoggedIn {
    config: Config,
    session_token: TValue,
}

impl Scope for LoggedIn {
    const NAMES: &'static [&'static str] = &["session_token"];

    fn config(&self) -> &Config {
        &self.config
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        (name == "session_token").then(|| self.session_token.clone())
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.filter(|text| !text.is_empty())
        .map(|text| Duration::parse(&text).map_err(|error| serde::de::Error::custom(error.0)))
        .transpose()
}

impl SessionTokenAuthenticator {
    /// Equal for authenticators that would get the same token.
    fn key(&self, session: &dyn Session) -> Result<String, ComponentError> {
        let (slice, parts) = (std::sync::Arc::default(), RequestParts::default());
        let login = self
            .login_requester
            .get()
            .request(&slice, None, parts, session)?;
        let path = Value::from(self.session_token_path.clone());
        Ok(format!("session {path} {login:?}"))
    }

    fn token(&self, session: &dyn Session) -> Result<String, ComponentError> {
        let slot = session.tokens().slot(&self.key(session)?);
        let mut token = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let now = session.config().clock().now();
        if let Some(value) = token.value.as_ref().filter(|_| now <= token.expires_at) {
            return Ok(value.clone());
        }
        let value = self.log_in(session)?;
        session.secrets().add(&value);
        *token = Token {
            value: Some(value.clone()),
            expires_at: self.expiry(session.config().clock().now())?,
            ..Token::default()
        };
        Ok(value)
    }

    fn log_in(&self, session: &dyn Session) -> Result<String, ComponentError> {
        let response = self
            .login_requester
            .get()
            .fetch(None, &RequestParts::default(), session)
            .map_err(|mut error| {
                error.message = format!("cannot log in: {}", error.message);
                error
            })?
            .ok_or_else(|| ComponentError::system("cannot log in: the response is ignored"))?;
        let depth = self.session_token_path.len();
        let page = match &self.decoder {
            Some(decoder) => decoder.decode(response.body, depth),
            None => Decoder::default().decode(response.body, depth),
        };
        let path = Glob::new(&self.session_token_path)?;
        let answer = page.first().value();
        match path.get(&&answer)? {
            Some(value) if !value.is_null() => Ok(Literal::from_json(value).to_python_str()),
            _ => Err(ComponentError::system(format!(
                "the answer to the login has no `{}`",
                Value::from(self.session_token_path.clone())
            ))),
        }
    }

    /// When a token that was got at `now` is used no longer.
    fn expiry(&self, now: Micros) -> Result<Micros, ComponentError> {
        let Some(duration) = &self.expiration_duration else {
            return Ok(now.saturating_add(LIFETIME));
        };
        let at = DateTime::from_micros(now).and_then(|now| duration.add_to(&now));
        at.map(|at| at.micros())
            .map_err(|error| ComponentError::config(error.0))
    }
}

impl Authenticate for SessionTokenAuthenticator {
    fn authorize(
        &self,
        parts: &mut RequestParts,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let token = self.token(session)?;
        match &self.request_authentication {
            RequestAuthentication::Bearer(_) => {
                parts.merge(header("Authorization", format!("Bearer {token}")))
            }
            RequestAuthentication::ApiKey(key) => {
                let text = match &key.api_token {
                    Some(template) if !template.source().is_empty() => {
                        template.text(&LoggedIn {
                            config: session.config().clone(),
                            session_token: template::json(&token.into()),
                        })?
                    }
                    _ => token,
                };
                send_key(&key.inject_into, text, parts, session)
            }
        }
    }

    fn refused(&self, request: &Request, session: &dyn Session) -> Result<bool, ComponentError> {
        let slot = session.tokens().slot(&self.key(session)?);
        let mut token = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if token.value.as_ref().is_some_and(|it| carries(request, it)) {
            token.value = None;
        }
        Ok(true)
    }
}

/// Whether the token is in the request.
fn carries(request: &Request, token: &str) -> bool {
    let encoded = url::encode(vec![(String::new(), token.to_owned())]);
    let encoded = encoded.trim_start_matches('=');
    request
        .headers
        .iter()
        .any(|(_, value)| value.contains(token))
        || request.url.contains(encoded)
        || String::from_utf8_lossy(&request.body).contains(token)
        || String::from_utf8_lossy(&request.body).contains(encoded)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{TestSession, authorized};
    use super::*;
    use crate::component::testing::{from_yaml, mistakes};

    fn authenticator(rest: &str) -> SessionTokenAuthenticator {
        from_yaml(&format!(
            "
login_requester:
  type: HttpRequester
  url: https://api.example.com/login
  http_method: POST
  request_body_json: {{user: \"{{{{ config['user'] }}}}\"}}
session_token_path: [data, 0, token]
{rest}
"
        ))
    }

    fn answer(token: &str) -> (u16, Value) {
        (200, json!({"data": [{"token": token}]}))
    }

    #[test]
    fn one_login_serves_until_it_expires() {
        let it = authenticator("request_authentication: {type: Bearer}\nexpiration_duration: PT1H");
        let session = TestSession::new(json!({"user": "me"}), vec![answer("T1"), answer("T2")]);
        let sent = || authorized(&it, &session).unwrap().headers["Authorization"].clone();
        assert_eq!([sent(), sent()], ["Bearer T1", "Bearer T1"]);
        assert_eq!(session.bodies(), [r#"{"user": "me"}"#]);
        let hour = std::time::Duration::from_secs(3601);
        session.config().clock().pause(hour);
        assert_eq!(sent(), "Bearer T2");
    }

    #[test]
    fn a_key_is_made_by_a_template() {
        let it = authenticator(
            "request_authentication:\n  type: ApiKey\n  api_token: 'Token {{ session_token }}'\n  inject_into: {type: RequestOption, inject_into: header, field_name: X-Key}",
        );
        let session = TestSession::new(json!({}), vec![answer("a-long-token"), answer("b")]);
        let parts = authorized(&it, &session).unwrap();
        assert_eq!(parts.headers["X-Key"], "Token a-long-token");
        assert!(session.secrets().are_in("a-long-token"));
    }

    #[test]
    fn a_refused_token_is_replaced() {
        let it = authenticator("request_authentication: {type: Bearer}");
        let session = TestSession::new(json!({}), vec![answer("OLD"), answer("NEW")]);
        let mut request = Request {
            method: "GET".to_owned(),
            url: String::new(),
            headers: crate::http::Headers::default(),
            body: Vec::new(),
            timeouts: Default::default(),
        };
        authorized(&it, &session).unwrap();
        request.headers.set("Authorization", "Bearer OLD");
        for _ in 0..2 {
            assert_eq!(it.refused(&request, &session), Ok(true));
            let parts = authorized(&it, &session).unwrap();
            assert_eq!(parts.headers["Authorization"], "Bearer NEW");
        }
    }

    #[test]
    fn a_login_is_tried_again_and_its_failure_told() {
        let it = authenticator("request_authentication: {type: Bearer}");
        let session = TestSession::new(json!({}), vec![(503, json!({})), answer("T")]);
        assert!(authorized(&it, &session).is_ok());
        let session = TestSession::new(json!({}), vec![(401, json!({"error": "who?"}))]);
        let error = authorized(&it, &session).unwrap_err();
        assert!(error.message.starts_with("cannot log in: POST"), "{error}");
        assert!(error.message.contains("401"), "{error}");
        let session = TestSession::new(json!({}), vec![(200, json!({"data": []}))]);
        let error = authorized(&it, &session).unwrap_err();
        assert!(error.message.contains("has no"), "{error}");
    }

    #[test]
    fn a_duration_that_is_none_is_told() {
        let errors = mistakes::<SessionTokenAuthenticator>(
            "login_requester: {type: HttpRequester, url: 'https://a.example'}\nsession_token_path: [a]\nrequest_authentication: {type: Bearer}\nexpiration_duration: an hour",
        )
        .join("\n");
        assert!(errors.contains("no ISO 8601 duration"), "{errors}");
    }
}

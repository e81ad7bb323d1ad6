//! `LegacySessionTokenAuthenticator`.

use std::sync::PoisonError;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::oauth::text_or;
use super::{Authenticate, Session, header};
use crate::component::ComponentError;
use crate::component::requester::RequestParts;
use crate::http::{Headers, Request, Response};
use crate::template::{Config, Literal, Template, scope};

type Text = Template<scope::ConfigOnly>;

/// Sends a session token in a header: one that is given, or one got by user name and password.
/// Deprecated: use `SessionTokenAuthenticator`.
///
/// A given token is validated first. As airbyte-cdk 7.39.1, `token.py`. `Differs:` there it is
/// validated before each request, here once in a run.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct LegacySessionTokenAuthenticator {
    /// Name of the header.
    header: Text,
    /// Path of the login below the requester's `url_base`.
    login_url: Text,
    /// A session token to try first.
    session_token: Option<Text>,
    /// Field of the login's answer with the token.
    session_token_response_key: Option<Text>,
    /// User name for the login.
    username: Option<Text>,
    /// Password for the login.
    password: Option<Text>,
    /// Path below the requester's `url_base` that answers 401 to a token which is not valid.
    validate_session_url: Text,
}

impl LegacySessionTokenAuthenticator {
    fn text(template: Option<&Text>, config: &Config) -> Result<String, ComponentError> {
        text_or(template, "", config)
    }

    fn token(&self, base: &str, session: &dyn Session) -> Result<String, ComponentError> {
        let config = session.config();
        let given = Self::text(self.session_token.as_ref(), config)?;
        if !given.is_empty() {
            session.secrets().add(&given);
            if self.is_valid(base, &given, session)? {
                return Ok(given);
            }
        }
        let username = Self::text(self.username.as_ref(), config)?;
        let password = Self::text(self.password.as_ref(), config)?;
        if username.is_empty() || password.is_empty() {
            return Err(ComponentError::system(
                "the session token is not valid, and there is no user name or password to log in with",
            ));
        }
        session.secrets().add(&password);
        let mut request = request("POST", base, &self.login_url, config)?;
        request.headers.set("Content-Type", "application/json");
        request.body = json!({"username": username, "password": password})
            .to_string()
            .into_bytes();
        let response = send(&request, session)?;
        if response.status >= 400 {
            return Err(refusal("log in", &response));
        }
        let key = Self::text(self.session_token_response_key.as_ref(), config)?;
        let answer: Value = serde_json::from_slice(response.body.start()).unwrap_or_default();
        answer
            .get(&key)
            .map(|token| Literal::from_json(token).to_python_str())
            .ok_or_else(|| {
                ComponentError::system(format!("the answer to the login has no `{key}`"))
            })
    }

    fn is_valid(
        &self,
        base: &str,
        token: &str,
        session: &dyn Session,
    ) -> Result<bool, ComponentError> {
        let config = session.config();
        let mut request = request("GET", base, &self.validate_session_url, config)?;
        let name = Self::text(Some(&self.header), config)?;
        session.secrets().add_header(&name);
        request.headers.set(&name, token);
        let response = send(&request, session)?;
        match response.status {
            401 => Ok(false),
            400.. => Err(refusal("validate the session token", &response)),
            _ => Ok(true),
        }
    }

    fn key(&self, base: &str, config: &Config) -> Result<String, ComponentError> {
        let mut key = format!("legacy session {base}");
        for part in [
            Some(&self.login_url),
            self.session_token.as_ref(),
            self.username.as_ref(),
            self.password.as_ref(),
            self.session_token_response_key.as_ref(),
        ] {
            key.push('\n');
            key.push_str(&Self::text(part, config)?);
        }
        Ok(key)
    }
}

fn request(
    method: &str,
    base: &str,
    path: &Text,
    config: &Config,
) -> Result<Request, ComponentError> {
    let path = path.text(&scope::ConfigOnly::new(config.clone()))?;
    Ok(Request {
        method: method.to_owned(),
        url: format!("{base}{path}"),
        headers: Headers::default(),
        body: Vec::new(),
        timeouts: Default::default(),
    })
}

fn send(request: &Request, session: &dyn Session) -> Result<Response, ComponentError> {
    session.send(request).map_err(|error| {
        ComponentError::transient(
            session
                .secrets()
                .mask(&format!("{} {}: {error}", request.method, request.url)),
        )
    })
}

fn refusal(what: &str, response: &Response) -> ComponentError {
    ComponentError::system(format!("cannot {what}: status {}", response.status))
}

impl Authenticate for LegacySessionTokenAuthenticator {
    fn authorize(
        &self,
        parts: &mut RequestParts,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        self.authorize_below("", parts, session)
    }

    fn authorize_below(
        &self,
        base: &str,
        parts: &mut RequestParts,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let config = session.config();
        let slot = session.tokens().slot(&self.key(base, config)?);
        let mut token = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let value = match &token.value {
            Some(value) => value.clone(),
            None => {
                let value = self.token(base, session)?;
                session.secrets().add(&value);
                token.value = Some(value.clone());
                value
            }
        };
        drop(token);
        let name = Self::text(Some(&self.header), config)?;
        session.secrets().add_header(&name);
        parts.merge(header(&name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::TestSession;
    use super::*;
    use crate::component::testing::from_yaml;

    const YAML: &str = "
header: X-Session
login_url: /login
validate_session_url: /me
session_token_response_key: id
username: \"{{ config.get('user') }}\"
password: pw
session_token: \"{{ config.get('session') }}\"
";

    fn read(config: Value, answers: Vec<(u16, Value)>) -> (Result<Value, String>, Vec<String>) {
        let it: LegacySessionTokenAuthenticator = from_yaml(YAML);
        let session = TestSession::new(config, answers);
        let mut result = Ok(Value::Null);
        for _ in 0..2 {
            let mut parts = RequestParts::default();
            result = it
                .authorize_below("https://a.example", &mut parts, &session)
                .map(|()| parts.headers.remove("X-Session").unwrap())
                .map_err(|error| error.message);
        }
        let sent = session.sent.lock().unwrap();
        let urls = sent.iter().map(|it| format!("{} {}", it.method, it.url));
        (result, urls.collect())
    }

    #[test]
    fn a_given_token_is_validated_once() {
        let (token, sent) = read(json!({"session": "S"}), vec![(200, json!({}))]);
        assert_eq!(token, Ok(json!("S")));
        assert_eq!(sent, ["GET https://a.example/me"]);
    }

    #[test]
    fn a_token_that_is_not_valid_is_replaced_by_a_login() {
        let config = json!({"session": "S", "user": "me"});
        let answers = vec![(401, json!({})), (200, json!({"id": "NEW"}))];
        let (token, sent) = read(config, answers);
        assert_eq!(token, Ok(json!("NEW")));
        assert_eq!(
            sent,
            ["GET https://a.example/me", "POST https://a.example/login"]
        );
    }
}

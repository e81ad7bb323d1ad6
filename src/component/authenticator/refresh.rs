//! Asking a token endpoint for an access token.

use serde_json::{Map, Value};

use super::expiry::{expiry, written};
use super::oauth::{OAuthAuthenticator, config_text, fields, text_or};
use super::oauth_answer::find;
use super::{Session, Token};
use crate::clock::Micros;
use crate::component::ComponentError;
use crate::template::{Config, Literal};

/// The grant that is asked for by an assertion: RFC 7523 section 2.1.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Microseconds for which a token of unknown lifetime is used: an hour.
const LIFETIME: Micros = 3_600_000_000;

/// What is asked of a token endpoint: all that a token depends on.
pub(super) struct Refresh {
    pub(super) endpoint: String,
    refresh_token_name: String,
    /// Fields of the form in the body.
    pub(super) form: Map<String, Value>,
    /// Parameters of the URL.
    pub(super) query: Map<String, Value>,
    pub(super) headers: Map<String, Value>,
    /// Credentials that are in either.
    secrets: Vec<String>,
    /// All that an assertion depends on but the time; it is signed when it is sent.
    asserted: Option<String>,
}

impl Refresh {
    /// The request as the config makes it; none without an endpoint.
    pub(super) fn of(
        oauth: &OAuthAuthenticator,
        config: &Config,
    ) -> Result<Option<Self>, ComponentError> {
        let Some(endpoint) = &oauth.token_refresh_endpoint else {
            return Ok(None);
        };
        let text = |template: &Option<_>, default| text_or(template.as_ref(), default, config);
        let at = endpoint.at();
        let endpoint = text(&oauth.token_refresh_endpoint, "")?;
        if endpoint.is_empty() {
            return Err(ComponentError::system("`token_refresh_endpoint` is empty").or_at(at));
        }
        let updater = oauth.refresh_token_updater.as_ref();
        let in_query = oauth.send_refresh_request_as_query_params;
        let mut refresh = Self {
            endpoint,
            refresh_token_name: "refresh_token".to_owned(),
            form: Map::new(),
            query: Map::new(),
            headers: fields(oauth.refresh_request_headers.as_ref(), config)?,
            secrets: Vec::new(),
            asserted: None,
        };
        let mut sent = Map::new();
        let grant_type_name = text(&oauth.grant_type_name, "grant_type")?;
        if let Some(jwt) = oauth.assertion().filter(|_| updater.is_none()) {
            sent.insert(grant_type_name, JWT_BEARER.into());
            refresh.asserted = Some(jwt.identity(config)?);
            refresh.form = sent.clone();
            // As in the reference, parameters of the URL come beside the form of an assertion.
            if !in_query {
                return Ok(Some(refresh));
            }
        } else {
            let grant_type = text(&oauth.grant_type, "refresh_token")?;
            sent.insert(grant_type_name, grant_type.into());
        }
        let in_credentials = |name: &str| {
            let path = ["credentials".to_owned(), name.to_owned()];
            updater
                .map(|_| config_text(config, &path))
                .filter(|text| !text.is_empty())
        };
        let client_id = match in_credentials("client_id") {
            Some(id) => id,
            None => text(&oauth.client_id, "")?,
        };
        let client_secret = match in_credentials("client_secret") {
            Some(secret) => secret,
            None => text(&oauth.client_secret, "")?,
        };
        let (refresh_token_name, refresh_token) = match updater {
            Some(updater) => (
                updater
                    .refresh_token_name
                    .clone()
                    .unwrap_or_else(|| "refresh_token".to_owned()),
                Some(config_text(config, &updater.refresh_token_config_path)),
            ),
            None => (
                text(&oauth.refresh_token_name, "refresh_token")?,
                match &oauth.refresh_token {
                    Some(_) => Some(text(&oauth.refresh_token, "")?),
                    None => None,
                },
            ),
        };
        refresh.secrets = vec![
            refresh_token.clone().unwrap_or_default(),
            client_secret.clone(),
        ];
        if !refresh.headers.contains_key("Authorization") {
            if client_id.is_empty() && updater.is_none() {
                return Err(ComponentError::system("`client_id` is empty").or_at(at));
            }
            sent.insert(text(&oauth.client_id_name, "client_id")?, client_id.into());
            let name = text(&oauth.client_secret_name, "client_secret")?;
            sent.insert(name, client_secret.into());
        }
        sent.insert(refresh_token_name.clone(), refresh_token.into());
        if !oauth.scopes.is_empty() {
            sent.insert("scopes".to_owned(), oauth.scopes.clone().into());
        }
        for (name, value) in fields(oauth.refresh_request_body.as_ref(), config)? {
            sent.entry(name).or_insert(value);
        }
        refresh.refresh_token_name = refresh_token_name;
        if in_query {
            refresh.query = sent;
        } else {
            refresh.form = sent;
        }
        Ok(Some(refresh))
    }

    /// Equal for authenticators that would get the same token.
    pub(super) fn key(&self) -> String {
        let form = Value::Object(self.form.clone());
        let query = Value::Object(self.query.clone());
        let headers = Value::Object(self.headers.clone());
        let asserted = self.asserted.as_deref().unwrap_or_default();
        format!("{}\n{query}\n{form}\n{headers}\n{asserted}", self.endpoint)
    }

    /// Gets another token, keeps it in `token`, and tells the session what the config should keep.
    pub(super) fn renew(
        mut self,
        oauth: &OAuthAuthenticator,
        token: &mut Token,
        session: &dyn Session,
    ) -> Result<String, ComponentError> {
        let config = session.config();
        if let Some(rotated) = &token.refresh_token {
            let sent = if oauth.send_refresh_request_as_query_params {
                &mut self.query
            } else {
                &mut self.form
            };
            sent.insert(self.refresh_token_name.clone(), rotated.clone().into());
            self.secrets.push(rotated.clone());
        }
        if let Some(jwt) = oauth.assertion().filter(|_| self.asserted.is_some()) {
            let assertion = jwt.token(session)?;
            self.secrets.push(assertion.clone());
            self.form.insert("assertion".to_owned(), assertion.into());
        }
        for secret in &self.secrets {
            session.secrets().add(secret);
        }
        let answer = self.ask(oauth, token.refused, session)?;
        let name = text_or(oauth.access_token_name.as_ref(), "access_token", config)?;
        let value = find(&answer, &name)
            .map(|value| Literal::from_json(value).to_python_str())
            .filter(|value| !value.is_empty())
            .ok_or_else(|| {
                ComponentError::system(format!("the answer of the token endpoint has no `{name}`"))
            })?;
        session.secrets().add(&value);
        let name = text_or(oauth.expires_in_name.as_ref(), "expires_in", config)?;
        let now = config.clock().now();
        let is_instant = oauth
            .token_expiry_date_format
            .as_ref()
            .is_some_and(|f| !f.is_empty());
        let (expires_at, offset) = match find(&answer, &name) {
            // A token that was refused before its time: the next one has the same.
            None if token.refused && now <= token.expires_at => (token.expires_at, 0),
            None => (now.saturating_add(LIFETIME), 0),
            Some(lifetime) => expiry(lifetime, is_instant, now).ok_or_else(|| {
                ComponentError::system(format!(
                    "the token endpoint answers `{lifetime}` as `{name}`: expected {}",
                    if is_instant {
                        "an instant"
                    } else {
                        "a number of seconds"
                    }
                ))
            })?,
        };
        token.expires_at = expires_at;
        token.value = Some(value.clone());
        token.refused = false;
        if let Some(updater) = &oauth.refresh_token_updater {
            let mut changes = vec![(
                updater.access_token_config_path.clone(),
                value.clone().into(),
            )];
            if let Some(next) = find(&answer, &self.refresh_token_name) {
                let next = Literal::from_json(next).to_python_str();
                session.secrets().add(&next);
                token.refresh_token = Some(next.clone());
                changes.push((updater.refresh_token_config_path.clone(), next.into()));
            }
            let expires_at = written(expires_at, offset).into();
            changes.push((updater.token_expiry_date_config_path.clone(), expires_at));
            session.config_changed(&changes);
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Authenticate as _;
    use super::super::testing::{OAUTH, TestSession, bearer as token, credentials as config};
    use super::*;
    use crate::component::testing::from_yaml;
    use crate::http::{Headers, Request};

    #[test]
    fn one_token_is_got_and_kept_until_it_expires() {
        let oauth: OAuthAuthenticator = from_yaml(OAUTH);
        let same: OAuthAuthenticator = from_yaml(OAUTH);
        let answer = |token: &str| (200, json!({"access_token": token, "expires_in": 60}));
        let session = TestSession::new(config(), vec![answer("T1-long-token"), answer("T2")]);
        assert_eq!(token(&oauth, &session).unwrap(), "Bearer T1-long-token");
        assert_eq!(token(&same, &session).unwrap(), "Bearer T1-long-token");
        assert_eq!(
            session.bodies(),
            ["grant_type=refresh_token&client_id=cid&client_secret=s%26cret%3D1&refresh_token=R0"]
        );
        assert!(session.secrets().are_in("T1-long-token") && session.secrets().are_in("s&cret=1"));
        session
            .config()
            .clock()
            .pause(std::time::Duration::from_secs(61));
        assert_eq!(token(&oauth, &session).unwrap(), "Bearer T2");
    }

    #[test]
    fn fields_and_names_are_the_manifest_s() {
        let oauth: OAuthAuthenticator = from_yaml(
            "
token_refresh_endpoint: https://auth.example.com/token?v=1
client_id: a
client_secret: b
grant_type: client_credentials
client_id_name: id
scopes: [read, write]
access_token_name: key
refresh_request_body: {audience: x, client_secret: ignored, n: 5}
refresh_request_headers: {X-A: \"{{ config['id'] }}\"}
",
        );
        let answer = (200, json!({"data": [{"key": "T"}]}));
        let session = TestSession::new(config(), vec![answer]);
        assert_eq!(token(&oauth, &session).unwrap(), "Bearer T");
        assert_eq!(
            session.bodies(),
            [
                "grant_type=client_credentials&id=a&client_secret=b&scopes=read&scopes=write&audience=x&n=5"
            ]
        );
        assert_eq!(
            session.sent.lock().unwrap()[0].headers.get("x-a"),
            Some("cid")
        );
    }

    #[test]
    fn credentials_in_a_header_leave_the_body_and_fields_may_go_into_the_url() {
        let yaml = format!(
            "{OAUTH}
refresh_request_headers: {{Authorization: Basic abc}}
send_refresh_request_as_query_params: true
"
        );
        let oauth: OAuthAuthenticator = from_yaml(&yaml);
        let session = TestSession::new(config(), vec![(200, json!({"access_token": "T"}))]);
        token(&oauth, &session).unwrap();
        assert_eq!(session.bodies(), [""]);
        assert_eq!(
            session.sent.lock().unwrap()[0].url,
            "https://auth.example.com/token?grant_type=refresh_token&refresh_token=R0"
        );
    }

    #[test]
    fn a_token_of_the_config_is_used_while_it_holds() {
        let with = |expiry: &str| {
            format!("{OAUTH}\naccess_token_value: OLD\ntoken_expiry_date: '{expiry}'")
        };
        let session = TestSession::new(config(), vec![(200, json!({"access_token": "NEW"}))]);
        let holds: OAuthAuthenticator = from_yaml(&with("2025-03-02T00:00:00Z"));
        assert_eq!(token(&holds, &session).unwrap(), "Bearer OLD");
        let session = TestSession::new(config(), vec![(200, json!({"access_token": "NEW"}))]);
        let expired: OAuthAuthenticator = from_yaml(&with("1740700000"));
        assert_eq!(token(&expired, &session).unwrap(), "Bearer NEW");
        let alone: OAuthAuthenticator = from_yaml(
            "{access_token_value: ONLY, client_id: a, client_secret: b, refresh_token: c}",
        );
        assert_eq!(token(&alone, &session).unwrap(), "Bearer ONLY");
    }

    #[test]
    fn an_assertion_stays_in_the_body_beside_parameters_of_the_url() {
        let yaml = |client: &str| {
            format!(
                "
token_refresh_endpoint: https://auth.example.com/token
use_profile_assertion: true
send_refresh_request_as_query_params: true
refresh_request_body: {{more: sent}}
{client}
profile_assertion:
  type: JwtAuthenticator
  algorithm: HS256
  secret_key: key
  jwt_payload: {{iss: me}}
"
            )
        };
        let oauth: OAuthAuthenticator = from_yaml(&yaml("client_id: a\nclient_secret: b"));
        let session = TestSession::new(config(), vec![(200, json!({"access_token": "T"}))]);
        assert_eq!(token(&oauth, &session).unwrap(), "Bearer T");
        let sent = session.sent.lock().unwrap();
        let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
        let query = format!("{grant}&client_id=a&client_secret=b&more=sent");
        assert_eq!(
            sent[0].url,
            format!("https://auth.example.com/token?{query}")
        );
        let body = std::str::from_utf8(&sent[0].body).unwrap();
        assert!(
            body.starts_with(&format!("{grant}&assertion=eyJ")),
            "{body}"
        );
        let oauth: OAuthAuthenticator = from_yaml(&yaml(""));
        let session = TestSession::new(config(), Vec::new());
        let error = token(&oauth, &session).unwrap_err();
        assert!(error.message.contains("`client_id` is empty"), "{error}");
    }

    #[test]
    fn an_assertion_takes_the_place_of_all_else() {
        let oauth: OAuthAuthenticator = from_yaml(
            "
token_refresh_endpoint: https://auth.example.com/token
use_profile_assertion: true
refresh_request_body: {not: sent}
profile_assertion:
  type: JwtAuthenticator
  algorithm: HS256
  secret_key: key
  jwt_payload: {iss: me}
",
        );
        let answer = |token: &str| (200, json!({"access_token": token, "expires_in": 60}));
        let session = TestSession::new(config(), vec![answer("T1"), answer("T2")]);
        assert_eq!(token(&oauth, &session).unwrap(), "Bearer T1");
        assert_eq!(token(&oauth, &session).unwrap(), "Bearer T1");
        let body = session.bodies().remove(0);
        let start =
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=eyJ";
        assert!(body.starts_with(start), "{body}");
        assert_eq!(body.matches('&').count(), 1, "{body}");
        let minute = std::time::Duration::from_secs(61);
        session.config().clock().pause(minute);
        assert_eq!(token(&oauth, &session).unwrap(), "Bearer T2");
        assert_ne!(session.bodies()[1], body, "signed anew");
    }

    #[test]
    fn fields_that_do_not_go_together_are_told() {
        let session = TestSession::new(config(), Vec::new());
        for (yaml, complaint) in [
            ("{client_id: a, refresh_token: c}", "a `client_secret`"),
            (
                "{client_id: a, client_secret: b}",
                "needs a `refresh_token`",
            ),
            ("use_profile_assertion: true", "needs a `profile_assertion`"),
            (
                "{refresh_token_error_key: a, refresh_token_updater: {refresh_token_error_key: b}}",
                "found both",
            ),
        ] {
            let oauth: OAuthAuthenticator = from_yaml(yaml);
            let error = token(&oauth, &session).unwrap_err();
            assert!(error.message.contains(complaint), "{yaml}: {error}");
        }
    }

    #[test]
    fn a_refused_token_is_replaced_once_for_all() {
        let oauth: OAuthAuthenticator = from_yaml(OAUTH);
        let answer = |token: &str| (200, json!({"access_token": token}));
        let session = TestSession::new(config(), vec![answer("OLD"), answer("NEW")]);
        let mut request = Request {
            method: "GET".to_owned(),
            url: String::new(),
            headers: Headers::default(),
            body: Vec::new(),
            timeouts: Default::default(),
        };
        let old = token(&oauth, &session).unwrap();
        request.headers.set("Authorization", old);
        assert_eq!(oauth.refused(&request, &session), Ok(true));
        assert_eq!(token(&oauth, &session).unwrap(), "Bearer NEW");
        assert_eq!(
            oauth.refused(&request, &session),
            Ok(true),
            "another thread, the old token"
        );
        assert_eq!(token(&oauth, &session).unwrap(), "Bearer NEW");
    }

    #[test]
    fn rotated_refresh_tokens_are_kept_in_the_config() {
        let oauth: OAuthAuthenticator = from_yaml(&format!("{OAUTH}\nrefresh_token_updater: {{}}"));
        let answer = |n: u32| {
            (
                200,
                json!({"access_token": format!("T{n}"), "refresh_token": format!("R{n}"), "expires_in": 60}),
            )
        };
        let session = TestSession::new(config(), vec![answer(2), answer(3)]);
        assert_eq!(token(&oauth, &session).unwrap(), "Bearer T2");
        let changes = std::mem::take(&mut *session.changes.lock().unwrap());
        let changes: Vec<_> = changes
            .iter()
            .map(|(path, value)| (path.join("."), value))
            .collect();
        assert_eq!(
            changes,
            [
                ("credentials.access_token".to_owned(), &json!("T2")),
                ("credentials.refresh_token".to_owned(), &json!("R2")),
                (
                    "credentials.token_expiry_date".to_owned(),
                    &json!("2025-03-01T00:01:00+00:00")
                ),
            ]
        );
        session
            .config()
            .clock()
            .pause(std::time::Duration::from_secs(61));
        assert_eq!(token(&oauth, &session).unwrap(), "Bearer T3");
        let tokens: Vec<_> = session
            .bodies()
            .iter()
            .map(|body| body.rsplit('=').next().unwrap().to_owned())
            .collect();
        assert_eq!(tokens, ["R1", "R2"]);
    }
}

//! `BasicHttpAuthenticator`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Authenticate, Session, header};
use crate::component::ComponentError;
use crate::component::requester::RequestParts;
use crate::template::{Template, scope};

/// Sends user name and password with each request: `Authorization: Basic …`.
///
/// As airbyte-cdk 7.39.1, `token.py`; RFC 7617.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct BasicHttpAuthenticator {
    /// The user name, such as `{{ config['username'] }}`.
    username: Template<scope::ConfigOnly>,
    /// The password, such as `{{ config['password'] }}`. Default: empty.
    password: Option<Template<scope::ConfigOnly>>,
}

impl Authenticate for BasicHttpAuthenticator {
    fn authorize(
        &self,
        parts: &mut RequestParts,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let scope = scope::ConfigOnly::new(session.config().clone());
        let username = self.username.text(&scope)?;
        let password = match &self.password {
            Some(password) => password.text(&scope)?,
            None => String::new(),
        };
        // Many APIs take a key as the user name, with no password or a fixed one.
        if password.len() < 8 {
            session.secrets().add(&username);
        }
        session.secrets().add(&password);
        let encoded = STANDARD.encode(format!("{username}:{password}"));
        session.secrets().add(&encoded);
        parts.merge(header("Authorization", format!("Basic {encoded}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{TestSession, authorized};
    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn name_and_password_are_encoded() {
        let config = json!({"user": "Aladdin", "password": "open sesame"});
        let session = TestSession::new(config, Vec::new());
        let both: BasicHttpAuthenticator = from_yaml(
            "{username: \"{{ config['user'] }}\", password: \"{{ config['password'] }}\"}",
        );
        let parts = authorized(&both, &session).unwrap();
        assert_eq!(
            parts.headers["Authorization"],
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        let name: BasicHttpAuthenticator = from_yaml("username: key");
        let parts = authorized(&name, &session).unwrap();
        assert_eq!(parts.headers["Authorization"], "Basic a2V5Og==");
    }
}

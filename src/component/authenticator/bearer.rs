//! `BearerAuthenticator`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Authenticate, Session, header};
use crate::component::ComponentError;
use crate::component::requester::RequestParts;
use crate::template::{Template, scope};

/// Sends `Authorization: Bearer …` with each request.
///
/// As airbyte-cdk 7.39.1, `token.py`; RFC 6750.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct BearerAuthenticator {
    /// The token, such as `{{ config['api_token'] }}`.
    api_token: Template<scope::ConfigOnly>,
}

impl Authenticate for BearerAuthenticator {
    fn authorize(
        &self,
        parts: &mut RequestParts,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let scope = scope::ConfigOnly::new(session.config().clone());
        let token = self.api_token.text(&scope)?;
        session.secrets().add(&token);
        parts.merge(header("Authorization", format!("Bearer {token}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{TestSession, authorized};
    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn the_token_is_sent_and_masked() {
        let authenticator: BearerAuthenticator =
            from_yaml("api_token: \"{{ config['credentials']['token'] }}\"");
        let config = json!({"credentials": {"token": "very-secret"}});
        let session = TestSession::new(config, Vec::new());
        let parts = authorized(&authenticator, &session).unwrap();
        assert_eq!(parts.headers["Authorization"], "Bearer very-secret");
        assert_eq!(session.secrets().mask("it is very-secret"), "it is ***");
    }

    #[test]
    fn a_header_of_the_requester_collides() {
        let authenticator: BearerAuthenticator = from_yaml("api_token: abc");
        let mut parts = header("Authorization", "mine".to_owned());
        let session = TestSession::new(json!({}), Vec::new());
        let error = authenticator.authorize(&mut parts, &session).unwrap_err();
        assert_eq!(error.message, "the header `Authorization` is set twice");
    }
}

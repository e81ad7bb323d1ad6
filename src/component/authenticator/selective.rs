//! `SelectiveAuthenticator`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Authenticate, Authenticator, Session};
use crate::component::ComponentError;
use crate::component::requester::RequestParts;
use crate::http::{Request, Response};
use crate::template::{Config, Literal};

/// Chooses one of several authenticators by a value of the config.
///
/// As airbyte-cdk 7.39.1, `selective_authenticator.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SelectiveAuthenticator {
    /// Path of the value in the config, such as `[credentials, auth_type]`.
    authenticator_selection_path: Vec<String>,
    /// The authenticators by the value that chooses them.
    authenticators: BTreeMap<String, Authenticator>,
}

/// The value at `path` in the config; lists are indexed by number.
pub(super) fn at_path<'a>(config: &'a Config, path: &[String]) -> Option<&'a Value> {
    path.iter()
        .try_fold(config.json().as_ref(), |value, key| match value {
            Value::Array(items) => items.get(key.parse::<usize>().ok()?),
            value => value.get(key),
        })
}

impl SelectiveAuthenticator {
    fn chosen(&self, config: &Config) -> Result<&Authenticator, ComponentError> {
        let path = || self.authenticator_selection_path.join(".");
        let value = at_path(config, &self.authenticator_selection_path).ok_or_else(|| {
            ComponentError::config(format!(
                "the config has no `{}`, which selects the authenticator",
                path()
            ))
        })?;
        let name = Literal::from_json(value).to_python_str();
        self.authenticators.get(&name).ok_or_else(|| {
            let known: Vec<_> = self
                .authenticators
                .keys()
                .map(|key| format!("`{key}`"))
                .collect();
            ComponentError::config(format!(
                "`{}` of the config is `{name}`: expected one of {}",
                path(),
                known.join(", ")
            ))
        })
    }
}

impl Authenticate for SelectiveAuthenticator {
    fn check(&self, config: &Config) -> Result<(), ComponentError> {
        self.chosen(config)?.get().check(config)
    }

    fn authorize(
        &self,
        parts: &mut RequestParts,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let chosen = self.chosen(session.config())?;
        chosen.get().authorize(parts, session)
    }

    fn authorize_below(
        &self,
        base: &str,
        parts: &mut RequestParts,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let chosen = self.chosen(session.config())?;
        chosen.get().authorize_below(base, parts, session)
    }

    fn sign(&self, request: &mut Request, session: &dyn Session) -> Result<(), ComponentError> {
        self.chosen(session.config())?.get().sign(request, session)
    }

    fn answered(
        &self,
        request: &Request,
        response: &Response,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let chosen = self.chosen(session.config())?;
        chosen.get().answered(request, response, session)
    }

    fn has_another(&self, request: &Request, session: &dyn Session) -> bool {
        let chosen = self.chosen(session.config());
        chosen.is_ok_and(|it| it.get().has_another(request, session))
    }

    fn refused(&self, request: &Request, session: &dyn Session) -> Result<bool, ComponentError> {
        self.chosen(session.config())?
            .get()
            .refused(request, session)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{TestSession, authorized};
    use super::*;
    use crate::component::testing::from_yaml;

    fn header(config: Value) -> Result<Value, String> {
        let authenticator: SelectiveAuthenticator = from_yaml(
            "
            authenticator_selection_path: [credentials, type]
            authenticators:
              token: {type: BearerAuthenticator, api_token: abc}
              basic: {type: BasicHttpAuthenticator, username: me}
            ",
        );
        let session = TestSession::new(config, Vec::new());
        let parts = authorized(&authenticator, &session).map_err(|error| error.message)?;
        Ok(parts.headers["Authorization"].clone())
    }

    #[test]
    fn an_unknown_choice_is_told_before_any_request() {
        let authenticator: SelectiveAuthenticator = from_yaml(
            "{authenticator_selection_path: [kind], authenticators: {none: {type: NoAuth}}}",
        );
        let check = |config| authenticator.check(TestSession::new(config, Vec::new()).config());
        assert!(check(json!({"kind": "none"})).is_ok());
        assert!(check(json!({"kind": "other"})).is_err());
    }

    #[test]
    fn the_config_chooses() {
        let config = |name: &str| json!({"credentials": {"type": name}});
        assert_eq!(header(config("token")), Ok(json!("Bearer abc")));
        assert_eq!(header(config("basic")), Ok(json!("Basic bWU6")));
        assert_eq!(
            header(config("other")),
            Err(
                "`credentials.type` of the config is `other`: expected one of `basic`, `token`"
                    .to_owned()
            )
        );
        assert_eq!(
            header(json!({})),
            Err("the config has no `credentials.type`, which selects the authenticator".to_owned())
        );
    }
}

//! `ApiKeyAuthenticator`.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::{Authenticate, Session};
use crate::component::ComponentError;
use crate::component::requester::{InjectInto, RequestOption, RequestParts};
use crate::template::{Template, scope};

/// Sends a key with each request, in a header, a parameter or a body field.
///
/// As airbyte-cdk 7.39.1, `token.py`.
#[derive(Debug, JsonSchema)]
#[schemars(transparent)]
pub struct ApiKeyAuthenticator(ApiKey);

/// Sends a key with each request, in a header, a parameter or a body field.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ApiKeyAuthenticator")]
struct ApiKey {
    /// The key, such as `{{ config['api_key'] }}`.
    api_token: Option<Template<scope::ConfigOnly>>,
    /// Name of a header for the key. Deprecated: use `inject_into`.
    header: Option<Template<scope::ConfigOnly>>,
    /// Where the key goes.
    inject_into: Option<RequestOption>,
}

impl<'de> Deserialize<'de> for ApiKeyAuthenticator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut key = ApiKey::deserialize(deserializer)?;
        match (&key.inject_into, key.header.take()) {
            (None, None) => Err(serde::de::Error::custom(
                "expected `inject_into`, which says where the key goes",
            )),
            (Some(_), Some(_)) => Err(serde::de::Error::custom(
                "expected either `inject_into` or the deprecated `header`, found both",
            )),
            (Some(_), None) => Ok(Self(key)),
            (None, Some(header)) => {
                key.inject_into = Some(RequestOption::header(header));
                Ok(Self(key))
            }
        }
    }
}

impl Authenticate for ApiKeyAuthenticator {
    fn authorize(
        &self,
        parts: &mut RequestParts,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let config = session.config();
        let Some(option) = &self.0.inject_into else {
            return Ok(());
        };
        let key = match &self.0.api_token {
            Some(token) => token.text(&scope::ConfigOnly::new(config.clone()))?,
            None => String::new(),
        };
        send_key(option, key, parts, session)
    }
}

/// Puts a key where `option` says, and masks it in all that is said from then on.
pub(super) fn send_key(
    option: &RequestOption,
    key: String,
    parts: &mut RequestParts,
    session: &dyn Session,
) -> Result<(), ComponentError> {
    let config = session.config();
    session.secrets().add(&key);
    let name = option.name(config)?;
    match option.inject_into() {
        InjectInto::Header if name.is_empty() => return Ok(()),
        InjectInto::Header => session.secrets().add_header(&name),
        InjectInto::RequestParameter | InjectInto::BodyData => {
            session.secrets().add_param(&name);
        }
        InjectInto::BodyJson => {}
    }
    let mut share = RequestParts::default();
    option.inject(&mut share, key.into(), config)?;
    parts.merge(share)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{TestSession, authorized};
    use super::*;
    use crate::component::requester::BodyData;
    use crate::component::testing::{from_yaml, mistakes};

    fn parts(rest: &str) -> RequestParts {
        let yaml = format!("api_token: \"{{{{ config['key'] }}}}\"\n{rest}");
        let authenticator: ApiKeyAuthenticator = from_yaml(&yaml);
        let session = TestSession::new(json!({"key": "a-long-key"}), Vec::new());
        let parts = authorized(&authenticator, &session).unwrap();
        assert!(session.secrets().are_in("this is a-long-key"));
        parts
    }

    fn option(inject_into: &str) -> String {
        format!(
            "inject_into: {{type: RequestOption, inject_into: {inject_into}, field_name: X-Key}}"
        )
    }

    #[test]
    fn the_key_goes_where_it_is_told() {
        let expected = json!({"X-Key": "a-long-key"});
        assert_eq!(Value::Object(parts("header: X-Key").headers), expected);
        assert_eq!(Value::Object(parts(&option("header")).headers), expected);
        assert_eq!(
            Value::Object(parts(&option("request_parameter")).params),
            expected
        );
        assert_eq!(
            Value::Object(parts(&option("body_json")).body_json),
            expected
        );
        match parts(&option("body_data")).body_data {
            Some(BodyData::Form(form)) => assert_eq!(Value::Object(form), expected),
            other => panic!("no form: {other:?}"),
        }
    }

    #[test]
    fn one_place_is_declared() {
        let errors = mistakes::<ApiKeyAuthenticator>("api_token: abc").join("\n");
        assert!(errors.contains("expected `inject_into`"), "{errors}");
        let both = format!("header: A\n{}", option("header"));
        let errors = mistakes::<ApiKeyAuthenticator>(&both).join("\n");
        assert!(errors.contains("found both"), "{errors}");
    }
}

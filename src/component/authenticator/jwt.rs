//! `JwtAuthenticator`.

use std::sync::PoisonError;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::signing::JwtAlgorithm;
use super::{Authenticate, Session, Token, header};
use crate::component::ComponentError;
use crate::component::requester::{InjectInto, RequestOption, RequestParts, compact_json};
use crate::template::{Config, JsonTemplate, Literal, Template, scope};

type Text = Template<scope::ConfigOnly>;

/// Sends a JSON Web Token that it signs with a key of the config, with each request.
///
/// As airbyte-cdk 7.39.1, `jwt.py`; RFC 7519. `Differs:` a key, a `kid` or an `iss` that looks like
/// a number is a text all the same, where the reference fails. Of the keys for `EdDSA`, those of
/// Ed448 are refused.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct JwtAuthenticator {
    /// The key: a shared secret for HS256, HS384 and HS512, else a private key in the form of PEM.
    secret_key: Text,
    /// How the token is signed.
    algorithm: JwtAlgorithm,
    /// Encodes `secret_key` in Base64 before it is used. Default: false.
    #[serde(default)]
    base64_encode_secret_key: Option<bool>,
    /// Seconds for which the token is valid. Default: 1200.
    #[serde(default = "token_duration")]
    token_duration: Option<i64>,
    /// What stands before the token, such as `Bearer`. Default: nothing.
    header_prefix: Option<Text>,
    /// Usual fields of the token's header.
    jwt_headers: Option<JwtHeaders>,
    /// Further fields of the token's header.
    additional_jwt_headers: Option<JsonTemplate<scope::ConfigOnly>>,
    /// Usual claims of the token. `iat`, `exp` and `nbf` are always there.
    jwt_payload: Option<JwtPayload>,
    /// Further claims of the token.
    additional_jwt_payload: Option<JsonTemplate<scope::ConfigOnly>>,
    /// Opens a private key that is encrypted.
    passphrase: Option<Text>,
    /// Where the token goes. Default: the header `Authorization`.
    request_option: Option<RequestOption>,
}

/// Usual fields of a token's header.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct JwtHeaders {
    /// Name of the key, for the API.
    kid: Option<Text>,
    /// Type of the token. Default: `JWT`.
    typ: Option<Text>,
    /// Type of the content.
    cty: Option<Text>,
}

/// Usual claims of a token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct JwtPayload {
    /// Who issues the token.
    iss: Option<Text>,
    /// Whom the token is about.
    sub: Option<Text>,
    /// Whom the token is for.
    aud: Option<Text>,
}

#[expect(clippy::unnecessary_wraps, reason = "null is another value than none")]
fn token_duration() -> Option<i64> {
    Some(1200)
}

fn written(template: &Option<Text>) -> Option<&Text> {
    template.as_ref().filter(|text| !text.source().is_empty())
}

/// The text of an optional template; empty where it comes out as nothing.
fn text_or_nothing(
    template: Option<&Text>,
    scope: &scope::ConfigOnly,
) -> Result<String, ComponentError> {
    match template.map(|template| template.eval(scope)).transpose()? {
        None | Some(Literal::None) => Ok(String::new()),
        Some(value) => Ok(value.to_python_str()),
    }
}

/// The fields of a mapping, unless one of them is set by itself.
fn further(
    template: Option<&JsonTemplate<scope::ConfigOnly>>,
    reserved: &[&str],
    field: &str,
    scope: &scope::ConfigOnly,
) -> Result<Map<String, Value>, ComponentError> {
    let Some(template) = template else {
        return Ok(Map::new());
    };
    let fields = template.eval_flat(scope, &[])?;
    if let Some((name, _)) = fields.iter().find(|(name, _)| reserved.contains(&&**name)) {
        return Err(ComponentError::system(format!(
            "`{name}` is set by itself, and must not stand in `{field}`"
        )));
    }
    let fields = fields.into_iter();
    Ok(fields
        .map(|(name, value)| (name, value.into_json()))
        .collect())
}

/// The same with all keys in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.into_iter().collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            let pairs = pairs.into_iter();
            Value::Object(pairs.map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        value => value,
    }
}

impl JwtAuthenticator {
    fn headers(&self, scope: &scope::ConfigOnly) -> Result<Value, ComponentError> {
        let reserved = ["kid", "alg", "typ", "cty"];
        let more = self.additional_jwt_headers.as_ref();
        let mut headers = further(more, &reserved, "additional_jwt_headers", scope)?;
        headers.insert("typ".to_owned(), "JWT".into());
        if let Some(own) = &self.jwt_headers {
            for (name, text) in [("kid", &own.kid), ("typ", &own.typ), ("cty", &own.cty)] {
                if let Some(text) = written(text) {
                    headers.insert(name.to_owned(), text.text(scope)?.into());
                }
            }
        }
        headers.retain(|name, value| name != "typ" || *value != json!(""));
        headers.insert("alg".to_owned(), self.algorithm.as_str().into());
        Ok(sorted(Value::Object(headers)))
    }

    fn payload(&self, scope: &scope::ConfigOnly, now: i64) -> Result<Value, ComponentError> {
        let reserved = ["iss", "sub", "aud", "iat", "exp", "nbf"];
        let more = self.additional_jwt_payload.as_ref();
        let mut payload = further(more, &reserved, "additional_jwt_payload", scope)?;
        if let Some(own) = &self.jwt_payload {
            if let Some(iss) = written(&own.iss) {
                payload.insert("iss".to_owned(), iss.text(scope)?.into());
            }
            for (name, text) in [("sub", &own.sub), ("aud", &own.aud)] {
                if let Some(text) = written(text) {
                    payload.insert(name.to_owned(), text.json(scope)?);
                }
            }
        }
        let expiry = now.saturating_add(self.token_duration.unwrap_or(0));
        for (name, at) in [("iat", now), ("exp", expiry), ("nbf", now)] {
            payload.insert(name.to_owned(), at.into());
        }
        Ok(Value::Object(payload))
    }

    /// The token, and what stands before it.
    pub(super) fn token(&self, session: &dyn Session) -> Result<String, ComponentError> {
        let config = session.config();
        let scope = scope::ConfigOnly::new(config.clone());
        let now = config.clock().now().div_euclid(1_000_000);
        let (headers, payload) = (self.headers(&scope)?, self.payload(&scope, now)?);
        let mut key = self.secret_key.text(&scope)?;
        let passphrase = text_or_nothing(self.passphrase.as_ref(), &scope)?;
        session.secrets().add(&key);
        session.secrets().add(&passphrase);
        if self.base64_encode_secret_key == Some(true) && passphrase.is_empty() {
            key = STANDARD.encode(key);
            session.secrets().add(&key);
        }
        let encode = |json: &Value| URL_SAFE_NO_PAD.encode(compact_json(json));
        let claims = format!("{}.{}", encode(&headers), encode(&payload));
        let prefix = text_or_nothing(self.header_prefix.as_ref(), &scope)?;
        // One signature a second: private keys are slow.
        let slot = session
            .tokens()
            .slot(&format!("jwt {headers}\n{key}\n{passphrase}"));
        let mut last = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let signed = match &last.value {
            Some(token) if token.starts_with(&format!("{claims}.")) => token.clone(),
            _ => {
                let signature = self.algorithm.sign(claims.as_bytes(), &key, &passphrase);
                let signature = signature.map_err(|why| self.cannot_sign(&why))?;
                format!("{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
            }
        };
        *last = Token {
            value: Some(signed.clone()),
            ..Token::default()
        };
        Ok(if prefix.is_empty() {
            signed
        } else {
            format!("{prefix} {signed}")
        })
    }

    /// All that tokens depend on but the time.
    pub(super) fn identity(&self, config: &Config) -> Result<String, ComponentError> {
        let scope = scope::ConfigOnly::new(config.clone());
        let key = self.secret_key.text(&scope)?;
        let (headers, payload) = (self.headers(&scope)?, self.payload(&scope, 0)?);
        Ok(format!("{key}\n{headers}\n{payload}"))
    }

    fn cannot_sign(&self, why: &str) -> ComponentError {
        ComponentError::system(format!(
            "cannot sign a token by {}: {why}",
            self.algorithm.as_str()
        ))
        .or_at(self.secret_key.at())
    }
}

impl Authenticate for JwtAuthenticator {
    fn authorize(
        &self,
        parts: &mut RequestParts,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let token = self.token(session)?;
        let Some(option) = &self.request_option else {
            return parts.merge(header("Authorization", token));
        };
        let config = session.config();
        // Tokens change each second: they are masked by the name of their field where it has one.
        let (name, secrets) = (option.name(config)?, session.secrets());
        match option.inject_into() {
            InjectInto::Header => secrets.add_header(&name),
            InjectInto::RequestParameter | InjectInto::BodyData => secrets.add_param(&name),
            InjectInto::BodyJson => {
                secrets.add(&token);
            }
        }
        let mut share = RequestParts::default();
        option.inject(&mut share, token.into(), config)?;
        parts.merge(share)
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::super::testing::{TestSession, authorized};
    use super::*;
    use crate::component::testing::{from_yaml, mistakes};

    fn authenticator(algorithm: &str, rest: &str) -> JwtAuthenticator {
        from_yaml(&format!(
            "
algorithm: {algorithm}
secret_key: \"{{{{ config['key'] }}}}\"
jwt_payload: {{iss: \"{{{{ config['iss'] }}}}\", sub: '7', aud: \"{{{{ ['a', 'b'] }}}}\"}}
{rest}
"
        ))
    }

    fn sent(it: &JwtAuthenticator, key: &str) -> Result<RequestParts, String> {
        let session = TestSession::new(json!({"key": key, "iss": "me"}), Vec::new());
        authorized(it, &session).map_err(|error| error.message)
    }

    fn token(it: &JwtAuthenticator, key: &str) -> String {
        let parts = sent(it, key).unwrap();
        parts.headers["Authorization"].as_str().unwrap().to_owned()
    }

    #[test]
    fn tokens_are_those_of_the_reference() {
        let fields = "
jwt_headers: {kid: k1}
additional_jwt_headers: {x: {b: 1, a: 2}}
additional_jwt_payload: {role: ü}
";
        let rsa = include_str!("../../../tests/support/keys/rsa.pem");
        let ed25519 = include_str!("../../../tests/support/keys/ed25519.pem");
        for (algorithm, key, digest) in [
            (
                "HS256",
                "secret",
                "82faf2ecf76fa820c6a08cc7edac8318ba2f69fdcc5375ef135dab0999e2c6d1",
            ),
            (
                "HS384",
                "secret",
                "be7963f33fdc235036c1c202dee31e77983a502e6c002c1caa235c551d6c1458",
            ),
            (
                "HS512",
                "secret",
                "0ed8976ec0d7ee95d2ebd045936546622d7c1d20a96d379c89fef68b937fe566",
            ),
            (
                "RS256",
                rsa,
                "e8bfb3573b78b360849ce4044179378aa2e78dd54528a4af03a881ae9b84da83",
            ),
            (
                "RS384",
                rsa,
                "10416d5e0fbb177a3bee3c367f93cc9dc4efabf6c9025b49e52fa30e1f86b357",
            ),
            (
                "RS512",
                rsa,
                "46b3c2d3bce049e6c5e7c746ca2e86b44b72d47a70951b0430abe2052a35446e",
            ),
            (
                "EdDSA",
                ed25519,
                "3ee7c87569c0b9d4966dc87cfe837c948d34c2f9f7b97038dab863ba40549715",
            ),
        ] {
            let token = token(&authenticator(algorithm, fields), key);
            let found: String = Sha256::digest(token.as_bytes())
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(found, digest, "{algorithm}: {token}");
        }
    }

    #[test]
    fn the_token_goes_where_it_is_told_behind_its_prefix() {
        let bearer = token(&authenticator("HS256", "header_prefix: Token"), "secret");
        assert!(bearer.starts_with("Token eyJ"), "{bearer}");
        let nothing = "header_prefix: \"{{ config.get('gone') }}\"";
        assert!(token(&authenticator("HS256", nothing), "secret").starts_with("eyJ"));
        let query = "request_option: {type: RequestOption, inject_into: request_parameter, field_name: jwt}";
        let parts = sent(&authenticator("HS256", query), "secret").unwrap();
        assert!(parts.params["jwt"].as_str().unwrap().starts_with("eyJ"));
        assert!(parts.headers.is_empty());
    }

    #[test]
    fn durations_and_types_are_the_manifest_s() {
        let claims = |rest: &str, part: usize| -> Value {
            let token = token(&authenticator("HS256", rest), "secret");
            let part = token.split('.').nth(part).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        let lifetime = |rest: &str| {
            let claims = claims(rest, 1);
            claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
        };
        assert_eq!(lifetime(""), 1200);
        assert_eq!(lifetime("token_duration: 60"), 60);
        assert_eq!(lifetime("token_duration: null"), 0);
        assert_eq!(claims("", 0), json!({"alg": "HS256", "typ": "JWT"}));
        let headers = claims("jwt_headers: {typ: \"{{ '' }}\", cty: JSON}", 0);
        assert_eq!(headers, json!({"alg": "HS256", "cty": "JSON"}));
    }

    #[test]
    fn a_secret_may_be_encoded_first() {
        let encoded = authenticator("HS256", "base64_encode_secret_key: true");
        let plain = authenticator("HS256", "");
        assert_eq!(token(&encoded, "secret"), token(&plain, "c2VjcmV0"));
    }

    #[test]
    fn mistakes_are_told() {
        let error = |algorithm: &str, rest: &str, key: &str| {
            sent(&authenticator(algorithm, rest), key).unwrap_err()
        };
        let reserved = error("HS256", "additional_jwt_payload: {exp: 5}", "secret");
        assert!(reserved.contains("`exp` is set by itself"), "{reserved}");
        let pem = include_str!("../../../tests/support/keys/p256.pem");
        let ed448 = include_str!("../../../tests/support/keys/ed448.pem");
        for (algorithm, rest, key, complaint) in [
            ("HS256", "", "", "`secret_key` is empty"),
            ("HS256", "", pem, "found a key of another algorithm"),
            ("RS256", "", "secret", "in the form of PEM"),
            ("RS256", "", pem, "expected a private RSA key"),
            ("ES384", "", pem, "of the curve P-384"),
            ("EdDSA", "", pem, "of Ed25519"),
            ("EdDSA", "", ed448, "of Ed448, which this program cannot"),
            ("ES256", "passphrase: x", pem, "needs none"),
        ] {
            let error = error(algorithm, rest, key);
            assert!(error.contains(complaint), "{algorithm}: {error}");
        }
        let errors = mistakes::<JwtAuthenticator>("{algorithm: none, secret_key: x}").join("\n");
        assert!(errors.contains("HS256"), "{errors}");
    }
}

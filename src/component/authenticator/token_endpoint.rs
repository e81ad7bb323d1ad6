//! Talking to a token endpoint: what is sent, how often, and what a refusal means.

use serde_json::Value;

use super::Session;
use super::oauth::OAuthAuthenticator;
use super::oauth_answer::{complaint, json};
use super::refresh::Refresh;
use crate::component::ComponentError;
use crate::component::backoff::default_wait;
use crate::component::requester::send_form;
use crate::http::{Headers, Request, Response, url};
use crate::template::Literal;

/// Seconds after which a token endpoint that does not answer is given up.
const PATIENCE: f64 = 300.0;

impl Refresh {
    /// What the endpoint answers; an answer that refuses is an error that says who has to act.
    pub(super) fn ask(
        &self,
        oauth: &OAuthAuthenticator,
        was_refused: bool,
        session: &dyn Session,
    ) -> Result<Value, ComponentError> {
        let request = self.filled()?;
        let response = self.send(&request, session)?;
        let answer = json(&response);
        if response.status < 400 {
            return answer.ok_or_else(|| {
                ComponentError::system("the answer of the token endpoint is not JSON")
            });
        }
        let answer = answer.unwrap_or_default();
        let words = complaint(&answer)
            .map(|words| format!(": {words}"))
            .unwrap_or_default();
        let words = session.secrets().mask(&words);
        if oauth.is_refresh_token_error(response.status, &answer) {
            return Err(ComponentError::config(format!(
                "the refresh token is not valid, expired, or used before; authenticate again{words}"
            )));
        }
        let message = format!(
            "the token endpoint answers with status {}{words}",
            response.status
        );
        // When the API refused a token that should hold, the credentials are at fault.
        Err(if was_refused {
            ComponentError::config(message)
        } else {
            ComponentError::system(message)
        })
    }

    fn filled(&self) -> Result<Request, ComponentError> {
        let mut request = Request {
            method: "POST".to_owned(),
            url: String::new(),
            headers: Headers::default(),
            body: Vec::new(),
            timeouts: Default::default(),
        };
        for (name, value) in &self.headers {
            let value = Literal::from_json(value).to_python_str();
            request.headers.set(name, value);
        }
        let params = url::flatten(&self.query);
        request.url = url::prepare(&self.endpoint, params).map_err(|error| {
            ComponentError::config(format!("cannot ask `token_refresh_endpoint`: {error}"))
        })?;
        if !self.form.is_empty() {
            send_form(&self.form, &mut request.headers, &mut request.body);
        }
        Ok(request)
    }

    /// Sends the request until something answers that is not overloaded or broken.
    fn send(&self, request: &Request, session: &dyn Session) -> Result<Response, ComponentError> {
        let clock = session.config().clock();
        let start = clock.now();
        let mut waited = 0.0;
        let mut tries = 0;
        loop {
            let outcome = session.send(request);
            tries += 1;
            let complaint = match outcome {
                Ok(response) if response.status != 429 && response.status < 500 => {
                    return Ok(response);
                }
                Ok(response) => format!("answers with status {}", response.status),
                Err(error) => format!("does not answer: {error}"),
            };
            #[expect(clippy::cast_precision_loss, reason = "minutes are enough")]
            let passed = ((clock.now() - start) as f64 / 1e6).max(waited);
            if passed >= PATIENCE {
                // `Differs:` the reference calls a broken endpoint a system error.
                return Err(ComponentError::transient(session.secrets().mask(&format!(
                    "the token endpoint {complaint}, {tries} times in {passed:.0} seconds"
                ))));
            }
            let wait = default_wait(tries).min(PATIENCE - passed);
            waited += wait;
            clock.pause(std::time::Duration::from_secs_f64(wait));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{OAUTH, TestSession, bearer as token, credentials as config};
    use super::*;
    use crate::component::testing::from_yaml;
    use crate::message::FailureType;

    #[test]
    fn an_endpoint_in_trouble_is_asked_again() {
        let oauth: OAuthAuthenticator = from_yaml(OAUTH);
        let answers = vec![
            (500, json!({})),
            (0, json!({})),
            (429, json!({})),
            (200, json!({"access_token": "T"})),
        ];
        let session = TestSession::new(config(), answers);
        assert_eq!(token(&oauth, &session).unwrap(), "Bearer T");
        assert_eq!(session.config().clock().waited().as_secs(), 1 + 2 + 4);
        let session = TestSession::new(config(), vec![(503, json!({})); 20]);
        let error = token(&oauth, &session).unwrap_err();
        assert_eq!(error.failure_type, FailureType::TransientError);
        assert_eq!(session.config().clock().waited().as_secs(), 300);
    }

    #[test]
    fn a_failure_says_who_has_to_act() {
        let oauth: OAuthAuthenticator = from_yaml(OAUTH);
        let failure = |status, answer| {
            let session = TestSession::new(config(), vec![(status, answer)]);
            token(&oauth, &session).unwrap_err()
        };
        let error = failure(400, json!({"error": "invalid_grant"}));
        assert_eq!(error.failure_type, FailureType::ConfigError);
        assert!(
            error.message.ends_with("authenticate again: invalid_grant"),
            "{error}"
        );
        let error = failure(401, json!({"error": "invalid_client"}));
        assert_eq!(error.failure_type, FailureType::SystemError);
        let error = failure(200, json!({"token": "x"}));
        assert_eq!(
            error.message,
            "the answer of the token endpoint has no `access_token`"
        );
        let error = failure(200, json!({"access_token": "x", "expires_in": "soon"}));
        assert!(
            error.message.contains("expected a number of seconds"),
            "{error}"
        );
    }
}

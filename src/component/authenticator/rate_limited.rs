//! `RateLimitedMultipleTokenAuthenticator`.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::rotation::{Reserve, Rotation, State, Turn};
use super::token_quota::{QuotaStatusSource, TokenQuota};
use super::{Authenticate, Session};
use crate::component::requester::RequestParts;
use crate::component::{ComponentError, OneOrMany};
use crate::http::{Request, Response};
use crate::template::{Config, Literal, Template, datetime, scope};

/// Seconds that a wait for a quota takes at least: its reset may be told late.
const SHORTEST_WAIT: f64 = 5.0;

type Text = Template<scope::ConfigOnly>;

/// Sends one of several tokens with each request, and takes the next when its quota is spent.
///
/// When nothing is left of any token, it waits for the first reset. The last calls of all tokens
/// are spread over the time until then. As airbyte-cdk 7.39.1, `rate_limited_multiple_token.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RateLimitedMultipleTokenAuthenticator {
    /// The tokens: a list, or a text that `token_delimiter` divides.
    tokens: OneOrMany<Text>,
    /// What stands between two tokens. Default: `,`.
    #[serde(default)]
    token_delimiter: Option<String>,
    /// What stands before the token. Default: `Bearer`.
    #[serde(default)]
    auth_method: Option<String>,
    /// Name of the header. Default: `Authorization`.
    #[serde(default)]
    header: Option<String>,
    /// Where the API tells what is left.
    quota_status_source: QuotaStatusSource,
    /// The quotas that each token has, one at least.
    quotas: Vec<TokenQuota>,
    /// How long to wait for a reset before the stream fails: an ISO 8601 duration of a fixed length.
    /// Default: `PT2H`.
    #[serde(default)]
    max_wait_time: Option<Text>,
    /// The share of a quota that is spent slowly, once all tokens are there. Default: 0.1.
    #[serde(default)]
    budget_reserve_fraction: Option<f64>,
    /// Calls of a quota that are spent slowly at least. Default: 50.
    #[serde(default)]
    budget_min_reserve: Option<i64>,
}

/// What the config makes of the authenticator.
struct Setting {
    tokens: Vec<String>,
    method: String,
    header: String,
    longest_wait: f64,
    rotation: Arc<Rotation>,
}

impl Setting {
    /// The header's value.
    fn value(&self, token: usize) -> String {
        let token = self.tokens.get(token).map_or("", String::as_str);
        format!("{} {token}", self.method).trim().to_owned()
    }

    /// Whose token is in a request.
    fn sender(&self, request: &Request) -> Option<usize> {
        let sent = request.headers.get(&self.header)?;
        (0..self.tokens.len()).find(|token| self.value(*token) == sent)
    }
}

impl RateLimitedMultipleTokenAuthenticator {
    fn tokens(&self, config: &Config) -> Result<Vec<String>, ComponentError> {
        let scope = scope::ConfigOnly::new(config.clone());
        let clean = |token: &str| Some(token.trim().to_owned()).filter(|it| !it.is_empty());
        let mut tokens = Vec::new();
        match &self.tokens {
            OneOrMany::Many(many) => {
                for token in many {
                    tokens.extend(clean(&token.text(&scope)?));
                }
            }
            OneOrMany::One(text) => {
                let delimiter = self.token_delimiter.as_deref().filter(|it| !it.is_empty());
                match text.eval(&scope)? {
                    Literal::List(items) => {
                        tokens.extend(items.iter().filter_map(|it| clean(&it.to_python_str())));
                    }
                    value => {
                        let value = value.to_python_str();
                        tokens.extend(value.split(delimiter.unwrap_or(",")).filter_map(clean));
                    }
                }
            }
        }
        if tokens.is_empty() {
            let text = self.tokens.as_slice().first();
            let error = ComponentError::config("the config has no token");
            return Err(error.or_at(text.and_then(Template::at)));
        }
        Ok(tokens)
    }

    fn longest_wait(&self, config: &Config) -> Result<f64, ComponentError> {
        let template = self.max_wait_time.as_ref();
        let text = super::oauth::text_or(template, "PT2H", config)?;
        let duration = datetime::Duration::parse(&text).ok();
        let fixed = duration
            .filter(datetime::Duration::is_fixed)
            .ok_or_else(|| {
                let message = format!("expected a duration of a fixed length, found `{text}`");
                ComponentError::config(message).or_at(template.and_then(Template::at))
            })?;
        #[expect(clippy::cast_precision_loss, reason = "microseconds fit for centuries")]
        let seconds = fixed.rest.0 as f64 / 1e6;
        Ok(seconds)
    }

    fn setting(&self, session: &dyn Session) -> Result<Setting, ComponentError> {
        let config = session.config();
        if self.quotas.is_empty() {
            return Err(ComponentError::config("expected one quota at least"));
        }
        let tokens = self.tokens(config)?;
        let usual = |text: &Option<String>, usual: &str| {
            text.as_deref()
                .filter(|it| !it.is_empty())
                .unwrap_or(usual)
                .to_owned()
        };
        let (method, header) = (
            usual(&self.auth_method, "Bearer"),
            usual(&self.header, "Authorization"),
        );
        let longest_wait = self.longest_wait(config)?;
        let quotas: Vec<_> = self.quotas.iter().map(TokenQuota::identity).collect();
        let reserve = (self.budget_reserve_fraction, self.budget_min_reserve);
        let source = self.quota_status_source.identity(config)?;
        let key =
            format!("{tokens:?} {method} {header} {longest_wait} {quotas:?} {reserve:?} {source}");
        Ok(Setting {
            rotation: session.tokens().rotation(&key),
            tokens,
            method,
            header,
            longest_wait,
        })
    }

    /// Takes a call of a pool, once the quotas are known: `is_stale` tells when they are not. One
    /// thread asks for them, and takes the first call before the others go on.
    fn take(
        &self,
        pool: usize,
        setting: &Setting,
        session: &dyn Session,
        is_stale: impl Fn(&State) -> bool,
    ) -> Result<Turn, ComponentError> {
        let rotation = &setting.rotation;
        let _alone = rotation
            .asking
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let state = || {
            rotation
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let must_ask = is_stale(&state());
        if must_ask {
            let mut quotas = Vec::with_capacity(setting.tokens.len());
            for token in 0..setting.tokens.len() {
                let authorization = (setting.header.as_str(), &*setting.value(token));
                let source = &self.quota_status_source;
                quotas.push(source.ask(&self.quotas, authorization, session)?);
            }
            state().quotas = quotas;
        }
        let now = session.config().clock().now();
        let turn = state().take(pool, now, self.reserve());
        Ok(turn)
    }

    fn reserve(&self) -> Reserve {
        Reserve {
            fraction: self.budget_reserve_fraction.unwrap_or(0.1),
            least: self.budget_min_reserve.unwrap_or(50),
        }
    }

    /// Takes a call of the quota that counts a request; gives the token that it is taken of.
    fn acquire(
        &self,
        pool: usize,
        setting: &Setting,
        session: &dyn Session,
    ) -> Result<usize, ComponentError> {
        // Waits may be scaled to nothing: what was waited for counts as passed.
        let mut waited = 0.0;
        let mut turn = self.take(pool, setting, session, |state| state.quotas.is_empty())?;
        loop {
            match turn {
                Turn::Send(token, delay) => {
                    pause(delay, session)?;
                    return Ok(token);
                }
                Turn::Exhausted(reset) => {
                    let left = setting.longest_wait - waited;
                    if left <= 0.0 || reset >= left {
                        let name = self.quotas.get(pool).map_or("", |it| it.name.as_str());
                        return Err(ComponentError::transient(format!(
                            "nothing is left of any token's quota `{name}`, and it is reset in {reset:.0} seconds only"
                        )));
                    }
                    let wait = reset.max(SHORTEST_WAIT).min(left);
                    pause(wait, session)?;
                    waited += wait;
                    turn = self.take(pool, setting, session, |state| state.is_spent(pool))?;
                }
            }
        }
    }
}

fn pause(seconds: f64, session: &dyn Session) -> Result<(), ComponentError> {
    if seconds <= 0.0 {
        return Ok(());
    }
    let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    let paused = session.pause(wait);
    paused.map_err(|stopped| ComponentError::system(stopped.to_string()))
}

impl Authenticate for RateLimitedMultipleTokenAuthenticator {
    fn authorize(&self, _: &mut RequestParts, _: &dyn Session) -> Result<(), ComponentError> {
        Ok(())
    }

    fn sign(&self, request: &mut Request, session: &dyn Session) -> Result<(), ComponentError> {
        let setting = self.setting(session)?;
        session.secrets().add_header(&setting.header);
        for token in &setting.tokens {
            session.secrets().add(token);
        }
        let pool = TokenQuota::of(&self.quotas, request);
        let token = self.acquire(pool, &setting, session)?;
        request.headers.set(&setting.header, setting.value(token));
        Ok(())
    }

    fn answered(
        &self,
        request: &Request,
        response: &Response,
        session: &dyn Session,
    ) -> Result<(), ComponentError> {
        let pool = TokenQuota::of(&self.quotas, request);
        let news = self.quotas.get(pool).and_then(|quota| quota.news(response));
        let Some(news) = news else {
            return Ok(());
        };
        let setting = self.setting(session)?;
        if let Some(token) = setting.sender(request) {
            let state = setting.rotation.state.lock();
            state
                .unwrap_or_else(PoisonError::into_inner)
                .update(token, pool, news);
        }
        Ok(())
    }

    fn has_another(&self, request: &Request, session: &dyn Session) -> bool {
        let Ok(setting) = self.setting(session) else {
            return false;
        };
        let pool = TokenQuota::of(&self.quotas, request);
        let state = setting.rotation.state.lock();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        setting
            .sender(request)
            .is_some_and(|token| state.has_another(token, pool))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::TestSession;
    use super::*;
    use crate::component::backoff::testing::response;
    use crate::component::testing::from_yaml;
    use crate::http::Headers;
    use crate::message::FailureType;

    const YAML: &str = "
tokens: \"{{ config['tokens'] }}\"
max_wait_time: PT2M
budget_min_reserve: 0
quota_status_source: {type: QuotaStatusSource, url: 'https://a.example/limits', unavailable_status_codes: [404]}
quotas:
  - {type: TokenQuota, name: search, matchers: [{url_path_pattern: /search}], remaining_path: [s, left], reset_path: [s, reset]}
  - {type: TokenQuota, name: core, remaining_path: [c, left], reset_path: [c, reset], limit_path: [c, all], remaining_header: X-Left, exhaustion_status_codes: [429]}
";

    /// What the status endpoint answers: calls left, and seconds until the reset.
    fn status(left: i64, reset: i64) -> (u16, Value) {
        let reset = 1_740_787_200 + reset;
        let quota = json!({"left": left, "reset": reset, "all": 100});
        (200, json!({"s": quota, "c": quota}))
    }

    fn request() -> Request {
        Request {
            method: "GET".to_owned(),
            url: "https://a.example/items".to_owned(),
            headers: Headers::default(),
            body: Vec::new(),
            timeouts: Default::default(),
        }
    }

    fn signed(it: &dyn Authenticate, session: &TestSession) -> Result<Request, ComponentError> {
        let mut request = request();
        it.sign(&mut request, session).map(|()| request)
    }

    fn sender(it: &dyn Authenticate, session: &TestSession) -> String {
        let request = signed(it, session).unwrap();
        request.headers.get("Authorization").unwrap().to_owned()
    }

    #[test]
    fn tokens_are_asked_about_once_and_take_over_from_each_other() {
        let (it, same): (RateLimitedMultipleTokenAuthenticator, _) = (
            from_yaml(YAML),
            from_yaml::<RateLimitedMultipleTokenAuthenticator>(YAML),
        );
        let config = json!({"tokens": " A , B,,"});
        let session = TestSession::new(config, vec![status(1, 60), status(90, 60)]);
        assert_eq!(sender(&it, &session), "Bearer A");
        assert_eq!(sender(&it, &session), "Bearer B");
        assert_eq!(sender(&same, &session), "Bearer B");
        let asked = session.sent.lock().unwrap();
        let asked = asked
            .iter()
            .map(|it| it.headers.get("Authorization").unwrap());
        assert_eq!(asked.collect::<Vec<_>>(), ["Bearer A", "Bearer B"]);
    }

    #[test]
    fn where_nothing_is_left_the_reset_is_awaited_or_is_too_far_away() {
        let it: RateLimitedMultipleTokenAuthenticator = from_yaml(YAML);
        let config = || json!({"tokens": ["A"]});
        let session =
            TestSession::new(config(), vec![status(0, 60), status(0, 61), status(90, 99)]);
        assert_eq!(sender(&it, &session), "Bearer A");
        assert_eq!(session.config().clock().waited().as_secs(), 65);
        let session = TestSession::new(config(), vec![status(0, 120)]);
        let error = signed(&it, &session).unwrap_err();
        assert_eq!(error.failure_type, FailureType::TransientError);
        assert!(error.message.contains("quota `core`"), "{error}");
    }

    #[test]
    fn a_refusal_spends_a_token() {
        let it: RateLimitedMultipleTokenAuthenticator = from_yaml(YAML);
        let config = json!({"tokens": "A,B"});
        let session = TestSession::new(config, vec![status(90, 60), status(90, 60)]);
        let sent = signed(&it, &session).unwrap();
        assert!(!it.has_another(&sent, &session));
        let refusal = response(429, ("A", "b"), "");
        it.answered(&sent, &refusal, &session).unwrap();
        assert!(it.has_another(&sent, &session));
        assert_eq!(sender(&it, &session), "Bearer B");
        assert!(session.secrets().is_header("authorization"));
    }

    #[test]
    fn an_api_that_does_not_count_lets_tokens_take_turns() {
        let it: RateLimitedMultipleTokenAuthenticator = from_yaml(YAML);
        let session = TestSession::new(json!({"tokens": "A,B"}), vec![(404, json!({})); 2]);
        let senders = [(); 3].map(|()| sender(&it, &session));
        assert_eq!(senders, ["Bearer A", "Bearer B", "Bearer A"]);
    }

    #[test]
    fn mistakes_are_told() {
        let it: RateLimitedMultipleTokenAuthenticator = from_yaml(YAML);
        let error = |config, answers| {
            let session = TestSession::new(config, answers);
            signed(&it, &session).unwrap_err().message
        };
        assert!(error(json!({"tokens": " , "}), Vec::new()).contains("no token"));
        let told = error(json!({"tokens": "A"}), vec![(200, json!({"s": {}}))]);
        assert!(
            told.contains("at `s.left`, for the quota `search`"),
            "{told}"
        );
        let told = error(json!({"tokens": "A"}), vec![(401, json!({}))]);
        assert!(told.contains("cannot ask for the quota"), "{told}");
    }
}

//! `HttpResponseFilter`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{error_message, response_scope};
use super::default_mapping::of_status;
use super::{Action, Verdict};
use crate::component::ComponentError;
use crate::component::placed::Placed;
use crate::http::Response;
use crate::message::FailureType;
use crate::template::{Condition, Config, Literal, Template, scope};

/// Decides what a response means when its status, its error message or a condition matches.
///
/// One match of the three is enough. A filter without an `action` decides nothing. Requests without
/// a response are not filtered. As airbyte-cdk 7.39.1, `http_response_filter.py`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct HttpResponseFilter(Placed<Filter>);

#[derive(Debug, Deserialize, JsonSchema)]
struct Filter {
    /// What to do with a response that matches.
    action: Option<Action>,
    /// Who has to act when `action` is FAIL. Unset, what the status means, or `system_error`.
    failure_type: Option<Blame>,
    /// Statuses that match, such as `[403, 404]`.
    #[serde(default)]
    http_codes: Vec<u16>,
    /// Text that matches when it is part of the response's error message: the usual fields of a
    /// JSON body (`message`, `error`, `errors`, `detail`, …), or the whole body when it is not JSON.
    #[serde(default)]
    error_message_contains: String,
    /// Condition on the body and the headers that matches, such as
    /// `{{ response['code'] == 'quota' }}`. It cannot read the config.
    predicate: Option<Condition<scope::Response>>,
    /// Words for the user. Unset, those for the status.
    error_message: Option<Template<scope::Response>>,
}

/// Who has to act on a failure.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
enum Blame {
    /// Something that nobody foresaw.
    #[serde(rename = "system_error")]
    System,
    /// The user: the config or the account's rights are wrong.
    #[serde(rename = "config_error")]
    Config,
    /// Nobody: it may work later.
    #[serde(rename = "transient_error")]
    Transient,
}

impl HttpResponseFilter {
    pub(super) fn action(&self) -> Option<Action> {
        self.0.value.action
    }

    /// The decision, when the response matches and there is an `action`.
    pub(super) fn judge(
        &self,
        url: &str,
        response: &Response,
        config: &Config,
    ) -> Result<Option<Verdict>, ComponentError> {
        let filter = &self.0.value;
        let Some(action) = filter.action else {
            return Ok(None);
        };
        if !filter.matches(url, response, config)? {
            return Ok(None);
        }
        let usual = of_status(response.status);
        let failure_type = match filter.failure_type {
            Some(blame) if action == Action::Fail => Some(blame.into()),
            _ => usual
                .as_ref()
                .map_or(Some(FailureType::SystemError), |usual| usual.failure_type),
        };
        let message = match filter.message(url, response, config)? {
            Some(message) => message,
            None => usual.and_then(|usual| usual.message).unwrap_or_default(),
        };
        Ok(Some(Verdict {
            action,
            failure_type,
            message: Some(message),
            at: self.0.at.clone(),
        }))
    }
}

impl Filter {
    fn matches(
        &self,
        url: &str,
        response: &Response,
        config: &Config,
    ) -> Result<bool, ComponentError> {
        if self.http_codes.contains(&response.status) {
            return Ok(true);
        }
        if let Some(predicate) = &self.predicate {
            // The reference evaluates predicates with a config of `None`.
            let nothing = Config::new(Value::Null, config.clock().clone());
            if predicate.eval(&response_scope(url, Some(response), &nothing))? {
                return Ok(true);
            }
        }
        Ok(!self.error_message_contains.is_empty()
            && error_message(response)
                .is_some_and(|message| message.contains(&self.error_message_contains)))
    }

    /// The manifest's own words, unless they come out as nothing.
    fn message(
        &self,
        url: &str,
        response: &Response,
        config: &Config,
    ) -> Result<Option<String>, ComponentError> {
        let Some(template) = &self.error_message else {
            return Ok(None);
        };
        let scope = response_scope(url, Some(response), config);
        Ok(match template.eval(&scope)? {
            Literal::None | Literal::Bool(false) => None,
            value => Some(value.to_python_str()).filter(|text| !text.is_empty()),
        })
    }
}

impl From<Blame> for FailureType {
    fn from(blame: Blame) -> Self {
        match blame {
            Blame::System => Self::SystemError,
            Blame::Config => Self::ConfigError,
            Blame::Transient => Self::TransientError,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::backoff::testing::{config, response};
    use crate::component::testing::from_yaml;

    fn judge(yaml: &str, status: u16, body: &str) -> Option<Verdict> {
        let filter: HttpResponseFilter = from_yaml(yaml);
        let response = response(status, ("X-Kind", "soft"), body);
        let config = config(json!({"name": "me"}));
        filter
            .judge("https://u:p@a.example/b?c=d", &response, &config)
            .unwrap()
    }

    #[test]
    fn any_of_the_three_matches() {
        let yaml = "
            action: IGNORE
            http_codes: [404]
            error_message_contains: quota
            predicate: \"{{ headers['x-kind'] == 'soft' and response.get('code') == 17 }}\"
        ";
        assert!(judge(yaml, 404, "").is_some());
        assert!(judge(yaml, 400, r#"{"error": {"message": "no quota left"}}"#).is_some());
        assert!(judge(yaml, 400, r#"{"code": 17}"#).is_some());
        assert!(judge(yaml, 400, r#"{"code": 18}"#).is_none());
    }

    #[test]
    fn without_an_action_nothing_is_decided() {
        let yaml = "{http_codes: [403], failure_type: config_error, error_message: no}";
        assert!(judge(yaml, 403, "").is_none());
    }

    #[test]
    fn a_failure_is_blamed_as_declared_or_by_the_status() {
        let declared = judge(
            "{http_codes: [500], action: FAIL, failure_type: config_error}",
            500,
            "",
        );
        assert_eq!(
            declared.unwrap().failure_type,
            Some(FailureType::ConfigError)
        );
        let ignored = judge(
            "{http_codes: [500], action: IGNORE, failure_type: config_error}",
            500,
            "",
        );
        assert_eq!(
            ignored.unwrap().failure_type,
            Some(FailureType::TransientError)
        );
        let rare = judge("{http_codes: [409], action: FAIL}", 409, "");
        assert_eq!(rare.unwrap().failure_type, Some(FailureType::SystemError));
    }

    #[test]
    fn words_are_the_manifest_s_and_know_the_bare_url() {
        let yaml = "
            http_codes: [404]
            action: FAIL
            error_message: \"{{ response.m }} for {{ config['name'] }} at {{ request_url }}\"
        ";
        let verdict = judge(yaml, 404, r#"{"m": "gone"}"#).unwrap();
        assert_eq!(
            verdict.message.as_deref(),
            Some("gone for me at https://a.example/b")
        );
        assert!(verdict.at.is_some(), "the filter's place is known");
    }
}

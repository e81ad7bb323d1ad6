//! How a request is sent: its method, and checked time-outs.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// Methods that a manifest can name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
}

impl HttpMethod {
    /// The method as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Reads a number of seconds, which must be more than 0.
pub(super) fn positive<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    let seconds = Option::<f64>::deserialize(deserializer)?;
    if seconds.is_some_and(|seconds| seconds <= 0.0 || !seconds.is_finite()) {
        return Err(serde::de::Error::custom("expected more than 0 seconds"));
    }
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use crate::component::authenticator::testing::TestSession;
    use crate::component::requester::HttpRequester;
    use crate::component::testing::{from_yaml, mistakes};

    #[test]
    fn time_outs_are_more_than_nothing() {
        let yaml = "{url: 'https://a.example', connect_timeout_in_seconds: 1.5}";
        let session = TestSession::new(serde_json::json!({}), Vec::new());
        let requester: HttpRequester = from_yaml(yaml);
        let (slice, parts) = (Default::default(), Default::default());
        let request = requester.request(&slice, None, parts, &session).unwrap();
        let connect = request.timeouts.connect.map(|time| time.as_millis());
        assert_eq!((connect, request.timeouts.read), (Some(1500), None));
        let errors = mistakes::<HttpRequester>(&yaml.replace("1.5", "0")).join("\n");
        assert!(errors.contains("expected more than 0 seconds"), "{errors}");
    }

    #[test]
    fn other_methods_are_refused() {
        let errors = mistakes::<HttpRequester>("{url: x, http_method: PUT}").join("\n");
        assert!(errors.contains("PUT"), "{errors}");
    }
}

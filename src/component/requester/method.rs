//! How a request is sent: its method and its time-outs.

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

/// Time-outs that a manifest sets, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timeouts {
    /// For making a connection.
    pub connect: Option<f64>,
    /// For which the server may send nothing.
    pub read: Option<f64>,
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
    use crate::component::requester::HttpRequester;
    use crate::component::testing::{from_yaml, mistakes};

    #[test]
    fn time_outs_are_more_than_nothing() {
        let yaml = "{url: 'https://a.example', connect_timeout_in_seconds: 1.5}";
        let timeouts = from_yaml::<HttpRequester>(yaml).timeouts();
        assert_eq!((timeouts.connect, timeouts.read), (Some(1.5), None));
        let errors = mistakes::<HttpRequester>(&yaml.replace("1.5", "0")).join("\n");
        assert!(errors.contains("expected more than 0 seconds"), "{errors}");
    }

    #[test]
    fn other_methods_are_refused() {
        let errors = mistakes::<HttpRequester>("{url: x, http_method: PUT}").join("\n");
        assert!(errors.contains("PUT"), "{errors}");
    }
}

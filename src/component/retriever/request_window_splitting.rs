//! `RequestWindowSplitting`.

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::component::ComponentError;
use crate::component::cursor::StreamCursor;
use crate::message::StreamSlice;
use crate::template::datetime::Duration;

/// How often a window is split at most, as airbyte-cdk 7.39.1 has it.
const SPLIT_LIMIT: u32 = 10;

/// Reads a window in two halves when the action is `SPLIT_REQUEST_WINDOW`, and these again.
///
/// Only with a `DatetimeBasedCursor` that has a `cursor_granularity`. Records that the window gave
/// before come again. As airbyte-cdk 7.39.1, `simple_retriever.py`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct RequestWindowSplitting {
    /// Words for the user, added to the error when no window is small enough.
    #[serde(default)]
    failure_message: Option<String>,
    /// A window of this length or less is not split, an ISO 8601 duration such as `PT1H`. Unset: the
    /// `cursor_granularity` of the cursor is the smallest.
    #[serde(default, deserialize_with = "fixed")]
    #[schemars(with = "Option<String>")]
    min_split_window: Option<Duration>,
}

fn fixed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let duration = Duration::parse(&text).map_err(D::Error::custom)?;
    if duration.is_fixed() && duration.rest.0 > 0 {
        Ok(Some(duration))
    } else {
        Err(D::Error::custom(format!(
            "`{text}` has no fixed length above zero"
        )))
    }
}

impl RequestWindowSplitting {
    /// The halves of a window that was split `splits` times before; `rejection` is what the error
    /// handler says.
    ///
    /// # Errors
    /// When it is not to be split further.
    pub fn halves(
        &self,
        cursor: Option<&StreamCursor>,
        window: &StreamSlice,
        splits: u32,
        rejection: Option<&str>,
    ) -> Result<[StreamSlice; 2], ComponentError> {
        if splits >= SPLIT_LIMIT {
            let what = format!("the API rejects the window after {SPLIT_LIMIT} splits");
            return Err(self.failure(&what, rejection));
        }
        let halves = match cursor {
            Some(cursor) => cursor.halves(window, self.min_split_window.as_ref()),
            None => Ok(None),
        };
        let halves = halves.map_err(|error| ComponentError::system(error.to_string()))?;
        halves.ok_or_else(|| {
            self.failure(
                "the API rejects the window, which is the smallest",
                rejection,
            )
        })
    }

    fn failure(&self, what: &str, rejection: Option<&str>) -> ComponentError {
        let said = rejection.filter(|text| !text.is_empty());
        let said = said.map(|text| format!(": {text}")).unwrap_or_default();
        let help = self.failure_message.as_deref().unwrap_or_default().trim();
        let dot = if help.is_empty() { "" } else { ". " };
        ComponentError::transient(format!("{what}{said}{dot}{help}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::{from_yaml, mistakes};
    use crate::message::FailureType;

    #[test]
    fn a_window_that_cannot_be_split_is_a_failure_in_the_manifests_words() {
        let splitting: RequestWindowSplitting = from_yaml("failure_message: ' Ask for less. '");
        let window = StreamSlice::default();
        let error = splitting.halves(None, &window, 0, Some("too long"));
        let error = error.unwrap_err();
        assert_eq!(error.failure_type, FailureType::TransientError);
        assert!(
            error.message.ends_with("smallest: too long. Ask for less."),
            "{error}"
        );
        let error = splitting.halves(None, &window, 10, None).unwrap_err();
        assert!(error.message.contains("10 splits. Ask"), "{error}");
    }

    #[test]
    fn the_least_length_must_be_fixed() {
        let splitting: RequestWindowSplitting = from_yaml("min_split_window: PT1H");
        assert!(splitting.min_split_window.is_some());
        for wrong in ["P1M", "PT0S", "soon"] {
            let yaml = format!("min_split_window: {wrong}");
            let errors = mistakes::<RequestWindowSplitting>(&yaml).join("\n");
            assert!(errors.contains(wrong), "{errors}");
        }
    }
}

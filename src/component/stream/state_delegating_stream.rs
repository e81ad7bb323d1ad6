//! `StateDelegatingStream`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::DeclarativeStream;
use crate::component::ComponentError;
use crate::template::{Template, scope};

/// A stream that is read in two ways: whole while there is no state, and by its changes afterwards.
///
/// All three names must be equal. As airbyte-cdk 7.39.1, `parsers/model_to_component_factory.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct StateDelegatingStream {
    /// Name of the stream.
    name: String,
    /// How it is read without a state.
    full_refresh_stream: Box<DeclarativeStream>,
    /// How it is read with a state.
    incremental_stream: Box<DeclarativeStream>,
    /// ISO 8601 duration for which the API keeps changes: with an older state the stream is read
    /// whole again. A template may give it. Unset: for ever.
    #[serde(default)]
    pub api_retention_period: Option<Template<scope::ConfigOnly>>,
}

impl StateDelegatingStream {
    /// Name of the stream.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the stream is read.
    ///
    /// # Errors
    /// When the names are not equal.
    pub fn choose(self, has_state: bool) -> Result<Box<DeclarativeStream>, ComponentError> {
        for part in [&self.full_refresh_stream, &self.incremental_stream] {
            if part.name() != self.name {
                return Err(ComponentError::config(format!(
                    "the names of a `StateDelegatingStream` and of its two streams must be equal, \
                     found `{}` and `{}`",
                    self.name,
                    part.name()
                )));
            }
        }
        Ok(if has_state {
            self.incremental_stream
        } else {
            self.full_refresh_stream
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::fragment::from_yaml;

    fn part(name: &str, key: &str) -> String {
        format!(
            "{{type: DeclarativeStream, name: {name}, primary_key: {key}, retriever: \
             {{type: SimpleRetriever, requester: {{type: HttpRequester, url: 'https://a.example'}}, \
             record_selector: {{type: RecordSelector, extractor: {{type: DpathExtractor, field_path: []}}}}}}}}"
        )
    }

    fn stream(incremental: &str) -> StateDelegatingStream {
        let (full, incremental) = (part("a", "full"), part(incremental, "incremental"));
        from_yaml(&format!(
            "name: a\nfull_refresh_stream: {full}\nincremental_stream: {incremental}\n"
        ))
    }

    #[test]
    fn a_state_decides() {
        let key = |has_state| {
            stream("a")
                .choose(has_state)
                .unwrap()
                .primary_key()
                .to_vec()
        };
        assert_eq!(key(false), ["full"]);
        assert_eq!(key(true), ["incremental"]);
    }

    #[test]
    fn the_names_must_be_equal() {
        let error = stream("b").choose(false).unwrap_err();
        assert!(error.message.contains("`a` and `b`"), "{error}");
    }
}

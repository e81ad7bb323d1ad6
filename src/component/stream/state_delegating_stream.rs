//! `StateDelegatingStream`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::DeclarativeStream;
use crate::component::ComponentError;
use crate::component::cursor::Cursor;
use crate::template::datetime::{DateError, DateTime, Duration};
use crate::template::{Config, Template, scope};

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
    api_retention_period: Option<Template<scope::ConfigOnly>>,
}

impl StateDelegatingStream {
    /// Name of the stream.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the stream is read, and whether it goes on from `state`. Its age counts only if `is_asked_for`:
    /// a parent that nobody asked for goes on from any state.
    ///
    /// # Errors
    /// When the names are not equal, a template fails, or a cursor has no time though a period is
    /// given.
    pub fn choose(
        self,
        state: &Map<String, Value>,
        is_asked_for: bool,
        config: &Config,
    ) -> Result<(Box<DeclarativeStream>, bool), ComponentError> {
        let parts: [&DeclarativeStream; 2] = [&self.full_refresh_stream, &self.incremental_stream];
        if let Some(part) = parts.iter().find(|part| part.name() != self.name) {
            return Err(ComponentError::config(format!(
                "the names of a `StateDelegatingStream` and of its two streams must be equal, \
                 found `{}` and `{}`",
                self.name,
                part.name()
            )));
        }
        let period = self.period(config)?;
        let counts = |part: &&DeclarativeStream| {
            matches!(part.cursor(), Some(Cursor::IncrementingCountCursor(_)))
        };
        if period.is_some() && parts.iter().any(counts) {
            return Err(ComponentError::config(
                "an `IncrementingCountCursor` has no time: `api_retention_period` cannot be used",
            ));
        }
        if state.is_empty() {
            return Ok((self.full_refresh_stream, false));
        }
        if let Some(period) = period
            && is_asked_for
        {
            let now = DateTime::utc(config.clock().now_utc());
            let oldest = period.negated().add_to(&now);
            let oldest = oldest.map_err(|error| ComponentError::config(error.to_string()))?;
            let at = time_of(&self.full_refresh_stream, state, &now, config)?;
            let at = match at {
                Some(at) => Some(at),
                None => time_of(&self.incremental_stream, state, &now, config)?,
            };
            if at.is_none_or(|at| at.micros() < oldest.micros()) {
                return Ok((self.full_refresh_stream, false));
            }
        }
        Ok((self.incremental_stream, true))
    }

    /// The incremental of the two ways.
    #[must_use]
    pub fn incremental(self) -> Box<DeclarativeStream> {
        self.incremental_stream
    }

    fn period(&self, config: &Config) -> Result<Option<Duration>, ComponentError> {
        let Some(template) = &self.api_retention_period else {
            return Ok(None);
        };
        let value = template.eval(&scope::ConfigOnly::new(config.clone()))?;
        if !value.truth() {
            return Ok(None);
        }
        let period = Duration::parse(&value.to_python_str());
        let wrong = |error: DateError| {
            ComponentError::config(format!("`api_retention_period`: {error}")).or_at(template.at())
        };
        period.map(Some).map_err(wrong)
    }
}

/// The instant that a state has come to, as one of the two ways reads it. A whole read that was
/// completed is of today.
fn time_of(
    stream: &DeclarativeStream,
    state: &Map<String, Value>,
    now: &DateTime,
    config: &Config,
) -> Result<Option<DateTime>, ComponentError> {
    match stream.cursor_of_run(config, None, &Map::new())? {
        Some(cursor) => Ok(cursor.time_of(state)),
        None => {
            let is_completed = state.get("__ab_no_cursor_state_message");
            Ok((is_completed == Some(&Value::Bool(true))).then(|| now.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::from_yaml;

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

    fn choose(stream: StateDelegatingStream, state: Value) -> Result<bool, ComponentError> {
        let config = Config::new(json!({}), Arc::new(Clock::system()));
        let (part, goes_on) = stream.choose(state.as_object().unwrap(), true, &config)?;
        let is_incremental = part.primary_key() == ["incremental"];
        assert_eq!(is_incremental, goes_on);
        Ok(goes_on)
    }

    #[test]
    fn a_state_decides() {
        assert!(!choose(stream("a"), json!({})).unwrap());
        assert!(choose(stream("a"), json!({"at": "2020-01-01"})).unwrap());
    }

    #[test]
    fn a_state_without_a_time_is_too_old() {
        let with_period = || {
            let mut stream = stream("a");
            stream.api_retention_period = Some(Template::new("P7D").unwrap());
            stream
        };
        assert!(!choose(with_period(), json!({"at": "2020-01-01"})).unwrap());
        let completed = json!({"__ab_no_cursor_state_message": true});
        assert!(choose(with_period(), completed).unwrap());
    }

    #[test]
    fn the_names_must_be_equal() {
        let error = choose(stream("b"), json!({})).unwrap_err();
        assert!(error.message.contains("`a` and `b`"), "{error}");
    }
}

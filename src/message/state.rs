//! The state that a read starts from, as `--state` gives it.

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

/// The one key of the state of a stream that has no cursor.
pub const NO_CURSOR_STATE: &str = "__ab_no_cursor_state_message";

/// The states of all streams, at the start of a read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InputState {
    streams: Map<String, Value>,
}

/// Why a state cannot be used. Messages are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StateError {
    /// The state is not a list of messages.
    #[error("expected a list of state messages, found {0}")]
    NotAList(&'static str),
    /// A message has not the form of the protocol.
    #[error("state message {index}: {reason}")]
    Malformed {
        /// Which message.
        index: usize,
        /// What is wrong, in serde's words.
        reason: String,
    },
    /// A message says nothing.
    #[error("state message {index}: expected one of `stream`, `global` or `data`")]
    Empty {
        /// Which message.
        index: usize,
    },
    /// A message of type `STREAM` names no stream.
    #[error("state message {index}: its type is `STREAM`, but `stream` is missing")]
    NoStream {
        /// Which message.
        index: usize,
    },
    /// A state that belongs to no stream; no read makes one.
    #[error("the `shared_state` of a global state has no meaning for a manifest")]
    Shared,
}

#[derive(Deserialize)]
struct StateMessage {
    #[serde(rename = "type")]
    kind: Option<StateType>,
    stream: Option<OneStream>,
    global: Option<Global>,
    data: Option<Map<String, Value>>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum StateType {
    Stream,
    Global,
    Legacy,
}

#[derive(Deserialize)]
struct OneStream {
    stream_descriptor: Descriptor,
    stream_state: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Descriptor {
    name: String,
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct Global {
    shared_state: Option<Map<String, Value>>,
    stream_states: Vec<OneStream>,
}

impl InputState {
    /// Reads what a state file holds: a list of state messages; null, `{}` and `[]` are no state.
    ///
    /// As airbyte-cdk 7.39.1, `connector_state_manager.py`: messages of type `STREAM` count, and
    /// one of type `GLOBAL` when it is alone; others are ignored, as is a stream with a namespace.
    /// Differs: a lone message need not stand in a list, and messages may have the envelope
    /// `{"type": "STATE", "state": …}` in which a read writes them. An empty `shared_state` is none.
    ///
    /// # Errors
    /// When `state` has not the form of the protocol.
    pub fn from_value(state: Value) -> Result<Self, StateError> {
        let messages = match state {
            Value::Null => Vec::new(),
            Value::Object(map) if map.is_empty() => Vec::new(),
            lone @ Value::Object(_) => vec![lone],
            Value::Array(messages) => messages,
            Value::Bool(_) => return Err(StateError::NotAList("a boolean")),
            Value::Number(_) => return Err(StateError::NotAList("a number")),
            Value::String(_) => return Err(StateError::NotAList("a string")),
        };
        let alone = messages.len() == 1;
        let mut streams = Map::new();
        for (index, message) in (1..).zip(messages) {
            let message = parse(index, message)?;
            match message.kind {
                Some(StateType::Stream) => {
                    let stream = message.stream.ok_or(StateError::NoStream { index })?;
                    keep(&mut streams, stream);
                }
                Some(StateType::Global) if alone => {
                    let Some(global) = message.global else {
                        return Err(StateError::Empty { index });
                    };
                    if global.shared_state.is_some_and(|shared| !shared.is_empty()) {
                        return Err(StateError::Shared);
                    }
                    for stream in global.stream_states {
                        keep(&mut streams, stream);
                    }
                }
                _ => {}
            }
        }
        Ok(Self { streams })
    }

    /// What the stream's cursor kept; `None` when there is nothing.
    #[must_use]
    pub fn get(&self, stream: &str) -> Option<&Map<String, Value>> {
        self.streams.get(stream)?.as_object()
    }

    /// Names of the streams that have a state.
    pub fn streams(&self) -> impl Iterator<Item = &str> {
        self.streams.keys().map(String::as_str)
    }
}

fn parse(index: usize, mut message: Value) -> Result<StateMessage, StateError> {
    if message.get("type").is_some_and(|kind| kind == "STATE")
        && let Some(inner) = message.get_mut("state")
    {
        message = inner.take();
    }
    let message: StateMessage =
        serde_json::from_value(message).map_err(|error| StateError::Malformed {
            index,
            reason: error.to_string(),
        })?;
    let data = message.data.as_ref().is_some_and(|data| !data.is_empty());
    if message.stream.is_none() && message.global.is_none() && !data {
        // The reference tells a `STREAM` without its stream by the same words.
        return Err(StateError::Empty { index });
    }
    Ok(message)
}

fn keep(streams: &mut Map<String, Value>, stream: OneStream) {
    if stream.stream_descriptor.namespace.is_some() {
        return;
    }
    let state = stream.stream_state.unwrap_or_default();
    streams.insert(stream.stream_descriptor.name, Value::Object(state));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(value: Value) -> Result<Vec<(String, Value)>, String> {
        let input = InputState::from_value(value).map_err(|error| error.to_string())?;
        let names = input.streams().map(str::to_owned);
        Ok(names
            .map(|name| {
                let state = Value::Object(input.get(&name).cloned().unwrap_or_default());
                (name, state)
            })
            .collect())
    }

    fn tasks(cursor: u32) -> Value {
        json!({"type": "STREAM", "stream": {
            "stream_descriptor": {"name": "tasks", "namespace": null},
            "stream_state": {"cursor": cursor}, "more": 1}})
    }

    #[test]
    fn no_state_is_null_or_empty() {
        for nothing in [json!(null), json!({}), json!([])] {
            assert_eq!(state(nothing), Ok(vec![]));
        }
    }

    #[test]
    fn the_last_message_of_a_stream_counts() {
        let expected = Ok(vec![("tasks".to_owned(), json!({"cursor": 2}))]);
        assert_eq!(state(json!([tasks(1), tasks(2)])), expected);
        assert_eq!(state(tasks(2)), expected);
        assert_eq!(
            state(json!([{"type": "STATE", "state": tasks(2)}])),
            expected
        );
    }

    #[test]
    fn a_global_state_counts_when_alone() {
        let global = json!({"type": "GLOBAL", "global": {"shared_state": null, "stream_states": [
            {"stream_descriptor": {"name": "tasks"}, "stream_state": {"cursor": 1}},
            {"stream_descriptor": {"name": "users"}}]}});
        assert_eq!(
            state(json!([global])),
            Ok(vec![
                ("tasks".to_owned(), json!({"cursor": 1})),
                ("users".to_owned(), json!({}))
            ])
        );
        assert_eq!(
            state(json!([global, tasks(7)])),
            Ok(vec![("tasks".to_owned(), json!({"cursor": 7}))])
        );
    }

    #[test]
    fn what_the_reference_ignores_is_ignored() {
        let stream = json!({"stream_descriptor": {"name": "a"}});
        let named = json!({"stream_descriptor": {"name": "a", "namespace": "n"}});
        for ignored in [
            json!({"stream": stream}),
            json!({"type": "LEGACY", "data": {"a": {"cursor": 1}}}),
            json!({"type": "STREAM", "stream": named}),
        ] {
            assert_eq!(state(json!([ignored])), Ok(vec![]));
        }
    }

    #[test]
    fn faults_name_the_message() {
        for (fault, told) in [
            (
                json!("x"),
                "expected a list of state messages, found a string",
            ),
            (
                json!([tasks(1), {"type": "STREAM"}]),
                "state message 2: expected one of `stream`, `global` or `data`",
            ),
            (
                json!([{"type": "STREAM", "data": {"a": 1}}]),
                "state message 1: its type is `STREAM`, but `stream` is missing",
            ),
            (
                json!([{"type": "stream"}]),
                "state message 1: unknown variant `stream`, expected one of `STREAM`, `GLOBAL`, `LEGACY`",
            ),
            (
                json!([{"type": "GLOBAL", "global": {"shared_state": {"a": 1}, "stream_states": []}}]),
                "the `shared_state` of a global state has no meaning for a manifest",
            ),
        ] {
            assert_eq!(state(fault), Err(told.to_owned()));
        }
    }
}

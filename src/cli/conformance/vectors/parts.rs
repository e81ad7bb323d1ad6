//! What the inputs of vectors have in common.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::clock::Clock;
use crate::http::{Headers, Response};
use crate::manifest::{Node, Place, decode, propagate};
use crate::message::StreamSlice;
use crate::template::Config;

/// The clock of a vector that names none.
const NOW: &str = "2025-03-01T00:00:00Z";

/// A component, out of its definition.
pub(super) fn component<T: DeserializeOwned>(definition: &Value) -> Result<T, String> {
    let at = Place {
        file: "vector".into(),
        line: 1,
        column: 1,
    };
    let words = |errors: Vec<crate::manifest::Error>| format!("{errors:?}");
    let node = Node::from_json(definition, &at);
    let node = propagate(&node, &Map::new(), false).map_err(words)?;
    decode(&node).map_err(words)
}

pub(super) fn clock(input: &Value) -> Result<Arc<Clock>, String> {
    let now = input["now"].as_str().unwrap_or(NOW);
    let now = chrono::DateTime::parse_from_rfc3339(now).map_err(|e| format!("`{now}`: {e}"))?;
    Ok(Arc::new(Clock::new(Some(now.timestamp_micros()), 0.0)))
}

pub(super) fn config(input: &Value) -> Result<Config, String> {
    let config = input.get("config").cloned().unwrap_or_else(|| json!({}));
    Ok(Config::new(config, clock(input)?))
}

/// The slice in `{"$stream_slice": …}`.
pub(super) fn slice(value: &Value) -> Arc<StreamSlice> {
    let slice = &value["$stream_slice"];
    let part = |name: &str| slice[name].as_object().cloned().unwrap_or_default();
    Arc::new(StreamSlice {
        partition: part("partition"),
        cursor_slice: part("cursor_slice"),
        extra_fields: part("extra_fields"),
    })
}

pub(super) fn body(described: &Value) -> Result<Vec<u8>, String> {
    match described["body_base64"].as_str() {
        Some(text) => STANDARD
            .decode(text)
            .map_err(|e| format!("`body_base64`: {e}")),
        None => Ok(described["body"]
            .as_str()
            .unwrap_or_default()
            .as_bytes()
            .to_vec()),
    }
}

/// The response, unless HTTP has no such: with 204 comes no body, and the reference's client, which
/// was handed one, raises when it is read.
pub(super) fn response(described: &Value) -> Result<Response, String> {
    let status = described["status"].as_u64().unwrap_or(200);
    let body = body(described)?;
    if status == 204 && !body.is_empty() {
        return Err("a response without content has a body".to_owned());
    }
    let mut headers = Headers::default();
    for (name, value) in described["headers"].as_object().into_iter().flatten() {
        headers.add(name, value.as_str().unwrap_or_default());
    }
    Ok(Response {
        status: u16::try_from(status).map_err(|e| format!("status {status}: {e}"))?,
        headers,
        body: body.into(),
        wire_bytes: 0,
    })
}

/// The count of the attempts made.
pub(super) fn attempt(input: &Value) -> u32 {
    let attempt = input["attempt"].as_u64().unwrap_or(1);
    u32::try_from(attempt).unwrap_or(u32::MAX)
}

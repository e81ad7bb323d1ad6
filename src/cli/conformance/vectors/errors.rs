//! `errors.jsonl`: error handlers and waits.

use serde_json::{Value, json};

use super::parts::{attempt, component, config, response};
use super::same::by_value;
use crate::component::ComponentError;
use crate::component::backoff;
use crate::component::error_handler::Handler;

/// What was asked for.
const URL: &str = "https://api.example.com/v1/items";

/// Waits are computed from dates: a float's last digits do not count.
const TOLERANCE: f64 = 1e-6;

pub(super) fn answer(kind: &str, input: &Value) -> Result<Value, String> {
    match kind {
        "respond" => respond(input),
        "backoff" => wait(input),
        _ => Err(format!("unknown kind `{kind}`")),
    }
}

pub(super) fn same(input: &Value, answer: &Value, expected: &Value) -> bool {
    let mut expected = expected.clone();
    if expected.get("action").is_some() && !compares_message(&input["definition"], &expected) {
        expected["message"] = answer["message"].clone();
    }
    by_value(answer, &expected, TOLERANCE)
}

/// The message counts only where the definition has one; else it is the reference's own wording.
fn compares_message(definition: &Value, expected: &Value) -> bool {
    let own = expected["message"]
        .as_str()
        .is_some_and(|message| message.starts_with("Response was not ok"));
    !own && has_message(definition)
}

fn has_message(definition: &Value) -> bool {
    match definition {
        Value::Object(map) => map.iter().any(|(key, value)| {
            (key == "error_message" && value.as_str().is_some_and(|text| !text.is_empty()))
                || has_message(value)
        }),
        Value::Array(items) => items.iter().any(has_message),
        _ => false,
    }
}

fn words(error: ComponentError) -> String {
    error.to_string()
}

fn respond(input: &Value) -> Result<Value, String> {
    let handler: Handler = component(&input["definition"])?;
    let (handler, config) = (handler.get(), config(input)?);
    let response = response(&input["response"])?;
    let verdict = handler.judge(URL, Ok(&response), &config).map_err(words)?;
    let wait = if verdict.action.is_retry() {
        handler
            .backoff(Ok(&response), attempt(input), &config)
            .map_err(words)?
    } else {
        None
    };
    Ok(json!({
        "action": verdict.action.as_str(),
        "failure_type": verdict.failure_type.map(|blame| blame.as_str()),
        "message": verdict.message,
        "max_retries": handler.max_retries(&config).map_err(words)?,
        "backoff_seconds": wait,
    }))
}

fn wait(input: &Value) -> Result<Value, String> {
    let strategy: backoff::Strategy = component(&input["definition"])?;
    let response = response(&input["response"])?;
    let wait = strategy
        .get()
        .wait(Ok(&response), attempt(input), &config(input)?)
        .map_err(words)?;
    Ok(json!({"backoff_seconds": wait}))
}

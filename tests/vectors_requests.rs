//! Holds error handlers, waits and paginators against the golden answers of the reference.
//!
//! The vectors (`errors.jsonl`, `paginate.jsonl`) are kept beside the repository; where they are
//! not, the test says so and passes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use lowcode::clock::Clock;
use lowcode::component::ComponentError;
use lowcode::component::backoff;
use lowcode::component::error_handler::Handler;
use lowcode::component::paginator::{PageInfo, Pages, Paginator, Strategy};
use lowcode::component::requester::{BodyData, RequestParts};
use lowcode::http::{Headers, Response};
use lowcode::manifest::{Manifest, decode};
use lowcode::message::{Data, StreamSlice};
use lowcode::template::{self, Config};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// Share of each kind that holds at least, in percent.
const REACHED: [(&str, f64); 4] = [
    ("backoff", 100.0),
    ("paginate", 100.0),
    ("respond", 100.0),
    ("strategy", 100.0),
];

const URL: &str = "https://api.example.com/v1/items";

#[test]
fn requests_vectors_hold() {
    let folder = folder();
    let mut rates: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let mut failures = Vec::new();
    for file in ["errors.jsonl", "paginate.jsonl"] {
        let Ok(text) = std::fs::read_to_string(folder.join("vectors").join(file)) else {
            eprintln!(
                "SKIPPED: no vectors in {}; set LOWCODE_CONFORMANCE",
                folder.display()
            );
            return;
        };
        for line in text.lines() {
            let vector: Value = serde_json::from_str(line).expect("each line is JSON");
            let kind = vector["kind"].as_str().unwrap_or_default();
            let rate = rates.entry(kind.to_owned()).or_default();
            rate.1 += 1;
            match hold(kind, &vector) {
                Ok(()) => rate.0 += 1,
                Err(difference) => failures.push(format!(
                    "{kind} {}: {difference}\n    {}",
                    vector["id"], vector["input"]
                )),
            }
        }
    }
    for failure in failures.iter().take(10) {
        println!("{failure}");
    }
    for (kind, (holding, all)) in &rates {
        println!("{kind}: {holding} of {all} hold");
    }
    for (kind, percent) in REACHED {
        let (holding, all) = rates.get(kind).copied().unwrap_or_default();
        let rate = 100.0 * f64::from(holding) / f64::from(all.max(1));
        assert!(rate >= percent, "{kind}: {rate:.2}% hold, not {percent}%");
    }
}

fn folder() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test may be told where its data is"
    )]
    let told = std::env::var_os("LOWCODE_CONFORMANCE");
    told.map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance"),
        PathBuf::from,
    )
}

fn hold(kind: &str, vector: &Value) -> Result<(), String> {
    let input = &vector["input"];
    let answer = match kind {
        "respond" => respond(input),
        "backoff" => wait(input),
        "paginate" => paginate(input),
        "strategy" => strategy(input),
        other => return Err(format!("unknown kind `{other}`")),
    };
    match (answer, vector.get("error").is_some()) {
        (Err(_), true) => Ok(()),
        (Ok(answer), true) => Err(format!("expected an error, found {answer}")),
        (Err(error), false) => Err(format!("expected {}, found {error}", vector["expect"])),
        (Ok(answer), false) => {
            let mut expected = vector["expect"].clone();
            if kind == "respond" && !compares_message(&input["definition"], &expected) {
                expected["message"] = answer["message"].clone();
            }
            if same(&answer, &expected) {
                Ok(())
            } else {
                Err(format!("expected {expected}, found {answer}"))
            }
        }
    }
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

/// Equal, numbers by value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(0.0), b.as_f64().unwrap_or(0.0));
            (a - b).abs() <= 1e-6 * a.abs().max(1.0)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn component<T: DeserializeOwned>(definition: &Value) -> Result<T, String> {
    let text = json!({"value": definition}).to_string();
    let manifest = Manifest::load(&text, "vector").map_err(|errors| format!("{errors:?}"))?;
    let node = manifest.root().get("value").expect("it was put there");
    decode(node).map_err(|errors| format!("{errors:?}"))
}

fn config(input: &Value) -> Config {
    let now = input["now"].as_str().unwrap_or("2025-03-01T00:00:00Z");
    let now = chrono::DateTime::parse_from_rfc3339(now).expect("vectors have RFC 3339 clocks");
    let clock = Clock::new(Some(now.timestamp_micros()), 0.0);
    let config = input.get("config").cloned().unwrap_or_else(|| json!({}));
    Config::new(config, Arc::new(clock))
}

/// The response, unless HTTP has no such: with 204 comes no body, and the reference's client, which
/// was handed one, raises when it is read.
fn response(described: &Value) -> Result<Response, String> {
    let status = described["status"].as_u64().unwrap_or(200);
    let body = match described["body_base64"].as_str() {
        Some(text) => base64::engine::general_purpose::STANDARD
            .decode(text)
            .expect("vectors have valid Base64"),
        None => described["body"]
            .as_str()
            .unwrap_or_default()
            .as_bytes()
            .to_vec(),
    };
    if status == 204 && !body.is_empty() {
        return Err("a response without content has a body".to_owned());
    }
    let mut headers = Headers::default();
    for (name, value) in described["headers"].as_object().into_iter().flatten() {
        headers.add(name, value.as_str().unwrap_or_default());
    }
    Ok(Response {
        status: u16::try_from(status).expect("vectors have valid statuses"),
        headers,
        body,
        wire_bytes: 0,
    })
}

fn words(error: ComponentError) -> String {
    error.to_string()
}

fn attempt(input: &Value) -> u32 {
    u32::try_from(input["attempt"].as_u64().unwrap_or(1)).expect("vectors have few attempts")
}

fn respond(input: &Value) -> Result<Value, String> {
    let handler: Handler = component(&input["definition"])?;
    let (handler, config) = (handler.get(), config(input));
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
        .wait(Ok(&response), attempt(input), &config(input))
        .map_err(words)?;
    Ok(json!({"backoff_seconds": wait}))
}

/// The first value that the default decoder makes of a body.
fn decoded(response: &Response) -> Value {
    match serde_json::from_slice(&response.body) {
        Ok(Value::Array(items)) => items.into_iter().next().unwrap_or_else(|| json!({})),
        Ok(Value::Null) | Err(_) => json!({}),
        Ok(value) => value,
    }
}

fn on_page<T>(
    described: &Value,
    config: &Config,
    next: impl FnOnce(&PageInfo<'_>) -> Result<T, ComponentError>,
) -> Result<T, String> {
    let response = response(&described["response"])?;
    let record = Some(&described["last_record"]).filter(|record| !record.is_null());
    let record = record.map(|record| Data::from_value(record.clone()));
    let size = described["last_page_size"].as_u64().unwrap_or(0);
    let slice = Arc::new(StreamSlice::default());
    next(&PageInfo {
        body: template::json(&decoded(&response)),
        response: &response,
        last_page_size: size,
        read: size,
        last_record: record.as_ref(),
        page_size: None,
        config,
        slice: &slice,
    })
    .map_err(words)
}

fn paginate(input: &Value) -> Result<Value, String> {
    let paginator: Paginator = component(&input["definition"])?;
    let (paginator, config) = (paginator.get(), config(input));
    paginator.check(&config).map_err(words)?;
    let mut token = paginator.initial_token(&config).map_err(words)?;
    let mut asked = vec![ask(paginator, token.as_ref(), &config)?];
    for step in input["steps"].as_array().into_iter().flatten() {
        token = on_page(step, &config, |page| {
            paginator.next_token(page, token.as_ref())
        })?;
        if token.is_none() {
            asked.push(json!({"token": null, "request": null}));
            break;
        }
        asked.push(ask(paginator, token.as_ref(), &config)?);
    }
    Ok(Value::Array(asked))
}

fn ask(paginator: &dyn Pages, token: Option<&Value>, config: &Config) -> Result<Value, String> {
    let mut parts = RequestParts::default();
    paginator
        .contribute(&mut parts, token, &Arc::default(), config)
        .map_err(words)?;
    let form = match parts.body_data {
        Some(BodyData::Form(form)) => form,
        _ => Map::new(),
    };
    let mut request = Map::new();
    for (name, share) in [
        ("params", parts.params),
        ("headers", parts.headers),
        ("body_data", form),
        ("body_json", parts.body_json),
    ] {
        if !share.is_empty() {
            request.insert(name.to_owned(), Value::Object(share));
        }
    }
    if let Some(path) = parts.path {
        request.insert("path".to_owned(), path.into());
    }
    Ok(json!({"token": token, "request": request}))
}

fn strategy(input: &Value) -> Result<Value, String> {
    let strategy: Strategy = component(&input["definition"])?;
    let config = config(input);
    let last = Some(&input["last_page_token_value"]).filter(|token| !token.is_null());
    let token = on_page(input, &config, |page| strategy.get().next_token(page, last))?;
    Ok(json!(token))
}

//! `paginate.jsonl`: paginators and their strategies.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::parts::{component, config, response};
use crate::component::ComponentError;
use crate::component::paginator::{PageInfo, Pages, Paginator, Strategy};
use crate::component::requester::{BodyData, RequestParts};
use crate::http::Response;
use crate::message::{Data, StreamSlice};
use crate::template::{self, Config};

pub(super) fn answer(kind: &str, input: &Value) -> Result<Value, String> {
    match kind {
        "paginate" => paginate(input),
        "strategy" => strategy(input),
        _ => Err(format!("unknown kind `{kind}`")),
    }
}

fn words(error: ComponentError) -> String {
    error.to_string()
}

/// The first value that the default decoder makes of a body.
fn decoded(response: &Response) -> Value {
    match serde_json::from_slice(response.body.start()) {
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
    let (paginator, config) = (paginator.get(), config(input)?);
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
    let config = config(input)?;
    let last = Some(&input["last_page_token_value"]).filter(|token| !token.is_null());
    let token = on_page(input, &config, |page| strategy.get().next_token(page, last))?;
    Ok(json!(token))
}

//! `extract.jsonl` and `transform.jsonl`: records out of responses, and what becomes of them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::parts::{body, component, config, slice};
use crate::component::config::{ConfigTransformation, Validator};
use crate::component::decoder::Decoder;
use crate::component::extractor::{Extracting, Extractor};
use crate::component::record_filter::{Filter, RecordSelector, Selecting, normalize};
use crate::component::transformation::{Around, Transformation};
use crate::message::{Data, Text};
use crate::template;

pub(super) fn answer(kind: &str, input: &Value) -> Result<Value, String> {
    match kind {
        "extract" => extract(input),
        "select" => select(input),
        "filter" => filter(input),
        "transform" => transform(input),
        "normalize" => {
            let mut record = input["record"].clone();
            normalize(&mut record, &input["schema"]);
            Ok(record)
        }
        "config_transform" => {
            let transformation: ConfigTransformation = component(&input["definition"])?;
            let config = config(input)?;
            let mut values = config.json().as_ref().clone();
            let done = transformation.transform(&mut values, config.clock());
            done.map(|()| values).map_err(|e| e.to_string())
        }
        "validate" => {
            let validator: Validator = component(&input["definition"])?;
            Ok(json!({"valid": validator.validate(&config(input)?).is_ok()}))
        }
        _ => Err(format!("unknown kind `{kind}`")),
    }
}

fn around(input: &Value) -> Result<Around, String> {
    let token = input.get("next_page_token").filter(|t| !t.is_null());
    let stream_slice = match &input["stream_slice"] {
        Value::Object(parts) if parts.contains_key("$stream_slice") => {
            template::slice(&slice(&input["stream_slice"]))
        }
        plain => template::json(plain),
    };
    Ok(Around {
        config: config(input)?,
        stream_slice,
        next_page_token: token.map(template::json),
    })
}

fn values(records: &[Data]) -> Value {
    records.iter().map(Data::to_value).collect()
}

fn extract(input: &Value) -> Result<Value, String> {
    let extractor: Extractor = component(&input["definition"])?;
    let decoder: Decoder = match input.get("decoder") {
        Some(definition) => component(definition)?,
        None => Decoder::default(),
    };
    // The reference's response stood in memory there: decoders that read the wire found nothing.
    let drained = ["CsvDecoder", "JsonlDecoder"];
    let body = match &input["decoder"]["type"] {
        Value::String(name) if drained.contains(&name.as_str()) => Vec::new(),
        _ => body(&input["response"])?,
    };
    let page = decoder.decode(body, extractor.get().depth());
    let config = config(input)?;
    let found = extractor.get().extract(&page, &Extracting::new(&config));
    found.map(|r| values(&r.records)).map_err(|e| e.to_string())
}

fn select(input: &Value) -> Result<Value, String> {
    let selector: RecordSelector = component(&input["definition"])?;
    let transformations = input["transformations"].as_array();
    let transformations: Vec<Transformation> = transformations
        .into_iter()
        .flatten()
        .map(component)
        .collect::<Result<_, _>>()?;
    let page = Decoder::default().decode(body(&input["response"])?, selector.depth());
    let selection = selector.select(
        &page,
        &Selecting {
            slice: &slice(&input["stream_slice"]),
            token: input.get("next_page_token").filter(|t| !t.is_null()),
            transformations: &transformations,
            schema: input.get("schema"),
            config: &config(input)?,
            synced: None,
            transform_first: false,
            fetch: None,
        },
    );
    match selection {
        Ok(selection) => Ok(values(&selection.records)),
        Err(error) => Err(error.error.to_string()),
    }
}

fn filter(input: &Value) -> Result<Value, String> {
    let filter: Filter = component(&input["definition"])?;
    let around = around(input)?;
    let mut kept = Vec::new();
    for record in input["records"].as_array().into_iter().flatten() {
        let data = Arc::new(Data::from_value(record.clone()));
        if filter.keeps(&data, &around).map_err(|e| e.to_string())? {
            kept.push(record.clone());
        }
    }
    Ok(kept.into())
}

fn transform(input: &Value) -> Result<Value, String> {
    let transformation: Transformation = component(&input["definition"])?;
    let around = around(input)?;
    // As text first, the way records come from a response; a tree must give the same.
    let text = input["record"].to_string().into_bytes();
    let text = Text::parse(text, 0).map_err(|e| format!("the record is not JSON: {e}"))?;
    let of = |data: Data| {
        let mut data = Arc::new(data);
        let done = transformation.transform(&mut data, &around);
        done.map(|()| data.to_value()).map_err(|e| e.to_string())
    };
    let from_text = of(Data::from_text(text))?;
    let from_tree = of(Data::from_value(input["record"].clone()))?;
    if from_text != from_tree {
        return Err(format!("from text {from_text}, from a tree {from_tree}"));
    }
    Ok(from_text)
}

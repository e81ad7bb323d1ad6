//! The reference's golden answers of extractors, selectors, transformations and partition routers.
//!
//! The vectors are those of `LOWCODE_CONFORMANCE`, else of `../shared/conformance` beside this
//! package. Vectors of components that this version does not know are counted apart.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lowcode::clock::Clock;
use lowcode::component::config::{ConfigTransformation, Validator};
use lowcode::component::cursor::{Cursor, Given, Split, partition_key};
use lowcode::component::decoder::Decoder;
use lowcode::component::extractor::{Extracting, Extractor};
use lowcode::component::partition_router::{PartitionRouter, merge};
use lowcode::component::record_filter::{Filter, RecordSelector, Selecting, normalize};
use lowcode::component::transformation::{Around, Transformation};
use lowcode::manifest::{Node, Place, decode, propagate};
use lowcode::message::{Data, StreamSlice};
use lowcode::template::{self, Config};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// Component types that this version does not know.
const UNKNOWN: &[&str] = &["GroupingPartitionRouter", "UnionPartitionRouter"];

/// Kinds, and how many of their vectors must be answered as the reference does, in per mille.
const KINDS: &[(&str, &str, usize)] = &[
    ("extract", "extract", 1000),
    ("extract", "select", 1000),
    ("extract", "filter", 1000),
    ("transform", "transform", 1000),
    ("transform", "normalize", 1000),
    ("transform", "config_transform", 1000),
    ("transform", "validate", 1000),
    ("slices", "slices", 1000),
];

#[test]
fn records_are_those_of_the_reference() {
    let Some(folder) = folder() else {
        eprintln!("SKIPPED: no conformance vectors; set LOWCODE_CONFORMANCE to their folder");
        return;
    };
    let mut short = Vec::new();
    for (file, kind, floor) in KINDS {
        let tally = run(&folder.join(format!("vectors/{file}.jsonl")), kind);
        eprintln!(
            "{kind}: {} of {} right, {} of unknown components",
            tally.right,
            tally.right + tally.wrong,
            tally.unknown
        );
        for (reason, count) in &tally.reasons {
            eprintln!("  {count}x {reason}");
        }
        if tally.right * 1000 < floor * (tally.right + tally.wrong) || tally.right == 0 {
            short.push(*kind);
        }
    }
    assert!(short.is_empty(), "too few right answers for {short:?}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told where the vectors are"
)]
fn folder() -> Option<PathBuf> {
    let folder = match std::env::var_os("LOWCODE_CONFORMANCE") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance"),
    };
    folder.join("vectors").is_dir().then_some(folder)
}

#[derive(Default)]
struct Tally {
    right: usize,
    wrong: usize,
    unknown: usize,
    /// Wrong answers, told by their first hundred letters.
    reasons: BTreeMap<String, usize>,
}

fn run(file: &Path, kind: &str) -> Tally {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut tally = Tally::default();
    for line in text.lines() {
        let vector: Value = serde_json::from_str(line).expect("a vector is JSON");
        if vector["kind"] != kind {
            continue;
        }
        if has_unknown(&vector["input"]) {
            tally.unknown += 1;
            continue;
        }
        let answer = answer(kind, &vector["input"]);
        let wrong = match (&answer, vector.get("expect")) {
            (Err(_), None) => None,
            (Ok(answer), Some(expected)) if same(answer, expected) => None,
            (Ok(answer), Some(expected)) => Some(format!("{answer} is not {expected}")),
            (Ok(answer), None) => Some(format!("{answer} is not an error")),
            (Err(error), Some(_)) => Some(format!("error: {error}")),
        };
        match wrong {
            None => tally.right += 1,
            Some(reason) => {
                tally.wrong += 1;
                let reason: String = reason.chars().take(160).collect();
                let reason = format!("{} {reason}", vector["id"]);
                *tally.reasons.entry(reason).or_default() += 1;
            }
        }
    }
    tally
}

fn has_unknown(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            let known = |name: &Value| !UNKNOWN.iter().any(|unknown| name == unknown);
            !map.get("type").is_none_or(known) || map.values().any(has_unknown)
        }
        Value::Array(items) => items.iter().any(has_unknown),
        _ => false,
    }
}

/// Numbers compare by value; what JSON has no number for is null here.
fn same(answer: &Value, expected: &Value) -> bool {
    match (answer, expected) {
        (Value::Object(_), Value::Object(e)) if e.contains_key("$tuple") => {
            same(answer, &e["$tuple"])
        }
        (Value::Array(_), Value::Object(e)) if e.contains_key("$tuple") => {
            same(answer, &e["$tuple"])
        }
        (Value::Null, Value::Object(e)) if e.contains_key("$float") => true,
        (Value::String(text), Value::Object(e)) if e.contains_key("$float") => e["$float"] == *text,
        (Value::Number(a), Value::Object(e)) if e.contains_key("$int") => {
            e["$int"].as_str().and_then(|digits| digits.parse().ok()) == a.as_f64()
        }
        (Value::Object(a), Value::Object(e)) => {
            a.len() == e.len()
                && a.iter()
                    .all(|(key, value)| e.get(key).is_some_and(|e| same(value, e)))
        }
        (Value::Array(a), Value::Array(e)) => {
            a.len() == e.len() && a.iter().zip(e).all(|(a, e)| same(a, e))
        }
        (Value::Number(a), Value::Number(e)) => a == e || a.as_f64() == e.as_f64(),
        (answer, expected) => answer == expected,
    }
}

fn answer(kind: &str, input: &Value) -> Result<Value, String> {
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
            let config = config(input);
            let mut values = config.json().as_ref().clone();
            let done = transformation.transform(&mut values, config.clock());
            done.map(|()| values).map_err(|e| e.to_string())
        }
        "validate" => {
            let validator: Validator = component(&input["definition"])?;
            Ok(json!({"valid": validator.validate(&config(input)).is_ok()}))
        }
        _ => slices(input),
    }
}

fn component<T: DeserializeOwned>(definition: &Value) -> Result<T, String> {
    let at = Place {
        file: "vector".into(),
        line: 1,
        column: 1,
    };
    let words = |errors: Vec<lowcode::manifest::Error>| format!("{errors:?}");
    let node = Node::from_json(definition, &at);
    let node = propagate(&node, &Map::new(), false).map_err(words)?;
    decode(&node).map_err(words)
}

fn config(input: &Value) -> Config {
    let now = input["now"].as_str().unwrap_or("2025-03-01T00:00:00Z");
    let config = input.get("config").cloned().unwrap_or_else(|| json!({}));
    let now = chrono::DateTime::parse_from_rfc3339(now).expect("an instant");
    Config::new(
        config,
        Arc::new(Clock::new(Some(now.timestamp_micros()), 0.0)),
    )
}

fn slice(input: &Value) -> Arc<StreamSlice> {
    let slice = &input["stream_slice"]["$stream_slice"];
    let part = |name: &str| slice[name].as_object().cloned().unwrap_or_default();
    Arc::new(StreamSlice {
        partition: part("partition"),
        cursor_slice: part("cursor_slice"),
        extra_fields: part("extra_fields"),
    })
}

fn around(input: &Value) -> Around {
    let token = input.get("next_page_token").filter(|t| !t.is_null());
    let stream_slice = match &input["stream_slice"] {
        Value::Object(parts) if parts.contains_key("$stream_slice") => {
            template::slice(&slice(input))
        }
        plain => template::json(plain),
    };
    Around {
        config: config(input),
        stream_slice,
        next_page_token: token.map(template::json),
    }
}

fn body(input: &Value) -> Vec<u8> {
    let text = input["response"]["body"].as_str().unwrap_or_default();
    text.as_bytes().to_vec()
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
        _ => body(input),
    };
    let page = decoder.decode(body, extractor.get().depth());
    let config = config(input);
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
    let page = Decoder::default().decode(body(input), selector.depth());
    let selection = selector.select(
        &page,
        &Selecting {
            slice: &slice(input),
            token: input.get("next_page_token").filter(|t| !t.is_null()),
            transformations: &transformations,
            schema: input.get("schema"),
            config: &config(input),
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
    let around = around(input);
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
    let around = around(input);
    // As text first, the way records come from a response; a tree must give the same.
    let text = input["record"].to_string().into_bytes();
    let text = lowcode::message::Text::parse(text, 0).expect("a record is JSON");
    let of = |data: Data| {
        let mut data = Arc::new(data);
        let done = transformation.transform(&mut data, &around);
        done.map(|()| data.to_value()).map_err(|e| e.to_string())
    };
    let from_text = of(Data::from_text(text))?;
    let from_tree = of(Data::from_value(input["record"].clone()))?;
    assert_eq!(from_text, from_tree);
    Ok(from_text)
}

fn slices(input: &Value) -> Result<Value, String> {
    let routers = match &input["partition_router"] {
        Value::Array(routers) => routers.iter().collect(),
        Value::Null => Vec::new(),
        router => vec![router],
    };
    let split = if routers.is_empty() {
        Split::Whole
    } else {
        Split::Partitions
    };
    let config = config(input);
    let mut product = vec![Vec::new()];
    for router in routers {
        let PartitionRouter::ListPartitionRouter(router) = component(router)? else {
            return Err("not a list".to_owned());
        };
        let partitions = router.partitions(&config).map_err(|e| e.to_string())?;
        let longer = product.iter().flat_map(|head: &Vec<StreamSlice>| {
            let partitions = &partitions;
            partitions.iter().map(move |next| {
                let mut all = head.clone();
                all.push(next.clone());
                all
            })
        });
        product = longer.collect();
    }
    let mut slices: Vec<_> = product.iter().map(|slices| merge(slices.iter())).collect();
    if input
        .get("incremental_sync")
        .is_some_and(|cursor| !cursor.is_null())
    {
        let cursor: Cursor = component(&input["incremental_sync"])?;
        let cursor = cursor.evaluate(&Given {
            config: &config,
            field: None,
            state: input["state"].as_object().unwrap_or(&Map::new()),
            split,
        });
        let cursor = cursor.map_err(|e| e.to_string())?;
        let mut seen = HashSet::new();
        slices.retain(|slice| seen.insert(partition_key(&slice.partition)));
        let windows = slices.iter().map(|slice| cursor.windows(slice));
        let windows = windows.collect::<Result<Vec<_>, _>>();
        slices = windows.map_err(|e| e.to_string())?.concat();
    }
    Ok(slices
        .iter()
        .map(|s| json!({"partition": s.partition, "cursor_slice": s.cursor_slice}))
        .collect())
}

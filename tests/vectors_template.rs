//! Holds templates and dates against the reference's golden answers.
//!
//! The vectors are not part of the package: without them the test says so and passes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may stop, and say what it saw"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use lowcode::clock::Clock;
use lowcode::message::StreamSlice;
use lowcode::template::{
    Condition, Config, Literal, PyType, Scope, TValue, Template, datetime, headers, json, slice,
};
use serde_json::{Map, Value};

/// How many answers were wrong when this was last looked at; there must not be more.
const WRONG_TEMPLATES: usize = 3;
const WRONG_DATES: usize = 0;

/// All names of a vector's context.
struct Context {
    config: Config,
    names: BTreeMap<String, TValue>,
}

impl Scope for Context {
    const NAMES: &'static [&'static str] = &[];

    fn config(&self) -> &Config {
        &self.config
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        self.names.get(name).cloned()
    }
}

fn vectors(name: &str) -> Option<Vec<Value>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "where the vectors lie is not the package's"
    )]
    let given = std::env::var_os("LOWCODE_CONFORMANCE").map(PathBuf::from);
    let folder = given
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance"));
    let path = folder.join("vectors").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("SKIPPED: there is no {}", path.display());
        return None;
    };
    let lines = text.lines().map(|l| serde_json::from_str(l).unwrap());
    Some(lines.collect())
}

fn clock(input: &Value) -> Arc<Clock> {
    let now = input["now"].as_str().unwrap_or("2025-03-01T00:00:00Z");
    let now = chrono::DateTime::parse_from_rfc3339(now).unwrap();
    Arc::new(Clock::new(Some(now.timestamp_micros()), 0.0))
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn context(input: &Value) -> Context {
    let given = map(&input["context"]);
    let config = given
        .get("config")
        .cloned()
        .unwrap_or_else(|| Map::new().into());
    let names = given
        .iter()
        .map(|(name, value)| {
            let value = if let Some(parts) = value.get("$stream_slice") {
                slice(&Arc::new(StreamSlice {
                    partition: map(&parts["partition"]),
                    cursor_slice: map(&parts["cursor_slice"]),
                    extra_fields: map(&parts["extra_fields"]),
                }))
            } else if let Some(fields) = value.get("$headers") {
                // Of names that differ in case only, a mapping keeps the last.
                let mut known: Vec<(String, Value)> = Vec::new();
                for (name, value) in map(fields) {
                    match known
                        .iter_mut()
                        .find(|(n, _)| n.eq_ignore_ascii_case(&name))
                    {
                        Some(old) => *old = (name, value),
                        None => known.push((name, value)),
                    }
                }
                headers(known)
            } else {
                json(value)
            };
            (name.clone(), value)
        })
        .collect();
    Context {
        config: Config::new(config, clock(input)),
        names,
    }
}

/// A literal in the writing of the vectors.
fn written(literal: &Literal) -> Value {
    let tagged =
        |tag: &str, value: Value| Value::Object([(tag.to_owned(), value)].into_iter().collect());
    let all = |items: &[Literal]| Value::Array(items.iter().map(written).collect());
    match literal {
        Literal::None => Value::Null,
        Literal::Bool(b) => Value::from(*b),
        Literal::Int(i) => Value::from(*i),
        Literal::BigInt(b) => tagged("$int", b.to_string().into()),
        Literal::Float(f) if f.is_nan() => tagged("$float", "nan".into()),
        Literal::Float(f) if f.is_infinite() => {
            tagged("$float", if *f > 0.0 { "inf" } else { "-inf" }.into())
        }
        Literal::Float(f) => Value::from(*f),
        Literal::Str(s) => Value::from(s.as_str()),
        Literal::Bytes(b) => tagged(
            "$bytes",
            b.iter().map(|b| char::from(*b)).collect::<String>().into(),
        ),
        Literal::List(items) => all(items),
        Literal::Tuple(items) => tagged("$tuple", all(items)),
        Literal::Set(items) => {
            let mut items: Vec<Value> = items.iter().map(written).collect();
            items.sort_by_key(ToString::to_string);
            tagged("$set", items.into())
        }
        Literal::Dict(pairs) => {
            let named: Option<Map<String, Value>> = pairs
                .iter()
                .map(|(k, v)| match k {
                    Literal::Str(s) => Some((s.clone(), written(v))),
                    _ => None,
                })
                .collect();
            named.map_or_else(
                || {
                    let pairs = pairs
                        .iter()
                        .map(|(k, v)| vec![written(k), written(v)].into());
                    tagged("$dict", Value::Array(pairs.collect()))
                },
                Value::Object,
            )
        }
        Literal::Ellipsis => tagged("$ellipsis", true.into()),
    }
}

fn py_type(name: &Value) -> PyType {
    match name.as_str().unwrap() {
        "str" => PyType::Str,
        "int" => PyType::Int,
        "float" => PyType::Float,
        "bool" => PyType::Bool,
        "list" => PyType::List,
        _ => PyType::Dict,
    }
}

type Answer = Result<Value, String>;

fn template(text: &str, input: &Value) -> Result<Template<Context>, String> {
    let parameters = Arc::new(map(&input["context"]["parameters"]));
    Template::with(text, None, parameters).map_err(|e| e.to_string())
}

fn evaluate(kind: &str, input: &Value) -> Answer {
    let context = context(input);
    let text = input["template"]
        .as_str()
        .or(input["condition"].as_str())
        .unwrap();
    let template = template(text, input)?;
    let literal = match kind {
        "boolean" => {
            return Condition::Template(template)
                .eval(&context)
                .map(Value::from)
                .map_err(|e| e.to_string());
        }
        "string" => template.eval(&context),
        _ => {
            let valid: Vec<PyType> = input["valid_types"]
                .as_array()
                .map(|names| names.iter().map(py_type).collect())
                .unwrap_or_default();
            template.eval_or(&context, input["default"].as_str(), &valid)
        }
    };
    literal.map(|l| written(&l)).map_err(|e| e.to_string())
}

fn instant(d: &datetime::DateTime) -> Value {
    serde_json::json!({"iso": d.iso('T'), "epoch_microseconds": d.micros()})
}

fn date(kind: &str, input: &Value) -> Answer {
    let text = |key: &str| match &input[key] {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    let at = || datetime::parse_iso(&text("datetime")).map_err(|e| e.to_string());
    match kind {
        "parse" => datetime::parse(&text("value"), &text("format")).map(|d| instant(&d)),
        "format" => return Ok(datetime::format(&at()?, &text("format")).into()),
        "duration" => {
            let duration =
                datetime::Duration::parse(&text("duration")).map_err(|e| e.to_string())?;
            let moved = |d: datetime::Duration| d.add_to(&at()?).map_err(|e| e.to_string());
            return Ok(serde_json::json!({
                "years": duration.years,
                "months": duration.months,
                "seconds": duration.rest.total_seconds(),
                "added": moved(duration)?.iso('T'),
                "subtracted": moved(duration.negated())?.iso('T'),
            }));
        }
        _ => {
            let definition = &input["definition"];
            let config = Config::new(input["config"].clone(), clock(input));
            let scope = lowcode::template::scope::ConfigOnly::new(config);
            let part = |key: &str| -> Result<Option<String>, String> {
                let Some(text) = definition[key].as_str() else {
                    return Ok(None);
                };
                let template =
                    Template::with(text, None, Arc::default()).map_err(|e| e.to_string())?;
                template.text(&scope).map(Some).map_err(|e| e.to_string())
            };
            datetime::min_max(
                &part("datetime")?.unwrap_or_default(),
                part("min_datetime")?.as_deref(),
                part("max_datetime")?.as_deref(),
                definition["datetime_format"].as_str().unwrap_or_default(),
            )
            .map(|d| instant(&d))
        }
    }
    .map_err(|e| e.to_string())
}

/// Whether two answers are one: sets have no order.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            if let (Some(Value::Array(a)), Some(Value::Array(b))) = (a.get("$set"), b.get("$set")) {
                return a.len() == b.len() && a.iter().all(|a| b.iter().any(|b| same(a, b)));
            }
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|b| same(v, b)))
        }
        _ => a == b,
    }
}

fn hold(name: &str, allowed: usize, answer: impl Fn(&str, &Value) -> Answer) {
    let Some(vectors) = vectors(name) else {
        return;
    };
    let mut wrong = Vec::new();
    for vector in &vectors {
        let kind = vector["kind"].as_str().unwrap();
        let got = answer(kind, &vector["input"]);
        let right = match (&got, vector["error"].as_bool()) {
            (Err(_), Some(true)) => true,
            (Ok(got), None) => same(got, &vector["expect"]),
            _ => false,
        };
        if !right {
            let input = &vector["input"];
            let brief: Vec<String> = [
                "template",
                "condition",
                "default",
                "value",
                "format",
                "datetime",
                "duration",
                "definition",
            ]
            .iter()
            .filter(|k| !input[**k].is_null())
            .map(|k| input[*k].to_string())
            .collect();
            wrong.push(format!(
                "{} {kind} {} wanted {} got {}",
                vector["source"].as_str().unwrap_or_default(),
                brief.join(" | "),
                vector
                    .get("expect")
                    .map_or("an error".to_owned(), ToString::to_string),
                got.map_or_else(|e| format!("the error {e}"), |v| v.to_string()),
            ));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let rate = 1.0 - wrong.len() as f64 / vectors.len() as f64;
    println!(
        "{name}: {} of {} wrong ({:.2}% right)",
        wrong.len(),
        vectors.len(),
        rate * 100.0
    );
    for line in &wrong {
        println!("{line}");
    }
    assert!(
        wrong.len() <= allowed,
        "{name}: {} answers are wrong, {allowed} were",
        wrong.len()
    );
}

#[test]
fn templates_give_the_references_answers() {
    hold("interpolation.jsonl", WRONG_TEMPLATES, evaluate);
}

#[test]
fn dates_are_the_references() {
    hold("datetime.jsonl", WRONG_DATES, date);
}

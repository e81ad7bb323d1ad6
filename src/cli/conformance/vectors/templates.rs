//! `interpolation.jsonl`: templates and conditions.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::parts::{clock, slice};
use crate::template::{self, Condition, Config, Literal, PyType, Scope, TValue, Template};

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

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn context(input: &Value) -> Result<Context, String> {
    let given = map(&input["context"]);
    // Names that the reference gives to a slice itself (`jinja.py`).
    for reserved in ["stream_interval", "stream_partition"] {
        if given.contains_key(reserved) {
            return Err(format!("`{reserved}` is another name of `stream_slice`"));
        }
    }
    let config = given
        .get("config")
        .cloned()
        .unwrap_or_else(|| Map::new().into());
    let names = given
        .iter()
        .map(|(name, value)| {
            let value = if value.get("$stream_slice").is_some() {
                template::slice(&slice(value))
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
                template::headers(known)
            } else {
                template::json(value)
            };
            (name.clone(), value)
        })
        .collect();
    Ok(Context {
        config: Config::new(config, clock(input)?),
        names,
    })
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

fn py_type(name: &Value) -> Result<PyType, String> {
    Ok(match name.as_str().unwrap_or_default() {
        "str" => PyType::Str,
        "int" => PyType::Int,
        "float" => PyType::Float,
        "bool" => PyType::Bool,
        "list" => PyType::List,
        "dict" => PyType::Dict,
        other => return Err(format!("there is no type `{other}` to ask for")),
    })
}

fn compiled(text: &str, input: &Value) -> Result<Template<Context>, String> {
    let parameters = Arc::new(map(&input["context"]["parameters"]));
    Template::with(text, None, parameters).map_err(|e| e.to_string())
}

pub(super) fn answer(kind: &str, input: &Value) -> Result<Value, String> {
    let context = context(input)?;
    let text = input["template"]
        .as_str()
        .or(input["condition"].as_str())
        .unwrap_or_default();
    let template = compiled(text, input)?;
    let literal = match kind {
        "boolean" => {
            return Condition::Template(template)
                .eval(&context)
                .map(Value::from)
                .map_err(|e| e.to_string());
        }
        "string" => template.eval(&context),
        _ => {
            let valid = input["valid_types"].as_array().into_iter().flatten();
            let valid = valid.map(py_type).collect::<Result<Vec<_>, _>>()?;
            template.eval_or(&context, input["default"].as_str(), &valid)
        }
    };
    literal.map(|l| written(&l)).map_err(|e| e.to_string())
}

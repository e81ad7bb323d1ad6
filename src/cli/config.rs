//! The user's config: JSON or YAML, with `${env:NAME}` in its texts and `--set` over it.
//!
//! In: text, assignments and a way to look up variables. Out: a JSON object, or mistakes that name
//! the key. Values are never shown: any of them may be a secret.

use std::str::FromStr;

use serde_json::{Map, Value};

/// `--set path.to.key=value`: one value laid over the config.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assignment {
    path: Vec<String>,
    value: Value,
}

impl Assignment {
    /// Whether it sets the value at `path`, or one above or below.
    pub(super) fn touches(&self, path: &[String]) -> bool {
        self.path
            .iter()
            .zip(path)
            .all(|(ours, theirs)| ours == theirs)
    }
}

/// Keys a path may have: as deep as the JSON and YAML parsers go.
const DEEPEST: usize = 128;

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, value) = text
            .split_once('=')
            .ok_or("expected `path.to.key=value`, and found no `=`")?;
        let path = split_path(path);
        if path.iter().any(String::is_empty) {
            return Err("expected a key before and after each `.`".to_owned());
        }
        if path.len() > DEEPEST {
            return Err(format!("expected at most {DEEPEST} keys"));
        }
        Ok(Self {
            path,
            value: typed(value)?,
        })
    }
}

/// Keys of a dotted path; `\.` is a dot inside a key.
fn split_path(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '.' => {
                keys.push(String::new());
                continue;
            }
            '\\' => chars.next().unwrap_or('\\'),
            c => c,
        };
        if let Some(key) = keys.last_mut() {
            key.push(c);
        }
    }
    keys
}

/// A value as YAML has it. What is no YAML, such as `@name`, is taken as text, unless it starts
/// like a list, a mapping or a quoted text.
fn typed(text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Ok(Value::String(String::new()));
    }
    match serde_yaml::from_str(text) {
        Ok(value) => Ok(value),
        Err(error) if text.starts_with(['{', '[', '"', '\'']) => {
            Err(format!("the value is not valid YAML: {error}"))
        }
        Err(_) => Ok(Value::String(text.to_owned())),
    }
}

/// Reads a config. `name` stands in messages.
pub(super) fn parse(text: &str, name: &str) -> Result<Map<String, Value>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) if text.trim_start().starts_with('{') => {
            // Flow YAML also starts with a brace, so JSON's message counts only when both refuse.
            serde_yaml::from_str(text)
                .map_err(|_| format!("config `{name}` is not valid JSON: {error}"))?
        }
        Err(_) => serde_yaml::from_str(text)
            .map_err(|error| format!("config `{name}` is not valid YAML: {error}"))?,
    };
    match value {
        Value::Object(config) => Ok(config),
        Value::Null => Err(format!("config `{name}` is empty; expected a mapping")),
        other => Err(format!(
            "config `{name}` is {}; expected a mapping",
            kind(&other)
        )),
    }
}

/// Lays `assignments` over `config`, in order.
pub(super) fn assign(
    config: &mut Map<String, Value>,
    assignments: &[Assignment],
) -> Result<(), String> {
    let mut root = Value::Object(std::mem::take(config));
    let done = assignments
        .iter()
        .try_for_each(|assignment| set(&mut root, &assignment.path, &assignment.value));
    if let Value::Object(changed) = root {
        *config = changed;
    }
    done
}

fn set(root: &mut Value, path: &[String], value: &Value) -> Result<(), String> {
    let mut at = root;
    for (depth, key) in path.iter().enumerate() {
        let here = || path.get(..depth).unwrap_or_default().join(".");
        if at.is_null() {
            *at = if depth > 0 && key == "0" {
                Value::Array(Vec::new())
            } else {
                Value::Object(Map::new())
            };
        }
        at = match at {
            Value::Object(map) => map.entry(key.as_str()).or_insert(Value::Null),
            Value::Array(list) => {
                let length = list.len();
                let index = key
                    .parse::<usize>()
                    .ok()
                    .filter(|index| *index <= length)
                    .ok_or_else(|| {
                        format!(
                            "`--set {}`: `{}` is a list of {length}; expected an index from 0 to {length}",
                            path.join("."),
                            here(),
                        )
                    })?;
                if index == length {
                    list.push(Value::Null);
                }
                list.get_mut(index).ok_or("the list just grew")?
            }
            other => {
                return Err(format!(
                    "`--set {}`: `{}` is {}, and has no keys",
                    path.join("."),
                    here(),
                    kind(other),
                ));
            }
        };
    }
    *at = value.clone();
    Ok(())
}

/// Replaces each `${env:NAME}` in the texts of `value` by what `variable` knows; `$${env:NAME}`
/// stays as `${env:NAME}`. All variables that are missing are told, each with its key.
pub(super) fn expand(
    config: &mut Map<String, Value>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Vec<String>> {
    let mut missing = Vec::new();
    for (key, value) in config.iter_mut() {
        expand_value(value, key, variable, &mut missing);
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing)
    }
}

/// The same for values that are yet to be laid over a config.
pub(super) fn expand_assignments(
    assignments: &mut [Assignment],
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Vec<String>> {
    let mut missing = Vec::new();
    for Assignment { path, value } in assignments {
        expand_value(value, &path.join("."), variable, &mut missing);
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing)
    }
}

fn expand_value(
    value: &mut Value,
    path: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    missing: &mut Vec<String>,
) {
    match value {
        Value::String(text) if text.contains("${env:") => {
            *text = expand_text(text, path, variable, missing);
        }
        Value::Array(list) => {
            for (index, item) in list.iter_mut().enumerate() {
                expand_value(item, &format!("{path}.{index}"), variable, missing);
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                expand_value(item, &format!("{path}.{key}"), variable, missing);
            }
        }
        _ => {}
    }
}

fn expand_text(
    text: &str,
    path: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    missing: &mut Vec<String>,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${env:") {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        rest = tail;
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${env:");
            out.push_str(name);
            out.push('}');
            continue;
        }
        out.push_str(before);
        match variable(name.trim()) {
            Some(value) => out.push_str(&value),
            None => missing.push(format!(
                "`{path}` asks for the environment variable `{}`, which is not set",
                name.trim()
            )),
        }
    }
    out.push_str(rest);
    out
}

/// What a value is, in a message.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "an integer",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn with(config: Value, sets: &[&str]) -> Result<Value, String> {
        let mut config = object(config);
        let sets: Vec<Assignment> = sets.iter().map(|s| s.parse().unwrap()).collect();
        assign(&mut config, &sets)?;
        Ok(Value::Object(config))
    }

    #[test]
    fn json_and_yaml_are_read() {
        let expected = object(json!({"a": [1, "x"], "b": {"c": true}}));
        assert_eq!(
            parse("{\"a\": [1, \"x\"],\n\t\"b\": {\"c\": true}}", "c.json"),
            Ok(expected.clone())
        );
        assert_eq!(parse("a: [1, x]\nb:\n  c: true\n", "c.yaml"), Ok(expected));
        assert_eq!(parse("{a: 1}", "-"), Ok(object(json!({"a": 1}))));
    }

    #[test]
    fn what_is_no_config_is_said_once_with_its_name() {
        let text = |t| parse(t, "c.json").unwrap_err();
        assert!(text("{\"a\": 1,}x").starts_with("config `c.json` is not valid JSON: "));
        assert!(text("a: [1").starts_with("config `c.json` is not valid YAML: "));
        assert_eq!(text(""), "config `c.json` is empty; expected a mapping");
        assert_eq!(text("[1]"), "config `c.json` is a list; expected a mapping");
    }

    #[test]
    fn set_reads_yaml_and_walks_keys_and_indices() {
        assert_eq!(
            with(
                json!({"a": {"b": 1}, "l": [1]}),
                &["a.b=true", "a.c=[x, 2]", "l.1=z", "n.0.k=1.5", "e=", "v=@x"]
            ),
            Ok(
                json!({"a": {"b": true, "c": ["x", 2]}, "l": [1, "z"], "n": [{"k": 1.5}], "e": "", "v": "@x"})
            )
        );
        assert_eq!(with(json!({}), &["a\\.b=1=2"]), Ok(json!({"a.b": "1=2"})));
    }

    #[test]
    fn set_says_what_stands_in_its_way() {
        assert_eq!(
            with(json!({"l": [1]}), &["l.5=1"]),
            Err("`--set l.5`: `l` is a list of 1; expected an index from 0 to 1".to_owned())
        );
        assert_eq!(
            with(json!({"t": "secret"}), &["t.x=1"]),
            Err("`--set t.x`: `t` is text, and has no keys".to_owned())
        );
        let deep = vec!["k"; 129].join(".") + "=1";
        for wrong in ["a", "=1", "a..b=1", "a=[1", &deep] {
            assert!(wrong.parse::<Assignment>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn environment_variables_stand_in_texts() {
        let known = |name: &str| (name == "T").then(|| "tok".to_owned());
        let mut config =
            object(json!({"a": "Bearer ${env:T}${env:T}!", "b": ["$${env:T}", "${env:", 1]}));
        assert_eq!(expand(&mut config, &known), Ok(()));
        assert_eq!(
            Value::Object(config),
            json!({"a": "Bearer toktok!", "b": ["${env:T}", "${env:", 1]})
        );
    }

    #[test]
    fn every_missing_variable_is_told_with_its_key() {
        let mut config = object(json!({"a": {"b": ["${env:X}"]}, "c": "${env:Y}"}));
        assert_eq!(
            expand(&mut config, &|_| None),
            Err(vec![
                "`a.b.0` asks for the environment variable `X`, which is not set".to_owned(),
                "`c` asks for the environment variable `Y`, which is not set".to_owned(),
            ])
        );
    }
}

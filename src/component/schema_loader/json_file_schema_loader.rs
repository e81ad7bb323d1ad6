//! `JsonFileSchemaLoader`.

use std::io;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Loading;
use crate::component::ComponentError;
use crate::template::{Template, scope};

/// The schema stands in a file of its own.
///
/// `$ref`s to places in the file are resolved, and those to other files are looked up in the
/// folder `schemas/shared`. As airbyte-cdk 7.39.1, `json_file_schema_loader.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct JsonFileSchemaLoader {
    /// Path of the file, relative to the manifest's folder; a leading folder that names the
    /// connector's package is passed over. Unset: `./schemas/NAME.json` with the stream's name.
    #[serde(default)]
    file_path: Option<Template<scope::ConfigOnly>>,
}

/// How deep `$ref`s may lead into each other.
const DEEPEST: usize = 32;

impl JsonFileSchemaLoader {
    pub(super) fn load(&self, with: &Loading<'_>) -> Result<Value, ComponentError> {
        let given = self.file_path.as_ref().filter(|p| !p.source().is_empty());
        let Some(template) = given else {
            return load_default(with);
        };
        let scope = scope::ConfigOnly {
            config: with.config.clone(),
        };
        let path = template.text(&scope)?;
        load(&path, with).map_err(|error| error.or_at(template.at()))
    }
}

/// The schema at the place where a stream's file is looked for when no place is named.
pub(super) fn load_default(with: &Loading<'_>) -> Result<Value, ComponentError> {
    let path = format!("schemas/{}.json", with.stream);
    parse(&path, (with.read)(&path), with)
}

fn load(path: &str, with: &Loading<'_>) -> Result<Value, ComponentError> {
    let path = path.trim_start_matches("./");
    let inner = path.split_once('/').map(|(_, inner)| inner);
    let bytes = (with.read)(path).or_else(|error| match inner {
        // The reference takes the first folder for the package that the manifest is in.
        Some(inner) => (with.read)(inner).map_err(|_| error),
        None => Err(error),
    });
    parse(path, bytes, with)
}

fn parse(
    path: &str,
    bytes: io::Result<Vec<u8>>,
    with: &Loading<'_>,
) -> Result<Value, ComponentError> {
    let bytes = bytes
        .map_err(|error| ComponentError::config(format!("cannot read schema `{path}`: {error}")))?;
    let schema: Value = serde_json::from_slice(&bytes)
        .map_err(|error| ComponentError::config(format!("schema `{path}` is no JSON: {error}")))?;
    let mut resolved = resolve(&schema, &schema, with, 0)?;
    if let Value::Object(map) = &mut resolved {
        map.shift_remove("definitions");
    }
    Ok(resolved)
}

/// The schema with what its `$ref`s lead to in their place.
fn resolve(
    schema: &Value,
    root: &Value,
    with: &Loading<'_>,
    depth: usize,
) -> Result<Value, ComponentError> {
    if depth > DEEPEST {
        return Err(ComponentError::config(
            "the `$ref`s of a schema lead in circles",
        ));
    }
    match schema {
        Value::Object(map) => {
            if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                return follow(target, root, with, depth);
            }
            let mut resolved = Map::new();
            for (key, value) in map {
                resolved.insert(key.clone(), resolve(value, root, with, depth)?);
            }
            Ok(Value::Object(resolved))
        }
        Value::Array(items) => items
            .iter()
            .map(|item| resolve(item, root, with, depth))
            .collect(),
        scalar => Ok(scalar.clone()),
    }
}

fn follow(
    target: &str,
    root: &Value,
    with: &Loading<'_>,
    depth: usize,
) -> Result<Value, ComponentError> {
    let missing =
        || ComponentError::config(format!("a schema's `$ref` to `{target}` leads nowhere"));
    let (file, pointer) = target.split_once('#').unwrap_or((target, ""));
    if file.is_empty() {
        let found = root.pointer(pointer).ok_or_else(missing)?;
        return resolve(found, root, with, depth + 1);
    }
    let bytes = (with.read)(&format!("schemas/shared/{file}")).map_err(|_| missing())?;
    let other: Value = serde_json::from_slice(&bytes).map_err(|_| missing())?;
    let found = other.pointer(pointer).ok_or_else(missing)?;
    let mut resolved = resolve(found, &other, with, depth + 1)?;
    if let Value::Object(map) = &mut resolved {
        map.shift_remove("definitions");
    }
    Ok(resolved)
}

//! Where a stream's JSON schema comes from.
//!
//! In: the manifest, the config, and functions that read a file beside the manifest or ask an API.
//! Out: a JSON schema. It must not touch paths itself.

mod dynamic_schema_loader;
mod inline_schema_loader;
mod json_file_schema_loader;
mod types_map;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ComponentError;
use crate::manifest::Node;
use crate::template::Config;

pub use dynamic_schema_loader::DynamicSchemaLoader;
pub use inline_schema_loader::InlineSchemaLoader;
pub use json_file_schema_loader::JsonFileSchemaLoader;
pub use types_map::{ComplexFieldType, SchemaTypeIdentifier, TargetType, TypesMap};

/// Reads a file by its path relative to the manifest's folder.
pub type ReadFile<'a> = dyn Fn(&str) -> std::io::Result<Vec<u8>> + 'a;

/// Reads the first record of a retriever, which is given as a node; none when it brings none.
pub type FirstRecord<'a> = dyn Fn(&Node) -> Result<Option<Value>, ComponentError> + 'a;

/// What schemas are loaded with.
#[derive(Clone, Copy)]
pub struct Loading<'a> {
    /// The user's values.
    pub config: &'a Config,
    /// Name of the stream.
    pub stream: &'a str,
    /// Reads a file beside the manifest.
    pub read: &'a ReadFile<'a>,
    /// Asks an API.
    pub first_record: &'a FirstRecord<'a>,
}

/// Where a schema comes from.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum SchemaLoader {
    /// The schema stands in the manifest.
    InlineSchemaLoader(InlineSchemaLoader),
    /// The schema stands in a file of its own.
    JsonFileSchemaLoader(JsonFileSchemaLoader),
    /// The schema is told by an API.
    DynamicSchemaLoader(Box<DynamicSchemaLoader>),
}

impl SchemaLoader {
    /// The schema.
    ///
    /// # Errors
    /// When a file cannot be read, or is no JSON, or an API cannot be asked.
    pub fn load(&self, with: &Loading<'_>) -> Result<Value, ComponentError> {
        match self {
            Self::InlineSchemaLoader(loader) => Ok(loader.schema()),
            Self::JsonFileSchemaLoader(loader) => loader.load(with),
            Self::DynamicSchemaLoader(loader) => loader.load(with),
        }
    }
}

/// The schema of several loaders: the properties of all; of equal ones the first loader's counts.
///
/// # Errors
/// When a loader fails, or its schema has no `properties`.
pub fn load_all(loaders: &[SchemaLoader], with: &Loading<'_>) -> Result<Value, ComponentError> {
    let mut properties = Map::new();
    for loader in loaders.iter().rev() {
        let mut schema = loader.load(with)?;
        match schema.get_mut("properties").map(Value::take) {
            Some(Value::Object(more)) => properties.extend(more),
            _ => {
                let message = "a schema among several has no `properties`";
                return Err(ComponentError::config(message));
            }
        }
    }
    Ok(json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": ["null", "object"],
        "properties": properties,
    }))
}

/// The schema of a stream that names no loader: that of its file at the default place, else an
/// empty one.
#[must_use]
pub fn load_default(with: &Loading<'_>) -> Value {
    json_file_schema_loader::load_default(with).unwrap_or_else(|_| json!({}))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::from_yaml;

    fn read(path: &str) -> io::Result<Vec<u8>> {
        match path {
            "schemas/users.json" => Ok(br##"{
                "properties": {"id": {"$ref": "#/definitions/key"}, "o": {"$ref": "owner.json"}},
                "definitions": {"key": {"type": "string"}}
            }"##
            .to_vec()),
            "schemas/shared/owner.json" => Ok(br#"{"type": "object"}"#.to_vec()),
            "schemas/broken.json" => Ok(b"{".to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn with<R>(stream: &str, f: impl FnOnce(&Loading<'_>) -> R) -> R {
        let config = Config::new(json!({"dir": "schemas"}), Arc::new(Clock::system()));
        f(&Loading {
            config: &config,
            stream,
            read: &read,
            first_record: &|_| Ok(None),
        })
    }

    #[test]
    fn a_file_is_found_as_in_its_package_and_its_references_are_resolved() {
        for path in [
            "./{{ config.dir }}/users.json",
            "source_x/schemas/users.json",
        ] {
            let yaml = format!("{{type: JsonFileSchemaLoader, file_path: \"{path}\"}}");
            let loader: SchemaLoader = from_yaml(&yaml);
            assert_eq!(
                with("users", |w| loader.load(w)).unwrap(),
                json!({"properties": {"id": {"type": "string"}, "o": {"type": "object"}}})
            );
        }
    }

    #[test]
    fn the_default_is_the_file_of_the_stream_or_an_empty_schema() {
        assert!(with("users", load_default).get("properties").is_some());
        assert_eq!(with("nobody", load_default), json!({}));
        let loader: SchemaLoader = from_yaml("type: JsonFileSchemaLoader");
        assert!(with("users", |w| loader.load(w)).is_ok());
        let missing = with("nobody", |w| loader.load(w)).unwrap_err();
        assert!(missing.message.contains("nobody.json"), "{missing}");
        assert!(with("broken", |w| loader.load(w)).is_err());
    }

    #[test]
    fn several_are_merged_and_the_first_counts() {
        let loaders: Vec<SchemaLoader> = from_yaml(
            "
- {type: InlineSchemaLoader, schema: {properties: {a: {type: string}}}}
- {type: InlineSchemaLoader, schema: {properties: {a: {type: number}, b: {}}}}
",
        );
        let schema = with("s", |w| load_all(&loaders, w)).unwrap();
        assert_eq!(
            schema["properties"],
            json!({"a": {"type": "string"}, "b": {}})
        );
        let loaders: Vec<SchemaLoader> = from_yaml("[{type: InlineSchemaLoader}]");
        assert!(with("s", |w| load_all(&loaders, w)).is_err());
    }
}

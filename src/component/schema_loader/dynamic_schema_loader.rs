//! `DynamicSchemaLoader`: the schema as an API tells it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Loading;
use super::types_map::{SchemaTypeIdentifier, type_of};
use crate::component::ComponentError;
use crate::component::record_filter::Filter;
use crate::component::transformation::{Around, Transformation};
use crate::manifest::Raw;
use crate::message::Data;
use crate::template::{Config, TValue};

/// Makes the schema of a stream out of the first record that a retriever brings.
///
/// As airbyte-cdk 7.39.1, `dynamic_schema_loader.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DynamicSchemaLoader {
    /// How the record is read.
    retriever: Raw,
    /// Where the fields, their names and their types are in the record.
    schema_type_identifier: SchemaTypeIdentifier,
    /// Which fields are in the schema; as `record`, its condition sees a mapping with one field's
    /// name and schema. Unset: all.
    #[serde(default)]
    schema_filter: Option<Filter>,
    /// Changes made to the fields of the schema, one after the other; as `record`, they see the
    /// mapping of all names and schemas.
    #[serde(default)]
    schema_transformations: Option<Vec<Transformation>>,
}

impl DynamicSchemaLoader {
    /// The schema.
    pub(super) fn load(&self, with: &Loading<'_>) -> Result<Value, ComponentError> {
        let record = (with.first_record)(&self.retriever.0)?;
        let identifier = &self.schema_type_identifier;
        let fields = match &record {
            Some(record) => identifier.fields(record, with.config)?,
            None => Vec::new(),
        };
        let mut properties = Map::new();
        for field in &fields {
            let (name, schema) = type_of(identifier, field, with.config)?;
            properties.insert(name, schema);
        }
        let properties = self.change(self.filter(properties, with.config)?, with.config)?;
        Ok(json!({
            "$schema": "https://json-schema.org/draft-07/schema#",
            "type": "object",
            "additionalProperties": true,
            "properties": properties,
        }))
    }

    fn filter(
        &self,
        properties: Map<String, Value>,
        config: &Config,
    ) -> Result<Map<String, Value>, ComponentError> {
        let Some(filter) = &self.schema_filter else {
            return Ok(properties);
        };
        let around = around(config);
        let mut kept = Map::new();
        for (name, schema) in properties {
            let alone = Map::from_iter([(name.clone(), schema.clone())]);
            if filter.keeps(&Arc::new(Data::from_value(alone.into())), &around)? {
                kept.insert(name, schema);
            }
        }
        Ok(kept)
    }

    fn change(
        &self,
        properties: Map<String, Value>,
        config: &Config,
    ) -> Result<Value, ComponentError> {
        let around = around(config);
        let mut record = Arc::new(Data::from_value(properties.into()));
        for transformation in self.schema_transformations.iter().flatten() {
            transformation.transform(&mut record, &around)?;
        }
        Ok(record.to_value())
    }
}

fn around(config: &Config) -> Around {
    Around {
        config: config.clone(),
        stream_slice: TValue::from_json(&json!({})),
        next_page_token: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::from_yaml;

    const YAML: &str = "
retriever: {type: SimpleRetriever}
schema_type_identifier:
  schema_pointer: [cols]
  key_pointer: [key]
  type_pointer: [kind]
  types_mapping:
    - {target_type: integer, current_type: int}
    - {target_type: boolean, current_type: [flag, 'null']}
    - {target_type: [number, string], current_type: money}
    - {target_type: date, current_type: dt, condition: \"{{ raw_schema['key'] == 'at' }}\"}
    - {target_type: {field_type: array, items: {field_type: array, items: integer}}, current_type: m}
schema_filter: {type: RecordFilter, condition: \"{{ not record.get('no') }}\"}
schema_transformations: [{type: KeysToLower}]
";

    fn properties(cols: Value) -> Result<Value, ComponentError> {
        let loader: DynamicSchemaLoader = from_yaml(YAML);
        let config = Config::new(json!({}), Arc::new(Clock::system()));
        let schema = loader.load(&Loading {
            config: &config,
            stream: "s",
            read: &|_| Err(std::io::ErrorKind::NotFound.into()),
            first_record: &|_| Ok(Some(json!({ "cols": cols }))),
        })?;
        Ok(schema["properties"].clone())
    }

    #[test]
    fn types_are_mapped_filtered_and_transformed() {
        let cols = json!([
            {"key": "ID", "kind": "int"},
            {"key": "f", "kind": ["flag", "null"]},
            {"key": "cost", "kind": "money"},
            {"key": "at", "kind": "dt"},
            {"key": "m", "kind": "m"},
            {"key": "no", "kind": "int"},
            {"key": "plain"},
        ]);
        assert_eq!(
            properties(cols).unwrap(),
            json!({
                "id": {"type": ["null", "integer"]},
                "f": {"type": ["null", "boolean"]},
                "cost": {"oneOf": [{"type": ["null", "number"]}, {"type": ["null", "string"]}]},
                "at": {"type": ["null", "string"], "format": "date"},
                "m": {"type": ["null", "array"], "items":
                    {"type": ["null", "array"], "items": {"type": ["null", "integer"]}}},
                "plain": {"type": ["null", "string"]},
            })
        );
    }

    #[test]
    fn a_type_without_a_meaning_is_told() {
        for cols in [
            json!([{"key": "a", "kind": "dt"}]),
            json!([{"key": "a", "kind": ["x"]}]),
            json!([{"key": 1}]),
        ] {
            assert!(properties(cols).is_err());
        }
    }
}

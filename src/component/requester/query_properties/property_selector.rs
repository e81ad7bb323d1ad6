//! `JsonSchemaPropertySelector`.

use std::collections::BTreeSet;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::component::ComponentError;
use crate::component::transformation::{Around, Transformation};
use crate::message::{Data, StreamSlice};
use crate::template::{self, Config};

/// Wants the properties that are in the schema of the configured catalog.
///
/// As airbyte-cdk 7.39.1, `json_schema_property_selector.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct JsonSchemaPropertySelector {
    /// Change the names of the schema into those of the API.
    #[serde(default)]
    transformations: Vec<Transformation>,
}

impl JsonSchemaPropertySelector {
    /// The names that are wanted of `columns`, the schema's properties.
    pub(super) fn select(
        &self,
        columns: &Value,
        config: &Config,
    ) -> Result<BTreeSet<String>, ComponentError> {
        let around = Around {
            config: config.clone(),
            stream_slice: template::slice(&Arc::new(StreamSlice::default())),
            next_page_token: None,
        };
        let mut columns = Arc::new(Data::from_value(columns.clone()));
        for transformation in &self.transformations {
            transformation.transform(&mut columns, &around)?;
        }
        let names = match columns.to_value() {
            Value::Object(map) => map.into_iter().map(|(name, _)| name).collect(),
            _ => BTreeSet::new(),
        };
        Ok(names)
    }
}

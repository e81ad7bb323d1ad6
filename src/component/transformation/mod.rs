//! Changes made to each record on its way out.
//!
//! In: a record and what surrounds it. Out: the record, changed in place. A field that is set or
//! removed at the first level leaves the rest of the record as text.

mod add_fields;
mod dpath_flatten_fields;
mod flatten_fields;
mod keys_replace;
mod keys_to_lower;
mod keys_to_snake_case;
mod remove_fields;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::ComponentError;
use crate::message::Data;
use crate::template::{self, Condition, Config, TValue, scope};

pub use add_fields::{AddFields, AddedFieldDefinition, ValueType};
pub use dpath_flatten_fields::{DpathFlattenFields, KeyTransformation};
pub use flatten_fields::FlattenFields;
pub use keys_replace::KeysReplace;
pub use keys_to_lower::KeysToLower;
pub use keys_to_snake_case::KeysToSnakeCase;
pub(super) use remove_fields::Pointer;
pub use remove_fields::RemoveFields;

/// What templates see beside the record: made once for each page.
#[derive(Debug, Clone)]
pub struct Around {
    /// The user's values.
    pub config: Config,
    /// The slice that is read.
    pub stream_slice: TValue,
    /// The token of the page; transformations never see it.
    pub next_page_token: Option<TValue>,
}

impl Around {
    /// What a template that reads `record` sees. It holds the record until it is dropped.
    #[must_use]
    pub fn scope(&self, record: &Arc<Data>) -> scope::Record {
        scope::Record {
            config: self.config.clone(),
            record: template::lazy(record.clone()),
            stream_slice: self.stream_slice.clone(),
            next_page_token: self.next_page_token.clone(),
        }
    }
}

/// Changes a record.
pub trait RecordTransformation {
    /// Changes `record` in place.
    ///
    /// # Errors
    /// When a template fails, or the record has another shape than the change needs.
    fn transform(&self, record: &mut Arc<Data>, around: &Around) -> Result<(), ComponentError>;
}

/// A change made to each record.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum Transformation {
    /// Adds fields, or replaces their values.
    AddFields(AddFields),
    /// Removes fields.
    RemoveFields(RemoveFields),
    /// Turns the keys of the first level into lower case.
    KeysToLower(KeysToLower),
    /// Turns all keys into snake case.
    KeysToSnakeCase(KeysToSnakeCase),
    /// Replaces text in keys.
    KeysReplace(KeysReplace),
    /// Brings all nested fields to the first level.
    FlattenFields(FlattenFields),
    /// Brings the fields of one nested object to the first level.
    DpathFlattenFields(DpathFlattenFields),
}

impl Transformation {
    fn get(&self) -> &dyn RecordTransformation {
        match self {
            Self::AddFields(t) => t,
            Self::RemoveFields(t) => t,
            Self::KeysToLower(t) => t,
            Self::KeysToSnakeCase(t) => t,
            Self::KeysReplace(t) => t,
            Self::FlattenFields(t) => t,
            Self::DpathFlattenFields(t) => t,
        }
    }

    /// Whether templates over the record decide what it does.
    #[must_use]
    pub fn is_templated(&self) -> bool {
        matches!(
            self,
            Self::AddFields(_) | Self::RemoveFields(_) | Self::KeysReplace(_)
        )
    }

    /// Changes `record` in place.
    ///
    /// # Errors
    /// When a template fails, or the record has another shape than the change needs.
    pub fn transform(&self, record: &mut Arc<Data>, around: &Around) -> Result<(), ComponentError> {
        self.get().transform(record, around)
    }
}

/// The record as a tree of fields, to be changed.
fn fields(record: &mut Arc<Data>) -> Result<&mut Map<String, Value>, ComponentError> {
    match Arc::make_mut(record).value_mut() {
        Value::Object(map) => Ok(map),
        other => Err(not_an_object(other)),
    }
}

/// The condition, unless it is empty: then the reference does not ask for one.
pub(super) fn given<S>(condition: Option<&Condition<S>>) -> Option<&Condition<S>> {
    condition.filter(|c| c.template().is_none_or(|t| !t.source().is_empty()))
}

/// The error for a record that is no object.
pub(super) fn not_an_object(value: &Value) -> ComponentError {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    ComponentError::system(format!("a record is {kind}, expected an object"))
}

#[cfg(test)]
mod testing {
    use super::*;
    use crate::clock::Clock;
    use crate::message::StreamSlice;
    use serde_json::json;

    /// Runs the transformation of a piece of YAML over a record.
    pub(super) fn transform(yaml: &str, record: &Value) -> Result<Value, ComponentError> {
        let transformation: Transformation = crate::component::testing::from_yaml(yaml);
        let config = Config::new(json!({"n": 3, "key": "data"}), Arc::new(Clock::system()));
        let mut slice = StreamSlice::default();
        slice.partition.insert("parent_id".to_owned(), json!("p1"));
        let around = Around {
            config,
            stream_slice: template::slice(&Arc::new(slice)),
            next_page_token: None,
        };
        let mut data = Arc::new(Data::from_value(record.clone()));
        transformation.transform(&mut data, &around)?;
        Ok(data.to_value())
    }
}

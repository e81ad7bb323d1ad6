//! `AddFields`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Around, RecordTransformation, given};
use crate::component::ComponentError;
use crate::component::dpath;
use crate::component::one_or_many::not_empty;
use crate::message::Data;
use crate::template::{self, Condition, Config, PyType, Scope, TValue, Template, scope};

/// Adds fields to each record, or replaces their values.
///
/// Missing parents are made on the way: objects, or lists where the next key is a number. Fields
/// are added one after the other, so that a later one sees the earlier ones. As airbyte-cdk
/// 7.39.1, `add_fields.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AddFields {
    /// The fields to add.
    fields: Vec<AddedFieldDefinition>,
    /// Adds a field only when true. It reads the new value as `value` and its path as `path`,
    /// beside `record`, `stream_slice` and `config`. Unset or empty: always.
    condition: Option<Condition<FieldScope>>,
}

/// One field to add.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AddedFieldDefinition {
    /// Keys from the record down to the field. No templates are evaluated in it.
    #[serde(deserialize_with = "not_empty")]
    path: Vec<String>,
    /// Value of the field, such as `{{ record['id'] }}`. Text that reads as a Python literal
    /// becomes that value: `1` a number, `True` a boolean.
    value: Template<scope::Record>,
    /// Type that the value must have to become more than text. Unset: any.
    value_type: Option<ValueType>,
}

/// Type of an added value.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// Text, also where it reads as a number.
    String,
    /// A number with a decimal point; an integer stays text.
    Number,
    /// An integer.
    Integer,
    /// `True` or `False`.
    Boolean,
}

impl ValueType {
    pub(in crate::component) fn python(self) -> PyType {
        match self {
            Self::String => PyType::Str,
            Self::Number => PyType::Float,
            Self::Integer => PyType::Int,
            Self::Boolean => PyType::Bool,
        }
    }
}

/// What the condition of [`AddFields`] reads.
#[derive(Clone)]
struct FieldScope {
    record: scope::Record,
    value: TValue,
    path: TValue,
}

impl Scope for FieldScope {
    const NAMES: &'static [&'static str] = &["record", "stream_slice", "value", "path"];

    fn config(&self) -> &Config {
        self.record.config()
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        match name {
            "value" => Some(self.value.clone()),
            "path" => Some(self.path.clone()),
            _ => self.record.lookup(name),
        }
    }
}

impl RecordTransformation for AddFields {
    fn transform(&self, record: &mut Arc<Data>, around: &Around) -> Result<(), ComponentError> {
        for field in &self.fields {
            field.add(record, around, given(self.condition.as_ref()))?;
        }
        Ok(())
    }
}

impl AddedFieldDefinition {
    fn add(
        &self,
        record: &mut Arc<Data>,
        around: &Around,
        condition: Option<&Condition<FieldScope>>,
    ) -> Result<(), ComponentError> {
        let scope = around.scope(record);
        let value = self.evaluate(&scope)?;
        if let Some(condition) = condition {
            let path = Value::from(self.path.clone());
            let wanted = condition.eval(&FieldScope {
                record: scope,
                value: template::json(&value),
                path: template::json(&path),
            })?;
            if !wanted {
                return Ok(());
            }
        } else {
            // So that nobody else holds the record, and it is changed in place.
            drop(scope);
        }
        let data = Arc::make_mut(record);
        match &self.path[..] {
            [key] if data.is_object() => data.set(key, value),
            path => dpath::set(data.value_mut(), path, value)?,
        }
        Ok(())
    }

    fn evaluate(&self, scope: &scope::Record) -> Result<Value, ComponentError> {
        let literal = match self.value_type {
            None => self.value.eval(scope)?,
            Some(value_type) => self.value.eval_as(scope, &[value_type.python()])?,
        };
        Ok(literal.into_json())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::transform;
    use serde_json::json;

    #[test]
    fn later_fields_see_earlier_ones() {
        let yaml = "
type: AddFields
fields:
  - {path: [twice], value: '{{ record.n * 2 }}'}
  - {path: [nested, again], value: '{{ record.twice }}'}
  - {path: [parent], value: '{{ stream_slice.parent_id }}'}
";
        assert_eq!(
            transform(yaml, &json!({"n": 2})).unwrap(),
            json!({"n": 2, "twice": 4, "nested": {"again": 4}, "parent": "p1"})
        );
    }

    #[test]
    fn value_type_keeps_other_literals_text() {
        let yaml = "
type: AddFields
fields:
  - {path: [a], value: '12', value_type: string}
  - {path: [b], value: '12', value_type: integer}
  - {path: [c], value: '12'}
";
        assert_eq!(
            transform(yaml, &json!({})).unwrap(),
            json!({"a": "12", "b": 12, "c": 12})
        );
    }

    #[test]
    fn the_condition_reads_value_and_path() {
        let yaml = "
type: AddFields
condition: \"{{ value != 'no' and path[0] != 'z' }}\"
fields:
  - {path: [a], value: '{{ record.x }}'}
  - {path: [b], value: 'no'}
  - {path: [z], value: 'yes'}
";
        assert_eq!(
            transform(yaml, &json!({"x": "yes"})).unwrap(),
            json!({"x": "yes", "a": "yes"})
        );
    }

    #[test]
    fn a_scalar_on_the_way_is_an_error() {
        let yaml = "{type: AddFields, fields: [{path: [id, x], value: v}]}";
        let error = transform(yaml, &json!({"id": 1})).unwrap_err();
        assert!(
            error.message.contains("without children"),
            "{}",
            error.message
        );
    }
}

//! What an API says of a field, as a JSON schema.

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::component::ComponentError;
use crate::component::dpath::Glob;
use crate::component::extractor::eval_path;
use crate::manifest::{NodeValue, Raw, located};
use crate::template::scope::RawSchema;
use crate::template::{Condition, Config, TValue, Template, scope};

/// A path of keys.
type Pointer = Vec<Template<scope::ConfigOnly>>;

/// Where the fields of a schema, their names and their types are in a record.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SchemaTypeIdentifier {
    /// Path of the list of fields in the record. Unset: the record itself is it.
    #[serde(default)]
    schema_pointer: Option<Pointer>,
    /// Path of the name in a field.
    key_pointer: Pointer,
    /// Path of the type in a field; a field without it is text. Unset: all are text.
    #[serde(default)]
    type_pointer: Option<Pointer>,
    /// What the API's types are here. A type that is not in it must be one that is known: `string`,
    /// `boolean`, `date`, `timestamp_without_timezone`, `timestamp_with_timezone`,
    /// `time_without_timezone`, `time_with_timezone`, `integer`, `number`, `array`, `object`.
    #[serde(default)]
    types_mapping: Option<Vec<TypesMap>>,
}

/// What a type of the API is here.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct TypesMap {
    /// The type here: one, a list of two for one or the other, or an array of a type.
    target_type: TargetType,
    /// The type of the API. A list stands for that whole list, not for one of its items.
    current_type: Raw,
    /// The mapping counts for fields for which this is true; `raw_schema` is the field. Unset: for
    /// all.
    #[serde(default)]
    condition: Option<Condition<RawSchema>>,
}

/// A type here.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum TargetType {
    /// Its name.
    Name(String),
    /// Names of two, one or the other.
    Names(Vec<String>),
    /// A type of items.
    Complex(ComplexFieldType),
}

/// A type that may have items.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ComplexFieldType {
    /// Name of the type.
    field_type: String,
    /// Type of the items, of an array only: a name, or a type that has items itself.
    #[serde(default)]
    items: Option<Box<TargetType>>,
}

impl<'de> Deserialize<'de> for TargetType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (here, Raw(node)) = located::<D, Raw>(deserializer)?;
        let here = here.ok_or_else(|| D::Error::custom("expected a manifest"))?;
        match &node.value {
            NodeValue::Seq(_) => here.decode().map(Self::Names),
            NodeValue::Map(_) => here.decode().map(Self::Complex),
            _ => here.decode().map(Self::Name),
        }
    }
}

impl SchemaTypeIdentifier {
    /// What the record says of the fields.
    pub(super) fn fields(
        &self,
        record: &Value,
        config: &Config,
    ) -> Result<Vec<Value>, ComponentError> {
        match at(record, self.schema_pointer.as_ref(), config)? {
            Some(Value::Array(fields)) => Ok(fields.clone()),
            found => {
                let found = found.map_or("nothing".to_owned(), Value::to_string);
                let found: String = found.chars().take(80).collect();
                Err(ComponentError::config(format!(
                    "the list of a schema's fields is expected at `schema_pointer`, found {found}"
                )))
            }
        }
    }
}

/// The name of a field and its schema.
pub(super) fn type_of(
    identifier: &SchemaTypeIdentifier,
    field: &Value,
    config: &Config,
) -> Result<(String, Value), ComponentError> {
    let Some(Value::String(name)) = at(field, Some(&identifier.key_pointer), config)? else {
        return Err(ComponentError::config(
            "the name of a schema's field is expected to be text",
        ));
    };
    let text = Value::String("string".to_owned());
    let found = match &identifier.type_pointer {
        Some(pointer) => at(field, Some(pointer), config)?.unwrap_or(&text),
        None => &text,
    };
    for mapping in identifier.types_mapping.iter().flatten() {
        if mapping.current_type.0.to_json() != *found {
            continue;
        }
        let scope = RawSchema {
            config: config.clone(),
            raw_schema: TValue::from_json(field),
        };
        let counts = mapping.condition.as_ref();
        if counts.map_or(Ok(true), |condition| condition.eval(&scope))? {
            return Ok((name.clone(), target(&mapping.target_type)?));
        }
    }
    let schema = match found {
        Value::String(found) => airbyte_type(found)?,
        Value::Array(types) => either(&types.iter().filter_map(Value::as_str).collect::<Vec<_>>())?,
        other => return Err(invalid(&other.to_string())),
    };
    Ok((name.clone(), schema))
}

fn target(target: &TargetType) -> Result<Value, ComponentError> {
    match target {
        TargetType::Name(name) => airbyte_type(name),
        TargetType::Names(names) => either(&names.iter().map(String::as_str).collect::<Vec<_>>()),
        TargetType::Complex(complex) => {
            let mut schema = airbyte_type(&complex.field_type)?;
            if let Some(items) = &complex.items {
                if complex.field_type != "array" {
                    return Err(ComponentError::config("only an `array` has `items`"));
                }
                schema["items"] = self::target(items)?;
            }
            Ok(schema)
        }
    }
}

fn either(names: &[&str]) -> Result<Value, ComponentError> {
    match names {
        [one, other] => Ok(json!({"oneOf": [airbyte_type(one)?, airbyte_type(other)?]})),
        _ => Err(invalid(&names.join(", "))),
    }
}

fn invalid(found: &str) -> ComponentError {
    ComponentError::config(format!(
        "found the type `{found}`, expected a known name or two of them"
    ))
}

fn airbyte_type(name: &str) -> Result<Value, ComponentError> {
    Ok(match name {
        "string" | "boolean" | "integer" | "number" | "array" | "object" => {
            json!({"type": ["null", name]})
        }
        "date" => json!({"type": ["null", "string"], "format": "date"}),
        "timestamp_with_timezone" => json!({"type": ["null", "string"], "format": "date-time"}),
        "timestamp_without_timezone" => {
            json!({"type": ["null", "string"], "format": "date-time", "airbyte_type": name})
        }
        "time_with_timezone" | "time_without_timezone" => {
            json!({"type": ["null", "string"], "format": "time", "airbyte_type": name})
        }
        _ => return Err(invalid(name)),
    })
}

fn at<'v>(
    value: &'v Value,
    pointer: Option<&Pointer>,
    config: &Config,
) -> Result<Option<&'v Value>, ComponentError> {
    match pointer.filter(|pointer| !pointer.is_empty()) {
        None => Ok(Some(value)),
        Some(pointer) => Ok(Glob::new(&eval_path(pointer, config)?)?.get(&value)?),
    }
}

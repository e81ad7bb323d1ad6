//! Which fields tell the records of a stream apart.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::manifest::{Node, NodeValue, Raw};

/// Which fields tell the records of a stream apart, in the order of the manifest.
///
/// One field, a list of fields, or a list of paths that have one field each; the reference refuses
/// longer paths too (`streams/concurrent/helpers.py`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrimaryKey(pub Vec<String>);

impl<'de> Deserialize<'de> for PrimaryKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Raw(node) = Raw::deserialize(deserializer)?;
        match &node.value {
            NodeValue::Null => Ok(Self::default()),
            NodeValue::Str(field) => Ok(Self(vec![field.to_string()])),
            NodeValue::Seq(fields) => fields
                .iter()
                .map(|field| one(field).map_err(D::Error::custom))
                .collect::<Result<_, _>>()
                .map(Self),
            _ => Err(D::Error::custom(
                "a primary key is expected to be a field, or a list of fields",
            )),
        }
    }
}

fn one(node: &Node) -> Result<String, &'static str> {
    match node.as_seq() {
        None => node.as_str(),
        Some([field]) => field.as_str(),
        Some(_) => return Err("nested primary keys are not supported: one field each is expected"),
    }
    .map(str::to_owned)
    .ok_or("a field of a primary key is expected to be text")
}

impl JsonSchema for PrimaryKey {
    fn schema_name() -> Cow<'static, str> {
        "PrimaryKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let field = json_schema!({ "type": "string" });
        json_schema!({
            "description": "One field, a list of fields, or a list of paths of one field each.",
            "anyOf": [
                field,
                { "type": "array", "items": field },
                { "type": "array", "items": { "type": "array", "items": field } },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::{from_yaml, mistakes};

    #[test]
    fn all_shapes() {
        let key = |yaml| from_yaml::<PrimaryKey>(yaml).0;
        assert_eq!(key("id"), ["id"]);
        assert_eq!(key("[a, b]"), ["a", "b"]);
        assert_eq!(key("[[a], [b]]"), ["a", "b"]);
        for wrong in ["[[a, b]]", "[1]", "{a: b}"] {
            assert_eq!(mistakes::<PrimaryKey>(wrong).len(), 1, "{wrong}");
        }
    }
}

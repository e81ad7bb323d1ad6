//! Fields and components of the language that this version does not know yet.

use serde::{Deserialize, Deserializer, de};

use crate::manifest::{NodeValue, Raw};

/// The value of a field that is not known yet: an error where it stands, unless it is empty.
#[derive(Debug)]
pub(crate) struct Unknown;

impl<'de> Deserialize<'de> for Unknown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Raw(node) = Raw::deserialize(deserializer)?;
        let is_empty = match &node.value {
            NodeValue::Null | NodeValue::Bool(false) => true,
            NodeValue::Seq(items) => items.is_empty(),
            _ => false,
        };
        if is_empty {
            return Ok(Self);
        }
        let message = match node.type_name() {
            Some(name) => format!("component `{name}` is not known to this version"),
            None => "this field is not known to this version".to_owned(),
        };
        Err(de::Error::custom(message))
    }
}

//! `request_parameters`: fields, of which one may be the properties to ask for.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::query_properties::{PropertiesParameter, QUERY_PROPERTIES, QueryProperties};
use super::{Evaluated, Fields};
use crate::component::ComponentError;
use crate::manifest::{Here, Node, NodeValue, Raw, located};
use crate::message::StreamSlice;
use crate::template::{Literal, PyType, scope};

/// Query parameters.
#[derive(Debug)]
pub(super) struct Parameters {
    fields: Fields<scope::Slice>,
    properties: Option<(String, Box<QueryProperties>)>,
}

impl Parameters {
    /// The properties that one of them asks for.
    pub(super) fn properties(&self) -> Option<&QueryProperties> {
        self.properties
            .as_ref()
            .map(|(_, properties)| &**properties)
    }

    /// The parameters of a request of `slice`.
    pub(super) fn eval(
        &self,
        scope: &scope::Slice,
        slice: &StreamSlice,
        valid: &[PyType],
    ) -> Result<Evaluated, ComponentError> {
        let mut evaluated = self.fields.eval(scope, valid)?;
        if let (Some((name, _)), Evaluated::Mapping(map)) = (&self.properties, &mut evaluated)
            && let Some(names) = slice.extra_fields.get(QUERY_PROPERTIES)
        {
            let names = names.as_array().into_iter().flatten();
            let names: Vec<_> = names
                .map(|name| Literal::from_json(name).to_python_str())
                .collect();
            map.insert(name.clone(), names.join(",").into());
        }
        Ok(evaluated)
    }
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (here, Raw(node)) = located::<D, Raw>(deserializer)?;
        let here = here.ok_or_else(|| D::Error::custom("expected a manifest"))?;
        let is_properties = |node: &Node| node.type_name() == Some("QueryProperties");
        let mut properties = None;
        let mut fields = here.clone();
        if let Some(written) = node.as_map() {
            let mut rest = written.clone();
            rest.retain(|_, entry| !is_properties(&entry.node));
            for (name, entry) in written
                .iter()
                .filter(|(_, entry)| is_properties(&entry.node))
            {
                if properties.is_some() {
                    return Err(D::Error::custom(
                        "expected one `QueryProperties` in `request_parameters`, found another",
                    ));
                }
                let there = Here {
                    at: entry.node.at.clone(),
                    via: entry.node.via.clone(),
                    node: entry.node.clone(),
                    parameters: Arc::clone(&here.parameters),
                    path: here.path.clone(),
                };
                let PropertiesParameter::QueryProperties(found) = there.decode()?;
                properties = Some((name.to_string(), found));
            }
            fields.node.value = NodeValue::Map(Arc::new(rest));
        }
        Ok(Self {
            fields: fields.decode()?,
            properties,
        })
    }
}

impl JsonSchema for Parameters {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Parameters".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<crate::template::Template<scope::Slice>>();
        let properties = generator.subschema_for::<PropertiesParameter>();
        schemars::json_schema!({
            "anyOf": [
                {"type": "object", "additionalProperties": {"anyOf": [text, properties]}},
                text,
            ]
        })
    }
}

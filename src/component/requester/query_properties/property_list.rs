//! `property_list`, and `PropertiesFromEndpoint`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::component::ComponentError;
use crate::component::authenticator::Session;
use crate::component::dpath::Glob;
use crate::component::retriever::Retriever;
use crate::manifest::{Raw, located};
use crate::template::{Literal, Template, scope};

/// Names of properties: a list, or an endpoint that gives it.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum PropertyList {
    /// The names.
    Names(Vec<String>),
    /// An endpoint.
    Endpoint(Box<PropertiesFromEndpoint>),
}

#[derive(Deserialize)]
enum Endpoint {
    PropertiesFromEndpoint(Box<PropertiesFromEndpoint>),
}

impl<'de> Deserialize<'de> for PropertyList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (here, Raw(node)) = located::<D, Raw>(deserializer)?;
        let here = here.ok_or_else(|| D::Error::custom("expected a manifest"))?;
        if node.as_seq().is_some() {
            return here.decode().map(Self::Names);
        }
        let Endpoint::PropertiesFromEndpoint(endpoint) = here.decode()?;
        Ok(Self::Endpoint(endpoint))
    }
}

/// Gets the names of properties from an endpoint, once in a run for each stream.
///
/// As airbyte-cdk 7.39.1, `properties_from_endpoint.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PropertiesFromEndpoint {
    /// Path of the name in each record of the endpoint.
    property_field_path: Vec<Template<scope::ConfigOnly>>,
    /// How the endpoint is read. It has no slice.
    retriever: Arc<Retriever>,
}

impl PropertyList {
    /// The names.
    pub(super) fn names(&self, session: &dyn Session) -> Result<Vec<String>, ComponentError> {
        match self {
            Self::Names(names) => Ok(names.clone()),
            Self::Endpoint(endpoint) => endpoint.names(session),
        }
    }
}

impl PropertiesFromEndpoint {
    fn names(&self, session: &dyn Session) -> Result<Vec<String>, ComponentError> {
        let scope = scope::ConfigOnly::new(session.config().clone());
        let path = self
            .property_field_path
            .iter()
            .map(|part| part.json(&scope));
        let path = Glob::new(&path.collect::<Result<Vec<_>, _>>()?)?;
        let Retriever::SimpleRetriever(retriever) = &*self.retriever else {
            return Err(ComponentError::config(
                "properties can only be asked for by a `SimpleRetriever`",
            ));
        };
        let records = retriever.read_all(session)?;
        let name = |record: Value| {
            let found = path.get(&&record)?;
            // What the reference calls a property that is not there.
            Ok(found.map_or_else(
                || "[]".to_owned(),
                |name| Literal::from_json(name).to_python_str(),
            ))
        };
        let names = records.into_iter().map(|record| name(record.to_value()));
        names.collect()
    }
}

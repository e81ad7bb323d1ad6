//! `QueryProperties`: which properties of a record a request asks for.
//!
//! In: names in the manifest, or an endpoint that lists them. Out: chunks of names, each for one
//! request. Putting the records of the chunks together is the reader's work.

mod property_chunking;
mod property_list;
mod property_selector;

pub use property_chunking::{GroupByKeyMergeStrategy, PropertyChunking};
pub use property_list::PropertiesFromEndpoint;
use property_list::PropertyList;
pub use property_selector::JsonSchemaPropertySelector;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::component::ComponentError;
use crate::component::authenticator::Session;

/// Where a slice holds the properties of a request, as in
/// `{{ stream_slice.extra_fields['query_properties'] }}`.
pub const QUERY_PROPERTIES: &str = "query_properties";

/// Asks for properties by name, in several requests where there are too many for one.
///
/// As a request parameter it is their names, joined by commas; elsewhere a template reads
/// `stream_slice.extra_fields['query_properties']`. As airbyte-cdk 7.39.1, `query_properties.py`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub(super) enum PropertiesParameter {
    /// The properties.
    QueryProperties(Box<QueryProperties>),
}

/// The properties that requests ask for.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct QueryProperties {
    /// The names: a list, or an endpoint that gives it.
    property_list: PropertyList,
    /// Names that are in each chunk, such as the primary key.
    #[serde(default)]
    always_include_properties: Option<Vec<String>>,
    /// How many properties a request asks for. Unset: all.
    #[serde(default)]
    property_chunking: Option<Chunking>,
    /// Leaves out properties that are not wanted.
    #[serde(default)]
    property_selector: Option<Selector>,
}

/// How properties are divided.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
enum Chunking {
    /// By number or length.
    PropertyChunking(PropertyChunking),
}

/// Which properties are wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
enum Selector {
    /// Those in the schema of the configured catalog.
    JsonSchemaPropertySelector(JsonSchemaPropertySelector),
}

impl QueryProperties {
    /// Those of an endpoint, all in one request.
    pub(super) fn of_endpoint(endpoint: PropertiesFromEndpoint) -> Self {
        Self {
            property_list: PropertyList::Endpoint(Box::new(endpoint)),
            always_include_properties: None,
            property_chunking: None,
            property_selector: None,
        }
    }

    /// How they are divided, when they are.
    #[must_use]
    pub fn chunking(&self) -> Option<&PropertyChunking> {
        let Chunking::PropertyChunking(chunking) = self.property_chunking.as_ref()?;
        Some(chunking)
    }

    /// The names of each request. `columns` are the properties of the stream's schema in the
    /// configured catalog; none in a check or discovery.
    ///
    /// # Errors
    /// When the endpoint cannot be read, or a template fails.
    pub fn chunks(
        &self,
        columns: Option<&Value>,
        session: &dyn Session,
    ) -> Result<Vec<Vec<String>>, ComponentError> {
        let names = self.property_list.names(session)?;
        let wanted: Option<BTreeSet<String>> = match (&self.property_selector, columns) {
            (Some(Selector::JsonSchemaPropertySelector(selector)), Some(columns)) => {
                Some(selector.select(columns, session.config())?)
            }
            _ => None,
        };
        let always = self.always_include_properties.as_deref().unwrap_or(&[]);
        if let Some(chunking) = self.chunking() {
            return Ok(chunking.divide(&names, always, wanted.as_ref()));
        }
        let is_wanted = |name: &&String| wanted.as_ref().is_none_or(|w| w.contains(*name));
        let all = always.iter().chain(names.iter().filter(is_wanted));
        Ok(vec![all.cloned().collect()])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::authenticator::testing::TestSession;
    use crate::component::testing::from_yaml;

    fn chunks(yaml: &str, columns: Option<Value>, answers: Vec<(u16, Value)>) -> Vec<String> {
        let properties: QueryProperties = from_yaml(yaml);
        let session = TestSession::new(json!({}), answers);
        let chunks = properties.chunks(columns.as_ref(), &session).unwrap();
        chunks.into_iter().map(|chunk| chunk.join(",")).collect()
    }

    #[test]
    fn all_in_one_request_without_chunking() {
        let yaml = "{property_list: [a, b], always_include_properties: [id]}";
        assert_eq!(chunks(yaml, None, Vec::new()), ["id,a,b"]);
    }

    #[test]
    fn chunks_hold_a_number_of_properties_or_of_characters() {
        let by = |kind: &str, limit: u32| {
            let yaml = format!(
                "{{property_list: [alpha, be, gamma, de], always_include_properties: [id], property_chunking: {{type: PropertyChunking, property_limit_type: {kind}, property_limit: {limit}}}}}"
            );
            chunks(&yaml, None, Vec::new())
        };
        assert_eq!(by("property_count", 3), ["id,alpha,be,gamma", "id,de"]);
        assert_eq!(by("characters", 14), ["id,alpha,be", "id,gamma,de"]);
    }

    #[test]
    fn the_catalogs_schema_selects() {
        let yaml = "
property_list: [Name, size, other]
property_selector:
  type: JsonSchemaPropertySelector
  transformations: [{type: KeysReplace, old: _c, new: ''}]
";
        let columns = json!({"Name_c": {}, "size": {}});
        assert_eq!(chunks(yaml, Some(columns), Vec::new()), ["Name,size"]);
        assert_eq!(chunks(yaml, None, Vec::new()), ["Name,size,other"]);
    }

    #[test]
    fn an_endpoint_gives_names_page_by_page() {
        let yaml = "
property_list:
  type: PropertiesFromEndpoint
  property_field_path: [name]
  retriever:
    type: SimpleRetriever
    requester: {type: HttpRequester, url: 'https://a.example/props'}
    record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [r]}}
    paginator:
      type: DefaultPaginator
      pagination_strategy: {type: PageIncrement, page_size: 1}
      page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: p}
";
        let page = |name: &str| (200, json!({"r": [{"name": name}]}));
        let answers = vec![page("a"), page("b"), (200, json!({"r": []}))];
        assert_eq!(chunks(yaml, None, answers), ["a,b"]);
    }
}

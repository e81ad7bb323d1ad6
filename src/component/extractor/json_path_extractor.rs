//! `JsonPathExtractor`.

use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::{Extracted, Extracting, RecordExtractor};
use crate::component::ComponentError;
use crate::component::decoder::Page;
use crate::message::Data;
use crate::template::{Template, scope};

/// Finds records by a JSONPath. An extension of `lowcode`: airbyte-cdk has no such component.
///
/// Each match is a record; a match that is a list gives its items. As RFC 9535.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct JsonPathExtractor {
    /// The path, such as `$.data[?@.active == true]`. `$` is the body, or each item of a body that
    /// is a list.
    #[serde(deserialize_with = "checked")]
    path: Template<scope::ConfigOnly>,
}

/// A path without templates is checked when the manifest is read.
fn checked<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Template<scope::ConfigOnly>, D::Error> {
    let path = Template::deserialize(deserializer)?;
    if path.is_literal() {
        parse_json_path(path.source())
            .map_err(|error| wrong(path.source(), &error))
            .map_err(de::Error::custom)?;
    }
    Ok(path)
}

fn wrong(path: &str, error: &impl std::fmt::Display) -> String {
    format!("`{path}` is not a JSONPath: {error}")
}

impl RecordExtractor for JsonPathExtractor {
    fn extract(&self, page: &Page, with: &Extracting<'_>) -> Result<Extracted, ComponentError> {
        let path = self
            .path
            .text(&scope::ConfigOnly::new(with.config.clone()))?;
        let fail = |message| ComponentError::config(message).or_at(self.path.at());
        let query = parse_json_path(&path).map_err(|error| fail(wrong(&path, &error)))?;
        let mut records = Vec::new();
        for document in page.documents() {
            let tree = document.value();
            let found = js_path_process(&query, &tree)
                .map_err(|error| fail(format!("the JSONPath `{path}` failed: {error}")))?;
            for value in found {
                match value.val() {
                    Value::Array(items) => records.extend(items.iter().cloned()),
                    value => records.push(value.clone()),
                }
            }
        }
        Ok(Extracted {
            records: records.into_iter().map(Data::from_value).collect(),
            dropped: 0,
        })
    }

    fn depth(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::decoder::Decoder;
    use crate::component::testing::{from_yaml, mistakes};
    use crate::template::Config;

    fn extract(path: &str, body: &str) -> Vec<Value> {
        let extractor: JsonPathExtractor = from_yaml(&format!("path: \"{path}\""));
        let page = Decoder::default().decode(body.as_bytes().to_vec(), 0);
        let config = Config::new(json!({"key": "data"}), Arc::new(Clock::system()));
        let found = extractor.extract(&page, &Extracting::new(&config)).unwrap();
        found.records.iter().map(Data::to_value).collect()
    }

    #[test]
    fn finds_what_the_path_says() {
        let body = r#"{"data": [{"id": 1, "on": true}, {"id": 2, "on": false}], "x": {"id": 3}}"#;
        assert_eq!(extract("$.data", body).len(), 2);
        assert_eq!(
            extract("$['{{ config.key }}'][*].id", body),
            [json!(1), json!(2)]
        );
        assert_eq!(
            extract("$.data[?@.on == true]", body),
            [json!({"id": 1, "on": true})]
        );
        assert_eq!(extract("$..id", body).len(), 3);
        assert!(extract("$.nope", body).is_empty());
    }

    #[test]
    fn a_wrong_path_is_told_at_its_place() {
        let mistakes = mistakes::<JsonPathExtractor>("path: '$['");
        assert!(mistakes[0].contains("test.yaml:2:9"), "{mistakes:?}");
        assert!(mistakes[0].contains("is not a JSONPath"), "{mistakes:?}");
    }
}

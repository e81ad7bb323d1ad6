//! `DpathExtractor`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Extracted, Extracting, RecordExpander, RecordExtractor, eval_path};
use crate::component::ComponentError;
use crate::component::decoder::Page;
use crate::component::dpath::Glob;
use crate::message::{Data, Kind, Text};
use crate::template::{Config, Gap, Template, scope};

/// Finds records at a path of keys.
///
/// A list there gives its items, anything else one record; nothing there, or something empty,
/// gives none. As airbyte-cdk 7.39.1, `dpath_extractor.py`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct DpathExtractor {
    /// Keys from the body down to the records; empty when the body itself is the record, or a
    /// list of them. A key may be the index of a list, or a glob: `*`, `?`, `[a-z]`, and `**` for
    /// any number of keys. With a `*` alone, each match is a record, and lists are not opened.
    field_path: Vec<Template<scope::ConfigOnly>>,
    /// Makes many records of one, from a list in it. Unset: what is found is a record.
    #[serde(default)]
    record_expander: Option<RecordExpander>,
}

impl RecordExtractor for DpathExtractor {
    fn extract(&self, page: &Page, with: &Extracting<'_>) -> Result<Extracted, ComponentError> {
        let path = eval_path(&self.field_path, with.config)?;
        let all = path.iter().any(|segment| segment == "*");
        let glob = Glob::new(&path)?;
        let mut records = Vec::new();
        for document in page.documents() {
            if all {
                records.extend(glob.values(document).into_iter().map(Data::from_text));
                continue;
            }
            match glob.get(document)? {
                Some(found) if found.kind() == Kind::Array => {
                    records.extend(found.items().map(Data::from_text));
                }
                Some(found) if is_truthy(&found) => records.push(Data::from_text(found)),
                _ => {}
            }
        }
        let records = match &self.record_expander {
            Some(expander) => expander.expand(records, with)?,
            None => records,
        };
        Ok(Extracted {
            records,
            dropped: 0,
        })
    }

    fn gap(&self, page: &Page, config: &Config) -> Option<Gap> {
        let glob = Glob::new(&eval_path(&self.field_path, config).ok()?).ok()?;
        let keys = glob.keys()?;
        let mut first = None;
        for document in page.documents() {
            let (depth, there) = missing(document, &keys)?;
            first = first.or(Some((depth, there)));
        }
        let (depth, there) = first?;
        let path = keys.get(..=depth)?.join(".");
        let at = self.field_path.get(depth).and_then(Template::at);
        Some(Gap::new(path, &there, at.cloned()))
    }

    fn depth(&self) -> usize {
        self.field_path.len() + 1
    }
}

/// How deep the first key lies that is not there, and the keys that are; none where all are there,
/// or where there is nothing at all.
fn missing(document: &Text, keys: &[&str]) -> Option<(usize, Vec<String>)> {
    let mut value = document.clone();
    for (depth, key) in keys.iter().enumerate() {
        if value.kind() != Kind::Object {
            return None;
        }
        let Some(found) = value.get(key) else {
            let there: Vec<String> = value.fields().map(|(key, _)| key.into_owned()).collect();
            return (!there.is_empty()).then_some((depth, there));
        };
        value = found;
    }
    None
}

/// Python's `bool()` of a value.
pub(super) fn is_truthy(text: &Text) -> bool {
    match text.kind() {
        Kind::Null => false,
        Kind::Bool => text.as_str() == "true",
        Kind::Number => text.value().as_f64() != Some(0.0),
        Kind::String => text.as_str() != "\"\"",
        Kind::Object => text.fields().next().is_some(),
        Kind::Array => text.items().next().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::clock::Clock;
    use crate::component::decoder::Decoder;
    use crate::component::testing::from_yaml;

    fn extract(yaml: &str, body: &str) -> Result<Vec<Value>, ComponentError> {
        let extractor: DpathExtractor = from_yaml(yaml);
        let page = Decoder::default().decode(body.as_bytes().to_vec(), extractor.depth());
        let config = Config::new(json!({"key": "data"}), Arc::new(Clock::system()));
        let found = extractor.extract(&page, &Extracting::new(&config))?;
        Ok(found.records.iter().map(Data::to_value).collect())
    }

    #[test]
    fn a_list_gives_items_and_an_object_one_record() {
        let body = r#"{"data": [{"id": 1}, 2], "one": {"id": 3}, "none": {}, "n": null}"#;
        let get = |path: &str| extract(&format!("field_path: {path}"), body).unwrap();
        assert_eq!(get("['{{ config.key }}']"), [json!({"id": 1}), json!(2)]);
        assert_eq!(get("[one]"), [json!({"id": 3})]);
        assert_eq!(get("[data, '0']"), [json!({"id": 1})]);
        assert_eq!(get("[]").len(), 1);
        for nothing in ["[none]", "[n]", "[nope]", "[one, id, x]"] {
            assert_eq!(get(nothing), Vec::<Value>::new(), "{nothing}");
        }
    }

    #[test]
    fn a_body_that_is_a_list_is_looked_at_item_by_item() {
        let body = r#"[{"d": [1, 2]}, {"d": [3]}, {}, 4]"#;
        assert_eq!(
            extract("field_path: [d]", body).unwrap(),
            [json!(1), json!(2), json!(3)]
        );
        assert_eq!(extract("field_path: []", body).unwrap().len(), 3);
    }

    #[test]
    fn globs() {
        let body = r#"{"a": {"x": {"i": [1]}, "y": {"i": [2]}}}"#;
        assert_eq!(
            extract("field_path: [a, '*', i]", body).unwrap(),
            [json!([1]), json!([2])]
        );
        assert_eq!(
            extract("field_path: [a, 'x*', i]", body).unwrap(),
            [json!(1)]
        );
        let error = extract("field_path: [a, '?', i]", body).unwrap_err();
        assert!(error.message.contains("more than one"), "{}", error.message);
    }

    #[test]
    fn the_key_that_is_missing_is_told() {
        let extractor: DpathExtractor = from_yaml("field_path: [data, items]");
        let config = Config::new(json!({}), Arc::new(Clock::system()));
        let gap = |body: &str| {
            let page = Decoder::default().decode(body.as_bytes().to_vec(), 2);
            let gap = extractor.gap(&page, &config)?;
            Some(format!("{}: {}", gap.path, gap.keys))
        };
        assert_eq!(gap(r#"{"dta": 1, "n": 2}"#).unwrap(), "data: `dta`, `n`");
        assert_eq!(
            gap(r#"{"data": {"itms": []}}"#).unwrap(),
            "data.items: `itms`"
        );
        for there in [
            r#"{"data": {"items": []}}"#,
            r#"{"data": {"items": null}}"#,
            r#"[{"n": 1}, {"data": {"items": []}}]"#,
            r#"{"data": null}"#,
            r#"{"data": {}}"#,
            "{}",
            "[]",
            "",
        ] {
            assert_eq!(gap(there), None, "{there}");
        }
    }

    #[test]
    fn untouched_records_stay_text() {
        let extractor: DpathExtractor = from_yaml("field_path: [data]");
        let page = Decoder::default().decode(br#"{"data": [{"id":  1}]}"#.to_vec(), 2);
        let config = Config::new(json!({}), Arc::new(Clock::system()));
        let records = extractor.extract(&page, &Extracting::new(&config));
        let records = records.unwrap().records;
        assert_eq!(records[0].text().unwrap().as_str(), r#"{"id":  1}"#);
    }
}

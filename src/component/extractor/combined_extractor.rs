//! `CombinedExtractor`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::dpath_extractor::is_truthy;
use super::{Extracted, Extracting, Extractor, RecordExtractor};
use crate::component::ComponentError;
use crate::component::decoder::Page;
use crate::component::one_or_many::not_empty;
use crate::message::{Data, Kind, Text};

/// Finds records by several extractors.
///
/// It does not go with a decoder that reads line by line, nor its `union` with `OffsetIncrement`.
/// As airbyte-cdk 7.39.1, `combined_extractor.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CombinedExtractor {
    /// The extractors, in order; one at least.
    #[serde(deserialize_with = "not_empty")]
    extractors: Vec<Extractor>,
    /// How their records come together. Default: `union`.
    #[serde(default)]
    mode: Option<CombineMode>,
    /// Drops records that are null, empty, false or zero, before `mode` counts. Paginators count
    /// them all the same. Default: false.
    #[serde(default)]
    skip_empty_records: Option<bool>,
}

/// How the records of several extractors come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CombineMode {
    /// All records of all extractors, in their order.
    Union,
    /// Those of the first extractor that finds a record.
    FirstMatch,
}

impl RecordExtractor for CombinedExtractor {
    fn extract(&self, page: &Page, with: &Extracting<'_>) -> Result<Extracted, ComponentError> {
        let mut all = Extracted::default();
        for extractor in &self.extractors {
            let mut found = Extracted {
                records: extractor.get().extract(page, with)?.records,
                dropped: 0,
            };
            if self.skip_empty_records.unwrap_or(false) {
                let before = found.records.len();
                found.records.retain(|record| !is_empty(record));
                found.dropped = (before - found.records.len()) as u64;
            }
            if self.mode() == CombineMode::Union {
                all.records.append(&mut found.records);
                all.dropped += found.dropped;
            } else if !found.records.is_empty() {
                return Ok(found);
            }
        }
        Ok(all)
    }

    fn depth(&self) -> usize {
        let depths = self.extractors.iter().map(|e| e.get().depth());
        depths.max().unwrap_or_default()
    }
}

impl CombinedExtractor {
    fn mode(&self) -> CombineMode {
        self.mode.unwrap_or(CombineMode::Union)
    }

    /// Whether the records of several extractors come together, here or within.
    pub(super) fn unites(&self) -> bool {
        self.mode() == CombineMode::Union || self.extractors.iter().any(Extractor::unites)
    }
}

fn is_empty(record: &Data) -> bool {
    match record.text() {
        Some(text) => !is_truthy(text),
        None if record.is_object() => record.to_value() == serde_json::json!({}),
        None => {
            let text = Text::parse(record.to_value().to_string().into_bytes(), 0);
            text.is_ok_and(|text| text.kind() == Kind::Null || !is_truthy(&text))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::clock::Clock;
    use crate::component::decoder::Decoder;
    use crate::component::testing::{from_yaml, mistakes};
    use crate::template::Config;

    const PATHS: &str = "
extractors:
  - {type: DpathExtractor, field_path: [a]}
  - {type: DpathExtractor, field_path: [b, '*']}
";

    fn extract(options: &str, body: &str) -> (Vec<Value>, u64) {
        let extractor: CombinedExtractor = from_yaml(&format!("{PATHS}{options}"));
        let page = Decoder::default().decode(body.as_bytes().to_vec(), extractor.depth());
        let config = Config::new(json!({}), Arc::new(Clock::system()));
        let found = extractor.extract(&page, &Extracting::new(&config)).unwrap();
        let records = found.records.iter().map(Data::to_value).collect();
        (records, found.dropped)
    }

    #[test]
    fn union_gives_all_and_first_match_those_of_one() {
        let both = r#"{"a": [1], "b": [2, 3]}"#;
        assert_eq!(extract("", both).0, [json!(1), json!(2), json!(3)]);
        assert_eq!(extract("mode: first_match", both).0, [json!(1)]);
        let second = r#"{"a": [], "b": [2]}"#;
        assert_eq!(extract("mode: first_match", second).0, [json!(2)]);
    }

    #[test]
    fn empty_records_may_be_dropped_and_are_counted() {
        let body = r#"{"a": [null, {}], "b": [0, {"id": 1}]}"#;
        let skip = "skip_empty_records: true\n";
        assert_eq!(extract("", body).0.len(), 4);
        assert_eq!(extract(skip, body), (vec![json!({"id": 1})], 3));
        let first = format!("{skip}mode: first_match\n");
        assert_eq!(extract(&first, body), (vec![json!({"id": 1})], 1));
    }

    #[test]
    fn one_extractor_at_least() {
        let mistakes = mistakes::<CombinedExtractor>("extractors: []");
        assert!(mistakes[0].contains("one item at least"), "{mistakes:?}");
    }
}

//! `RecordSelector`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Filter, normalize};
use crate::component::ComponentError;
use crate::component::cursor::Synced;
use crate::component::decoder::Page;
use crate::component::extractor::{Extracting, Extractor, Fetch};
use crate::component::transformation::{Around, Transformation, not_an_object};
use crate::manifest::Place;
use crate::message::{Data, StreamSlice};
use crate::template::{self, Config};

/// Turns a response into records: extracts them, filters, transforms and normalizes.
///
/// As airbyte-cdk 7.39.1, `record_selector.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RecordSelector {
    /// Where the records are in the response.
    extractor: Extractor,
    /// Which records go out. Unset: all.
    #[serde(default)]
    record_filter: Option<Filter>,
    /// Whether values are cast to the types of the stream's schema. Default: `None`.
    #[serde(default)]
    schema_normalization: Option<SchemaNormalization>,
    /// Whether the stream's transformations come before the filter. Default: true with a cursor that
    /// is `is_client_side_incremental`, else false.
    #[serde(default)]
    transform_before_filtering: Option<bool>,
}

/// Whether values are cast to the types of the stream's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum SchemaNormalization {
    /// Values stay as they came.
    None,
    /// Values are cast where the schema names one type and the value reads as such.
    Default,
}

/// What a page is selected with, beside the selector.
#[derive(Clone, Copy)]
pub struct Selecting<'a> {
    /// The slice that is read.
    pub slice: &'a Arc<StreamSlice>,
    /// What filters see as `next_page_token`; in a read the reference gives none.
    pub token: Option<&'a Value>,
    /// The stream's transformations.
    pub transformations: &'a [Transformation],
    /// The stream's schema, for normalization.
    pub schema: Option<&'a Value>,
    /// The user's values.
    pub config: &'a Config,
    /// Which records are new, where the others are dropped by the filter.
    pub synced: Option<&'a Synced<'a>>,
    /// Whether transformations come before the filter where the selector does not say.
    pub transform_first: bool,
    /// How an extractor asks for more; `None`: not at all.
    pub fetch: Option<&'a Fetch<'a>>,
}

/// The records of a page.
#[derive(Debug, Default)]
pub struct Selection {
    /// What goes out, in order.
    pub records: Vec<Data>,
    /// How many records there were before the filter.
    pub read: u64,
}

/// Why a page was not read to its end.
#[derive(Debug)]
pub struct SelectError {
    /// What went wrong.
    pub error: ComponentError,
    /// The records before it. The reference has sent them out by then.
    pub before: Selection,
}

impl From<Box<SelectError>> for ComponentError {
    fn from(error: Box<SelectError>) -> Self {
        error.error
    }
}

impl RecordSelector {
    /// The same for records that stand elsewhere.
    pub(in crate::component) fn with_extractor(self, extractor: Extractor) -> Self {
        Self { extractor, ..self }
    }

    /// The records of `page`.
    ///
    /// # Errors
    /// When a template fails, a transformation does not fit, or a record is no object.
    pub fn select(&self, page: &Page, with: &Selecting<'_>) -> Result<Selection, Box<SelectError>> {
        let mut selection = Selection::default();
        match self.select_into(&mut selection, page, with) {
            Ok(()) => Ok(selection),
            Err(error) => Err(Box::new(SelectError {
                error,
                before: selection,
            })),
        }
    }

    /// Where the records are in the response.
    #[must_use]
    pub fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    /// In how many containers of a body the records lie, for the decoder.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.extractor.get().depth()
    }

    /// Whether some records may be left out.
    #[must_use]
    pub fn filters(&self) -> bool {
        self.record_filter.is_some()
    }

    /// Where the condition of the record filter stands.
    #[must_use]
    pub fn filter_at(&self) -> Option<&Place> {
        let Filter::RecordFilter(filter) = self.record_filter.as_ref()?;
        filter.condition.as_ref()?.at()
    }

    /// Whether the stream's schema is needed to select.
    #[must_use]
    pub fn needs_schema(&self) -> bool {
        self.schema_normalization == Some(SchemaNormalization::Default)
    }

    fn select_into(
        &self,
        selection: &mut Selection,
        page: &Page,
        with: &Selecting<'_>,
    ) -> Result<(), ComponentError> {
        let extracting = Extracting {
            config: with.config,
            fetch: with.fetch,
        };
        let found = self.extractor.get().extract(page, &extracting)?;
        selection.read += found.dropped;
        let schema = with.schema.filter(|schema| {
            self.needs_schema() && schema.as_object().is_some_and(|map| !map.is_empty())
        });
        if self.record_filter.is_none()
            && with.synced.is_none()
            && with.transformations.is_empty()
            && schema.is_none()
        {
            for record in found.records {
                selection.push(record)?;
            }
            return whole(page);
        }
        let around = Around {
            config: with.config.clone(),
            stream_slice: template::slice(with.slice),
            next_page_token: with.token.map(template::json),
        };
        for record in found.records {
            match self.work(record, with, schema, &around)? {
                Some(record) => selection.push(record)?,
                None => selection.read += 1,
            }
        }
        whole(page)
    }

    /// Filters and changes one record; none when the filter drops it.
    fn work(
        &self,
        record: Data,
        with: &Selecting<'_>,
        schema: Option<&Value>,
        around: &Around,
    ) -> Result<Option<Data>, ComponentError> {
        let mut record = Arc::new(record);
        let transform_first = self
            .transform_before_filtering
            .unwrap_or(with.transform_first);
        let keeps = |record: &Arc<Data>| match &self.record_filter {
            _ if with.synced.is_some_and(|synced| !synced.keeps(record)) => Ok(false),
            // A filter never sees what transformations see and the other way round: their scopes
            // differ by the page token alone.
            Some(filter) => filter.keeps(record, around),
            None => Ok(true),
        };
        if !transform_first && !keeps(&record)? {
            return Ok(None);
        }
        for transformation in with.transformations {
            transformation.transform(&mut record, around)?;
        }
        if transform_first && !keeps(&record)? {
            return Ok(None);
        }
        let mut record = Arc::unwrap_or_clone(record);
        if let Some(schema) = schema {
            normalize(record.value_mut(), schema);
        }
        Ok(Some(record))
    }
}

/// Whether the page was read to its end.
fn whole(page: &Page) -> Result<(), ComponentError> {
    match &page.broken {
        None => Ok(()),
        Some(why) => Err(ComponentError::system(why)),
    }
}

impl Selection {
    fn push(&mut self, record: Data) -> Result<(), ComponentError> {
        self.read += 1;
        let record = if record.is_object() {
            record
        } else {
            let value = record.to_value();
            Data::from_value(dict(&value).ok_or_else(|| not_an_object(&value))?)
        };
        self.records.push(record);
        Ok(())
    }
}

/// What Python's `dict()` makes of a record that is no object: the reference copies each record
/// by it, so that an empty list is an empty record, and a list of pairs has their first as keys.
fn dict(record: &Value) -> Option<Value> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let pair = |item: &Value| match item {
        Value::Array(pair) => match &pair[..] {
            [key, value] => Some((text(key)?, value.clone())),
            _ => None,
        },
        Value::Object(keys) if keys.len() == 2 => {
            let mut keys = keys.keys();
            Some((keys.next()?.clone(), Value::from(keys.next()?.as_str())))
        }
        _ => None,
    };
    let pairs: Option<Map<String, Value>> = record.as_array()?.iter().map(pair).collect();
    pairs.map(Value::Object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::decoder::Decoder;
    use crate::component::testing::from_yaml;

    fn select(
        yaml: &str,
        transformations: &str,
        body: &str,
    ) -> Result<(Vec<Value>, u64), Box<SelectError>> {
        let selector: RecordSelector = from_yaml(yaml);
        let transformations: Vec<Transformation> = from_yaml(transformations);
        let page = Decoder::default().decode(body.as_bytes().to_vec(), selector.depth());
        let schema = json!({"properties": {"n": {"type": "integer"}}});
        let selection = selector.select(
            &page,
            &Selecting {
                slice: &Arc::new(StreamSlice::default()),
                token: None,
                transformations: &transformations,
                schema: Some(&schema),
                config: &Config::new(json!({}), Arc::new(Clock::system())),
                synced: None,
                transform_first: false,
                fetch: None,
            },
        )?;
        let records = selection.records.iter().map(Data::to_value).collect();
        Ok((records, selection.read))
    }

    const ADD: &str = "[{type: AddFields, fields: [{path: [x], value: '{{ record.id + 1 }}'}]}]";

    #[test]
    fn filters_before_or_after_transformations() {
        let body = r#"[{"id": 1}, {"id": 2, "x": 1}]"#;
        let yaml = "
extractor: {type: DpathExtractor, field_path: []}
record_filter: {type: RecordFilter, condition: \"{{ 'x' in record }}\"}
";
        let (records, read) = select(yaml, ADD, body).unwrap();
        assert_eq!(records, [json!({"id": 2, "x": 3})]);
        assert_eq!(read, 2);
        let after = format!("{yaml}transform_before_filtering: true\n");
        assert_eq!(select(&after, ADD, body).unwrap().0.len(), 2);
    }

    #[test]
    fn normalizes_only_when_asked() {
        let body = r#"{"n": "7"}"#;
        let yaml = "extractor: {type: DpathExtractor, field_path: []}\n";
        assert_eq!(select(yaml, "[]", body).unwrap().0, [json!({"n": "7"})]);
        let yaml = format!("{yaml}schema_normalization: Default\n");
        assert_eq!(select(&yaml, "[]", body).unwrap().0, [json!({"n": 7})]);
    }

    #[test]
    fn what_comes_before_a_broken_record_is_kept() {
        let yaml = "extractor: {type: DpathExtractor, field_path: []}\n";
        let error = select(yaml, "[]", r#"[{"id": 1}, 2, {"id": 3}]"#).unwrap_err();
        assert_eq!(error.before.records.len(), 1);
        assert!(error.error.message.contains("is a number"));
    }

    #[test]
    fn a_body_that_is_not_whole_fails_after_its_records() {
        let selector: RecordSelector =
            from_yaml("extractor: {type: DpathExtractor, field_path: []}");
        let decoder: Decoder = from_yaml("{type: JsonlDecoder}");
        let page = decoder.decode(b"{}\n{\"a\": 1}\n\xff".to_vec(), 1);
        let selection = selector.select(
            &page,
            &Selecting {
                slice: &Arc::new(StreamSlice::default()),
                token: None,
                transformations: &[],
                schema: None,
                config: &Config::new(json!({}), Arc::new(Clock::system())),
                synced: None,
                transform_first: false,
                fetch: None,
            },
        );
        let error = selection.unwrap_err();
        assert_eq!(error.before.records.len(), 1);
        assert_eq!(error.error.message, "line 3 is not UTF-8");
    }

    #[test]
    fn a_record_that_nobody_looks_into_stays_text() {
        let selector: RecordSelector =
            from_yaml("extractor: {type: DpathExtractor, field_path: [d]}");
        let page = Decoder::default().decode(br#"{"d": [{"a":  1}]}"#.to_vec(), 2);
        let selection = selector.select(
            &page,
            &Selecting {
                slice: &Arc::new(StreamSlice::default()),
                token: None,
                transformations: &[],
                schema: None,
                config: &Config::new(json!({}), Arc::new(Clock::system())),
                synced: None,
                transform_first: false,
                fetch: None,
            },
        );
        let records = selection.unwrap().records;
        assert_eq!(records[0].text().unwrap().as_str(), r#"{"a":  1}"#);
    }

    #[test]
    fn a_list_of_pairs_is_a_record_and_another_list_is_none() {
        let all = "{type: RecordSelector, extractor: {type: DpathExtractor, field_path: ['*']}}";
        let records = |body: &str| select(all, "[]", body).map(|(records, _)| records);
        assert_eq!(records("{\"a\": []}").unwrap(), [json!({})]);
        let body = "{\"a\": [[\"k\", 1], {\"id\": 1, \"name\": 2}]}";
        assert_eq!(records(body).unwrap(), [json!({"k": 1, "id": "name"})]);
        assert!(records("{\"a\": [{\"id\": 1}]}").is_err());
    }
}

//! `SubstreamPartitionRouter`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::component::ComponentError;
use crate::component::dpath::Glob;
use crate::component::extractor::eval_path;
use crate::component::one_or_many::not_empty;
use crate::component::requester::{RequestOption, RequestParts};
use crate::manifest::Raw;
use crate::message::{Data, StreamSlice};
use crate::template::{Config, Template, scope};

/// Reads the stream once for each record of its parent streams.
///
/// As airbyte-cdk 7.39.1, `substream_partition_router.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SubstreamPartitionRouter {
    /// The parents, read one after the other; one at least.
    #[serde(deserialize_with = "not_empty")]
    parent_stream_configs: Vec<ParentStreamConfig>,
}

/// A parent stream, and what of its records makes a partition.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ParentStreamConfig {
    /// The parent stream, mostly a `$ref` to one.
    stream: Raw,
    /// Path of the key in the parent's records, with `/` between its fields. A record without it,
    /// or with null there, makes no partition.
    parent_key: Template<scope::ConfigOnly>,
    /// Name of the key, as in `{{ stream_partition['project_id'] }}`.
    partition_field: Template<scope::ConfigOnly>,
    /// Where requests carry the key. Unset: nowhere, unless a template asks for it.
    #[serde(default)]
    request_option: Option<RequestOption>,
    /// Paths of further fields of the parent's records, as lists of keys. Templates read them in
    /// `stream_slice.extra_fields` by their path with dots; a missing one is null.
    #[serde(default)]
    extra_fields: Option<Vec<Vec<Template<scope::ConfigOnly>>>>,
    /// Whether the parent is read incrementally, with its state inside the state of this stream.
    /// It has no effect on a stream without `incremental_sync`. Default: false.
    #[serde(default)]
    incremental_dependency: Option<bool>,
    /// Path of the first page of this stream inside of a parent's record, for APIs that embed it:
    /// that page is not asked for. Only in a run without a state, with one parent router, JSON, and
    /// a cursor without `step`. Unset: all pages are asked for.
    #[serde(default)]
    lazy_read_pointer: Option<Vec<Template<scope::ConfigOnly>>>,
}

impl SubstreamPartitionRouter {
    /// The parents, in order.
    #[must_use]
    pub fn parents(&self) -> &[ParentStreamConfig] {
        &self.parent_stream_configs
    }

    pub(super) fn share(
        &self,
        slice: &Arc<StreamSlice>,
        config: &Config,
    ) -> Result<RequestParts, ComponentError> {
        let mut parts = RequestParts::default();
        for parent in &self.parent_stream_configs {
            if let Some(option) = &parent.request_option
                && let Some(value) = slice.get(&parent.field(config)?)
                && super::is_truthy(value)
            {
                option.inject(&mut parts, value.clone(), config)?;
            }
        }
        Ok(parts)
    }
}

impl ParentStreamConfig {
    /// The parent stream, not decoded yet.
    #[must_use]
    pub fn stream(&self) -> &Raw {
        &self.stream
    }

    pub(super) fn has_request_option(&self) -> bool {
        self.request_option.is_some()
    }

    /// Whether the parent is to be read incrementally.
    #[must_use]
    pub fn incremental_dependency(&self) -> bool {
        self.incremental_dependency.unwrap_or(false)
    }

    /// The path of the key in the parent's records.
    #[must_use]
    pub fn parent_key(&self) -> &Template<scope::ConfigOnly> {
        &self.parent_key
    }

    /// Name of the key in a partition.
    ///
    /// # Errors
    /// When the template fails.
    pub fn partition_field(&self, config: &Config) -> Result<String, ComponentError> {
        self.field(config)
    }

    /// The partition that a parent's record makes; none when it lacks the key, or has null there. `parent_slice` is
    /// the slice in which the record was read.
    ///
    /// # Errors
    /// When a template fails, or a path matches more than one value.
    pub fn partition_of(
        &self,
        parent: &Data,
        parent_slice: &StreamSlice,
        config: &Config,
    ) -> Result<Option<StreamSlice>, ComponentError> {
        let scope = scope::ConfigOnly {
            config: config.clone(),
        };
        let key = Glob::split(&self.parent_key.text(&scope)?)?;
        let Some(value) = value_at(parent, &key)?.filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let mut partition = Map::new();
        partition.insert(self.field(config)?, value);
        partition.insert(
            "parent_slice".to_owned(),
            Value::Object(parent_slice.partition.clone()),
        );
        Ok(Some(StreamSlice {
            partition,
            cursor_slice: Map::new(),
            extra_fields: self.extra_fields_of(parent, config)?,
        }))
    }

    /// Whether the first page of the child stands in the parent's records.
    #[must_use]
    pub fn embeds_pages(&self) -> bool {
        let pointer = self.lazy_read_pointer.as_ref();
        pointer.is_some_and(|pointer| !pointer.is_empty())
    }

    /// The first page of the child in a parent's record; an empty list where it is not there.
    ///
    /// # Errors
    /// When a template fails, or the path matches more than one value.
    pub fn embedded_page(
        &self,
        parent: &Data,
        config: &Config,
    ) -> Result<Option<Value>, ComponentError> {
        let Some(pointer) = self.lazy_read_pointer.as_ref().filter(|p| !p.is_empty()) else {
            return Ok(None);
        };
        let page = value_at(parent, &Glob::new(&eval_path(pointer, config)?)?)?;
        Ok(Some(page.unwrap_or_else(|| Value::Array(Vec::new()))))
    }

    fn extra_fields_of(
        &self,
        parent: &Data,
        config: &Config,
    ) -> Result<Map<String, Value>, ComponentError> {
        let mut fields = Map::new();
        for path in self.extra_fields.iter().flatten() {
            let path = eval_path(path, config)?;
            let name: Vec<String> = path.iter().map(segment_text).collect();
            let value = value_at(parent, &Glob::new(&path)?)?;
            fields.insert(name.join("."), value.unwrap_or(Value::Null));
        }
        Ok(fields)
    }

    fn field(&self, config: &Config) -> Result<String, ComponentError> {
        let scope = scope::ConfigOnly {
            config: config.clone(),
        };
        Ok(self.partition_field.text(&scope)?)
    }
}

fn segment_text(segment: &Value) -> String {
    match segment {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The value at a path of a record. Of a record that is still text, only that value is parsed.
fn value_at(record: &Data, path: &Glob) -> Result<Option<Value>, ComponentError> {
    if let Some(text) = record.text() {
        return Ok(path.get(text)?.map(|found| found.value()));
    }
    let keys = path.keys().unwrap_or_default();
    if let Some(found) = record.get_path(&keys).filter(|_| !keys.is_empty()) {
        return Ok(Some(found));
    }
    Ok(path.get(&&record.to_value())?.cloned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::{from_yaml, mistakes};
    use crate::message::Text;

    const YAML: &str = "
stream: {type: DeclarativeStream, name: parents}
parent_key: '{{ config.key }}'
partition_field: project
extra_fields: [[name], [owner, 'id']]
";

    fn partition(record: &str) -> Option<Value> {
        let parent: ParentStreamConfig = from_yaml(YAML);
        let config = Config::new(json!({"key": "ids/gid"}), Arc::new(Clock::system()));
        let mut parent_slice = StreamSlice::default();
        parent_slice.partition.insert("ws".to_owned(), json!(1));
        let text = Text::parse(record.as_bytes().to_vec(), 0).unwrap();
        let as_text = parent
            .partition_of(&Data::from_text(text.clone()), &parent_slice, &config)
            .unwrap();
        let as_tree = parent
            .partition_of(&Data::from_value(text.value()), &parent_slice, &config)
            .unwrap();
        assert_eq!(as_text, as_tree);
        as_text.map(|s| json!([s.partition, s.extra_fields]))
    }

    #[test]
    fn a_record_makes_a_partition_inside_its_parent() {
        assert_eq!(
            partition(r#"{"ids": {"gid": "7"}, "name": "n", "owner": null}"#),
            Some(json!([
                {"project": "7", "parent_slice": {"ws": 1}},
                {"name": "n", "owner.id": null}
            ]))
        );
    }

    #[test]
    fn a_record_without_the_key_or_with_null_makes_none() {
        assert_eq!(partition(r#"{"ids": {}}"#), None);
        assert_eq!(partition(r#"{"ids": {"gid": null}}"#), None);
    }

    #[test]
    fn there_is_a_parent() {
        let mistakes = mistakes::<SubstreamPartitionRouter>("parent_stream_configs: []");
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    }

    #[test]
    fn the_first_page_of_a_child_is_found_by_its_pointer() {
        let config = Config::new(json!({"in": "items"}), Arc::new(Clock::system()));
        let page = |more: &str, record: Value| {
            let parent: ParentStreamConfig = from_yaml(&format!("{YAML}{more}"));
            parent
                .embedded_page(&Data::from_value(record), &config)
                .unwrap()
        };
        let pointer = "lazy_read_pointer: ['{{ config.in }}', page]\n";
        assert_eq!(
            page(pointer, json!({"items": {"page": {"data": []}}})),
            Some(json!({"data": []}))
        );
        assert_eq!(page(pointer, json!({"items": null})), Some(json!([])));
        assert_eq!(page("lazy_read_pointer: []\n", json!({})), None);
    }
}

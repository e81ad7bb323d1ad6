//! `RecordExpander`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::parent_field_path::{Copier, plain};
use super::{Extracting, ParentFieldPath, eval_path};
use crate::component::ComponentError;
use crate::component::dpath::{self, Glob};
use crate::component::retriever::Retriever;
use crate::message::{Data, Kind, StreamSlice, Text};
use crate::template::{Template, scope};

/// Makes many records of one: the items of a list in it.
///
/// A record that is no object, and any record when the path is empty, stays as it is. Items that
/// are no objects become `{"value": …}` when they take anything from the record around them. As
/// airbyte-cdk 7.39.1, `record_expander.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RecordExpander {
    /// Keys from the record down to the list; globs may match several lists.
    expand_records_from_field: Vec<Template<scope::ConfigOnly>>,
    /// Puts the whole record into each item, as `original_record`. Default: false.
    #[serde(default)]
    remain_original_record: Option<bool>,
    /// Fields that each item takes from the record; they replace its own.
    #[serde(default)]
    parent_fields: Option<Vec<ParentFieldPath>>,
    /// Gives each item all fields of the record but the list; its own fields win. Default: false.
    #[serde(default)]
    merge_parent: Option<bool>,
    /// What a record without items becomes. Default: `skip`.
    #[serde(default)]
    on_no_records: Option<OnNoRecords>,
    /// Keys down to a field that is true where the list is not whole.
    #[serde(default)]
    truncation_indicator_path: Option<Vec<Template<scope::ConfigOnly>>>,
    /// Reads the whole list where it is not whole. Its templates read the record as
    /// `{{ stream_slice['parent_record'] }}`. Where it finds nothing, the items at hand count.
    #[serde(default)]
    truncated_list_retriever: Option<Box<Retriever>>,
}

/// What a record without items becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnNoRecords {
    /// Nothing.
    Skip,
    /// A record as it is.
    EmitParent,
}

/// The expander for one page: its paths are known.
struct Expansion<'a> {
    expander: &'a RecordExpander,
    with: &'a Extracting<'a>,
    list: Glob,
    truncated: Option<Glob>,
    copiers: Vec<Copier>,
}

impl RecordExpander {
    /// Expands all records of a page.
    pub(super) fn expand(
        &self,
        records: Vec<Data>,
        with: &Extracting<'_>,
    ) -> Result<Vec<Data>, ComponentError> {
        if self.expand_records_from_field.is_empty() {
            return Ok(records);
        }
        let config = with.config;
        let list = match self.truncated_list_retriever {
            Some(_) => plain(
                &self.expand_records_from_field,
                config,
                "expand_records_from_field",
            )?,
            None => eval_path(&self.expand_records_from_field, config)?,
        };
        let indicator = self.truncation_indicator_path.as_deref();
        let indicator = indicator.filter(|path| !path.is_empty());
        if self.truncated_list_retriever.is_some() && indicator.is_none() {
            return Err(ComponentError::config(
                "`truncated_list_retriever` needs `truncation_indicator_path`",
            ));
        }
        let truncated = indicator
            .map(|path| plain(path, config, "truncation_indicator_path"))
            .transpose()?;
        let fields = self.parent_fields.as_deref().unwrap_or_default();
        let expansion = Expansion {
            expander: self,
            with,
            list: Glob::new(&list)?,
            truncated: truncated.map(|path| Glob::new(&path)).transpose()?,
            copiers: fields
                .iter()
                .map(|field| field.copier(config))
                .collect::<Result<_, _>>()?,
        };
        let mut all = Vec::new();
        for record in records {
            if record.is_object() {
                expansion.expand(record, &mut all)?;
            } else {
                all.push(record);
            }
        }
        Ok(all)
    }

    /// Whether items take anything from the record around them.
    fn adds(&self) -> bool {
        self.remain_original_record.unwrap_or(false)
            || self.merge_parent.unwrap_or(false)
            || self.parent_fields.as_ref().is_some_and(|f| !f.is_empty())
    }
}

impl Expansion<'_> {
    fn expand(&self, record: Data, all: &mut Vec<Data>) -> Result<(), ComponentError> {
        // Nothing is taken from the record: its items can pass as text.
        let as_text = (!self.expander.adds() && self.truncated.is_none())
            .then(|| record.text())
            .flatten();
        let before = all.len();
        if let Some(text) = as_text {
            let lists = self.list.values(text);
            let lists = lists.iter().filter(|list| list.kind() == Kind::Array);
            all.extend(lists.flat_map(Text::items).map(Data::from_text));
        } else {
            let parent = record.to_value();
            let base = self.base(&parent);
            if self.is_truncated(&parent)? && self.fetch(&parent, base.as_ref(), all)? {
                return Ok(());
            }
            for list in self.list.values(&&parent) {
                for item in list.as_array().into_iter().flatten() {
                    all.push(self.item(item.clone(), &parent, base.as_ref())?);
                }
            }
        }
        if all.len() == before && self.expander.on_no_records == Some(OnNoRecords::EmitParent) {
            all.push(record);
        }
        Ok(())
    }

    /// What each item is laid over: the record without its lists.
    fn base(&self, parent: &Value) -> Option<Value> {
        if !self.expander.merge_parent.unwrap_or(false) {
            return None;
        }
        let mut base = parent.clone();
        dpath::delete_lists(&mut base, &self.list);
        Some(base)
    }

    fn is_truncated(&self, parent: &Value) -> Result<bool, ComponentError> {
        let Some(path) = &self.truncated else {
            return Ok(false);
        };
        Ok(match path.get(&parent)? {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::Object(map)) => !map.is_empty(),
        })
    }

    /// Reads the whole list; false when there is no way to, or nothing was found.
    fn fetch(
        &self,
        parent: &Value,
        base: Option<&Value>,
        all: &mut Vec<Data>,
    ) -> Result<bool, ComponentError> {
        let (Some(retriever), Some(fetch)) =
            (&self.expander.truncated_list_retriever, self.with.fetch)
        else {
            return Ok(false);
        };
        let mut slice = StreamSlice::default();
        slice
            .partition
            .insert("parent_record".to_owned(), parent.clone());
        let found = fetch(retriever, &Arc::new(slice))?;
        let any = !found.is_empty();
        for item in found {
            all.push(self.item(item.to_value(), parent, base)?);
        }
        Ok(any)
    }

    /// An item with what it takes from the record around it: first the merged fields, then the
    /// copied ones, then the record itself.
    fn item(
        &self,
        item: Value,
        parent: &Value,
        base: Option<&Value>,
    ) -> Result<Data, ComponentError> {
        let mut item = match item {
            Value::Object(_) => item,
            other if self.expander.adds() => json!({"value": other}),
            other => return Ok(Data::from_value(other)),
        };
        if let Some(Value::Object(base)) = base {
            let mut merged: Map<String, Value> = base.clone();
            if let Value::Object(own) = item {
                merged.extend(own);
            }
            item = Value::Object(merged);
        }
        for copier in &self.copiers {
            copier.copy(parent, &mut item)?;
        }
        if self.expander.remain_original_record.unwrap_or(false)
            && let Value::Object(map) = &mut item
        {
            map.insert("original_record".to_owned(), parent.clone());
        }
        Ok(Data::from_value(item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::from_yaml;
    use crate::template::Config;

    fn expand_with(yaml: &str, record: &str, fetched: &[Value]) -> Result<Value, ComponentError> {
        let expander: RecordExpander = from_yaml(yaml);
        let config = Config::new(json!({}), Arc::new(Clock::system()));
        let fetch = |_: &Retriever, slice: &Arc<StreamSlice>| {
            assert!(slice.partition["parent_record"].is_object());
            Ok(fetched.iter().cloned().map(Data::from_value).collect())
        };
        let with = Extracting {
            config: &config,
            fetch: Some(&fetch),
        };
        let record = Data::from_text(Text::parse(record.as_bytes().to_vec(), 1).unwrap());
        let records = expander.expand(vec![record], &with)?;
        Ok(records.iter().map(Data::to_value).collect())
    }

    fn expand(yaml: &str, record: &str) -> Value {
        expand_with(yaml, record, &[]).unwrap()
    }

    const ORDER: &str = r#"{"id": 1, "lines": {"data": [{"id": 9}, 5], "more": true}}"#;
    const PATH: &str = "expand_records_from_field: [lines, data]\n";

    #[test]
    fn items_become_records() {
        assert_eq!(expand(PATH, ORDER), json!([{"id": 9}, 5]));
        assert_eq!(expand(PATH, "7"), json!([7]));
        assert_eq!(expand(PATH, r#"{"id": 1}"#), json!([]));
        let parent = format!("{PATH}on_no_records: emit_parent\n");
        assert_eq!(expand(&parent, r#"{"id": 1}"#), json!([{"id": 1}]));
        let globs = "expand_records_from_field: [s, '*', items]";
        let record = r#"{"s": [{"items": [1]}, {"items": [2, 3]}, {"items": 4}]}"#;
        assert_eq!(expand(globs, record), json!([1, 2, 3]));
    }

    #[test]
    fn items_may_take_fields_from_the_record() {
        let order: Value = serde_json::from_str(ORDER).unwrap();
        let original = format!("{PATH}remain_original_record: true\n");
        assert_eq!(
            expand(&original, ORDER),
            json!([{"id": 9, "original_record": order}, {"value": 5, "original_record": order}])
        );
        let merged = format!("{PATH}merge_parent: true\n");
        let rest = json!({"more": true});
        assert_eq!(
            expand(&merged, ORDER),
            json!([{"id": 9, "lines": rest}, {"id": 1, "lines": rest, "value": 5}])
        );
        let fields = "parent_fields:
  - {type: ParentFieldPath, parent_path: [id], record_path: [order, id]}
  - {type: ParentFieldPath, parent_path: [nope], record_path: [none]}
";
        assert_eq!(
            expand(&format!("{PATH}{fields}"), ORDER)[0],
            json!({"id": 9, "order": {"id": 1}, "none": null})
        );
    }

    #[test]
    fn a_list_that_is_not_whole_is_fetched() {
        let yaml = format!(
            "{PATH}truncation_indicator_path: [lines, more]
truncated_list_retriever:
  type: SimpleRetriever
  requester: {{type: HttpRequester, url_base: 'https://a.example'}}
  record_selector: {{type: RecordSelector, extractor: {{type: DpathExtractor, field_path: []}}}}
"
        );
        let whole = expand_with(&yaml, ORDER, &[json!({"id": 7})]).unwrap();
        assert_eq!(whole, json!([{"id": 7}]));
        assert_eq!(expand(&yaml, ORDER), json!([{"id": 9}, 5]));
        let all_there = ORDER.replace("true", "false");
        let whole = expand_with(&yaml, &all_there, &[json!(7)]).unwrap();
        assert_eq!(whole, json!([{"id": 9}, 5]));
    }

    #[test]
    fn an_indicator_must_be_one_field() {
        let yaml = format!("{PATH}truncation_indicator_path: ['*']\n");
        let error = expand_with(&yaml, ORDER, &[]).unwrap_err();
        assert!(error.message.contains("must name one field"), "{error}");
    }
}

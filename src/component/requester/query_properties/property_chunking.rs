//! `PropertyChunking` and `GroupByKeyMergeStrategy`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::component::OneOrMany;
use crate::component::error_handler::is_truthy;
use crate::message::Data;
use crate::template::Literal;

/// Characters between two names, encoded in a URL.
const DELIMITER: usize = 3;

/// Divides properties into chunks, one for each request.
///
/// As airbyte-cdk 7.39.1, `property_chunking.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PropertyChunking {
    /// What the limit counts.
    property_limit_type: PropertyLimitType,
    /// The most that a chunk holds. Unset: everything.
    #[serde(default)]
    property_limit: Option<usize>,
    /// How the records of the chunks are put together. Default: those with the same `id`.
    #[serde(default)]
    record_merge_strategy: Option<MergeStrategy>,
}

/// What a limit of properties counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PropertyLimitType {
    /// Characters of the names, and 3 more for each.
    Characters,
    /// Names.
    PropertyCount,
}

/// How the records of several chunks are put together.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
enum MergeStrategy {
    /// Those with equal keys.
    GroupByKeyMergeStrategy(GroupByKeyMergeStrategy),
}

/// Puts records with equal keys together.
///
/// A record without the key goes out as it is, once for each chunk. As airbyte-cdk 7.39.1,
/// `group_by_key.py`. `Differs:` there a key that is no text fails the stream.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct GroupByKeyMergeStrategy {
    /// Name of the key, or names.
    key: OneOrMany<String>,
}

impl PropertyChunking {
    /// The chunks of `names`; `always` are in each, and names that are not `wanted` in none.
    pub(super) fn divide(
        &self,
        names: &[String],
        always: &[String],
        wanted: Option<&BTreeSet<String>>,
    ) -> Vec<Vec<String>> {
        let Some(limit) = self.property_limit.filter(|limit| *limit > 0) else {
            return vec![names.iter().chain(always).cloned().collect()];
        };
        let (mut chunks, mut chunk, mut size) = (Vec::new(), always.to_vec(), 0);
        for name in names {
            if wanted.is_some_and(|wanted| !wanted.contains(name)) {
                continue;
            }
            let length = match self.property_limit_type {
                PropertyLimitType::Characters => name.chars().count() + DELIMITER,
                PropertyLimitType::PropertyCount => 1,
            };
            if size + length > limit {
                chunks.push(std::mem::replace(&mut chunk, always.to_vec()));
                size = 0;
            }
            chunk.push(name.clone());
            size += length;
        }
        chunks.push(chunk);
        chunks
    }

    /// What records have in common that are one; none for a record that stands alone.
    #[must_use]
    pub fn key(&self, record: &Data) -> Option<String> {
        let part = |name: &str| {
            let value = record.get(name).filter(is_truthy)?;
            Some(Literal::from_json(&value).to_python_str())
        };
        match &self.record_merge_strategy {
            None => part("id"),
            Some(MergeStrategy::GroupByKeyMergeStrategy(group)) => {
                let parts: Option<Vec<_>> =
                    group.key.as_slice().iter().map(|name| part(name)).collect();
                parts.map(|parts| parts.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn a_key_is_whole_or_none() {
        let chunking: PropertyChunking = from_yaml(
            "{property_limit_type: property_count, record_merge_strategy: {type: GroupByKeyMergeStrategy, key: [id, kind]}}",
        );
        let key = |record| chunking.key(&Data::from_value(record));
        assert_eq!(key(json!({"id": 7, "kind": "x"})).as_deref(), Some("7,x"));
        assert_eq!(key(json!({"id": 7, "kind": ""})), None);
    }
}

//! `ParentFieldPath`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::eval_path;
use crate::component::ComponentError;
use crate::component::dpath::{self, Glob};
use crate::component::one_or_many::not_empty;
use crate::template::{Config, Template, scope};

/// A field that each item of an expanded record takes from that record.
///
/// As airbyte-cdk 7.39.1, `record_expander.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ParentFieldPath {
    /// Keys down to the value in the expanded record. Where it is not there, the item's is null.
    #[serde(deserialize_with = "not_empty")]
    parent_path: Vec<Template<scope::ConfigOnly>>,
    /// Keys down to where it stands in the item.
    #[serde(deserialize_with = "not_empty")]
    record_path: Vec<Template<scope::ConfigOnly>>,
}

/// A [`ParentFieldPath`] whose paths are known.
pub(super) struct Copier {
    from: Glob,
    to: Vec<String>,
}

impl ParentFieldPath {
    pub(super) fn copier(&self, config: &Config) -> Result<Copier, ComponentError> {
        let from = plain(&self.parent_path, config, "parent_path")?;
        let to = plain(&self.record_path, config, "record_path")?;
        let text = |key: &Value| key.as_str().map_or_else(|| key.to_string(), str::to_owned);
        Ok(Copier {
            from: Glob::new(&from)?,
            to: to.iter().map(text).collect(),
        })
    }
}

/// Evaluates a path that must not hold globs.
pub(super) fn plain(
    path: &[Template<scope::ConfigOnly>],
    config: &Config,
    field: &str,
) -> Result<Vec<Value>, ComponentError> {
    let keys = eval_path(path, config)?;
    let is_glob = |key: &Value| {
        key.as_str()
            .is_some_and(|key| key.contains(['*', '?', '[']))
    };
    if keys.iter().any(is_glob) {
        let at = path.first().and_then(Template::at);
        let message = format!("`{field}` must name one field: `*`, `?` and `[` cannot stand in it");
        return Err(ComponentError::config(message).or_at(at));
    }
    Ok(keys)
}

impl Copier {
    pub(super) fn copy(&self, parent: &Value, item: &mut Value) -> Result<(), ComponentError> {
        let value = self.from.get(&parent)?.cloned().unwrap_or_default();
        dpath::set(item, &self.to, value).map_err(|error| {
            ComponentError::config(format!(
                "a parent's field cannot be put into the item: {error}"
            ))
        })
    }
}

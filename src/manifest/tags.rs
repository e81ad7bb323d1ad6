//! Explicit tags: `!!str 12` and the like. The other half of what a scalar means.

use std::sync::Arc;

use saphyr_parser::Tag;

use super::node::NodeValue;
use super::scalar;

/// `!`, which means: as if there was no tag.
pub(super) fn is_bare(tag: &Tag) -> bool {
    matches!(
        (tag.handle.as_str(), tag.suffix.as_str()),
        ("", "!") | ("!", "")
    )
}

/// Only the tag that a list or mapping has anyway.
pub(super) fn check(tag: Option<&Tag>, kind: &str) -> Result<(), String> {
    match tag {
        None => Ok(()),
        Some(tag) if is_bare(tag) || (tag.is_yaml_core_schema() && tag.suffix == kind) => Ok(()),
        Some(tag) => Err(meaningless(tag)),
    }
}

/// The value of a scalar that says its type.
pub(super) fn typed(text: &str, tag: &Tag) -> Result<NodeValue, String> {
    if !tag.is_yaml_core_schema() {
        return Err(meaningless(tag));
    }
    let value = match tag.suffix.as_str() {
        "str" => Some(NodeValue::Str(Arc::from(text))),
        "null" => Some(NodeValue::Null),
        "bool" => scalar::boolean(&text.to_ascii_lowercase()),
        "int" => scalar::int(text),
        "float" => {
            scalar::float(text).or_else(|| text.replace('_', "").parse().ok().map(NodeValue::Float))
        }
        "timestamp" => scalar::time(text).map(|time| NodeValue::Str(Arc::from(time))),
        _ => return Err(meaningless(tag)),
    };
    value.ok_or_else(|| format!("`{text}` is no `!!{}`", tag.suffix))
}

fn meaningless(tag: &Tag) -> String {
    if tag.is_yaml_core_schema() {
        format!("the tag `!!{}` has no meaning here", tag.suffix)
    } else {
        format!("the tag `{tag}` has no meaning here")
    }
}

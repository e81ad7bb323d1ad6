//! `ConfigRemoveFields`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{TransformConfig, scope_of};
use crate::clock::Clock;
use crate::component::ComponentError;
use crate::component::dpath;
use crate::component::transformation::{Pointer, given};
use crate::template::{Condition, scope};

/// Removes fields from the config.
///
/// A field that is not there is no error. The last item of a list is removed, any other becomes
/// null. As airbyte-cdk 7.39.1, `config_transformations/remove_fields.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConfigRemoveFields {
    /// Paths of the fields to remove; a key may be a glob.
    field_pointers: Vec<Pointer>,
    /// Removes them only when true; it reads `config`. Unset or empty: always.
    #[serde(default)]
    condition: Option<Condition<scope::ConfigOnly>>,
}

impl TransformConfig for ConfigRemoveFields {
    fn transform(&self, config: &mut Value, clock: &Arc<Clock>) -> Result<(), ComponentError> {
        if let Some(condition) = given(self.condition.as_ref())
            && !condition.eval(&scope_of(config, clock))?
        {
            return Ok(());
        }
        for pointer in &self.field_pointers {
            dpath::delete::<ComponentError>(config, pointer.glob(), None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::transform;

    #[test]
    fn removes_where_the_condition_holds() {
        let yaml = "{type: ConfigRemoveFields, field_pointers: [[a, x], [nope]], condition: '{{ config.on }}'}";
        assert_eq!(
            transform(yaml, json!({"on": true, "a": {"x": 1, "y": 2}})).unwrap(),
            json!({"on": true, "a": {"y": 2}})
        );
        let off = json!({"on": false, "a": {"x": 1}});
        assert_eq!(transform(yaml, off.clone()).unwrap(), off);
    }
}

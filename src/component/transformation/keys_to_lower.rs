//! `KeysToLower`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Around, RecordTransformation, fields};
use crate::component::ComponentError;
use crate::message::Data;

/// Turns the keys of the first level into lower case.
///
/// Of two keys that become the same, the one that had to change wins, the later one of two such. As airbyte-cdk 7.39.1,
/// `keys_to_lower_transformation.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct KeysToLower {}

impl RecordTransformation for KeysToLower {
    fn transform(&self, record: &mut Arc<Data>, _: &Around) -> Result<(), ComponentError> {
        let map = fields(record)?;
        let keys: Vec<String> = map.keys().cloned().collect();
        for key in keys {
            if let Some(value) = map.shift_remove(&key) {
                map.insert(key.to_lowercase(), value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::transform;
    use serde_json::json;

    #[test]
    fn lowers_the_first_level_alone() {
        let record = json!({"ID": 1, "Über": {"Inner": 2}, "id": 3});
        assert_eq!(
            transform("type: KeysToLower", &record).unwrap(),
            json!({"über": {"Inner": 2}, "id": 1})
        );
    }
}

//! `RemoveFields`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Around, RecordTransformation, given};
use crate::component::ComponentError;
use crate::component::dpath::{self, Glob};
use crate::message::Data;
use crate::template::{self, Condition, Config, Scope, TValue};

/// Removes fields from each record.
///
/// A field that is not there is no error. The last item of a list is removed, any other becomes
/// null, so that the places of the rest stay. As airbyte-cdk 7.39.1, `remove_fields.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RemoveFields {
    /// Paths of the fields to remove. A key may be a glob (`*`, `?`, `[a-z]`), and `**` stands for
    /// any number of keys.
    field_pointers: Vec<Pointer>,
    /// Removes values only where this is true; it reads the value as `property`. With a condition
    /// the paths do not count: every value that is no object or list, at any depth, is asked for,
    /// as in the reference. Unset or empty: removes what is at the paths.
    condition: Option<Condition<PropertyScope>>,
}

/// What the condition of [`RemoveFields`] reads.
#[derive(Clone)]
struct PropertyScope {
    config: Config,
    property: TValue,
}

impl Scope for PropertyScope {
    const NAMES: &'static [&'static str] = &["property"];

    fn config(&self) -> &Config {
        &self.config
    }

    fn lookup(&self, name: &str) -> Option<TValue> {
        (name == "property").then(|| self.property.clone())
    }
}

impl RecordTransformation for RemoveFields {
    fn transform(&self, record: &mut Arc<Data>, around: &Around) -> Result<(), ComponentError> {
        for pointer in &self.field_pointers {
            match given(self.condition.as_ref()) {
                None => pointer.remove(record)?,
                Some(condition) => {
                    let mut filter = |value: &Value| -> Result<bool, ComponentError> {
                        Ok(condition.eval(&PropertyScope {
                            config: around.config.clone(),
                            property: template::json(value),
                        })?)
                    };
                    let tree = Arc::make_mut(record).value_mut();
                    dpath::delete(tree, &pointer.0, Some(&mut filter))?;
                }
            }
        }
        Ok(())
    }
}

/// Path of a field, which may hold globs.
#[derive(Debug, JsonSchema)]
#[schemars(with = "Vec<String>")]
pub(in crate::component) struct Pointer(Glob);

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path: Vec<String> = Vec::deserialize(deserializer)?;
        let path: Vec<Value> = path.into_iter().map(Value::from).collect();
        Glob::new(&path).map(Self).map_err(D::Error::custom)
    }
}

impl Pointer {
    /// The path.
    pub(in crate::component) fn glob(&self) -> &Glob {
        &self.0
    }

    fn remove(&self, record: &mut Arc<Data>) -> Result<(), ComponentError> {
        match self.0.keys().as_deref() {
            Some([key]) if record.is_object() => {
                Arc::make_mut(record).remove(key);
                return Ok(());
            }
            Some([key, ..]) if record.is_object() && record.get(key).is_none() => return Ok(()),
            _ => {}
        }
        let tree = Arc::make_mut(record).value_mut();
        dpath::delete::<ComponentError>(tree, &self.0, None)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::transform;
    use serde_json::json;

    #[test]
    fn removes_what_the_paths_say() {
        let yaml =
            "{type: RemoveFields, field_pointers: [[a], [b, c], [l, '0'], [nope, x], ['x*']]}";
        let record = json!({"a": 1, "b": {"c": 1, "d": 2}, "l": [1, 2], "x1": 0, "y": 0});
        assert_eq!(
            transform(yaml, &record).unwrap(),
            json!({"b": {"d": 2}, "l": [null, 2], "y": 0})
        );
    }

    #[test]
    fn with_a_condition_the_paths_do_not_count() {
        let yaml =
            "{type: RemoveFields, field_pointers: [[id]], condition: '{{ property is none }}'}";
        let record = json!({"id": 1, "a": null, "b": {"c": null, "d": 0}});
        assert_eq!(
            transform(yaml, &record).unwrap(),
            json!({"id": 1, "b": {"d": 0}})
        );
    }
}

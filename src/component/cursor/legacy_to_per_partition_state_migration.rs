//! `LegacyToPerPartitionStateMigration`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A change to an input state of an older form.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
pub enum StateMigration {
    /// From a mapping of partitions to their states.
    LegacyToPerPartitionStateMigration(LegacyToPerPartitionStateMigration),
}

/// Reads states of the form `{"PARTITION": {"CURSOR_FIELD": …}}`, as connectors in Python wrote them.
///
/// Any other state is left as it is. As airbyte-cdk 7.39.1,
/// `legacy_to_per_partition_state_migration.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct LegacyToPerPartitionStateMigration {}

/// The stream whose state is changed.
#[derive(Debug)]
pub struct Migrating<'a> {
    /// The name of the partition's value; none where the stream has not exactly one parent.
    pub partition_field: Option<&'a str>,
    /// The cursor field.
    pub cursor_field: &'a str,
}

impl StateMigration {
    /// The state in its new form.
    #[must_use]
    pub fn migrate(&self, state: Map<String, Value>, stream: &Migrating<'_>) -> Map<String, Value> {
        match self {
            Self::LegacyToPerPartitionStateMigration(migration) => migration.migrate(state, stream),
        }
    }
}

impl LegacyToPerPartitionStateMigration {
    #[expect(clippy::unused_self, reason = "a migration without settings")]
    fn migrate(&self, state: Map<String, Value>, stream: &Migrating<'_>) -> Map<String, Value> {
        let Some(name) = stream.partition_field else {
            return state;
        };
        let is_legacy = |value: &Value| {
            let map = value.as_object();
            map.is_some_and(|map| map.len() == 1 && map.contains_key(stream.cursor_field))
        };
        if state.is_empty() || state.contains_key("states") || !state.values().all(is_legacy) {
            return state;
        }
        let states = state.into_iter().map(|(key, cursor)| {
            let partition = Map::from_iter([(name.to_owned(), key.into())]);
            json!({"partition": partition, "cursor": cursor})
        });
        Map::from_iter([("states".to_owned(), states.collect())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::from_yaml;

    fn migrated(state: &Value) -> Value {
        let migration: StateMigration = from_yaml("type: LegacyToPerPartitionStateMigration");
        let stream = Migrating {
            partition_field: Some("id"),
            cursor_field: "at",
        };
        migration
            .migrate(state.as_object().unwrap().clone(), &stream)
            .into()
    }

    #[test]
    fn only_the_old_form_is_changed() {
        assert_eq!(
            migrated(&json!({"7": {"at": "x"}, "8": {"at": "y"}})),
            json!({"states": [
                {"partition": {"id": "7"}, "cursor": {"at": "x"}},
                {"partition": {"id": "8"}, "cursor": {"at": "y"}}]})
        );
        for kept in [
            json!({}),
            json!({"states": {"at": "x"}}),
            json!({"at": "x"}),
            json!({"7": {"at": "x", "more": 1}}),
        ] {
            assert_eq!(migrated(&kept), kept);
        }
    }
}

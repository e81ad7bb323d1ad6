//! Changes and checks that a manifest wants of the config before anything is done with it.
//!
//! In: the opened source. Out: its config, migrated and transformed; a migrated config is kept where
//! it came from, and told in the protocol, as airbyte-cdk 7.39.1 does
//! (`concurrent_declarative_source.py`).

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::config_file::replace;
use super::error::{Failure, say};
use super::protocol;
use super::settings::{ConfigFrom, INJECTED};
use super::source::Source;
use crate::component::config::ConfigNormalizationRules;
use crate::manifest;
use crate::message::Message;
use crate::template::Config;

/// The rules of the manifest's spec; none where there are none.
pub(super) fn rules(source: &Source) -> Result<ConfigNormalizationRules, Failure> {
    let spec = source.manifest.root().get("spec");
    match spec.and_then(|spec| spec.get("config_normalization_rules")) {
        Some(node) if node.value.is_truthy() => manifest::decode(node)
            .map_err(|errors| Failure::manifest(errors, source.manifest.source())),
        _ => Ok(ConfigNormalizationRules::default()),
    }
}

/// Migrates and transforms the config for the command `verb`.
pub(super) fn apply(
    rules: &ConfigNormalizationRules,
    source: &mut Source,
    verb: &str,
) -> Result<(), Failure> {
    let clock = Arc::clone(&source.settings.clock);
    let wrong = |error| Failure::wrong(format!("the config cannot be normalized: {error}"));
    // The reference leaves an empty config alone.
    if source.settings.config.is_empty() {
        return Ok(());
    }
    let given = source.settings.config.clone();
    let mut changed = Value::Object(given.clone());
    rules.migrate(&mut changed, &clock).map_err(wrong)?;
    if let Value::Object(migrated) = &changed
        && *migrated != given
    {
        // Differs: the reference writes the file for `check` and `discover` too, which only look.
        if let ConfigFrom::File(path) = &source.settings.config_from
            && matches!(verb, "read" | "run")
        {
            keep(path, &given, migrated);
        }
        // `run` does not speak the protocol.
        if verb != "run" {
            let config = Arc::new(changed.clone());
            protocol::print(&Message::Control { config })?;
        }
    }
    rules.transform(&mut changed, &clock).map_err(wrong)?;
    if let Value::Object(changed) = changed {
        source.settings.config = changed;
    }
    Ok(())
}

/// Holds the config against the validations.
pub(super) fn validate(rules: &ConfigNormalizationRules, config: &Config) -> Result<(), Failure> {
    rules.validate(config).map_err(Failure::wrong)
}

/// Writes a migrated config back, where the file is JSON and holds the config as it was given.
fn keep(path: &Path, given: &Map<String, Value>, migrated: &Map<String, Value>) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let name = path.display();
    let Some(mut file) = serde_json::from_str::<Map<String, Value>>(&text).ok() else {
        say(&format!(
            "warning: the manifest has changed the config, and `{name}` is no JSON that it could be written back to"
        ));
        return;
    };
    let injected = file.remove(INJECTED);
    if file != *given {
        // What `--set` and the environment have put in does not belong into the file.
        say(&format!(
            "warning: the manifest has changed the config, which is not written back to `{name}`: `--set` or `${{env:…}}` is part of it"
        ));
        return;
    }
    let mut file = migrated.clone();
    file.extend(injected.map(|manifest| (INJECTED.to_owned(), manifest)));
    if let Err(error) = replace(path, &format!("{:#}\n", Value::Object(file))) {
        say(&format!(
            "warning: the changed config could not be written back to `{name}`: {error}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn kept(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        keep(&path, &object(json!({"a": 1})), &object(json!({"b": 2})));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn a_migrated_config_is_written_back() {
        assert_eq!(kept("{\"a\": 1}"), "{\n  \"b\": 2\n}\n");
        let injected = kept("{\"a\": 1, \"__injected_declarative_manifest\": {}}");
        assert!(injected.contains(INJECTED), "{injected}");
    }

    #[test]
    fn what_came_from_elsewhere_is_never_written() {
        for text in ["{\"a\": \"${env:A}\"}", "a: 1\n", "{}"] {
            assert_eq!(kept(text), text);
        }
    }
}

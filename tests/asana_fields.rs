//! `asana.yaml` asks for each field that its schemas declare, and for nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::asana::MANIFEST;

/// The dotted paths of all fields that have no fields of their own.
fn leaves(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let schema = schema.get("items").unwrap_or(schema);
    match schema["properties"].as_object() {
        Some(properties) => {
            for (name, inner) in properties {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                leaves(inner, &path, found);
            }
        }
        None => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
fn opt_fields_are_the_leaves_of_the_schemas() {
    let manifest: Value = serde_yaml::from_str(MANIFEST).expect("asana.yaml is YAML");
    let asked = manifest["definitions"]["opt_fields"]
        .as_object()
        .expect("opt_fields");
    assert_eq!(asked.len(), 19);
    for (stream, fields) in asked {
        let fields = fields
            .as_str()
            .expect("opt_fields are text")
            .split(',')
            .map(str::to_owned);
        let mut declared = BTreeSet::new();
        leaves(&manifest["schemas"][stream], "", &mut declared);
        assert!(declared.len() >= 3, "{stream}");
        assert_eq!(fields.collect::<BTreeSet<_>>(), declared, "{stream}");
    }
}

#[test]
fn every_stream_is_listed_with_its_own_schema() {
    let manifest: Value = serde_yaml::from_str(MANIFEST).expect("asana.yaml is YAML");
    let listed = manifest["streams"].as_array().expect("streams");
    assert_eq!(listed.len(), 21);
    for stream in listed {
        let at = stream["$ref"]
            .as_str()
            .expect("a reference")
            .trim_start_matches('#');
        let definition = manifest.pointer(at).expect("a definition");
        assert!(
            at.ends_with(&format!(
                "/{}",
                definition["name"].as_str().expect("a name")
            )),
            "{at}"
        );
        let schema = definition["schema_loader"]["schema"]["$ref"]
            .as_str()
            .expect("a schema");
        let schema = manifest
            .pointer(schema.trim_start_matches('#'))
            .expect("a schema");
        assert!(schema["properties"].is_object(), "{at}");
    }
}

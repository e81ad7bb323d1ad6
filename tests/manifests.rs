//! The manifests that we promise to keep working: each read from its archive gives the records kept beside.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const NAMES: [&str; 3] = ["github", "notion", "pokeapi"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines, sorted, and without the nulls of a record's own fields, which some outputs leave out.
fn records(lines: &str) -> Vec<String> {
    let mut records: Vec<String> = lines
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("each line is JSON");
            let data = line["data"]
                .as_object_mut()
                .expect("each line has a record");
            data.retain(|_, value| !value.is_null());
            data.sort_keys();
            line.to_string()
        })
        .collect();
    records.sort();
    records
}

#[test]
fn each_gives_its_records_without_a_network() {
    for name in NAMES {
        let run = Command::new(env!("CARGO_BIN_EXE_lowcode"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args([
                "run",
                &format!("manifests/{name}.yaml"),
                "--replay",
                &format!("manifests/{name}.har"),
            ])
            .output()
            .expect("the binary starts");
        let told = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{name}: {told}");
        let wanted = records(&read(&format!("tests/support/manifests/{name}.jsonl")));
        assert_eq!(
            records(&String::from_utf8_lossy(&run.stdout)),
            wanted,
            "{name}: {told}"
        );
    }
}

#[test]
fn archives_are_whole_and_hold_no_secret() {
    for name in NAMES {
        let archive: Value =
            serde_json::from_str(&read(&format!("manifests/{name}.har"))).expect("a HAR is JSON");
        let manifest: Value =
            serde_yaml::from_str(&read(&format!("manifests/{name}.yaml"))).expect("YAML");
        let base = manifest["definitions"]["requester"]["url_base"]
            .as_str()
            .expect("an URL");
        let log = &archive["log"];
        assert_eq!(log["version"], "1.2", "{name}");
        for entry in log["entries"].as_array().expect("entries") {
            let url = entry["request"]["url"].as_str().expect("an URL");
            assert!(url.starts_with(base), "{name}: {url}");
            let text = entry["response"]["content"]["text"]
                .as_str()
                .expect("a body");
            assert_eq!(
                entry["response"]["content"]["size"],
                text.len(),
                "{name}: {url}"
            );
            serde_json::from_str::<Value>(text).expect("each body is JSON");
            for header in entry["request"]["headers"].as_array().expect("headers") {
                let is_secret = header["name"] == "Authorization";
                assert_eq!(is_secret, header["value"] == "***", "{name}: {header}");
            }
        }
        let secrets = manifest["spec"]["connection_specification"]["properties"]
            .as_object()
            .expect("properties");
        for (key, _) in secrets
            .iter()
            .filter(|(_, schema)| schema["airbyte_secret"] == true)
        {
            assert_eq!(log["_lowcode"]["config"][key], "***", "{name}");
        }
        assert!(
            !records(&read(&format!("tests/support/manifests/{name}.jsonl"))).is_empty(),
            "{name}"
        );
    }
}

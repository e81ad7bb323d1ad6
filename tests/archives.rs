//! Recording and replaying: what comes out of an archive is what went into it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::asana::{MANIFEST, Server, TOKEN};
use crate::asana_oas::mistakes;
use crate::asana_run::{STREAMS, config_of_all, lowcode, sorted};
use crate::support::Run;

const EXAMPLE: &str = "examples/asana.har";

fn example() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(EXAMPLE);
    let text = std::fs::read_to_string(path).expect("the example is there");
    assert!(text.len() < 4_000_000, "the example is too long");
    serde_json::from_str(&text).expect("a HAR is JSON")
}

fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_example_gives_the_records_of_every_stream_without_a_token() {
    let server = Server::start();
    let run = Run::new()
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "asana.yaml", "--replay", EXAMPLE])
        .run()
        .success();
    for stream in STREAMS {
        let records = run.records(stream);
        // An export is made anew for each run, and there is the one of the recorded run.
        if stream == "organization_exports" {
            assert_eq!(records.len(), 1, "{}", run.stderr);
            assert_eq!(records[0]["state"], "finished");
        } else {
            let held = server.records(stream);
            assert_eq!(sorted(&records), sorted(&held), "{stream}: {}", run.stderr);
        }
    }
    for word in ["error", "warning", "waits"] {
        assert!(!run.stderr.contains(word), "{}", run.stderr);
    }
    assert!(server.requests().is_empty(), "a replay opens no socket");
}

#[test]
fn the_example_is_of_asana_and_holds_no_secret() {
    let example = example();
    let text = example.to_string();
    assert!(!text.contains(TOKEN) && !text.contains("127.0.0.1"));
    let log = &example["log"];
    let credentials = &log["_lowcode"]["config"]["credentials"];
    assert_eq!(credentials["personal_access_token"], "***");
    let entries = log["entries"].as_array().expect("entries");
    assert!(entries.len() > 100);
    for entry in entries {
        let request = &entry["request"];
        let url = request["url"].as_str().expect("an URL");
        let path = url.strip_prefix("https://app.asana.com").expect(url);
        let path = path.split('?').next().expect("a first part");
        let query = request["queryString"].as_array().expect("pairs");
        let text = |pair: &Value, key: &str| pair[key].as_str().expect("text").to_owned();
        let query: Vec<_> = query
            .iter()
            .map(|pair| (text(pair, "name"), text(pair, "value")))
            .collect();
        let method = request["method"].as_str().expect("a method");
        assert_eq!(mistakes(method, path, &query), [""; 0]);
    }
}

#[test]
fn a_replay_gives_exactly_what_was_recorded() {
    let server = Server::start();
    let recorded = lowcode(&server, "run", &config_of_all(), &["--record", "a.har"]).success();
    let asked = server.requests().len();
    let replayed = Run::new()
        .manifest(&server.serve(MANIFEST))
        .file("a.har", &recorded.file("a.har"))
        .args(["run", "--replay", "a.har"])
        .run()
        .success();
    assert_eq!(lines(&replayed.stdout), lines(&recorded.stdout));
    assert_eq!(server.requests().len(), asked, "a replay opens no socket");

    let archive: Value = serde_json::from_str(&recorded.file("a.har")).expect("a HAR is JSON");
    let entries = archive["log"]["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), asked);
    let begun: BTreeSet<&str> = entries
        .iter()
        .filter_map(|entry| entry["startedDateTime"].as_str())
        .collect();
    assert!(begun.len() > 1, "the clock of the recording runs");
}

/// Makes `examples/asana.har` anew; run by hand, with `--ignored records_the_example`.
#[test]
#[ignore = "writes examples/asana.har"]
fn records_the_example() {
    let server = Server::start();
    let run = lowcode(&server, "run", &config_of_all(), &["--record", "a.har"]).success();
    let recorded = run.file("a.har");
    assert!(!recorded.contains(TOKEN), "the token is masked");
    let as_asana = recorded.replace(&server.base_url, "https://app.asana.com");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(EXAMPLE);
    std::fs::write(path, as_asana).expect("a written archive");
}

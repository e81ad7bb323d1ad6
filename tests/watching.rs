//! What is told of a run beside its records: the report, the log, the exit code.

use serde_json::Value;

use crate::support::Run;

/// A recorded run of all streams: with statuses that are tolerated, and tries that were repeated.
fn recorded() -> Run {
    let root = env!("CARGO_MANIFEST_DIR");
    Run::new().args([
        "run",
        &format!("{root}/asana.yaml"),
        "--replay",
        &format!("{root}/examples/asana.har"),
    ])
}

#[test]
fn the_report_says_of_each_stream_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let output = recorded()
        .args(["--report", path.to_str().unwrap()])
        .run()
        .success();
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let streams = report["streams"].as_array().unwrap();
    let lines = output.stdout.lines().count() as u64;
    let sum = |path: &str| -> u64 {
        streams
            .iter()
            .map(|s| s.pointer(path).unwrap().as_u64().unwrap())
            .sum()
    };
    assert_eq!(sum("/records/emitted"), lines);
    assert!(sum("/requests/retried") > 0 && sum("/partitions/done") > 0);
    let ignored = streams.iter().find(|s| s["stream"] == "teams").unwrap();
    assert_eq!(
        ignored["requests"]["ignored_by_status"],
        serde_json::json!({"403": 1})
    );
    assert!(
        ignored["slowest"]["request"]
            .as_str()
            .unwrap()
            .starts_with("GET https://")
    );
    assert_eq!(ignored["errors"], serde_json::json!([]));
    assert!(ignored["notes"][0].as_str().unwrap().contains("403"));
}

#[test]
fn a_report_that_cannot_be_written_is_told() {
    let output = recorded()
        .args(["--report", "/nowhere/at/all.json"])
        .run()
        .exits(1);
    assert!(
        output
            .stderr
            .contains("error: cannot write the report `/nowhere/at/all.json`")
    );
}

#[test]
fn strict_runs_fail_when_something_was_left_out() {
    recorded().args(["--strict"]).run().exits(3);
    recorded()
        .args(["--strict", "--stream", "users"])
        .run()
        .success();
}

#[test]
fn quiet_runs_say_nothing() {
    let output = recorded().args(["-q"]).run().success();
    assert_eq!(output.stderr, "");
    assert!(!output.stdout.is_empty());
}

#[test]
fn a_log_for_programs_is_json() {
    let output = recorded()
        .args(["--log-format", "json", "-v", "--stream", "users"])
        .run()
        .success();
    let mut messages = Vec::new();
    for line in output.stderr.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(line["level"], "info");
        messages.push(line["message"].as_str().unwrap().to_owned());
    }
    assert!(
        messages
            .iter()
            .any(|message| message == "Syncing stream: users"),
        "{messages:?}"
    );
}

#[test]
fn more_detail_shows_requests_and_then_bodies_without_credentials() {
    let token = "secret-token-1";
    let some = |detail: &str| {
        let set = format!("credentials.token={token}");
        let output = recorded()
            .args([detail, "--stream", "users", "--set", &set])
            .run();
        output.success().stderr
    };
    let requests = some("-vv");
    assert!(
        requests.contains("debug: GET https://app.asana.com/api/1.0/"),
        "{requests}"
    );
    assert!(!requests.contains("{\"data\":"), "{requests}");
    let bodies = some("-vvv");
    assert!(bodies.contains("debug: {\"data\":"), "{bodies}");
    assert!(!bodies.contains(token), "{bodies}");
}

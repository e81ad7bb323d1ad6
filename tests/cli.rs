//! The command line itself: usage, mistakes in what it names, exit codes.

use serde_json::json;

use crate::support::Run;

#[test]
fn help_and_version_are_no_errors() {
    let help = Run::new().args(["--help"]).run().success();
    assert!(help.stdout.contains("Exit codes:"), "{}", help.stdout);
    for verb in ["run", "read", "check", "discover", "spec"] {
        let help = Run::new().args([verb, "--help"]).run().success();
        let examples = help.stdout.find("Examples:").expect(verb);
        let usage = help.stdout.find("Usage:").expect(verb);
        assert!(examples < usage, "{}", help.stdout);
    }
    Run::new().args(["--version"]).run().success();
}

#[test]
fn a_wrong_command_line_exits_with_2_and_prints_nothing_on_stdout() {
    let lines: [&[&str]; 7] = [
        &[],
        &["rnu"],
        &["run", "--limt", "3"],
        &["run", "m.yaml", "--now", "yesterday"],
        &["run", "m.yaml", "--wait-scale", "-1"],
        &["run", "m.yaml", "--concurrency", "0"],
        &["read", "m.yaml"],
    ];
    for line in lines {
        let output = Run::new().args(line).run().exits(2);
        assert_eq!(output.stdout, "", "{line:?}");
        assert_ne!(output.stderr, "", "{line:?}");
    }
}

#[test]
fn what_cannot_be_read_is_one_error() {
    let output = Run::new().args(["run", "nowhere.yaml"]).run().exits(2);
    assert!(
        output
            .stderr
            .starts_with("error: cannot read manifest `nowhere.yaml`: "),
        "{}",
        output.stderr
    );
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);

    let output = Run::new().args(["run"]).run().exits(2);
    assert!(
        output
            .stderr
            .starts_with("error: no manifest was given\nhelp: ")
    );

    let output = Run::new()
        .manifest("type: DeclarativeSource")
        .config(&json!({"token": "${env:TOKEN}"}))
        .args(["check"])
        .run()
        .exits(2);
    let status = &output.messages("CONNECTION_STATUS")[0]["connectionStatus"];
    assert_eq!(status["status"], "FAILED");
    assert_eq!(
        output.stderr,
        "error: `token` asks for the environment variable `TOKEN`, which is not set\n"
    );
}

#[test]
fn the_manifest_may_come_from_the_environment_and_the_config_from_standard_input() {
    let manifest = "type: DeclarativeSource\nspec:\n  type: Spec\n  connection_specification: {required: [key]}\n";
    let output = Run::new()
        .file("folder/manifest.yaml", manifest)
        .env("LOWCODE_MANIFEST", "folder")
        .args(["check", "--config", "-"])
        .stdin("other: 1")
        .timeout(20)
        .run()
        .exits(2);
    assert_eq!(
        output.stderr,
        "error: config: `key` is missing; expected a value\n\
         help: `lowcode spec` prints what the config may hold\n"
    );
    assert_eq!(output.file("folder/manifest.yaml"), manifest);
}

#[test]
fn a_file_of_another_kind_is_told_by_its_name() {
    let run = || Run::new().manifest("type: DeclarativeSource");
    let output = run()
        .catalog(&json!({"streams": "all"}))
        .args(["read"])
        .run()
        .exits(2);
    assert!(
        output
            .stderr
            .starts_with("error: catalog `catalog.json` cannot be used: "),
        "{}",
        output.stderr
    );
    let trace = &output.messages("TRACE")[0]["trace"];
    assert_eq!(trace["error"]["failure_type"], "config_error");

    let output = run()
        .catalog(&json!({"streams": []}))
        .state(&json!("none"))
        .args(["read"])
        .run()
        .exits(2);
    assert_eq!(output.messages("TRACE").len(), 1);

    let output = run().har(&json!({"log": []})).args(["run"]).run().exits(2);
    assert!(
        output
            .stderr
            .starts_with("error: `replay.har` is not an HTTP Archive: "),
        "{}",
        output.stderr
    );
    assert_eq!(output.stdout, "");
}

/// Two streams that an archive answers.
fn two_streams() -> Run {
    let stream = |name: &str| {
        format!(
            "  - type: DeclarativeStream
    name: {name}
    retriever:
      type: SimpleRetriever
      requester: {{type: HttpRequester, url_base: https://api.example.com, path: /items}}
      record_selector: {{type: RecordSelector, extractor: {{type: DpathExtractor, field_path: []}}}}
"
        )
    };
    let head = "version: 7.0.0\ntype: DeclarativeSource\ncheck: {type: CheckStream, stream_names: [apples]}\nstreams:\n";
    let answer = json!({"request": {"method": "GET", "url": "https://api.example.com/items", "headers": []},
        "response": {"status": 200, "headers": [], "content": {"text": "[{\"a\":1},{\"a\":2},{\"a\":3}]"}}});
    Run::new()
        .manifest(&format!("{head}{}{}", stream("apples"), stream("pears")))
        .har(&json!({"log": {"version": "1.2", "creator": {}, "entries": [answer]}}))
}

#[test]
fn streams_are_named_and_counted() {
    let args = ["run", "--stream", "apples", "--stream", "aples"];
    let unknown = two_streams().args(args).run().exits(2);
    assert_eq!(
        unknown.stderr,
        "error: there is no stream `aples`; did you mean `apples`?\n\
         help: the manifest's streams are: apples, pears\n"
    );
    let args = ["run", "--stream", "apples", "--limit", "2"];
    let limited = two_streams().args(args).run().success();
    assert_eq!(limited.records("apples").len(), 2);
    let row = limited.stderr.lines().nth(1).unwrap_or_default();
    assert!(row.starts_with("apples        2  "), "{}", limited.stderr);
    let none = two_streams().args(["run", "--limit", "0"]).run().success();
    assert_eq!(none.stdout, "");
}

#[test]
fn a_bound_ends_a_run_with_a_code_of_its_own() {
    let run = |args: &[&str]| two_streams().args(["run", "--concurrency", "1"]).args(args);
    let stopped = run(&["--max-requests", "1"]).run().exits(4);
    assert_eq!(stopped.records("apples").len(), 3);
    assert_eq!(stopped.records("pears").len(), 0);
    assert!(
        (stopped.stderr).starts_with("stopped after `--max-requests`: "),
        "{}",
        stopped.stderr
    );
    run(&["--max-requests", "2", "--deadline", "1h"])
        .run()
        .success();
    let wrong = run(&["--deadline", "90"]).run().exits(2);
    assert!(wrong.stderr.contains("such as `90s`"), "{}", wrong.stderr);
}

/// The protocol's logs are in the reference's words, and in its order.
#[test]
fn logs_of_a_read_are_those_of_the_reference() {
    let catalog = json!({"streams": [{"stream": {"name": "pears", "json_schema": {}},
        "sync_mode": "full_refresh", "destination_sync_mode": "append"}]});
    let read = two_streams()
        .catalog(&catalog)
        .args(["read"])
        .run()
        .success();
    let logs: Vec<_> = read.messages("LOG");
    let logs: Vec<_> = logs
        .iter()
        .filter_map(|log| log["log"]["message"].as_str())
        .collect();
    assert_eq!(
        logs,
        [
            "Starting syncing",
            "Marking stream pears as STARTED",
            "Syncing stream: pears",
            "Marking stream pears as RUNNING",
            "Read 3 records from pears stream",
            "Marking stream pears as STOPPED",
            "Finished syncing pears",
            "Finished syncing",
        ]
    );
}

#[test]
fn mistakes_of_a_manifest_are_drawn() {
    let folder = Run::new()
        .manifest("type: DeclarativeSource\nstreams:\n  - $ref: '#/definitions/nowhere'\n")
        .args(["discover"])
        .run()
        .exits(2);
    let drawn = folder.stderr_without_folder();
    assert!(drawn.contains("--> manifest.yaml:3:11"), "{drawn}");
    assert!(drawn.starts_with("error: "), "{drawn}");
}

#[test]
fn a_spec_is_one_message_with_and_without_a_manifest() {
    let spec = Run::new()
        .manifest("spec: {type: Spec, connection_specification: {type: object}}")
        .args(["spec", "--now", "2025-03-01"])
        .run()
        .success();
    assert_eq!(spec.stderr, "");
    assert_eq!(
        spec.lines(),
        [
            json!({"type": "SPEC", "spec": {"connectionSpecification": {"type": "object"},
            "supportsNormalization": false, "supportsDBT": false}})
        ]
    );
    let spec = Run::new().args(["spec"]).run().success();
    let required = &spec.lines()[0]["spec"]["connectionSpecification"]["required"];
    assert_eq!(required, &json!(["__injected_declarative_manifest"]));

    let spec = Run::new().manifest("streams: []").args(["spec"]).run();
    assert!(
        spec.exits(2)
            .stderr
            .starts_with("error: manifest `manifest.yaml` has no `spec`\n"),
    );
}

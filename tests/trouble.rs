//! What goes wrong outside of the program: each trouble is one clear error, and the documented exit code.

use std::net::TcpListener;
use std::time::Duration;

use lowcode::clock::monotonic;
use serde_json::{Value, json};

use crate::asana::{MANIFEST, Rule, Server};
use crate::asana_run::{config, lowcode};
use crate::support::{Output, Run};

/// One stream, whose parts the tests break.
const SMALL: &str = r#"version: 7.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [items]}
streams:
  - type: DeclarativeStream
    name: items
    retriever:
      type: SimpleRetriever
      requester:
        type: HttpRequester
        url_base: https://api.example.com
        path: /items
      record_selector:
        type: RecordSelector
        extractor: {type: DpathExtractor, field_path: [data]}
      paginator:
        type: DefaultPaginator
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: after}
        pagination_strategy:
          type: CursorPagination
          cursor_value: "{{ response.next }}"
    schema_loader: {type: InlineSchemaLoader, schema: {type: object}}
"#;

/// `SMALL` with one part replaced, which must be there.
fn with(part: &str, other: &str) -> String {
    assert!(SMALL.contains(part), "{part}");
    SMALL.replacen(part, other, 1)
}

/// Every verb that reads the manifest ends with 2, draws the same on standard error, and prints no record.
fn refused(manifest: &str) -> String {
    let run = Run::new().manifest(manifest).args(["run"]).run().exits(2);
    assert_eq!(run.stdout, "");
    let check = Run::new().manifest(manifest).args(["check"]).run().exits(2);
    assert_eq!(check.stderr, run.stderr);
    let status = &check.messages("CONNECTION_STATUS")[0]["connectionStatus"];
    assert_eq!(status["status"], "FAILED");
    let read = Run::new()
        .manifest(manifest)
        .catalog(
            &json!({"streams": [{"stream": {"name": "items", "json_schema": {}},
            "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}),
        )
        .args(["read"])
        .run()
        .exits(2);
    assert_eq!(read.stderr, run.stderr);
    let errors = read.messages("TRACE");
    let types = errors
        .iter()
        .map(|message| &message["trace"]["error"]["failure_type"]);
    let types: Vec<&Value> = types.filter(|kind| !kind.is_null()).collect();
    assert_eq!(types, ["config_error"]);
    assert!(read.messages("RECORD").is_empty());
    run.stderr
}

/// Standard error without the closing table.
fn told(output: &Output) -> &str {
    let before = output.stderr.split("stream  ").next();
    before.unwrap_or_default()
}

#[test]
fn a_typo_in_a_type() {
    insta::assert_snapshot!(refused(&with("HttpRequester", "HttpRequestor")), @r"
    error: unknown type `HttpRequestor`, expected `HttpRequester`
      --> manifest.yaml:10:15
       |
    10 |         type: HttpRequestor
       |               ^^^^^^^^^^^^^
       = in: streams[0].retriever.requester (HttpRequestor)
       = used by stream `items`
       = help: did you mean `HttpRequester`?
    ");
}

#[test]
fn a_typo_in_one_stream_does_not_stop_another() {
    let server = Server::start();
    let manifest = server.serve(MANIFEST).replacen(
        "      name: users\n      retriever:\n        $ref: \"#/definitions/list\"\n",
        "      name: users\n      retriever:\n        type: SimpleRetriver\n",
        1,
    );
    let run = Run::new()
        .manifest(&manifest)
        .config(&config())
        .args(["run", "--stream", "users", "--stream", "teams"])
        .run()
        .exits(1);
    assert_eq!(run.records("teams").len(), server.records("teams").len());
    assert!(
        told(&run).contains("used by stream `users`"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("not readable"), "{}", run.stderr);
}

#[test]
fn a_bad_template() {
    let broken = with("{{ response.next }}", "{{ response.next }");
    insta::assert_snapshot!(refused(&broken), @r#"
    error: syntax error: unexpected `}`, expected end of variable block
      --> manifest.yaml:21:43
       |
    21 |           cursor_value: "{{ response.next }"
       |                                           ^
       = in: streams[0].retriever.paginator.pagination_strategy (CursorPagination).cursor_value
       = used by stream `items`
    "#);
    let unknown = with("{{ response.next }}", "{{ response.next | upperr }}");
    insta::assert_snapshot!(refused(&unknown), @r#"
    error: no filter named `upperr`
      --> manifest.yaml:21:45
       |
    21 |           cursor_value: "{{ response.next | upperr }}"
       |                                             ^^^^^^
       = in: streams[0].retriever.paginator.pagination_strategy (CursorPagination).cursor_value
       = used by stream `items`
       = help: did you mean `upper`?
    "#);
}

/// The whole manifest is wrong then, so no verb but `check` has a message on standard output.
fn refused_whole(manifest: &str) -> String {
    let run = Run::new().manifest(manifest).args(["run"]).run().exits(2);
    assert_eq!(run.stdout, "");
    let check = Run::new().manifest(manifest).args(["check"]).run().exits(2);
    assert_eq!(check.stderr, run.stderr);
    assert_eq!(check.messages("CONNECTION_STATUS").len(), 1);
    run.stderr
}

#[test]
fn a_missing_reference() {
    let part = "{type: DpathExtractor, field_path: [data]}";
    let missing = with(part, "{$ref: \"#/definitions/nowhere\"}");
    insta::assert_snapshot!(refused_whole(&missing), @r##"
    error: `#/definitions/nowhere` leads nowhere: the manifest has no `definitions`
      --> manifest.yaml:15:27
       |
    15 |         extractor: {$ref: "#/definitions/nowhere"}
       |                           ^^^^^^^^^^^^^^^^^^^^^^^
    "##);
}

#[test]
fn a_cyclic_reference() {
    let part = "{type: DpathExtractor, field_path: [data]}";
    let cyclic = with(part, "{$ref: \"#/definitions/a\"}")
        + "definitions:\n  a: {$ref: \"#/definitions/b\"}\n  b: {$ref: \"#/definitions/a\"}\n";
    insta::assert_snapshot!(refused_whole(&cyclic), @r##"
    error: `#/definitions/a` leads in a circle
      --> manifest.yaml:15:27
       |
    15 |         extractor: {$ref: "#/definitions/a"}
       |                           ^^^^^^^^^^^^^^^^^
       = help: the circle goes on with `#/definitions/b` at manifest.yaml:24:13, then `#/definitions/a` at manifest.yaml:25:13
    "##);
}

#[test]
fn an_unreadable_config() {
    let told = |name: &str, bytes: &str| {
        let run = Run::new().manifest(SMALL).file("config", bytes);
        let run = run.args(["run", "--config", name]).run().exits(2);
        assert_eq!(run.stdout, "");
        run.stderr
    };
    insta::assert_snapshot!(told("nope.json", ""), @"error: cannot read config `nope.json`: No such file or directory (os error 2)");
    insta::assert_snapshot!(told(".", ""), @"error: cannot read config `.`: Is a directory (os error 21)");
    insta::assert_snapshot!(told("config", "[1]"), @"error: config `config` is a list; expected a mapping");
    insta::assert_snapshot!(told("config", "{\"a\": "), @"error: config `config` is not valid JSON: EOF while parsing a value at line 1 column 6");
    insta::assert_snapshot!(told("config", "a: 1\n b: 2"), @"error: config `config` is not valid YAML: mapping values are not allowed in this context at line 2 column 3");
}

#[test]
fn a_config_that_violates_the_spec() {
    let run = |config: Value| {
        let run = Run::new().manifest(MANIFEST).config(&config);
        run.args(["run"]).run().exits(2).stderr
    };
    insta::assert_snapshot!(run(json!({})), @r"
    error: config: `credentials` is missing; expected a mapping (Credentials)
    help: give a config by `--config FILE`, or single values by `--set KEY=VALUE`
    ");
    insta::assert_snapshot!(run(json!({
        "credentials": {"option_title": "PAT Credentials", "personal_access_token": 7},
        "start_date": "soon",
        "workspaces": "1",
        "num_workers": 1000,
    })), @r"
    error: config: `credentials.personal_access_token`: expected text, found an integer
    error: config: `start_date`: expected text such as YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ
    error: config: `workspaces`: expected a list, found text
    error: config: `num_workers`: expected a number up to 50
    help: `lowcode spec` prints what the config may hold
    ");
}

#[test]
fn a_dead_host() {
    let address = {
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        socket.local_addr().expect("an address").to_string()
    };
    let dead = with("https://api.example.com", &format!("http://{address}"));
    let verb = |verb: &str| {
        let run = Run::new().manifest(&dead).args([verb, "--wait-scale", "0"]);
        run.run().exits(1)
    };
    let run = verb("run");
    assert_eq!(run.stdout, "");
    insta::assert_snapshot!(told(&run).replace(&address, "HOST"), @r"
    error: stream `items`: gave up after 6 attempts: 127.0.0.1 refuses the connection
      = request: GET http://HOST/items
      = help: check host and port at manifest.yaml:11:19, and whether a server listens there
    ");
    insta::assert_snapshot!(verb("check").stderr.replace(&address, "HOST"), @r"
    check failed: stream `items`: gave up after 6 attempts: 127.0.0.1 refuses the connection
      = request: GET http://HOST/items
      = help: check host and port at manifest.yaml:11:19, and whether a server listens there
    ");
}

#[test]
fn a_page_that_repeats_its_own_token() {
    let server = Server::start();
    server.rule(Rule::body(
        "/tags",
        &json!({"data": [{"gid": "1"}], "next_page": {"offset": "again"}}),
    ));
    let mut config = config();
    config["workspaces"] = json!(["12010000000001"]);
    let run = lowcode(&server, "run", &config, &["--stream", "tags"]).exits(1);
    assert!(server.requests().len() < 30, "{}", server.requests().len());
    insta::assert_snapshot!(told(&run), @r#"
    error: stream `tags`: the pagination goes round in a circle: the page token `"again"` brings the same page again and again
      = slice: {"workspace":"12010000000001","parent_slice":{}}
      = help: give the paginator a `stop_condition`, or check the path of its `cursor_value`
    "#);
}

#[test]
fn a_wrong_token() {
    let server = Server::start();
    let mut wrong = config();
    wrong["credentials"]["personal_access_token"] = json!("not-the-token");
    let check = lowcode(&server, "check", &wrong, &[]).exits(1);
    let url = check
        .stderr
        .split(' ')
        .find(|word| word.starts_with("http://"));
    let url = url.and_then(|url| url.lines().next()).unwrap_or_default();
    insta::assert_snapshot!(check.stderr.replace(url, "URL"), @r"
    check failed: stream `workspaces`: Asana does not accept the token. Make a new one, or sign in again, and put it under `credentials`.
      = request: GET URL
      = status: 401
      = answer: Not Authorized
      = decided by: the response filter at manifest.yaml:56:7
    ");
    let status = &check.lines()[0]["connectionStatus"];
    assert_eq!(check.lines().len(), 1);
    assert_eq!(status["status"], "FAILED");
    assert_eq!(server.requests().len(), 1);

    let run = lowcode(&server, "run", &wrong, &[]).exits(1);
    assert_eq!(run.stdout, "");
    assert_eq!(
        run.stderr.matches("not accept the token").count(),
        1,
        "{}",
        run.stderr
    );
    assert!(!(run.stderr + &check.stderr).contains("not-the-token"));
}

#[cfg(unix)]
#[test]
fn an_interrupt_writes_out_what_was_read() {
    let server = Server::start();
    server.rule(Rule::hold("/tags").nth(2));
    let running = Run::new()
        .manifest(&server.serve(MANIFEST))
        .config(&config())
        .args(["run", "--stream", "tags", "--concurrency", "1"])
        .spawn();
    wait_until(|| of_tags(&server) == 2);
    let sent = monotonic();
    running.signal("INT");
    let run = running.wait().exits(130);
    assert!(
        sent.elapsed() < Duration::from_secs(1),
        "{:?}",
        sent.elapsed()
    );
    assert!(run.stdout.ends_with("}\n"));
    assert_eq!(run.records("tags").len(), 100);
    assert!(run.stderr.contains("interrupted"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_run_though_nobody_reads_its_output() {
    for verb in ["run", "read"] {
        let server = Server::start();
        server.rule(Rule::hold("/tags").nth(2));
        let catalog = json!({"streams": [{"stream": {"name": "tags", "json_schema": {}},
            "sync_mode": "full_refresh", "destination_sync_mode": "append"}]});
        let running = Run::new()
            .manifest(&server.serve(MANIFEST))
            .config(&config())
            .args([verb, "--concurrency", "1"]);
        let running = match verb {
            "run" => running.args(["--stream", "tags"]),
            _ => running.catalog(&catalog),
        };
        let running = running.unread().spawn();
        wait_until(|| of_tags(&server) == 2);
        running.signal("INT");
        let run = running.wait().exits(130);
        let told = "error: nobody reads the output: at least 10";
        assert!(run.stderr.contains(told), "{}", run.stderr);
    }
}

/// Requests for tags so far, the one that is held included.
#[cfg(unix)]
fn of_tags(server: &Server) -> usize {
    let seen = server.requests();
    seen.iter()
        .filter(|seen| seen.request.path.ends_with("/tags"))
        .count()
}

#[cfg(unix)]
fn wait_until(holds: impl Fn() -> bool) {
    let began = monotonic();
    while !holds() {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "it never came to that"
        );
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_success() {
    let server = Server::start();
    let run = Run::new()
        .manifest(&server.serve(MANIFEST))
        .config(&config())
        .args(["run"])
        .first_line_only()
        .run()
        .success();
    assert_eq!(run.lines().len(), 1);
    assert!(!run.stderr.contains("error"), "{}", run.stderr);
}

/// A disk that is full from the first byte on.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_an_archive_and_under_the_output() {
    use std::os::unix::fs::FileTypeExt as _;
    const FULL: &str = "/dev/full";
    let is_full = || std::fs::metadata(FULL).is_ok_and(|found| found.file_type().is_char_device());
    if !is_full() {
        eprintln!("NOT CHECKED: there is no {FULL}");
        return;
    }
    let server = Server::start();
    let run = lowcode(
        &server,
        "run",
        &config(),
        &["--stream", "users", "--record", FULL],
    );
    let run = run.exits(2);
    insta::assert_snapshot!(run.stderr, @"error: cannot record to `/dev/full`: No space left on device (os error 28)");
    assert!(is_full(), "the device was replaced by a file");
    assert!(
        server.requests().is_empty(),
        "it is seen before the first request"
    );
}

/// An archive with one answer to `url`.
fn answering(url: &str, status: u16, body: &str) -> Value {
    let entry = json!({
        "request": {"method": "GET", "url": url, "headers": []},
        "response": {"status": status, "headers": [],
            "content": {"mimeType": "application/json", "text": body}},
    });
    json!({"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": [entry]}})
}

#[test]
fn what_the_api_says_is_told_without_the_credentials() {
    let secret = "open-sesame-42";
    let manifest = with(
        "https://api.example.com",
        "https://someone:{{ config['pass'] }}@api.example.com",
    ) + "spec: {type: Spec, connection_specification: {properties: {pass: {type: string, airbyte_secret: true}}}}\n";
    let body = json!({"message": format!("{secret} may not\n see this")}).to_string();
    let run = || {
        Run::new()
            .manifest(&manifest)
            .config(&json!({"pass": secret}))
            .har(&answering("https://***@api.example.com/items", 400, &body))
    };
    let failed = run().args(["run"]).run().exits(1);
    insta::assert_snapshot!(told(&failed), @r"
    error: stream `items`: HTTP Status Code: 400. Error: Bad request. Please check your request parameters.
      = request: GET https://***@api.example.com/items
      = status: 400
      = answer: *** may not see this
    ");
    let check = run().args(["check"]).run().exits(1);
    insta::assert_snapshot!(check.stderr, @r"
    check failed: stream `items`: HTTP Status Code: 400. Error: Bad request. Please check your request parameters.
      = request: GET https://***@api.example.com/items
      = status: 400
      = answer: *** may not see this
    ");
    let catalog = json!({"streams": [{"stream": {"name": "items", "json_schema": {}},
        "sync_mode": "full_refresh", "destination_sync_mode": "append"}]});
    let read = run().catalog(&catalog).args(["read"]).run().exits(1);
    assert!(read.stdout.contains("may not see this"), "{}", read.stdout);
    for output in [failed, check, read] {
        let all = output.stdout + &output.stderr;
        assert!(!all.contains(secret), "{all}");
    }
}

#[test]
fn a_body_that_is_no_json_is_told() {
    let url = "https://api.example.com/items";
    let run = Run::new().manifest(SMALL).args(["run"]);
    let run = run.har(&answering(url, 200, "<html>")).run().success();
    let note = "items: 1 × passed over: the body is not JSON: ";
    assert!(run.stderr.contains(note), "{}", run.stderr);
}

#[test]
fn suspicious_things_are_told_and_the_run_goes_on() {
    let manifest = with("path: /items", "path: /nothing\n        path: /items");
    let run = Run::new().manifest(&manifest).args(["run"]);
    let url = "https://api.example.com/items";
    let run = run
        .har(&answering(url, 200, r#"{"data": [{"id": 1}]}"#))
        .run()
        .success();
    assert_eq!(run.records("items"), [json!({"id": 1})]);
    insta::assert_snapshot!(told(&run), @r"
    warning: the key `path` is there twice, the last one counts
      --> manifest.yaml:13:9
       |
    13 |         path: /items
       |         ^^^^
       = help: the first one stands at manifest.yaml:12:9
    ");
}

#[test]
fn a_mistake_that_only_the_config_shows_is_drawn_too() {
    let manifest = SMALL.replacen(
        "      paginator:",
        "      partition_router: {type: ListPartitionRouter, values: \"{{ range(3) }}\", cursor_field: n}\n      paginator:",
        1,
    );
    let run = Run::new().manifest(&manifest).args(["run"]).run().exits(2);
    insta::assert_snapshot!(run.stderr, @r#"
    error: `range` is not in scope
      --> manifest.yaml:16:65
       |
    16 |       partition_router: {type: ListPartitionRouter, values: "{{ range(3) }}", cursor_field: n}
       |                                                                 ^^^^^
       = may read: `config`, `parameters`
       = used by stream `items`
    "#);
}

#[test]
fn a_mistyped_field_is_told_beside_the_one_that_is_missing() {
    insta::assert_snapshot!(refused(&with("field_path: [data]", "field_pth: [data]")), @r"
    error: missing field `field_path` of `DpathExtractor`
      --> manifest.yaml:15:20
       |
    15 |         extractor: {type: DpathExtractor, field_pth: [data]}
       |                    ^
       = in: streams[0].retriever.record_selector.extractor (DpathExtractor)
       = used by stream `items`
       = help: there is `field_pth`; did you mean `field_path`?
    ");
}

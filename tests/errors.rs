//! What a person is told when a stream fails, or when nothing fails and something is odd all the
//! same: whole reports, from recorded answers.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::{Output, Run};

/// A manifest whose streams are written into it.
const HEAD: &str = r#"version: 7.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [items]}
definitions:
  requester:
    type: HttpRequester
    url_base: https://api.example.com
    authenticator: {type: BearerAuthenticator, api_token: "{{ config['token'] }}"}
  selector:
    type: RecordSelector
    extractor: {type: DpathExtractor, field_path: [data]}
streams:
"#;

const TOKEN: &str = "sekret-of-all-secrets";

/// A stream `name` with the rest of its requester, and what its retriever has beside.
fn stream(name: &str, requester: &str, retriever: &str) -> String {
    let selector = if retriever.contains("record_selector") {
        ""
    } else {
        "\n      record_selector: {$ref: \"#/definitions/selector\"}"
    };
    format!(
        "  - type: DeclarativeStream
    name: {name}
    retriever:
      type: SimpleRetriever
      requester:
        $ref: \"#/definitions/requester\"
        {requester}{selector}
{retriever}    schema_loader: {{type: InlineSchemaLoader, schema: {{}}}}
"
    )
}

/// An answer to `GET https://api.example.com{path}`.
struct Answer(&'static str, u16, String);

fn five() -> String {
    let items: Vec<Value> = (0..5).map(|id| json!({"id": id, "n": {"x": id}})).collect();
    json!({"data": items, "next": "abc"}).to_string()
}

fn archive(answers: &[Answer]) -> Value {
    let entry = |Answer(path, status, body): &Answer| {
        json!({
            "request": {"method": "GET", "url": format!("https://api.example.com{path}"), "headers": []},
            "response": {
                "status": status,
                "headers": [{"name": "Content-Type", "value": "text/html"}],
                "content": {"text": body},
            },
        })
    };
    let entries: Vec<Value> = answers.iter().map(entry).collect();
    json!({"log": {"version": "1.2", "creator": {"name": "test", "version": "1"}, "entries": entries}})
}

fn run(verb: &[&str], streams: &[String], answers: &[Answer]) -> Output {
    Run::new()
        .manifest(&(HEAD.to_owned() + &streams.concat()))
        .config(&json!({"token": TOKEN}))
        .har(&archive(answers))
        .args(verb)
        .run()
}

/// Standard error of a read that ends with `code`, with the times out of the table.
fn report(streams: &[String], answers: &[Answer], code: i32) -> String {
    let run = run(&["run", "--concurrency", "1"], streams, answers).exits(code);
    assert!(
        !(run.stderr.clone() + &run.stdout).contains(TOKEN),
        "{}",
        run.stderr
    );
    let mut told = String::new();
    let mut in_table = false;
    for line in run.stderr.lines() {
        in_table |= line.starts_with("stream  ");
        // Notes stand below the table.
        in_table &= !line.contains(": ");
        if !in_table {
            let _ = writeln!(told, "{line}");
        }
    }
    told
}

#[test]
fn a_template_that_misses_a_key() {
    let items = stream("items", r#"path: "/items/{{ config['tokn'] + 1 }}""#, "");
    insta::assert_snapshot!(report(&[items], &[], 1), @r#"
    error: stream `items`: `config` has no key `tokn`
      --> manifest.yaml:19:26
       |
    19 |         path: "/items/{{ config['tokn'] + 1 }}"
       |                          ^^^^^^^^^^^^^^
       = it has: `token`
       = may read: `config`, `parameters`, `stream_slice`, `next_page_token`, `stream_interval`, `stream_partition`
       = rendered so far: `/items/`
       = help: did you mean `token`?
    "#);
    let folded = stream(
        "items",
        "path: >-\n          /items/{{ config.token }}/\n          {{ config.none.id }}",
        "",
    );
    insta::assert_snapshot!(report(&[folded], &[], 1), @r"
    error: stream `items`: `config` has no key `none`
      --> manifest.yaml:21:14
       |
    21 |           {{ config.none.id }}
       |              ^^^^^^^^^^^
       = it has: `token`
       = may read: `config`, `parameters`, `stream_slice`, `next_page_token`, `stream_interval`, `stream_partition`
       = rendered so far: `/items/***/ `
       = help: give it in the config, such as by `--set none=VALUE`
    ");
}

#[test]
fn a_filter_that_divides_by_zero() {
    let selector = r#"      record_selector:
        type: RecordSelector
        extractor: {type: DpathExtractor, field_path: [data]}
        record_filter: {type: RecordFilter, condition: "{{ record.n.x / 0 > 1 }}"}
"#;
    let items = stream("items", "path: /items", selector);
    insta::assert_snapshot!(report(&[items], &[Answer("/items", 200, five())], 1), @r#"
    error: stream `items`: division by zero
      --> manifest.yaml:23:60
       |
    23 |         record_filter: {type: RecordFilter, condition: "{{ record.n.x / 0 > 1 }}"}
       |                                                            ^^^^^^^^^^^^^^
       = may read: `config`, `parameters`, `record`, `stream_slice`, `next_page_token`, `stream_interval`, `stream_partition`
    "#);
}

#[test]
fn an_unknown_filter_and_an_unknown_macro() {
    let filter = stream(
        "items",
        "path: \"/items/{{ config['token'] | has('md5') }}\"",
        "",
    );
    insta::assert_snapshot!(report(&[filter], &[], 2), @r#"
    error: no filter named `has`
      --> manifest.yaml:19:44
       |
    19 |         path: "/items/{{ config['token'] | has('md5') }}"
       |                                            ^^^
       = in: streams[0].retriever.requester (HttpRequester).path
       = used by stream `items`
       = help: did you mean `hash`?
    "#);
    let unknown = stream("items", "path: /items/{{ now_utcc().year }}", "");
    insta::assert_snapshot!(report(&[unknown], &[], 1), @r"
    error: stream `items`: `now_utcc` is not in scope
      --> manifest.yaml:19:25
       |
    19 |         path: /items/{{ now_utcc().year }}
       |                         ^^^^^^^^
       = may read: `config`, `parameters`, `stream_slice`, `next_page_token`, `stream_interval`, `stream_partition`
       = help: did you mean `now_utc`?
    ");
}

#[test]
fn an_error_response_says_what_the_api_said() {
    let words = json!({"error": {"message": format!("no such field near token={TOKEN}")}});
    let bad = stream(
        "items",
        "path: /bad\n        request_parameters: {key: \"{{ config['token'] }}\"}",
        "",
    );
    let answer = Answer("/bad?key=sekret-of-all-secrets", 400, words.to_string());
    insta::assert_snapshot!(report(&[bad], &[answer], 1), @r"
    error: stream `items`: HTTP Status Code: 400. Error: Bad request. Please check your request parameters.
      = request: GET https://api.example.com/bad?key=***
      = status: 400
      = answer: no such field near token=***
    ");
}

#[test]
fn no_credential_is_seen_whole_or_in_part() {
    let long = format!("{} {TOKEN}", "x".repeat(190));
    let cut = stream("cut", "path: \"/cut/{{ config['token'] }}\"", "");
    let template = stream(
        "template",
        "path: \"/{{ config['token'] }}{{ config.a.b }}\"",
        "",
    );
    let answer = Answer("/cut/sekret-of-all-secrets", 400, long);
    let told = report(&[cut, template], &[answer], 1);
    assert!(
        told.contains("GET https://api.example.com/cut/***\n"),
        "{told}"
    );
    assert!(told.contains("rendered so far: `/***`"), "{told}");
    assert!(!told.contains("sek"), "{told}");
}

#[test]
fn what_hits_several_streams_is_told_once() {
    let streams = ["items", "users", "teams", "tags", "projects", "goals"];
    let paths = ["/items", "/users", "/teams", "/tags", "/projects", "/goals"];
    let streams: Vec<String> = streams
        .iter()
        .zip(paths)
        .map(|(name, path)| stream(name, &format!("path: {path}"), ""))
        .collect();
    let answers: Vec<Answer> = paths
        .iter()
        .map(|path| Answer(path, 401, json!({"message": "who are you?"}).to_string()))
        .collect();
    insta::assert_snapshot!(report(&streams, &answers, 1), @r"
    error: stream `items`: HTTP Status Code: 401. Error: Unauthorized. Please ensure you are authenticated correctly.
      = request: GET https://api.example.com/items
      = status: 401
      = answer: who are you?
      = help: check the credentials in the config: the authenticator at manifest.yaml:8:20 sends them
    error: `users`, `teams`, `tags` and 2 other streams failed as `items` did: HTTP Status Code: 401. Error: Unauthorized. Please ensure you are authenticated correctly. (who are you?)
    ");
}

#[test]
fn what_a_rule_ignores_is_told_with_the_rule() {
    let gone = stream("items", "path: /gone
        error_handler:
          type: DefaultErrorHandler
          response_filters:
            - {type: HttpResponseFilter, http_codes: [404], action: IGNORE}
            - {type: HttpResponseFilter, http_codes: [403], action: FAIL, error_message: \"ask an admin\"}", "");
    let answer = |status| {
        [Answer(
            "/gone",
            status,
            json!({"message": "gone"}).to_string(),
        )]
    };
    insta::assert_snapshot!(report(std::slice::from_ref(&gone), &answer(404), 0), @"items: 1 × status 404, ignored by the response filter at manifest.yaml:23:15");
    insta::assert_snapshot!(report(&[gone], &answer(403), 1), @r"
    error: stream `items`: ask an admin
      = request: GET https://api.example.com/gone
      = status: 403
      = answer: gone
      = decided by: the response filter at manifest.yaml:24:15
    ");
}

#[test]
fn a_partition_that_is_not_there() {
    let router = "      partition_router: {type: ListPartitionRouter, values: [a, b, c], cursor_field: letter}\n";
    let items = stream(
        "items",
        "path: \"/items/{{ stream_partition.letter }}\"",
        router,
    );
    let none = || json!({"detail": "nothing here"}).to_string();
    let answers = [
        Answer("/items/a", 404, none()),
        Answer("/items/b", 403, none()),
        Answer("/items/c", 403, none()),
    ];
    insta::assert_snapshot!(report(&[items], &answers, 1), @r#"
    error: stream `items`: HTTP Status Code: 404. Error: Not found. The requested resource was not found on the server.
      = request: GET https://api.example.com/items/a
      = status: 404
      = answer: nothing here
      = slice: {"letter":"a"}
      = help: check the path at manifest.yaml:19:15; if some may be gone, a response filter with `action: IGNORE` passes over them
    error: stream `items`: HTTP Status Code: 403. Error: Forbidden. You don't have permission to access this resource.
      = request: GET https://api.example.com/items/b
      = status: 403
      = answer: nothing here
      = slice: {"letter":"b"}
      = help: the API knows who asks, and does not permit this: check the permissions of the credentials that the authenticator at manifest.yaml:8:20 sends
    error: another slice of `items` failed likewise: HTTP Status Code: 403. Error: Forbidden. You don't have permission to access this resource. (nothing here)
    "#);
}

#[test]
fn a_body_that_is_not_json() {
    let html = stream("items", "path: /html", "");
    let answer = Answer("/html", 200, format!("<html>\n  not JSON {TOKEN}</html>"));
    insta::assert_snapshot!(report(&[html], &[answer], 0), @"items: 1 × passed over: the body is not JSON: expected a value at line 1 column 1 (it is `text/html`, and begins `<html> not JSON ***</html>`)");
}

#[test]
fn paths_that_are_never_there() {
    let selector = "      record_selector:
        type: RecordSelector
        extractor: {type: DpathExtractor, field_path: [dta]}
";
    let items = stream("items", "path: /items", selector);
    insta::assert_snapshot!(report(&[items], &[Answer("/items", 200, five())], 0), @"items: no response has `dta`, where the extractor at manifest.yaml:22:56 looks for records; there are `data`, `next`");
    let pages = |cursor: &str| {
        format!("      paginator:
        type: DefaultPaginator
        page_token_option: {{type: RequestOption, inject_into: request_parameter, field_name: after}}
        pagination_strategy: {{type: CursorPagination, page_size: 5, cursor_value: \"{cursor}\"}}
")
    };
    let mistyped = stream("items", "path: /items", &pages("{{ response.nxt }}"));
    insta::assert_snapshot!(report(&[mistyped], &[Answer("/items", 200, five())], 0), @"items: the last page was full (5 records), and `response.nxt` is not in it (there are `data`, `next`): if there is more, check the `cursor_value` at manifest.yaml:24:87");
    // An API that leaves the key out on its last page.
    let fine = stream("items", "path: /items", &pages("{{ response.next }}"));
    let last = five().replace("\"next\":\"abc\"", "\"more\":false");
    let answers = [
        Answer("/items", 200, five()),
        Answer("/items?after=abc", 200, last),
    ];
    insta::assert_snapshot!(report(&[fine], &answers, 0), @"");
}

#[test]
fn a_filter_that_keeps_nothing() {
    let selector = |condition: &str| {
        format!(
            "      record_selector:
        type: RecordSelector
        extractor: {{type: DpathExtractor, field_path: [data]}}
        record_filter: {{type: RecordFilter, condition: \"{condition}\"}}
"
        )
    };
    let none = stream("items", "path: /items", &selector("{{ record.id > 10 }}"));
    let some = stream("others", "path: /items", &selector("{{ record.id > 3 }}"));
    insta::assert_snapshot!(report(&[none, some], &[Answer("/items", 200, five())], 0), @r"
    items: the record filter at manifest.yaml:23:56 keeps none of 5 records
    others: 4 of 5 records left out by the record filter at manifest.yaml:35:56
    ");
}

#[test]
fn a_parent_without_the_key() {
    let parents = stream("parents", "path: /items", "");
    let router = "      partition_router:
        type: SubstreamPartitionRouter
        parent_stream_configs:
          - {type: ParentStreamConfig, parent_key: idd, partition_field: id, stream: \"#/streams/0\"}
";
    let children = stream(
        "children",
        "path: \"/items/{{ stream_partition.id }}\"",
        router,
    );
    insta::assert_snapshot!(report(&[parents, children], &[Answer("/items", 200, five())], 0), @"parents: 5 × record without the key `idd`, by which `children` is read (`parent_key` at manifest.yaml:33:52); it has `id`, `n`");
}

#[test]
fn a_check_and_a_read_are_as_clear() {
    let items = || [stream("items", "path: /items", "")];
    let answers = || [Answer("/items", 401, format!("go away, {TOKEN}"))];
    let check = run(&["check"], &items(), &answers()).exits(1);
    insta::assert_snapshot!(check.stderr, @r"
    check failed: stream `items`: HTTP Status Code: 401. Error: Unauthorized. Please ensure you are authenticated correctly.
      = request: GET https://api.example.com/items
      = status: 401
      = answer: go away, ***
      = help: check the credentials in the config: the authenticator at manifest.yaml:8:20 sends them
    ");
    insta::assert_snapshot!(check.lines()[0]["connectionStatus"]["message"].as_str().unwrap(), @"stream `items`: HTTP Status Code: 401. Error: Unauthorized. Please ensure you are authenticated correctly. (go away, ***)");

    let manifest = HEAD.to_owned() + &items().concat();
    let read = |path: &str, answers: &[Answer]| {
        let read = Run::new()
            .manifest(&manifest.replace("/items", path))
            .config(&json!({"token": TOKEN}))
            .catalog(
                &json!({"streams": [{"stream": {"name": "items", "json_schema": {}},
                "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}),
            )
            .har(&archive(answers))
            .args(["read"])
            .run();
        assert!(!(read.stdout.clone() + &read.stderr).contains(TOKEN));
        read
    };
    let failed = read("/items", &answers()).exits(1);
    let errors = failed.messages("TRACE");
    let error = errors
        .iter()
        .find(|trace| trace["trace"]["type"] == "ERROR")
        .unwrap();
    let error = &error["trace"]["error"];
    insta::assert_snapshot!(error["message"].as_str().unwrap(), @"HTTP Status Code: 401. Error: Unauthorized. Please ensure you are authenticated correctly. (go away, ***)");
    insta::assert_snapshot!(error["internal_message"].as_str().unwrap(), @r"
    HTTP Status Code: 401. Error: Unauthorized. Please ensure you are authenticated correctly.
      = request: GET https://api.example.com/items
      = status: 401
      = answer: go away, ***
      = help: check the credentials in the config: the authenticator at manifest.yaml:8:20 sends them
    ");
    assert_eq!(error["failure_type"], "config_error");
    assert_eq!(error.get("stack_trace"), None);
    assert_eq!(failed.stderr, "");

    let template = read("'/{{ config.x.y }}'", &[]).exits(1);
    let errors = template.messages("TRACE");
    let error = errors
        .iter()
        .find(|trace| trace["trace"]["type"] == "ERROR")
        .unwrap();
    insta::assert_snapshot!(error["trace"]["error"]["message"].as_str().unwrap(), @"`config` has no key `x` (manifest.yaml:19:20)");

    let odd = read("/html", &[Answer("/html", 200, "<html>".to_owned())]).success();
    let warnings: Vec<String> = odd
        .messages("LOG")
        .iter()
        .filter(|log| log["log"]["level"] == "WARN")
        .map(|log| log["log"]["message"].to_string())
        .collect();
    insta::assert_snapshot!(warnings.join("\n"), @r#""stream `items`: 1 × passed over: the body is not JSON: expected a value at line 1 column 1 (it is `text/html`, and begins `<html>`)""#);
}

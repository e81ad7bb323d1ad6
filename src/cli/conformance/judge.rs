//! Holds what a command answered against what the reference answered.
//!
//! In: the messages of a command, and a part of `expected.json`. Out: differences.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::child::Ran;
use super::values::{
    brief, canonical, difference, record_difference, state_form, without_any_nulls,
};

/// A kind of difference, and the difference in words.
pub(super) type Problem = (String, String);

/// Keys of a specification that tell nothing about the connector.
const SPEC_ASIDE: [&str; 6] = [
    "protocol_version",
    "supported_destination_sync_modes",
    "supportsDBT",
    "supportsNormalization",
    "supportsIncremental",
    "changelogUrl",
];

fn problem(kind: &str, text: impl Into<String>) -> Problem {
    (kind.to_owned(), text.into())
}

/// The bodies of the messages of one type.
fn bodies<'a>(ran: &'a Ran, kind: &str, key: &str) -> Vec<&'a Value> {
    let messages = ran.messages.iter();
    let messages = messages.filter(|message| message["type"] == kind);
    messages.filter_map(|message| message.get(key)).collect()
}

fn ended(ran: &Ran) -> String {
    match ran.code {
        Some(code) => format!("exit {code}"),
        None => "no exit code".to_owned(),
    }
}

pub(super) fn spec(want: &Value, ran: &Ran) -> Vec<Problem> {
    let Some(got) = bodies(ran, "SPEC", "spec").pop() else {
        return vec![problem("spec", format!("no SPEC message ({})", ended(ran)))];
    };
    let form = |spec: &Value| {
        let mut spec = without_any_nulls(spec);
        if let Value::Object(keys) = &mut spec {
            keys.retain(|key, _| !SPEC_ASIDE.contains(&key.as_str()));
        }
        spec
    };
    let found = difference(&form(want), &form(got), "$");
    found
        .map(|text| problem("spec", text))
        .into_iter()
        .collect()
}

pub(super) fn check(want: &Value, ran: &Ran) -> Vec<Problem> {
    let got = bodies(ran, "CONNECTION_STATUS", "connectionStatus").pop();
    let failed = json!("FAILED");
    // The reference may end with an error in place of a status.
    let status = match got {
        Some(got) => &got["status"],
        None if ran.code != Some(0) => &failed,
        None => &Value::Null,
    };
    if *status == want["status"] {
        return Vec::new();
    }
    let said = got.map_or(String::new(), |got| format!(" {}", brief(&got["message"])));
    let text = format!("expected {}, got {}{said}", want["status"], status);
    vec![problem("check.status", text)]
}

pub(super) fn discover(want: &Value, ran: &Ran) -> Vec<Problem> {
    let Some(got) = bodies(ran, "CATALOG", "catalog").pop() else {
        return vec![problem(
            "discover",
            format!("no CATALOG message ({})", ended(ran)),
        )];
    };
    let (want, got) = (catalog_form(want), catalog_form(got));
    let mut problems = Vec::new();
    for name in want.keys().filter(|name| !got.contains_key(*name)) {
        problems.push(problem("discover.stream", format!("missing {name}")));
    }
    for name in got.keys().filter(|name| !want.contains_key(*name)) {
        problems.push(problem("discover.stream", format!("unexpected {name}")));
    }
    let mut both = want
        .iter()
        .filter_map(|(name, want)| Some((name, want, got.get(name)?)));
    let found = both.find_map(|(name, want, got)| {
        difference(want, got, "$").map(|text| format!("{name}: {text}"))
    });
    problems.extend(found.map(|text| problem("discover.stream", text)));
    problems
}

/// The streams of a catalog by name, with what may be left out put in.
fn catalog_form(catalog: &Value) -> BTreeMap<String, Value> {
    let streams = catalog["streams"].as_array().into_iter().flatten();
    let form = |stream: &Value| {
        let name = stream["name"].as_str().unwrap_or_default().to_owned();
        let mut out = Map::new();
        for (key, value) in stream.as_object().into_iter().flatten() {
            let optional = ["source_defined_primary_key", "default_cursor_field"];
            let is_empty = value.as_array().is_some_and(Vec::is_empty);
            if value.is_null()
                || key == "is_file_based"
                || is_empty && optional.contains(&key.as_str())
            {
                continue;
            }
            let mut value = match key.as_str() {
                "json_schema" => value.clone(),
                _ => without_any_nulls(value),
            };
            if let ("supported_sync_modes", Value::Array(modes)) = (key.as_str(), &mut value) {
                modes.sort_by_cached_key(canonical);
            }
            out.insert(key.clone(), value);
        }
        for key in ["is_resumable", "source_defined_cursor"] {
            out.entry(key).or_insert(json!(false));
        }
        (name, Value::Object(out))
    };
    streams.map(form).collect()
}

/// A discovery that has to fail.
pub(super) fn catalog_error(want: &Value, ran: &Ran) -> Vec<Problem> {
    if ran.code != Some(0) {
        return Vec::new();
    }
    let text = format!(
        "expected the error {}, got a catalog",
        brief(&want["message"])
    );
    vec![problem("discover.error", text)]
}

/// What `read` said of each stream.
#[derive(Default)]
struct Said<'a> {
    records: BTreeMap<&'a str, Vec<Value>>,
    status: BTreeMap<&'a str, &'a Value>,
    state: BTreeMap<&'a str, &'a Value>,
    errors: Vec<&'a Value>,
}

fn said(ran: &Ran) -> Said<'_> {
    let mut said = Said::default();
    for message in &ran.messages {
        match message["type"].as_str() {
            Some("RECORD") => {
                let record = &message["record"];
                let stream = record["stream"].as_str().unwrap_or_default();
                said.records
                    .entry(stream)
                    .or_default()
                    .push(record["data"].clone());
            }
            Some("STATE") => {
                let state = &message["state"]["stream"];
                if let Some(stream) = state["stream_descriptor"]["name"].as_str() {
                    said.state.insert(stream, &state["stream_state"]);
                }
            }
            Some("TRACE") => {
                let trace = &message["trace"];
                let status = &trace["stream_status"];
                if let Some(stream) = status["stream_descriptor"]["name"].as_str() {
                    said.status.insert(stream, &status["status"]);
                }
                if trace["type"] == "ERROR" {
                    said.errors.push(&trace["error"]);
                }
            }
            _ => {}
        }
    }
    said
}

/// Holds a read; `catalog` is the configured catalog of it.
pub(super) fn read(
    want: &Value,
    ran: &Ran,
    catalog: &Value,
    with_failure_types: bool,
) -> Vec<Problem> {
    let said = said(ran);
    let mut problems = Vec::new();
    let empty = Map::new();
    let streams = want["streams"].as_object().unwrap_or(&empty);
    for (name, want) in streams {
        let got = said
            .records
            .get(name.as_str())
            .map_or(&[][..], Vec::as_slice);
        let wanted = want["records"].as_array().map_or(&[][..], Vec::as_slice);
        if let Some(text) = record_difference(wanted, got) {
            problems.push(problem("read.records", format!("{name}: {text}")));
        }
        let status = said
            .status
            .get(name.as_str())
            .copied()
            .unwrap_or(&Value::Null);
        if !want["status"].is_null() && *status != want["status"] {
            let text = format!("{name}: expected {}, got {status}", want["status"]);
            problems.push(problem("read.status", text));
        }
        if want["status"] == "COMPLETE" && is_incremental(catalog, name) {
            let got = said
                .state
                .get(name.as_str())
                .copied()
                .unwrap_or(&Value::Null);
            if let Some(text) = difference(&state_form(&want["state"]), &state_form(got), "$") {
                problems.push(problem("read.state", format!("{name}: {text}")));
            }
        }
    }
    for name in said
        .records
        .keys()
        .filter(|name| !streams.contains_key(**name))
    {
        let text = format!("records of {name}, which was not asked for");
        problems.push(problem("read.records", text));
    }
    if (ran.code == Some(0)) != (want["exit"] == 0) {
        let first = said.errors.first();
        let why = first.map_or(String::new(), |error| {
            format!("; {}", brief(&error["message"]))
        });
        let text = format!("expected exit {}, got {}{why}", want["exit"], ended(ran));
        problems.push(problem("read.exit", text));
    }
    if with_failure_types {
        problems.extend(failure_types(&want["errors"], &said.errors));
    }
    if let Some(want) = want.get("files") {
        problems.extend(files(want, ran));
    }
    problems
}

fn is_incremental(catalog: &Value, name: &str) -> bool {
    let mut streams = catalog["streams"].as_array().into_iter().flatten();
    streams.any(|stream| stream["stream"]["name"] == name && stream["sync_mode"] == "incremental")
}

/// Holds which streams failed, and whose fault the failures are. Where the reference gave up as a
/// whole, streams may tell the reason too.
fn failure_types(want: &Value, got: &[&Value]) -> Option<Problem> {
    let all = want.as_array().map_or(&[][..], Vec::as_slice);
    if !all.is_empty() && all.iter().all(|error| error["stream"].is_null()) {
        return None;
    }
    let want: BTreeSet<String> = (all.iter())
        .filter(|error| !error["stream"].is_null())
        .map(|error| format!("{} {}", error["stream"], error["failure_type"]))
        .collect();
    let got: BTreeSet<String> = (got.iter())
        .filter(|error| error["stream_descriptor"].is_object())
        .map(|error| {
            format!(
                "{} {}",
                error["stream_descriptor"]["name"], error["failure_type"]
            )
        })
        .collect();
    (want != got).then(|| problem("read.errors", format!("expected {want:?}, got {got:?}")))
}

/// Holds the files that records refer to.
fn files(want: &Value, ran: &Ran) -> Option<Problem> {
    let records = bodies(ran, "RECORD", "record").into_iter();
    let mut got: Vec<Value> = records
        .filter(|record| record["file_reference"].is_object())
        .map(|record| {
            let file = &record["file_reference"];
            json!({"stream": record["stream"], "path": file["source_file_relative_path"],
                "bytes": file["file_size_bytes"]})
        })
        .collect();
    let mut want = want.as_array().cloned().unwrap_or_default();
    want.sort_by_cached_key(canonical);
    got.sort_by_cached_key(canonical);
    let found = difference(&Value::Array(want), &Value::Array(got), "$");
    found.map(|text| problem("read.files", text))
}

/// Holds the configurations that a command has changed and told.
pub(super) fn control(verb: &str, want: &Value, ran: &Ran) -> Option<Problem> {
    let got = bodies(ran, "CONTROL", "control").into_iter();
    let got: Value = got
        .map(|control| control["connectorConfig"]["config"].clone())
        .collect();
    let found = difference(want, &got, "$");
    found.map(|text| problem(&format!("{verb}.control"), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(code: i32, messages: Value) -> Ran {
        Ran {
            messages: messages.as_array().cloned().unwrap(),
            code: Some(code),
            ..Ran::default()
        }
    }

    fn kinds(problems: &[Problem]) -> Vec<&str> {
        problems.iter().map(|(kind, _)| kind.as_str()).collect()
    }

    #[test]
    fn a_check_that_ends_with_an_error_has_failed() {
        let status = |status: &str| json!([{"type": "CONNECTION_STATUS", "connectionStatus": {"status": status}}]);
        let failed = json!({"status": "FAILED"});
        assert!(check(&failed, &ran(2, json!([]))).is_empty());
        assert!(check(&failed, &ran(1, status("FAILED"))).is_empty());
        assert_eq!(
            kinds(&check(&failed, &ran(0, status("SUCCEEDED")))),
            ["check.status"]
        );
        assert_eq!(kinds(&check(&failed, &ran(0, json!([])))), ["check.status"]);
    }

    #[test]
    fn catalogs_may_leave_out_what_is_usual() {
        let want = json!({"streams": [{"name": "a", "json_schema": {"x": null},
            "supported_sync_modes": ["incremental", "full_refresh"], "namespace": null,
            "source_defined_primary_key": [], "is_resumable": false}]});
        let got = |schema: Value| {
            let catalog = json!({"streams": [{"name": "a", "json_schema": schema, "is_file_based": false,
                "supported_sync_modes": ["full_refresh", "incremental"], "source_defined_cursor": false}]});
            ran(0, json!([{"type": "CATALOG", "catalog": catalog}]))
        };
        assert_eq!(discover(&want, &got(json!({"x": null}))), []);
        assert_eq!(
            discover(&want, &got(json!({}))),
            [problem(
                "discover.stream",
                "a: $.json_schema.x: missing, expected null"
            )]
        );
    }

    #[test]
    fn a_read_is_held_by_records_status_state_and_exit() {
        let want = json!({"exit": 0, "errors": [], "streams": {
            "a": {"records": [{"id": 1}], "status": "COMPLETE", "state": {"states": [{"c": 1}, {"c": 2}]}}}});
        let catalog =
            |mode: &str| json!({"streams": [{"stream": {"name": "a"}, "sync_mode": mode}]});
        let messages = |state: Value, status: &str, stream: &str| {
            json!([
                {"type": "RECORD", "record": {"stream": stream, "data": {"id": 1.0, "n": null}}},
                {"type": "STATE", "state": {"stream": {"stream_descriptor": {"name": "a"}, "stream_state": state}}},
                {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status":
                    {"stream_descriptor": {"name": "a"}, "status": status}}},
            ])
        };
        let state = json!({"states": [{"c": 2}, {"c": 1}]});
        let good = ran(0, messages(state.clone(), "COMPLETE", "a"));
        assert_eq!(read(&want, &good, &catalog("incremental"), true), []);
        let bad = ran(1, messages(json!({}), "INCOMPLETE", "b"));
        assert_eq!(
            kinds(&read(&want, &bad, &catalog("incremental"), true)),
            [
                "read.records",
                "read.status",
                "read.state",
                "read.records",
                "read.exit"
            ]
        );
        assert!(!kinds(&read(&want, &bad, &catalog("full_refresh"), true)).contains(&"read.state"));
    }

    #[test]
    fn changed_configs_come_in_their_order() {
        let told = |configs: &[i64]| {
            let message = |n: &i64| json!({"type": "CONTROL", "control": {"connectorConfig": {"config": {"n": n}}}});
            ran(0, configs.iter().map(message).collect())
        };
        let want = json!([{"n": 1}, {"n": 2}]);
        assert_eq!(control("read", &want, &told(&[1, 2])), None);
        assert_eq!(
            control("read", &want, &told(&[2, 1])).unwrap().0,
            "read.control"
        );
    }
}

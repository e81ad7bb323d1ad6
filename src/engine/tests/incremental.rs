//! Streams with a cursor: windows go out, states come behind their records.

use super::*;

/// Windows of a day; the clock stands at the first of January 1970.
const DAYS: &str = "{type: DatetimeBasedCursor, cursor_field: at, datetime_format: \"%Y-%m-%d\", \
    start_datetime: \"1969-12-30\", step: P1D, cursor_granularity: P1D, \
    start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: from}}";

/// All that is new, in one window.
const ALL: &str = "{type: DatetimeBasedCursor, cursor_field: at, datetime_format: \"%Y-%m-%d\", \
    start_datetime: \"1969-01-01\", \
    start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: from}}";

/// Records of these days; the day is the id too.
fn days(days: &[&str]) -> Reply {
    let records: Vec<_> = days
        .iter()
        .map(|day| json!({"id": day, "at": day}))
        .collect();
    body(&json!({"data": records}))
}

/// A record of the day that the window starts with.
fn first_day(request: &Request) -> Reply {
    let from = target(request)
        .split_once("from=")
        .map_or("", |(_, from)| from);
    days(&[from.split('&').next().unwrap_or_default()])
}

fn state_of(stream: &str, state: &Value) -> Value {
    json!([{"type": "STREAM", "stream": {
        "stream_descriptor": {"name": stream}, "stream_state": state}}])
}

/// A router like [`under`], whose parents are read incrementally.
fn following(field: &str, parents: &[&Stream]) -> String {
    under(field, parents).replace("parent_key", "incremental_dependency: true, parent_key")
}

#[test]
fn a_state_comes_behind_the_records_that_it_counts() {
    let s = stream("s").since(DAYS);
    let ran = Scene::default().read(&[&s], &["s"], first_day);
    assert_eq!(
        ran.asked_sorted(),
        ["/s?from=1969-12-30", "/s?from=1969-12-31"]
    );
    assert_eq!(ran.state("s"), &json!({"at": "1969-12-31"}));
    for (_, before, state) in &ran.states {
        let told = ran.told[..*before].join(" ");
        let reached = state["at"].as_str().unwrap();
        let is_start = reached == "1969-12-30";
        assert!(
            is_start || told.contains(&format!("{{\"id\":\"{reached}\"")),
            "{told}"
        );
    }
}

#[test]
fn a_window_that_failed_holds_the_state_back() {
    let s = stream("s").since(&DAYS.replace("1969-12-30", "1969-12-28"));
    let ran = Scene::default().read(&[&s], &["s"], |request| {
        if target(request).contains("12-29") {
            return status(404);
        }
        first_day(request)
    });
    assert_eq!(
        sorted(ran.ids("s")),
        ["1969-12-28", "1969-12-30", "1969-12-31"]
    );
    assert_eq!(ran.state("s"), &json!({"at": "1969-12-28"}));
    assert_eq!(ran.outcome("s").errors.len(), 1);
}

#[test]
fn a_child_keeps_the_state_of_a_parent_that_it_follows() {
    let a = stream("a").since(ALL);
    let b = stream("b").by(&following("k", &[&a])).since(ALL);
    let serve = |request: &Request| match target(request) {
        text if text.starts_with("/a") => days(&["1969-06-01", "1969-06-02"]),
        _ => days(&["1969-07-01"]),
    };
    let first = Scene::default().read(&[&b], &["b"], serve);
    let one = |key: &str| json!({"partition": {"k": key, "parent_slice": {}}, "cursor": {"at": "1969-07-01"}});
    let mut state = first.state("b").clone();
    let states = state["states"].as_array_mut().unwrap();
    states.sort_by_key(Value::to_string);
    assert_eq!(
        state,
        json!({
            "use_global_cursor": false,
            "states": [one("1969-06-01"), one("1969-06-02")],
            "state": {"at": "1969-07-01"},
            "lookback_window": 0,
            "parent_state": {"a": {"at": "1969-06-02"}}})
    );
    let plan = plan_from(&[&b], &["b"], &json!({}), state_of("b", &state));
    let second = Scene::default().execute(plan, serve);
    assert_eq!(
        second.asked_sorted(),
        [
            "/a?from=1969-06-02",
            "/b?k=1969-06-01&from=1969-07-01",
            "/b?k=1969-06-02&from=1969-07-01"
        ]
    );
}

#[test]
fn a_parent_that_nobody_follows_starts_anew_beside_its_own_stream() {
    let a = stream("a").since(ALL);
    let b = stream("b").by(&under("k", &[&a]));
    let state = state_of("a", &json!({"at": "1969-06-02"}));
    let plan = plan_from(&[&a, &b], &["a", "b"], &json!({}), state);
    let ran = Scene::default().execute(plan, |_| days(&["1969-07-01"]));
    assert_eq!(
        ran.asked_sorted(),
        [
            "/a?from=1969-01-01",
            "/a?from=1969-06-02",
            "/b?k=1969-07-01"
        ]
    );
}

#[test]
fn a_parent_that_failed_holds_the_state_of_all_partitions_back() {
    let a = stream("a").paged(PAGES);
    let b = stream("b").by(&under("k", &[&a])).since(ALL);
    let ran = Scene::default().read(&[&b], &["b"], |request| match target(request) {
        "/a" => ids_and_next(&["1"], "2"),
        "/a?page=2" => status(404),
        _ => days(&["1969-07-01"]),
    });
    let one = json!({"partition": {"k": "1", "parent_slice": {}}, "cursor": {"at": "1969-07-01"}});
    assert_eq!(
        ran.state("b"),
        &json!({"use_global_cursor": false, "states": [one], "lookback_window": 0})
    );
}

#[test]
fn a_partition_that_its_parent_names_twice_is_read_once() {
    let a = stream("a");
    let b = stream("b").by(&under("k", &[&a])).since(ALL);
    let ran = Scene::default().read(&[&b], &["b"], |request| match target(request) {
        "/a" => ids(&["1", "1"]),
        _ => days(&["1969-07-01"]),
    });
    assert_eq!(ran.ids("b").len(), 1);
}

#[test]
fn the_pages_of_a_feed_end_at_the_first_record_that_is_not_new() {
    let feed = ALL.replace("cursor_field", "is_data_feed: true, cursor_field");
    let s = stream("s").paged(PAGES).since(&feed);
    let state = state_of("s", &json!({"at": "1969-06-01"}));
    let plan = plan_from(&[&s], &["s"], &json!({}), state);
    let ran = Scene::default().execute(plan, |request| {
        let (these, next) = match target(request).split_once("page=") {
            None => (["1969-08-01", "1969-07-01"], "2"),
            Some(_) => (["1969-06-01", "1969-05-01"], "3"),
        };
        let Reply { body: text, .. } = days(&these);
        let mut page: Value = serde_json::from_str(&text).unwrap();
        page["next"] = next.into();
        body(&page)
    });
    assert_eq!(ran.asked.len(), 2);
    assert_eq!(ran.ids("s"), ["1969-08-01", "1969-07-01", "1969-06-01"]);
    assert_eq!(ran.state("s"), &json!({"at": "1969-08-01"}));
}

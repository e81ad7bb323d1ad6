//! Streams that are read twice, from a state and whole for a child: what both ask for is asked once.

use super::*;
use crate::engine::twins::{Told, Twins};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A cursor that requests do not show.
const QUIET: &str = "{type: DatetimeBasedCursor, cursor_field: at, datetime_format: \"%Y-%m-%d\", \
    start_datetime: \"1969-01-01\"}";

/// `b` under `a`, which goes on from a state of its own.
fn plan(a: &Stream, cursor: &str) -> Plan {
    let a = a.clone().paged(PAGES).since(cursor);
    let b = stream("b").by(&under("k", &[&a]));
    let state = json!([{"type": "STREAM", "stream": {
        "stream_descriptor": {"name": "a"}, "stream_state": {"at": "1969-06-01"}}}]);
    plan_from(&[&a, &b], &["a", "b"], &json!({}), state)
}

fn answer(request: &Request) -> Reply {
    let page = |id: &str| json!({"data": [{"id": id, "at": "1969-12-01"}]});
    match target(request) {
        text if text.starts_with("/a") && !text.contains("page=") => {
            let mut page = page("a1");
            page["next"] = "2".into();
            body(&page)
        }
        text if text.starts_with("/a") => body(&page("a2")),
        text => body(&page(text)),
    }
}

fn assert_whole(ran: &Ran) {
    assert_eq!(ran.ids("a"), ["a1", "a2"]);
    assert_eq!(sorted(ran.ids("b")), ["/b?k=a1", "/b?k=a2"]);
}

#[test]
fn what_both_ask_for_is_asked_once() {
    for scene in [alone(), Scene::default()] {
        for _ in 0..20 {
            let ran = scene.execute(plan(&stream("a"), QUIET), answer);
            assert_whole(&ran);
            let asked = ran.asked_sorted();
            assert_eq!(asked, ["/a", "/a?page=2", "/b?k=a1", "/b?k=a2"]);
            let streams = ran.outcome.as_ref().unwrap().streams.iter();
            let counted: u64 = streams.map(|stream| stream.stats.requests.get()).sum();
            assert_eq!(counted, 4, "an answer of a twin is no request");
        }
    }
}

#[test]
fn what_differs_is_asked_by_each() {
    let from = "start_time_option: {type: RequestOption, inject_into: request_parameter, \
                field_name: from}}";
    let shown = QUIET.replace('}', &format!(", {from}"));
    let ran = Scene::default().execute(plan(&stream("a"), &shown), answer);
    assert_whole(&ran);
    assert_eq!(ran.asked.len(), 6);
}

#[test]
fn an_api_whose_answers_serve_once_is_asked_twice() {
    for requester in ["use_cache: false", "http_method: POST"] {
        let ran = Scene::default().execute(plan(&stream("a").asking(requester), QUIET), answer);
        assert_whole(&ran);
        assert_eq!(ran.asked.len(), 6, "{requester}");
    }
}

#[test]
fn who_waits_for_a_twin_that_fails_asks_by_itself() {
    for scene in [alone(), Scene::default()] {
        for _ in 0..20 {
            let tries = AtomicUsize::new(0);
            let ran = scene.execute(plan(&stream("a"), QUIET), move |request| {
                match target(request) {
                    "/a" if tries.fetch_add(1, Ordering::Relaxed) == 0 => status(403),
                    _ => answer(request),
                }
            });
            let failed = |name: &str| ran.about(name).last() == Some(&"Incomplete");
            assert!(failed("a") || failed("b"));
            let asked = ran.asked.iter().filter(|it| *it == "/a").count();
            assert_eq!(asked, 2, "{:?}", ran.asked);
        }
    }
}

#[test]
fn runs_of_a_series_ask_for_their_parents_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut scene = alone();
    scene.options.probe = true;
    let mut series = Series::default();
    for (selected, requests) in [("a", 1), ("b", 2), ("c", 1), ("a", 0)] {
        scene.options.series = Some(series.clone());
        let a = stream("a").paged(PAGES);
        let (b, c) = (stream("b"), stream("c"));
        let (b, c) = (b.by(&under("k", &[&a])), c.by(&under("k", &[&a])));
        let count = Arc::clone(&asked);
        let ran = scene.read(&[&a, &b, &c], &[selected], move |request| {
            count.fetch_add(1, Ordering::Relaxed);
            answer(request)
        });
        assert_eq!(ran.outcome(selected).errors.len(), 0);
        assert_eq!(ran.asked.len(), requests, "{selected}: {:?}", ran.asked);
        series.go_on();
    }
}

#[test]
fn each_answer_serves_each_twin_once_and_is_forgotten_then() {
    let twins = Twins::new(&plan(&stream("a"), QUIET), None);
    let (one, other) = (0, 1);
    let request = |token: &str| {
        let mut headers = Headers::default();
        headers.set("authorization", token);
        Request {
            method: "GET".to_owned(),
            url: "https://h.example/scroll".to_owned(),
            headers,
            body: Vec::new(),
            timeouts: crate::http::Timeouts::default(),
        }
    };
    let ask = |stream, token, text: &str| match twins.look(stream, &request(token)) {
        Some(Told::Answer(response)) => {
            String::from_utf8(response.body.into_bytes().unwrap()).unwrap()
        }
        Some(Told::Ask(asking)) => {
            asking.answered(&Response {
                status: 200,
                headers: Headers::default(),
                body: text.as_bytes().to_vec().into(),
                wire_bytes: 0,
            });
            "asked".to_owned()
        }
        None => "alone".to_owned(),
    };
    assert_eq!(ask(one, "t1", "first"), "asked");
    assert_eq!(ask(one, "t1", "second"), "asked");
    assert_eq!(ask(other, "t2", ""), "first");
    assert_eq!(ask(other, "t2", ""), "second");
    assert!(twins.is_empty());
    assert_eq!(ask(other, "t2", "third"), "asked");
    assert!(!twins.is_empty());
    twins.ended(&[one]);
    assert!(twins.is_empty(), "nobody wants it any more");
    assert_eq!(ask(other, "t2", ""), "alone");
    let child = 2;
    assert_eq!(ask(child, "t2", ""), "alone");
}

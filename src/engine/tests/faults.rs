//! Retries and waits, and what becomes of a stream when they do not help.

use super::*;
use crate::clock::monotonic;
use std::time::Instant;

fn first(counter: &AtomicUsize) -> bool {
    counter.fetch_add(1, Ordering::Relaxed) == 0
}

const RETRY_AFTER: &str = "error_handler: {type: DefaultErrorHandler, backoff_strategies: \
    [{type: WaitTimeFromHeader, header: Retry-After}]}";

#[test]
fn a_wait_that_the_server_asks_for_is_kept() {
    let a = stream("a").asking(RETRY_AFTER);
    for code in [429, 503] {
        let tries = AtomicUsize::new(0);
        let scene = Scene::default();
        let ran = scene.read(&[&a], &["a"], move |_| {
            if first(&tries) {
                status(code).header("Retry-After", "7")
            } else {
                ids(&["1"])
            }
        });
        assert_eq!(ran.ids("a"), ["1"]);
        assert_eq!(ran.about("a").last(), Some(&"Complete"));
        // The reference waits for a second more than it was told.
        assert_eq!(scene.clock.waited(), Duration::from_secs(8), "{code}");
        let stats = &ran.outcome("a").stats;
        assert_eq!((stats.requests.get(), stats.retries.get()), (2, 1));
        assert_eq!(stats.waited(), Duration::from_secs(8));
    }
}

#[test]
fn tries_come_to_an_end() {
    let a = stream("a");
    let scene = Scene::default();
    let ran = scene.read(&[&a], &["a"], |_| status(500));
    assert_eq!(ran.asked.len(), 6);
    assert_eq!(
        scene.clock.waited(),
        Duration::from_secs(1 + 2 + 4 + 8 + 16)
    );
    let error = &ran.outcome("a").errors[0];
    assert!(
        error.message.starts_with("gave up after 6 attempts"),
        "{error}"
    );
    let exchange = ran.exchange("a");
    assert_eq!((exchange.status, exchange.attempts), (Some(500), 6));
    assert_eq!(exchange.request, "GET https://h.example/a");
    assert_eq!(ran.about("a")[0], "Started");
    assert_eq!(ran.about("a")[2..], ["state", "Incomplete"]);
}

#[test]
fn a_rate_limit_holds_back_all_that_is_sent_to_the_host() {
    const WORKERS: usize = 4;
    let values: Vec<String> = (0..60).map(|n| format!("v{n}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let a = stream("a").asking(RETRY_AFTER).by(&list("l", &values));
    let mut scene = Scene::default();
    scene.options.workers = WORKERS;
    scene.clock = Arc::new(Clock::new(None, 0.001));
    let limited = Arc::new(Mutex::new(None::<Instant>));
    let early = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&early);
    let ran = scene.read(&[&a], &["a"], move |request| {
        let mut limited = limited.lock().unwrap();
        match *limited {
            None => {
                *limited = Some(monotonic());
                return status(429).header("Retry-After", "400");
            }
            Some(since) if since.elapsed() < Duration::from_millis(390) => {
                seen.fetch_add(1, Ordering::Relaxed);
            }
            Some(_) => {}
        }
        ids(&[target(request)])
    });
    assert_eq!(ran.ids("a").len(), 60);
    // A request that was on its way already is not called back.
    let early = early.load(Ordering::Relaxed);
    assert!(early < WORKERS, "{early} requests during the pause");
}

const IGNORE: &str = "error_handler: {type: DefaultErrorHandler, response_filters: \
    [{type: HttpResponseFilter, http_codes: [404], action: IGNORE, error_message: no such thing}]}";

#[test]
fn what_is_ignored_is_counted_with_its_reason() {
    let a = stream("a").asking(IGNORE).by(&list("l", &["1", "2", "3"]));
    let ran = Scene::default().read(&[&a], &["a"], |request| match target(request) {
        "/a?l=2" => ids(&["2"]),
        _ => status(404),
    });
    assert_eq!(ran.ids("a"), ["2"]);
    let stats = &ran.outcome("a").stats;
    assert_eq!(stats.ignored.get(), 2);
    let [note] = &ran.outcome("a").notes[..] else {
        panic!("{:?}", ran.outcome("a").notes);
    };
    let told = "2 × no such thing (status 404, ignored by the response filter at m.yaml:4:";
    assert!(note.starts_with(told), "{note}");
    assert_eq!(ran.about("a").last(), Some(&"Complete"));
}

#[test]
fn a_failure_knows_the_filter_that_decided() {
    let filter = "{type: HttpResponseFilter, http_codes: [403], action: FAIL, failure_type: config_error, error_message: no access}";
    let a = stream("a")
        .asking(&format!(
            "error_handler: {{type: DefaultErrorHandler, response_filters: [{filter}]}}"
        ))
        .by(&list("l", &["1", "2", "3"]));
    let ran = alone().read(&[&a], &["a"], |request| match target(request) {
        "/a?l=2" => status(403),
        by => ids(&[by]),
    });
    // Its siblings are read.
    assert_eq!(ran.ids("a"), ["/a?l=1", "/a?l=3"]);
    assert_eq!(
        ran.about("a"),
        [
            "Started",
            "Running",
            "failed: no access",
            "state",
            "Incomplete"
        ]
    );
    let outcome = ran.outcome("a");
    let [error] = &outcome.errors[..] else {
        panic!("{:?}", outcome.errors);
    };
    assert_eq!(error.failure_type.as_str(), "config_error");
    let exchange = ran.exchange("a");
    assert_eq!((exchange.status, exchange.attempts), (Some(403), 1));
    assert_eq!(&*error.slice, r#"{"l":"2"}"#);
    let column = format!("  - {}", a.yaml()).find(filter).unwrap() + 1;
    assert_eq!(
        exchange.filter.as_ref().unwrap().to_string(),
        format!("m.yaml:4:{column}")
    );
    assert_eq!(
        (outcome.stats.failed.get(), outcome.stats.partitions.get()),
        (1, 3)
    );
}

#[test]
fn the_children_of_a_failed_parent_are_told() {
    let a = stream("a").paged(PAGES);
    let b = stream("b").by(&under("k", &[&a]));
    let c = stream("c").by(&under("k", &[&b]));
    let d = stream("d");
    let ran = Scene::default().read(&[&c, &d], &["c", "d"], |request| match target(request) {
        "/a" => ids_and_next(&["1"], "2"),
        "/a?page=2" => status(400),
        by => ids(&[by]),
    });
    assert_eq!(ran.ids("c").len(), 1);
    let told = ran.about("c");
    assert_eq!(*told.last().unwrap(), "Incomplete");
    let missing = told
        .iter()
        .filter(|line| line.contains("partitions are missing, because the parent `a` failed"));
    assert_eq!(missing.count(), 1, "{told:?}");
    assert_eq!(ran.about("d").last(), Some(&"Complete"));
    assert_eq!(ran.outcome("b").errors.len(), 1);
}

#[test]
fn a_failure_is_told_before_the_end_of_its_stream() {
    // The first page fails while the second one comes; whoever is first, nothing is told late.
    let a = stream("a").paged(PAGES);
    for _ in 0..300 {
        let ran = Scene::default().read(&[&a], &["a"], |request| match target(request) {
            "/a" => body(&json!({ "data": [{"id": "1"}, 5], "next": "2" })),
            _ => ids(&["2"]),
        });
        let told = ["Started", "Running", "failed", "state", "Incomplete"];
        let about: Vec<&str> = ran
            .about("a")
            .iter()
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert_eq!(about, told);
        assert_eq!(ran.outcome("a").errors.len(), 1);
        // The reference has sent out what stands before the fault.
        assert_eq!(ran.ids("a"), ["1"]);
    }
}

#[test]
fn a_panic_fails_its_partition_only() {
    let a = stream("a").by(&list("l", &["1", "2", "3"]));
    let b = stream("b").by(&under("k", &[&a]));
    let ran = Scene::default().read(&[&a, &b], &["a", "b"], |request| match target(request) {
        "/a?l=2" => panic!("a bug, on purpose"),
        by => ids(&[by]),
    });
    assert_eq!(ran.ids("a").len(), 2);
    assert_eq!(ran.ids("b").len(), 2);
    let error = &ran.outcome("a").errors[0];
    assert!(error.message.contains("internal error"), "{error}");
    assert_eq!(ran.about("b").last(), Some(&"Incomplete"));
}

#[test]
fn a_refused_token_is_renewed_and_the_request_sent_again() {
    let a = stream("a").asking(
        "authenticator: {type: OAuthAuthenticator, token_refresh_endpoint: \"https://h.example/token\", \
         client_id: i, client_secret: s, refresh_token: r}, error_handler: {type: DefaultErrorHandler, \
         response_filters: [{type: HttpResponseFilter, http_codes: [401], action: REFRESH_TOKEN_THEN_RETRY}]}",
    );
    let tokens = AtomicUsize::new(0);
    let ran = Scene::default().read(&[&a], &["a"], move |request| match target(request) {
        "/token" => {
            let number = tokens.fetch_add(1, Ordering::Relaxed);
            body(&json!({"access_token": format!("token-{number}"), "expires_in": 3600}))
        }
        _ if request.headers.get("Authorization") == Some("Bearer token-1") => ids(&["1"]),
        _ => status(401),
    });
    assert_eq!(ran.asked, ["/token", "/a", "/token", "/a"]);
    assert_eq!(ran.ids("a"), ["1"]);
    assert_eq!(ran.about("a").last(), Some(&"Complete"));
}

#[test]
fn a_last_page_without_records_does_not_overtake_those_before_it() {
    let a = stream("a").paged(PAGES).asking(IGNORE);
    let b = stream("b").by(&under("k", &[&a]));
    let many: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    for _ in 0..30 {
        let these = many.clone();
        let ran = Scene::default().read(&[&a, &b], &["a", "b"], move |request| {
            match target(request) {
                "/a" => {
                    let these: Vec<&str> = these.iter().map(String::as_str).collect();
                    ids_and_next(&these, "2")
                }
                "/a?page=2" => status(404),
                _ => ids(&["b"]),
            }
        });
        assert_eq!(ran.ids("a").len(), many.len());
        assert_eq!(ran.ids("b").len(), many.len());
    }
}

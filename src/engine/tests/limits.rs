//! Rate limits, and bounds of a run.

use std::sync::atomic::AtomicU64;

use super::*;
use crate::clock::monotonic;

/// Waits take a millionth of their time.
fn quick() -> Arc<Clock> {
    Arc::new(Clock::new(Some(0), 1e-6))
}

/// A page, after so many answers of `code`.
fn refusing(times: u64, code: u16) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let asked = AtomicU64::new(0);
    move |_| {
        if asked.fetch_add(1, Ordering::Relaxed) < times {
            status(code)
        } else {
            ids(&["1"])
        }
    }
}

#[test]
fn a_patient_run_never_gives_up_because_of_a_rate_limit() {
    let a = stream("a");
    let mut scene = Scene {
        clock: quick(),
        is_patient: true,
        ..alone()
    };
    let ran = scene.read(&[&a], &["a"], refusing(40, 429));
    assert_eq!(ran.ids("a"), ["1"]);
    assert_eq!(ran.asked.len(), 41);
    // Anything else is tried as often as ever.
    let ran = scene.read(&[&a], &["a"], refusing(40, 503));
    assert_eq!(ran.outcome("a").errors.len(), 1);
    scene.is_patient = false;
    let ran = scene.read(&[&a], &["a"], refusing(40, 429));
    assert_eq!(ran.outcome("a").errors.len(), 1);
}

#[test]
fn a_limit_that_the_manifest_tells_is_waited_for_too() {
    let rules = "error_handler: {type: DefaultErrorHandler, max_retries: 2, response_filters: \
        [{type: HttpResponseFilter, http_codes: [403], action: RATE_LIMITED}]}";
    let a = stream("a").asking(rules);
    let scene = Scene {
        clock: quick(),
        is_patient: true,
        ..alone()
    };
    let ran = scene.read(&[&a], &["a"], refusing(20, 403));
    assert_eq!((ran.ids("a").len(), ran.asked.len()), (1, 21));
}

#[test]
fn without_waits_nobody_is_patient() {
    let a = stream("a");
    let scene = Scene {
        is_patient: true,
        ..alone()
    };
    let ran = scene.read(&[&a], &["a"], refusing(1_000, 429));
    assert_eq!(ran.outcome("a").errors.len(), 1);
}

#[test]
fn a_run_stops_after_a_number_of_requests_with_what_it_has() {
    let a = stream("a").by(&list("l", &["1", "2", "3", "4", "5"]));
    for workers in [1, 4] {
        let mut scene = alone();
        scene.options.workers = workers;
        scene.bounds.requests = Some(3);
        let ran = scene.read(&[&a], &["a"], |_| ids(&["1"]));
        assert_eq!((ran.asked.len(), ran.ids("a").len()), (3, 3));
        let outcome = ran.outcome.as_ref().unwrap();
        assert_eq!(outcome.bound, Some(Bound::Requests));
        assert!(!outcome.cancelled && !ran.outcome("a").finished);
        assert!(ran.outcome("a").errors.is_empty());
        // As many as it needs do not stop it.
        scene.bounds.requests = Some(5);
        let ran = scene.read(&[&a], &["a"], |_| ids(&["1"]));
        assert_eq!(ran.outcome.as_ref().unwrap().bound, None);
        assert!(ran.outcome("a").finished);
    }
}

#[test]
fn a_deadline_ends_the_patience() {
    let a = stream("a").by(&list("l", &["1", "2", "3"]));
    let scene = Scene {
        clock: Arc::new(Clock::system()),
        is_patient: true,
        bounds: Bounds {
            deadline: monotonic().checked_add(Duration::from_millis(300)),
            ..Bounds::default()
        },
        ..Scene::default()
    };
    let ran = scene.read(&[&a], &["a"], |request| match target(request) {
        "/a?l=1" => ids(&["1"]),
        _ => status(429).header("Retry-After", "3600"),
    });
    let outcome = ran.outcome.as_ref().unwrap();
    assert_eq!(outcome.bound, Some(Bound::Deadline));
    assert_eq!(ran.ids("a"), ["1"]);
    assert!(ran.outcome("a").errors.is_empty());
}

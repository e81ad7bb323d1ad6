//! How a run ends before its time: a check's first answer, an interrupt, an output that is full.

use super::*;
use crate::clock::monotonic;

fn probe() -> Scene {
    let mut scene = Scene::default();
    scene.options.probe = true;
    scene.options.read_ahead = false;
    scene
}

/// Ends of the tests that must not wait take less than this.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_check_ends_at_the_first_record() {
    let a = stream("a").paged(PAGES);
    let b = stream("b").by(&format!(
        "[{}, {}]",
        list("l", &["x", "y"]),
        under("k", &[&a])
    ));
    let c = stream("c").by(&under("k", &[&b]));
    let ran = probe().read(&[&a, &b, &c], &["c"], |request| match target(request) {
        "/a" => ids_and_next(&["1", "2"], "2"),
        "/a?page=2" => ids(&["3"]),
        by if by.starts_with("/b") => ids(&["b1", "b2"]),
        by => ids_and_next(&[by], "2"),
    });
    // A product of routers knows all of its parents first.
    assert_eq!(ran.asked, ["/a", "/a?page=2", "/b?k=1&l=x", "/c?k=b1"]);
    assert!(ran.outcome("c").errors.is_empty());
}

#[test]
fn a_check_knows_one_record_more_of_a_parent_than_it_reads() {
    let cursor = "{type: DatetimeBasedCursor, cursor_field: at, datetime_format: \"%Y-%m-%d\", \
        start_datetime: \"1969-12-30\"}";
    let a = stream("a").paged(PAGES);
    let plain = stream("b").by(&under("k", &[&a]));
    let with_states = plain.clone().since(cursor);
    let serve = |request: &Request| match target(request) {
        "/a" => ids_and_next(&["1"], "2"),
        "/a?page=2" => ids_and_next(&["2"], "3"),
        "/a?page=3" => ids_and_next(&["3"], "4"),
        other => ids(&[other]),
    };
    let ran = probe().read(&[&plain], &["b"], serve);
    assert_eq!(ran.asked, ["/a", "/a?page=2", "/b?k=1"]);
    let ran = probe().read(&[&with_states], &["b"], serve);
    assert_eq!(ran.asked, ["/a", "/a?page=2", "/a?page=3", "/b?k=1"]);
}

#[test]
fn a_check_looks_for_a_record_in_the_first_partition_only() {
    let a = stream("a").paged(PAGES);
    let b = stream("b").paged(PAGES).by(&under("k", &[&a]));
    let ran = probe().read(&[&a, &b], &["b"], |request| match target(request) {
        "/a" => ids_and_next(&[], "2"),
        "/a?page=2" => ids_and_next(&["1", "2"], "3"),
        "/b?k=1" => ids_and_next(&[], "2"),
        _ => ids(&[]),
    });
    assert_eq!(
        ran.asked
            .iter()
            .map(|by| by.replace("k=1&page=2", "page=2&k=1"))
            .collect::<Vec<_>>(),
        ["/a", "/a?page=2", "/b?k=1", "/b?page=2&k=1"]
    );
    assert_eq!(ran.outcome("b").stats.partitions.get(), 1);
}

#[test]
fn a_check_of_a_stream_without_partitions_reads_all_its_parents() {
    let a = stream("a").by(&list("l", &["1", "2"]));
    let b = stream("b").by(&under("k", &[&a]));
    let ran = probe().read(&[&b], &["b"], |_| ids(&[]));
    assert_eq!(ran.asked, ["/a?l=1", "/a?l=2"]);
    assert!(ran.outcome("b").finished);
    assert_eq!(ran.outcome("b").stats.partitions.get(), 0);
}

#[test]
fn a_check_ends_at_the_first_failure() {
    let a = stream("a").by(&list("l", &["1", "2"]));
    let b = stream("b").by(&under("k", &[&a]));
    let ran = probe().read(&[&b], &["b"], |_| status(401));
    assert_eq!(ran.asked, ["/a?l=1"]);
    assert_eq!(ran.exchange("b").status, Some(401));
}

#[test]
fn an_interrupt_ends_every_wait() {
    let a = stream("a")
        .by(&list("l", &["1", "2", "3", "4", "5", "6", "7", "8"]))
        .asking(
            "error_handler: {type: DefaultErrorHandler, backoff_strategies: \
         [{type: WaitTimeFromHeader, header: Retry-After}]}",
        );
    for code in [429, 503] {
        let scene = Scene {
            clock: Arc::new(Clock::system()),
            ..Scene::default()
        };
        let cancel = Arc::clone(&scene.cancel);
        let begun = monotonic();
        let ran = scene.read(&[&a], &["a"], move |request| match target(request) {
            "/a?l=1" => ids(&["1"]),
            _ => {
                cancel.store(true, Ordering::Relaxed);
                status(code).header("Retry-After", "3600")
            }
        });
        assert!(begun.elapsed() < SOON);
        let outcome = ran.outcome("a");
        assert!(ran.outcome.as_ref().unwrap().cancelled && !outcome.finished);
        assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
        let told = ran.about("a");
        let goes_on = |line: &&str| matches!(*line, "Started" | "Running");
        assert!(told.iter().all(goes_on), "neither state nor end: {told:?}");
    }
}

#[test]
fn an_interrupt_does_not_wait_for_the_network() {
    let a = stream("a").by(&list("l", &["1", "2", "3"]));
    let scene = Scene::default();
    let cancel = Arc::clone(&scene.cancel);
    let begun = monotonic();
    let ran = scene.read(&[&a], &["a"], move |_| {
        cancel.store(true, Ordering::Relaxed);
        Clock::system().pause(2 * SOON);
        status(500)
    });
    assert!(begun.elapsed() < SOON);
    assert!(!ran.outcome("a").finished);
}

#[test]
fn a_full_output_ends_the_run() {
    let a = stream("a").paged(PAGES);
    let b = stream("b").by(&under("k", &[&a]));
    let scene = Scene {
        room: 3,
        ..Scene::default()
    };
    let pages = AtomicUsize::new(0);
    let ran = scene.read(&[&a, &b], &["a", "b"], move |request| {
        let page = pages.fetch_add(1, Ordering::Relaxed);
        match target(request) {
            by if by.starts_with("/a") => ids_and_next(&[&page.to_string()], &page.to_string()),
            _ => ids(&["b"]),
        }
    });
    assert_eq!(ran.outcome.unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn one_session_serves_one_run_after_the_other() {
    let a = stream("a");
    for selected in [&["a"][..], &[]] {
        let ran = Scene::default().read(&[&a], selected, |_| ids(&["1"]));
        assert_eq!(ran.ids("a").len(), selected.len());
        assert_eq!(ran.outcome.unwrap().streams.len(), selected.len());
    }
}

#[test]
fn streams_of_a_group_are_read_one_after_the_other() {
    let (a, b, c) = (stream("a"), stream("b"), stream("c"));
    let (a, b) = (a.paged(PAGES), b.paged(PAGES));
    let mut scene = Scene::default();
    let group = ["a", "b"].map(str::to_owned);
    scene.options.groups = vec![group.into_iter().collect()];
    let ran = scene.read(&[&a, &b, &c], &["a", "b", "c"], |request| {
        match target(request).split_once("page=") {
            None if target(request) != "/c" => ids_and_next(&["1"], "2"),
            Some((_, "2")) => ids_and_next(&["2"], "3"),
            _ => ids(&["3"]),
        }
    });
    let grouped: Vec<&str> = ran
        .asked
        .iter()
        .filter_map(|asked| asked.get(..2))
        .collect();
    let grouped: Vec<&str> = grouped.into_iter().filter(|asked| *asked != "/c").collect();
    assert_eq!(grouped, ["/a", "/a", "/a", "/b", "/b", "/b"]);
    assert_eq!(ran.asked.len(), 7);
}

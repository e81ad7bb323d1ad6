//! Pages of one partition: order, read-ahead, circles, the start over.

use super::*;

/// Three pages of two, `/a`, `/a?page=2`, `/a?page=3`.
fn three_pages(request: &Request) -> Reply {
    match target(request) {
        "/a" => ids_and_next(&["1", "2"], "2"),
        "/a?page=2" => ids_and_next(&["3", "4"], "3"),
        "/a?page=3" => ids(&["5"]),
        other => panic!("{other}"),
    }
}

#[test]
fn messages_come_in_their_order() {
    let a = stream("a").paged(PAGES);
    let ran = Scene::default().read(&[&a], &["a"], three_pages);
    let records = (1..=5).map(|id| format!("a {{\"id\":\"{id}\"}}"));
    let mut wanted = vec!["a Started".to_owned(), "a Running".to_owned()];
    wanted.extend(records);
    wanted.extend(["a state".to_owned(), "a Complete".to_owned()]);
    assert_eq!(ran.told, wanted);
    assert_eq!(ran.asked, ["/a", "/a?page=2", "/a?page=3"]);
    let outcome = ran.outcome("a");
    assert!(outcome.finished && outcome.started && outcome.errors.is_empty());
    assert_eq!(outcome.stats.records.get(), 5);
    assert_eq!(outcome.stats.requests.get(), 3);
    assert_eq!(outcome.stats.partitions.get(), 1);
}

#[test]
fn no_page_follows_one_whose_records_fail() {
    let mut a = stream("a").paged(PAGES);
    a.cursor = ", transformations: [{type: AddFields, fields: [{path: [x], \
        value: \"{{ record.missing.x }}\"}]}]"
        .to_owned();
    let ran = Scene::default().read(&[&a], &["a"], three_pages);
    assert_eq!(ran.asked, ["/a"]);
    assert_eq!(ran.outcome("a").errors.len(), 1);
}

#[test]
fn no_page_follows_one_with_a_record_that_is_no_object() {
    let a = stream("a").paged(PAGES);
    let ran = Scene::default().read(&[&a], &["a"], |request| match target(request) {
        "/a" => body(&json!({"data": [{"id": "1"}, 2], "next": "2"})),
        other => panic!("{other}"),
    });
    assert_eq!(ran.asked, ["/a"]);
    assert_eq!(ran.outcome("a").stats.records.get(), 1);
    assert_eq!(ran.outcome("a").errors.len(), 1);
}

#[test]
fn a_check_does_not_look_at_records_behind_the_first() {
    let mut a = stream("a").paged(PAGES);
    a.cursor = ", transformations: [{type: AddFields, fields: [{path: [x], \
        value: \"{{ 1 // (2 - record.id | int) }}\"}]}]"
        .to_owned();
    let mut scene = Scene::default();
    assert_eq!(
        scene
            .read(&[&a], &["a"], three_pages)
            .outcome("a")
            .errors
            .len(),
        1
    );
    scene.options.probe = true;
    assert!(
        scene
            .read(&[&a], &["a"], three_pages)
            .outcome("a")
            .errors
            .is_empty()
    );
}

#[test]
fn pages_come_out_in_their_order_however_many_are_under_way() {
    let a = stream("a").paged(PAGES);
    let pages: Vec<Vec<String>> = (0..20)
        .map(|page| (0..50).map(|n| format!("{:04}", page * 50 + n)).collect())
        .collect();
    let expected = pages.concat();
    let ran = Scene::default().read(&[&a], &["a"], move |request| {
        let number = target(request).strip_prefix("/a?page=");
        let number: usize = number.map_or(0, |n| n.parse().unwrap());
        let these: Vec<&str> = pages[number].iter().map(String::as_str).collect();
        if number + 1 < pages.len() {
            ids_and_next(&these, &(number + 1).to_string())
        } else {
            ids(&these)
        }
    });
    assert_eq!(ran.ids("a"), expected);
}

#[test]
fn a_strategy_that_counts_records_waits_for_them() {
    let a = stream("a").paged(OFFSETS);
    let ran = Scene::default().read(&[&a], &["a"], |request| match target(request) {
        "/a" | "/a?page=0" => ids(&["1", "2"]),
        "/a?page=2" => ids(&["3"]),
        other => panic!("{other}"),
    });
    assert_eq!(ran.ids("a"), ["1", "2", "3"]);
    assert_eq!(ran.asked.len(), 2);
}

#[test]
fn a_circle_of_pages_is_an_error() {
    let a = stream("a").paged(PAGES);
    let ran = alone().read(&[&a], &["a"], |_| ids_and_next(&["1", "2"], "again"));
    assert!(ran.asked.len() < 30, "{}", ran.asked.len());
    let error = &ran.outcome("a").errors[0];
    assert!(error.message.contains("goes round in a circle"), "{error}");
    assert!(error.help.is_some());
    assert_eq!(ran.about("a").last(), Some(&"Incomplete"));
}

const RESET: &str = "error_handler: {type: DefaultErrorHandler, response_filters: \
    [{type: HttpResponseFilter, http_codes: [410], action: RESET_PAGINATION}]}";

#[test]
fn the_pagination_starts_again_when_a_filter_says_so() {
    let a = stream("a").paged(PAGES).asking(RESET);
    let tries = AtomicUsize::new(0);
    let ran = Scene::default().read(&[&a], &["a"], move |request| match target(request) {
        "/a?page=2" if tries.fetch_add(1, Ordering::Relaxed) == 0 => status(410),
        _ => three_pages(request),
    });
    assert_eq!(ran.ids("a"), ["1", "2", "1", "2", "3", "4", "5"]);
    assert_eq!(ran.about("a").last(), Some(&"Complete"));
    assert_eq!(
        ran.asked,
        ["/a", "/a?page=2", "/a", "/a?page=2", "/a?page=3"]
    );
}

#[test]
fn a_pagination_that_starts_again_for_ever_is_an_error() {
    let a = stream("a").paged(PAGES).asking(RESET);
    let ran = Scene::default().read(&[&a], &["a"], |_| status(410));
    assert!(
        ran.outcome("a").errors[0]
            .message
            .contains("did not come further")
    );
    assert_eq!(ran.asked.len(), 2);
}

#[test]
fn a_limit_ends_a_stream_with_the_fewest_pages() {
    let a = stream("a").paged(PAGES);
    let mut scene = Scene::default();
    scene.options.limit = Some(3);
    scene.options.read_ahead = false;
    let ran = scene.read(&[&a], &["a"], three_pages);
    assert_eq!(ran.ids("a"), ["1", "2", "3"]);
    assert_eq!(ran.asked.len(), 2);
    assert_eq!(ran.about("a"), ["Started", "Running", "state", "Complete"]);
}

#[test]
fn a_limit_of_a_parent_is_not_one_of_its_children() {
    let a = stream("a").paged(PAGES);
    let b = stream("b").by(&under("a", &[&a]));
    let mut scene = Scene::default();
    scene.options.limit = Some(2);
    let ran = scene.read(&[&a, &b], &["a"], three_pages);
    assert_eq!(ran.ids("a"), ["1", "2"]);
    let ran = scene.read(&[&a, &b], &["a", "b"], |request| match target(request) {
        by if by.starts_with("/b") => ids(&[]),
        _ => three_pages(request),
    });
    assert_eq!(ran.ids("a"), ["1", "2"]);
    assert_eq!(
        ran.asked.iter().filter(|by| by.starts_with("/b")).count(),
        5
    );
}

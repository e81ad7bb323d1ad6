//! Parents and children: each parent is read once, each of its records makes one partition.

use super::*;

fn answer(request: &Request) -> Reply {
    let (path, query) = target(request)
        .split_once('?')
        .unwrap_or((target(request), ""));
    match (path, query) {
        ("/a", "") => ids_and_next(&["a1", "a2"], "2"),
        ("/a", "page=2") => ids(&["a3"]),
        (path, query) => {
            let id = format!(
                "{}:{}",
                path.trim_start_matches('/'),
                query.replace('&', ",")
            );
            ids(&[&id])
        }
    }
}

#[test]
fn a_parent_is_read_once_for_all_its_children_and_for_the_output() {
    let a = stream("a").paged(PAGES);
    let b = stream("b").by(&under("k", &[&a]));
    let c = stream("c").by(&under("k", &[&a]));
    let ran = Scene::default().read(&[&b, &a, &c], &["a", "b", "c"], answer);
    assert_eq!(
        ran.asked_sorted(),
        [
            "/a",
            "/a?page=2",
            "/b?k=a1",
            "/b?k=a2",
            "/b?k=a3",
            "/c?k=a1",
            "/c?k=a2",
            "/c?k=a3"
        ]
    );
    assert_eq!(ran.ids("a"), ["a1", "a2", "a3"]);
    assert_eq!(sorted(ran.ids("b")), ["b:k=a1", "b:k=a2", "b:k=a3"]);
    assert_eq!(ran.about("c"), ["Started", "Running", "state", "Complete"]);
}

#[test]
fn nothing_is_told_of_a_parent_that_nobody_asked_for() {
    let a = stream("a").paged(PAGES);
    let b = stream("b").by(&under("k", &[&a]));
    let ran = Scene::default().read(&[&b], &["b"], answer);
    assert!(ran.about("a").is_empty() && ran.ids("a").is_empty());
    assert!(ran.outcome("a").finished && !ran.outcome("a").selected);
    assert_eq!(ran.outcome("a").stats.records.get(), 0);
}

#[test]
fn a_parent_is_read_ahead_of_its_children_and_children_ahead_of_the_rest() {
    let a = stream("a").paged(PAGES);
    let b = stream("b").by(&under("k", &[&a]));
    let ran = alone().read(&[&a, &b], &["a", "b"], answer);
    assert_eq!(
        ran.asked,
        ["/a", "/a?page=2", "/b?k=a1", "/b?k=a2", "/b?k=a3"]
    );
}

#[test]
fn two_parents_of_one_router_come_one_after_the_other() {
    let a = stream("a").paged(PAGES);
    let z = stream("z");
    let b = stream("b").by(&under("k", &[&a, &z]));
    let ran = Scene::default().read(&[&b], &["b"], answer);
    assert_eq!(
        sorted(ran.ids("b")),
        ["b:k=a1", "b:k=a2", "b:k=a3", "b:k=z%3A"]
    );
}

#[test]
fn two_parents_that_are_one_stream_feed_it_twice() {
    let a = stream("a").paged(PAGES);
    let b = stream("b").by(&under("k", &[&a, &a]));
    let ran = Scene::default().read(&[&b], &["b"], answer);
    assert_eq!(
        ran.asked.iter().filter(|by| by.starts_with("/a")).count(),
        2
    );
    assert_eq!(ran.ids("b").len(), 6);
}

#[test]
fn lists_and_substreams_are_multiplied() {
    let a = stream("a").paged(PAGES);
    let routers = format!("[{}, {}]", list("l", &["x", "y"]), under("k", &[&a]));
    let b = stream("b").by(&routers);
    let ran = Scene::default().read(&[&b], &["b"], answer);
    assert_eq!(
        sorted(ran.ids("b")),
        [
            "b:k=a1,l=x",
            "b:k=a1,l=y",
            "b:k=a2,l=x",
            "b:k=a2,l=y",
            "b:k=a3,l=x",
            "b:k=a3,l=y"
        ]
    );
    assert_eq!(ran.about("b").last(), Some(&"Complete"));
}

#[test]
fn three_levels() {
    let a = stream("a").paged(PAGES);
    let b = stream("b").by(&under("k", &[&a]));
    let c = stream("c").by(&under("k", &[&b]));
    let ran = Scene::default().read(&[&c, &b], &["c"], answer);
    assert_eq!(
        sorted(ran.ids("c")),
        ["c:k=b%3Ak%3Da1", "c:k=b%3Ak%3Da2", "c:k=b%3Ak%3Da3"]
    );
    assert_eq!(ran.asked.len(), 2 + 3 + 3);
}

#[test]
fn a_stream_without_a_partition_is_complete() {
    let a = stream("a");
    let b = stream("b").by(&under("k", &[&a]));
    let c = stream("c").by(&list("l", &[]));
    let ran = Scene::default().read(&[&a, &b, &c], &["b", "c"], |_| ids(&[]));
    assert_eq!(ran.about("b"), ["Started", "state", "Complete"]);
    assert_eq!(ran.about("c"), ["Started", "state", "Complete"]);
    assert_eq!(ran.outcome("b").stats.partitions.get(), 0);
    assert_eq!(ran.asked, ["/a"]);
}

#[test]
fn records_without_the_key_are_counted() {
    let a = stream("a");
    let b = stream("b").by(&under("k", &[&a]));
    let ran = Scene::default().read(&[&a, &b], &["b"], |request| match target(request) {
        "/a" => body(&json!({"data": [{"id": "1"}, {"gid": "2"}, {}]})),
        _ => ids(&["x"]),
    });
    assert_eq!(ran.ids("b").len(), 1);
    assert_eq!(ran.outcome("a").stats.keyless.get(), 2);
}

#[test]
fn a_long_queue_goes_to_a_file_and_comes_back() {
    let a = stream("a").paged(PAGES);
    let b = stream("b").by(&under("k", &[&a]));
    let many = 15_000_usize;
    let ran = Scene::default().read(&[&a, &b], &["b"], move |request| {
        let query = target(request)
            .split_once('?')
            .map_or("", |(_, query)| query);
        if target(request).starts_with("/a") {
            let page: usize = query
                .strip_prefix("page=")
                .map_or(0, |n| n.parse().unwrap());
            let these: Vec<String> = (page * 5_000..(page + 1) * 5_000)
                .map(|n| n.to_string())
                .collect();
            let these: Vec<&str> = these.iter().map(String::as_str).collect();
            return if (page + 1) * 5_000 < many {
                ids_and_next(&these, &(page + 1).to_string())
            } else {
                ids(&these)
            };
        }
        let k: usize = query.strip_prefix("k=").unwrap().parse().unwrap();
        if k.is_multiple_of(500) {
            ids(&[query])
        } else {
            ids(&[])
        }
    });
    assert_eq!(ran.ids("b").len(), 30);
    assert_eq!(ran.asked.len(), 3 + many);
    assert_eq!(ran.outcome("b").stats.partitions.get(), many as u64);
}

#[test]
fn a_first_page_that_stands_in_the_parents_record_is_not_asked_for() {
    let a = stream("a");
    let router = under("k", &[&a]).replace("parent_key", "lazy_read_pointer: [page], parent_key");
    let b = stream("b").by(&router).paged(PAGES);
    let serve = |request: &Request| match target(request) {
        "/a" => body(&json!({"data": [
            {"id": "1", "page": {"data": [{"id": "x"}], "next": "2"}},
            {"id": "2", "page": {"data": [{"id": "y"}]}},
            {"id": "3"}]})),
        text if text.contains("page=2") => ids(&["z"]),
        _ => ids(&["first"]),
    };
    let ran = Scene::default().read(&[&b], &["b"], serve);
    assert_eq!(ran.asked, ["/a", "/b?page=2&k=1"]);
    assert_eq!(sorted(ran.ids("b")), ["x", "y", "z"]);
    // The embedded pages of a run with a state may be old.
    let state = json!([{"type": "STREAM", "stream": {
        "stream_descriptor": {"name": "b"}, "stream_state": {"at": "1970-01-01"}}}]);
    let plan = plan_from(&[&b], &["b"], &json!({}), state);
    let ran = Scene::default().execute(plan, serve);
    assert_eq!(ran.asked_sorted(), ["/a", "/b?k=1", "/b?k=2", "/b?k=3"]);
}

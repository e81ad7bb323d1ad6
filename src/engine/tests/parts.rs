//! Long pages, which come in parts.

use super::*;

/// Lines that are read in several parts, each with one record.
const LONG: usize = 60_000;

fn long_page(range: std::ops::Range<usize>) -> Reply {
    let line =
        |n: usize| format!("{{\"data\": {{\"id\": \"{n:06}\", \"text\": \"some more text\"}}}}\n");
    Reply {
        body: range.map(line).collect(),
        ..status(200)
    }
}

const UNPACKED: &str = "decoder: {type: GzipDecoder, decoder: {type: JsonlDecoder}}";

#[test]
fn the_parts_of_a_page_are_one_page() {
    let offsets = OFFSETS.replace("page_size: 2", &format!("page_size: {LONG}"));
    let a = stream("a").paged(&offsets).with(UNPACKED);
    let ran = Scene::default().read(&[&a], &["a"], |request| match target(request) {
        "/a" | "/a?page=0" => long_page(0..LONG),
        "/a?page=60000" => long_page(LONG..LONG + 1),
        other => panic!("{other}"),
    });
    let expected: Vec<String> = (0..=LONG).map(|n| format!("{n:06}")).collect();
    assert!(ran.ids("a") == expected);
    assert_eq!(ran.asked.len(), 2, "{:?}", ran.asked);
    assert_eq!(ran.outcome("a").stats.read.get(), LONG as u64 + 1);
    assert_eq!(ran.about("a").last(), Some(&"Complete"));
}

#[test]
fn the_next_page_waits_for_all_parts_of_the_one_before() {
    let pages = PAGES.replace("response['next']", "headers['next']");
    let a = stream("a").paged(&pages).with(UNPACKED);
    let ran = Scene::default().read(&[&a], &["a"], |request| match target(request) {
        "/a" => long_page(0..LONG).header("next", "2"),
        "/a?page=2" => long_page(LONG..LONG + 2),
        other => panic!("{other}"),
    });
    let expected: Vec<String> = (0..LONG + 2).map(|n| format!("{n:06}")).collect();
    assert!(ran.ids("a") == expected);
    assert_eq!(ran.asked.len(), 2);
}

#[test]
fn a_part_that_breaks_fails_after_those_before() {
    let a = stream("a")
        .with("decoder: {type: GzipDecoder, decoder: {type: JsonItemsDecoder, items_path: items}}");
    let ran = Scene::default().read(&[&a], &["a"], |_| {
        let Reply { body: lines, .. } = long_page(0..LONG);
        Reply {
            body: format!("{{\"items\": [{}, ", lines.trim_end().replace('\n', ",")),
            ..status(200)
        }
    });
    assert_eq!(ran.ids("a").len(), LONG);
    let outcome = ran.outcome("a");
    assert_eq!(outcome.errors.len(), 1);
    assert!(outcome.errors[0].message.contains("not JSON"));
    assert_eq!(ran.about("a").last(), Some(&"Incomplete"));
}

#[test]
fn a_limit_ends_a_page_between_its_parts() {
    let a = stream("a").paged(OFFSETS).with(UNPACKED);
    let mut scene = Scene::default();
    scene.options.limit = Some(10);
    let ran = scene.read(&[&a], &["a"], |_| long_page(0..LONG));
    assert_eq!(ran.ids("a").len(), 10);
    assert_eq!(ran.asked.len(), 1);
    assert!(ran.outcome("a").stats.read.get() < LONG as u64);
    assert_eq!(ran.about("a").last(), Some(&"Complete"));
}

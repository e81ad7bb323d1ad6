//! The printed graph of manifests.

use std::io;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::component::source::DeclarativeSource;
use crate::manifest::{self, Manifest};
use crate::message::{ConfiguredCatalog, InputState};
use crate::template::Config;

const HEAD: &str = "
version: 7.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: []}
definitions:
  retriever:
    type: SimpleRetriever
    requester: {type: HttpRequester, url_base: 'https://h.example', path: '/{{ parameters.path }}'}
    record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
  stream: {type: DeclarativeStream, retriever: '#/definitions/retriever'}
  under_a:
    type: SubstreamPartitionRouter
    parent_stream_configs:
      - {type: ParentStreamConfig, parent_key: id, partition_field: a, stream: '#/definitions/a'}
  a: {$ref: '#/definitions/stream', name: a, $parameters: {path: a}}
  b:
    $ref: '#/definitions/stream'
    name: b
    $parameters: {path: b}
    retriever: {$ref: '#/definitions/retriever', partition_router: {$ref: '#/definitions/under_a'}}
streams:
";

/// The plan of all streams of `streams`, with the names of those that cannot be planned.
fn plan_with(streams: &str, config: Value) -> (Plan, Vec<String>) {
    let manifest = Manifest::load(&format!("{HEAD}{streams}"), "m.yaml").unwrap();
    let source: DeclarativeSource = manifest::decode(manifest.root()).unwrap();
    let config = Config::new(config, Arc::new(Clock::new(Some(0), 0.0)));
    let none = |_: &str| Err(io::ErrorKind::NotFound.into());
    let mut planner = Planner::new(&config, &none);
    let mut broken = Vec::new();
    for stream in Offer::fixed(&source, &config).streams {
        if let Err(failures) = planner.select(&stream.node) {
            assert!(!failures.is_empty());
            broken.push(stream.name);
        }
    }
    (planner.finish(), broken)
}

fn graph(streams: &str) -> String {
    let (plan, broken) = plan_with(streams, json!({}));
    assert!(broken.is_empty(), "{broken:?}");
    plan.to_string()
}

/// A stream under others, in the flow style.
fn under(name: &str, parents: &[&str]) -> String {
    let parents: Vec<String> = parents
        .iter()
        .map(|parent| {
            format!(
                "{{type: ParentStreamConfig, parent_key: id, partition_field: p, stream: {parent}}}"
            )
        })
        .collect();
    format!(
        "{{$ref: '#/definitions/stream', name: {name}, $parameters: {{path: {name}}}, retriever: {{$ref: '#/definitions/retriever', \
         partition_router: {{type: SubstreamPartitionRouter, parent_stream_configs: [{}]}}}}}}",
        parents.join(", ")
    )
}

#[test]
fn a_parent_is_one_with_the_stream_that_it_is() {
    let streams = "  - '#/definitions/a'\n  - '#/definitions/b'\n";
    assert_eq!(graph(streams), "a\n  b ← a\n");
    // Whichever comes first.
    let streams = "  - '#/definitions/b'\n  - '#/definitions/a'\n";
    assert_eq!(graph(streams), "a\n  b ← a\n");
}

#[test]
fn a_cursor_field_of_the_catalog_parts_a_stream_from_its_parent_only_where_it_counts() {
    let graph = |allowed: bool| {
        let cursor = format!(
            "{{type: DatetimeBasedCursor, cursor_field: at, datetime_format: '%Y', \
             start_datetime: '2024', allow_catalog_defined_cursor_field: {allowed}}}"
        );
        let cursor = match allowed {
            true => cursor,
            false => cursor.replace(", allow_catalog_defined_cursor_field: false", ""),
        };
        let a = format!("a: {{$ref: '#/definitions/stream', incremental_sync: {cursor}, name: a,");
        let head = HEAD.replace("a: {$ref: '#/definitions/stream', name: a,", &a);
        let streams = format!("{head}  - '#/definitions/a'\n  - '#/definitions/b'\n");
        let manifest = Manifest::load(&streams, "m.yaml").unwrap();
        let source: DeclarativeSource = manifest::decode(manifest.root()).unwrap();
        let config = Config::new(json!({}), Arc::new(Clock::new(Some(0), 0.0)));
        let none = |_: &str| Err(io::ErrorKind::NotFound.into());
        let catalog = json!({"streams": [{"stream": {"name": "a"}, "cursor_field": ["at"]}]});
        let catalog: ConfiguredCatalog = serde_json::from_value(catalog).unwrap();
        let mut planner = Planner::new(&config, &none).going_on(InputState::default(), &catalog);
        for stream in Offer::fixed(&source, &config).streams {
            assert!(planner.select(&stream.node).is_ok(), "{}", stream.name);
        }
        planner.finish().to_string()
    };
    assert_eq!(graph(false), "a\n  b ← a\n");
    assert_eq!(graph(true), "a\na (for its children)\n  b ← a\n");
}

#[test]
fn a_parent_that_nobody_asked_for_is_read_for_its_children() {
    let c = under("c", &["'#/definitions/a'"]);
    let streams = format!("  - '#/definitions/b'\n  - {c}\n");
    assert_eq!(graph(&streams), "a (for its children)\n  b ← a\n  c ← a\n");
}

#[test]
fn depth_is_that_of_the_deepest_parent() {
    let c = under("c", &["'#/definitions/a'", "'#/definitions/b'"]);
    assert_eq!(
        graph(&format!("  - {c}\n")),
        "a (for its children)\n  b (for its children) ← a\n    c ← a + b\n"
    );
}

#[test]
fn lists_say_how_many() {
    let streams = "  - $ref: '#/definitions/a'
    retriever:
      $ref: '#/definitions/retriever'
      partition_router:
        - {type: ListPartitionRouter, cursor_field: l, values: [x, y, z]}
        - '#/definitions/under_a'
";
    assert_eq!(graph(streams), "a (for its children)\n  a ×3 ← a\n");
}

#[test]
fn streams_that_differ_stay_apart() {
    for change in [
        "name: other",
        "primary_key: id",
        "transformations: [{type: RemoveFields, field_pointers: [[x]]}]",
        "$parameters: {path: z}",
    ] {
        let changed = format!("{{$ref: '#/definitions/a', {change}}}");
        let c = under("c", &[&changed]);
        let graph = graph(&format!("  - '#/definitions/a'\n  - {c}\n"));
        assert_eq!(graph.lines().count(), 3, "{change}: {graph}");
    }
}

#[test]
fn a_broken_stream_takes_its_parents_with_it_and_leaves_the_others() {
    let only = "{$ref: '#/definitions/stream', name: only, $parameters: {path: only}}";
    let broken = under("broken", &["'#/definitions/a'", only]).replace(
        "'#/definitions/retriever', p",
        "'#/definitions/retriever', record_selector: {type: Nothing}, p",
    );
    let child = under("child", &[&broken]);
    let (plan, failed) = plan_with(
        &format!("  - {broken}\n  - {child}\n  - '#/definitions/b'\n"),
        json!({}),
    );
    assert_eq!(failed, ["broken", "child"]);
    assert_eq!(plan.to_string(), "a (for its children)\n  b ← a\n");
    assert_eq!(
        plan.nodes[0].children,
        [Edge {
            child: 1,
            input: 0,
            parent: 0
        }]
    );
}

#[test]
fn the_parent_of_a_broken_child_stays_when_it_is_asked_for() {
    let list = "{type: ListPartitionRouter, cursor_field: l, values: \"{{ 1 // 0 }}\"}";
    let broken = under("broken", &["'#/definitions/a'"])
        .replace("partition_router: {", "partition_router: [LIST, {")
        .replace("]}}}", "]}]}}")
        .replace("LIST", list);
    let (plan, failed) = plan_with(&format!("  - '#/definitions/a'\n  - {broken}\n"), json!({}));
    assert_eq!(failed, ["broken"]);
    assert_eq!(plan.to_string(), "a\n");
    assert!(plan.nodes[0].children.is_empty());
}

#[test]
fn a_stream_without_partitions_or_windows_is_told_of_but_not_read() {
    let manifest = Manifest::load(
        &format!(
            "{HEAD}  - {{$ref: '#/definitions/stream', name: lists, $parameters: {{path: x}}, \
               retriever: {{$ref: '#/definitions/retriever', partition_router: \
               {{type: ListPartitionRouter, cursor_field: l, values: \"{{{{ config.get('none') }}}}\"}}}}}}\n  \
             - {{$ref: '#/definitions/a', name: windows, incremental_sync: {{type: DatetimeBasedCursor, \
               cursor_field: at, datetime_format: '%Y', start_datetime: '2024', end_datetime: never}}}}\n"
        ),
        "m.yaml",
    )
    .unwrap();
    let source: DeclarativeSource = manifest::decode(manifest.root()).unwrap();
    let config = Config::new(json!({}), Arc::new(Clock::new(Some(0), 0.0)));
    let none = |_: &str| Err(io::ErrorKind::NotFound.into());
    let mut reading = Planner::new(&config, &none);
    let mut describing = Planner::new(&config, &none).describing();
    let streams = Offer::fixed(&source, &config).streams;
    assert_eq!(streams.len(), 2);
    for stream in streams {
        // What the windows end at is asked for by the read only.
        let is_planned = reading.select(&stream.node).is_ok();
        assert_eq!(is_planned, stream.name == "windows", "{}", stream.name);
        assert!(describing.select(&stream.node).is_ok(), "{}", stream.name);
    }
}

#[test]
fn a_schema_is_loaded_only_where_records_are_normalized_by_it() {
    let stream = |normalization: &str| {
        format!(
            "  - {{$ref: '#/definitions/a', schema_loader: {{type: InlineSchemaLoader, schema: {{type: object}}}}, \
             retriever: {{$ref: '#/definitions/retriever', record_selector: {{type: RecordSelector, {normalization} \
             extractor: {{type: DpathExtractor, field_path: []}}}}}}}}\n"
        )
    };
    let (plan, _) = plan_with(&stream(""), json!({}));
    assert_eq!(plan.nodes[0].schema, None);
    let (plan, _) = plan_with(&stream("schema_normalization: Default,"), json!({}));
    assert_eq!(plan.nodes[0].schema, Some(json!({"type": "object"})));
}

#[test]
fn streams_of_one_name_that_start_from_elsewhere_are_twins() {
    let cursor = "{type: DatetimeBasedCursor, cursor_field: at, datetime_format: '%Y', start_datetime: '2024'}";
    let a = format!("a: {{$ref: '#/definitions/stream', incremental_sync: {cursor}, name: a,");
    let head = HEAD.replace("a: {$ref: '#/definitions/stream', name: a,", &a);
    let streams = format!("{head}  - '#/definitions/a'\n  - '#/definitions/b'\n");
    let manifest = Manifest::load(&streams, "m.yaml").unwrap();
    let source: DeclarativeSource = manifest::decode(manifest.root()).unwrap();
    let config = Config::new(json!({}), Arc::new(Clock::new(Some(0), 0.0)));
    let none = |_: &str| Err(io::ErrorKind::NotFound.into());
    let twins = |state: Value| {
        let state = InputState::from_value(state).unwrap();
        let catalog = ConfiguredCatalog::default();
        let mut planner = Planner::new(&config, &none).going_on(state, &catalog);
        for stream in Offer::fixed(&source, &config).streams {
            assert!(planner.select(&stream.node).is_ok(), "{}", stream.name);
        }
        let plan = planner.finish();
        (0..plan.nodes.len())
            .map(|it| plan.twins(it))
            .collect::<Vec<_>>()
    };
    assert_eq!(twins(json!([])).concat(), [0_usize; 0]);
    let state = json!([{"type": "STREAM", "stream": {
        "stream_descriptor": {"name": "a"}, "stream_state": {"at": "2025"}}}]);
    assert_eq!(twins(state), [vec![1_usize], vec![0], vec![]]);
}

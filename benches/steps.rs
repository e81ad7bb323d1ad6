//! The steps of a read, as the engine takes them: load, template, extract, write.

use std::io;
use std::sync::Arc;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use lowcode::clock::Clock;
use lowcode::component::decoder::Decoder;
use lowcode::component::extractor::{Extracting, Extractor};
use lowcode::component::record_filter::{RecordSelector, Selecting};
use lowcode::component::transformation::Transformation;
use lowcode::http::{Gate, Headers, Request, Response, Secrets};
use lowcode::manifest::{Manifest, decode};
use lowcode::message::{Data, Message, StreamSlice};
use lowcode::output::{AirbyteOutput, Output as _};
use lowcode::template::{Config, Template, json, scope};
use serde::de::DeserializeOwned;

use crate::asana;

const TASKS: usize = 100;
const EXTRACTOR: &str = "{type: DpathExtractor, field_path: [data]}";

fn component<T: DeserializeOwned>(yaml: &str) -> T {
    let manifest = Manifest::load(yaml, "bench").expect("made up as YAML");
    decode(manifest.root()).expect("made up as a component")
}

fn config() -> Config {
    let clock = Clock::new(Some(1_740_787_200_000_000), 0.0);
    Config::new(serde_json::json!({"since": "2020"}), Arc::new(clock))
}

fn records(extractor: &Extractor) -> Vec<Data> {
    let body = asana::page(TASKS).into_bytes();
    let page = Decoder::default().decode(body, extractor.get().depth());
    let found = extractor.get().extract(&page, &Extracting::new(&config()));
    found.expect("made up with records").records
}

#[divan::bench]
fn load_asana(bencher: Bencher<'_, '_>) {
    let text = include_str!("../asana.yaml");
    bencher.counter(BytesCount::of_str(text)).bench(|| {
        black_box(Manifest::load(text, "asana.yaml").expect("asana.yaml is a manifest"));
    });
}

#[divan::bench]
fn template_of_a_page_token(bencher: Bencher<'_, '_>) {
    let template: Template<scope::Response> =
        Template::new("{{ response.next_page.offset }}").expect("a template");
    let body = serde_json::json!({"next_page": {"offset": "eyJ0"}, "data": []});
    let scope = scope::Response::new(config(), json(&body), json(&serde_json::json!({})));
    bencher.bench(|| black_box(template.text(&scope)).expect("a text"));
}

#[divan::bench]
fn extract(bencher: Bencher<'_, '_>) {
    let extractor: Extractor = component(EXTRACTOR);
    let page = asana::page(TASKS);
    bencher
        .counter(BytesCount::of_str(&page))
        .with_inputs(|| page.clone().into_bytes())
        .bench_values(|body| {
            let page = Decoder::default().decode(body, extractor.get().depth());
            let found = extractor.get().extract(&page, &Extracting::new(&config()));
            black_box(found).expect("made up with records");
        });
}

/// With a filter and an added field, each a template of every record.
#[divan::bench]
fn extract_filter_and_add(bencher: Bencher<'_, '_>) {
    let selector: RecordSelector = component(&format!(
        "{{type: RecordSelector, extractor: {EXTRACTOR}, record_filter: {{type: RecordFilter, \
         condition: \"{{{{ record.modified_at > config['since'] }}}}\"}}}}"
    ));
    let added: Transformation = component(
        "{type: AddFields, fields: [{type: AddedFieldDefinition, path: [seen], \
         value: \"{{ record.modified_at }}\"}]}",
    );
    let (page, config) = (asana::page(TASKS), config());
    let slice = Arc::new(StreamSlice::default());
    bencher
        .counter(BytesCount::of_str(&page))
        .with_inputs(|| page.clone().into_bytes())
        .bench_values(|body| {
            let page = Decoder::default().decode(body, selector.depth());
            let selecting = Selecting {
                slice: &slice,
                token: None,
                transformations: std::slice::from_ref(&added),
                schema: None,
                config: &config,
                synced: None,
                transform_first: false,
                fetch: None,
            };
            let Ok(selection) = selector.select(&page, &selecting) else {
                panic!("made up to be selected");
            };
            assert_eq!(black_box(selection).records.len(), TASKS);
        });
}

#[divan::bench]
fn write_messages(bencher: Bencher<'_, '_>) {
    let extractor: Extractor = component(EXTRACTOR);
    bencher
        .counter(BytesCount::new(asana::page(TASKS).len()))
        .with_inputs(|| records(&extractor))
        .bench_values(|records| {
            let mut output = AirbyteOutput::new(io::sink(), || 0);
            let stream = Arc::from("tasks");
            let message = Message::Records {
                stream,
                unit: 0,
                records,
            };
            output.write(&message).expect("a sink takes all");
            output.finish().expect("a sink takes all");
        });
}

/// What each request costs before a host has had enough: the leave to start, and its answer noted.
#[divan::bench]
fn pace_of_a_request(bencher: Bencher<'_, '_>) {
    let gate = Gate::new(Arc::new(Clock::system()));
    let secrets = Secrets::default();
    let mut request = Request {
        method: "GET".to_owned(),
        url: "https://app.asana.com/api/1.0/tasks?limit=100&project=1204".to_owned(),
        headers: Headers::default(),
        body: Vec::new(),
        timeouts: Default::default(),
    };
    request.headers.set("Authorization", "Bearer 0/123456789");
    request.headers.set("Accept-Encoding", "gzip, deflate");
    let mut headers = Headers::default();
    for name in [
        "Date",
        "Content-Type",
        "Content-Encoding",
        "Connection",
        "Server",
        "Cache-Control",
        "X-Frame-Options",
        "X-XSS-Protection",
        "X-Content-Type-Options",
        "Strict-Transport-Security",
        "Vary",
        "Via",
    ] {
        headers.add(name, "no-store");
    }
    let response = Response {
        status: 200,
        headers,
        body: Vec::new().into(),
        wire_bytes: 0,
    };
    bencher.bench(|| {
        let mut pass = gate.enter(&request, &secrets).expect("not stopped");
        pass.came();
        pass.answered(&response, false, true);
    });
}

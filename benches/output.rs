//! Records → destination: pages of 100 tasks, 50 of them, with all that makes them last.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use lowcode::message::{CatalogStream, Data, Message, Progress, Step, StreamStatus, Text};
use lowcode::output::{
    ArrowOutput, CsvOutput, FileFormat, FilesOutput, JsonlOutput, Loading, Output, SingerOutput,
    SqliteOutput,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::asana;

const PAGES: usize = 50;
const TASKS: usize = 100;

fn page() -> Vec<Data> {
    let body = asana::page(TASKS).into_bytes();
    let page = Text::parse(body, 2).expect("made up as JSON");
    let data = page.get("data").expect("made up with `data`");
    data.items().map(Data::from).collect()
}

/// A stream with a column for each field of the page's records.
fn stream(records: &[Data]) -> CatalogStream {
    let first = records.first().expect("made up with records").to_value();
    let fields = first.as_object().expect("made up as objects").iter();
    let properties = fields.map(|(name, value)| {
        let schema = match value {
            Value::String(_) if name.ends_with("_at") => {
                json!({"type": "string", "format": "date-time"})
            }
            Value::String(_) => json!({"type": "string"}),
            Value::Number(_) => json!({"type": "integer"}),
            Value::Bool(_) => json!({"type": "boolean"}),
            _ => json!({}),
        };
        (name.clone(), schema)
    });
    CatalogStream {
        name: "tasks".to_owned(),
        json_schema: json!({"properties": properties.collect::<serde_json::Map<_, _>>()}),
        ..CatalogStream::default()
    }
}

fn loading() -> Loading {
    Loading {
        mode: None,
        has_metadata: true,
        run: "2025-03-01T00:00:00.000Z-0123abcd".to_owned(),
        now: Box::new(|| 1_740_787_200_000_000),
        elapsed: Box::new(Duration::default),
    }
}

fn steps(steps: Vec<Step>) -> Message {
    let steps = steps.into_iter().map(|step| (Arc::from("tasks"), step));
    Message::Progress(Progress {
        steps: steps.collect(),
    })
}

/// One load into what `open` gives.
fn load<O: Output>(bencher: Bencher<'_, '_>, open: impl Fn(&TempDir) -> O + Sync) {
    let records = page();
    let streams = [stream(&records)];
    let page = Message::Records {
        stream: Arc::from("tasks"),
        unit: 0,
        records,
    };
    let begun = Step::Begun {
        fingerprint: String::new(),
    };
    let begun = steps(vec![begun]);
    let ended = steps(vec![Step::Ended { is_whole: true }, Step::Over]);
    let complete = Message::Status {
        stream: Arc::from("tasks"),
        status: StreamStatus::Complete,
    };
    bencher
        .counter(ItemsCount::new(PAGES * TASKS))
        .with_inputs(|| tempfile::tempdir().expect("a temporary folder"))
        .bench_refs(|folder| {
            let mut output = open(folder);
            output.begin(&streams).expect("a destination");
            let pages = std::iter::repeat_n(&page, PAGES);
            for message in [&begun].into_iter().chain(pages).chain([&complete, &ended]) {
                output.write(message).expect("room for it");
            }
            output.finish().expect("room for it");
        });
}

fn files(bencher: Bencher<'_, '_>, format: FileFormat) {
    load(bencher, |folder| {
        FilesOutput::open(folder.path(), format, loading()).expect("a folder")
    });
}

#[divan::bench(sample_count = 10)]
fn to_jsonl_lines(bencher: Bencher<'_, '_>) {
    load(bencher, |_| JsonlOutput::new(io::sink()));
}

#[divan::bench(sample_count = 10)]
fn to_csv_lines(bencher: Bencher<'_, '_>) {
    load(bencher, |_| CsvOutput::new(io::sink()));
}

#[divan::bench(sample_count = 10)]
fn to_singer(bencher: Bencher<'_, '_>) {
    load(bencher, |_| SingerOutput::new(io::sink(), || 0));
}

#[divan::bench(sample_count = 10)]
fn to_arrow(bencher: Bencher<'_, '_>) {
    load(bencher, |_| ArrowOutput::new(io::sink()));
}

#[divan::bench(sample_count = 10)]
fn to_jsonl_file(bencher: Bencher<'_, '_>) {
    files(bencher, FileFormat::Jsonl);
}

#[divan::bench(sample_count = 10)]
fn to_csv_file(bencher: Bencher<'_, '_>) {
    files(bencher, FileFormat::Csv);
}

#[divan::bench(sample_count = 10)]
fn to_parquet_file(bencher: Bencher<'_, '_>) {
    files(bencher, FileFormat::Parquet);
}

#[divan::bench(sample_count = 10)]
fn to_sqlite(bencher: Bencher<'_, '_>) {
    load(bencher, |folder| {
        SqliteOutput::open(&folder.path().join("a.sqlite"), loading()).expect("a database")
    });
}

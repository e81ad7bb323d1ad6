//! Body → records → line, as text and as trees.

use std::io;
use std::sync::Arc;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use lowcode::message::{Data, Message, Text};
use lowcode::output::{JsonlOutput, Output};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::asana;

const TASKS: usize = 100;

/// Runs `step` on a fresh copy of the page.
fn each_page(bencher: Bencher<'_, '_>, page: String, step: impl Fn(Vec<u8>) + Sync) {
    bencher
        .counter(BytesCount::of_str(&page))
        .with_inputs(|| page.clone().into_bytes())
        .bench_values(step);
}

fn records(body: Vec<u8>, depth: usize) -> Vec<Data> {
    let page = Text::parse(body, depth).expect("made up as JSON");
    let data = page.get("data").expect("made up with `data`");
    black_box(page.get_path(&["next_page", "offset"]));
    data.items().map(Data::from).collect()
}

fn write(records: Vec<Data>) {
    let mut output = JsonlOutput::new(io::sink());
    let stream = Arc::from("tasks");
    let message = Message::Records {
        stream,
        unit: 0,
        records,
    };
    output.write(&message).expect("a sink takes all");
    output.finish().expect("a sink takes all");
}

/// What a filter, a cursor and `AddFields` ask for, at the least.
fn touch(records: &mut [Data]) {
    for record in records {
        let modified = record.get("modified_at").expect("made up with it");
        record.set("seen", modified);
    }
}

#[divan::bench]
fn check_utf8(bencher: Bencher<'_, '_>) {
    each_page(bencher, asana::page(TASKS), |body| {
        black_box(String::from_utf8(body).expect("made up as text"));
    });
}

#[divan::bench(args = [0, 2, 3])]
fn scan(bencher: Bencher<'_, '_>, depth: usize) {
    each_page(bencher, asana::page(TASKS), |body| {
        black_box(Text::parse(body, depth).expect("made up as JSON"));
    });
}

#[divan::bench]
fn scan_pretty(bencher: Bencher<'_, '_>) {
    each_page(bencher, asana::pretty_page(TASKS), |body| {
        black_box(Text::parse(body, 2).expect("made up as JSON"));
    });
}

#[divan::bench]
fn tree(bencher: Bencher<'_, '_>) {
    let text = asana::page(TASKS);
    let size = BytesCount::of_str(&text);
    let page = Text::parse(text.into(), 2).expect("made up as JSON");
    bencher.counter(size).bench(|| black_box(page.value()));
}

#[divan::bench]
fn raw(bencher: Bencher<'_, '_>) {
    each_page(bencher, asana::page(TASKS), |body| write(records(body, 2)));
}

#[divan::bench]
fn raw_pretty(bencher: Bencher<'_, '_>) {
    each_page(bencher, asana::pretty_page(TASKS), |body| {
        write(records(body, 2))
    });
}

#[divan::bench(args = [2, 3])]
fn one_get_one_set(bencher: Bencher<'_, '_>, depth: usize) {
    each_page(bencher, asana::page(TASKS), |body| {
        let mut records = records(body, depth);
        touch(&mut records);
        write(records);
    });
}

#[divan::bench]
fn one_get_one_replaced(bencher: Bencher<'_, '_>) {
    each_page(bencher, asana::page(TASKS), |body| {
        let mut records = records(body, 2);
        for record in &mut records {
            black_box(record.get("modified_at"));
            record.set("name", json!("replaced"));
        }
        write(records);
    });
}

#[divan::bench]
fn all_as_trees(bencher: Bencher<'_, '_>) {
    each_page(bencher, asana::page(TASKS), |body| {
        let mut records = records(body, 2);
        for record in &mut records {
            record.value_mut();
        }
        touch(&mut records);
        write(records);
    });
}

/// The same by `serde_json` alone, to compare with.
mod serde_json_alone {
    use super::{
        Bencher, BytesCount, Deserialize, RawValue, TASKS, Value, asana, black_box, each_page,
    };

    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
        next_page: Value,
    }

    #[divan::bench]
    fn check(bencher: Bencher<'_, '_>) {
        each_page(bencher, asana::page(TASKS), |body| {
            let raw: &RawValue = serde_json::from_slice(&body).expect("made up as JSON");
            black_box(raw);
        });
    }

    #[divan::bench]
    fn raw_values(bencher: Bencher<'_, '_>) {
        each_page(bencher, asana::page(TASKS), |body| {
            let page: Page<'_> = serde_json::from_slice(&body).expect("made up as JSON");
            black_box(page.next_page.get("offset"));
            let mut out = Vec::with_capacity(2 * body.len());
            for record in page.data {
                out.extend_from_slice(br#"{"stream":"tasks","data":"#);
                out.extend_from_slice(record.get().as_bytes());
                out.extend_from_slice(b"}\n");
            }
            black_box(out);
        });
    }

    #[divan::bench]
    fn values(bencher: Bencher<'_, '_>) {
        let page = asana::page(TASKS);
        bencher.counter(BytesCount::of_str(&page)).bench(|| {
            let mut page: Value = serde_json::from_str(&page).expect("made up as JSON");
            black_box(page.pointer("/next_page/offset"));
            let records = page.get_mut("data").and_then(Value::as_array_mut);
            let mut out = Vec::with_capacity(1 << 19);
            for record in records.expect("made up with `data`") {
                let modified = record["modified_at"].clone();
                record["seen"] = modified;
                out.extend_from_slice(br#"{"stream":"tasks","data":"#);
                serde_json::to_writer(&mut out, record).expect("trees can be written");
                out.extend_from_slice(b"}\n");
            }
            black_box(out);
        });
    }
}

//! Runs into a folder, and in other forms on standard output: what is there is what the same run prints.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_schema::DataType;
use chrono::{DateTime, NaiveDate};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tempfile::TempDir;

use crate::asana::{MANIFEST, Rule, Server};
use crate::asana_run::{config_of_all, sorted};
use crate::support::{Output, Run};

/// A record as a row: texts by column, nulls left out.
type Row = BTreeMap<String, String>;

/// `lowcode run asana.yaml --replay examples/asana.har FLAGS`, in the root of the repository.
fn run(flags: &[&str]) -> Output {
    Run::new()
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "asana.yaml", "--replay", "examples/asana.har"])
        .args(flags)
        .run()
}

fn folder() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = format!("{}/", folder.path().join("out").display());
    (folder, out)
}

/// Streams of a run, and their records.
fn printed() -> BTreeMap<String, Vec<Value>> {
    let mut streams: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in run(&[]).success().lines() {
        let stream = line["stream"].as_str().expect("a name");
        let records = streams.entry(stream.to_owned()).or_default();
        records.push(line["data"].clone());
    }
    assert!(streams.len() > 10, "{}", streams.len());
    streams
}

/// Files of a folder that are no journal.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| !name(path).starts_with("_lowcode.sqlite"))
        .collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    let name = path.file_name().expect("a name").to_str();
    name.expect("UTF-8").to_owned()
}

/// What a cell says of a value.
fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn row(record: &Value) -> Row {
    let fields = record.as_object().expect("an object").iter();
    fields
        .filter_map(|(key, value)| Some((key.clone(), cell(value)?)))
        .collect()
}

/// A row as it was read: JSON in its shortest form, and what no column holds among the others.
fn found(cells: impl Iterator<Item = (String, Option<String>)>) -> Row {
    let mut row = Row::new();
    for (name, cell) in cells {
        let Some(mut text) = cell else { continue };
        if name == "_lowcode_extra" {
            row.extend(self::row(&serde_json::from_str(&text).expect("JSON")));
            continue;
        }
        if text.starts_with(['{', '['])
            && let Ok(json) = serde_json::from_str::<Value>(&text)
        {
            text = json.to_string();
        }
        row.insert(name, text);
    }
    row
}

/// Rows in an order of their own.
fn in_order(rows: impl Iterator<Item = Row>) -> Vec<Row> {
    let mut rows: Vec<Row> = rows.collect();
    rows.sort();
    rows
}

#[test]
fn json_lines_are_those_that_the_same_run_prints() {
    let (_folder, out) = folder();
    let ran = run(&["--to", &out]).success();
    assert_eq!(ran.stdout, "");
    let printed = printed();
    for (stream, expected) in &printed {
        let text = fs::read_to_string(format!("{out}{stream}.jsonl")).expect("a file");
        let lines = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        let lines: Vec<Value> = lines.collect();
        assert_eq!(sorted(&lines), sorted(expected), "{stream}");
    }
    // Those without records too; nothing is left of what came before.
    let names: Vec<String> = files(&out).iter().map(|path| name(path)).collect();
    assert!(names.len() >= printed.len());
    assert!(
        names.iter().all(|name| name.ends_with(".jsonl")),
        "{names:?}"
    );
    // Another run replaces, and one that appends adds.
    run(&["--to", &out, "--stream", "tags"]).success();
    // With several threads, the pages come in any order.
    let lines = |name: &str| {
        let text = fs::read_to_string(format!("{out}{name}")).expect("a file");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let first = lines("tags.jsonl");
    run(&["--to", &out, "--stream", "tags", "--mode", "append"]).success();
    assert_eq!(lines("tags.0001.jsonl"), first);
    assert_eq!(lines("tags.jsonl"), first);
}

#[test]
fn csv_has_the_values_of_the_json_lines() {
    let (_folder, out) = folder();
    run(&["--to", &out, "--format", "csv", "--no-metadata"]).success();
    for (stream, expected) in &printed() {
        let mut reader = csv::Reader::from_path(format!("{out}{stream}.csv")).expect("a file");
        let header = reader.headers().expect("a header").clone();
        let rows =
            reader.records().map(|record| {
                let record = record.expect("a row");
                let cells = header.iter().zip(record.iter());
                // This reader does not tell an empty text from null.
                found(cells.map(|(name, cell)| {
                    (name.to_owned(), (!cell.is_empty()).then(|| cell.to_owned()))
                }))
            });
        let without_empty = expected.iter().map(|record| {
            let mut row = row(record);
            row.retain(|_, text| !text.is_empty());
            row
        });
        assert_eq!(in_order(rows), in_order(without_empty), "{stream}");
    }
}

/// The texts of a column of Arrow, as JSON has them; days and instants as numbers.
fn texts(column: &dyn Array) -> Vec<Option<String>> {
    let valid = |at: usize, text: String| column.is_valid(at).then_some(text);
    let all = 0..column.len();
    match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            all.map(|at| valid(at, texts.value(at).to_owned()))
                .collect()
        }
        DataType::Boolean => {
            let values = column.as_boolean();
            all.map(|at| valid(at, values.value(at).to_string()))
                .collect()
        }
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>();
            all.map(|at| valid(at, values.value(at).to_string()))
                .collect()
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            all.map(|at| valid(at, Value::from(values.value(at)).to_string()))
                .collect()
        }
        DataType::Date32 => {
            let values = column.as_primitive::<Date32Type>();
            all.map(|at| valid(at, format!("day {}", values.value(at))))
                .collect()
        }
        DataType::Timestamp(..) => {
            let values = column.as_primitive::<TimestampMicrosecondType>();
            all.map(|at| valid(at, format!("micros {}", values.value(at))))
                .collect()
        }
        other => panic!("{other}"),
    }
}

fn rows(batch: &RecordBatch) -> Vec<Row> {
    let schema = batch.schema();
    let columns: Vec<(String, Vec<Option<String>>)> = (schema.fields().iter())
        .zip(batch.columns())
        .map(|(field, column)| (field.name().clone(), texts(column)))
        .collect();
    let row = |at: usize| {
        found(
            columns
                .iter()
                .map(|(name, texts)| (name.clone(), texts[at].clone())),
        )
    };
    (0..batch.num_rows()).map(row).collect()
}

/// A printed record with the days and instants of the columns that `schema` has as such.
fn typed(record: &Value, kinds: &BTreeMap<String, DataType>) -> Row {
    let mut row = row(record);
    for (name, text) in &mut row {
        match kinds.get(name) {
            Some(DataType::Date32) => {
                let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").expect("a day");
                let days = (day - NaiveDate::default()).num_days();
                *text = format!("day {days}");
            }
            Some(DataType::Timestamp(..)) => {
                let instant = DateTime::parse_from_rfc3339(text).expect("an instant");
                *text = format!("micros {}", instant.timestamp_micros());
            }
            Some(DataType::Float64) => {
                *text = Value::from(text.parse::<f64>().expect("a number")).to_string();
            }
            _ => {}
        }
    }
    row
}

fn kinds(schema: &arrow_schema::Schema) -> BTreeMap<String, DataType> {
    let fields = schema.fields().iter();
    fields
        .map(|field| (field.name().clone(), field.data_type().clone()))
        .collect()
}

#[test]
fn parquet_has_the_values_of_the_json_lines() {
    let (_folder, out) = folder();
    let ran = run(&["--to", &out, "--format", "parquet"]).success();
    assert!(ran.stderr.contains("  written  "), "{}", ran.stderr);
    let mut instants = 0;
    for (stream, expected) in &printed() {
        let file = File::open(format!("{out}{stream}.parquet")).expect("a file");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
        let kinds = kinds(reader.schema());
        let is_instant = |kind: &&DataType| matches!(kind, DataType::Timestamp(..));
        instants += kinds.values().filter(is_instant).count() - 1;
        let batches = reader.build().expect("batches");
        let rows = batches.flat_map(|batch| rows(&batch.expect("a batch")));
        let rows = rows.map(|mut row| {
            assert!(row.remove("_lowcode_loaded_at").is_some());
            assert!(row.remove("_lowcode_run").is_some());
            row
        });
        let expected = expected.iter().map(|record| typed(record, &kinds));
        assert_eq!(in_order(rows), in_order(expected), "{stream}");
    }
    assert!(instants > 0);
    let names: Vec<String> = files(&out).iter().map(|path| name(path)).collect();
    assert!(
        names.iter().all(|name| name.ends_with(".parquet")),
        "{names:?}"
    );
}

#[test]
fn one_stream_can_be_csv_or_arrow_on_standard_output() {
    let expected = run(&["--stream", "tasks"]).success().records("tasks");
    let ran = run(&["--stream", "tasks", "--format", "csv"]).success();
    let mut reader = csv::Reader::from_reader(ran.stdout.as_bytes());
    assert_eq!(reader.records().count(), expected.len());
    for format in ["csv", "arrow"] {
        let refused = run(&["--format", format]).exits(2);
        assert_eq!(refused.stdout, "");
        let cure = "name one with `--stream`, or have a file for each with `--to DIR/`";
        assert!(refused.stderr.contains(cure), "{}", refused.stderr);
    }
    // No text, which `Run` looks for.
    let ran = Command::new(env!("CARGO_BIN_EXE_lowcode"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "asana.yaml", "--replay", "examples/asana.har"])
        .args(["--stream", "tasks", "--format", "arrow"])
        .output()
        .expect("the binary starts");
    assert!(ran.status.success());
    let reader = StreamReader::try_new(ran.stdout.as_slice(), None).expect("an Arrow stream");
    let kinds = kinds(&reader.schema());
    let found = reader.flat_map(|batch| rows(&batch.expect("a batch")));
    let expected = expected.iter().map(|record| typed(record, &kinds));
    assert_eq!(in_order(found), in_order(expected));
}

#[test]
fn singer_and_airbyte_messages_hold_the_same_records() {
    let flags = ["--stream", "tasks", "--stream", "users"];
    let plain = run(&flags).success();
    let airbyte = run(&[&flags[..], &["--format", "airbyte"]].concat()).success();
    let singer = run(&[&flags[..], &["--format", "singer"]].concat()).success();
    let schemas = singer.messages("SCHEMA");
    assert_eq!(schemas.len(), 2);
    assert!(
        schemas
            .iter()
            .all(|schema| schema["key_properties"] == serde_json::json!(["gid"]))
    );
    for stream in ["tasks", "users"] {
        let expected = sorted(&plain.records(stream));
        let found = singer.messages("RECORD").into_iter();
        let found = found.filter(|message| message["stream"] == stream);
        let found: Vec<Value> = found.map(|message| message["record"].clone()).collect();
        assert_eq!(sorted(&found), expected);
        let found = airbyte.messages("RECORD").into_iter();
        let found = found.map(|message| message["record"].clone());
        let found = found.filter(|record| record["stream"] == stream);
        let found: Vec<Value> = found.map(|record| record["data"].clone()).collect();
        assert_eq!(sorted(&found), expected);
    }
}

#[test]
fn what_failed_is_read_by_the_next_run_and_nothing_twice() {
    let server = Server::start();
    let (_folder, out) = folder();
    for format in ["jsonl", "csv", "parquet"] {
        let run = || {
            Run::new()
                .manifest(&server.serve(MANIFEST))
                .config(&config_of_all())
                .args(["run", "--wait-scale", "0", "--to", &out])
                .args(["--format", format, "--stream", "sections"])
                .run()
        };
        server.rule(Rule::status("/projects/12050000000001/sections", 500).times(20));
        let failed = run().exits(1);
        let told = "the file stays as it was";
        assert!(failed.stderr.contains(told), "{}", failed.stderr);
        let part = format!("sections.{format}.part");
        let names: Vec<String> = files(&out).iter().map(|path| name(path)).collect();
        assert!(names.contains(&part), "{names:?}");
        let whole = format!("{out}sections.{format}");
        assert!(!Path::new(&whole).exists(), "seen before it was whole");
        let before = server.requests().len();
        // The rule lasts for so many requests, and each run makes some.
        assert!((0..20).any(|_| run().code == Some(0)));
        let rest = server.requests().into_iter().skip(before);
        let asked: BTreeSet<String> = rest
            .map(|seen| seen.request.path)
            .filter(|path| path.ends_with("/sections"))
            .collect();
        let asked: Vec<String> = asked.into_iter().collect();
        assert_eq!(asked, ["/api/1.0/projects/12050000000001/sections"]);
        let held = server.records("sections");
        let found = match format {
            "jsonl" => {
                let text = fs::read_to_string(&whole).expect("a file");
                let lines = text
                    .lines()
                    .map(|line| serde_json::from_str(line).expect("JSON"));
                let lines: Vec<Value> = lines.collect();
                assert_eq!(sorted(&lines), sorted(&held));
                lines.len()
            }
            "csv" => csv::Reader::from_path(&whole)
                .expect("a file")
                .records()
                .count(),
            _ => {
                let file = File::open(&whole).expect("a file");
                let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
                usize::try_from(reader.metadata().file_metadata().num_rows()).expect("a count")
            }
        };
        assert_eq!(found, held.len(), "{format}");
        assert!(!Path::new(&format!("{out}{part}")).exists());
    }
}

#[test]
fn what_files_cannot_do_is_refused_with_a_cure() {
    let (_folder, out) = folder();
    for (flags, told) in [
        (
            ["--to", &out, "--mode", "upsert"],
            "use `replace` or `append`",
        ),
        (
            ["--to", &out, "--format", "singer"],
            "help: files are `jsonl`, `csv` or `parquet`",
        ),
        (
            ["--to", "-", "--format", "parquet"],
            "name a folder, such as `--to DIR/`",
        ),
    ] {
        let refused = run(&flags).exits(2);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }
    assert!(!Path::new(&out).exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_clear_error_and_leaves_no_half_of_a_file() {
    let (_folder, out) = folder();
    fs::create_dir(&out).expect("a folder");
    std::os::unix::fs::symlink("/dev/full", format!("{out}tags.jsonl.part")).expect("a link");
    let failed = run(&["--to", &out, "--stream", "tags"]).exits(1);
    assert!(
        failed
            .stderr
            .contains("tags.jsonl.part`: No space left on device"),
        "{}",
        failed.stderr
    );
    assert!(!Path::new(&format!("{out}tags.jsonl")).exists());
    fs::remove_file(format!("{out}tags.jsonl.part")).expect("a link");
    run(&["--to", &out, "--stream", "tags"]).success();
    assert!(Path::new(&format!("{out}tags.jsonl")).exists());
}

//! What is in the file afterwards, read back by another connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::message::{StreamSlice, Text};

/// A database in a folder of its own.
struct Place {
    folder: TempDir,
    /// Seconds that runs have lasted.
    seconds: Arc<AtomicU64>,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            seconds: Arc::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("a.sqlite")
    }

    fn open(&self, mode: Option<Mode>, has_metadata: bool) -> SqliteOutput {
        let seconds = Arc::clone(&self.seconds);
        let loading = Loading {
            mode,
            has_metadata,
            run: "run 1".to_owned(),
            now: Box::new(|| 1_740_787_200_000_000),
            elapsed: Box::new(move || Duration::from_secs(seconds.load(Relaxed))),
        };
        SqliteOutput::open(&self.path(), loading).unwrap()
    }

    /// A run that never tells how far it is: `records` of one stream, read to its end.
    fn load(&self, mode: Option<Mode>, stream: &CatalogStream, records: &[&str]) -> Written {
        let mut output = self.open(mode, false);
        output.begin(std::slice::from_ref(stream)).unwrap();
        output.write(&page(&stream.name, 0, records)).unwrap();
        output.write(&status(&stream.name, true)).unwrap();
        output.finish().unwrap();
        output.written(&stream.name).unwrap()
    }

    /// Rows of a query, cells with `|` between.
    fn query(&self, sql: &str) -> Vec<String> {
        let connection = Connection::open(self.path()).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let width = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cells = (0..width).map(|at| {
                Ok(match row.get::<_, Cell>(at)? {
                    Cell::Null => "NULL".to_owned(),
                    Cell::Integer(number) => number.to_string(),
                    Cell::Real(number) => format!("{number:?}"),
                    Cell::Text(text) => format!("'{text}'"),
                    Cell::Blob(_) => "BLOB".to_owned(),
                })
            });
            Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
        });
        rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
    }

    fn ids(&self) -> Vec<String> {
        self.query("SELECT id FROM s ORDER BY id")
    }
}

fn stream(schema: &Value, key: &[&str]) -> CatalogStream {
    let key: Vec<Vec<String>> = key.iter().map(|field| vec![(*field).to_owned()]).collect();
    CatalogStream {
        name: "s".to_owned(),
        json_schema: json!({"properties": schema}),
        source_defined_primary_key: (!key.is_empty()).then_some(key),
        ..CatalogStream::default()
    }
}

fn ids() -> CatalogStream {
    stream(&json!({"id": {"type": "integer"}}), &[])
}

fn page(stream: &str, unit: u64, records: &[&str]) -> Message {
    let data = |json: &&str| Data::from(Text::parse(json.as_bytes().to_vec(), 1).unwrap());
    Message::Records {
        stream: Arc::from(stream),
        unit,
        records: records.iter().map(data).collect(),
    }
}

fn status(stream: &str, is_complete: bool) -> Message {
    Message::Status {
        stream: Arc::from(stream),
        status: if is_complete {
            StreamStatus::Complete
        } else {
            StreamStatus::Incomplete
        },
    }
}

fn progress(steps: Vec<Step>) -> Message {
    let steps = steps.into_iter().map(|step| (Arc::from("s"), step));
    Message::Progress(Progress {
        steps: steps.collect(),
    })
}

fn begun() -> Step {
    Step::Begun {
        fingerprint: "f".to_owned(),
    }
}

fn found(unit: u64) -> Step {
    let partition = serde_json::Map::from_iter([("p".to_owned(), json!(unit))]);
    Step::Found {
        unit,
        of: None,
        slice: StreamSlice {
            partition,
            ..StreamSlice::default()
        },
    }
}

fn at(unit: u64, position: Option<Value>) -> Step {
    Step::At { unit, position }
}

fn read(unit: u64) -> Step {
    Step::Read { unit, latest: None }
}

fn void(unit: Option<u64>) -> Message {
    Message::Void {
        stream: Arc::from("s"),
        unit,
    }
}

fn steps(output: &mut SqliteOutput) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut take = |step| {
        steps.push(step);
        Ok(())
    };
    Store::steps(output, "s", &mut take).unwrap();
    steps
}

#[test]
fn values_are_held_without_loss() {
    let place = Place::new();
    let schema = json!({
        "t": {"type": "string"}, "i": {"type": "integer"}, "n": {"type": "number"},
        "b": {"type": "boolean"}, "d": {"type": "string", "format": "date-time"},
        "j": {"type": "array"}, "big": {"type": "number", "airbyte_type": "big_number"}
    });
    let written = place.load(
        None,
        &stream(&schema, &[]),
        &[
            r#"{"t":"a\u00e9\"","i":9223372036854775807,"n":0.1,"b":true,"d":"2025-03-01T00:00:00Z","j":[1.10, {"k":null}],"big":0.12345678901234567890123}"#,
            r#"{"t":5,"i":12.0,"n":5,"b":false,"d":"","j":"x","big":"1e5","new":{"a":1},"z":null}"#,
            r#"{"t":{"a":1.0},"i":18446744073709551616,"n":0.12345678901234567890123,"b":"yes","j":12,"big":true}"#,
            r#"{"t":null,"i":"5","n":9007199254740993}"#,
            "{}",
            "[1,2]",
        ],
    );
    assert_eq!(
        place.query("SELECT t, i, n, b, d, j, big, _lowcode_extra FROM s ORDER BY rowid"),
        [
            r#"'aé"'|9223372036854775807|0.1|1|'2025-03-01T00:00:00Z'|'[1.10, {"k":null}]'|'0.12345678901234567890123'|NULL"#,
            r#"'5'|12|5.0|0|''|'"x"'|'1e5'|'{"new":{"a":1},"z":null}'"#,
            r#"'{"a":1.0}'|NULL|NULL|NULL|NULL|'12'|NULL|'{"i":18446744073709551616,"n":0.12345678901234567890123,"b":"yes","big":true}'"#,
            r#"NULL|NULL|NULL|NULL|NULL|NULL|NULL|'{"i":"5","n":9007199254740993}'"#,
            "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL",
            "NULL|NULL|NULL|NULL|NULL|NULL|NULL|'[1,2]'",
        ]
    );
    assert_eq!(written.records, 6);
    assert_eq!(written.misfits, 6);
    assert_eq!(
        written.notes,
        [
            "not in the schema, so in `_lowcode_extra`: 3 values of `new`, `z`, `(records that are no objects)`",
            "not of their column's type, so in `_lowcode_extra`: 6 values of `i`, `n`, `b`, `big`",
        ]
    );
    assert_eq!(
        place.query("SELECT name, type FROM pragma_table_info('s')"),
        [
            "'t'|'TEXT'",
            "'i'|'INTEGER'",
            "'n'|'REAL'",
            "'b'|'BOOLEAN'",
            "'d'|'TEXT'",
            "'j'|'TEXT'",
            "'big'|'TEXT'",
            "'_lowcode_extra'|'TEXT'"
        ]
    );
}

#[test]
fn fields_in_another_order_and_records_that_were_changed_find_their_columns() {
    let place = Place::new();
    let schema =
        json!({"a": {"type": "integer"}, "b": {"type": "string"}, "A": {"type": "integer"}});
    let mut output = place.open(None, false);
    output.begin(&[stream(&schema, &[])]).unwrap();
    let mut changed = Data::from(Text::parse(br#"{"b":"x","a":1}"#.to_vec(), 0).unwrap());
    changed.set("a", json!(2));
    changed.set("c", json!([null]));
    let records = vec![
        Data::from(json!({"a": 1, "A": 7, "b": "t"})),
        changed,
        Data::from(Text::parse(br#"{"b":"y","a":3,"a":4}"#.to_vec(), 1).unwrap()),
    ];
    let stream = Arc::from("s");
    output
        .write(&Message::Records {
            stream,
            unit: 0,
            records,
        })
        .unwrap();
    output.write(&status("s", true)).unwrap();
    output.finish().unwrap();
    assert_eq!(
        place.query("SELECT * FROM s"),
        [
            "1|'t'|7|NULL",
            r#"2|'x'|NULL|'{"c":[null]}'"#,
            "4|'y'|NULL|NULL"
        ]
    );
}

#[test]
fn a_primary_key_lets_the_last_record_win() {
    let place = Place::new();
    let schema = json!({"v": {"type": "string"}, "id": {"type": "integer"}});
    let stream = stream(&schema, &["id", "k"]);
    let one = [
        r#"{"id":1,"k":"a","v":"x"}"#,
        r#"{"id":1,"k":"b","v":"y","w":0}"#,
    ];
    place.load(None, &stream, &one);
    place.load(
        None,
        &stream,
        &[
            r#"{"id":1,"k":"b","v":"z"}"#,
            r#"{"id":2,"k":"b"}"#,
            r#"{"v":"no key"}"#,
        ],
    );
    assert_eq!(
        place.query("SELECT * FROM s ORDER BY id, k"),
        [
            "NULL|NULL|'no key'|NULL",
            "1|'a'|'x'|NULL",
            "1|'b'|'z'|NULL",
            "2|'b'|NULL|NULL"
        ]
    );
}

#[test]
fn a_key_inside_of_an_object_has_its_own_column() {
    let place = Place::new();
    let mut nested = stream(&json!({"o": {"type": "object"}}), &[]);
    nested.source_defined_primary_key = Some(vec![vec!["o".to_owned(), "id".to_owned()]]);
    place.load(
        None,
        &nested,
        &[r#"{"o":{"id":7}}"#, r#"{"o":{"id":7,"v":1}}"#],
    );
    assert_eq!(
        place.query("SELECT * FROM s"),
        [r#"'7'|'{"id":7,"v":1}'|NULL"#]
    );
}

#[test]
fn rows_are_appended_or_replaced() {
    let place = Place::new();
    place.load(Some(Mode::Append), &ids(), &[r#"{"id":1}"#]);
    place.load(Some(Mode::Append), &ids(), &[r#"{"id":1}"#]);
    assert_eq!(place.ids(), ["1", "1"]);
    place.load(Some(Mode::Replace), &ids(), &[r#"{"id":2}"#, r#"{"id":3}"#]);
    assert_eq!(place.ids(), ["2", "3"]);
    place.load(None, &ids(), &[]);
    assert_eq!(place.ids(), [""; 0]);
}

#[test]
fn rows_are_appended_to_those_that_were_upserted() {
    let place = Place::new();
    let keyed = stream(&json!({"id": {"type": "integer"}}), &["id"]);
    place.load(None, &keyed, &[r#"{"id":1}"#]);
    place.load(Some(Mode::Append), &keyed, &[r#"{"id":1}"#]);
    assert_eq!(place.ids(), ["1", "1"]);
}

#[test]
fn what_is_not_whole_does_not_replace() {
    let place = Place::new();
    place.load(None, &ids(), &[r#"{"id":1}"#]);
    let mut output = place.open(None, false);
    output.begin(&[ids()]).unwrap();
    output.write(&page("s", 0, &[r#"{"id":2}"#])).unwrap();
    output.write(&status("s", false)).unwrap();
    output.finish().unwrap();
    assert_eq!(place.ids(), ["1"]);
    assert_eq!(
        output.written("s").unwrap().notes,
        ["not read whole, so the table stays as it was"]
    );
    assert_eq!(
        place.query("SELECT name FROM sqlite_schema WHERE name LIKE '%new%'"),
        [""; 0]
    );
}

#[test]
fn a_schema_that_changes_adds_columns_and_drops_none() {
    let place = Place::new();
    let old = stream(
        &json!({"id": {"type": "integer"}, "old": {"type": "string"}}),
        &["id"],
    );
    let new = stream(
        &json!({"id": {"type": "integer"}, "New": {"type": "number"}, "old": {"type": "integer"}}),
        &["id"],
    );
    place.load(
        None,
        &old,
        &[r#"{"id":1,"old":"x"}"#, r#"{"id":2,"old":"y"}"#],
    );
    place.load(None, &new, &[r#"{"id":2,"New":1.5,"old":3}"#]);
    let all = "SELECT id, old, New FROM s ORDER BY id";
    assert_eq!(place.query(all), ["1|'x'|NULL", "2|'3'|1.5"]);
    place.load(Some(Mode::Replace), &ids(), &[r#"{"id":9}"#]);
    assert_eq!(place.query(all), ["9|NULL|NULL"]);
}

#[test]
fn a_replaced_table_keeps_the_indexes_views_and_triggers_of_its_owner() {
    let place = Place::new();
    place.load(None, &ids(), &[r#"{"id":1}"#]);
    let connection = Connection::open(place.path()).unwrap();
    connection
        .execute_batch(
            "CREATE INDEX mine ON s (id); CREATE VIEW v AS SELECT id FROM s; CREATE TABLE log (id);
             CREATE TRIGGER t AFTER DELETE ON s BEGIN INSERT INTO log VALUES (old.id); END",
        )
        .unwrap();
    drop(connection);
    place.load(None, &ids(), &[r#"{"id":2}"#]);
    assert_eq!(place.query("SELECT id FROM v"), ["2"]);
    let names = "SELECT name FROM sqlite_schema WHERE tbl_name = 's' ORDER BY name";
    assert_eq!(place.query(names), ["'mine'", "'s'", "'t'"]);
}

#[test]
fn rows_say_when_and_by_which_run_they_were_written() {
    let place = Place::new();
    place.load(Some(Mode::Append), &ids(), &[r#"{"id":1}"#]);
    let mut output = place.open(Some(Mode::Append), true);
    output.begin(&[ids()]).unwrap();
    output.write(&page("s", 0, &[r#"{"id":2,"x":1}"#])).unwrap();
    output.write(&status("s", true)).unwrap();
    output.finish().unwrap();
    assert_eq!(
        place.query("SELECT * FROM s"),
        [
            "1|NULL|NULL|NULL",
            "2|'{\"x\":1}'|'2025-03-01T00:00:00.000Z'|'run 1'"
        ]
    );
}

#[test]
fn an_upsert_into_rows_of_the_same_key_is_refused() {
    let place = Place::new();
    let keyed = stream(&json!({"id": {"type": "integer"}}), &["id"]);
    place.load(Some(Mode::Append), &keyed, &[r#"{"id":1}"#, r#"{"id":1}"#]);
    let mut output = place.open(None, false);
    output.begin(&[keyed]).unwrap();
    let error = output.write(&page("s", 0, &[r#"{"id":1}"#])).unwrap_err();
    assert!(error.to_string().contains("--mode replace"), "{error}");
    output.finish().unwrap();
    assert_eq!(place.ids(), ["1", "1"]);
    drop(output);
    let error = place
        .open(Some(Mode::Upsert), false)
        .begin(&[ids()])
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains("`s` has no primary key"),
        "{error}"
    );
}

#[test]
fn what_is_no_database_is_told() {
    let place = Place::new();
    std::fs::write(
        place.path(),
        "this is text, and long enough to be looked at as a header of pages",
    )
    .unwrap();
    let loading = place.open_error();
    assert!(
        loading.to_string().ends_with("is no SQLite database"),
        "{loading}"
    );
    std::fs::remove_file(place.path()).unwrap();
    std::fs::create_dir(place.path()).unwrap();
    assert_eq!(place.open_error().kind(), io::ErrorKind::IsADirectory);
    std::fs::remove_dir(place.path()).unwrap();
    let first = place.open(None, false);
    assert_eq!(place.open_error().kind(), io::ErrorKind::ResourceBusy);
    drop(first);
    drop(place.open(None, false));
}

impl Place {
    fn open_error(&self) -> io::Error {
        let loading = Loading {
            mode: None,
            has_metadata: false,
            run: String::new(),
            now: Box::new(|| 0),
            elapsed: Box::new(Duration::default),
        };
        SqliteOutput::open(&self.path(), loading).unwrap_err()
    }
}

#[test]
fn only_what_was_counted_is_committed() {
    let place = Place::new();
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    output.write(&progress(vec![begun(), found(0)])).unwrap();
    output.write(&page("s", 0, &[r#"{"id":1}"#])).unwrap();
    output
        .write(&progress(vec![at(0, Some(json!("p2")))]))
        .unwrap();
    output.flush().unwrap();
    assert_eq!(place.ids(), ["1"], "a reader sees it while the run goes on");
    output.write(&page("s", 0, &[r#"{"id":2}"#])).unwrap();
    output.flush().unwrap();
    output.finish().unwrap();
    drop(output);
    assert_eq!(place.ids(), ["1"]);
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    let kept = [begun(), found(0), at(0, Some(json!("p2")))];
    assert_eq!(steps(&mut output), kept);
    // Loaded in another way, it is not there.
    drop(output);
    let mut output = place.open(Some(Mode::Replace), false);
    output.begin(&[ids()]).unwrap();
    assert_eq!(steps(&mut output), []);
}

#[test]
fn commits_come_with_bytes_or_time() {
    let place = Place::new();
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    let count = |output: &mut SqliteOutput, id: usize, more: usize| {
        let record = format!(r#"{{"id":{id},"x":"{}"}}"#, "x".repeat(more));
        output.write(&page("s", 0, &[&record])).unwrap();
        output.write(&progress(vec![at(0, None)])).unwrap();
        let there = "SELECT count(*) FROM sqlite_schema WHERE name = 's'";
        if place.query(there) == ["0"] {
            0
        } else {
            place.ids().len()
        }
    };
    assert_eq!(count(&mut output, 1, 0), 0);
    place.seconds.store(1, Relaxed);
    assert_eq!(count(&mut output, 2, 0), 2);
    assert_eq!(count(&mut output, 3, 0), 2);
    assert_eq!(count(&mut output, 4, BATCH), 4);
}

#[test]
fn steps_are_kept_as_far_as_they_still_count() {
    let place = Place::new();
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    let arrived = Step::Arrived {
        input: 1,
        slice: StreamSlice::default(),
    };
    let cut = Step::Cut {
        unit: 1,
        windows: 2,
    };
    let failed = Step::Failed {
        unit: 3,
        reason: "no".to_owned(),
    };
    let latest = Step::Read {
        unit: 0,
        latest: Some(json!("2025")),
    };
    let fed = Step::Fed {
        input: 1,
        parent: 0,
    };
    let ended = Step::Ended { is_whole: false };
    output
        .write(&progress(vec![
            begun(),
            arrived.clone(),
            found(0),
            found(1),
            found(2),
            found(3),
            cut.clone(),
            found(4),
            at(0, Some(json!(2))),
            at(0, Some(json!(3))),
            latest.clone(),
            at(2, Some(json!(2))),
            at(2, None),
            at(3, Some(json!({"t": 1}))),
            failed.clone(),
            at(4, Some(json!(1))),
            Step::Again { unit: 4 },
            fed.clone(),
            ended.clone(),
        ]))
        .unwrap();
    output.finish().unwrap();
    let kept = [
        begun(),
        arrived,
        fed,
        found(0),
        latest,
        found(1),
        cut,
        found(2),
        at(2, None),
        found(3),
        at(3, Some(json!({"t": 1}))),
        failed,
        found(4),
        ended,
    ];
    assert_eq!(steps(&mut output), kept);
    output
        .write(&progress(vec![Step::Ended { is_whole: true }]))
        .unwrap();
    assert_eq!(
        steps(&mut output).last(),
        Some(&Step::Ended { is_whole: true })
    );
    output.write(&progress(vec![Step::Over])).unwrap();
    assert_eq!(steps(&mut output), []);
    output.write(&progress(vec![begun()])).unwrap();
    assert_eq!(steps(&mut output), [begun()]);
    output.finish().unwrap();
    Store::forget(&mut output, Some("s")).unwrap();
    assert_eq!(steps(&mut output), []);
}

#[test]
fn a_replacing_load_goes_on_in_the_next_run() {
    let place = Place::new();
    place.load(None, &ids(), &[r#"{"id":0}"#]);
    let mut output = place.open(None, false);
    output.begin(&[ids()]).unwrap();
    output.write(&page("s", 0, &[r#"{"id":1}"#])).unwrap();
    output
        .write(&page("s", 1, &[r#"{"id":2}"#, r#"{"id":3}"#]))
        .unwrap();
    output.write(&page("s", 0, &[r#"{"id":4}"#])).unwrap();
    output
        .write(&progress(vec![
            begun(),
            found(0),
            found(1),
            at(0, None),
            at(1, None),
        ]))
        .unwrap();
    output.write(&page("s", 1, &[r#"{"id":5}"#])).unwrap();
    output.write(&progress(vec![at(1, None)])).unwrap();
    output.finish().unwrap();
    drop(output);
    assert_eq!(place.ids(), ["0"]);
    let mut output = place.open(None, false);
    output.begin(&[ids()]).unwrap();
    assert_eq!(steps(&mut output).len(), 5);
    output.write(&void(Some(1))).unwrap();
    output.write(&page("s", 1, &[r#"{"id":6}"#])).unwrap();
    output
        .write(&progress(vec![
            read(0),
            read(1),
            Step::Ended { is_whole: true },
        ]))
        .unwrap();
    output.finish().unwrap();
    assert_eq!(place.ids(), ["1", "4", "6"]);
    assert_eq!(place.query("SELECT * FROM _lowcode_rows"), [""; 0]);
}

#[test]
fn a_load_that_begins_again_drops_what_was_kept_of_it() {
    let place = Place::new();
    for goes_on in [true, false] {
        let mut output = place.open(None, false);
        output.begin(&[ids()]).unwrap();
        output.write(&page("s", 0, &[r#"{"id":1}"#])).unwrap();
        output
            .write(&progress(vec![begun(), found(0), at(0, None)]))
            .unwrap();
        output.finish().unwrap();
        drop(output);
        let mut output = place.open(None, false);
        output.begin(&[ids()]).unwrap();
        if goes_on {
            assert_eq!(steps(&mut output).len(), 3);
        }
        output.write(&void(None)).unwrap();
        output.write(&page("s", 0, &[r#"{"id":2}"#])).unwrap();
        output
            .write(&progress(vec![
                begun(),
                found(0),
                read(0),
                Step::Ended { is_whole: true },
            ]))
            .unwrap();
        output.finish().unwrap();
        assert_eq!(place.ids(), ["2"], "{goes_on}");
        drop(output);
        // Whole before the run, it is not replaced by nothing.
        let mut output = place.open(None, false);
        output.begin(&[ids()]).unwrap();
        assert_eq!(steps(&mut output).len(), 4);
        output
            .write(&progress(vec![Step::Ended { is_whole: true }, Step::Over]))
            .unwrap();
        output.finish().unwrap();
        assert_eq!(place.ids(), ["2"], "{goes_on}");
    }
}

#[test]
fn rows_that_were_numbered_anew_are_not_gone_on_with() {
    let place = Place::new();
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    output.write(&page("s", 0, &[r#"{"id":1}"#])).unwrap();
    output.write(&page("s", 1, &[r#"{"id":2}"#])).unwrap();
    output
        .write(&progress(vec![
            begun(),
            found(0),
            found(1),
            at(0, None),
            at(1, None),
        ]))
        .unwrap();
    output.finish().unwrap();
    drop(output);
    let connection = Connection::open(place.path()).unwrap();
    connection
        .execute_batch("DELETE FROM s WHERE id = 1; VACUUM")
        .unwrap();
    drop(connection);
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    assert_eq!(steps(&mut output), []);
}

#[test]
fn states_are_kept_where_they_can_be_used() {
    let place = Place::new();
    let state = |cursor: u32| StreamState {
        stream: Arc::from("s"),
        state: serde_json::Map::from_iter([("cursor".to_owned(), json!(cursor))]),
    };
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    output.write(&Message::State(state(1))).unwrap();
    output.write(&Message::State(state(2))).unwrap();
    output.finish().unwrap();
    drop(output);
    let mut output = place.open(Some(Mode::Replace), false);
    output.begin(&[ids()]).unwrap();
    output.write(&Message::State(state(3))).unwrap();
    output.finish().unwrap();
    assert_eq!(output.store().unwrap().states().unwrap(), [state(2)]);
    output.store().unwrap().forget(None).unwrap();
    assert_eq!(output.store().unwrap().states().unwrap(), []);
}

#[test]
fn a_full_disk_leaves_what_was_committed() {
    let place = Place::new();
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    output.write(&page("s", 0, &[r#"{"id":1}"#])).unwrap();
    output
        .write(&progress(vec![begun(), found(0), at(0, Some(json!(1)))]))
        .unwrap();
    output.flush().unwrap();
    let pages: i64 = (output.connection)
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    (output.connection)
        .execute_batch(&format!("PRAGMA max_page_count = {}", pages + 2))
        .unwrap();
    let large = format!(r#"{{"id":2,"x":"{}"}}"#, "x".repeat(100_000));
    let error = output.write(&page("s", 0, &[&large])).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(
        error
            .to_string()
            .ends_with("a.sqlite`: database or disk is full"),
        "{error}"
    );
    output
        .write(&progress(vec![at(0, Some(json!(2)))]))
        .unwrap_err();
    output.finish().unwrap();
    drop(output);
    assert_eq!(place.ids(), ["1"]);
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    assert_eq!(steps(&mut output).last(), Some(&at(0, Some(json!(1)))));
}

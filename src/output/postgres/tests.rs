//! What is in the database afterwards, read back by another connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::{Value, json};

use super::server::{CERTIFICATE, PASSWORD, Server, server};
use super::*;
use crate::message::{StreamSlice, Text};

/// A schema of its own.
struct Place {
    server: &'static Server,
    schema: String,
    /// Seconds that runs have lasted.
    seconds: Arc<AtomicU64>,
}

impl Place {
    /// None where there is no server.
    fn new() -> Option<Self> {
        let server = server()?;
        Some(Self {
            server,
            schema: server.name(),
            seconds: Arc::default(),
        })
    }

    fn try_open(&self, mode: Option<Mode>, has_metadata: bool) -> io::Result<PostgresOutput> {
        let seconds = Arc::clone(&self.seconds);
        let loading = Loading {
            mode,
            has_metadata,
            run: "run 1".to_owned(),
            now: Box::new(|| 1_740_787_200_000_000),
            elapsed: Box::new(move || Duration::from_secs(seconds.load(Relaxed))),
        };
        let url = format!("{}?schema={}", self.server.url("postgres"), self.schema);
        PostgresOutput::open(&url, &Surroundings::default(), loading)
    }

    fn open(&self, mode: Option<Mode>, has_metadata: bool) -> PostgresOutput {
        self.try_open(mode, has_metadata).unwrap()
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
        let sql = format!(
            "SET search_path = {}; SET timezone = 'UTC'; {sql}",
            self.schema
        );
        self.server.query("postgres", &sql)
    }

    fn ids(&self) -> Vec<String> {
        self.query("SELECT id FROM s ORDER BY id")
    }

    /// Rows of units that were not read to their end.
    fn waiting(&self) -> Vec<String> {
        self.query("SELECT id FROM _lowcode_add_s ORDER BY id")
    }

    fn tables(&self) -> Vec<String> {
        self.query(&format!(
            "SELECT tablename FROM pg_tables WHERE schemaname = '{}' AND tablename NOT IN \
             ('_lowcode_states', '_lowcode_streams', '_lowcode_steps', '_lowcode_units') ORDER BY 1",
            self.schema
        ))
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

fn steps(output: &mut PostgresOutput) -> Vec<Step> {
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
    let Some(place) = Place::new() else { return };
    let schema = json!({
        "t": {"type": "string"}, "i": {"type": "integer"}, "n": {"type": "number"},
        "b": {"type": "boolean"}, "d": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"}, "at": {"type": "string", "format": "time"},
        "l": {"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"},
        "j": {"type": "array"}, "big": {"type": "string", "airbyte_type": "big_number"}
    });
    let written = place.load(
        None,
        &stream(&schema, &[]),
        &[
            r#"{"t":"a\u00e9\"\\N\t\n\r","i":9223372036854775807,"n":0.1,"b":true,"d":"2025-03-01T00:00:00.5Z","day":"2024-02-29","at":"10:20","l":"2025-03-01T01:02:03","j":[1.10,{"k":null}],"big":"0.12345678901234567890123"}"#,
            r#"{"t":5,"i":12.0,"n":0.12345678901234567890123,"b":false,"d":"","day":"0000-00-00","j":"x\\u0000","big":1e5,"new":{"a":1},"z":null}"#,
            r#"{"t":{"a":1.0},"i":18446744073709551616,"n":1e400,"b":"yes","d":"2025-03-01T00:00:00.123456789+02:00","day":"2025-03-01T10:00:00Z","l":"2025-03-01T01:02:03Z","j":12,"big":true}"#,
            r#"{"t":"\u0000","i":"5","n":1e200000,"j":["\u0000"],"\u0000":"\ud800"}"#,
            r#"{"t":"\ud800","j":{"b":1,"a":2,"a":3}}"#,
            "{}",
            "[1,2]",
        ],
    );
    assert_eq!(
        place.query("SELECT t, i, n, b, d, day, at, l, j, big, _lowcode_extra FROM s ORDER BY ctid"),
        [
            "aé\"\\N\t\n\r|9223372036854775807|0.1|t|2025-03-01 00:00:00.5+00|2024-02-29|10:20|2025-03-01 01:02:03|[1.10, {\"k\": null}]|0.12345678901234567890123|NULL".to_owned(),
            r#"5|12|0.12345678901234567890123|f|NULL|NULL|NULL|NULL|"x\\u0000"|100000|{"d":"","day":"0000-00-00","new":{"a":1},"z":null}"#.to_owned(),
            format!(r#"{{"a":1.0}}|NULL|1{}|NULL|2025-02-28 22:00:00.123456+00|2025-03-01|NULL|2025-03-01 01:02:03|12|NULL|{{"i":18446744073709551616,"b":"yes","d":"2025-03-01T00:00:00.123456789+02:00","day":"2025-03-01T10:00:00Z","l":"2025-03-01T01:02:03Z","big":true}}"#, "0".repeat(400)),
            r#"NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|{"t":"\u0000","i":"5","n":1e200000,"j":["\u0000"],"\u0000":"\ud800"}"#.to_owned(),
            r#"NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|{"a": 3, "b": 1}|NULL|{"t":"\ud800"}"#.to_owned(),
            "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL".to_owned(),
            "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|[1,2]".to_owned(),
        ]
    );
    assert_eq!((written.records, written.misfits), (7, 13));
    assert_eq!(
        written.notes,
        [
            "not in the schema, so in `_lowcode_extra`: 4 values of `new`, `z`, `\0`, `(records that are no objects)`",
            "not of their column's type, so in `_lowcode_extra`: 13 values of `d`, `day`, `i`, `b`, `l`, 4 other fields",
        ]
    );
    let types = "SELECT string_agg(format_type(atttypid, atttypmod), ', ' ORDER BY attnum) \
        FROM pg_attribute WHERE attrelid = 's'::regclass AND attnum > 0 AND NOT attisdropped";
    assert_eq!(
        place.query(types),
        [
            "text, bigint, numeric, boolean, timestamp with time zone, date, text, \
          timestamp without time zone, jsonb, numeric, json"
        ]
    );
}

#[test]
fn fields_in_another_order_and_records_that_were_changed_find_their_columns() {
    let Some(place) = Place::new() else { return };
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
        ["1|t|7|NULL", r#"2|x|NULL|{"c":[null]}"#, "4|y|NULL|NULL"]
    );
}

#[test]
fn a_primary_key_lets_the_last_record_win() {
    let Some(place) = Place::new() else { return };
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
            "1|a|x|NULL",
            "1|b|z|NULL",
            "2|b|NULL|NULL",
            "NULL|NULL|no key|NULL"
        ]
    );
}

#[test]
fn a_key_inside_of_an_object_has_its_own_column() {
    let Some(place) = Place::new() else { return };
    let mut nested = stream(&json!({"o": {"type": "object"}}), &[]);
    nested.source_defined_primary_key = Some(vec![vec!["o".to_owned(), "id".to_owned()]]);
    place.load(
        None,
        &nested,
        &[r#"{"o":{"id":7}}"#, r#"{"o":{"id":7,"v":1}}"#],
    );
    assert_eq!(
        place.query("SELECT * FROM s"),
        [r#"7|{"v": 1, "id": 7}|NULL"#]
    );
}

#[test]
fn rows_are_appended_or_replaced() {
    let Some(place) = Place::new() else { return };
    place.load(Some(Mode::Append), &ids(), &[r#"{"id":1}"#]);
    place.load(Some(Mode::Append), &ids(), &[r#"{"id":1}"#]);
    assert_eq!(place.ids(), ["1", "1"]);
    place.load(Some(Mode::Replace), &ids(), &[r#"{"id":2}"#, r#"{"id":3}"#]);
    assert_eq!(place.ids(), ["2", "3"]);
    place.load(None, &ids(), &[]);
    assert_eq!(place.ids(), [""; 0]);
}

#[test]
fn what_is_not_whole_does_not_replace() {
    let Some(place) = Place::new() else { return };
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
    assert_eq!(place.tables(), ["s"]);
}

#[test]
fn a_schema_that_changes_adds_columns_and_drops_none() {
    let Some(place) = Place::new() else { return };
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
    let all = "SELECT id, old, \"New\" FROM s ORDER BY id";
    assert_eq!(place.query(all), ["1|x|NULL", "2|3|1.5"]);
    place.load(Some(Mode::Replace), &ids(), &[r#"{"id":9}"#]);
    assert_eq!(place.query(all), ["9|NULL|NULL"]);
}

#[test]
fn a_table_without_more_than_rows_is_swapped_and_others_keep_what_they_have() {
    let Some(place) = Place::new() else { return };
    let oid = || place.query("SELECT 's'::regclass::oid");
    place.load(Some(Mode::Replace), &ids(), &[r#"{"id":1}"#]);
    let before = oid();
    place.load(Some(Mode::Replace), &ids(), &[r#"{"id":2}"#]);
    assert_ne!(oid(), before);
    for more in [
        "CREATE INDEX mine ON s (id)",
        "CREATE VIEW v AS SELECT id FROM s",
        "COMMENT ON COLUMN s.id IS 'mine'",
        "GRANT SELECT ON s TO PUBLIC",
        "ALTER TABLE s ADD mine integer DEFAULT 7",
    ] {
        place.query(&format!(
            "DROP TABLE s CASCADE; CREATE TABLE s (id bigint, _lowcode_extra json); {more}"
        ));
        let before = oid();
        let wider = stream(
            &json!({"id": {"type": "integer"}, "w": {"type": "string"}}),
            &[],
        );
        place.load(Some(Mode::Replace), &wider, &[r#"{"id":3,"w":"x"}"#]);
        assert_eq!(oid(), before, "{more}");
        assert_eq!(place.query("SELECT id, w FROM s"), ["3|x"], "{more}");
        assert_eq!(place.tables(), ["s"]);
    }
    assert_eq!(place.query("SELECT mine FROM s"), ["7"]);
}

#[test]
fn columns_of_other_types_take_what_they_can() {
    let Some(place) = Place::new() else { return };
    place.query(&format!(
        "CREATE SCHEMA IF NOT EXISTS {}; CREATE TABLE s (id text, a integer, b double precision, c inet, \
         d json, e varchar(2))",
        place.schema
    ));
    let schema = json!({"id": {"type": "integer"}, "a": {"type": "number"}, "b": {"type": "number"},
        "c": {"type": "string"}, "d": {"type": "object"}, "e": {"type": "string"}});
    let rows = [
        r#"{"id":1,"a":1,"b":0.1,"c":"127.0.0.1","d":{"a":1,"a":"\u0000"},"e":"long"}"#,
        r#"{"id":2,"a":2147483648,"b":0.12345678901234567890123}"#,
    ];
    place.load(None, &stream(&schema, &["id"]), &rows);
    assert_eq!(
        place.query("SELECT * FROM s ORDER BY id"),
        [
            r#"1|1|0.1|NULL|{"a":1,"a":"\u0000"}|NULL|{"c":"127.0.0.1","e":"long"}"#,
            r#"2|NULL|NULL|NULL|NULL|NULL|{"a":2147483648,"b":0.12345678901234567890123}"#,
        ]
    );
}

#[test]
fn rows_say_when_and_by_which_run_they_were_written() {
    let Some(place) = Place::new() else { return };
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
            "2|{\"x\":1}|2025-03-01 00:00:00+00|run 1"
        ]
    );
}

#[test]
fn an_upsert_into_rows_of_the_same_key_is_refused() {
    let Some(place) = Place::new() else { return };
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
fn what_is_in_the_way_is_told() {
    let Some(place) = Place::new() else { return };
    let mut output = place.open(None, false);
    output.begin(&[ids()]).unwrap();
    place.query("CREATE VIEW s AS SELECT 1");
    let error = output.write(&page("s", 0, &[r#"{"id":1}"#])).unwrap_err();
    assert!(error.to_string().contains("a view"), "{error}");
    let error = place.try_open(None, false).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
    let (schema, told) = (&place.schema, error.to_string());
    assert!(
        told.contains(&format!("another run writes to schema `{schema}`")),
        "{told}"
    );
    let holder = format!(
        "`lowcode (process {})`, from the server itself",
        std::process::id()
    );
    assert!(told.ends_with(&holder), "{told}");
    drop(output);
    drop(place.open(None, false));
}

#[test]
fn tls_and_passwords_are_those_of_the_url_and_the_environment() {
    let Some(place) = Place::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.pem");
    std::fs::write(&own, CERTIFICATE).unwrap();
    let own = own.display();
    let open = |user: &str, options: &str, around: &Surroundings| {
        let url = place.server.tcp(user, "postgres");
        let loading = Loading {
            mode: None,
            has_metadata: false,
            run: String::new(),
            now: Box::new(|| 0),
            elapsed: Box::new(Duration::default),
        };
        let url = format!("{url}?schema={}&{options}", place.schema);
        PostgresOutput::open(&url, around, loading).map(drop)
    };
    let mut around = Surroundings {
        password: Some(PASSWORD.to_owned()),
        ..Surroundings::default()
    };
    let encoded = "postgres:pass%40word";
    for (user, options) in [
        ("postgres", "sslmode=disable".to_owned()),
        ("postgres", "sslmode=require".to_owned()),
        (encoded, format!("sslmode=verify-full&sslrootcert={own}")),
    ] {
        open(user, &options, &around).unwrap();
    }
    let error = open("postgres", "sslmode=verify-full", &around).unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    around.certificates = Some(own.to_string().into());
    open("postgres", "sslmode=verify-full", &around).unwrap();
    around.password = Some("hidden".to_owned());
    for user in ["postgres", "postgres:hidden"] {
        let error = open(user, "", &around).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let told = error.to_string();
        assert!(
            told.contains("PGPASSWORD") && !told.contains("hidden"),
            "{told}"
        );
    }
}

#[test]
fn a_lost_connection_leaves_nothing_half_written_and_the_next_run_goes_on() {
    let Some(place) = Place::new() else { return };
    let mut output = place.open(None, false);
    let keyed = stream(&json!({"id": {"type": "integer"}}), &["id"]);
    output.begin(std::slice::from_ref(&keyed)).unwrap();
    output.write(&page("s", 0, &[r#"{"id":1}"#])).unwrap();
    output
        .write(&progress(vec![begun(), found(0), at(0, Some(json!(2)))]))
        .unwrap();
    output.flush().unwrap();
    output.write(&page("s", 0, &[r#"{"id":2}"#])).unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid) \
        WHERE locktype = 'advisory' AND application_name LIKE 'lowcode%' AND objid::bigint::text = ";
    let mut words = String::new();
    let key = sha2_key(&place.schema);
    place.query(&format!("{end} '{key}'"));
    for round in 0..3 {
        let step = progress(vec![at(0, Some(json!(3 + round)))]);
        let result = output.write(&step).and_then(|()| output.flush());
        if let Err(error) = result {
            words = error.to_string();
            break;
        }
    }
    assert!(words.contains("the next run goes on from there"), "{words}");
    assert!(output.finish().is_ok(), "the error was told");
    drop(output);
    assert_eq!(place.ids(), ["1"]);
    let mut output = place.open(None, false);
    output.begin(&[keyed]).unwrap();
    assert_eq!(
        steps(&mut output),
        [begun(), found(0), at(0, Some(json!(2)))]
    );
}

/// The lower half of the lock's key.
fn sha2_key(schema: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(format!("lowcode:{schema}"));
    u32::from_be_bytes([digest[4], digest[5], digest[6], digest[7]]).to_string()
}

#[test]
fn only_what_was_counted_is_committed() {
    let Some(place) = Place::new() else { return };
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    output.write(&progress(vec![begun(), found(0)])).unwrap();
    output.write(&page("s", 0, &[r#"{"id":1}"#])).unwrap();
    output
        .write(&progress(vec![at(0, Some(json!("p2")))]))
        .unwrap();
    output.flush().unwrap();
    assert_eq!(place.waiting(), ["1"], "committed while the run goes on");
    output.write(&page("s", 0, &[r#"{"id":2}"#])).unwrap();
    output.flush().unwrap();
    output.finish().unwrap();
    drop(output);
    assert_eq!(place.waiting(), ["1"]);
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
    let Some(place) = Place::new() else { return };
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    let count = |output: &mut PostgresOutput, id: usize, more: usize| {
        let record = format!(r#"{{"id":{id},"x":"{}"}}"#, "x".repeat(more));
        output.write(&page("s", 0, &[&record])).unwrap();
        output.write(&progress(vec![at(0, None)])).unwrap();
        if place.tables().is_empty() {
            0
        } else {
            place.waiting().len()
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
    let Some(place) = Place::new() else { return };
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
    let Some(place) = Place::new() else { return };
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
    assert_eq!(place.tables(), ["s"]);
}

#[test]
fn a_load_that_begins_again_drops_what_was_kept_of_it() {
    let Some(place) = Place::new() else { return };
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
fn rows_that_are_gone_are_not_gone_on_with() {
    let Some(place) = Place::new() else { return };
    for mode in [Mode::Append, Mode::Replace] {
        let mut output = place.open(Some(mode), false);
        output.begin(&[ids()]).unwrap();
        output
            .write(&page("s", 0, &[r#"{"id":1}"#, r#"{"id":2}"#]))
            .unwrap();
        output
            .write(&progress(vec![begun(), found(0), at(0, None)]))
            .unwrap();
        output.finish().unwrap();
        drop(output);
        let mut output = place.open(Some(mode), false);
        output.begin(&[ids()]).unwrap();
        assert_eq!(steps(&mut output).len(), 3);
        drop(output);
        let staging = if mode == Mode::Append {
            "_lowcode_add_s"
        } else {
            "_lowcode_new_s"
        };
        place.query(&format!("DELETE FROM {staging} WHERE id = 1"));
        let mut output = place.open(Some(mode), false);
        output.begin(&[ids()]).unwrap();
        assert_eq!(steps(&mut output), []);
    }
}

#[test]
fn appended_rows_are_seen_when_their_unit_was_read_to_its_end() {
    let Some(place) = Place::new() else { return };
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    output.write(&page("s", 0, &[r#"{"id":1}"#])).unwrap();
    output.write(&page("s", 1, &[r#"{"id":2}"#])).unwrap();
    output.write(&page("s", 2, &[r#"{"id":3}"#])).unwrap();
    output
        .write(&progress(vec![
            begun(),
            found(0),
            found(1),
            found(2),
            read(0),
            at(1, None),
            at(2, None),
        ]))
        .unwrap();
    output.flush().unwrap();
    assert_eq!(place.ids(), ["1"]);
    output.write(&page("s", 2, &[r#"{"id":4}"#])).unwrap();
    output.write(&progress(vec![at(2, None)])).unwrap();
    output.finish().unwrap();
    drop(output);
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    assert_eq!(steps(&mut output).len(), 7);
    output.write(&void(Some(1))).unwrap();
    output.write(&page("s", 1, &[r#"{"id":5}"#])).unwrap();
    output.write(&page("s", 2, &[r#"{"id":6}"#])).unwrap();
    output.write(&progress(vec![read(2)])).unwrap();
    output.flush().unwrap();
    assert_eq!(place.ids(), ["1", "3", "4", "6"]);
    output.write(&progress(vec![at(1, None)])).unwrap();
    output.finish().unwrap();
    drop(output);
    // Nothing that came is lost when what is left to read is forgotten.
    place
        .open(Some(Mode::Append), false)
        .store()
        .unwrap()
        .forget(None)
        .unwrap();
    assert_eq!(place.ids(), ["1", "3", "4", "5", "6"]);
    assert_eq!(place.tables(), ["s"]);
}

#[test]
fn a_page_of_any_size_goes_through_a_bounded_memory() {
    let Some(place) = Place::new() else { return };
    let mut output = place.open(Some(Mode::Append), false);
    output.begin(&[ids()]).unwrap();
    let record = format!(r#"{{"id":1,"x":"{}"}}"#, "x".repeat(2000));
    let records = vec![record.as_str(); 2 * BATCH / 2000];
    output.write(&page("s", 0, &records)).unwrap();
    assert!(output.unsent < BATCH);
    assert_eq!(place.tables(), [""; 0]);
    output.write(&status("s", true)).unwrap();
    output.finish().unwrap();
    assert_eq!(place.ids().len(), records.len());
    assert_eq!(place.tables(), ["s"]);
}

#[test]
fn states_are_kept_where_they_can_be_used() {
    let Some(place) = Place::new() else { return };
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

//! Runs into a SQLite database: what is in it is what the same run prints.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::asana::{MANIFEST, Rule, Server};
use crate::asana_run::{STREAMS, config_of_all, lowcode, sorted};
use crate::support::{Output, Run};

/// A database in a folder of its own.
struct Database {
    folder: TempDir,
}

impl Database {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("asana.sqlite")
    }

    /// Runs `asana.yaml` into it.
    fn run(&self, server: &Server, manifest: &str, flags: &[&str]) -> Output {
        let path = self.path().display().to_string();
        Run::new()
            .manifest(&server.serve(manifest))
            .config(&config_of_all())
            .args(["run", "--wait-scale", "0", "--to", &path])
            .args(flags)
            .run()
    }

    fn query(&self, sql: &str) -> Vec<Vec<Cell>> {
        let connection = Connection::open(self.path()).expect("a database");
        let mut statement = connection.prepare(sql).expect("a query");
        let width = statement.column_count();
        let rows = statement.query_map([], |row| (0..width).map(|at| row.get(at)).collect());
        rows.expect("rows").map(|row| row.expect("a row")).collect()
    }

    fn count(&self, table: &str) -> usize {
        self.query(&format!("SELECT 1 FROM \"{table}\"")).len()
    }

    /// Names and declared types of the columns of a table.
    fn columns(&self, table: &str) -> Vec<(String, String)> {
        let rows = self.query(&format!(
            "SELECT name, type FROM pragma_table_info('{table}')"
        ));
        let pair = |row: Vec<Cell>| match <[Cell; 2]>::try_from(row) {
            Ok([Cell::Text(name), Cell::Text(kind)]) => (name, kind),
            other => panic!("{other:?}"),
        };
        rows.into_iter().map(pair).collect()
    }

    /// The records of a table as JSON, with the columns of ours undone.
    fn records(&self, table: &str) -> Vec<Value> {
        let columns = self.columns(table);
        let rows = self.query(&format!("SELECT * FROM \"{table}\""));
        let record = |row: Vec<Cell>| {
            let mut record = Map::new();
            for ((name, kind), cell) in columns.iter().zip(row) {
                let value = match (cell, kind.as_str()) {
                    (Cell::Null, _) => continue,
                    (Cell::Integer(is), "BOOLEAN") => json!(is == 1),
                    (Cell::Integer(number), "INTEGER") => json!(number),
                    // The double 2.0 is what the API wrote as 2.
                    (Cell::Real(number), "REAL") if number.fract() == 0.0 => json!(number as i64),
                    (Cell::Real(number), "REAL") => json!(number),
                    (Cell::Text(text), "TEXT") if text.starts_with(['{', '[']) => {
                        serde_json::from_str(&text).expect("JSON")
                    }
                    (Cell::Text(text), "TEXT") => json!(text),
                    other => panic!("{name}: {other:?}"),
                };
                match name.as_str() {
                    "_lowcode_extra" => {
                        record.extend(value.as_object().expect("an object").clone());
                    }
                    "_lowcode_loaded_at" | "_lowcode_run" => {}
                    _ => drop(record.insert(name.clone(), value)),
                }
            }
            Value::Object(record)
        };
        rows.into_iter().map(record).collect()
    }
}

/// A record as its row says it: nulls are left out.
fn flat(record: &Value) -> Value {
    let fields = record.as_object().expect("an object").iter();
    let fields = fields.filter(|(_, value)| !value.is_null());
    Value::Object(
        fields
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}

#[test]
fn each_value_is_the_one_that_the_same_run_prints() {
    let server = Server::start();
    let printed = lowcode(&server, "run", &config_of_all(), &[]).success();
    let database = Database::new();
    // Another one: an export is numbered by those before it.
    let run = database.run(&Server::start(), MANIFEST, &[]).success();
    assert_eq!(run.stdout, "");
    for stream in STREAMS {
        // A task of two projects is printed twice, and has one row.
        let mut expected = sorted(&printed.records(stream).iter().map(flat).collect::<Vec<_>>());
        if stream != "events" {
            expected.dedup();
        }
        assert!(!expected.is_empty(), "{stream}");
        let found = sorted(&database.records(stream));
        assert_eq!(found.len(), expected.len(), "{stream}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{stream}");
        }
    }
    let of_runs = database.query("SELECT DISTINCT _lowcode_run FROM tasks");
    assert_eq!(of_runs.len(), 1);
    assert!(run.stderr.contains("  written  "), "{}", run.stderr);
}

#[test]
fn a_second_run_gives_the_same_rows_however_they_are_loaded() {
    let server = Server::start();
    let flags = ["--stream", "tags", "--stream", "events", "--no-metadata"];
    let with = |mode: &'static str| [&flags[..], &["--mode", mode]].concat();
    let database = Database::new();
    database.run(&server, MANIFEST, &flags).success();
    let first = ["tags", "events"].map(|stream| sorted(&database.records(stream)));
    database.run(&server, MANIFEST, &flags).success();
    database.run(&server, MANIFEST, &with("replace")).success();
    let again = ["tags", "events"].map(|stream| sorted(&database.records(stream)));
    assert_eq!(again, first);
    database.run(&server, MANIFEST, &with("append")).success();
    assert_eq!(database.count("tags"), 2 * first[0].len());
    let refused = database.run(&server, MANIFEST, &with("upsert")).exits(2);
    assert!(
        refused
            .stderr
            .contains("stream `events` has no primary key"),
        "{}",
        refused.stderr
    );
    assert!(
        database
            .columns("tags")
            .iter()
            .all(|(name, _)| name != "_lowcode_run")
    );
}

#[test]
fn a_changed_schema_adds_a_column_and_drops_none() {
    let server = Server::start();
    let known = "  workspaces:\n    $schema: http://json-schema.org/draft-07/schema#\n    type: object\n    additionalProperties: true\n    properties:\n";
    assert!(MANIFEST.contains(known));
    let without = MANIFEST.replace(
        &format!("{known}      gid: *string\n      resource_type: *string\n"),
        &format!("{known}      gid: *string\n"),
    );
    assert_ne!(without, MANIFEST);
    let database = Database::new();
    let flags = ["--stream", "workspaces"];
    let first = database.run(&server, &without, &flags).success();
    assert!(
        first.stderr.contains(
            "workspaces: not in the schema, so in `_lowcode_extra`: 2 values of `resource_type`\n"
        ),
        "{}",
        first.stderr
    );
    let records = sorted(&database.records("workspaces"));
    let old = database.columns("workspaces");
    database.run(&server, MANIFEST, &flags).success();
    let new = database.columns("workspaces");
    assert_eq!(new.get(..old.len()), Some(old.as_slice()));
    assert_eq!(new.get(old.len()..).map(<[_]>::len), Some(1));
    assert_eq!(sorted(&database.records("workspaces")), records);
    assert_eq!(
        database.query("SELECT count(*) FROM workspaces WHERE _lowcode_extra IS NOT NULL"),
        [[Cell::Integer(0)]]
    );
    database
        .run(
            &server,
            &without,
            &["--stream", "workspaces", "--mode", "replace"],
        )
        .success();
    assert_eq!(database.columns("workspaces").len(), new.len());
}

#[test]
fn what_failed_is_read_by_the_next_run_and_nothing_twice() {
    let server = Server::start();
    let database = Database::new();
    let flags = ["--stream", "sections", "--mode", "replace"];
    server.rule(Rule::status("/projects/12050000000001/sections", 500).times(20));
    let failed = database.run(&server, MANIFEST, &flags).exits(1);
    assert!(
        failed.stderr.contains("the table stays as it was"),
        "{}",
        failed.stderr
    );
    let tables = "SELECT 1 FROM sqlite_schema WHERE name = 'sections'";
    assert_eq!(database.query(tables).len(), 0, "seen before it was whole");
    let before = server.requests().len();
    // The rule lasts for so many requests, and each run makes some.
    let mut codes = (0..20).map(|_| database.run(&server, MANIFEST, &flags).code);
    assert!(codes.any(|code| code == Some(0)));
    let held: Vec<Value> = server.records("sections").iter().map(flat).collect();
    assert_eq!(sorted(&database.records("sections")), sorted(&held));
    let rest = server.requests().into_iter().skip(before);
    let asked: BTreeSet<String> = rest
        .map(|seen| seen.request.path)
        .filter(|path| path.ends_with("/sections"))
        .collect();
    let asked: Vec<String> = asked.into_iter().collect();
    assert_eq!(asked, ["/api/1.0/projects/12050000000001/sections"]);
}

/// Runs into `to`, which cannot work: what is told.
fn refused(to: &str, code: i32) -> String {
    let run = Run::new()
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "run",
            "asana.yaml",
            "--replay",
            "examples/asana.har",
            "--to",
            to,
        ])
        .run()
        .exits(code);
    assert_eq!(run.stdout, "");
    run.stderr
}

#[test]
fn a_destination_that_cannot_be_written_to_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(path("folder.sqlite")).expect("a folder");
    let told = refused(&path("folder.sqlite"), 2);
    assert!(told.contains("is a folder, no SQLite database"), "{told}");
    std::fs::write(path("text.sqlite"), "no database, ".repeat(100)).expect("a file");
    let told = refused(&path("text.sqlite"), 2);
    assert!(
        told.contains("text.sqlite` is no SQLite database"),
        "{told}"
    );
    let told = refused(&path("missing/a.sqlite"), 2);
    assert!(told.contains("cannot be written to"), "{told}");
    for to in ["postgres:localhost", "duckdb:x", "x.csv"] {
        let told = refused(to, 2);
        assert!(told.contains("help: a destination is `-`"), "{told}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_read_only_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let set = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(folder.path(), mode).expect("permissions");
    };
    set(0o555);
    if std::fs::write(folder.path().join("probe"), "").is_ok() {
        println!("!! the user of this test may write everywhere: read-only folders were NOT tried");
        return;
    }
    let told = refused(&folder.path().join("a.sqlite").display().to_string(), 2);
    set(0o755);
    assert!(told.contains("cannot be written to"), "{told}");
}

#[test]
fn two_runs_do_not_write_to_one_database() {
    let database = Database::new();
    let mut lock = database.path().into_os_string();
    lock.push(".lock");
    std::fs::write(&lock, std::process::id().to_string()).expect("a lock file");
    let file = std::fs::File::open(&lock).expect("a lock file");
    file.try_lock().expect("nobody else holds it");
    let told = refused(&database.path().display().to_string(), 1);
    assert!(told.contains("another run writes to"), "{told}");
    #[cfg(unix)]
    assert!(
        told.contains(&format!("process {}", std::process::id())),
        "{told}"
    );
    drop(file);
    refused(&database.path().display().to_string(), 0);
}

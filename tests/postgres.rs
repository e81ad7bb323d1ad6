//! Runs into a PostgreSQL database: what is in it is what the same run prints, whatever happens on the
//! way. Where no server can be started, that is printed, and nothing is tested.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::asana::{MANIFEST, Server, Size};
use crate::asana_run::{STREAMS, config_of_all, sorted};
use crate::postgres_server::{PASSWORD, Server as Postgres, server};
use crate::support::{Output, Run};

/// A database of its own.
struct Database {
    server: &'static Postgres,
    name: String,
}

impl Database {
    fn new() -> Option<Self> {
        let server = server()?;
        let name = server.name();
        server.query("postgres", &format!("CREATE DATABASE {name}"));
        Some(Self { server, name })
    }

    fn url(&self) -> String {
        self.server.url(&self.name)
    }

    fn run(&self, server: &Server, flags: &[&str]) -> Run {
        Run::new()
            .manifest(&server.serve(MANIFEST))
            .config(&config_of_all())
            .args(["run", "--wait-scale", "0", "--to", &self.url()])
            .args(flags)
    }

    fn query(&self, sql: &str) -> Vec<String> {
        self.server.query(&self.name, sql)
    }

    /// The records of a table as JSON, with the columns of ours undone.
    fn records(&self, table: &str) -> Vec<Value> {
        let columns = self.query(&format!(
            "SELECT attname, format_type(atttypid, -1) FROM pg_attribute \
             WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        ));
        let columns = columns.iter().filter_map(|column| {
            let (name, kind) = column.split_once('|')?;
            let form = "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'";
            match (name, kind) {
                ("_lowcode_loaded_at" | "_lowcode_run", _) => None,
                (_, "timestamp with time zone") => Some(format!(
                    "to_char(\"{name}\" AT TIME ZONE 'UTC', {form}) AS \"{name}\""
                )),
                _ => Some(format!("\"{name}\"")),
            }
        });
        let columns: Vec<String> = columns.collect();
        let rows = self.query(&format!(
            "SELECT row_to_json(r) FROM (SELECT {} FROM \"{table}\") r",
            columns.join(", ")
        ));
        let record = |row: &String| {
            let mut record: Map<String, Value> = serde_json::from_str(row).expect("JSON");
            let extra = record.remove("_lowcode_extra").unwrap_or_default();
            record.extend(extra.as_object().cloned().unwrap_or_default());
            flat(&Value::Object(record))
        };
        rows.iter().map(record).collect()
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

fn replay(flags: &[&str]) -> Output {
    Run::new()
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "asana.yaml", "--replay", "examples/asana.har"])
        .args(flags)
        .run()
        .success()
}

#[test]
fn each_value_is_the_one_that_the_same_run_prints() {
    let Some(database) = Database::new() else {
        return;
    };
    let printed = replay(&[]);
    let run = replay(&["--to", &database.url()]);
    assert_eq!(run.stdout, "");
    for stream in STREAMS {
        // A task of two projects is printed twice, and has one row.
        let mut expected = sorted(&printed.records(stream).iter().map(flat).collect::<Vec<_>>());
        if stream != "events" {
            expected.dedup();
        }
        let found = sorted(&database.records(stream));
        assert_eq!(found.len(), expected.len(), "{stream}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{stream}");
        }
    }
    // Whatever the mode, the next run gives the same; rows of `append` come on top.
    let tags = sorted(&database.records("tags"));
    for (mode, times) in [("replace", 1), ("upsert", 1), ("append", 2)] {
        let flags = ["--to", &database.url(), "--stream", "tags", "--mode", mode];
        replay(&flags);
        assert_eq!(database.records("tags").len(), times * tags.len(), "{mode}");
    }
}

#[expect(clippy::disallowed_methods, reason = "waits for another process")]
fn wait(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

const LARGE: Size = Size {
    tasks: 20,
    stories: 600,
    tags: 4000,
};
const FLAGS: [&str; 4] = ["--stream", "tags", "--stream", "stories"];

/// Whether the tables hold what the server has.
fn assert_whole(database: &Database, server: &Server, mode: &str) {
    for stream in ["tags", "stories"] {
        let mut expected = sorted(&server.records(stream).iter().map(flat).collect::<Vec<_>>());
        if mode == "upsert" {
            expected.dedup();
        }
        let found = sorted(&database.records(stream));
        assert_eq!(found.len(), expected.len(), "{stream} {mode}");
        assert!(found == expected, "{stream} {mode}");
    }
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_each_record_once() {
    let server = Server::with(LARGE);
    for mode in ["upsert", "replace", "append"] {
        let Some(database) = Database::new() else {
            return;
        };
        let flags = [&FLAGS[..], &["--mode", mode]].concat();
        let mut is_whole = false;
        for milliseconds in [300, 900, 1400, 1100, 1700] {
            let run = database.run(&server, &flags).spawn();
            wait(milliseconds);
            run.signal("KILL");
            // Its end came first: the next run would begin anew.
            is_whole = run.wait().code == Some(0);
            if is_whole {
                break;
            }
        }
        if !is_whole {
            database.run(&server, &flags).run().success();
        }
        assert_whole(&database, &server, mode);
        let left = "SELECT tablename FROM pg_tables WHERE tablename ~ '^_lowcode_(new|add)'";
        assert_eq!(database.query(left), [""; 0]);
    }
}

#[test]
fn a_connection_that_is_lost_is_told_and_the_next_run_goes_on() {
    let Some(database) = Database::new() else {
        return;
    };
    let server = Server::with(LARGE);
    let flags = [&FLAGS[..], &["--mode", "replace"]].concat();
    let mut run = database.run(&server, &flags).spawn();
    while server.requests().len() < 20 && !run.has_ended() {
        std::thread::yield_now();
    }
    // It stands still in the middle, however fast it is.
    run.signal("STOP");
    let second = database.run(&server, &flags).run().exits(1);
    assert!(
        second
            .stderr
            .contains("another run writes to schema `public`"),
        "{}",
        second.stderr
    );
    database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE application_name LIKE 'lowcode%' AND datname = current_database()",
    );
    run.signal("CONT");
    let lost = run.wait().exits(1);
    let told = "the next run goes on from there";
    assert!(lost.stderr.contains(told), "{}", lost.stderr);
    database.run(&server, &flags).run().success();
    assert_whole(&database, &server, "replace");
}

#[test]
fn the_password_is_a_secret_and_may_come_from_the_environment() {
    let Some(database) = Database::new() else {
        return;
    };
    let run = |url: &str, password: Option<&str>| {
        let mut run = Run::new()
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["run", "asana.yaml", "--replay", "examples/asana.har"])
            .args(["--stream", "users", "--to", url]);
        if let Some(password) = password {
            run = run.env("PGPASSWORD", password);
        }
        run.run()
    };
    let url = database.server.tcp("postgres", &database.name);
    run(&url, Some(PASSWORD)).success();
    let url = database.server.tcp("postgres:hidden", &database.name);
    for url in [
        url.as_str(),
        "postgres://me:hidden@localhost:1/d",
        "postgres://me:hid?hidden",
    ] {
        let refused = run(url, None).exits(2);
        assert!(refused.stderr.contains("error: "), "{}", refused.stderr);
        assert!(!refused.stderr.contains("hidden"), "{}", refused.stderr);
    }
}

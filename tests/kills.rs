//! Runs that are killed at random moments, again and again, until one comes to its end: what is kept is
//! then what the server holds.
//!
//! `LOWCODE_KILLS` is the number of kills for each destination; a few, if it is not set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;

use crate::asana::{MANIFEST, Server, Size};
use crate::asana_run::config_of_all;
use crate::support::Run;

/// Streams that are read: a chain of pages, and a tree of partitions with its parents.
const STREAMS: [&str; 4] = ["tags", "projects", "tasks", "stories"];
/// Kills where nobody says how many.
const FEW: usize = 5;
/// Requests of a life, at most.
const LIFE: u64 = 60;

/// Splitmix: the same lives at every run, as far as they depend on us.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % end).unwrap()
    }
}

fn server() -> Server {
    Server::with(Size {
        tasks: 150,
        stories: 300,
        tags: 3000,
    })
}

fn run(server: &Server, flags: &[&str]) -> Run {
    let streams = STREAMS.iter().flat_map(|stream| ["--stream", stream]);
    Run::new()
        .manifest(&server.serve(MANIFEST))
        .config(&config_of_all())
        .args(["run", "--wait-scale", "0", "-q"])
        .args(streams.collect::<Vec<_>>())
        .args(flags)
}

/// What became of the runs into one destination.
struct Story {
    kills: usize,
    /// Requests that one run without a kill makes.
    needed: usize,
    /// Requests of all runs.
    made: usize,
    /// What the runs printed.
    printed: String,
}

/// Kills runs with `flags` until one ends by itself.
fn survive(server: &Server, dice: &mut Dice, flags: &[&str], needed: usize) -> Story {
    let before = server.requests().len();
    let mut story = Story {
        kills: 0,
        needed,
        made: 0,
        printed: String::new(),
    };
    loop {
        let from = server.requests().len();
        let life = 1 + dice.below(LIFE);
        let mut running = run(server, flags).spawn();
        while !running.has_ended() && server.requests().len() < from + life {
            std::thread::yield_now();
        }
        let was_killed = running.kill();
        let output = running.wait();
        story.printed.push_str(&output.stdout);
        story.printed.push('\n');
        if !was_killed {
            output.success();
            story.made = server.requests().len() - before;
            return story;
        }
        story.kills += 1;
    }
}

/// Makes databases, folders or files until there were enough kills; `check` looks at each at its end.
fn hold(name: &str, flags: impl Fn(&Path) -> Vec<String>, check: impl Fn(&Server, &Path, &Story)) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test asks how long it may take"
    )]
    let wanted = std::env::var("LOWCODE_KILLS").ok();
    let wanted = wanted.map_or(FEW, |wanted| wanted.parse().unwrap());
    let server = server();
    let whole = tempfile::tempdir().unwrap();
    run(&server, &strs(&flags(whole.path()))).run().success();
    let needed = server.requests().len();
    let mut dice = Dice(name.len() as u64);
    let (mut kills, mut made, mut runs) = (0, 0, 0);
    while kills < wanted {
        let folder = tempfile::tempdir().unwrap();
        let flags = flags(folder.path());
        let story = survive(&server, &mut dice, &strs(&flags), needed);
        check(&server, folder.path(), &story);
        kills += story.kills;
        made += story.made;
        runs += 1;
    }
    let repeated = made - runs * needed;
    let share = 100.0 * repeated as f64 / made as f64;
    eprintln!(
        "{name}: {kills} kills in {runs} runs of {needed} requests; {repeated} of {made} requests \
         were repeated ({share:.1}%)"
    );
}

fn strs(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

fn to(path: PathBuf) -> Vec<String> {
    vec!["--to".to_owned(), path.display().to_string()]
}

/// Identifiers of the records that the server holds, each once.
fn truth(server: &Server, stream: &str) -> Vec<String> {
    let mut ids: Vec<String> = server.records(stream).iter().map(gid).collect();
    ids.sort();
    ids.dedup();
    ids
}

fn gid(record: &Value) -> String {
    record["gid"].as_str().unwrap().to_owned()
}

fn of_table(database: &Path, table: &str) -> Vec<String> {
    let connection = Connection::open(database).unwrap();
    let sql = format!("SELECT gid FROM \"{table}\" ORDER BY gid");
    let mut all = connection.prepare(&sql).unwrap();
    let ids = all.query_map([], |row| row.get(0)).unwrap();
    ids.map(Result::unwrap).collect()
}

#[test]
fn sqlite_has_each_record_once_by_its_key() {
    let flags = |folder: &Path| to(folder.join("a.sqlite"));
    hold("sqlite, upsert", flags, |server, folder, _| {
        for stream in STREAMS {
            let found = of_table(&folder.join("a.sqlite"), stream);
            assert_eq!(found, truth(server, stream), "{stream}");
        }
    });
}

#[test]
fn sqlite_replaces_with_what_one_run_reads() {
    let flags = |folder: &Path| {
        let mut flags = to(folder.join("a.sqlite"));
        flags.extend(["--mode".to_owned(), "replace".to_owned()]);
        flags
    };
    hold("sqlite, replace", flags, |server, folder, _| {
        for stream in STREAMS {
            let found = of_table(&folder.join("a.sqlite"), stream);
            // A task of two projects is read with each of them.
            let mut expected: Vec<String> = server.records(stream).iter().map(gid).collect();
            expected.sort();
            assert_eq!(found, expected, "{stream}");
        }
    });
}

#[test]
fn files_are_whole_or_not_there() {
    let flags = |folder: &Path| to(folder.join("out/"));
    hold("folder", flags, |server, folder, _| {
        for stream in STREAMS {
            let text = std::fs::read_to_string(folder.join(format!("out/{stream}.jsonl"))).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            let mut found: Vec<String> = lines.map(|record: Value| gid(&record)).collect();
            found.sort();
            let mut expected: Vec<String> = server.records(stream).iter().map(gid).collect();
            expected.sort();
            assert_eq!(found, expected, "{stream}");
        }
    });
}

#[test]
fn a_state_file_lets_nothing_be_lost() {
    let flags = |folder: &Path| {
        let path = folder.join("state.json").display().to_string();
        vec!["--state".to_owned(), path]
    };
    hold("state file", flags, |server, _, story| {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        // The last line of a life may be cut off.
        for line in story.printed.lines() {
            let Ok(record) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let stream = record["stream"].as_str().unwrap().to_owned();
            found.entry(stream).or_default().push(gid(&record["data"]));
        }
        for stream in STREAMS {
            let mut ids = found.remove(stream).unwrap_or_default();
            ids.sort();
            ids.dedup();
            assert_eq!(ids, truth(server, stream), "{stream}");
        }
        assert!(story.made >= story.needed);
    });
}

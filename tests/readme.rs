//! Does what the README says.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::asana::{MANIFEST, Server, TOKEN};
use crate::asana_oas::all_mistakes;
use crate::support::Run;

const README: &str = include_str!("../README.md");

/// Commands of the README that are no run of `lowcode`, and are known to be right.
const OTHERS: [&str; 3] = [
    "cargo test",
    "cargo install --path . --locked",
    "export ASANA_TOKEN=paste-it-here",
];

/// Contents of the fenced blocks of a language, in order.
fn blocks(language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = README.lines();
    while let Some(line) = lines.next() {
        if line.strip_prefix("```") == Some(language) {
            let body = lines.by_ref().take_while(|line| *line != "```");
            blocks.push(body.collect::<Vec<_>>().join("\n") + "\n");
        }
    }
    blocks
}

/// Arguments of each run of `lowcode` in the README, without redirections.
fn runs() -> Vec<Vec<&'static str>> {
    let commands = README.split("```sh\n").skip(1);
    let commands = commands.flat_map(|block| block.split("```").next().unwrap_or("").lines());
    let mut runs = Vec::new();
    for command in commands {
        let args = command
            .strip_prefix("lowcode ")
            .or_else(|| command.strip_prefix("cargo run --release -- "));
        match args {
            Some(args) => {
                let args = args.split(['>', '|']);
                runs.push(args.take(1).flat_map(str::split_whitespace).collect());
            }
            // The query is made by `the_query_of_the_first_screen_answers_as_shown`.
            None if command.starts_with("sqlite3 asana.sqlite ") => {}
            None => assert!(OTHERS.contains(&command), "nobody checks `{command}`"),
        }
    }
    runs
}

/// The repository's `asana.yaml` with the stream that the README adds.
fn with_the_added_stream() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("asana.yaml");
    let manifest = std::fs::read_to_string(path).expect("asana.yaml is there");
    let (_, added) = README
        .split_once("<!-- below `streams:` -->\n```yaml\n")
        .expect("the README adds a stream");
    let (added, _) = added.split_once("```").expect("the block ends");
    assert!(manifest.contains("\nstreams:\n"), "asana.yaml has streams");
    manifest.replacen("\nstreams:\n", &format!("\nstreams:\n{added}"), 1)
}

#[test]
fn every_command_is_one_that_is_understood() {
    let runs = runs();
    assert!(runs.len() >= 6, "{runs:?}");
    for args in runs {
        // `--help` comes last: all that stands before it has to be right.
        Run::new().args(&args).args(["--help"]).run().success();
    }
}

#[test]
fn every_verb_of_the_table_exists_and_every_verb_is_in_it() {
    let help = Run::new().args(["--help"]).run().success().stdout;
    let listed = help.split("Commands:").nth(1).expect("help lists commands");
    let verbs = listed
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with("  "));
    let verbs: Vec<&str> = verbs
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.len() > 5, "{help}");
    for verb in verbs.into_iter().filter(|verb| *verb != "help") {
        let row = format!("| `lowcode {verb} ");
        assert!(README.contains(&row), "the README's table lacks `{verb}`");
        Run::new().args([verb, "--help"]).run().success();
    }
}

#[test]
fn every_flag_of_the_table_exists() {
    let flags = README.split("\n| `--").skip(1);
    let rows: Vec<&str> = flags.filter_map(|row| row.split(" |").next()).collect();
    assert!(rows.len() > 6);
    let run = Run::new().args(["run", "--help"]).run().success().stdout;
    let read = Run::new().args(["read", "--help"]).run().success().stdout;
    for row in rows {
        let names = row
            .split("--")
            .map(|part| part.split([' ', '`']).next().unwrap_or(""));
        for name in names.filter(|name| !name.is_empty()) {
            let flag = format!("--{name} ");
            let known =
                run.contains(&flag) || read.contains(&flag) || run.contains(&format!("--{name}\n"));
            assert!(known, "`--{name}` is no flag");
        }
    }
}

#[test]
fn the_commands_that_need_no_token_work() {
    let offline = runs()
        .into_iter()
        .filter(|args| args.contains(&"examples/asana.har") && !args.contains(&"--to"));
    let mut seen = 0;
    for args in offline {
        let output = Run::new()
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(&args)
            .run()
            .success();
        assert!(!output.records("tasks").is_empty(), "{}", output.stderr);
        seen += 1;
    }
    assert!(seen > 0, "the README's first command is gone");
}

#[test]
fn the_query_of_the_first_screen_answers_as_shown() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).expect("it is there");
    let args = runs().into_iter().find(|args| args.contains(&"--to"));
    let output = Run::new()
        .file("asana.yaml", &read("asana.yaml"))
        .file("examples/asana.har", &read("examples/asana.har"))
        .args(args.expect("the README writes a database"))
        .run()
        .success();
    let query = README
        .lines()
        .find_map(|line| line.strip_prefix("sqlite3 asana.sqlite \""));
    let query = query
        .and_then(|query| query.strip_suffix('"'))
        .expect("a query");
    // By the library, since the command is not everywhere; what it prints are cells with `|` between.
    let database = rusqlite::Connection::open(output.path("asana.sqlite")).expect("a database");
    let mut statement = database.prepare(query).expect("a query");
    let rows = statement.query_map([], |row| {
        Ok(format!(
            "{}|{}\n",
            row.get::<_, String>(0)?,
            row.get::<_, i64>(1)?
        ))
    });
    let answer: String = rows.expect("rows").map(|row| row.expect("a row")).collect();
    assert_eq!(blocks("text").remove(0), answer);
}

#[test]
fn the_added_stream_gives_its_records() {
    let server = Server::start();
    // The README's config, with its token in the environment.
    let config = blocks("yaml").remove(0);
    let run = runs()
        .into_iter()
        .find(|args| args.ends_with(&["--stream", "status_updates"]))
        .expect("the README runs its stream");
    let output = Run::new()
        .file("asana.yaml", &server.serve(&with_the_added_stream()))
        .file("config.yaml", &config)
        .env("ASANA_TOKEN", TOKEN)
        .args(run)
        .run()
        .success();
    let records = output.records("status_updates");
    assert!(!records.is_empty(), "{}", output.stderr);
    let keys = |records: &[Value]| {
        let keys = records.iter().map(|record| record["gid"].to_string());
        keys.collect::<BTreeSet<_>>()
    };
    let held = server.records("status_updates");
    assert_eq!(keys(&records), keys(&held));
    assert_eq!(records.len(), held.len());
    let seen = server.requests();
    assert_eq!(all_mistakes(seen.iter().map(|seen| &seen.request)), [""; 0]);
    let of_projects = seen
        .iter()
        .filter(|s| s.request.path == "/api/1.0/projects");
    assert_eq!(of_projects.count(), 2, "once for each workspace");
}

#[test]
fn the_commands_that_need_a_token_work() {
    let server = Server::start();
    let config = blocks("yaml").remove(0);
    let with_token = runs()
        .into_iter()
        .filter(|args| args.contains(&"config.yaml") && !args.contains(&"status_updates"));
    let mut verbs = BTreeSet::new();
    for args in with_token {
        verbs.insert(args[0]);
        let output = Run::new()
            .file("asana.yaml", &server.serve(MANIFEST))
            .file("config.yaml", &config)
            .env("ASANA_TOKEN", TOKEN)
            .args(&args)
            .run()
            .success();
        assert!(!output.stdout.is_empty(), "{args:?}: {}", output.stderr);
        if args.contains(&"--limit") {
            assert_eq!(output.records("users").len(), 5, "{}", output.stderr);
            assert!(output.records("tags").is_empty());
        }
        if args.contains(&"--record") {
            assert!(output.file("session.har").contains("\"version\":\"1.2\""));
        }
    }
    assert_eq!(verbs.into_iter().collect::<Vec<_>>(), ["check", "run"]);
}

#[test]
fn the_mistakes_of_a_config_are_told_as_shown() {
    let shown = blocks("text").remove(1);
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("asana.yaml");
    let manifest = std::fs::read_to_string(manifest).expect("asana.yaml is there");
    let output = Run::new()
        .manifest(&manifest)
        .config(&json!({"credentials": {"option_title": "PAT Credentials"}, "start_date": "soon"}))
        .args(["run"])
        .run()
        .exits(2);
    assert!(output.stderr.starts_with(&shown), "{}", output.stderr);
}

#[test]
fn yaml_blocks_are_yaml() {
    let blocks = blocks("yaml");
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        serde_yaml::from_str::<serde_yaml::Value>(&block)
            .unwrap_or_else(|e| panic!("{e}:\n{block}"));
    }
}

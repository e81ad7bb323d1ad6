//! One case: its commands are run, and what they answered is held against `expected.json`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::child::{Ran, Runner};
use super::find::CasePath;
use super::judge::{self, Problem};
use super::values::shortened;
use crate::clock::monotonic;
use crate::http::{Archive, Held};

/// Commands, and the key of `expected.json` that holds their answer.
const COMMANDS: [(&str, &str); 5] = [
    ("spec", "spec"),
    ("check", "check"),
    ("discover", "catalog"),
    ("discover", "catalog_error"),
    ("read", "read"),
];

/// How many differences of a kind are told of a command.
const TOLD: usize = 3;

/// What a case came to.
#[derive(Debug, Default)]
pub(super) struct CaseResult {
    pub(super) family: String,
    pub(super) name: String,
    /// Component types that the case is about.
    pub(super) components: BTreeSet<String>,
    pub(super) problems: Vec<Problem>,
    /// Requests that were made.
    pub(super) made: usize,
    /// Requests that the reference made.
    pub(super) recorded: usize,
    pub(super) took: Duration,
}

impl CaseResult {
    pub(super) fn passes(&self) -> bool {
        self.problems.is_empty()
    }

    /// `FAMILY/NAME`.
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.family, self.name)
    }
}

/// Runs all commands of a case. What cannot be run is a difference too.
///
/// Where one request has several answers in turn, several streams may ask for them, and it depends on
/// who comes first which of them meets an error: such a case is held by one thread if it fails.
pub(super) fn hold(case: &CasePath, runner: &Runner) -> CaseResult {
    let result = hold_once(case, runner);
    let archive = || Archive::load(&case.folder.join("http.har")).ok();
    if result.passes() || !archive().is_some_and(|archive| archive.depends_on_order()) {
        return result;
    }
    hold_once(case, &runner.clone().one_thread())
}

fn hold_once(case: &CasePath, runner: &Runner) -> CaseResult {
    let began = monotonic();
    let mut result = CaseResult {
        family: case.family.clone(),
        name: case.name.clone(),
        ..CaseResult::default()
    };
    if let Err(error) = commands(case, runner, &mut result) {
        result
            .problems
            .push(("case".to_owned(), format!("{error:#}")));
    }
    result.took = began.elapsed();
    result
}

fn commands(case: &CasePath, runner: &Runner, result: &mut CaseResult) -> anyhow::Result<()> {
    let expected: Value = json(&case.folder, "expected.json")?;
    result.components = components(&case.folder, &expected);
    let catalog = match case.folder.join("catalog.json").is_file() {
        true => json(&case.folder, "catalog.json")?,
        false => Value::Null,
    };
    let archive = case.folder.join("http.har");
    let now = expected["now"].as_str().unwrap_or_default();
    let is_read = expected["read"].is_object();
    // Requests of no command in particular: those that no command has made.
    let mut unclaimed: Option<Vec<String>> = None;
    for (verb, key) in COMMANDS {
        let Some(want) = expected.get(key).filter(|want| !want.is_null()) else {
            continue;
        };
        // A folder for each: a command may write the config.
        let folder = copied(&case.folder)?;
        let ran = runner.run(verb, folder.path(), &archive, now)?;
        let before = result.problems.len();
        result.problems.extend(match key {
            "spec" => judge::spec(want, &ran),
            "check" => judge::check(want, &ran),
            "catalog" => judge::discover(want, &ran),
            "catalog_error" => judge::catalog_error(want, &ran),
            _ => judge::read(want, &ran, &catalog, case.family == "suite-read"),
        });
        if let Some(want) = expected["control"].get(verb) {
            result.problems.extend(judge::control(verb, want, &ran));
        }
        if verb != "spec" {
            let held = Archive::load(&archive)?.of_command(verb);
            let mut held = held.hold(&ran.requests);
            let mut left = std::mem::take(&mut held.unclaimed);
            if is_read {
                // They were recorded of the read; other commands may make them, too.
                let of_read = left.drain(..).filter(|_| verb == "read");
                held.missing.extend(of_read);
            } else if let Some(before) = &unclaimed {
                left.retain(|request| before.contains(request));
            }
            unclaimed = Some(left);
            result.made += held.made;
            result.recorded += held.recorded;
            requests(verb, held, &mut result.problems);
        }
        if let Some(broke) = &ran.broke {
            let kind = format!("{verb}.broke");
            result.problems.insert(before, (kind, broke.clone()));
        }
        tell_stderr(verb, &ran, before, result);
    }
    for request in unclaimed.into_iter().flatten().take(TOLD) {
        result
            .problems
            .push(("request.missing".to_owned(), request));
    }
    Ok(())
}

/// Adds what a failing command said last.
fn tell_stderr(verb: &str, ran: &Ran, before: usize, result: &mut CaseResult) {
    let text = ran.stderr.trim();
    if result.problems.len() > before && !text.is_empty() {
        result
            .problems
            .push((format!("{verb}.stderr"), shortened(text, 400)));
    }
}

fn requests(verb: &str, held: Held, problems: &mut Vec<Problem>) {
    for (kind, texts) in [
        ("extra", held.extra),
        ("missing", held.missing),
        ("header", held.headers),
    ] {
        let kind = format!("{verb}.request.{kind}");
        let more = texts.len().saturating_sub(TOLD);
        let told = texts.into_iter().take(TOLD);
        problems.extend(told.map(|text| (kind.clone(), text)));
        if more > 0 {
            problems.push((kind, format!("… and {more} more")));
        }
    }
}

fn json(folder: &Path, name: &str) -> anyhow::Result<Value> {
    let text = fs::read(folder.join(name)).map_err(|e| anyhow::anyhow!("{name}: {e}"))?;
    serde_json::from_slice(&text).map_err(|e| anyhow::anyhow!("{name}: {e}"))
}

/// A folder with the case's files, and nothing that the reference did not have.
fn copied(from: &Path) -> std::io::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for name in ["manifest.yaml", "config.json", "catalog.json", "state.json"] {
        let path = from.join(name);
        if path.is_file() {
            fs::write(folder.path().join(name), fs::read(path)?)?;
        }
    }
    Ok(folder)
}

/// What the case says that it covers; else the types that its manifest names.
fn components(folder: &Path, expected: &Value) -> BTreeSet<String> {
    if let Some(covers) = expected["covers"].as_array() {
        return (covers.iter().filter_map(Value::as_str))
            .map(str::to_owned)
            .collect();
    }
    named_types(&fs::read_to_string(folder.join("manifest.yaml")).unwrap_or_default())
}

/// The values of `type` in a YAML or JSON text that start with a capital, as components' do.
fn named_types(text: &str) -> BTreeSet<String> {
    let types = text.match_indices("type").filter_map(|(at, word)| {
        let before = text.get(..at)?.chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let rest = text.get(at + word.len()..)?.trim_start_matches(['"', '\'']);
        let value = rest
            .strip_prefix(':')?
            .trim_start()
            .trim_start_matches(['"', '\'']);
        let name: String = value
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        name.starts_with(|c: char| c.is_ascii_uppercase())
            .then_some(name)
    });
    types.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_in_yaml_and_in_json() {
        let text = "a: {type: NoAuth}\nb:\n  type: 'JsonDecoder'\n  \"type\": \"CsvDecoder\"\n  content_type: X-Y\n  type: object";
        let found: Vec<String> = named_types(text).into_iter().collect();
        assert_eq!(found, ["CsvDecoder", "JsonDecoder", "NoAuth"]);
    }
}

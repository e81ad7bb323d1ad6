//! Holds the program against the conformance cases, by its own verb.
//!
//! The cases are those of `LOWCODE_CONFORMANCE`, else of `../shared/conformance` beside this package.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::Run;

/// A third of an hour, for slow machines: seconds that all cases may take.
const LIMIT: u64 = 1200;

#[test]
fn cases_are_answered_as_the_reference_does() {
    let Some(folder) = folder() else {
        return;
    };
    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/known_failures.txt");
    let output = Run::new()
        .args(["conformance", &folder.display().to_string(), "--json"])
        .args(["--known", &known.display().to_string()])
        .timeout(LIMIT)
        .run();
    let report: Value = serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("no report: {error}\n{}", output.stderr));
    let vectors = &report["vectors"];
    println!(
        "cases: {} passed, {} failed; vectors: {} passed, {} failed; requests: {}",
        report["passed"],
        report["failed"],
        vectors["passed"],
        vectors["failed"],
        report["requests"]
    );
    let surprises = report["surprises"].as_array().expect("a list");
    let told: Vec<String> = surprises.iter().map(|name| tell(name, &report)).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    output.success();
}

/// A surprise in words, with its differences.
fn tell(surprise: &Value, report: &Value) -> String {
    let name = surprise["name"].as_str().unwrap_or_default();
    if surprise["passes"] == true {
        return format!("{name} passes: take it out of tests/conformance/known_failures.txt");
    }
    let cases = report["cases"].as_array().into_iter().flatten();
    let mut cases = cases.filter(|case| {
        let full = format!(
            "{}/{}",
            case["family"].as_str().unwrap_or(""),
            case["case"].as_str().unwrap_or("")
        );
        full == name
    });
    let failures = report["vectors"]["failures"]
        .as_array()
        .into_iter()
        .flatten();
    let mut failures = failures.filter(|vector| vector["vector"] == name);
    let problems = cases.next().map(|case| &case["problems"]);
    let problems = problems.or_else(|| failures.next().map(|vector| &vector["problem"]));
    format!("{name} fails: {:#}", problems.unwrap_or(&Value::Null))
}

/// Where the cases are. Without them nothing is held, which everybody is told: the handle is not
/// captured by the test's runner, as `eprintln!` is.
fn folder() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test may be told where its data is"
    )]
    let told = std::env::var_os("LOWCODE_CONFORMANCE");
    let folder = told.map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance"),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    let _ = writeln!(
        std::io::stderr(),
        "\n!! SKIPPED: the conformance cases are NOT held: there is no {}; set LOWCODE_CONFORMANCE\n",
        folder.display()
    );
    None
}

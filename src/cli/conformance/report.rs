//! The report: tables for a person, one JSON document for a program.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::case::CaseResult;
use super::known::Known;
use super::values::shortened;
use super::vectors::{KindResult, WrongVector};

/// Vectors of a kind of which the failures are told.
const VECTORS_TOLD: usize = 20;

/// What cases and vectors came to.
pub(super) struct Report {
    pub(super) cases: Vec<CaseResult>,
    pub(super) vectors: Vec<KindResult>,
    pub(super) known: Arc<Known>,
}

/// How many of how many.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: usize,
    all: usize,
}

impl Tally {
    fn add(&mut self, passes: bool) {
        self.all += 1;
        self.passed += usize::from(passes);
    }

    fn share(self) -> f64 {
        100.0 * self.passed as f64 / self.all.max(1) as f64
    }

    fn json(self) -> Value {
        json!({"passed": self.passed, "failed": self.all - self.passed})
    }
}

/// Requests made, and requests of the reference.
#[derive(Debug, Default)]
struct Requests<'a> {
    made: usize,
    recorded: usize,
    worst: Option<(f64, &'a CaseResult)>,
}

impl Report {
    /// Did all pass but those that are known to fail, and these not?
    pub(super) fn passes(&self) -> bool {
        self.surprises().is_empty()
    }

    /// Names that fail and are not in the list, or are in it and pass; `true` for those that pass.
    fn surprises(&self) -> Vec<(String, bool)> {
        let cases = self
            .cases
            .iter()
            .map(|case| (case.full_name(), case.passes()));
        let wrong = (self.vectors.iter()).flat_map(|kind| kind.wrong.iter().map(WrongVector::name));
        let right = self
            .vectors
            .iter()
            .flat_map(|kind| kind.right.iter().cloned());
        let all = cases
            .chain(wrong.map(|name| (name, false)))
            .chain(right.map(|name| (name, true)));
        all.filter(|(name, passes)| self.known.reason(name).is_some() == *passes)
            .collect()
    }

    fn by<'a>(&'a self, keys: impl Fn(&'a CaseResult) -> Vec<&'a str>) -> BTreeMap<&'a str, Tally> {
        let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
        for case in &self.cases {
            for key in keys(case) {
                tallies.entry(key).or_default().add(case.passes());
            }
        }
        tallies
    }

    fn families(&self) -> BTreeMap<&str, Tally> {
        self.by(|case| vec![case.family.as_str()])
    }

    fn components(&self) -> BTreeMap<&str, Tally> {
        self.by(|case| case.components.iter().map(String::as_str).collect())
    }

    fn connectors(&self) -> BTreeMap<&str, Tally> {
        self.by(|case| {
            let named = case.family.starts_with("corpus");
            let name = case.name.split_once("--").filter(|_| named);
            name.map(|(connector, _)| connector).into_iter().collect()
        })
    }

    fn requests(&self) -> Requests<'_> {
        let mut sum = Requests::default();
        for case in self.cases.iter().filter(|case| case.family == "corpus") {
            sum.made += case.made;
            sum.recorded += case.recorded;
            let ratio = case.made as f64 / case.recorded.max(1) as f64;
            if sum.worst.is_none_or(|(worst, _)| ratio > worst) {
                sum.worst = Some((ratio, case));
            }
        }
        sum
    }

    fn vector_tally(&self) -> Tally {
        let all = self.vectors.iter();
        all.fold(Tally::default(), |sum, kind| Tally {
            passed: sum.passed + kind.right.len(),
            all: sum.all + kind.right.len() + kind.wrong.len(),
        })
    }

    /// Tables, then failures.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        if !self.cases.is_empty() {
            table("family", &self.families(), &mut out);
            folded("component", &self.components(), &mut out);
            folded("connector", &self.connectors(), &mut out);
        }
        self.vector_table(&mut out);
        for case in self.cases.iter().filter(|case| !case.passes()) {
            self.failing(&case.full_name(), &mut out);
            for (kind, text) in &case.problems {
                let text = shortened(text, 600).replace('\n', "\n          ");
                let _ = writeln!(out, "      {kind}: {text}");
            }
        }
        for kind in &self.vectors {
            for wrong in kind.wrong.iter().take(VECTORS_TOLD) {
                self.failing(&wrong.name(), &mut out);
                let text = shortened(&wrong.difference, 600);
                let input = shortened(&wrong.input, 300);
                let _ = writeln!(out, "      {text}\n      input: {input}");
            }
            let more = kind.wrong.len().saturating_sub(VECTORS_TOLD);
            if more > 0 {
                let _ = writeln!(out, "FAIL  … and {more} more of vectors/{}", kind.file);
            }
        }
        self.closing(&mut out);
        out
    }

    fn failing(&self, name: &str, out: &mut String) {
        let _ = match self.known.reason(name) {
            Some(reason) => writeln!(out, "known {name}: {reason}"),
            None => writeln!(out, "FAIL  {name}"),
        };
    }

    fn vector_table(&self, out: &mut String) {
        let rows = self.vectors.iter().map(|kind| {
            let tally = Tally {
                passed: kind.right.len(),
                all: kind.right.len() + kind.wrong.len(),
            };
            (format!("{}: {}", kind.file, kind.kind), tally)
        });
        let rows: Vec<(String, Tally)> = rows.collect();
        let rows: BTreeMap<&str, Tally> =
            rows.iter().map(|(name, t)| (name.as_str(), *t)).collect();
        if !rows.is_empty() {
            table("vectors", &rows, out);
        }
    }

    fn closing(&self, out: &mut String) {
        let surprising = self.surprises().into_iter().filter(|(_, passes)| *passes);
        for (name, _) in surprising {
            let _ = writeln!(out, "passes, and is in the list of known failures: {name}");
        }
        let requests = self.requests();
        if let Some((ratio, worst)) = requests.worst {
            let (made, recorded) = (requests.made, requests.recorded);
            let _ = writeln!(
                out,
                "requests of the corpus / of the reference: {made} / {recorded} = {:.3}; the worst: {ratio:.3} in {}",
                made as f64 / recorded.max(1) as f64,
                worst.full_name()
            );
        }
        if !self.cases.is_empty() {
            let passed = self.cases.iter().filter(|case| case.passes()).count();
            let failed = self.cases.len() - passed;
            let _ = writeln!(out, "cases: {passed} passed, {failed} failed");
        }
        if !self.vectors.is_empty() {
            let tally = self.vector_tally();
            let failed = tally.all - tally.passed;
            let _ = writeln!(out, "vectors: {} passed, {failed} failed", tally.passed);
        }
    }

    /// The same as JSON. Cases have the form that `hold.py --json` gives them, and more.
    pub(super) fn json(&self) -> Value {
        let tallies = |tallies: BTreeMap<&str, Tally>| -> Value {
            let entries = tallies.into_iter();
            Value::Object(
                entries
                    .map(|(name, tally)| (name.to_owned(), tally.json()))
                    .collect(),
            )
        };
        let passed = self.cases.iter().filter(|case| case.passes()).count();
        let cases = self.cases.iter().map(|case| {
            json!({
                "family": case.family,
                "case": case.name,
                "pass": case.passes(),
                "known": self.known.reason(&case.full_name()),
                "problems": case.problems,
                "requests": {"made": case.made, "reference": case.recorded},
                "seconds": case.took.as_secs_f64(),
            })
        });
        let requests = self.requests();
        let wrong = self
            .vectors
            .iter()
            .flat_map(|kind| &kind.wrong)
            .map(|wrong| {
                json!({"vector": wrong.name(), "kind": wrong.kind, "problem": wrong.difference,
                "known": self.known.reason(&wrong.name())})
            });
        let kinds = self.vectors.iter().map(|kind| {
            json!({"file": kind.file, "kind": kind.kind, "passed": kind.right.len(),
                "failed": kind.wrong.len()})
        });
        let surprises = self.surprises().into_iter();
        let surprises = surprises.map(|(name, passes)| json!({"name": name, "passes": passes}));
        json!({
            "passed": passed,
            "failed": self.cases.len() - passed,
            "surprises": surprises.collect::<Value>(),
            "families": tallies(self.families()),
            "components": tallies(self.components()),
            "connectors": tallies(self.connectors()),
            "requests": {
                "made": requests.made,
                "reference": requests.recorded,
                "worst": requests.worst.map(|(ratio, case)| json!({"case": case.full_name(), "ratio": ratio})),
            },
            "cases": cases.collect::<Value>(),
            "vectors": {
                "passed": self.vector_tally().passed,
                "failed": self.vector_tally().all - self.vector_tally().passed,
                "kinds": kinds.collect::<Value>(),
                "failures": wrong.collect::<Value>(),
            },
        })
    }
}

/// All rows.
fn table(title: &str, rows: &BTreeMap<&str, Tally>, out: &mut String) {
    let width = rows
        .keys()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0)
        .max(title.len());
    let _ = writeln!(out, "{title:width$}  passed   of");
    for (name, tally) in rows {
        let Tally { passed, all } = tally;
        let _ = writeln!(
            out,
            "{name:width$}  {passed:6} {all:4}  {:6.2}%",
            tally.share()
        );
    }
    out.push('\n');
}

/// Rows of which not all pass, and how many there are of the others.
fn folded(title: &str, rows: &BTreeMap<&str, Tally>, out: &mut String) {
    let failing = rows.iter().filter(|(_, tally)| tally.passed < tally.all);
    let failing: BTreeMap<&str, Tally> = failing.map(|(name, tally)| (*name, *tally)).collect();
    let good = rows.len() - failing.len();
    if !failing.is_empty() {
        table(title, &failing, out);
    }
    if good > 0 {
        let others = if failing.is_empty() { "" } else { "other " };
        let _ = writeln!(out, "all cases of {good} {others}{title}s pass\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(
        family: &str,
        name: &str,
        problems: &[(&str, &str)],
        requests: (usize, usize),
    ) -> CaseResult {
        let problems = problems
            .iter()
            .map(|(k, t)| ((*k).to_owned(), (*t).to_owned()));
        CaseResult {
            family: family.to_owned(),
            name: name.to_owned(),
            components: ["CsvDecoder".to_owned()].into(),
            problems: problems.collect(),
            made: requests.0,
            recorded: requests.1,
            ..CaseResult::default()
        }
    }

    fn report(known: &str) -> Report {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("known"), known).unwrap();
        let Ok(known) = Known::load(&folder.path().join("known")) else {
            panic!("the list is good");
        };
        Report {
            cases: vec![
                case("corpus", "source-a--full", &[], (3, 4)),
                case(
                    "corpus",
                    "source-b--full",
                    &[("read.records", "s: 1 of 2\nmissing")],
                    (2, 1),
                ),
            ],
            vectors: vec![KindResult {
                file: "slices".to_owned(),
                kind: "slices".to_owned(),
                right: vec!["vectors/slices/1".to_owned()],
                wrong: Vec::new(),
            }],
            known: Arc::new(known),
        }
    }

    #[test]
    fn the_tables_tell_who_fails_and_why() {
        let expected = "\
family  passed   of
corpus       1    2   50.00%

component   passed   of
CsvDecoder       1    2   50.00%

connector  passed   of
source-b        0    1    0.00%

all cases of 1 other connectors pass

vectors         passed   of
slices: slices       1    1  100.00%

FAIL  corpus/source-b--full
      read.records: s: 1 of 2
          missing
requests of the corpus / of the reference: 5 / 5 = 1.000; the worst: 2.000 in corpus/source-b--full
cases: 1 passed, 1 failed
vectors: 1 passed, 0 failed
";
        assert_eq!(report("").text(), expected);
    }

    #[test]
    fn it_passes_when_just_the_known_ones_fail() {
        assert!(!report("").passes());
        assert!(report("corpus/source-b--full why").passes());
        let all = "corpus/source-b--full why\nvectors/slices/1 why";
        assert!(!report(all).passes());
        assert!(
            report(all)
                .text()
                .contains("passes, and is in the list of known failures: vectors/slices/1")
        );
    }

    #[test]
    fn the_document_has_the_same() {
        let document = report("").json();
        assert_eq!(
            document["families"]["corpus"],
            json!({"passed": 1, "failed": 1})
        );
        assert_eq!(
            document["requests"]["worst"],
            json!({"case": "corpus/source-b--full", "ratio": 2.0})
        );
        assert_eq!(
            document["cases"][1]["problems"],
            json!([["read.records", "s: 1 of 2\nmissing"]])
        );
        assert_eq!(
            document["surprises"],
            json!([{"name": "corpus/source-b--full", "passes": false}])
        );
    }
}

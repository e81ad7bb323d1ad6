//! Vectors: golden answers of single components.
//!
//! In: files of vectors, a JSON object a line. Out: which of them our components answer alike. A
//! panic or a hang is a wrong answer of that vector only.

mod dates;
mod errors;
mod paginators;
mod parts;
mod records;
mod same;
mod slices;
mod templates;

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::clock::monotonic;

/// Stack of a thread that evaluates: as much as a program's first thread has.
const STACK: usize = 8 << 20;

/// What the vectors of one kind came to.
#[derive(Debug, Default)]
pub(super) struct KindResult {
    pub(super) file: String,
    pub(super) kind: String,
    /// Names of those that are answered as the reference does.
    pub(super) right: Vec<String>,
    pub(super) wrong: Vec<WrongVector>,
}

/// A vector that is answered otherwise.
#[derive(Debug)]
pub(super) struct WrongVector {
    pub(super) file: String,
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) difference: String,
    pub(super) input: String,
}

impl WrongVector {
    pub(super) fn name(&self) -> String {
        name(&self.file, &self.id)
    }
}

fn name(file: &str, id: &str) -> String {
    format!("vectors/{file}/{id}")
}

/// A line of a file.
struct Line {
    file: Arc<str>,
    text: String,
}

/// What the threads share.
struct Work {
    lines: Vec<Line>,
    next: AtomicUsize,
    /// What each thread works on, and since when.
    now: Mutex<BTreeMap<usize, (usize, Instant)>>,
}

/// Evaluates the vectors of `files` on `jobs` threads.
pub(super) fn hold(
    files: &[PathBuf],
    jobs: usize,
    timeout: Duration,
) -> io::Result<Vec<KindResult>> {
    let mut lines = Vec::new();
    for path in files {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let file: Arc<str> = stem.into();
        let text = std::fs::read_to_string(path)?;
        lines.extend(text.lines().map(|line| Line {
            file: Arc::clone(&file),
            text: line.to_owned(),
        }));
    }
    let work = Arc::new(Work {
        lines,
        next: AtomicUsize::new(0),
        now: Mutex::default(),
    });
    Ok(gather(&work, evaluate_all(&work, jobs, timeout)?))
}

type Answer = Result<(), String>;

fn evaluate_all(work: &Arc<Work>, jobs: usize, timeout: Duration) -> io::Result<Vec<Answer>> {
    let (sender, receiver) = channel();
    let mut threads = 0;
    let mut start = |sender: &Sender<(usize, Answer)>| {
        threads += 1;
        let (id, work, sender) = (threads, Arc::clone(work), sender.clone());
        let builder = std::thread::Builder::new().stack_size(STACK);
        builder
            .spawn(move || evaluate(id, &work, &sender))
            .map(|_| ())
    };
    for _ in 0..jobs.min(work.lines.len()) {
        start(&sender)?;
    }
    let mut answers: Vec<Option<Answer>> = work.lines.iter().map(|_| None).collect();
    let mut left = answers.len();
    let mut take = |at: usize, answer: Answer, left: &mut usize| {
        // A thread that was given up may answer after all.
        if let Some(place @ None) = answers.get_mut(at) {
            *place = Some(answer);
            *left -= 1;
        }
    };
    while left > 0 {
        match receiver.recv_timeout(Duration::from_millis(500)) {
            Ok((at, answer)) => take(at, answer, &mut left),
            Err(RecvTimeoutError::Timeout) => {
                for at in work.give_up(timeout) {
                    let text = format!("no answer after {} s", timeout.as_secs());
                    take(at, Err(text), &mut left);
                    start(&sender)?;
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let answers = answers.into_iter();
    Ok(answers
        .map(|answer| answer.unwrap_or_else(|| Err("no answer".to_owned())))
        .collect())
}

impl Work {
    /// The lines that take longer than `timeout`; their threads are given up.
    fn give_up(&self, timeout: Duration) -> Vec<usize> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let mut late = Vec::new();
        now.retain(|_, (at, since)| {
            let is_late = since.elapsed() > timeout;
            late.extend(is_late.then_some(*at));
            !is_late
        });
        late
    }

    /// The next line for the thread `id`, unless it was given up.
    fn next(&self, id: usize, is_first: bool) -> Option<(usize, &Line)> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.remove(&id).is_none() && !is_first {
            return None;
        }
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        let line = self.lines.get(at)?;
        now.insert(id, (at, monotonic()));
        Some((at, line))
    }
}

fn evaluate(id: usize, work: &Work, to: &Sender<(usize, Answer)>) {
    let mut is_first = true;
    while let Some((at, line)) = work.next(id, std::mem::take(&mut is_first)) {
        let answer = catch_unwind(AssertUnwindSafe(|| judge(&line.file, &line.text)));
        let answer = answer.unwrap_or_else(|panic| Err(format!("panic: {}", said(&*panic))));
        if to.send((at, answer)).is_err() {
            return;
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or_default()
}

fn gather(work: &Work, answers: Vec<Answer>) -> Vec<KindResult> {
    let mut kinds: BTreeMap<(String, String), KindResult> = BTreeMap::new();
    for (line, answer) in work.lines.iter().zip(answers) {
        let vector: Value = serde_json::from_str(&line.text).unwrap_or_default();
        let text = |key: &str| vector[key].as_str().unwrap_or_default().to_owned();
        let (file, id, kind) = (line.file.to_string(), text("id"), text("kind"));
        let result = kinds
            .entry((file.clone(), kind.clone()))
            .or_insert_with(|| KindResult {
                file: file.clone(),
                kind: kind.clone(),
                ..KindResult::default()
            });
        match answer {
            Ok(()) => result.right.push(name(&file, &id)),
            Err(difference) => result.wrong.push(WrongVector {
                file,
                id,
                kind,
                difference,
                input: vector["input"].to_string(),
            }),
        }
    }
    kinds.into_values().collect()
}

/// Holds one vector; `Err` is the difference.
fn judge(file: &str, line: &str) -> Answer {
    let vector: Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
    let kind = vector["kind"].as_str().unwrap_or_default();
    let input = &vector["input"];
    let answer = match (file, kind) {
        ("interpolation", _) => templates::answer(kind, input),
        ("datetime", _) => dates::answer(kind, input),
        ("slices", "slices") => slices::answer(input),
        ("errors", _) => errors::answer(kind, input),
        ("paginate", _) => paginators::answer(kind, input),
        ("extract" | "transform", _) => records::answer(kind, input),
        _ => Err(format!("unknown kind `{kind}` of `{file}`")),
    };
    match (answer, vector.get("expect")) {
        (Err(_), None) => Ok(()),
        (Ok(answer), None) => Err(format!("expected an error, found {answer}")),
        (Err(error), Some(expected)) => {
            Err(format!("expected {expected}, found the error: {error}"))
        }
        (Ok(answer), Some(expected)) => {
            let same = match file {
                "interpolation" | "datetime" => same::strictly(&answer, expected),
                "errors" => errors::same(input, &answer, expected),
                _ => same::by_value(&answer, expected, 0.0),
            };
            match same {
                true => Ok(()),
                false => Err(format!("expected {expected}, found {answer}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn held(file: &str, vectors: &[Value]) -> Vec<KindResult> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("{file}.jsonl"));
        let lines: Vec<String> = vectors.iter().map(Value::to_string).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        hold(&[path], 2, Duration::from_secs(60)).unwrap()
    }

    fn vector(kind: &str, input: Value, expect: Value) -> Value {
        json!({"id": "1", "kind": kind, "input": input, "expect": expect})
    }

    /// Whether each of the vectors is right.
    fn right(file: &str, vectors: &[Value]) -> bool {
        let held = held(file, vectors);
        assert!(!held.is_empty());
        held.iter().all(|kind| kind.wrong.is_empty())
    }

    #[test]
    fn answers_are_told_apart() {
        let ten = || json!({"template": "{{ 10 }}", "context": {}});
        let held = held(
            "interpolation",
            &[
                vector("string", ten(), json!(10)),
                vector("string", ten(), json!(10.0)),
                json!({"id": "2", "kind": "string", "input": ten(), "error": true}),
                vector("no such kind", json!({}), json!(1)),
            ],
        );
        let wrong: Vec<&WrongVector> = held.iter().flat_map(|kind| &kind.wrong).collect();
        assert_eq!(held.iter().map(|kind| kind.right.len()).sum::<usize>(), 1);
        assert_eq!(wrong.len(), 3);
        assert!(
            wrong
                .iter()
                .any(|w| w.difference == "expected 10.0, found 10"),
            "{wrong:?}"
        );
        assert!(wrong.iter().any(|w| w.name() == "vectors/interpolation/2"));
    }

    #[test]
    fn each_file_has_its_evaluation() {
        let body = |text: &str| json!({"status": 200, "headers": {}, "body": text});
        assert!(right(
            "datetime",
            &[vector(
                "format",
                json!({"datetime": "2025-03-01T00:00:00Z", "format": "%Y"}),
                json!("2025")
            )]
        ));
        assert!(right(
            "extract",
            &[vector(
                "extract",
                json!({"definition": {"type": "DpathExtractor", "field_path": ["a"]}, "response": body("{\"a\": [1]}")}),
                json!([1])
            )]
        ));
        assert!(right(
            "transform",
            &[vector(
                "transform",
                json!({"definition": {"type": "RemoveFields", "field_pointers": [["a"]]}, "record": {"a": 1, "b": 2}}),
                json!({"b": 2})
            )]
        ));
        assert!(right(
            "slices",
            &[vector(
                "slices",
                json!({"partition_router": {"type": "ListPartitionRouter", "values": ["a"], "cursor_field": "k"}, "state": null}),
                json!([{"partition": {"k": "a"}, "cursor_slice": {}}])
            )]
        ));
        assert!(right(
            "errors",
            &[vector(
                "backoff",
                json!({"definition": {"type": "ConstantBackoffStrategy", "backoff_time_in_seconds": 5}, "response": body(""), "attempt": 1}),
                json!({"backoff_seconds": 5.0})
            )]
        ));
        assert!(right(
            "paginate",
            &[vector(
                "strategy",
                json!({"definition": {"type": "PageIncrement", "page_size": 1}, "response": body("[1]"), "last_page_size": 1, "last_record": 1, "last_page_token_value": 0}),
                json!(1)
            )]
        ));
    }
}

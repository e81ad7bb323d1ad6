//! `--report`: what became of a run, for programs.
//!
//! In: the outcome. Out: a JSON file, written under a temporary name and renamed.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::error::Failure;
use crate::clock::Clock;
use crate::engine::{Outcome, StreamOutcome};
use crate::output::{Output, Written};

/// Writes the report of `outcome` to `path`.
pub(super) fn write(
    path: &Path,
    outcome: &Outcome,
    output: &dyn Output,
    clock: &Clock,
    seconds: f64,
) -> Result<(), Failure> {
    let streams = outcome.streams.iter().map(|stream| {
        let written = output.written(&stream.name).filter(|_| stream.selected);
        of_stream(stream, written.as_ref(), clock)
    });
    let report = json!({
        "seconds": seconds,
        "interrupted": outcome.cancelled || outcome.bound.is_some(),
        "streams": streams.collect::<Vec<_>>(),
    });
    let put = || -> anyhow::Result<()> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        serde_json::to_writer_pretty(&mut file, &report)?;
        file.write_all(b"\n")?;
        file.persist(path)?;
        Ok(())
    };
    put().map_err(|error| {
        Failure::work(error.context(format!("cannot write the report `{}`", path.display())))
    })
}

fn of_stream(stream: &StreamOutcome, written: Option<&Written>, clock: &Clock) -> Value {
    let stats = &stream.stats;
    let by_status = stats.ignored_by_status().into_iter();
    let by_status = by_status.map(|(status, count)| (status.to_string(), count.into()));
    let errors = stream.errors.iter().map(|error| {
        json!({
            "message": error.message,
            "slice": serde_json::from_str::<Value>(&error.slice).ok(),
            "request": error.exchange.as_ref().map(|exchange| &exchange.request),
            "status": error.exchange.as_ref().and_then(|exchange| exchange.status),
            "attempts": error.exchange.as_ref().map(|exchange| exchange.attempts),
        })
    });
    json!({
        "stream": &*stream.name,
        "selected": stream.selected,
        "finished": stream.finished,
        "records": {
            "read": stats.read.get(),
            "filtered": stats.filtered.get(),
            "emitted": stats.records.get(),
            "written": written.map(|written| written.records),
            "misfits": written.map(|written| written.misfits),
        },
        "requests": {
            "sent": stats.requests.get(),
            "retried": stats.retries.get(),
            "ignored": stats.ignored.get(),
            "ignored_by_status": Value::Object(by_status.collect()),
        },
        "partitions": {
            "done": stats.partitions.get().saturating_sub(stats.failed.get()),
            "failed": stats.failed.get(),
            "keyless_parents": stats.keyless.get(),
        },
        "bytes": stats.bytes.get(),
        "waited_seconds": clock.scaled(stats.waited()).as_secs_f64(),
        "seconds": stream.elapsed.as_secs_f64(),
        "slowest": stats.slowest().map(|slowest| {
            json!({"seconds": slowest.took.as_secs_f64(), "request": slowest.request})
        }),
        "errors": errors.collect::<Vec<_>>(),
        "notes": stream.notes,
    })
}

/// Whether anything was left out without a failure: what `--strict` asks.
pub(super) fn is_lossy(outcome: &Outcome, output: &dyn Output) -> bool {
    outcome.streams.iter().any(|stream| {
        let stats = &stream.stats;
        let misfits = output
            .written(&stream.name)
            .map_or(0, |written| written.misfits);
        stats.ignored.get() > 0 || stats.keyless.get() > 0 || misfits > 0
    })
}

//! `lowcode run`.

use std::sync::Arc;

use clap::Args;

use super::error::{Failure, Outcome, say};
use super::flags;
use super::open::{Broken, Planned, open};
use super::report::{self, StreamReport};
use super::settings::{files_directory, variable};
use super::signals;
use super::stdout::Watched;
use super::told::Told;
use crate::clock::{Clock, monotonic};
use crate::component::authenticator::Session as _;
use crate::engine::{self, Bound, Options, StreamOutcome};
use crate::manifest;
use crate::message::Message;
use crate::output::{JsonlOutput, Output as _};

const EXAMPLES: &str = "Examples:
  lowcode run asana.yaml --replay examples/asana.har
  lowcode run asana.yaml --config config.yaml > records.jsonl
  lowcode run asana.yaml --set credentials.token=... --stream users --limit 10
  lowcode run asana.yaml --config config.yaml --record session.har";

/// Read streams, and print one JSON line a record
#[derive(Debug, Args)]
#[command(help_template = flags::TEMPLATE, after_help = EXAMPLES)]
pub(super) struct Flags {
    /// Read only this stream; may be given several times
    #[arg(short, long, value_name = "NAME")]
    pub(super) stream: Vec<String>,
    /// Stop each stream after this many records
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
    #[command(flatten)]
    pub(super) bounds: flags::Bounds,
    #[command(flatten)]
    pub(super) source: flags::Source,
    #[command(flatten)]
    pub(super) archive: flags::Archive,
    #[command(flatten)]
    pub(super) threads: flags::Threads,
}

/// Prints the records on standard output and the closing table on standard error.
pub(super) fn run(flags: &Flags) -> Result<Outcome, Failure> {
    let flow = Arc::default();
    let cancel = signals::listen(&flow)?;
    let opened = open(&flags.source, &flags.archive, &flags.threads, "run", cancel)?;
    let opened = opened.bounded(&flags.bounds);
    let asked = (!flags.stream.is_empty()).then_some(flags.stream.as_slice());
    let offer = opened.offer(asked);
    let names = offer.names();
    if let Some(unknown) = flags
        .stream
        .iter()
        .find(|name| !names.contains(&name.as_str()))
    {
        let broken: Vec<Broken> = offer.broken.iter().cloned().map(Broken::from).collect();
        opened.tell(&broken);
        let near = manifest::nearest(unknown, names.iter().copied());
        let near = near.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        return Err(
            Failure::wrong(format!("there is no stream `{unknown}`{near}"))
                .hint(format!("the manifest's streams are: {}", names.join(", "))),
        );
    }
    let wanted = |name: &str| flags.stream.is_empty() || flags.stream.iter().any(|s| s == name);
    let Planned { plan, broken } = opened.plan(offer, &wanted);
    opened.tell(&broken);
    let options = Options {
        workers: opened.workers(),
        jobs: opened.declared.jobs(&opened.config),
        limit: flags.limit,
        read_ahead: flags.limit.is_none(),
        files: files_directory(),
        groups: opened.groups.clone(),
        ..Options::default()
    };
    let began = monotonic();
    let mut output = JsonlOutput::new(Watched::stdout(&flow));
    let mut told = Told::default();
    let secrets = opened.session.secrets();
    let result = engine::run(
        plan,
        Arc::clone(&opened.session),
        &options,
        &mut |message| {
            if let Message::Failure(failure) = &message
                && let Some(text) = told.news(failure)
            {
                say(&secrets.mask(&text));
            }
            output.write(&message)
        },
    );
    // What was read is written out whole, whatever ended the run.
    let finished = output.finish();
    let recorded = opened.finish();
    for text in told.likewise() {
        say(&secrets.mask(&text));
    }
    let outcome = result?;
    finished?;
    if let Some(bound) = outcome.bound {
        say(stopped(bound));
    }
    if !outcome.streams.is_empty() {
        let columns = variable("COLUMNS").and_then(|columns| columns.parse().ok());
        report::print(
            &reports(&outcome, &broken, &opened.source.settings.clock),
            began.elapsed().as_secs_f64(),
            columns,
        );
    }
    recorded?;
    Ok(ending(&outcome, &broken))
}

/// What the exit code says of a run.
pub(super) fn ending(outcome: &engine::Outcome, broken: &[Broken]) -> Outcome {
    if outcome.cancelled {
        return Outcome::Interrupted;
    }
    let failed = outcome
        .streams
        .iter()
        .any(|stream| !stream.errors.is_empty());
    if outcome.streams.is_empty() && !broken.is_empty() {
        Outcome::Refused
    } else if failed || !broken.is_empty() {
        Outcome::Failed
    } else if outcome.bound.is_some() {
        Outcome::Stopped
    } else {
        Outcome::Done
    }
}

/// What is said of a run that was not to go further.
fn stopped(bound: Bound) -> &'static str {
    match bound {
        Bound::Deadline => {
            "stopped at the deadline: pages in flight are finished, the rest is left to another run"
        }
        Bound::Requests => {
            "stopped after `--max-requests`: pages in flight are finished, the rest is left to another run"
        }
    }
}

fn reports(outcome: &engine::Outcome, broken: &[Broken], clock: &Clock) -> Vec<StreamReport> {
    let streams = outcome.streams.iter();
    let mut reports: Vec<StreamReport> =
        streams.map(|stream| stream_report(stream, clock)).collect();
    reports.extend(broken.iter().map(|stream| StreamReport {
        name: match stream.name.as_str() {
            "" => "(without a name)".to_owned(),
            name => name.to_owned(),
        },
        status: "not readable".to_owned(),
        ..StreamReport::default()
    }));
    reports
}

fn stream_report(stream: &StreamOutcome, clock: &Clock) -> StreamReport {
    let stats = &stream.stats;
    let status = match (stream.errors.len(), stream.finished) {
        (0, true) if !stream.selected => "done, for its children",
        (0, true) => "done",
        (0, false) if stream.started => "interrupted",
        (0, false) => "not begun",
        _ => "failed",
    };
    let mut notes = stream.notes.clone();
    // Of a replay, or with `--wait-scale 0`: none.
    let waited = clock.scaled(stats.waited());
    if !waited.is_zero() {
        let seconds = waited.as_secs_f64();
        notes.push(format!("{seconds:.1} s of waits between tries"));
    }
    StreamReport {
        name: stream.name.to_string(),
        records: stats.records.get(),
        requests: stats.requests.get(),
        retries: stats.retries.get(),
        bytes: stats.bytes.get(),
        seconds: stream.elapsed.as_secs_f64(),
        status: status.to_owned(),
        notes,
    }
}

//! `lowcode run`.

use std::sync::Arc;

use clap::Args;

use super::destination::Destination;
use super::error::{Failure, Outcome, say, speak};
use super::flags::{self, LogFormat};
use super::load;
use super::open::{Broken, Opened, Planned, open};
use super::progress::Progress;
use super::report::{self, StreamReport};
use super::report_file;
use super::settings::{files_directory, variable};
use super::signals;
use super::told::Told;
use crate::clock::{Clock, monotonic};
use crate::component::authenticator::Session as _;
use crate::engine::{self, Bound, Options, StreamOutcome, Watched};
use crate::manifest;
use crate::message::Message;
use crate::output::Output;
use crate::plan::Offer;

const EXAMPLES: &str = "Examples:
  lowcode run asana.yaml --replay examples/asana.har
  lowcode run asana.yaml --config config.yaml > records.jsonl
  lowcode run asana.yaml --config config.yaml --to asana.sqlite
  lowcode run asana.yaml --config config.yaml --to asana/ --format parquet
  lowcode run asana.yaml --set credentials.token=... --stream users --limit 10
  lowcode run asana.yaml --config config.yaml --record session.har";

/// Read streams, and print one JSON line a record or write them into a database
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
    pub(super) destination: flags::Destination,
    #[command(flatten)]
    pub(super) source: flags::Source,
    #[command(flatten)]
    pub(super) archive: flags::Archive,
    #[command(flatten)]
    pub(super) threads: flags::Threads,
    #[command(flatten)]
    pub(super) watch: flags::Watch,
}

/// Writes the records to their destination, and the closing table to standard error.
pub(super) fn run(flags: &Flags) -> Result<Outcome, Failure> {
    speak(flags.watch.log_format);
    let destination = Destination::of(&flags.destination)?;
    let flow = Arc::default();
    let cancel = signals::listen(&flow)?;
    let opened = open(&flags.source, &flags.archive, &flags.threads, "run", cancel)?;
    let opened = opened.bounded(&flags.bounds);
    let asked = (!flags.stream.is_empty()).then_some(flags.stream.as_slice());
    let offer = opened.offer(asked);
    check_names(&flags.stream, &offer, &opened)?;
    let wanted = |name: &str| flags.stream.is_empty() || flags.stream.iter().any(|s| s == name);
    let mut output = destination.open(&flags.destination, &opened.source.settings.clock, &flow)?;
    let mut planned = if destination.has_schemas() {
        let mode = destination.mode(&flags.destination);
        let flags = &flags.destination;
        load::plan(&opened, &offer, &wanted, flags, mode, &mut *output)?
    } else {
        load::plan_from_states(&opened, offer, &wanted, &flags.destination, &mut *output)?
    };
    opened.tell(&planned.broken);
    // A part of the records is nothing that a later run could go on from.
    let is_kept = flags.limit.is_none();
    let resume = match is_kept {
        true => load::resume(&opened, &mut planned, &mut *output)?,
        false => None,
    };
    let Planned { plan, broken } = planned;
    let watched = Watched::default();
    let options = Options {
        watched: Some(watched.clone()),
        workers: opened.workers(),
        jobs: opened.declared.jobs(&opened.config),
        limit: flags.limit,
        read_ahead: flags.limit.is_none(),
        files: files_directory(),
        groups: opened.groups.clone(),
        ..Options::default()
    };
    let clock = &opened.source.settings.clock;
    let progress = Progress::start(
        &flags.watch,
        watched,
        Arc::clone(&opened.session),
        Arc::clone(clock),
        !destination.is_database(),
    );
    let remembers = output.store().is_some();
    let is_told = flags.source.verbose > 0;
    let began = monotonic();
    let mut told = Told::default();
    let secrets = opened.session.secrets();
    let result = engine::run_from(
        plan,
        Arc::clone(&opened.session),
        &options,
        resume,
        &mut |message| {
            if let Message::Failure(failure) = &message
                && let Some(text) = told.news(failure)
            {
                say(&secrets.mask(&text));
            }
            if is_told && let Message::Log(log) = &message {
                say(&secrets.mask(&log.message));
            }
            if !is_kept && remembers && matches!(message, Message::State(_)) {
                return Ok(());
            }
            output.write(&message)
        },
    );
    // What was read is written out whole, whatever ended the run.
    let finished = output.finish();
    drop(progress);
    let recorded = opened.finish();
    for text in told.likewise() {
        say(&secrets.mask(&text));
    }
    let outcome = result?;
    finished?;
    if let Some(bound) = outcome.bound {
        say(stopped(bound));
    }
    let seconds = began.elapsed().as_secs_f64();
    if let Some(path) = &flags.watch.report {
        report_file::write(path, &outcome, &*output, clock, seconds)?;
    }
    if !outcome.streams.is_empty() && !flags.watch.quiet {
        let reports = reports(&outcome, &broken, clock, &*output);
        match flags.watch.log_format {
            LogFormat::Text => {
                let columns = variable("COLUMNS").and_then(|columns| columns.parse().ok());
                report::print(&reports, seconds, columns);
            }
            LogFormat::Json => report::sentences(&reports)
                .iter()
                .for_each(|text| say(text)),
        }
    }
    recorded?;
    Ok(match ending(&outcome, &broken) {
        Outcome::Done if flags.watch.strict && report_file::is_lossy(&outcome, &*output) => {
            Outcome::Lossy
        }
        ended => ended,
    })
}

/// Refuses a name that no stream has.
fn check_names(asked: &[String], offer: &Offer, opened: &Opened) -> Result<(), Failure> {
    let names = offer.names();
    let Some(unknown) = asked.iter().find(|name| !names.contains(&name.as_str())) else {
        return Ok(());
    };
    let broken: Vec<Broken> = offer.broken.iter().cloned().map(Broken::from).collect();
    opened.tell(&broken);
    let near = manifest::nearest(unknown, names.iter().copied());
    let near = near.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
    Err(
        Failure::wrong(format!("there is no stream `{unknown}`{near}"))
            .hint(format!("the manifest's streams are: {}", names.join(", "))),
    )
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

fn reports(
    outcome: &engine::Outcome,
    broken: &[Broken],
    clock: &Clock,
    output: &dyn Output,
) -> Vec<StreamReport> {
    let streams = outcome.streams.iter();
    let reports = streams.map(|stream| {
        let mut report = stream_report(stream, clock);
        if stream.selected
            && let Some(written) = output.written(&stream.name)
        {
            report.written = Some(written.records);
            report.notes.extend(written.notes);
        }
        report
    });
    let mut reports: Vec<StreamReport> = reports.collect();
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
        written: None,
        requests: stats.requests.get(),
        retries: stats.retries.get(),
        bytes: stats.bytes.get(),
        seconds: stream.elapsed.as_secs_f64(),
        status: status.to_owned(),
        notes,
    }
}

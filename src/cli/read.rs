//! `lowcode read`.

use std::io::{self, StdoutLock};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::error::{Failure, Outcome, say};
use super::flags;
use super::open::{Planned, open};
use super::run::ending;
use super::settings::{files_directory, read_json};
use super::signals;
use super::stdout::{Flow, Watched};
use crate::clock::Clock;
use crate::component::authenticator::Session as _;
use crate::engine::{self, Options};
use crate::message::{
    self, ConfiguredCatalog, FailureType, InputState, Level, Log, Message, StreamStatus,
};
use crate::output::{AirbyteOutput, Output};

const EXAMPLES: &str = "Examples:
  lowcode read asana.yaml --config config.json --catalog catalog.json
  lowcode read asana.yaml --config config.json --catalog catalog.json --state state.json
  lowcode read --manifest-path asana.yaml --config config.json --catalog catalog.json --debug";

/// Read the streams of a configured catalog, as Airbyte messages
#[derive(Debug, Args)]
#[command(help_template = flags::TEMPLATE, after_help = EXAMPLES)]
pub(super) struct Flags {
    /// Configured catalog, a JSON file: which streams to read, and how
    #[arg(long, value_name = "FILE")]
    pub(super) catalog: PathBuf,
    /// State to go on from, a JSON file with a list of state messages
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    #[command(flatten)]
    pub(super) source: flags::Source,
    #[command(flatten)]
    pub(super) archive: flags::Archive,
    #[command(flatten)]
    pub(super) threads: flags::Threads,
}

/// Prints records, states, logs and traces as the protocol has them.
pub(super) fn run(flags: &Flags) -> Result<Outcome, Failure> {
    let flow = Arc::default();
    let cancel = signals::listen(&flow)?;
    let catalog: ConfiguredCatalog = read_json(&flags.catalog, "catalog")?;
    let state = match &flags.state {
        Some(path) => InputState::from_value(read_json(path, "state")?).map_err(Failure::input)?,
        None => InputState::default(),
    };
    let opened = open(
        &flags.source,
        &flags.archive,
        &flags.threads,
        "read",
        cancel,
    )?;
    let mut output = protocol(&opened.source.settings.clock, &flow);
    let asked: Vec<String> = (catalog.streams.iter())
        .map(|stream| stream.stream.name.clone())
        .collect();
    let offer = opened.offer(Some(&asked));
    let names = offer.names();
    let missing: Vec<String> = (asked.iter())
        .filter(|name| !names.contains(&name.as_str()))
        .cloned()
        .collect();
    let wanted = |name: &str| catalog.get(name).is_some();
    let Planned { plan, broken } = opened.plan_from(offer, &wanted, state, &catalog);
    opened.tell(&broken);
    for stream in &broken {
        stream_failure(
            &mut output,
            &stream.name,
            &stream.message(opened.session.secrets()),
        )?;
    }
    // As the reference has it, a stream that is asked for and not there ends incomplete, and that
    // alone is no failure of the run.
    for name in missing {
        say(&format!("warning: the manifest has no stream `{name}`"));
        output.write(&Message::Status {
            stream: name.into(),
            status: StreamStatus::Incomplete,
        })?;
    }
    let options = Options {
        workers: opened.workers(),
        jobs: opened.declared.jobs(&opened.config),
        files: files_directory(),
        groups: opened.groups.clone(),
        ..Options::default()
    };
    // The reference's words, which tools look for (`concurrent_source.py`).
    info(&mut output, "Starting syncing")?;
    let result = engine::run(
        plan,
        Arc::clone(&opened.session),
        &options,
        &mut |message| output.write(&message),
    );
    let ended = match &result {
        Ok(outcome) if !outcome.cancelled => info(&mut output, "Finished syncing"),
        _ => Ok(()),
    };
    let finished = ended.and_then(|()| output.finish());
    let recorded = opened.finish();
    let outcome = result?;
    finished?;
    recorded?;
    Ok(ending(&outcome, &broken))
}

fn info(output: &mut impl Output, message: &str) -> io::Result<()> {
    output.write(&Message::Log(Log {
        level: Level::Info,
        message: message.to_owned(),
    }))
}

/// Protocol messages on standard output.
pub(super) fn protocol(
    clock: &Arc<Clock>,
    flow: &Arc<Flow>,
) -> AirbyteOutput<Watched<StdoutLock<'static>>> {
    let clock = Arc::clone(clock);
    AirbyteOutput::new(Watched::stdout(flow), move || clock.now())
}

/// Tells that a stream cannot be read at all.
fn stream_failure(output: &mut impl Output, name: &str, message: &str) -> io::Result<()> {
    let stream: Arc<str> = name.into();
    output.write(&Message::Failure(message::Failure {
        message: message.to_owned(),
        failure_type: FailureType::ConfigError,
        stream: Some(Arc::clone(&stream)),
        ..message::Failure::default()
    }))?;
    output.write(&Message::Status {
        stream,
        status: StreamStatus::Incomplete,
    })
}

//! `lowcode read`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::error::{Failure, Outcome};
use super::flags;
use super::network::Network;
use super::settings;
use super::signals;
use super::source::Source;
use crate::message::{ConfiguredCatalog, InputState};

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

/// Prints records, states, logs and traces; a failed stream ends with exit code 1.
pub(super) fn run(flags: &Flags) -> Result<Outcome, Failure> {
    let _stop = signals::listen(|| {})?;
    let archive = flags.archive.open()?;
    let source = Source::open(&flags.source, archive.as_ref())?;
    source.validate()?;
    let _catalog: ConfiguredCatalog = settings::read_json(&flags.catalog, "catalog")?;
    let _state = match &flags.state {
        Some(path) => {
            InputState::from_value(settings::read_json(path, "state")?).map_err(Failure::input)?
        }
        None => InputState::default(),
    };
    let threads = flags.threads.concurrency.map_or(8, NonZeroUsize::get);
    let network = Network::open(&flags.archive, archive, &source, "read", threads)?;
    network.finish()?;
    Err(Failure::wrong("`read` is not joined to the engine yet"))
}

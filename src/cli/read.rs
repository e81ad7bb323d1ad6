//! `lowcode read`.

use std::path::PathBuf;

use clap::Args;

use super::error::{Failure, Outcome};
use super::flags;
use super::settings::Settings;

const EXAMPLES: &str = "Examples:
  lowcode read asana.yaml --config config.json --catalog catalog.json
  lowcode read asana.yaml --config config.json --catalog catalog.json --state state.json
  lowcode read --manifest-path asana.yaml --config config.json --catalog catalog.json --debug";

/// Read the streams of a configured catalog, as Airbyte messages
#[derive(Debug, Args)]
#[command(help_template = flags::TEMPLATE, after_help = EXAMPLES)]
pub(super) struct Flags {
    #[command(flatten)]
    pub(super) source: flags::Source,
    /// Configured catalog, a JSON file: which streams to read, and how
    #[arg(long, value_name = "FILE")]
    pub(super) catalog: PathBuf,
    /// State to go on from, a JSON file with a list of state messages
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    #[command(flatten)]
    pub(super) archive: flags::Archive,
    #[command(flatten)]
    pub(super) threads: flags::Threads,
}

/// Prints records, states, logs and traces; a failed stream ends with exit code 1.
pub(super) fn run(flags: &Flags) -> Result<Outcome, Failure> {
    let _settings = Settings::gather(&flags.source, None)?;
    Err(Failure::wrong("`read` is not joined to the engine yet"))
}

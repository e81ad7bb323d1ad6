//! `lowcode discover`.

use clap::Args;

use super::error::{Failure, Outcome};
use super::flags;
use super::source::Source;

const EXAMPLES: &str = "Examples:
  lowcode discover asana.yaml --config config.yaml
  lowcode discover --manifest-path asana.yaml --config config.json";

/// Print the streams and their schemas, as an Airbyte catalog
#[derive(Debug, Args)]
#[command(help_template = flags::TEMPLATE, after_help = EXAMPLES)]
pub(super) struct Flags {
    #[command(flatten)]
    pub(super) source: flags::Source,
    #[command(flatten)]
    pub(super) archive: flags::Archive,
    #[command(flatten)]
    pub(super) threads: flags::Threads,
}

/// Prints the catalog.
pub(super) fn run(flags: &Flags) -> Result<Outcome, Failure> {
    let source = Source::open(&flags.source, None)?;
    source.validate()?;
    Err(Failure::wrong("`discover` is not joined to the engine yet"))
}

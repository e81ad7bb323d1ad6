//! `lowcode spec`.

use clap::Args;

use super::error::{Failure, Outcome};
use super::flags;

const EXAMPLES: &str = "Examples:
  lowcode spec asana.yaml
  lowcode spec --config config-with-its-manifest.json";

/// Print what the config may hold, as an Airbyte specification
#[derive(Debug, Args)]
#[command(help_template = flags::TEMPLATE, after_help = EXAMPLES)]
pub(super) struct Flags {
    #[command(flatten)]
    pub(super) source: flags::Source,
}

/// Prints the specification.
pub(super) fn run(_flags: &Flags) -> Result<Outcome, Failure> {
    Err(Failure::wrong("no"))
}

//! `lowcode run`.

use std::num::NonZeroUsize;

use clap::Args;

use super::error::{Failure, Outcome};
use super::flags;
use super::network::Network;
use super::signals;
use super::source::Source;

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
    pub(super) source: flags::Source,
    #[command(flatten)]
    pub(super) archive: flags::Archive,
    #[command(flatten)]
    pub(super) threads: flags::Threads,
}

/// Prints the records on standard output and the closing table on standard error.
pub(super) fn run(flags: &Flags) -> Result<Outcome, Failure> {
    let _stop = signals::listen(|| {})?;
    let archive = flags.archive.open()?;
    let source = Source::open(&flags.source, archive.as_ref())?;
    source.validate()?;
    let threads = flags.threads.concurrency.map_or(8, NonZeroUsize::get);
    let network = Network::open(&flags.archive, archive, &source, "run", threads)?;
    network.finish()?;
    Err(Failure::wrong("`run` is not joined to the engine yet"))
}

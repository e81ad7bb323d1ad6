//! `lowcode discover`.

use std::sync::Arc;

use clap::Args;

use super::error::{Failure, Outcome};
use super::flags;
use super::open::{Planned, open};
use super::read::protocol;
use super::signals;
use crate::message::{Catalog, Message};
use crate::output::Output as _;

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

/// Prints the catalog. A stream that cannot be read is told, and left out.
pub(super) fn run(flags: &Flags) -> Result<Outcome, Failure> {
    let flow = Arc::default();
    let cancel = signals::listen(&flow)?;
    let opened = open(
        &flags.source,
        &flags.archive,
        &flags.threads,
        "discover",
        cancel,
    )?;
    let mut output = protocol(&opened.source.settings.clock, &flow);
    let offer = opened.offer(None);
    let names: Vec<String> = offer.names().into_iter().map(str::to_owned).collect();
    let Planned { plan, broken } = opened.describe(offer);
    opened.tell(&broken);
    let mut streams = Vec::new();
    for node in plan.nodes.iter().filter(|node| node.selected) {
        let schema = node
            .stream
            .schema(&opened.config, &|path| opened.read(path), &|retriever| {
                opened.first_record(retriever)
            });
        let entry = schema.and_then(|schema| node.stream.catalog_entry(schema, &opened.config));
        streams.push(entry.map_err(Failure::wrong)?);
    }
    streams.sort_by_key(|stream| names.iter().position(|name| *name == stream.name));
    opened.finish()?;
    let outcome = match (broken.is_empty(), streams.is_empty()) {
        (true, _) => Outcome::Done,
        (false, true) => Outcome::Refused,
        (false, false) => Outcome::Failed,
    };
    output.write(&Message::Catalog(Catalog { streams }))?;
    output.finish()?;
    Ok(outcome)
}

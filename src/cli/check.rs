//! `lowcode check`.

use std::sync::Arc;

use clap::Args;

use super::error::{Failure, Outcome, say};
use super::flags;
use super::open::{Opened, Planned, open, wrong_manifest};
use super::read::protocol;
use super::signals;
use crate::component::source::Check;
use crate::engine::{self, Options};
use crate::manifest::{Node, NodeValue};
use crate::message::{CheckStatus, ConnectionStatus, Message};
use crate::output::Output as _;

const EXAMPLES: &str = "Examples:
  lowcode check asana.yaml --config config.yaml
  lowcode check asana.yaml --set credentials.token=...
  lowcode check --manifest-path asana.yaml --config config.json";

/// Check that the config can reach the API, and print the Airbyte connection status
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

/// Reads the first record of each stream that the manifest's `check` names.
pub(super) fn run(flags: &Flags) -> Result<Outcome, Failure> {
    let cancel = signals::listen(|| {})?;
    let mut opened = open(
        &flags.source,
        &flags.archive,
        &flags.threads,
        "check",
        cancel,
    )?;
    let mut output = protocol(&opened.source.settings.clock);
    let result = check(&mut opened)?;
    opened.finish()?;
    let message = match &result {
        Verdict::Fine => None,
        Verdict::Interrupted => return Ok(Outcome::Interrupted),
        Verdict::Wrong(message) => {
            say(&format!("check failed: {message}"));
            Some(message.clone())
        }
    };
    output.write(&Message::ConnectionStatus(ConnectionStatus {
        status: match message {
            None => CheckStatus::Succeeded,
            Some(_) => CheckStatus::Failed,
        },
        message,
    }))?;
    output.finish()?;
    Ok(match result {
        Verdict::Fine => Outcome::Done,
        _ => Outcome::Failed,
    })
}

/// Whether an authenticator anywhere in the manifest writes rotated tokens back into the config.
fn writes_back(node: &Node) -> bool {
    let updater = node.get("refresh_token_updater");
    let updates = updater.is_some_and(|updater| !matches!(updater.value, NodeValue::Null));
    if updates && node.type_name() == Some("OAuthAuthenticator") {
        return true;
    }
    match &node.value {
        NodeValue::Seq(items) => items.iter().any(writes_back),
        NodeValue::Map(map) => map.values().any(|entry| writes_back(&entry.node)),
        _ => false,
    }
}

/// What a check found.
enum Verdict {
    Fine,
    Wrong(String),
    Interrupted,
}

fn check(opened: &mut Opened) -> Result<Verdict, Failure> {
    let names = opened.stream_names();
    let Check::CheckStream(check) = (opened.declared.check())
        .map_err(|errors| wrong_manifest(errors, &opened.source.manifest))?;
    let wanted = check
        .stream_names(opened.config.json())
        .map_err(Failure::wrong)?;
    if wanted.is_empty() {
        return Ok(Verdict::Wrong(
            "`check` names no streams, so that there is nothing to try".to_owned(),
        ));
    }
    if check.has_overrides() {
        if writes_back(opened.source.manifest.root()) {
            return Ok(Verdict::Wrong(
                "`config_overrides` cannot stand in a manifest with a `refresh_token_updater`: the config that it writes back would keep them".to_owned(),
            ));
        }
        let values = check.config(opened.config.json()).map_err(Failure::wrong)?;
        opened.overlay(values);
    }
    for name in wanted {
        if !names.contains(&name) {
            return Ok(Verdict::Wrong(format!(
                "`check` names the stream `{name}`, which the manifest has not; its streams are: {}",
                names.join(", ")
            )));
        }
        let Planned { plan, broken } = opened.plan(&|stream| stream == name);
        opened.tell(&broken);
        if let Some(stream) = broken.first() {
            return Ok(Verdict::Wrong(format!(
                "stream `{name}`: {}",
                stream.message()
            )));
        }
        let options = Options {
            probe: true,
            read_ahead: false,
            ..Options::default()
        };
        let session = Arc::clone(&opened.session);
        let outcome = engine::run(plan, session, &options, &mut |_| Ok(()))?;
        if outcome.cancelled {
            return Ok(Verdict::Interrupted);
        }
        let stream = outcome.streams.iter().find(|stream| stream.selected);
        if let Some(error) = stream.and_then(|stream| stream.errors.first()) {
            return Ok(Verdict::Wrong(format!(
                "stream `{name}`: {}",
                error.message
            )));
        }
        // The reference calls a stream without a partition unavailable (`default_stream.py`).
        if stream.is_some_and(|stream| stream.stats.partitions.get() == 0 && stream.finished) {
            return Ok(Verdict::Wrong(format!(
                "stream `{name}` has nothing to read: its parents have no records"
            )));
        }
    }
    Ok(Verdict::Fine)
}

//! `lowcode state`.

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use super::destination::Destination;
use super::error::{Failure, Outcome};
use super::flags;
use super::report::grouped;
use super::stdout::{Flow, Watched};
use crate::clock::Clock;
use crate::message::NO_CURSOR_STATE;
use crate::output::{KeptStream, Output, Store};

const EXAMPLES: &str = "Examples:
  lowcode state show asana.sqlite
  lowcode state show state.json --json
  lowcode state clear asana.sqlite tasks
  lowcode state clear out/";

/// Look at what a destination remembers of runs, and edit it
#[derive(Debug, Args)]
#[command(help_template = flags::TEMPLATE, after_help = EXAMPLES)]
pub(super) struct Flags {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show how far each stream has come, and where the next run goes on
    Show {
        /// Destination as `--to` has it, or the file of `--state`
        #[arg(value_name = "DEST")]
        from: String,
        /// Print a JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Forget the states, and what is left to read, of a stream or of all; records stay
    Clear {
        /// Destination as `--to` has it, or the file of `--state`
        #[arg(value_name = "DEST")]
        from: String,
        /// Only this stream
        #[arg(value_name = "STREAM")]
        stream: Option<String>,
    },
}

/// Prints a table or JSON lines on standard output.
pub(super) fn run(flags: &Flags) -> Result<Outcome, Failure> {
    match &flags.verb {
        Verb::Show { from, json } => {
            let mut output = open(from)?;
            let text = show(store(&mut *output, from)?, *json)?;
            let mut stdout = Watched::stdout(&Arc::<Flow>::default());
            std::io::Write::write_all(&mut stdout, text.as_bytes())?;
        }
        Verb::Clear { from, stream } => {
            let mut output = open(from)?;
            let store = store(&mut *output, from)?;
            if let Some(stream) = stream {
                check(store, stream)?;
            }
            store.forget(stream.as_deref())?;
        }
    }
    Ok(Outcome::Done)
}

/// Opens what is there; nothing is made.
fn open(from: &str) -> Result<Box<dyn Output>, Failure> {
    let mut named = flags::Destination {
        to: Some(from.to_owned()),
        ..flags::Destination::default()
    };
    let destination = match Destination::of(&named) {
        Ok(destination) => destination,
        // What is no destination may be a file of states.
        Err(_) if std::path::Path::new(from).is_file() => {
            named.to = None;
            named.state = Some(from.into());
            Destination::of(&named)?
        }
        Err(failure) => return Err(failure),
    };
    destination.check_exists(from)?;
    destination.open(&named, &Arc::new(Clock::system()), &Arc::default())
}

fn store<'a>(output: &'a mut dyn Output, from: &str) -> Result<&'a mut dyn Store, Failure> {
    output
        .store()
        .ok_or_else(|| Failure::wrong(format!("`{from}` remembers nothing of runs")))
}

fn check(store: &mut dyn Store, stream: &str) -> Result<(), Failure> {
    let mut names: Vec<String> = store.kept()?.into_iter().map(|kept| kept.stream).collect();
    names.extend(store.states()?.iter().map(|state| state.stream.to_string()));
    if names.iter().any(|name| name == stream) {
        return Ok(());
    }
    names.sort();
    names.dedup();
    Err(
        Failure::wrong(format!("nothing is kept of a stream `{stream}`"))
            .hint(format!("streams are: {}", names.join(", "))),
    )
}

/// All that is kept, as a table, or as an object a line.
fn show(store: &mut dyn Store, as_json: bool) -> Result<String, Failure> {
    let states = store.states()?;
    let mut streams = store.kept()?;
    for state in &states {
        if streams.iter().all(|kept| *kept.stream != *state.stream) {
            // Its state came from elsewhere.
            streams.push(KeptStream {
                stream: state.stream.to_string(),
                is_over: true,
                ..KeptStream::default()
            });
        }
    }
    let mut out = String::new();
    for kept in &streams {
        let state = states.iter().find(|state| *state.stream == *kept.stream);
        let state =
            (state.map(|state| &state.state)).filter(|state| !state.contains_key(NO_CURSOR_STATE));
        if as_json {
            let line = json!({
                "stream": kept.stream,
                "ended_at": kept.ended_at,
                "next_run": next_run(kept, state.is_some()),
                "units": {
                    "read": kept.read,
                    "failed": kept.failed,
                    "begun": kept.begun,
                    "waiting": kept.waiting,
                },
                "state": state,
            });
            out.push_str(&format!("{line}\n"));
            continue;
        }
        out.push_str(&format!("{}\n", kept.stream));
        let ended = kept.ended_at.as_deref().unwrap_or("never");
        out.push_str(&format!("  ended:    {ended}\n"));
        if !kept.is_over {
            out.push_str(&format!(
                "  units:    {} read, {} failed, {} begun, {} waiting\n",
                grouped(kept.read),
                grouped(kept.failed),
                grouped(kept.begun),
                grouped(kept.waiting)
            ));
        }
        if let Some(state) = state {
            let state = serde_json::Value::Object(state.clone());
            out.push_str(&format!("  state:    {state}\n"));
        }
        out.push_str(&format!(
            "  next run: {}\n",
            next_run(kept, state.is_some())
        ));
    }
    if streams.is_empty() && !as_json {
        out.push_str("nothing is kept\n");
    }
    Ok(out)
}

/// Where the next run goes on, in words.
fn next_run(kept: &KeptStream, has_state: bool) -> &'static str {
    match kept {
        KeptStream { is_over: true, .. } if has_state => "from its state on",
        KeptStream { is_over: true, .. } => "from its beginning",
        KeptStream { failed: 1.., .. } => "what failed first, then what is left",
        KeptStream {
            begun: 0,
            waiting: 0,
            ..
        } => "nothing is left of it",
        KeptStream { begun: 1.., .. } => "in the middle of its pages",
        _ => "with the partitions that wait",
    }
}

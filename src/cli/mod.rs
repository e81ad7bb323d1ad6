//! The program: command line, environment and files in; messages, reports and an exit code out.
//!
//! The only folder that prints, reads the environment, or decides how the program ends. A verb is a
//! file with its flags and its `run`; its help is its doc comment.

mod check;
mod config;
mod config_file;
mod conformance;
mod destination;
mod discover;
mod error;
mod flags;
mod instant;
mod load;
mod network;
mod normalize;
mod open;
mod progress;
mod protocol;
mod read;
mod report;
mod report_file;
mod run;
pub(crate) mod secrets;
mod settings;
mod signals;
mod source;
mod spec;
mod stdout;
mod told;
mod trace;
mod validate_config;
mod yaml_edit;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::{Failure, Outcome};

/// Runs low-code connector manifests: one binary, no code, records out
#[derive(Debug, Parser)]
#[command(
    name = "lowcode",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    help_template = flags::TEMPLATE,
    after_help = EXAMPLES,
)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "Examples:
  lowcode run asana.yaml --replay examples/asana.har
  lowcode run asana.yaml --config config.yaml --to asana.sqlite
  lowcode run asana.yaml --config config.yaml --stream tasks > tasks.jsonl
  lowcode check asana.yaml --config config.yaml
  lowcode spec asana.yaml

Exit codes:
  0    done (a closed pipe is done, too)
  1    a stream or the check failed; the other streams are finished
  2    the command line, the manifest, the config or the destination is wrong
  3    with `--strict`: done, but something was left out
  4    stopped by `--deadline` or `--max-requests` before the end
  130  interrupted";

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Flags),
    Read(read::Flags),
    Check(check::Flags),
    Discover(discover::Flags),
    Spec(spec::Flags),
    Conformance(conformance::Flags),
}

/// Runs the program on `args`, whose first is the program's name, and tells how it ended.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match Command::try_parse_from(args) {
        Ok(command) => command,
        Err(usage) => {
            // Nobody is left to be told when even this cannot be printed.
            let _ = usage.print();
            return u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    error::finish(dispatch(command.verb))
}

fn dispatch(verb: Verb) -> Result<Outcome, Failure> {
    match verb {
        Verb::Run(flags) => run::run(&flags),
        Verb::Read(flags) => protocol::telling(read::run(&flags), protocol::trace),
        Verb::Check(flags) => protocol::telling(check::run(&flags), protocol::failed_check),
        Verb::Discover(flags) => protocol::telling(discover::run(&flags), protocol::trace),
        Verb::Spec(flags) => spec::run(&flags),
        Verb::Conformance(flags) => conformance::run(&flags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Verb, String> {
        Command::try_parse_from(line.split(' '))
            .map(|command| command.verb)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_is_sound() {
        Command::command().debug_assert();
    }

    #[test]
    fn flags_of_the_reference_are_taken() {
        for line in [
            "lowcode spec --debug",
            "lowcode check --config c.json --manifest-path m.yaml --components-path c.py --debug",
            "lowcode discover --config c.json --manifest-path m.yaml --components-path c.py --debug",
            "lowcode read --config c.json --catalog c.json --state s.json --manifest-path m.yaml --components-path c.py --debug",
            "lowcode read --manifest m.yaml --config c.json --catalog c.json --now 2025-03-01T00:00:00Z",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_manifest_is_named_once() {
        let error = parse("lowcode run a.yaml --manifest b.yaml").unwrap_err();
        assert!(error.contains("cannot be used with"), "{error}");
    }

    #[test]
    fn help_starts_with_examples_and_has_no_periods_after_its_lines() {
        let command = Command::command();
        for verb in command.get_subcommands() {
            let text = verb.clone().render_help().to_string();
            assert!(
                text.find("Examples:") < text.find("Usage:"),
                "{}",
                verb.get_name()
            );
            let about = verb.get_about().map(ToString::to_string);
            assert!(about.is_some_and(|line| !line.ends_with('.')));
            for flag in verb.get_arguments() {
                let line = flag.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(
                    !line.is_empty() && !line.ends_with('.'),
                    "{}: {line}",
                    flag.get_id()
                );
            }
        }
    }
}

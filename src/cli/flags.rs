//! What was typed: the groups of flags that verbs share, each defined once.
//!
//! Nothing is read or opened here; `settings` says what the flags mean.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::config::Assignment;
use super::instant;
use crate::clock::Micros;
use crate::output;

/// Help of every verb: what it does, how it is used in practice, then the flags.
pub(super) const TEMPLATE: &str = "{about}{after-help}\n\n{usage-heading} {usage}\n\n{all-args}\n";

/// Flags of all verbs.
#[derive(Debug, Args)]
pub(super) struct Source {
    #[command(flatten)]
    pub(super) manifest: Manifest,
    #[command(flatten)]
    pub(super) config: Config,
    #[command(flatten)]
    pub(super) time: Time,
    /// Say more on standard error: `-v` what the streams do, `-vv` each request, `-vvv` the bodies too,
    /// credentials masked
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// The same as `-vv`, as the reference's command spells it
    #[arg(long)]
    pub(super) debug: bool,
}

/// What a person, or a program, is told of a run.
#[derive(Debug, Args)]
pub(super) struct Watch {
    /// Say nothing on standard error but what went wrong
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Write what became of each stream to this JSON file
    #[arg(long, value_name = "FILE.json")]
    pub(super) report: Option<PathBuf>,
    /// Exit with 3 when anything was left out: an ignored status, a partition without its key, a value
    /// that did not fit its column
    #[arg(long)]
    pub(super) strict: bool,
    /// The form of what is said on standard error
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
    /// Whether a terminal gets colors; `auto` heeds `NO_COLOR`
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,
}

/// The form of what is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// A JSON object a line, for programs
    Json,
}

/// When there are colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Where the manifest comes from.
#[derive(Debug, Args)]
pub(super) struct Manifest {
    /// Manifest, a YAML file, or `-` for standard input; else `LOWCODE_MANIFEST`, or
    /// `__injected_declarative_manifest` in the config
    #[arg(value_name = "MANIFEST", conflicts_with = "manifest_path")]
    pub(super) manifest: Option<PathBuf>,
    /// The same as MANIFEST, as the reference's command spells it
    #[arg(long, visible_alias = "manifest", value_name = "FILE")]
    pub(super) manifest_path: Option<PathBuf>,
    /// Accepted for the reference's sake, and told to be unused: no Python is run, and classes that
    /// lowcode knows by name need none
    #[arg(long, value_name = "FILE")]
    pub(super) components_path: Option<PathBuf>,
}

impl Manifest {
    /// The file that was named, by whichever of the two ways.
    pub(super) fn path(&self) -> Option<&PathBuf> {
        self.manifest.as_ref().or(self.manifest_path.as_ref())
    }
}

/// The user's values.
#[derive(Debug, Args)]
pub(super) struct Config {
    /// Config, a JSON or YAML file, or `-` for standard input; `${env:NAME}` in its texts is
    /// replaced by the environment variable
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Set one value of the config, such as `credentials.token=abc` or `projects.0=12`; the value
    /// is read as YAML
    #[arg(long, value_name = "PATH=VALUE")]
    pub(super) set: Vec<Assignment>,
}

/// The clock that templates, cursors and waits go by.
#[derive(Debug, Args)]
pub(super) struct Time {
    /// Let the clock stand at this instant, such as `2025-03-01T00:00:00Z` or `2025-03-01`; else
    /// `SOURCE_DATE_EPOCH`, in seconds
    #[arg(long, value_name = "INSTANT", value_parser = instant::parse)]
    pub(super) now: Option<Micros>,
    /// Multiply every wait between tries and for rate limits; 0 for a mock server
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    pub(super) wait_scale: Option<f64>,
}

/// Archives in place of, or beside, the network.
#[derive(Debug, Args)]
pub(super) struct Archive {
    /// Write all requests and responses to this HTTP archive, credentials masked
    #[arg(long, value_name = "FILE.har")]
    pub(super) record: Option<PathBuf>,
    /// Answer all requests from this HTTP archive: no network, no waits
    #[arg(long, value_name = "FILE.har", conflicts_with = "record")]
    pub(super) replay: Option<PathBuf>,
    /// Write each request of the replay to this file, credentials and all, for `lowcode conformance`
    #[arg(long, value_name = "FILE", requires = "replay", hide = true)]
    pub(super) replay_log: Option<PathBuf>,
}

/// Where records go, and how.
#[derive(Debug, Default, Args)]
pub(super) struct Destination {
    /// Write to DEST: `-` is standard output, as without this flag; `FILE.sqlite` or `sqlite:FILE` is
    /// a SQLite database, `postgres://USER@HOST/DATABASE` one of PostgreSQL, with a table a stream; `DIR/` is a folder, with a file a stream
    #[arg(long, value_name = "DEST")]
    pub(super) to: Option<String>,
    /// What records do to those that are there; else `upsert` for a stream with a primary key, and
    /// `replace` for others and for files
    #[arg(long, value_enum)]
    pub(super) mode: Option<Mode>,
    /// Leave out the columns `_lowcode_loaded_at` and `_lowcode_run`
    #[arg(long)]
    pub(super) no_metadata: bool,
    /// Keep states, and what is left to read, in this file beside standard output; databases and
    /// folders remember by themselves
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// Forget the states of earlier runs and what they left to read; records stay
    #[arg(long)]
    pub(super) fresh: bool,
    /// What standard output or each file of a folder gets; else `jsonl`
    #[arg(long, value_enum)]
    pub(super) format: Option<Format>,
}

/// `output::Mode`, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// Add them
    Append,
    /// Take the place of all of them, seen by readers only when the stream is whole
    Replace,
    /// Take the place of those with the same primary key
    Upsert,
}

impl From<Mode> for output::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Append => Self::Append,
            Mode::Replace => Self::Replace,
            Mode::Upsert => Self::Upsert,
        }
    }
}

/// The form of what standard output or a file gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One JSON line a record: in a file the record, else `{"stream":"tasks","data":{…}}`
    Jsonl,
    /// Comma-separated values of one stream, or a file a stream
    Csv,
    /// Parquet, a file a stream
    Parquet,
    /// An Arrow IPC stream of one stream
    Arrow,
    /// Messages of the Singer specification
    Singer,
    /// Messages of the Airbyte protocol, as `read` prints them
    Airbyte,
}

/// How many requests at once.
#[derive(Debug, Args)]
pub(super) struct Threads {
    /// Read with this many threads; else what the manifest's `concurrency_level` says, else 8
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(super) concurrency: Option<NonZeroUsize>,
}

/// How far a run goes.
#[derive(Debug, Args)]
pub(super) struct Bounds {
    /// Stop after this time, such as `90s`, `30m` or `1h30m`: no more requests are sent, and pages
    /// in flight are finished; exit code 4
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) deadline: Option<Duration>,
    /// Stop likewise after this many requests of streams; tries count
    #[arg(long, value_name = "N")]
    pub(super) max_requests: Option<u64>,
}

/// A time as people write it: numbers with `s`, `m`, `h` or `d`.
fn duration(text: &str) -> Result<Duration, String> {
    let mut seconds: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        let (number, unit) = rest.split_at(end.unwrap_or(rest.len()));
        let mut unit = unit.chars();
        let factor = match unit.next() {
            Some('s') => Some(1),
            Some('m') => Some(60),
            Some('h') => Some(3_600),
            Some('d') => Some(86_400),
            _ => None,
        };
        let part = number.parse::<u64>().ok().zip(factor);
        let part = part.and_then(|(number, factor)| number.checked_mul(factor));
        seconds = part
            .and_then(|part| seconds.checked_add(part))
            .ok_or_else(|| "expected a time such as `90s`, `30m` or `1h30m`".to_owned())?;
        rest = unit.as_str();
    }
    match seconds {
        0 => Err("expected a time above 0, such as `90s`, `30m` or `1h30m`".to_owned()),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor >= 0.0 => Ok(factor),
        _ => Err("expected a number from 0 up".to_owned()),
    }
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse();
    number.map_err(|_| "expected a whole number from 1 up".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_units() {
        let seconds = |text: &str| duration(text).map(|time| time.as_secs()).ok();
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("1h30m"), Some(5_400));
        assert_eq!(seconds("2d"), Some(172_800));
        for wrong in [
            "",
            "0s",
            "90",
            "m",
            "1h30",
            "-1s",
            "1w",
            "99999999999999999999d",
            "1 h",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_wait_factor_is_a_number_from_zero_up() {
        assert_eq!(factor("0"), Ok(0.0));
        assert_eq!(factor("1.5"), Ok(1.5));
        for wrong in ["-1", "inf", "nan", "fast", ""] {
            assert!(factor(wrong).is_err(), "{wrong}");
        }
        assert_eq!(threads("3").map(NonZeroUsize::get), Ok(3));
        for wrong in ["0", "-1", "many", ""] {
            assert_eq!(
                threads(wrong),
                Err("expected a whole number from 1 up".to_owned())
            );
        }
    }
}

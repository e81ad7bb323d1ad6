//! `lowcode conformance`.
//!
//! In: a folder of conformance cases, each recorded from the reference. Out: which of them this
//! program answers as the reference did, and the first difference of those that it does not.

mod case;
mod child;
mod find;
mod judge;
mod known;
mod pool;
mod report;
mod values;
mod vectors;

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::error::{Failure, Outcome};
use super::flags;
use case::CaseResult;
use child::Runner;
use known::Known;
use report::Report;

const EXAMPLES: &str = "Examples:
  lowcode conformance ../shared/conformance
  lowcode conformance ../shared/conformance/language --json
  lowcode conformance ../shared/conformance/corpus/source-avni--full
  lowcode conformance ../shared/conformance/vectors/slices.jsonl";

/// Hold this program against recorded answers of the reference
#[derive(Debug, Args)]
#[command(help_template = flags::TEMPLATE, after_help = EXAMPLES)]
pub(super) struct Flags {
    /// Folder of conformance cases, one family of it, one case, or one file of vectors
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// Print the report as one JSON document
    #[arg(long)]
    pub(super) json: bool,
    /// Cases at the same time; else as many as there are processors
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<NonZeroUsize>,
    /// Seconds after which a command or a vector is taken to hang
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(super) timeout: u64,
    /// Cases that are known to fail, one a line with its reason: the report passes when these fail,
    /// and no others
    #[arg(long, value_name = "FILE")]
    pub(super) known: Option<PathBuf>,
}

/// Prints the report on standard output.
pub(super) fn run(flags: &Flags) -> Result<Outcome, Failure> {
    let wrong = |error: io::Error| {
        let context = format!("cannot read `{}`", flags.dir.display());
        Failure::input(anyhow::Error::new(error).context(context))
    };
    let known = (flags.known.as_deref()).map_or_else(|| Ok(Known::default()), Known::load)?;
    let found = find::find(&flags.dir).map_err(wrong)?;
    if found.cases.is_empty() && found.vectors.is_empty() {
        return Err(
            Failure::wrong(format!("there are no cases in `{}`", flags.dir.display()))
                .hint("a case is a folder with an `expected.json`; vectors are files `*.jsonl`"),
        );
    }
    let timeout = Duration::from_secs(flags.timeout);
    let binary = std::env::current_exe().map_err(Failure::work)?;
    let runner = Runner {
        binary,
        timeout,
        is_sequential: false,
    };
    let jobs = flags
        .jobs
        .or_else(|| std::thread::available_parallelism().ok());
    let jobs = jobs.map_or(1, NonZeroUsize::get);
    let cases: Vec<CaseResult> = pool::map(&found.cases, jobs, |case| case::hold(case, &runner));
    let vectors = vectors::hold(&found.vectors, jobs, timeout).map_err(wrong)?;
    let report = Report {
        cases,
        vectors,
        known: Arc::new(known),
    };
    let mut out = io::stdout().lock();
    if flags.json {
        writeln!(out, "{}", report.json())?;
    } else {
        out.write_all(report.text().as_bytes())?;
    }
    Ok(if report.passes() {
        Outcome::Done
    } else {
        Outcome::Failed
    })
}

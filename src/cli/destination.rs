//! Where `run` writes to: what `--to` and its companions mean.
//!
//! In: flags. Out: an [`Output`], open. The only place that knows which destinations there are.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Failure;
use super::flags::{self, Format};
use super::read::protocol;
use super::settings::variable;
use super::stdout::{Flow, Watched};
use crate::clock::{Clock, monotonic};
use crate::output::postgres::{self, Surroundings};
use crate::output::{
    ArrowOutput, CsvOutput, FileFormat, FilesOutput, JsonlOutput, Loading, Mode, Output,
    PostgresOutput, SingerOutput, SqliteOutput, StateFile,
};
use crate::template::uuid4;

/// What can be written to, for those who named something else.
const KNOWN: &str = "a destination is `-` (standard output), `FILE.sqlite`, `sqlite:FILE` or \
    `postgres://USER@HOST/DATABASE` (a database), or `DIR/` (a folder)";

/// Where records go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// Standard output.
    Stdout(Format),
    /// A SQLite database.
    Sqlite(PathBuf),
    /// A PostgreSQL database, by its URL, which may hold a password.
    Postgres(Url),
    /// A folder, with a file a stream.
    Folder(PathBuf, FileFormat),
}

/// The URL of a database, which is shown without its password.
#[derive(PartialEq, Eq)]
pub(super) struct Url(String);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&postgres::without_password(&self.0))
    }
}

impl Destination {
    /// What the flags name.
    pub(super) fn of(flags: &flags::Destination) -> Result<Self, Failure> {
        let to = flags.to.as_deref().unwrap_or("-");
        let destination = Self::named(to, flags.format)?;
        if let Self::Stdout(_) = destination {
            let flags = [
                ("--mode", flags.mode.is_some()),
                ("--no-metadata", flags.no_metadata),
                ("--fresh", flags.fresh && flags.state.is_none()),
            ];
            if let Some((flag, _)) = flags.iter().find(|(_, is_given)| *is_given) {
                let message = format!("`{flag}` is about a database, and standard output is none");
                return Err(Failure::wrong(message).hint("name one, such as `--to FILE.sqlite`"));
            }
        } else if flags.state.is_some()
            || flags.format.is_some() && !matches!(destination, Self::Folder(..))
        {
            let to = match &destination {
                Self::Postgres(url) => postgres::without_password(&url.0),
                _ => to.to_owned(),
            };
            if flags.state.is_some() {
                let message = format!("`{to}` keeps the states by itself: `--state` is not for it");
                return Err(Failure::wrong(message));
            }
            let message = format!("`--format` is for standard output, and `{to}` is a database");
            return Err(Failure::wrong(message));
        }
        Ok(destination)
    }

    fn named(to: &str, format: Option<Format>) -> Result<Self, Failure> {
        let unknown = |message: String| Err(Failure::wrong(message).hint(KNOWN));
        let format = format.unwrap_or(Format::Jsonl);
        if to == "-" {
            if format == Format::Parquet {
                let message = "Parquet is for files, and standard output is none";
                let hint = "name a folder, such as `--to DIR/`, or have `--format arrow`";
                return Err(Failure::wrong(message).hint(hint));
            }
            return Ok(Self::Stdout(format));
        }
        if let Some(file) = to.strip_prefix("sqlite:") {
            // As a URL it has slashes that are no part of the path.
            let file = file.strip_prefix("//").unwrap_or(file);
            if file.is_empty() {
                return unknown(format!("`{to}` names no file"));
            }
            return Ok(Self::Sqlite(file.into()));
        }
        if postgres::is_url(to) {
            return Ok(Self::Postgres(Url(to.to_owned())));
        }
        if to.starts_with("postgres:") || to.starts_with("postgresql:") {
            return unknown("a PostgreSQL database is named by a URL, with `//`".to_owned());
        }
        if to.starts_with("duckdb:") {
            return unknown("this lowcode does not write to DuckDB (`--to duckdb:…`)".to_owned());
        }
        let path = Path::new(to);
        if path.extension() == Some(OsStr::new("sqlite")) {
            return Ok(Self::Sqlite(path.to_owned()));
        }
        if to.ends_with(['/', '\\']) || path.is_dir() {
            let format = match format {
                Format::Jsonl => FileFormat::Jsonl,
                Format::Csv => FileFormat::Csv,
                Format::Parquet => FileFormat::Parquet,
                Format::Arrow | Format::Singer | Format::Airbyte => {
                    let message = format!("`{to}` is a folder, and that format is for one output");
                    let hint = "files are `jsonl`, `csv` or `parquet`";
                    return Err(Failure::wrong(message).hint(hint));
                }
            };
            return Ok(Self::Folder(path.to_owned(), format));
        }
        unknown(format!("`--to {to}` is no destination"))
    }

    /// Whether it may remember runs.
    pub(super) const fn is_database(&self) -> bool {
        !matches!(self, Self::Stdout(_))
    }

    /// Whether it is told of the streams and their schemas.
    pub(super) const fn has_schemas(&self) -> bool {
        !matches!(self, Self::Stdout(Format::Jsonl | Format::Airbyte))
    }

    /// The mode of all streams; none: each has its own.
    pub(super) fn mode(&self, flags: &flags::Destination) -> Option<Mode> {
        let mode = flags.mode.map(Mode::from);
        match self {
            Self::Folder(..) => mode.or(Some(Mode::Replace)),
            Self::Sqlite(_) | Self::Postgres(_) => mode,
            // Who reads it has what came before.
            Self::Stdout(_) => Some(Mode::Append),
        }
    }

    /// Opens it.
    pub(super) fn open(
        &self,
        flags: &flags::Destination,
        clock: &Arc<Clock>,
        flow: &Arc<Flow>,
    ) -> Result<Box<dyn Output>, Failure> {
        let stdout = || Watched::stdout(flow);
        let opened: io::Result<Box<dyn Output>> = match self {
            Self::Stdout(Format::Csv) => Ok(Box::new(CsvOutput::new(stdout()))),
            Self::Stdout(Format::Arrow) => Ok(Box::new(ArrowOutput::new(stdout()))),
            Self::Stdout(Format::Singer) => {
                let clock = Arc::clone(clock);
                Ok(Box::new(SingerOutput::new(stdout(), move || clock.now())))
            }
            Self::Stdout(Format::Airbyte) => Ok(Box::new(protocol(clock, flow))),
            Self::Stdout(Format::Jsonl | Format::Parquet) => {
                Ok(Box::new(JsonlOutput::new(stdout())))
            }
            Self::Sqlite(path) => SqliteOutput::open(path, self.loading(flags, clock))
                .map(|output| Box::new(output) as Box<dyn Output>),
            Self::Postgres(url) => {
                PostgresOutput::open(&url.0, &surroundings(), self.loading(flags, clock))
                    .map(|output| Box::new(output) as Box<dyn Output>)
            }
            Self::Folder(path, format) => {
                FilesOutput::open(path, *format, self.loading(flags, clock))
                    .map(|output| Box::new(output) as Box<dyn Output>)
            }
        };
        let output = opened.map_err(refused)?;
        let Some(path) = &flags.state else {
            return Ok(output);
        };
        let remembering = StateFile::open(path, output, self.loading(flags, clock));
        Ok(Box::new(remembering.map_err(refused)?))
    }

    fn loading(&self, flags: &flags::Destination, clock: &Arc<Clock>) -> Loading {
        let clock = Arc::clone(clock);
        let began = monotonic();
        let mut loading = Loading {
            mode: self.mode(flags),
            has_metadata: !flags.no_metadata,
            run: String::new(),
            now: Box::new(move || clock.now()),
            elapsed: Box::new(move || began.elapsed()),
        };
        // Runs in the order of their names are in that of time.
        let random: String = uuid4().chars().take(8).collect();
        loading.run = format!("{}-{random}", loading.stamp());
        loading
    }
}

/// What the environment says of passwords, as libpq reads it.
fn surroundings() -> Surroundings {
    let home = variable("HOME").map(|home| postgres::default_password_file(Path::new(&home)));
    Surroundings {
        password: variable("PGPASSWORD"),
        password_file: variable("PGPASSFILE").map(PathBuf::from).or(home),
        certificates: variable("SSL_CERT_FILE").map(PathBuf::from),
    }
}

/// A destination that cannot be opened is the wrong one, unless it only is in use.
pub(super) fn refused(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ResourceBusy => Failure::work(error)
            .hint("wait for its end; when its process is gone, so is what it holds"),
        _ => Failure::input(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(to: Option<&str>) -> flags::Destination {
        flags::Destination {
            to: to.map(str::to_owned),
            ..flags::Destination::default()
        }
    }

    fn message(flags: &flags::Destination) -> String {
        Destination::of(flags).unwrap_err().message()
    }

    #[test]
    fn destinations_are_told_by_their_form() {
        for (to, destination) in [
            (None, Destination::Stdout(Format::Jsonl)),
            (Some("-"), Destination::Stdout(Format::Jsonl)),
            (Some("a b.sqlite"), Destination::Sqlite("a b.sqlite".into())),
            (Some("sqlite:a.db"), Destination::Sqlite("a.db".into())),
            (
                Some("postgresql://u@h/d"),
                Destination::Postgres(Url("postgresql://u@h/d".to_owned())),
            ),
            (
                Some("sqlite:///tmp/a"),
                Destination::Sqlite("/tmp/a".into()),
            ),
        ] {
            assert_eq!(Destination::of(&flags(to)).unwrap(), destination, "{to:?}");
        }
        let csv = flags::Destination {
            format: Some(Format::Csv),
            ..flags(Some("out/"))
        };
        let folder = Destination::Folder("out/".into(), FileFormat::Csv);
        assert_eq!(folder.mode(&csv), Some(Mode::Replace));
        let stdout = Destination::Stdout(Format::Singer);
        assert_eq!(stdout.mode(&flags(None)), Some(Mode::Append));
        assert_eq!(Destination::of(&csv).unwrap(), folder);
        for (to, told) in [
            (
                "postgres:secret@h/d",
                "a PostgreSQL database is named by a URL, with `//`",
            ),
            (
                "duckdb:a",
                "this lowcode does not write to DuckDB (`--to duckdb:…`)",
            ),
            ("a.db", "`--to a.db` is no destination"),
            ("sqlite:", "`sqlite:` names no file"),
            ("", "`--to ` is no destination"),
        ] {
            assert_eq!(message(&flags(Some(to))), told);
        }
    }

    #[test]
    fn flags_that_go_with_another_destination_are_refused() {
        let fresh = flags::Destination {
            fresh: true,
            ..flags(None)
        };
        assert_eq!(
            message(&fresh),
            "`--fresh` is about a database, and standard output is none"
        );
        let format = flags::Destination {
            format: Some(Format::Jsonl),
            ..flags(Some("a.sqlite"))
        };
        assert_eq!(
            message(&format),
            "`--format` is for standard output, and `a.sqlite` is a database"
        );
        for (to, format, told) in [
            (
                Some("postgres://u:secret@h/d"),
                Format::Jsonl,
                "`--format` is for standard output, and `postgres://h:5432/d` is a database",
            ),
            (
                None,
                Format::Parquet,
                "Parquet is for files, and standard output is none",
            ),
            (
                Some("out/"),
                Format::Singer,
                "`out/` is a folder, and that format is for one output",
            ),
        ] {
            let flags = flags::Destination {
                format: Some(format),
                ..flags(to)
            };
            assert_eq!(message(&flags), told);
        }
    }
}

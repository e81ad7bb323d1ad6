//! A SQLite database: a table a stream, and what is left to read beside them.
//!
//! In: messages. Out: one file. Records, states and steps are committed together, in WAL mode with
//! `synchronous = FULL`: what was committed is there after a kill, and after a power failure; what was
//! not is not, all of it.

mod columns;
mod row;
mod store;
mod table;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use rusqlite::{Connection, ErrorCode};

use super::names::{self, Rules};
use super::{Loading, Lock, Mode, Output, Store, Written};
use crate::message::{CatalogStream, Data, Message, Progress, Step, StreamState, StreamStatus};
use store::Kept;
use table::Table;

/// `_rowid_` is the name by which a row is found here, and a column of that name would hide it.
const NAMES: Rules = Rules {
    longest: 1000,
    prefixes: &["sqlite_"],
    words: &["_rowid_"],
};

/// Bytes of records after which is committed, at the next point at which it may be.
const BATCH: usize = 8 * 1024 * 1024;
/// The time after which is committed likewise.
const PAUSE: Duration = Duration::from_millis(200);
/// How long to wait for another program that writes to the same database.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writes records into the tables of a SQLite database.
#[derive(Debug)]
pub struct SqliteOutput {
    path: PathBuf,
    connection: Connection,
    loading: Loading,
    tables: IndexMap<String, Table>,
    /// Bytes of records since the last commit.
    bytes: usize,
    /// When was committed last.
    committed: Duration,
    is_open: bool,
    /// Whether the run tells how far it has come.
    has_progress: bool,
    /// Whether all records so far were counted by such a message.
    is_covered: bool,
    /// After an error nothing more is committed.
    is_broken: bool,
    _lock: Lock,
}

/// An error of SQLite, or one of ours with its own words.
#[derive(Debug)]
enum Fault {
    Sql(rusqlite::Error),
    Own(io::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Fault {
    fn own(message: String) -> Self {
        Self::Own(io::Error::new(io::ErrorKind::InvalidData, message))
    }

    /// The error as a person is told it, with the file.
    fn at(self, path: &Path) -> io::Error {
        let path = path.display();
        let error = match self {
            Self::Own(error) => {
                return io::Error::new(error.kind(), format!("`{path}`: {error}"));
            }
            Self::Sql(error) => error,
        };
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => io::ErrorKind::StorageFull,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                io::ErrorKind::PermissionDenied
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                let message = format!("`{path}` is locked by another program that writes to it");
                return io::Error::new(io::ErrorKind::ResourceBusy, message);
            }
            Some(ErrorCode::NotADatabase) => {
                let message = format!("`{path}` is no SQLite database");
                return io::Error::new(io::ErrorKind::InvalidData, message);
            }
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, format!("`{path}`: {error}"))
    }
}

type Result<T> = std::result::Result<T, Fault>;

impl SqliteOutput {
    /// Opens or makes the database at `path`, for one run at a time.
    ///
    /// # Errors
    /// When it is no database or cannot be written; of kind `ResourceBusy` when another run has it.
    pub fn open(path: &Path, loading: Loading) -> io::Result<Self> {
        if path.is_dir() {
            let message = format!("`{}` is a folder, no SQLite database", path.display());
            return Err(io::Error::new(io::ErrorKind::IsADirectory, message));
        }
        let lock = Lock::take(path).map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => error,
            kind => io::Error::new(
                kind,
                format!(
                    "the folder of `{}` cannot be written to: {error}",
                    path.display()
                ),
            ),
        })?;
        let connection = connect(path).map_err(|fault| fault.at(path))?;
        let committed = (loading.elapsed)();
        Ok(Self {
            path: path.to_owned(),
            connection,
            loading,
            tables: IndexMap::new(),
            bytes: 0,
            committed,
            is_open: false,
            has_progress: false,
            is_covered: true,
            is_broken: false,
            _lock: lock,
        })
    }

    /// The mode of a stream.
    fn mode(&self, stream: &CatalogStream) -> Result<Mode> {
        match (self.loading.mode, Mode::of(stream)) {
            (Some(Mode::Upsert), Mode::Replace) => Err(Fault::Own(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "stream `{}` has no primary key to upsert by; without `--mode` it is replaced",
                    stream.name
                ),
            ))),
            (Some(mode), _) => Ok(mode),
            (None, mode) => Ok(mode),
        }
    }

    fn declare(&mut self, streams: &[CatalogStream]) -> Result<()> {
        let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
        for (stream, name) in streams.iter().zip(names::safe(&names, &NAMES)) {
            let mode = self.mode(stream)?;
            let table = Table::new(stream, name, mode, self.loading.has_metadata);
            self.tables.insert(stream.name.clone(), table);
        }
        Ok(())
    }

    fn open_transaction(&mut self) -> Result<()> {
        if !self.is_open {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.is_open = true;
        }
        Ok(())
    }

    fn take(&mut self, message: &Message) -> Result<()> {
        match message {
            Message::Records {
                stream,
                unit,
                records,
            } => self.records(stream, *unit, records),
            Message::Void { stream, unit } => self.void(stream, *unit),
            Message::State(state) => self.state(state),
            Message::Progress(progress) => self.progress(progress),
            Message::Status { stream, status } => {
                if let Some(table) = self.tables.get_mut(&**stream) {
                    table.is_complete = *status == StreamStatus::Complete;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn records(&mut self, stream: &str, unit: u64, records: &[Data]) -> Result<()> {
        self.open_transaction()?;
        self.is_covered = false;
        self.bytes += records.iter().map(Data::size).sum::<usize>();
        let stamp = self.loading.stamp();
        let table = self.tables.get_mut(stream).ok_or_else(|| {
            Fault::own(format!(
                "nobody told of the stream `{stream}` before its records"
            ))
        })?;
        table.ready(&self.connection)?;
        table.write(&self.connection, unit, records, &stamp, &self.loading.run)
    }

    /// A stream that is replaced is read whole each time, so its state is of no use.
    fn state(&mut self, state: &StreamState) -> Result<()> {
        let table = self.tables.get(&*state.stream);
        if table.is_some_and(|table| table.mode() == Mode::Replace) {
            return Ok(());
        }
        self.open_transaction()?;
        let stamp = self.loading.stamp();
        Kept(&self.connection).put_state(state, &stamp)
    }

    fn progress(&mut self, progress: &Progress) -> Result<()> {
        self.has_progress = true;
        self.open_transaction()?;
        for (key, step) in &progress.steps {
            self.step(key, step)?;
        }
        self.is_covered = true;
        let since = (self.loading.elapsed)().saturating_sub(self.committed);
        if self.bytes >= BATCH || since >= PAUSE {
            self.commit()?;
        }
        Ok(())
    }

    fn step(&mut self, key: &str, step: &Step) -> Result<()> {
        let connection = &self.connection;
        let kept = Kept(connection);
        let table = self.tables.get_mut(key);
        let mode = table.as_ref().map(|table| table.mode());
        match (step, table) {
            (Step::Read { unit, .. }, Some(table)) => table.settle(*unit),
            // A stream that was whole before the run comes to its end again.
            (Step::Ended { is_whole }, Some(table)) if !kept.is_whole(key)? => {
                table.ready(connection)?;
                if *is_whole {
                    table.publish(connection)?;
                }
            }
            _ => {}
        }
        kept.take(key, step, mode, &self.loading.stamp())
    }

    /// Removes rows that come again.
    fn void(&mut self, stream: &str, unit: Option<u64>) -> Result<()> {
        self.open_transaction()?;
        self.is_covered = false;
        match (self.tables.get_mut(stream), unit) {
            (Some(table), Some(unit)) => table.void(&self.connection, stream, unit),
            (Some(table), None) => table.begin(&self.connection),
            (None, _) => Ok(()),
        }
    }

    /// Commits all that was taken down.
    fn commit(&mut self) -> Result<()> {
        if self.is_open {
            for (stream, table) in &mut self.tables {
                table.keep_ranges(&self.connection, stream)?;
            }
            self.connection.execute_batch("COMMIT")?;
            self.is_open = false;
        }
        self.bytes = 0;
        self.committed = (self.loading.elapsed)();
        Ok(())
    }

    /// Undoes all since the last commit. SQLite may have done so by itself, when the disk is full.
    fn roll_back(&mut self) {
        if std::mem::take(&mut self.is_open) && !self.connection.is_autocommit() {
            // What is not committed is void anyway once the file is closed.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    /// Ends a run that never told how far it came: what its streams say of themselves counts.
    fn end_without_progress(&mut self) -> Result<()> {
        self.open_transaction()?;
        for table in self.tables.values_mut() {
            table.settle_all();
            if table.is_complete {
                table.ready(&self.connection)?;
                table.publish(&self.connection)?;
            } else {
                table.discard(&self.connection)?;
            }
        }
        self.commit()
    }

    fn end(&mut self) -> Result<()> {
        if self.is_broken {
            return Ok(());
        }
        if !self.has_progress {
            self.end_without_progress()?;
        } else if self.is_covered {
            self.commit()?;
        } else {
            self.roll_back();
        }
        // A reader may be in the way: then the log is merged another time.
        let _ = self
            .connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        Ok(())
    }

    /// Ends all after an error: a half-written message must not be committed.
    fn guard<T>(&mut self, result: Result<T>) -> io::Result<T> {
        result.map_err(|fault| {
            self.is_broken = true;
            self.roll_back();
            fault.at(&self.path)
        })
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    // File systems without shared memory have no WAL; SQLite then stays with its rollback journal.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -16000")?;
    // Renaming a table must not fail over a view that is broken already.
    connection.execute_batch("PRAGMA legacy_alter_table = ON")?;
    Kept(&connection).create()?;
    Ok(connection)
}

impl Output for SqliteOutput {
    fn begin(&mut self, streams: &[CatalogStream]) -> io::Result<()> {
        let result = self.declare(streams);
        self.guard(result)
    }

    fn write(&mut self, message: &Message) -> io::Result<()> {
        let result = if self.is_broken {
            Err(Fault::own("nothing is written after an error".to_owned()))
        } else {
            self.take(message)
        };
        self.guard(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.has_progress || !self.is_covered || self.is_broken {
            return Ok(());
        }
        let result = self.commit();
        self.guard(result)
    }

    fn finish(&mut self) -> io::Result<()> {
        let result = self.end();
        self.guard(result)
    }

    fn store(&mut self) -> Option<&mut dyn Store> {
        Some(self)
    }

    fn written(&self, stream: &str) -> Option<Written> {
        self.tables.get(stream).map(Table::written)
    }
}

impl Store for SqliteOutput {
    fn states(&mut self) -> io::Result<Vec<StreamState>> {
        let states = Kept(&self.connection).states();
        states.map_err(|fault| fault.at(&self.path))
    }

    fn steps(
        &mut self,
        stream: &str,
        take: &mut dyn FnMut(Step) -> io::Result<()>,
    ) -> io::Result<()> {
        let table = self.tables.get_mut(stream);
        let given = store::give(&self.connection, stream, table, take);
        given.map_err(|fault| fault.at(&self.path))
    }

    fn forget(&mut self, stream: Option<&str>) -> io::Result<()> {
        let forgotten = Kept(&self.connection).forget(stream);
        forgotten.map_err(|fault| fault.at(&self.path))
    }
}

impl Drop for SqliteOutput {
    fn drop(&mut self) {
        self.roll_back();
    }
}

#[cfg(test)]
mod tests;

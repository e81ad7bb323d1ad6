//! A SQLite database: a table a stream, and what is left to read beside them.
//!
//! In: messages. Out: one file. Records, states and steps are committed together, in WAL mode with
//! `synchronous = FULL`: what was committed is there after a kill, and after a power failure; what was
//! not is not, all of it.

mod columns;
mod row;
mod table;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use rusqlite::Connection;

use super::fault::{Fault, Result};
use super::journal::{self, Head, Journal};
use super::names::{self, Rules};
use super::{KeptStream, Loading, Lock, Mode, Output, Store, Written};
use crate::message::{CatalogStream, Data, Message, Progress, Step, StreamState, StreamStatus};
use columns::quoted;
use table::{Table, staging};

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

    fn declare(&mut self, streams: &[CatalogStream]) -> Result<()> {
        let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
        for (stream, name) in streams.iter().zip(names::safe(&names, &NAMES)) {
            let mode = self.loading.mode_of(stream).map_err(Fault::Own)?;
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
        Journal(&self.connection).put_state(state, &stamp)
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
        let kept = Journal(connection);
        let table = self.tables.get_mut(key);
        let mode = table.as_ref().map(|table| table.mode().as_str());
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
    let connection = journal::connect(path)?;
    // Renaming a table must not fail over a view that is broken already.
    connection.execute_batch("PRAGMA legacy_alter_table = ON")?;
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
        let states = Journal(&self.connection).states();
        states.map_err(|fault| fault.at(&self.path))
    }

    fn steps(
        &mut self,
        stream: &str,
        take: &mut dyn FnMut(Step) -> io::Result<()>,
    ) -> io::Result<()> {
        let connection = &self.connection;
        let mut table = self.tables.get_mut(stream);
        let mut goes_on = |head: &Head| match &mut table {
            Some(table) => goes_on(connection, table, head),
            None => Ok(true),
        };
        let given = Journal(connection).give(stream, &mut goes_on, take);
        given.map_err(|fault| fault.at(&self.path))
    }

    fn kept(&mut self) -> io::Result<Vec<KeptStream>> {
        let kept = Journal(&self.connection).kept();
        kept.map_err(|fault| fault.at(&self.path))
    }

    fn forget(&mut self, stream: Option<&str>) -> io::Result<()> {
        let connection = &self.connection;
        let forgotten = Journal(connection).forget(stream, &mut |stream| {
            let safe = names::safe(&[stream], &NAMES);
            let staged = quoted(&staging(safe.first().map_or(stream, String::as_str)));
            Ok(connection.execute_batch(&format!("DROP TABLE IF EXISTS {staged}"))?)
        });
        forgotten.map_err(|fault| fault.at(&self.path))
    }
}

impl Drop for SqliteOutput {
    fn drop(&mut self) {
        self.roll_back();
    }
}

/// Whether the rows of a load are there as its journal says: then they are gone on with.
fn goes_on(connection: &Connection, table: &mut Table, head: &Head) -> Result<bool> {
    // What was loaded in another way is not there.
    if head.mode.as_deref() != Some(table.mode().as_str()) {
        return Ok(false);
    }
    if head.is_whole() {
        return Ok(true);
    }
    table.goes_on = is_as_left(connection, table, head.last_row)?;
    Ok(table.goes_on)
}

/// Whether the rows of an unfinished load are where they were. `VACUUM` may number them anew, and then
/// those of a unit cannot be found.
fn is_as_left(connection: &Connection, table: &Table, last: Option<i64>) -> Result<bool> {
    if table.mode() == Mode::Upsert {
        return Ok(true);
    }
    let target = table.target();
    let is_there: bool = connection.query_row(
        "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
        [&target],
        |row| row.get(0),
    )?;
    if !is_there {
        // Nothing was written yet.
        return Ok(last.is_none());
    }
    let sql = format!("SELECT coalesce(max(_rowid_), 0) FROM {}", quoted(&target));
    let now: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok(last.is_none() || last == Some(now))
}

#[cfg(test)]
mod tests;

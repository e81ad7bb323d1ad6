//! A PostgreSQL database: a table a stream, and what is left to read beside them.
//!
//! In: messages. Out: rows, by `COPY`. Records, states and steps are committed together: what was
//! committed is there after a kill; what was not is not, all of it. While a run waits for an API no
//! transaction is open, as a rule: records are held as text until they are committed, some megabytes at
//! most.

mod address;
mod cell;
mod database;
mod fault;
mod instant;
mod jsonb;
mod load;
mod password;
mod publish;
mod row;
mod store;
mod table;
mod tls;

use std::fmt;
use std::io;
use std::time::Duration;

use indexmap::IndexMap;

use super::names::{self, Rules};
use super::{KeptStream, Loading, Mode, Output, Store, Written};
use crate::message::{CatalogStream, Data, Message, Progress, Step, StreamState, StreamStatus};
use address::Address;
use database::Database;
use fault::{Fault, Result};
use store::Kept;
use table::Table;

pub use address::{Surroundings, default_password_file, is_url, without_password};

/// Columns: what every table has is no column of ours.
const NAMES: Rules = Rules {
    longest: 63,
    prefixes: &[],
    words: &["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"],
};

/// Tables: the names of those beside them are longer by 13 letters.
const TABLES: Rules = Rules {
    longest: 50,
    prefixes: &[],
    words: &[],
};

/// Bytes of lines after which they are sent, and committed at the next point at which they may be.
const BATCH: usize = 4 * 1024 * 1024;
/// The time after which is committed likewise.
const PAUSE: Duration = Duration::from_secs(1);
/// The steps after which is committed likewise.
const STEPS: usize = 10_000;

/// Writes records into the tables of a PostgreSQL database.
pub struct PostgresOutput {
    /// Server and database, as a person is told.
    shown: String,
    database: Database,
    kept: Kept,
    loading: Loading,
    tables: IndexMap<String, Table>,
    /// Bytes of lines since the last commit.
    bytes: usize,
    /// Those that were not sent yet.
    unsent: usize,
    /// When was committed last.
    committed: Duration,
    is_open: bool,
    /// Whether the run tells how far it has come.
    has_progress: bool,
    /// Whether all records so far were counted by such a message.
    is_covered: bool,
    /// After an error nothing more is committed.
    is_broken: bool,
}

impl fmt::Debug for PostgresOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOutput")
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

impl PostgresOutput {
    /// Connects to the database that `url` names, for one run at a time.
    ///
    /// # Errors
    /// When it cannot be reached or written to; of kind `ResourceBusy` when another run writes to the
    /// same schema. No message holds the password.
    pub fn open(url: &str, around: &Surroundings, loading: Loading) -> io::Result<Self> {
        let address = Address::parse(url, around)?;
        let opened = Database::open(&address).and_then(|mut database| {
            Kept::create(&mut database)?;
            Ok(database)
        });
        let database = opened.map_err(|fault| fault.at(&address.shown))?;
        let committed = (loading.elapsed)();
        Ok(Self {
            shown: address.shown,
            database,
            kept: Kept::default(),
            loading,
            tables: IndexMap::new(),
            bytes: 0,
            unsent: 0,
            committed,
            is_open: false,
            has_progress: false,
            is_covered: true,
            is_broken: false,
        })
    }

    fn declare(&mut self, streams: &[CatalogStream]) -> Result<()> {
        let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
        for (stream, name) in streams.iter().zip(names::safe(&names, &TABLES)) {
            let mode = self.loading.mode_of(stream).map_err(Fault::Own)?;
            let table = Table::new(stream, name, mode, self.loading.has_metadata);
            self.tables.insert(stream.name.clone(), table);
        }
        Ok(())
    }

    fn open_transaction(&mut self) -> Result<()> {
        if !self.is_open {
            self.database.run("BEGIN")?;
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
            Message::State(state) => {
                // A stream that is replaced is read whole each time, so its state is of no use.
                let table = self.tables.get(&*state.stream);
                if table.is_none_or(|table| table.mode() != Mode::Replace) {
                    self.kept.put_state(state);
                }
                Ok(())
            }
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
        self.is_covered = false;
        let stamp = self.loading.stamp();
        let unknown = || {
            Fault::own(format!(
                "nobody told of the stream `{stream}` before its records"
            ))
        };
        if !self.tables.get(stream).ok_or_else(unknown)?.is_ready() {
            self.open_transaction()?;
        }
        let table = self.tables.get_mut(stream).ok_or_else(unknown)?;
        table.ready(&mut self.database)?;
        // A page may be larger than what is to be held.
        for some in records.chunks(CHUNK) {
            let table = self.tables.get_mut(stream).ok_or_else(unknown)?;
            let bytes = table.write(unit, some, &stamp, &self.loading.run);
            self.bytes += bytes;
            self.unsent += bytes;
            if self.unsent >= BATCH {
                self.send()?;
            }
        }
        Ok(())
    }

    /// Sends all lines, which are not committed by that.
    fn send(&mut self) -> Result<()> {
        self.open_transaction()?;
        for table in self.tables.values_mut() {
            table.send(&mut self.database)?;
        }
        self.unsent = 0;
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) -> Result<()> {
        self.has_progress = true;
        for (key, step) in &progress.steps {
            self.step(key, step)?;
        }
        self.is_covered = true;
        let since = (self.loading.elapsed)().saturating_sub(self.committed);
        if self.bytes >= BATCH || since >= PAUSE || self.kept.count() >= STEPS {
            self.commit()?;
        }
        Ok(())
    }

    fn step(&mut self, key: &str, step: &Step) -> Result<()> {
        if matches!(step, Step::Begun { .. } | Step::Ended { .. } | Step::Over) {
            self.open_transaction()?;
        }
        let database = &mut self.database;
        let table = self.tables.get_mut(key);
        let mode = table.as_ref().map(|table| table.mode());
        match (step, table) {
            (Step::Read { unit, .. }, Some(table)) => table.settle(*unit),
            // A stream that was whole before the run comes to its end again.
            (Step::Ended { is_whole }, Some(table)) if !Kept::is_whole(database, key)? => {
                table.ready(database)?;
                if *is_whole {
                    table.publish(database)?;
                }
            }
            _ => {}
        }
        self.kept.take(database, key, step, mode)
    }

    /// Removes rows that come again.
    fn void(&mut self, stream: &str, unit: Option<u64>) -> Result<()> {
        self.is_covered = false;
        self.open_transaction()?;
        match (self.tables.get_mut(stream), unit) {
            (Some(table), Some(unit)) => table.void(&mut self.database, unit),
            (Some(table), None) => table.begin(&mut self.database),
            (None, _) => Ok(()),
        }
    }

    /// Commits all that was taken down.
    fn commit(&mut self) -> Result<()> {
        if self.is_open || self.bytes > 0 || self.kept.count() > 0 {
            self.send()?;
            self.kept.write(&mut self.database)?;
            for (stream, table) in &mut self.tables {
                if let Some(staged) = table.staged_anew() {
                    Kept::put_staged(&mut self.database, stream, staged)?;
                }
            }
            self.database.run("COMMIT")?;
            self.is_open = false;
        }
        self.bytes = 0;
        self.committed = (self.loading.elapsed)();
        Ok(())
    }

    /// Undoes all since the last commit.
    fn roll_back(&mut self) {
        if std::mem::take(&mut self.is_open) {
            // What is not committed is void anyway once the connection is closed.
            let _ = self.database.run("ROLLBACK");
        }
    }

    /// Ends a run that never told how far it came: what its streams say of themselves counts.
    fn end_without_progress(&mut self) -> Result<()> {
        self.open_transaction()?;
        for table in self.tables.values_mut() {
            if table.is_complete {
                table.publish(&mut self.database)?;
            } else {
                table.discard(&mut self.database)?;
            }
        }
        self.commit()
    }

    fn end(&mut self) -> Result<()> {
        if self.is_broken {
            return Ok(());
        }
        if !self.has_progress {
            self.end_without_progress()
        } else if self.is_covered {
            self.commit()
        } else {
            self.roll_back();
            Ok(())
        }
    }

    /// Ends all after an error: a half-written message must not be committed.
    fn guard<T>(&mut self, result: Result<T>) -> io::Result<T> {
        result.map_err(|fault| {
            self.is_broken = true;
            self.roll_back();
            fault.at(&self.shown)
        })
    }

    fn forget_now(&mut self, stream: Option<&str>) -> Result<()> {
        self.open_transaction()?;
        self.kept.forget(&mut self.database, stream)?;
        self.commit()
    }
}

/// Records of which lines are made before it is looked at how many bytes they are.
const CHUNK: usize = 500;

impl Output for PostgresOutput {
    fn begin(&mut self, streams: &[CatalogStream]) -> io::Result<()> {
        let result = self.declare(streams);
        self.guard(result)
    }

    fn write(&mut self, message: &Message) -> io::Result<()> {
        let result = self.take(message);
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

impl Store for PostgresOutput {
    fn states(&mut self) -> io::Result<Vec<StreamState>> {
        Kept::states(&mut self.database).map_err(|fault| fault.at(&self.shown))
    }

    fn steps(
        &mut self,
        stream: &str,
        take: &mut dyn FnMut(Step) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.kept.count() > 0 {
            // What is gathered is part of it.
            let result = self.open_transaction();
            let result = result.and_then(|()| self.kept.write(&mut self.database));
            self.guard(result)?;
        }
        let table = self.tables.get_mut(stream);
        let given = store::give(&mut self.database, stream, table, take);
        given.map_err(|fault| fault.at(&self.shown))
    }

    fn kept(&mut self) -> io::Result<Vec<KeptStream>> {
        store::kept(&mut self.database).map_err(|fault| fault.at(&self.shown))
    }

    fn forget(&mut self, stream: Option<&str>) -> io::Result<()> {
        let result = self.forget_now(stream);
        self.guard(result)
    }
}

impl Drop for PostgresOutput {
    fn drop(&mut self) {
        self.roll_back();
    }
}

#[cfg(test)]
#[cfg(unix)]
mod server;
#[cfg(test)]
#[cfg(unix)]
mod tests;

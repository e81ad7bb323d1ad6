//! A folder: a file a stream, and in `_lowcode.sqlite` what is left to read.
//!
//! In: messages. Out: files. Each has a temporary name (`tasks.jsonl.part`) until its stream is whole;
//! then it is on the disk and gets its own, so that a reader never sees half of it. What of the
//! temporary file counts is kept together with states and steps: after a kill the rest is cut off.
//!
//! In `append` mode each run adds a file: `tasks.0001.jsonl`, `tasks.0002.jsonl`, and so on. To
//! `upsert`, a file would have to be read whole.

mod holes;
mod kept;
mod name;
mod part;
mod publish;
mod stream;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::fault::{Fault, Result};
use super::journal::{self, Journal};
use super::{KeptStream, Loading, Lock, Mode, Output, Store, Written};
use crate::message::{CatalogStream, Data, Message, Progress, Step, StreamState, StreamStatus};
use kept::{Declared, Kept};
use part::at;
use stream::StreamFile;

/// Name of the file that remembers runs.
const JOURNAL: &str = "_lowcode.sqlite";
/// Bytes of records after which is committed, at the next point at which it may be.
const BATCH: usize = 8 * 1024 * 1024;
/// The time after which is committed likewise.
const PAUSE: Duration = Duration::from_millis(200);

/// The form of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// A JSON line a record, as the record is.
    Jsonl,
    /// Comma-separated values, the columns those of the stream's schema.
    Csv,
    /// Parquet, compressed by zstd, the columns those of the stream's schema.
    Parquet,
}

impl FileFormat {
    /// What the names of files end in.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// Writes the records of each stream to a file of its own.
#[derive(Debug)]
pub struct FilesOutput {
    folder: PathBuf,
    format: FileFormat,
    connection: Connection,
    loading: Loading,
    files: IndexMap<String, StreamFile>,
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

impl FilesOutput {
    /// Opens or makes the folder at `folder`, for one run at a time, and ends what an earlier run had
    /// all but ended.
    ///
    /// # Errors
    /// When it is no folder or cannot be written to; of kind `ResourceBusy` when another run has it; of
    /// kind `InvalidInput` when the mode is `upsert`.
    pub fn open(folder: &Path, format: FileFormat, loading: Loading) -> io::Result<Self> {
        if loading.mode == Some(Mode::Upsert) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "files cannot be written by `--mode upsert`; use `replace` or `append`, or write into \
                 a database (`--to FILE.sqlite`)",
            ));
        }
        fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
        let path = folder.join(JOURNAL);
        let lock = Lock::take(&path).map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => error,
            kind => {
                let folder = folder.display();
                let message = format!("the folder `{folder}` cannot be written to: {error}");
                io::Error::new(kind, message)
            }
        })?;
        let connection = journal::connect(&path).map_err(|fault| fault.at(&path))?;
        let mut output = Self {
            folder: folder.to_owned(),
            format,
            connection,
            committed: (loading.elapsed)(),
            loading,
            files: IndexMap::new(),
            bytes: 0,
            is_open: false,
            has_progress: false,
            is_covered: true,
            is_broken: false,
            _lock: lock,
        };
        let ended = output.end_earlier();
        output.guard(ended)?;
        Ok(output)
    }

    /// Gives files their names that an earlier run had no time to give.
    fn end_earlier(&self) -> Result<()> {
        let kept = Kept(&self.connection);
        kept.create()?;
        for stream in kept.whole()? {
            if let Some(load) = kept.get(&stream)? {
                let holes = kept.holes(&stream)?;
                publish::publish(&self.folder, &load, &holes).map_err(Fault::Own)?;
            }
            kept.remove(&stream)?;
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
                if let Some(file) = self.files.get_mut(&**stream) {
                    file.is_complete = *status == StreamStatus::Complete;
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
        let file = self.files.get_mut(stream).ok_or_else(|| {
            Fault::own(format!(
                "nobody told of the stream `{stream}` before its records"
            ))
        })?;
        file.ready(&self.folder, &self.connection)?;
        file.write(unit, records, &stamp, &self.loading.run)
    }

    /// Removes records that come again.
    fn void(&mut self, stream: &str, unit: Option<u64>) -> Result<()> {
        self.open_transaction()?;
        self.is_covered = false;
        match (self.files.get_mut(stream), unit) {
            (Some(file), Some(unit)) => file.void(&self.folder, &self.connection, unit),
            (Some(file), None) => file.begin(&self.folder, &self.connection),
            (None, _) => Ok(()),
        }
    }

    /// A stream that is replaced is read whole each time, so its state is of no use.
    fn state(&mut self, state: &StreamState) -> Result<()> {
        let file = self.files.get(&*state.stream);
        if file.is_some_and(|file| file.mode() == Mode::Replace) {
            return Ok(());
        }
        self.open_transaction()?;
        let stamp = self.loading.stamp();
        Journal(&self.connection).put_state(state, &stamp)
    }

    fn progress(&mut self, progress: &Progress) -> Result<()> {
        self.has_progress = true;
        self.open_transaction()?;
        let mut has_ended = false;
        for (key, step) in &progress.steps {
            has_ended |= self.step(key, step)?;
        }
        self.is_covered = true;
        let since = (self.loading.elapsed)().saturating_sub(self.committed);
        if has_ended || self.bytes >= BATCH || since >= PAUSE {
            self.commit()?;
        }
        Ok(())
    }

    /// Keeps a step; true when a file is whole by it.
    fn step(&mut self, key: &str, step: &Step) -> Result<bool> {
        let journal = Journal(&self.connection);
        let file = self.files.get_mut(key);
        let way = file.as_ref().map(|file| file.way());
        let mut has_ended = false;
        match (step, file) {
            (Step::Read { unit, .. }, Some(file)) => file.settle(*unit),
            // A stream that was whole before the run comes to its end again.
            (Step::Ended { is_whole: true }, Some(file)) if !journal.is_whole(key)? => {
                file.end(&self.folder, &self.connection)?;
                has_ended = true;
            }
            _ => {}
        }
        journal.take(key, step, way.as_deref(), &self.loading.stamp())?;
        Ok(has_ended)
    }

    /// Commits all that was taken down, then gives files that are whole their names.
    fn commit(&mut self) -> Result<()> {
        if self.is_open {
            for file in self.files.values_mut() {
                file.keep(&self.folder, &self.connection)?;
            }
            self.connection.execute_batch("COMMIT")?;
            self.is_open = false;
        }
        for at in 0..self.files.len() {
            if let Some((stream, file)) = self.files.get_index_mut(at)
                && file.publish(&self.folder, &self.connection)?
            {
                let stream = stream.clone();
                // Should this not be committed, the next run finds the file to have its name.
                self.open_transaction()?;
                Kept(&self.connection).remove(&stream)?;
            }
        }
        self.bytes = 0;
        self.committed = (self.loading.elapsed)();
        Ok(())
    }

    /// Undoes what is kept since the last commit. What is in files behind their committed length is cut
    /// off by the next run.
    fn roll_back(&mut self) {
        if std::mem::take(&mut self.is_open) && !self.connection.is_autocommit() {
            // What is not committed is void anyway once the file is closed.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    /// Ends a run that never told how far it came: what its streams say of themselves counts.
    fn end_without_progress(&mut self) -> Result<()> {
        self.open_transaction()?;
        for file in self.files.values_mut() {
            let stays = file.mode() == Mode::Append && !file.is_empty();
            if file.is_complete || stays {
                file.end(&self.folder, &self.connection)?;
            } else {
                file.discard(&self.folder, &self.connection)?;
            }
        }
        self.commit()?;
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
            self.told(fault)
        })
    }

    /// The error as a person is told it, with its file.
    fn told(&self, fault: Fault) -> io::Error {
        match fault {
            Fault::Own(error) => error,
            fault @ Fault::Sql(_) => fault.at(&self.folder.join(JOURNAL)),
        }
    }
}

impl Output for FilesOutput {
    fn begin(&mut self, streams: &[CatalogStream]) -> io::Result<()> {
        let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
        for (stream, stem) in streams.iter().zip(name::safe(&names)) {
            let declared = Declared {
                format: self.format,
                mode: self.loading.mode.unwrap_or(Mode::Replace),
                has_metadata: self.loading.has_metadata,
                stem,
                stream: stream.clone(),
            };
            let file = StreamFile::new(declared);
            self.files.insert(stream.name.clone(), file);
        }
        Ok(())
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
        self.files.get(stream).map(StreamFile::written)
    }
}

impl Store for FilesOutput {
    fn states(&mut self) -> io::Result<Vec<StreamState>> {
        let states = Journal(&self.connection).states();
        states.map_err(|fault| self.told(fault))
    }

    fn steps(
        &mut self,
        stream: &str,
        take: &mut dyn FnMut(Step) -> io::Result<()>,
    ) -> io::Result<()> {
        let (folder, connection) = (&self.folder, &self.connection);
        let mut file = self.files.get_mut(stream);
        let mut goes_on = |head: &journal::Head| match &mut file {
            Some(file) => file.goes_on(folder, connection, head),
            None => Ok(true),
        };
        let given = Journal(connection).give(stream, &mut goes_on, take);
        given.map_err(|fault| self.told(fault))
    }

    fn kept(&mut self) -> io::Result<Vec<KeptStream>> {
        let kept = Journal(&self.connection).kept();
        kept.map_err(|fault| self.told(fault))
    }

    fn forget(&mut self, stream: Option<&str>) -> io::Result<()> {
        let (folder, connection) = (&self.folder, &self.connection);
        let forgotten = Journal(connection).forget(stream, &mut |stream| {
            if let Some(part) = Kept(connection).part(stream)? {
                stream::remove(&folder.join(part)).map_err(Fault::Own)?;
            }
            Kept(connection).remove(stream)
        });
        forgotten.map_err(|fault| self.told(fault))
    }
}

impl Drop for FilesOutput {
    fn drop(&mut self) {
        self.roll_back();
    }
}

#[cfg(test)]
mod tests;

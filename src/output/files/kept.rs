//! What is kept of files: which part of each is committed, and which of it came again.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::FileFormat;
use crate::message::CatalogStream;
use crate::output::Mode;
use crate::output::fault::{Fault, Result};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS _lowcode_files (
        stream TEXT PRIMARY KEY, part TEXT NOT NULL, length INTEGER NOT NULL,
        declared TEXT NOT NULL, target TEXT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS _lowcode_holes (
        stream TEXT, first INTEGER, last INTEGER, PRIMARY KEY (stream, first)) WITHOUT ROWID;
";

/// What decides on the content of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Declared {
    pub(super) format: FileFormat,
    pub(super) mode: Mode,
    pub(super) has_metadata: bool,
    /// Name of the file without its extension.
    pub(super) stem: String,
    pub(super) stream: CatalogStream,
}

impl Declared {
    /// Whether records that were written as this says can be followed by those that `other` declares.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        match self.format {
            // Its columns are in its first line.
            FileFormat::Csv => self == other,
            FileFormat::Jsonl | FileFormat::Parquet => {
                self.format == other.format
                    && self.mode == other.mode
                    && self.has_metadata == other.has_metadata
                    && self.stem == other.stem
            }
        }
    }
}

/// A load as it was last committed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Load {
    /// Name of the file that grows.
    pub(super) part: String,
    /// Bytes of it that count.
    pub(super) length: u64,
    pub(super) declared: Declared,
    /// Name of the file that it is to become, once it is whole.
    pub(super) target: Option<String>,
}

impl Load {
    /// Whether all that counts is there.
    pub(super) fn is_there(&self, folder: &Path) -> bool {
        let file = std::fs::metadata(self.path(folder));
        file.is_ok_and(|file| file.is_file() && file.len() >= self.length)
    }

    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(&self.part)
    }
}

/// The tables, by their connection.
pub(super) struct Kept<'a>(pub(super) &'a Connection);

impl Kept<'_> {
    pub(super) fn create(&self) -> Result<()> {
        Ok(self.0.execute_batch(TABLES)?)
    }

    pub(super) fn put(&self, load: &Load) -> Result<()> {
        let declared = serde_json::to_string(&load.declared);
        let declared = declared.map_err(|error| Fault::own(error.to_string()))?;
        let mut put = self
            .0
            .prepare_cached("INSERT OR REPLACE INTO _lowcode_files VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let (stream, length) = (&load.declared.stream.name, number(load.length));
        put.execute(params![stream, load.part, length, declared, load.target])?;
        Ok(())
    }

    pub(super) fn get(&self, stream: &str) -> Result<Option<Load>> {
        let mut one = self.0.prepare_cached(
            "SELECT part, length, declared, target FROM _lowcode_files WHERE stream = ?1",
        )?;
        let row = one.query_row([stream], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        let Some((part, length, declared, target)) = row.optional()? else {
            return Ok(None);
        };
        let (length, declared): (i64, String) = (length, declared);
        let declared = serde_json::from_str(&declared).map_err(|error| {
            Fault::own(format!(
                "what is kept of the file of stream `{stream}` is not understood ({error}); \
                 `--fresh` forgets it"
            ))
        })?;
        Ok(Some(Load {
            part,
            length: unsigned(length),
            declared,
            target,
        }))
    }

    /// Streams whose files are whole and may not have their names yet.
    pub(super) fn whole(&self) -> Result<Vec<String>> {
        let mut all =
            (self.0).prepare("SELECT stream FROM _lowcode_files WHERE target IS NOT NULL")?;
        let all = all.query_map([], |row| row.get(0))?;
        Ok(all.collect::<rusqlite::Result<_>>()?)
    }

    /// Name of the file that grows, when there is one.
    pub(super) fn part(&self, stream: &str) -> Result<Option<String>> {
        let mut one =
            (self.0).prepare_cached("SELECT part FROM _lowcode_files WHERE stream = ?1")?;
        Ok(one.query_row([stream], |row| row.get(0)).optional()?)
    }

    pub(super) fn remove(&self, stream: &str) -> Result<()> {
        for table in ["_lowcode_files", "_lowcode_holes"] {
            let sql = format!("DELETE FROM {table} WHERE stream = ?1");
            self.0.prepare_cached(&sql)?.execute([stream])?;
        }
        Ok(())
    }

    /// Leaves the bytes from `first` up to `last` out.
    pub(super) fn leave_out(&self, stream: &str, first: i64, last: i64) -> Result<()> {
        let mut put =
            (self.0).prepare_cached("INSERT OR REPLACE INTO _lowcode_holes VALUES (?1, ?2, ?3)")?;
        put.execute(params![stream, first, last])?;
        Ok(())
    }

    /// What is left out, in its order.
    pub(super) fn holes(&self, stream: &str) -> Result<Vec<(u64, u64)>> {
        let mut all = (self.0).prepare_cached(
            "SELECT first, last FROM _lowcode_holes WHERE stream = ?1 ORDER BY first",
        )?;
        let all = all.query_map([stream], |row| {
            Ok((unsigned(row.get(0)?), unsigned(row.get(1)?)))
        })?;
        Ok(all.collect::<rusqlite::Result<_>>()?)
    }
}

/// SQLite's integers are signed, and no file comes near the bound.
pub(super) fn number(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

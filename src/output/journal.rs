//! What is kept of runs, in tables of a SQLite file: states, and the steps of streams.
//!
//! In: states and steps. Out: the same, for the next run. Of the records it knows where each unit has
//! written them, as numbers that mean something to its destination alone (rows, or bytes of a file).
//!
//! Steps that later ones have made void are left out: of a unit its last position and its end are kept.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::fault::{Fault, Result};
use super::{KeptStream, counts};
use crate::message::{Step, StreamState};

/// How long to wait for another program that writes to the same file.
const PATIENCE: Duration = Duration::from_secs(30);

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS _lowcode_states (
        stream TEXT PRIMARY KEY, state TEXT NOT NULL, updated_at TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS _lowcode_streams (
        stream TEXT PRIMARY KEY, mode TEXT, begun TEXT NOT NULL, ended TEXT, is_over INTEGER NOT NULL,
        last_row INTEGER, begun_at TEXT NOT NULL, ended_at TEXT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS _lowcode_steps (
        number INTEGER PRIMARY KEY, stream TEXT NOT NULL, step TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS _lowcode_steps_of ON _lowcode_steps (stream, number);
    CREATE TABLE IF NOT EXISTS _lowcode_units (
        stream TEXT, unit INTEGER, found TEXT, cut TEXT, position TEXT, ending TEXT,
        PRIMARY KEY (stream, unit)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS _lowcode_rows (
        stream TEXT, unit INTEGER, first INTEGER, last INTEGER,
        PRIMARY KEY (stream, unit, first)) WITHOUT ROWID;
";

/// Opens or makes the file at `path`, with the tables.
pub(super) fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    // File systems without shared memory have no WAL; SQLite then stays with its rollback journal.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -16000")?;
    connection.execute_batch(TABLES)?;
    Ok(connection)
}

/// The tables, by their connection.
pub(super) struct Journal<'a>(pub(super) &'a Connection);

impl Journal<'_> {
    pub(super) fn put_state(&self, state: &StreamState, stamp: &str) -> Result<()> {
        let mut put = self.0.prepare_cached(
            "INSERT INTO _lowcode_states VALUES (?1, ?2, ?3) ON CONFLICT (stream)
             DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at",
        )?;
        put.execute(params![&*state.stream, json(&state.state), stamp])?;
        Ok(())
    }

    pub(super) fn states(&self) -> Result<Vec<StreamState>> {
        let mut all =
            (self.0).prepare("SELECT stream, state FROM _lowcode_states ORDER BY stream")?;
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Vec<(String, String)> = rows.collect::<rusqlite::Result<_>>()?;
        let states = rows.into_iter().map(|(stream, state)| {
            let state: Map<String, Value> = parse(&state, &stream)?;
            let stream = stream.into();
            Ok(StreamState { stream, state })
        });
        states.collect()
    }

    /// How far each stream has come.
    pub(super) fn kept(&self) -> Result<Vec<KeptStream>> {
        let counts = counts("_lowcode_units");
        let mut all = (self.0).prepare(&format!(
            "SELECT s.stream, s.ended_at, s.is_over, {counts} FROM _lowcode_streams s ORDER BY 1"
        ))?;
        let rows = all.query_map([], |row| {
            let count = |at| -> rusqlite::Result<u64> { Ok(row.get::<_, i64>(at)?.unsigned_abs()) };
            Ok(KeptStream {
                stream: row.get(0)?,
                ended_at: row.get(1)?,
                is_over: row.get(2)?,
                read: count(3)?,
                failed: count(4)?,
                begun: count(5)?,
                waiting: count(6)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Keeps one step of `stream`, which is loaded in the way that `mode` says; one without a way is read
    /// for others.
    pub(super) fn take(
        &self,
        stream: &str,
        step: &Step,
        mode: Option<&str>,
        stamp: &str,
    ) -> Result<()> {
        let set = |unit: u64, change: &str| {
            let sql = format!("UPDATE _lowcode_units SET {change} WHERE stream = ?1 AND unit = ?2");
            let with_step = change.contains("?3");
            match with_step {
                true => self.run(&sql, params![stream, number(unit), json(step)]),
                false => self.run(&sql, params![stream, number(unit)]),
            }
        };
        match step {
            Step::Begun { .. } => {
                self.clear(stream)?;
                self.run(
                    "INSERT INTO _lowcode_streams (stream, mode, begun, begun_at, is_over)
                     VALUES (?1, ?2, ?3, ?4, 0) ON CONFLICT (stream) DO UPDATE SET
                     mode = excluded.mode, begun = excluded.begun, begun_at = excluded.begun_at,
                     ended = NULL, is_over = 0, last_row = NULL",
                    params![stream, mode, json(step), stamp],
                )
            }
            Step::Fed { .. } | Step::Arrived { .. } => self.run(
                "INSERT INTO _lowcode_steps (stream, step) VALUES (?1, ?2)",
                params![stream, json(step)],
            ),
            Step::Found { unit, .. } => self.run(
                "INSERT OR REPLACE INTO _lowcode_units (stream, unit, found) VALUES (?1, ?2, ?3)",
                params![stream, number(*unit), json(step)],
            ),
            Step::Cut { unit, .. } => set(*unit, "cut = ?3"),
            Step::At { unit, .. } => set(*unit, "position = ?3, ending = NULL"),
            Step::Again { unit } => set(*unit, "position = NULL, ending = NULL"),
            Step::Read { unit, .. } => {
                self.forget_rows(stream, *unit)?;
                set(*unit, "position = NULL, ending = ?3")
            }
            Step::Failed { unit, .. } => set(*unit, "ending = ?3"),
            Step::Ended { .. } => self.run(
                "UPDATE _lowcode_streams SET ended = ?2, ended_at = ?3 WHERE stream = ?1",
                params![stream, json(step), stamp],
            ),
            Step::Over => {
                self.clear(stream)?;
                self.run(
                    "UPDATE _lowcode_streams SET is_over = 1 WHERE stream = ?1",
                    [stream],
                )
            }
        }
    }

    /// Whether all of `stream` was read since it was begun last.
    pub(super) fn is_whole(&self, stream: &str) -> Result<bool> {
        Ok(self.head(stream)?.is_some_and(|head| head.is_whole()))
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<()> {
        self.0.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// Removes all that was kept of the units of `stream`.
    fn clear(&self, stream: &str) -> Result<()> {
        for table in ["_lowcode_steps", "_lowcode_units", "_lowcode_rows"] {
            self.run(&format!("DELETE FROM {table} WHERE stream = ?1"), [stream])?;
        }
        Ok(())
    }

    /// The rows of a unit need not be found any more.
    pub(super) fn forget_rows(&self, stream: &str, unit: u64) -> Result<()> {
        self.run(
            "DELETE FROM _lowcode_rows WHERE stream = ?1 AND unit = ?2",
            params![stream, number(unit)],
        )
    }

    /// Rows that `unit` has written and that were committed: first and last of each range.
    pub(super) fn ranges(&self, stream: &str, unit: u64) -> Result<Vec<(i64, i64)>> {
        let mut all = self.0.prepare_cached(
            "SELECT first, last FROM _lowcode_rows WHERE stream = ?1 AND unit = ?2",
        )?;
        let rows = all.query_map(params![stream, number(unit)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Keeps the rows of units, and the last row of all.
    pub(super) fn keep_ranges(
        &self,
        stream: &str,
        last: i64,
        ranges: &[(u64, i64, i64)],
    ) -> Result<()> {
        for (unit, first, to) in ranges {
            self.run(
                "INSERT OR REPLACE INTO _lowcode_rows VALUES (?1, ?2, ?3, ?4)",
                params![stream, number(*unit), first, to],
            )?;
        }
        self.run(
            "UPDATE _lowcode_streams SET last_row = ?2 WHERE stream = ?1",
            params![stream, last],
        )
    }

    /// Forgets a stream, or all of them, in one transaction; `drop` removes what was written of one and
    /// is not seen by readers yet.
    pub(super) fn forget(
        &self,
        stream: Option<&str>,
        drop: &mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let streams = match stream {
            Some(stream) => vec![stream.to_owned()],
            None => {
                let mut all = (self.0).prepare(
                    "SELECT stream FROM _lowcode_states UNION SELECT stream FROM _lowcode_streams",
                )?;
                let all = all.query_map([], |row| row.get(0))?;
                all.collect::<rusqlite::Result<Vec<String>>>()?
            }
        };
        let transaction = self.0.unchecked_transaction()?;
        for stream in streams {
            self.clear(&stream)?;
            for table in ["_lowcode_states", "_lowcode_streams"] {
                self.run(&format!("DELETE FROM {table} WHERE stream = ?1"), [&stream])?;
            }
            drop(&stream)?;
        }
        Ok(transaction.commit()?)
    }

    /// Gives the kept steps of `stream` to `take`, when `goes_on` says that its records are there.
    pub(super) fn give(
        &self,
        stream: &str,
        goes_on: &mut dyn FnMut(&Head) -> Result<bool>,
        take: &mut dyn FnMut(Step) -> io::Result<()>,
    ) -> Result<()> {
        let Some(head) = self.head(stream)?.filter(|head| !head.is_over) else {
            return Ok(());
        };
        if !goes_on(&head)? {
            return Ok(());
        }
        let mut give = |step: Step| take(step).map_err(Fault::Own);
        give(parse(&head.begun, stream)?)?;
        let mut steps = (self.0)
            .prepare("SELECT step FROM _lowcode_steps WHERE stream = ?1 ORDER BY number")?;
        let mut rows = steps.query([stream])?;
        while let Some(row) = rows.next()? {
            give(parse(row.get_ref(0)?.as_str().unwrap_or_default(), stream)?)?;
        }
        let mut units = (self.0).prepare(
            "SELECT found, cut, position, ending FROM _lowcode_units WHERE stream = ?1 ORDER BY unit",
        )?;
        let mut rows = units.query([stream])?;
        while let Some(row) = rows.next()? {
            for column in 0..4 {
                if let Some(step) = row.get_ref(column)?.as_str_or_null().unwrap_or_default() {
                    give(parse(step, stream)?)?;
                }
            }
        }
        match &head.ended {
            Some(ended) => give(parse(ended, stream)?),
            None => Ok(()),
        }
    }

    fn head(&self, stream: &str) -> Result<Option<Head>> {
        let mut one = self.0.prepare_cached(
            "SELECT mode, begun, ended, is_over, last_row FROM _lowcode_streams WHERE stream = ?1",
        )?;
        let head = one.query_row([stream], |row| {
            Ok(Head {
                mode: row.get(0)?,
                begun: row.get(1)?,
                ended: row.get(2)?,
                is_over: row.get(3)?,
                last_row: row.get(4)?,
            })
        });
        Ok(head.optional()?)
    }
}

/// What is kept of a stream, beside its units.
pub(super) struct Head {
    /// The way in which it was loaded.
    pub(super) mode: Option<String>,
    begun: String,
    ended: Option<String>,
    is_over: bool,
    /// How far its records reached.
    pub(super) last_row: Option<i64>,
}

impl Head {
    /// Whether all of it was read.
    pub(super) fn is_whole(&self) -> bool {
        let ended = self.ended.as_deref().map(serde_json::from_str);
        matches!(ended, Some(Ok(Step::Ended { is_whole: true })))
    }
}

/// SQLite's integers are signed. Units are counted from 0, and none comes near the bound.
fn number(unit: u64) -> i64 {
    i64::try_from(unit).unwrap_or(i64::MAX)
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("steps and states always fit into memory as JSON")
}

fn parse<T: DeserializeOwned>(text: &str, stream: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Fault::own(format!(
            "what is kept of stream `{stream}` is not understood ({error}); `--fresh` forgets it"
        ))
    })
}

//! What is kept of runs, in tables beside the records: states, and the steps of streams.
//!
//! Steps that later ones have made void are left out: of a unit its last position and its end are kept.

use std::io;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::columns::quoted;
use super::table::{Table, staging};
use super::{Fault, NAMES, Result};
use crate::message::{Step, StreamState};
use crate::output::{Mode, names};

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

/// The tables, by their connection.
pub(super) struct Kept<'a>(pub(super) &'a Connection);

impl Kept<'_> {
    pub(super) fn create(&self) -> Result<()> {
        Ok(self.0.execute_batch(TABLES)?)
    }

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

    /// Keeps one step of `stream`, whose table is in `mode`; one without a table is read for others.
    pub(super) fn take(
        &self,
        stream: &str,
        step: &Step,
        mode: Option<Mode>,
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
                let mode = mode.map(Mode::as_str);
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
        Ok(head(self.0, stream)?.is_some_and(|head| head.is_whole()))
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

    pub(super) fn forget(&self, stream: Option<&str>) -> Result<()> {
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
            let safe = names::safe(&[&stream], &NAMES);
            let staged = quoted(&staging(safe.first().unwrap_or(&stream)));
            self.0
                .execute_batch(&format!("DROP TABLE IF EXISTS {staged}"))?;
        }
        Ok(transaction.commit()?)
    }
}

/// What is kept of a stream, beside its units.
struct Head {
    mode: Option<String>,
    begun: String,
    ended: Option<String>,
    is_over: bool,
    last_row: Option<i64>,
}

/// Gives the kept steps of `stream` to `take`, when its `table` still is as they say.
pub(super) fn give(
    connection: &Connection,
    stream: &str,
    table: Option<&mut Table>,
    take: &mut dyn FnMut(Step) -> io::Result<()>,
) -> Result<()> {
    let Some(head) = head(connection, stream)?.filter(|head| !head.is_over) else {
        return Ok(());
    };
    if let Some(table) = table {
        // What was loaded in another way is not there.
        if head.mode.as_deref() != Some(table.mode().as_str()) {
            return Ok(());
        }
        if !head.is_whole() {
            if !is_as_left(connection, table, head.last_row)? {
                return Ok(());
            }
            table.goes_on = true;
        }
    }
    let mut give = |step: Step| take(step).map_err(Fault::Own);
    give(parse(&head.begun, stream)?)?;
    let mut steps =
        connection.prepare("SELECT step FROM _lowcode_steps WHERE stream = ?1 ORDER BY number")?;
    let mut rows = steps.query([stream])?;
    while let Some(row) = rows.next()? {
        give(parse(row.get_ref(0)?.as_str().unwrap_or_default(), stream)?)?;
    }
    let mut units = connection.prepare(
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

fn head(connection: &Connection, stream: &str) -> Result<Option<Head>> {
    let mut one = connection.prepare_cached(
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

impl Head {
    fn is_whole(&self) -> bool {
        let ended = self.ended.as_deref().map(serde_json::from_str);
        matches!(ended, Some(Ok(Step::Ended { is_whole: true })))
    }
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

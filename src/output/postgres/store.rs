//! What is kept of runs, in tables beside the records: states, and the steps of streams.
//!
//! Steps that later ones have made void are left out: of a unit its last position and its end are kept.
//! What was kept since the last commit is gathered, and written by a few statements.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use indexmap::IndexMap;
use postgres::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::TABLES;
use super::database::Database;
use super::fault::{Fault, Result};
use super::table::{Table, UNIT, adding, number, replacing};
use crate::message::{Step, StreamState};
use crate::output::{KeptStream, Mode, counts, names};

/// Each table, and its columns. An empty text in `_lowcode_units` is the same as null.
const MADE: [(&str, &str); 4] = [
    (
        "_lowcode_states",
        "stream text PRIMARY KEY, state text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now()",
    ),
    (
        "_lowcode_streams",
        "stream text PRIMARY KEY, mode text, begun text NOT NULL, ended text, is_over boolean NOT NULL, \
         staged bigint, begun_at timestamptz NOT NULL DEFAULT now(), ended_at timestamptz",
    ),
    (
        "_lowcode_steps",
        "stream text, number bigint GENERATED ALWAYS AS IDENTITY, step text NOT NULL, \
         PRIMARY KEY (stream, number)",
    ),
    (
        "_lowcode_units",
        "stream text, unit bigint, found text, cut text, \"position\" text, ending text, \
         PRIMARY KEY (stream, unit)",
    ),
];

/// How far each stream has come.
pub(super) fn kept(database: &mut Database) -> Result<Vec<KeptStream>> {
    let counts = counts(&database.named("_lowcode_units"));
    let ended = "to_char(s.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')";
    let streams = database.named("_lowcode_streams");
    let sql =
        format!("SELECT s.stream, {ended}, s.is_over, {counts} FROM {streams} s ORDER BY s.stream");
    let rows = database.rows(&sql, &[])?;
    let kept = rows.iter().map(|row| {
        let count = |at: usize| -> Result<u64> {
            let count: i64 = row.try_get(at)?;
            Ok(u64::try_from(count).unwrap_or_default())
        };
        Ok(KeptStream {
            stream: row.try_get(0)?,
            ended_at: row.try_get(1)?,
            is_over: row.try_get(2)?,
            read: count(3)?,
            failed: count(4)?,
            begun: count(5)?,
            waiting: count(6)?,
        })
    });
    kept.collect()
}

/// What became of a unit since the last commit; an empty text takes away what was there.
#[derive(Debug, Default, Clone)]
struct Change {
    found: Option<String>,
    cut: Option<String>,
    position: Option<String>,
    ending: Option<String>,
}

/// What was not written yet.
#[derive(Debug, Default)]
pub(super) struct Kept {
    states: IndexMap<Arc<str>, String>,
    steps: Vec<(String, String)>,
    units: HashMap<String, BTreeMap<u64, Change>>,
    /// How many steps these are.
    count: usize,
}

impl Kept {
    pub(super) fn create(database: &mut Database) -> Result<()> {
        for (table, columns) in MADE {
            if database.relation(table)?.is_none() {
                let table = database.named(table);
                database.run(&format!("CREATE TABLE IF NOT EXISTS {table} ({columns})"))?;
            }
        }
        Ok(())
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    pub(super) fn put_state(&mut self, state: &StreamState) {
        self.count += 1;
        self.states
            .insert(Arc::clone(&state.stream), json(&state.state));
    }

    pub(super) fn states(database: &mut Database) -> Result<Vec<StreamState>> {
        let table = database.named("_lowcode_states");
        let sql = format!("SELECT stream, state FROM {table} ORDER BY stream");
        let rows = database.rows(&sql, &[])?;
        let states = rows.iter().map(|row| {
            let (stream, state): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let state = parse(&state, &stream)?;
            let stream = stream.into();
            Ok(StreamState { stream, state })
        });
        states.collect()
    }

    /// Keeps one step of `stream`, whose table is in `mode`; one without a table is read for others.
    pub(super) fn take(
        &mut self,
        database: &mut Database,
        stream: &str,
        step: &Step,
        mode: Option<Mode>,
    ) -> Result<()> {
        self.count += 1;
        const NONE: Option<&str> = Some("");
        match step {
            Step::Begun { .. } => {
                self.clear(database, stream)?;
                let table = database.named("_lowcode_streams");
                let mode = mode.map(Mode::as_str);
                database.execute(
                    &format!(
                        "INSERT INTO {table} (stream, mode, begun, is_over) VALUES ($1, $2, $3, false)
                         ON CONFLICT (stream) DO UPDATE SET mode = excluded.mode,
                         begun = excluded.begun, begun_at = now(), ended = NULL, is_over = false,
                         staged = NULL"
                    ),
                    &[&stream, &mode, &json(step)],
                )?;
            }
            Step::Fed { .. } | Step::Arrived { .. } => {
                self.steps.push((stream.to_owned(), json(step)));
            }
            Step::Found { unit, .. } => {
                *self.unit(stream, *unit) = Change {
                    found: Some(json(step)),
                    cut: NONE.map(str::to_owned),
                    position: NONE.map(str::to_owned),
                    ending: NONE.map(str::to_owned),
                };
            }
            Step::Cut { unit, .. } => self.unit(stream, *unit).cut = Some(json(step)),
            Step::At { unit, .. } => {
                let change = self.unit(stream, *unit);
                change.position = Some(json(step));
                change.ending = NONE.map(str::to_owned);
            }
            Step::Again { unit } => {
                let change = self.unit(stream, *unit);
                change.position = NONE.map(str::to_owned);
                change.ending = NONE.map(str::to_owned);
            }
            Step::Read { unit, .. } => {
                let change = self.unit(stream, *unit);
                change.position = NONE.map(str::to_owned);
                change.ending = Some(json(step));
            }
            Step::Failed { unit, .. } => self.unit(stream, *unit).ending = Some(json(step)),
            Step::Ended { .. } => {
                let table = database.named("_lowcode_streams");
                database.execute(
                    &format!("UPDATE {table} SET ended = $2, ended_at = now() WHERE stream = $1"),
                    &[&stream, &json(step)],
                )?;
            }
            Step::Over => {
                self.clear(database, stream)?;
                let table = database.named("_lowcode_streams");
                let sql = format!("UPDATE {table} SET is_over = true WHERE stream = $1");
                database.execute(&sql, &[&stream])?;
            }
        }
        Ok(())
    }

    fn unit(&mut self, stream: &str, unit: u64) -> &mut Change {
        if !self.units.contains_key(stream) {
            self.units.insert(stream.to_owned(), BTreeMap::new());
        }
        let units = self.units.entry(stream.to_owned()).or_default();
        units.entry(unit).or_default()
    }

    /// Writes what was gathered.
    pub(super) fn write(&mut self, database: &mut Database) -> Result<()> {
        if !self.states.is_empty() {
            let table = database.named("_lowcode_states");
            let (streams, states): (Vec<&str>, Vec<&str>) = (self.states.iter())
                .map(|(stream, state)| (&**stream, state.as_str()))
                .unzip();
            database.execute(
                &format!(
                    "INSERT INTO {table} (stream, state) SELECT * FROM unnest($1::text[], $2::text[])
                     ON CONFLICT (stream) DO UPDATE SET state = excluded.state, updated_at = now()"
                ),
                &[&streams, &states],
            )?;
        }
        if !self.steps.is_empty() {
            let table = database.named("_lowcode_steps");
            let (streams, steps): (Vec<&str>, Vec<&str>) = (self.steps.iter())
                .map(|(stream, step)| (stream.as_str(), step.as_str()))
                .unzip();
            database.execute(
                &format!(
                    "INSERT INTO {table} (stream, step) SELECT stream, step
                     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS new (stream, step, nth)
                     ORDER BY nth"
                ),
                &[&streams, &steps],
            )?;
        }
        self.write_units(database)?;
        *self = Self::default();
        Ok(())
    }

    fn write_units(&self, database: &mut Database) -> Result<()> {
        if self.units.is_empty() {
            return Ok(());
        }
        let mut streams: Vec<&str> = Vec::new();
        let mut units: Vec<i64> = Vec::new();
        let mut texts: [Vec<Option<&str>>; 4] = Default::default();
        for (stream, changes) in &self.units {
            for (unit, change) in changes {
                streams.push(stream);
                units.push(number(*unit));
                let new = [&change.found, &change.cut, &change.position, &change.ending];
                for (column, text) in texts.iter_mut().zip(new) {
                    column.push(text.as_deref());
                }
            }
        }
        let [found, cut, position, ending] = &texts;
        let table = database.named("_lowcode_units");
        database.execute(
            &format!(
                "INSERT INTO {table} AS old (stream, unit, found, cut, \"position\", ending)
                 SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[],
                 $6::text[]) ON CONFLICT (stream, unit) DO UPDATE SET
                 found = coalesce(excluded.found, old.found), cut = coalesce(excluded.cut, old.cut),
                 \"position\" = coalesce(excluded.\"position\", old.\"position\"),
                 ending = coalesce(excluded.ending, old.ending)"
            ),
            &[&streams, &units, found, cut, position, ending],
        )?;
        Ok(())
    }

    /// Removes all that was kept of the units of `stream`.
    fn clear(&mut self, database: &mut Database, stream: &str) -> Result<()> {
        self.units.remove(stream);
        self.steps.retain(|(of, _)| of != stream);
        for table in ["_lowcode_steps", "_lowcode_units"] {
            let table = database.named(table);
            database.execute(
                &format!("DELETE FROM {table} WHERE stream = $1"),
                &[&stream],
            )?;
        }
        Ok(())
    }

    /// Keeps how many rows the staging table of a stream has.
    pub(super) fn put_staged(database: &mut Database, stream: &str, staged: u64) -> Result<()> {
        let table = database.named("_lowcode_streams");
        let sql = format!("UPDATE {table} SET staged = $2 WHERE stream = $1");
        database.execute(&sql, &[&stream, &number(staged)])?;
        Ok(())
    }

    /// Whether all of `stream` was read since it was begun last.
    pub(super) fn is_whole(database: &mut Database, stream: &str) -> Result<bool> {
        Ok(head(database, stream)?.is_some_and(|head| head.is_whole()))
    }

    /// Forgets states and steps; rows that wait to be added are added.
    pub(super) fn forget(&mut self, database: &mut Database, stream: Option<&str>) -> Result<()> {
        *self = Self::default();
        let streams = match stream {
            Some(stream) => vec![stream.to_owned()],
            None => {
                let (states, streams) = (
                    database.named("_lowcode_states"),
                    database.named("_lowcode_streams"),
                );
                let sql = format!("SELECT stream FROM {states} UNION SELECT stream FROM {streams}");
                let rows = database.rows(&sql, &[])?;
                let names = rows.iter().map(|row| Ok(row.try_get(0)?));
                names.collect::<Result<Vec<String>>>()?
            }
        };
        for stream in &streams {
            self.clear(database, stream)?;
            for table in ["_lowcode_states", "_lowcode_streams"] {
                let table = database.named(table);
                database.execute(&format!("DELETE FROM {table} WHERE stream = $1"), &[stream])?;
            }
            let safe = names::safe(&[stream], &TABLES);
            let name = safe.first().unwrap_or(stream);
            let staged = database.named(&replacing(name));
            database.run(&format!("DROP TABLE IF EXISTS {staged}"))?;
            add_waiting(database, name)?;
        }
        Ok(())
    }
}

/// Adds the rows to the table `name` that wait for the end of their unit.
fn add_waiting(database: &mut Database, name: &str) -> Result<()> {
    let columns = database.columns(&adding(name))?;
    if columns.is_empty() {
        return Ok(());
    }
    let names = columns.iter().filter(|(name, _)| name != UNIT);
    let names: Vec<String> = names
        .map(|(name, _)| super::database::quoted(name))
        .collect();
    let (names, table, waiting) = (
        names.join(", "),
        database.named(name),
        database.named(&adding(name)),
    );
    database.run(&format!(
        "INSERT INTO {table} ({names}) SELECT {names} FROM {waiting}; DROP TABLE {waiting}"
    ))
}

/// What is kept of a stream, beside its units.
struct Head {
    mode: Option<String>,
    begun: String,
    ended: Option<String>,
    is_over: bool,
    staged: Option<i64>,
}

impl Head {
    fn is_whole(&self) -> bool {
        let ended = self.ended.as_deref().map(serde_json::from_str);
        matches!(ended, Some(Ok(Step::Ended { is_whole: true })))
    }
}

fn head(database: &mut Database, stream: &str) -> Result<Option<Head>> {
    let table = database.named("_lowcode_streams");
    let sql = format!("SELECT mode, begun, ended, is_over, staged FROM {table} WHERE stream = $1");
    let rows = database.rows(&sql, &[&stream])?;
    let head = rows.first().map(|row| {
        Ok(Head {
            mode: row.try_get(0)?,
            begun: row.try_get(1)?,
            ended: row.try_get(2)?,
            is_over: row.try_get(3)?,
            staged: row.try_get(4)?,
        })
    });
    head.transpose()
}

/// Gives the kept steps of `stream` to `take`, when its `table` still is as they say.
pub(super) fn give(
    database: &mut Database,
    stream: &str,
    table: Option<&mut Table>,
    take: &mut dyn FnMut(Step) -> io::Result<()>,
) -> Result<()> {
    let Some(head) = head(database, stream)?.filter(|head| !head.is_over) else {
        return Ok(());
    };
    if let Some(table) = table {
        // What was loaded in another way is not there.
        if head.mode.as_deref() != Some(table.mode().as_str()) {
            return Ok(());
        }
        if !head.is_whole() {
            if !is_as_left(database, table, head.staged.unwrap_or_default())? {
                return Ok(());
            }
            table.goes_on = true;
        }
    }
    let mut give = |step: Step| take(step).map_err(Fault::Own);
    give(parse(&head.begun, stream)?)?;
    let mut give_all = |row: &Row, columns: usize| {
        for column in 0..columns {
            let step: Option<&str> = row.try_get(column)?;
            if let Some(step) = step.filter(|step| !step.is_empty()) {
                give(parse(step, stream)?)?;
            }
        }
        Ok(())
    };
    let steps = database.named("_lowcode_steps");
    let sql = format!("SELECT step FROM {steps} WHERE stream = $1 ORDER BY number");
    database.each(&sql, stream, &mut |row| give_all(row, 1))?;
    let units = database.named("_lowcode_units");
    let sql = format!(
        "SELECT found, cut, \"position\", ending FROM {units} WHERE stream = $1 AND found <> ''
         ORDER BY unit"
    );
    database.each(&sql, stream, &mut |row| give_all(row, 4))?;
    match &head.ended {
        Some(ended) => take(parse(ended, stream)?).map_err(Fault::Own),
        None => Ok(()),
    }
}

/// Whether the rows of an unfinished load are there that were `staged`.
fn is_as_left(database: &mut Database, table: &Table, staged: i64) -> Result<bool> {
    if table.mode() == Mode::Upsert {
        return Ok(true);
    }
    let name = table.staging();
    if database.relation(&name)?.is_none() {
        return Ok(staged == 0);
    }
    let sql = format!("SELECT count(*) FROM {}", database.named(&name));
    let rows = database.rows(&sql, &[])?;
    let now: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose()?;
    Ok(now == Some(staged))
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

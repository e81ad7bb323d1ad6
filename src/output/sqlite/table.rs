//! The table of one stream: made, widened, written to, and put in the place of the one before.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::NAMES;
use super::columns::{declared, effective, existing, quoted};
use super::row::bind;
use crate::message::{CatalogStream, Data};
use crate::output::column::{self, Column, ColumnKind, EXTRA, LOADED_AT, RUN};
use crate::output::fault::{Fault, Result};
use crate::output::journal::Journal;
use crate::output::row::Row;
use crate::output::{Mode, Written};

/// Columns that are taken from a schema, at most: SQLite holds 2,000. Other fields are extra.
const MOST: usize = 1900;

/// The table of one stream.
#[derive(Debug)]
pub(super) struct Table {
    name: String,
    mode: Mode,
    columns: Vec<Column>,
    has_metadata: bool,
    row: Row,
    /// The insert, once the table is ready.
    insert: Option<String>,
    /// Whether the rows of an interrupted load are gone on with.
    pub(super) goes_on: bool,
    /// Whether the stream was read to its end, as its status says.
    pub(super) is_complete: bool,
    is_published: bool,
    records: u64,
    /// The last row.
    last: i64,
    /// Rows by the unit that wrote them, not kept yet: unit, first row, last row.
    ranges: Vec<(u64, i64, i64)>,
}

impl Table {
    pub(super) fn new(
        stream: &CatalogStream,
        name: String,
        mode: Mode,
        has_metadata: bool,
    ) -> Self {
        let mut columns = column::columns(stream, &NAMES);
        columns.truncate(MOST);
        Self {
            name,
            mode,
            row: Row::new(&columns),
            columns,
            has_metadata,
            insert: None,
            goes_on: false,
            is_complete: false,
            is_published: false,
            records: 0,
            last: 0,
            ranges: Vec::new(),
        }
    }

    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    /// The table that rows are written to: in `replace` mode one that nobody looks at.
    pub(super) fn target(&self) -> String {
        match self.mode {
            Mode::Replace => staging(&self.name),
            Mode::Append | Mode::Upsert => self.name.clone(),
        }
    }

    /// Makes the table, or adds the columns that it lacks.
    pub(super) fn ready(&mut self, connection: &Connection) -> Result<()> {
        if self.insert.is_some() {
            return Ok(());
        }
        let other: Option<String> = connection
            .query_row(
                "SELECT type FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type <> 'table'",
                [&self.name],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(other) = other {
            let name = &self.name;
            return Err(Fault::own(format!(
                "`{name}` is the name of a stream, and of a {other} that is in the way of its table"
            )));
        }
        let target = self.target();
        if self.mode == Mode::Replace && !self.goes_on {
            connection.execute_batch(&format!("DROP TABLE IF EXISTS {}", quoted(&target)))?;
        }
        let kinds = self.columns_of(connection, &target)?;
        self.row.set_kinds(kinds);
        match self.mode {
            Mode::Upsert => self.ready_key(connection)?,
            // An earlier upsert's key would refuse rows of the same key.
            Mode::Append => {
                let index = quoted(&key_index(&self.name));
                connection.execute_batch(&format!("DROP INDEX IF EXISTS {index}"))?;
            }
            Mode::Replace => {}
        }
        let last = format!("SELECT coalesce(max(_rowid_), 0) FROM {}", quoted(&target));
        self.last = connection.query_row(&last, [], |row| row.get(0))?;
        self.insert = Some(self.insert_into(&target));
        Ok(())
    }

    /// Own columns: names, and the types that they are declared with when they are made.
    fn own(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let columns = self.columns.iter();
        let columns = columns.map(|column| (column.name.as_str(), declared(column.kind)));
        let metadata = if self.has_metadata { 2 } else { 0 };
        let metadata = [(LOADED_AT, "TEXT"), (RUN, "TEXT")]
            .into_iter()
            .take(metadata);
        columns.chain([(EXTRA, "TEXT")]).chain(metadata)
    }

    /// Sees to it that `target` has all columns, and says what each of the schema's takes.
    fn columns_of(&self, connection: &Connection, target: &str) -> Result<Vec<ColumnKind>> {
        let there = existing(connection, target)?;
        let find = |name: &str| there.iter().find(|(known, _)| same(known, name));
        if there.is_empty() {
            let mut made: Vec<(&str, &str)> = self.own().collect();
            // What takes a table's place keeps its columns.
            let before = existing(connection, &self.name)?;
            let left = before
                .iter()
                .filter(|(name, _)| self.own().all(|(own, _)| !same(own, name)));
            made.extend(left.map(|(name, kind)| (name.as_str(), kind.as_str())));
            let made: Vec<String> = made
                .iter()
                .map(|(name, kind)| format!("{} {kind}", quoted(name)))
                .collect();
            let table = quoted(target);
            connection.execute_batch(&format!("CREATE TABLE {table} ({})", made.join(", ")))?;
        } else {
            for (name, kind) in self.own().filter(|(name, _)| find(name).is_none()) {
                let (table, name) = (quoted(target), quoted(name));
                connection
                    .execute_batch(&format!("ALTER TABLE {table} ADD COLUMN {name} {kind}"))?;
            }
        }
        let kinds = self.columns.iter().map(|column| match find(&column.name) {
            Some((_, declared)) => effective(column.kind, declared),
            None => column.kind,
        });
        Ok(kinds.collect())
    }

    fn keys(&self) -> Vec<String> {
        let keys = self.columns.iter().filter(|column| column.is_key);
        keys.map(|column| quoted(&column.name)).collect()
    }

    /// Makes the index by which rows are found that a record takes the place of.
    fn ready_key(&self, connection: &Connection) -> Result<()> {
        let index = key_index(&self.name);
        let mut statement = connection.prepare("SELECT name FROM pragma_index_info(?1)")?;
        let there = statement.query_map([&index], |row| row.get::<_, String>(0))?;
        let there: Vec<String> = there.collect::<rusqlite::Result<_>>()?;
        let keys = self.columns.iter().filter(|column| column.is_key);
        let keys: Vec<&String> = keys.map(|column| &column.name).collect();
        if there.len() == keys.len() && there.iter().zip(keys).all(|(a, b)| same(a, b)) {
            return Ok(());
        }
        let (index, table, keys) = (quoted(&index), quoted(&self.name), self.keys().join(", "));
        connection.execute_batch(&format!("DROP INDEX IF EXISTS {index}"))?;
        let made =
            connection.execute_batch(&format!("CREATE UNIQUE INDEX {index} ON {table} ({keys})"));
        made.map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation) => Fault::own(format!(
                "table {table} has rows of the same primary key ({keys}), so that records cannot \
                 take their place; `--mode replace` makes it anew"
            )),
            _ => error.into(),
        })
    }

    fn insert_into(&self, target: &str) -> String {
        let names: Vec<String> = self.own().map(|(name, _)| quoted(name)).collect();
        let marks: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
        let (table, all, marks) = (quoted(target), names.join(", "), marks.join(", "));
        let insert = format!("INSERT INTO {table} ({all}) VALUES ({marks})");
        if self.mode != Mode::Upsert {
            return insert;
        }
        let keys = self.keys();
        let others = names.iter().filter(|name| !keys.contains(name));
        let others: Vec<String> = others
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        let (keys, others) = (keys.join(", "), others.join(", "));
        format!("{insert} ON CONFLICT ({keys}) DO UPDATE SET {others}")
    }

    pub(super) fn write(
        &mut self,
        connection: &Connection,
        unit: u64,
        records: &[Data],
        stamp: &str,
        run: &str,
    ) -> Result<()> {
        let insert = self.insert.as_deref().unwrap_or_default();
        let mut statement = connection.prepare_cached(insert)?;
        let behind = self.columns.len() + 2;
        for record in records {
            bind(&mut self.row, self.columns.len(), record, &mut statement)?;
            if self.has_metadata {
                statement.raw_bind_parameter(behind, stamp)?;
                statement.raw_bind_parameter(behind + 1, run)?;
            }
            statement.raw_execute()?;
            self.records += 1;
            // Rows that are found by their key need not be found by their number.
            if self.mode != Mode::Upsert {
                self.last = connection.last_insert_rowid();
                match self.ranges.last_mut() {
                    Some((of, _, last)) if *of == unit && *last + 1 == self.last => {
                        *last = self.last;
                    }
                    _ => self.ranges.push((unit, self.last, self.last)),
                }
            }
        }
        Ok(())
    }

    /// The load begins anew: rows of an unfinished one go. Those that were appended stay, since a state
    /// may count them as read.
    pub(super) fn begin(&mut self, connection: &Connection) -> Result<()> {
        self.ranges.clear();
        if self.mode == Mode::Replace {
            self.goes_on = false;
            self.insert = None;
            self.records = 0;
        }
        self.ready(connection)
    }

    /// Removes the rows that a unit has written in the present load.
    pub(super) fn void(&mut self, connection: &Connection, key: &str, unit: u64) -> Result<()> {
        if self.mode == Mode::Upsert {
            return Ok(());
        }
        self.ready(connection)?;
        let kept = Journal(connection);
        let mut ranges = kept.ranges(key, unit)?;
        kept.forget_rows(key, unit)?;
        let own = self.ranges.iter().filter(|(of, ..)| *of == unit);
        ranges.extend(own.map(|(_, first, last)| (*first, *last)));
        self.ranges.retain(|(of, ..)| *of != unit);
        let table = quoted(&self.target());
        let delete = format!("DELETE FROM {table} WHERE _rowid_ BETWEEN ?1 AND ?2");
        for (first, last) in ranges {
            let gone = connection.execute(&delete, [first, last])?;
            self.records = self.records.saturating_sub(gone as u64);
        }
        Ok(())
    }

    /// The rows of a unit are all there, and need not be found again.
    pub(super) fn settle(&mut self, unit: u64) {
        self.ranges.retain(|(of, ..)| *of != unit);
    }

    /// Keeps which rows belong to units that are not read to their end.
    pub(super) fn keep_ranges(&mut self, connection: &Connection, stream: &str) -> Result<()> {
        if self.mode == Mode::Upsert || self.insert.is_none() {
            return Ok(());
        }
        Journal(connection).keep_ranges(stream, self.last, &self.ranges)?;
        self.ranges.clear();
        Ok(())
    }

    /// Puts what was written in the place of the table, with the indexes and triggers that it had.
    pub(super) fn publish(&mut self, connection: &Connection) -> Result<()> {
        self.is_published = true;
        if self.mode != Mode::Replace {
            return Ok(());
        }
        let own = key_index(&self.name);
        let mut statement = connection.prepare(
            "SELECT sql FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE \
             AND type IN ('index', 'trigger') AND sql IS NOT NULL AND name <> ?2",
        )?;
        let kept = statement.query_map(params![self.name, own], |row| row.get(0))?;
        let kept: Vec<String> = kept.collect::<rusqlite::Result<_>>()?;
        drop(statement);
        let (table, staged) = (quoted(&self.name), quoted(&self.target()));
        connection.execute_batch(&format!(
            "DROP TABLE IF EXISTS {table}; ALTER TABLE {staged} RENAME TO {table}"
        ))?;
        for sql in kept {
            connection.execute_batch(&sql)?;
        }
        self.insert = None;
        self.goes_on = false;
        self.ranges.clear();
        Ok(())
    }

    /// The run does not tell how far it comes: no row need be found by its unit.
    pub(super) fn settle_all(&mut self) {
        self.ranges.clear();
    }

    /// Removes what this run has written and no other can go on with.
    pub(super) fn discard(&mut self, connection: &Connection) -> Result<()> {
        if self.mode == Mode::Replace && self.insert.is_some() && !self.goes_on {
            let staged = quoted(&self.target());
            connection.execute_batch(&format!("DROP TABLE IF EXISTS {staged}"))?;
            self.insert = None;
        }
        Ok(())
    }

    pub(super) fn written(&self) -> Written {
        let mut notes = self.row.notes();
        if self.mode == Mode::Replace && !self.is_published && self.records > 0 {
            notes.push("not read whole, so the table stays as it was".to_owned());
        }
        Written {
            records: self.records,
            misfits: self.row.misfits(),
            notes,
        }
    }
}

/// The table that takes the place of `name` when it is whole.
pub(super) fn staging(name: &str) -> String {
    format!("_lowcode_new_{name}")
}

fn key_index(name: &str) -> String {
    format!("_lowcode_key_{name}")
}

/// SQLite's comparison of names.
fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

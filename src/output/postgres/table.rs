//! The table of one stream: made and widened.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::NAMES;
use super::cell::{self, Cell};
use super::database::{Database, quoted};
use super::fault::{Fault, Result};
use super::row::Lines;
use crate::message::CatalogStream;
use crate::output::column::{self, Column, EXTRA, LOADED_AT, RUN};
use crate::output::{Mode, Written};

/// Columns that are taken from a schema, at most: PostgreSQL holds 1,600. Other fields are extra.
const MOST: usize = 1500;

/// The column of a staging table for the unit that wrote a row. Nobody sees it in the table itself.
pub(super) const UNIT: &str = "_lowcode_unit";
/// The column of a batch for the order of its rows.
pub(super) const ORDER: &str = "_lowcode_order";

/// The table of one stream.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) columns: Vec<Column>,
    pub(super) has_metadata: bool,
    pub(super) maker: Lines,
    pub(super) is_ready: bool,
    /// Whether the rows of an interrupted load are gone on with.
    pub(super) goes_on: bool,
    /// Whether the stream was read to its end, as its status says.
    pub(super) is_complete: bool,
    pub(super) is_published: bool,
    pub(super) records: u64,
    /// Lines that are not sent yet: by unit when rows are appended, else all of them under 0.
    pub(super) lines: IndexMap<u64, Vec<u8>>,
    /// Lines of units that were read to their end, for the table itself.
    pub(super) settled: Vec<u8>,
    /// Rows in the staging table, by unit when rows are appended.
    pub(super) staged: HashMap<u64, u64>,
    /// Rows in the staging table, as they are kept beside it.
    pub(super) told: u64,
    /// Units whose rows go from the staging table to the table itself.
    pub(super) leaving: Vec<u64>,
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
            maker: Lines::new(&columns),
            columns,
            has_metadata,
            is_ready: false,
            goes_on: false,
            is_complete: false,
            is_published: false,
            records: 0,
            lines: IndexMap::new(),
            settled: Vec::new(),
            staged: HashMap::new(),
            told: 0,
            leaving: Vec::new(),
        }
    }

    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    /// The table of rows that readers do not see yet.
    pub(super) fn staging(&self) -> String {
        match self.mode {
            Mode::Replace => replacing(&self.name),
            Mode::Append => adding(&self.name),
            Mode::Upsert => format!("_lowcode_tmp_{}", self.name),
        }
    }

    pub(super) const fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Rows in the staging table, when they are not those that were asked for last.
    pub(super) fn staged_anew(&mut self) -> Option<u64> {
        let staged = self.staged.values().sum();
        (std::mem::replace(&mut self.told, staged) != staged).then_some(staged)
    }

    /// Makes the tables, or adds the columns that they lack.
    pub(super) fn ready(&mut self, database: &mut Database) -> Result<()> {
        if self.is_ready {
            return Ok(());
        }
        let name = &self.name;
        if let Some(kind) = database.relation(name)?
            && kind != "r"
            && kind != "p"
        {
            return Err(Fault::own(format!(
                "`{name}` is the name of a stream, and of a view or the like that is in the way of its \
                 table in schema `{}`; rename that, or name another schema by `?schema=NAME`",
                database.schema()
            )));
        }
        let target = match self.mode {
            Mode::Replace => self.ready_staging(database)?,
            Mode::Append | Mode::Upsert => self.name.clone(),
        };
        let cells = self.ready_columns(database, &target)?;
        self.maker.set_cells(cells);
        match self.mode {
            Mode::Replace => {}
            Mode::Append => self.ready_added(database)?,
            Mode::Upsert => self.ready_key(database)?,
        }
        self.is_ready = true;
        Ok(())
    }

    /// The table that is to take the place of the one there is: like that one, whatever its owner has
    /// made of it.
    fn ready_staging(&mut self, database: &mut Database) -> Result<String> {
        let staging = self.staging();
        let (table, staged) = (database.named(&self.name), database.named(&staging));
        self.staged.clear();
        if self.goes_on && database.relation(&staging)?.is_some() {
            let rows = database.rows(&format!("SELECT count(*) FROM {staged}"), &[])?;
            if let Some(row) = rows.first() {
                self.staged.insert(0, count(row, 0)?);
            }
            return Ok(staging);
        }
        database.run(&format!("DROP TABLE IF EXISTS {staged}"))?;
        let unit = quoted(UNIT);
        match database.relation(&self.name)? {
            Some(_) => database.run(&format!(
                "CREATE TABLE {staged} (LIKE {table}, {unit} bigint)"
            ))?,
            None => {
                self.create(database, &staging)?;
                database.run(&format!("ALTER TABLE {staged} ADD COLUMN {unit} bigint"))?;
            }
        }
        Ok(staging)
    }

    /// Rows of units that an interrupted load has not read to their end.
    fn ready_added(&mut self, database: &mut Database) -> Result<()> {
        let staging = self.staging();
        // Of an earlier upsert: added rows may have the key of others.
        let key = database.named(&key_index(&self.name));
        database.run(&format!("DROP INDEX IF EXISTS {key}"))?;
        if database.relation(&staging)?.is_none() {
            return Ok(());
        }
        // The schema may have grown.
        self.ready_columns(database, &staging)?;
        let (staged, unit) = (database.named(&staging), quoted(UNIT));
        let sql = format!("SELECT {unit}, count(*) FROM {staged} GROUP BY {unit}");
        for row in database.rows(&sql, &[])? {
            self.staged.insert(count(&row, 0)?, count(&row, 1)?);
        }
        if !self.goes_on {
            // Of another load; a state may count them as read.
            self.leaving.extend(self.staged.keys());
        }
        Ok(())
    }

    /// Own columns: names, and the types that they are made with.
    pub(super) fn own(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let columns = self.columns.iter();
        let columns = columns.map(|column| (column.name.as_str(), cell::declared(column.kind)));
        let metadata = [(LOADED_AT, "timestamp with time zone"), (RUN, "text")];
        let metadata = metadata
            .into_iter()
            .take(if self.has_metadata { 2 } else { 0 });
        columns.chain([(EXTRA, "json")]).chain(metadata)
    }

    /// Names of the own columns, in the order of a line.
    pub(super) fn names(&self) -> String {
        let names: Vec<String> = self.own().map(|(name, _)| quoted(name)).collect();
        names.join(", ")
    }

    fn create(&self, database: &mut Database, table: &str) -> Result<()> {
        let columns: Vec<String> = self
            .own()
            .map(|(name, kind)| format!("{} {kind}", quoted(name)))
            .collect();
        let table = database.named(table);
        database.run(&format!("CREATE TABLE {table} ({})", columns.join(", ")))
    }

    /// Sees to it that `table` has all columns, and says what each of the schema's takes.
    fn ready_columns(&self, database: &mut Database, table: &str) -> Result<Vec<Cell>> {
        if database.relation(table)?.is_none() {
            self.create(database, table)?;
        }
        let there: HashMap<String, String> = database.columns(table)?.into_iter().collect();
        let missing = self.own().filter(|(name, _)| !there.contains_key(*name));
        let missing: Vec<String> = missing
            .map(|(name, kind)| format!("ADD COLUMN {} {kind}", quoted(name)))
            .collect();
        if !missing.is_empty() {
            let table = database.named(table);
            database.run(&format!("ALTER TABLE {table} {}", missing.join(", ")))?;
        }
        let cells = self.columns.iter().map(|column| {
            let there = there.get(&column.name).map(String::as_str);
            Cell::of(there.unwrap_or(cell::declared(column.kind)))
        });
        Ok(cells.collect())
    }

    pub(super) fn keys(&self) -> Vec<String> {
        let keys = self.columns.iter().filter(|column| column.is_key);
        keys.map(|column| quoted(&column.name)).collect()
    }

    /// Makes the index by which rows are found that a record takes the place of, and the table that
    /// batches come by.
    fn ready_key(&self, database: &mut Database) -> Result<()> {
        let (table, keys) = (database.named(&self.name), self.keys().join(", "));
        let batch = quoted(&self.staging());
        let order = quoted(ORDER);
        database.run(&format!(
            "CREATE TEMPORARY TABLE IF NOT EXISTS {batch} (LIKE {table}, {order} bigint \
             GENERATED ALWAYS AS IDENTITY)"
        ))?;
        let index = key_index(&self.name);
        let there = "SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'i'";
        let schema = database.schema().to_owned();
        let rows = database.rows(there, &[&schema, &index])?;
        let there: Option<String> = rows
            .first()
            .map(|row| row.try_get(0))
            .transpose()?
            .flatten();
        let unquoted = |names: &str| names.replace('"', "");
        if there.is_some_and(|there| unquoted(&there) == unquoted(&keys)) {
            return Ok(());
        }
        let named = database.named(&index);
        database.run(&format!("DROP INDEX IF EXISTS {named}"))?;
        let index = quoted(&index);
        let made = database.run(&format!("CREATE UNIQUE INDEX {index} ON {table} ({keys})"));
        made.map_err(|fault| match fault.code() {
            Some(code) if *code == postgres::error::SqlState::UNIQUE_VIOLATION => Fault::own(format!(
                "table {table} has rows of the same primary key ({keys}), so that records cannot take \
                 their place; `--mode replace` makes it anew"
            )),
            _ => fault,
        })
    }

    pub(super) fn written(&self) -> Written {
        let mut notes = self.maker.row.notes();
        if self.mode == Mode::Replace && !self.is_published && self.records > 0 {
            notes.push("not read whole, so the table stays as it was".to_owned());
        }
        Written {
            records: self.records,
            misfits: self.maker.row.misfits(),
            notes,
        }
    }
}

/// The table that takes the place of `name` when it is whole.
pub(super) fn replacing(name: &str) -> String {
    format!("_lowcode_new_{name}")
}

/// The table of rows that are added to `name` when their unit was read to its end.
pub(super) fn adding(name: &str) -> String {
    format!("_lowcode_add_{name}")
}

pub(super) fn key_index(name: &str) -> String {
    format!("_lowcode_key_{name}")
}

/// PostgreSQL's integers are signed. Units are counted from 0, and none comes near the bound.
pub(super) fn number(unit: u64) -> i64 {
    i64::try_from(unit).unwrap_or(i64::MAX)
}

fn count(row: &postgres::Row, column: usize) -> Result<u64> {
    Ok(u64::try_from(row.try_get::<_, i64>(column)?).unwrap_or_default())
}

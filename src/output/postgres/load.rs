//! How rows get into the table of a stream: gathered as lines, sent, void, shown.

use super::cell;
use super::database::{Database, quoted};
use super::fault::Result;
use super::publish;
use super::table::{ORDER, Table, UNIT, number};
use crate::message::Data;
use crate::output::Mode;

impl Table {
    /// Makes lines of `records`; how many bytes they have.
    pub(super) fn write(&mut self, unit: u64, records: &[Data], stamp: &str, run: &str) -> usize {
        let mut behind = Vec::new();
        if self.has_metadata {
            behind.push(b'\t');
            behind.extend_from_slice(stamp.as_bytes());
            behind.push(b'\t');
            cell::escape(run.as_bytes(), &mut behind);
        }
        if self.mode == Mode::Replace {
            behind.extend_from_slice(format!("\t{unit}").as_bytes());
        }
        behind.push(b'\n');
        let key = if self.mode == Mode::Append { unit } else { 0 };
        let lines = self.lines.entry(key).or_default();
        let before = lines.len();
        for record in records {
            self.maker.put(record, &behind, lines);
        }
        self.records += records.len() as u64;
        lines.len() - before
    }

    /// Sends all lines. The table has to be ready.
    pub(super) fn send(&mut self, database: &mut Database) -> Result<()> {
        let is_empty = self.settled.is_empty() && self.leaving.is_empty();
        if is_empty && self.lines.values().all(Vec::is_empty) {
            return Ok(());
        }
        self.ready(database)?;
        match self.mode {
            Mode::Replace => self.send_replacing(database),
            Mode::Append => self.send_added(database),
            Mode::Upsert => self.send_merged(database),
        }
    }

    fn send_replacing(&mut self, database: &mut Database) -> Result<()> {
        let (staged, names) = (database.named(&self.staging()), self.names());
        if let Some(lines) = self.lines.get_mut(&0) {
            let names = format!("{names}, {}", quoted(UNIT));
            database.copy(&staged, &names, lines)?;
            *self.staged.entry(0).or_default() += rows_of(lines);
            lines.clear();
        }
        Ok(())
    }

    /// The last row of a key wins; those without a key are added, since null is the same as nothing.
    fn send_merged(&mut self, database: &mut Database) -> Result<()> {
        let (table, names, keys) = (database.named(&self.name), self.names(), self.keys());
        let (batch, order) = (quoted(&self.staging()), quoted(ORDER));
        if let Some(lines) = self.lines.get_mut(&0) {
            database.copy(&batch, &names, lines)?;
            lines.clear();
        }
        let same = keys.iter().map(|key| format!("later.{key} = batch.{key}"));
        let same: Vec<String> = same.collect();
        let others = self.own().map(|(name, _)| quoted(name));
        let others = others.filter(|name| !keys.contains(name));
        let others: Vec<String> = others
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        database.run(&format!(
            "INSERT INTO {table} ({names}) SELECT {names} FROM {batch} AS batch WHERE NOT EXISTS \
             (SELECT FROM {batch} AS later WHERE {same} AND later.{order} > batch.{order}) \
             ON CONFLICT ({keys}) DO UPDATE SET {others}; TRUNCATE {batch}",
            same = same.join(" AND "),
            keys = keys.join(", "),
            others = others.join(", "),
        ))
    }

    /// Rows of units that were read to their end go to the table, others wait beside it: they may be
    /// void one day, and cannot be told from others there.
    fn send_added(&mut self, database: &mut Database) -> Result<()> {
        let (table, names) = (database.named(&self.name), self.names());
        database.copy(&table, &names, &self.settled)?;
        self.settled.clear();
        let mut lines = Vec::new();
        for (unit, of_unit) in self.lines.drain(..) {
            *self.staged.entry(unit).or_default() += rows_of(&of_unit);
            let behind = format!("\t{unit}\n");
            for line in of_unit.split_inclusive(|byte| *byte == b'\n') {
                lines.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
                lines.extend_from_slice(behind.as_bytes());
            }
        }
        let (staging, unit) = (self.staging(), quoted(UNIT));
        let staged = database.named(&staging);
        if !lines.is_empty() {
            if database.relation(&staging)?.is_none() {
                database.run(&format!(
                    "CREATE TABLE {staged} (LIKE {table}, {unit} bigint NOT NULL); \
                     CREATE INDEX ON {staged} ({unit})"
                ))?;
            }
            database.copy(&staged, &format!("{names}, {unit}"), &lines)?;
        }
        let leaving: Vec<i64> = self.leaving.drain(..).map(number).collect();
        if leaving.is_empty() {
            return Ok(());
        }
        self.staged
            .retain(|unit, _| !leaving.contains(&number(*unit)));
        if self.staged.is_empty() {
            return database.run(&format!(
                "INSERT INTO {table} ({names}) SELECT {names} FROM {staged}; TRUNCATE {staged}"
            ));
        }
        database.execute(
            &format!(
                "WITH gone AS (DELETE FROM {staged} WHERE {unit} = ANY($1) RETURNING *) \
                 INSERT INTO {table} ({names}) SELECT {names} FROM gone"
            ),
            &[&leaving],
        )?;
        Ok(())
    }

    /// The load begins anew: rows of an unfinished one go. Those that were appended stay, since a state
    /// may count them as read.
    pub(super) fn begin(&mut self, database: &mut Database) -> Result<()> {
        match self.mode {
            Mode::Upsert => {}
            Mode::Append => {
                self.ready(database)?;
                self.settle_all();
            }
            Mode::Replace => {
                self.lines.clear();
                self.goes_on = false;
                self.is_ready = false;
                self.records = 0;
            }
        }
        self.ready(database)
    }

    /// Removes the rows that a unit has written in the present load.
    pub(super) fn void(&mut self, database: &mut Database, unit: u64) -> Result<()> {
        if self.mode == Mode::Upsert {
            return Ok(());
        }
        self.ready(database)?;
        let own = self
            .lines
            .swap_remove(&unit)
            .filter(|_| self.mode == Mode::Append);
        if let Some(lines) = own {
            self.records = self.records.saturating_sub(rows_of(&lines));
        }
        if self.mode == Mode::Replace {
            self.send(database)?;
        } else if self.staged.remove(&unit).is_none() {
            return Ok(());
        }
        let (staged, column) = (database.named(&self.staging()), quoted(UNIT));
        let delete = format!("DELETE FROM {staged} WHERE {column} = $1");
        let gone = database.execute(&delete, &[&number(unit)])?;
        if let Some(all) = self
            .staged
            .get_mut(&0)
            .filter(|_| self.mode == Mode::Replace)
        {
            *all = all.saturating_sub(gone);
        }
        self.records = self.records.saturating_sub(gone);
        Ok(())
    }

    /// The rows of a unit are all there.
    pub(super) fn settle(&mut self, unit: u64) {
        if self.mode != Mode::Append {
            return;
        }
        if let Some(lines) = self.lines.swap_remove(&unit) {
            self.settled.extend_from_slice(&lines);
        }
        if self.staged.contains_key(&unit) {
            self.leaving.push(unit);
        }
    }

    /// The rows of all units are all there.
    pub(super) fn settle_all(&mut self) {
        let mut units: Vec<u64> = self
            .lines
            .keys()
            .chain(self.staged.keys())
            .copied()
            .collect();
        units.sort_unstable();
        units.dedup();
        self.leaving.clear();
        for unit in units {
            self.settle(unit);
        }
    }

    /// Shows readers what was written.
    pub(super) fn publish(&mut self, database: &mut Database) -> Result<()> {
        self.ready(database)?;
        self.settle_all();
        self.send(database)?;
        self.is_published = true;
        match self.mode {
            Mode::Upsert => return Ok(()),
            Mode::Append => {
                let staged = database.named(&self.staging());
                return database.run(&format!("DROP TABLE IF EXISTS {staged}"));
            }
            Mode::Replace => publish::replace(database, self)?,
        }
        self.is_ready = false;
        self.goes_on = false;
        self.staged.clear();
        Ok(())
    }

    /// Removes what this run has written and no other can go on with.
    pub(super) fn discard(&mut self, database: &mut Database) -> Result<()> {
        match self.mode {
            Mode::Replace if self.is_ready && !self.goes_on => {
                let staged = database.named(&self.staging());
                self.lines.clear();
                self.is_ready = false;
                database.run(&format!("DROP TABLE IF EXISTS {staged}"))
            }
            Mode::Append => {
                self.settle_all();
                self.send(database)
            }
            _ => self.send(database),
        }
    }
}

/// How many rows the lines are; a line break as such only ends one.
fn rows_of(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}

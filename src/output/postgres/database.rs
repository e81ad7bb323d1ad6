//! A connection to a database, and the schema of the tables in it.
//!
//! In: an [`Address`]. Out: statements and copies. Of one schema one run at a time: a lock of the
//! session, which ends with the connection, however that ends.

use std::io::{self, Write as _};

use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Client, Row};
use sha2::{Digest as _, Sha256};

use super::address::Address;
use super::fault::{Fault, Result};
use super::tls;

/// Bytes of a copy that are sent at once.
const PIECE: usize = 64 * 1024;

/// What every session says of itself. A lock is waited for as long as SQLite does; a run that waits for
/// an API is not put to an end by the server.
const SETTINGS: &str = "SET client_min_messages = warning; SET TIME ZONE 'UTC'; \
    SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '3s'";
const PATIENCE: &str = "SET lock_timeout = '30s'";

/// A connection.
pub(super) struct Database {
    client: Client,
    /// The schema of the tables.
    schema: String,
}

impl Database {
    /// Connects, and takes the lock.
    pub(super) fn open(address: &Address) -> Result<Self> {
        let connector = tls::connector(&address.trust)?;
        let client = address.config.connect(connector)?;
        let mut database = Self {
            client,
            schema: String::new(),
        };
        database.run(SETTINGS)?;
        let row = database.client.query_one(
            "SELECT current_setting('server_encoding'), current_schema()::text",
            &[],
        )?;
        let encoding: String = row.try_get(0)?;
        if encoding != "UTF8" {
            return Err(Fault::own(format!(
                "the database holds text as {encoding}, and records as they come need UTF8: make one by \
                 `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`"
            )));
        }
        database.schema = match (&address.schema, row.try_get(1)?) {
            (Some(schema), _) => schema.clone(),
            (None, Some(schema)) => schema,
            (None, None) => {
                return Err(Fault::own(
                    "no schema of the `search_path` is there; name one by `?schema=NAME`"
                        .to_owned(),
                ));
            }
        };
        database.lock(&address.shown)?;
        let there = "SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1";
        if address.schema.is_some() && database.rows(there, &[&address.schema])?.is_empty() {
            let schema = quoted(&database.schema);
            database.run(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"))?;
        }
        database.run(PATIENCE)?;
        Ok(database)
    }

    /// Takes the lock of the schema. A process that was killed may hold it for a moment.
    fn lock(&mut self, shown: &str) -> Result<()> {
        let name = format!("lowcode:{}", self.schema);
        let digest = Sha256::digest(name.as_bytes());
        let bytes: [u8; 8] = std::array::from_fn(|at| digest.get(at).copied().unwrap_or_default());
        let key = i64::from_be_bytes(bytes);
        let taken = self.client.execute("SELECT pg_advisory_lock($1)", &[&key]);
        let Err(error) = taken else {
            return Ok(());
        };
        if error.code() != Some(&SqlState::LOCK_NOT_AVAILABLE) {
            return Err(error.into());
        }
        let holders = self.client.query(
            "SELECT a.pid, a.application_name, coalesce(host(a.client_addr), 'the server itself')
             FROM pg_locks l JOIN pg_stat_activity a USING (pid)
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND (l.classid::bigint << 32) | l.objid::bigint = $1",
            &[&key],
        )?;
        let holder = match holders.first() {
            Some(row) => {
                let (pid, name): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
                let from: String = row.try_get(2)?;
                let name = match name.is_empty() {
                    true => String::new(),
                    false => format!(", `{name}`"),
                };
                format!("session {pid}{name}, from {from}")
            }
            None => "a session that is about to end".to_owned(),
        };
        let schema = &self.schema;
        let message = format!("another run writes to schema `{schema}` of `{shown}`: {holder}");
        Err(Fault::Own(io::Error::new(
            io::ErrorKind::ResourceBusy,
            message,
        )))
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// A table of the schema, in quotes.
    pub(super) fn named(&self, table: &str) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(table))
    }

    /// Runs statements without parameters.
    pub(super) fn run(&mut self, sql: &str) -> Result<()> {
        Ok(self.client.batch_execute(sql)?)
    }

    /// Runs one statement; how many rows it was about.
    pub(super) fn execute(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        Ok(self.client.execute(sql, values)?)
    }

    pub(super) fn rows(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        Ok(self.client.query(sql, values)?)
    }

    /// Gives the rows of a query to `take`, one by one.
    pub(super) fn each(
        &mut self,
        sql: &str,
        stream: &str,
        take: &mut dyn FnMut(&Row) -> Result<()>,
    ) -> Result<()> {
        use postgres::fallible_iterator::FallibleIterator as _;
        let mut rows = self.client.query_raw(sql, [stream])?;
        while let Some(row) = rows.next()? {
            take(&row)?;
        }
        Ok(())
    }

    /// Copies lines into the `columns` of `table`, both in quotes.
    pub(super) fn copy(&mut self, table: &str, columns: &str, lines: &[u8]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let sql = format!("COPY {table} ({columns}) FROM STDIN");
        let mut writer = self.client.copy_in(&sql)?;
        for piece in lines.chunks(PIECE) {
            if let Err(error) = writer.write_all(piece) {
                // What the server has to say comes with the end.
                writer.finish()?;
                return Err(error.into());
            }
        }
        writer.finish()?;
        Ok(())
    }

    /// Names and types of the columns of `table`; nothing when there is no such table.
    pub(super) fn columns(&mut self, table: &str) -> Result<Vec<(String, String)>> {
        let sql = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod)
            FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attnum";
        let schema = self.schema.clone();
        let rows = self.rows(sql, &[&schema, &table])?;
        let columns = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        columns.collect()
    }

    /// What kind of relation has the name: `r` for a table; none when there is none.
    pub(super) fn relation(&mut self, name: &str) -> Result<Option<String>> {
        let sql = "SELECT c.relkind::text FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = $2";
        let schema = self.schema.clone();
        let rows = self.rows(sql, &[&schema, &name])?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }
}

/// `name` in quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

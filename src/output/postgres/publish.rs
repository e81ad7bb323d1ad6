//! A table takes the place of another, in one transaction.
//!
//! A table that has nothing but its rows is dropped, and the new one gets its name. One that its owner
//! has given a view, an index, a right or anything else keeps all of it: it is emptied and filled again,
//! and readers wait as long as that takes. Either way they see all of the old rows or all of the new
//! ones; a transaction with a snapshot from before sees no rows, as PostgreSQL has it for `TRUNCATE`.

use super::database::{Database, quoted};
use super::fault::Result;
use super::table::{Table, UNIT, key_index};

/// Whether a table has more than its rows: what depends on it, apart from our own index; rights,
/// comments and settings that the new one has not.
const HAS_MORE: &str = "
    SELECT old.relkind <> 'r' OR old.relowner <> new.relowner OR old.relrowsecurity
        OR old.relispartition OR old.relreplident <> 'd' OR old.relpersistence <> 'p'
        OR old.relacl IS DISTINCT FROM new.relacl OR old.reloptions IS NOT NULL
        OR EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.refclassid = 'pg_class'::regclass
            AND d.refobjid = old.oid AND d.deptype IN ('n', 'a')
            AND d.objid NOT IN (SELECT key.oid FROM pg_catalog.pg_class key
                WHERE key.relnamespace = old.relnamespace AND key.relname = $4))
        OR EXISTS (SELECT FROM pg_catalog.pg_description d
            WHERE d.classoid = 'pg_class'::regclass AND d.objoid = old.oid)
        OR EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = old.oid
            AND a.attnum > 0 AND (a.attacl IS NOT NULL OR a.attoptions IS NOT NULL
            OR a.attidentity <> '' OR a.attgenerated <> ''))
    FROM pg_catalog.pg_class old, pg_catalog.pg_class new, pg_catalog.pg_namespace n
    WHERE n.nspname = $1 AND old.relnamespace = n.oid AND new.relnamespace = n.oid
        AND old.relname = $2 AND new.relname = $3";

/// Puts the staging table of `table` in its place.
pub(super) fn replace(database: &mut Database, table: &Table) -> Result<()> {
    let (name, staging) = (&table.name, table.staging());
    let (old, staged) = (database.named(name), database.named(&staging));
    let schema = database.schema().to_owned();
    let key = key_index(name);
    let rows = database.rows(HAS_MORE, &[&schema, name, &staging, &key])?;
    let has_more: Option<bool> = rows.first().map(|row| row.try_get(0)).transpose()?;
    if has_more == Some(true) {
        let names = table.names();
        fits(database, table)?;
        return database.run(&format!(
            "TRUNCATE {old}; INSERT INTO {old} ({names}) SELECT {names} FROM {staged}; \
             DROP TABLE {staged}"
        ));
    }
    let (unit, name) = (quoted(UNIT), quoted(name));
    database.run(&format!(
        "DROP TABLE IF EXISTS {old}; ALTER TABLE {staged} DROP COLUMN {unit}; \
         ALTER TABLE {staged} RENAME TO {name}"
    ))
}

/// Gives the table that stays the columns that the new one has besides.
fn fits(database: &mut Database, table: &Table) -> Result<()> {
    let there = database.columns(&table.name)?;
    let new = database.columns(&table.staging())?;
    let missing = new
        .iter()
        .filter(|(name, _)| name != UNIT && there.iter().all(|(known, _)| known != name));
    let missing: Vec<String> = missing
        .map(|(name, kind)| format!("ADD COLUMN {} {kind}", quoted(name)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let old = database.named(&table.name);
    database.run(&format!("ALTER TABLE {old} {}", missing.join(", ")))
}

//! The tables, and how those of an earlier version become today's.

use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::postgres::{Access, Pool, Statements};

/// The version of the tables below.
///
/// With version 2 bodies and log lines tell titles, sources and renames, which a program of version 1 would take for damage.
const VERSION: i64 = 2;

/// The tables, which are those of version 1. Names and texts compare by their bytes, as everywhere in mlcore.
const TABLES: &str = "
CREATE TABLE audit (sequence bigint PRIMARY KEY, line text NOT NULL, hash bytea NOT NULL);
CREATE TABLE request (
    id text COLLATE \"C\" PRIMARY KEY, sequence bigint NOT NULL UNIQUE REFERENCES audit);
CREATE TABLE model (
    name text COLLATE \"C\" PRIMARY KEY, deleted boolean NOT NULL, body text NOT NULL, digest bytea NOT NULL);
CREATE TABLE version (
    model text COLLATE \"C\" NOT NULL REFERENCES model, version bigint NOT NULL,
    body text NOT NULL, digest bytea NOT NULL, PRIMARY KEY (model, version));
CREATE TABLE alias (
    model text COLLATE \"C\" NOT NULL, alias text COLLATE \"C\" NOT NULL, version bigint NOT NULL,
    body text NOT NULL, digest bytea NOT NULL,
    PRIMARY KEY (model, alias), FOREIGN KEY (model, version) REFERENCES version);
CREATE TABLE alias_change (
    model text COLLATE \"C\" NOT NULL, alias text COLLATE \"C\" NOT NULL,
    sequence bigint NOT NULL REFERENCES audit, body text NOT NULL, digest bytea NOT NULL,
    PRIMARY KEY (model, alias, sequence));
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'history is appended to, and never rewritten'; END $$;
CREATE TRIGGER audit_is_appended_to BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER moves_are_appended_to BEFORE UPDATE OR DELETE OR TRUNCATE ON alias_change
    EXECUTE FUNCTION refuse_rewriting();
";

/// Makes the tables, or brings them up to date; a standby's are looked at only.
pub(super) fn prepare(pool: &Pool) -> Result<()> {
    let schema = pool.options().schema.clone();
    let own = schema.clone();
    let found = pool.run(OPEN, Access::Statement, move |statements| {
        let standby = statements.query("SELECT pg_is_in_recovery()", &[])?;
        let is_standby = standby.first().is_some_and(|row| row.get(0));
        Ok((version_of(statements, &own)?, is_standby))
    })?;
    match found {
        (Some(version), _) if version == VERSION => Ok(()),
        (Some(version), _) if version > VERSION => {
            let problem =
                format!("its tables have version {version}, and this version of mlcore knows {VERSION}");
            Err(Error::unsupported(OPEN, pool.options().subject(), problem).remedy("use a newer mlcore"))
        }
        (_, true) => {
            Err(Error::not_found(OPEN, pool.options().subject(), "this standby has no tables of a registry")
                .remedy("open the server that writes first"))
        }
        (_, false) => {
            let lock = lock_of(&schema);
            pool.run(OPEN, Access::Write, move |statements| {
                // Two that open an empty database make its tables once.
                statements.query("SELECT pg_advisory_xact_lock($1)", &[&lock])?;
                migrate(statements, &schema)
            })
        }
    }
}

fn migrate(statements: &mut Statements<'_>, schema: &str) -> Result<()> {
    if let Some(found) = version_of(statements, schema)? {
        if found < VERSION {
            statements
                .batch(&format!("UPDATE mlcore_version SET version = {VERSION} WHERE part = 'registry'"))?;
        }
        return Ok(());
    }
    // The name was checked: it needs no quotes.
    statements.batch(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"))?;
    statements.batch(
        "CREATE TABLE IF NOT EXISTS mlcore_version (part text COLLATE \"C\" PRIMARY KEY, version bigint NOT NULL)",
    )?;
    statements.batch(TABLES)?;
    statements.batch(&format!("INSERT INTO mlcore_version VALUES ('registry', {VERSION})"))
}

/// The version of the tables of a registry, if there are any.
///
/// The catalogue is asked, and not where names lead: what a session knows of those may be older than the lock that it waited for.
fn version_of(statements: &mut Statements<'_>, schema: &str) -> Result<Option<i64>> {
    let is_there =
        "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = 'mlcore_version'";
    if statements.query(is_there, &[&schema])?.is_empty() {
        return Ok(None);
    }
    let rows = statements.query("SELECT version FROM mlcore_version WHERE part = 'registry'", &[])?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// The number of the advisory lock of those who change the registry in a schema.
pub(super) fn lock_of(schema: &str) -> i64 {
    let digest = Digest::of(format!("mlcore registry {schema}"));
    let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

const OPEN: &str = "open registry";

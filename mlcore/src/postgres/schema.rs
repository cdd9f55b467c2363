//! The tables of the parts that share a schema, and how those of an earlier version become today's.

use super::{Access, Pool, Statements};
use crate::artifact::Digest;
use crate::error::{Error, Result};

/// What has tables of its own, by the name in the table `mlcore_version`.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// What it is called: "registry".
    pub(crate) held: &'static str,
    /// What opening it is called.
    pub(crate) open: &'static str,
    /// Each makes of the tables of the version of its position those of the next; none is ever edited after a release.
    pub(crate) migrations: &'static [&'static str],
}

impl Part {
    /// Makes the tables, or brings them up to date; a standby's are looked at only.
    pub(crate) fn prepare(&'static self, pool: &Pool) -> Result<()> {
        let schema = pool.options().schema.clone();
        let own = schema.clone();
        let found = pool.run(self.open, Access::Statement, move |statements| {
            let standby = statements.query("SELECT pg_is_in_recovery()", &[])?;
            let is_standby = standby.first().is_some_and(|row| row.get(0));
            Ok((self.version_of(statements, &own)?, is_standby))
        })?;
        let newest = self.newest();
        match found {
            (Some(version), _) if version == newest => Ok(()),
            (Some(version), _) if version > newest => {
                let problem =
                    format!("its tables have version {version}, and this version of mlcore knows {newest}");
                Err(Error::unsupported(self.open, pool.options().subject(), problem)
                    .remedy("use a newer mlcore"))
            }
            (_, true) => {
                let problem = format!("this standby has no tables of a {}", self.held);
                Err(Error::not_found(self.open, pool.options().subject(), problem)
                    .remedy("open the server that writes first"))
            }
            (_, false) => {
                let lock = lock_of("schema", &schema);
                pool.run(self.open, Access::Write, move |statements| {
                    // Two that open an empty database make its tables once.
                    statements.query("SELECT pg_advisory_xact_lock($1)", &[&lock])?;
                    self.migrate(statements, &schema)
                })
            }
        }
    }

    fn migrate(&self, statements: &mut Statements<'_>, schema: &str) -> Result<()> {
        let newest = self.newest();
        let from = self.version_of(statements, schema)?.unwrap_or(0);
        if from >= newest {
            return Ok(());
        }
        // The name was checked: it needs no quotes.
        statements.batch(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"))?;
        statements.batch(
            "CREATE TABLE IF NOT EXISTS mlcore_version (part text COLLATE \"C\" PRIMARY KEY, version bigint NOT NULL)",
        )?;
        for tables in self.migrations.iter().skip(usize::try_from(from).unwrap_or(0)) {
            statements.batch(tables)?;
        }
        let name = self.name;
        statements.batch(&format!(
            "INSERT INTO mlcore_version VALUES ('{name}', {newest})
            ON CONFLICT (part) DO UPDATE SET version = excluded.version"
        ))
    }

    /// The version of the tables, if there are any.
    ///
    /// The catalogue is asked, and not where names lead: what a session knows of those may be older than the lock that it
    /// waited for.
    fn version_of(&self, statements: &mut Statements<'_>, schema: &str) -> Result<Option<i64>> {
        let is_there =
            "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = 'mlcore_version'";
        if statements.query(is_there, &[&schema])?.is_empty() {
            return Ok(None);
        }
        let rows = statements.query("SELECT version FROM mlcore_version WHERE part = $1", &[&self.name])?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    fn newest(&self) -> i64 {
        i64::try_from(self.migrations.len()).unwrap_or(i64::MAX)
    }
}

/// The number of the advisory lock of something in a schema.
pub(crate) fn lock_of(what: &str, schema: &str) -> i64 {
    let digest = Digest::of(format!("mlcore {what} {schema}"));
    let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

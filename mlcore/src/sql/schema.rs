//! The tables of a file, their version and its migration.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::{commit_meaning, damaged, meaning};
use super::holds;
use crate::error::{Error, Result};

/// What the tables of a kind of file are.
#[derive(Debug)]
pub struct Schema {
    /// In the header of the file: it is one of ours.
    pub application_id: i32,
    /// Each brings the file from the version of its position to the next; none is ever edited after a release.
    pub migrations: &'static [&'static str],
    /// What opening such a file is called.
    pub open: &'static str,
    /// What bringing it up to date is called.
    pub migrate: &'static str,
}

impl Schema {
    /// Makes the tables where the file is new, and brings those of an older version up to date; `complete` then fills what
    /// is new in them.
    pub fn migrate(
        &self,
        connection: &mut Connection,
        file: &Path,
        complete: impl FnOnce(&Transaction<'_>) -> Result<()>,
    ) -> Result<()> {
        let newest = self.newest();
        if self.version(connection, file)? == Some(newest) {
            return self.check(connection, file);
        }
        let failed = meaning(self.migrate, file);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        // Somebody else may have been here in between.
        let from = self.version(&transaction, file)?.unwrap_or(0);
        if from == newest {
            drop(transaction);
            return self.check(connection, file);
        }
        for sql in self.migrations.iter().skip(usize::try_from(from).unwrap_or(0)) {
            transaction.execute_batch(sql).map_err(&failed)?;
        }
        complete(&transaction)?;
        transaction.pragma_update(None, "application_id", self.application_id).map_err(&failed)?;
        transaction.pragma_update(None, "user_version", newest).map_err(&failed)?;
        transaction.commit().map_err(commit_meaning(self.migrate, file))?;
        self.check(connection, file)
    }

    /// Fails unless the file has exactly the tables of this version: none is missing or changed, and nothing (a trigger, a
    /// view) was added that would act behind our back.
    pub fn check(&self, connection: &Connection, file: &Path) -> Result<()> {
        let (open, newest, held) = (self.open, self.newest(), holds(self.open));
        match self.version(connection, file)? {
            Some(found) if found == newest => {}
            Some(older) => {
                let problem = format!("it has version {older}, and this mlcore reads version {newest}");
                return Err(Error::unsupported(open, file.display().to_string(), problem)
                    .remedy("open it once for writing, which brings it up to date"));
            }
            None => {
                return Err(Error::invalid_input(open, file.display().to_string(), "the file is empty")
                    .remedy(format!("open it once for writing, which makes a {held} of it")));
            }
        }
        let failed = meaning(open, file);
        let expected = Connection::open_in_memory().map_err(&failed)?;
        self.make(&expected).map_err(&failed)?;
        if listing(connection).map_err(&failed)? == listing(&expected).map_err(&failed)? {
            return Ok(());
        }
        let problem = "its tables are not those that mlcore made".to_owned();
        Err(damaged(open, file.display().to_string(), problem))
    }

    /// The version of the file's tables; none for a new file. Fails for a file that is not ours or not for us.
    pub fn version(&self, connection: &Connection, file: &Path) -> Result<Option<i32>> {
        let (open, newest, held) = (self.open, self.newest(), holds(self.open));
        let failed = meaning(open, file);
        // One snapshot for all that is looked at: another process may be making the tables just now.
        let _snapshot = connection
            .is_autocommit()
            .then(|| connection.unchecked_transaction())
            .transpose()
            .map_err(&failed)?;
        let pragma =
            |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(&failed);
        let (application, version) = (pragma("application_id")?, pragma("user_version")?);
        let subject = || file.display().to_string();
        if application != self.application_id {
            if (application, version) == (0, 0) && listing(connection).map_err(&failed)?.is_empty() {
                return Ok(None);
            }
            return Err(Error::invalid_input(open, subject(), "it is an SQLite file of another program")
                .remedy(format!("give the {held} a file of its own")));
        }
        if version > newest {
            let problem = format!("it has version {version}, and this mlcore reads up to version {newest}");
            return Err(
                Error::unsupported(open, subject(), problem).remedy("use the newer mlcore that wrote it")
            );
        }
        if version < 1 {
            return Err(damaged(open, subject(), format!("there is no version {version}")));
        }
        Ok(Some(version))
    }

    /// Makes the tables in an empty database.
    pub fn make(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.migrations.iter().try_for_each(|sql| connection.execute_batch(sql))
    }

    fn newest(&self) -> i32 {
        i32::try_from(self.migrations.len()).unwrap_or(i32::MAX)
    }
}

fn listing(connection: &Connection) -> rusqlite::Result<Vec<(String, String, Option<String>)>> {
    let mut statement =
        connection.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")?;
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

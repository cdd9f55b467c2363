//! Statements on a connection to the file, and the patterns of filters as functions of SQLite.

use std::borrow::Cow;
use std::path::Path;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};

use crate::error::{Error, Result};
use crate::sql::{damaged, meaning};
use crate::tracking::database::{Columns, Database, Dialect, ReadRow, Sql, Value};
use crate::tracking::search::{Test, like};

/// A connection, within one of its transactions.
#[derive(Debug)]
pub(super) struct SqliteDatabase<'a> {
    connection: &'a Connection,
    file: &'a Path,
    operation: &'static str,
}

impl<'a> SqliteDatabase<'a> {
    pub(super) fn new(connection: &'a Connection, file: &'a Path, operation: &'static str) -> Self {
        Self { connection, file, operation }
    }
}

/// Makes the functions that [`SqliteDatabase`] calls: SQLite's own patterns know only the letters of ASCII, and end at a NUL.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("mlcore_like", 2, flags, |call| {
        let (text, pattern) = (call.get_raw(0).as_str_or_null()?, call.get_raw(1).as_str_or_null()?);
        Ok(text.zip(pattern).is_some_and(|(text, pattern)| like::like(text, pattern)))
    })?;
    // The pattern is in small letters.
    connection.create_scalar_function("mlcore_ilike", 2, flags, |call| {
        let (text, pattern) = (call.get_raw(0).as_str_or_null()?, call.get_raw(1).as_str_or_null()?);
        Ok(text.zip(pattern).is_some_and(|(text, pattern)| like::like(&text.to_lowercase(), pattern)))
    })
}

impl Database for SqliteDatabase<'_> {
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        let changed = statement.execute(params_from_iter(values)).map_err(self.failed())?;
        Ok(changed as u64)
    }

    fn rows(&self, sql: &str, values: &[Value<'_>], read: ReadRow<'_>) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        let mut rows = statement.query(params_from_iter(values)).map_err(self.failed())?;
        while let Some(row) = rows.next().map_err(self.failed())? {
            read(&SqliteRow { row, database: self })?;
        }
        Ok(())
    }

    fn dialect(&self) -> Dialect {
        Dialect { unindexed: "+", ordered_join: "CROSS JOIN", indexes_whole_texts: true }
    }

    fn matches(&self, column: &str, _among: &Sql, test: &Test) -> Result<Sql> {
        Ok(match test {
            Test::Like(pattern) => Sql::new(format!("mlcore_like({column}, ?)")).with(pattern.clone()),
            Test::ILike(pattern) => {
                Sql::new(format!("mlcore_ilike({column}, ?)")).with(pattern.to_lowercase())
            }
            _ => Sql::new("FALSE"),
        })
    }
}

impl SqliteDatabase<'_> {
    fn failed(&self) -> impl Fn(rusqlite::Error) -> Error {
        meaning(self.operation, self.file)
    }
}

struct SqliteRow<'r, 's, 'd> {
    row: &'r Row<'s>,
    database: &'r SqliteDatabase<'d>,
}

impl Columns for SqliteRow<'_, '_, '_> {
    fn integer(&self, place: usize) -> Result<Option<i64>> {
        self.row.get(place).map_err(self.database.failed())
    }

    fn text(&self, place: usize) -> Result<Option<Cow<'_, str>>> {
        let value = self.row.get_ref(place).map_err(self.database.failed())?;
        let text = value.as_str_or_null().map_err(|cause| self.damaged(cause.to_string()))?;
        Ok(text.map(Cow::Borrowed))
    }

    fn damaged(&self, problem: String) -> Error {
        damaged(self.database.operation, self.database.file.display().to_string(), problem)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

//! The tables of an MLflow server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row};

use crate::error::{Error, Result};
use crate::sql::{Target, damaged, meaning, uri};

/// The database, in one snapshot.
pub(super) struct Source {
    connection: Connection,
    path: PathBuf,
}

const READ: &str = "import store";

/// The versions whose tables are as we read them, by the names that MLflow gives them: those of 3.0 to 3.17.
const VERSIONS: [&str; 38] = [
    "6953534de441",
    "bda7b8c39065",
    "cbc13b556ace",
    "770bee3ae1dd",
    "a1b2c3d4e5f6",
    "de4033877273",
    "1a0cddfcaa16",
    "534353b11cbc",
    "71994744cf8e",
    "3da73c924c2f",
    "bf29a5ff90ea",
    "1bd49d398cd23",
    "b7c8d9e0f1a2",
    "5d2d30f0abce",
    "c9d4e5f6a7b8",
    "2c33131f4dae",
    "d3e4f5a6b7c8",
    "d0e1f2a3b4c5",
    "c8d9e0f1a2b3",
    "1b5f0d9ad7c1",
    "e1f2a3b4c5d6",
    "76601a5f987d",
    "c3d6457b6d8a",
    "a5b4c3d2e1f0",
    "ae8bbe7743c9",
    "7d34483879f0",
    "da6fb0208061",
    "89d3d66ed43f",
    "b7e4c1a90f23",
    "a8b9c0d1e2f3",
    "c1d2e3f4a5b6",
    "c3d9e7f1a2b4",
    "6f8d9c3b2a1e",
    "1971f2d9a75b",
    "17e22815139b",
    "b7e2c1a4d9f3",
    "75868b020152",
    "dc11669786a5",
];

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let subject = || path.display().to_string();
        let path = std::path::absolute(path).map_err(|cause| Error::from_io(READ, subject(), cause))?;
        if !path.exists() {
            return Err(Error::not_found(READ, subject(), "there is no such file"));
        }
        let (may_create, busy_timeout, max_bytes) = (false, Duration::from_secs(5), None);
        let target = Target { path: path.clone(), may_create, busy_timeout, max_bytes, open: READ };
        target.check_place()?;
        let connection = target.open_reader(&uri(&path, ""))?;
        connection.execute_batch("BEGIN").map_err(meaning(READ, &path))?;
        let source = Self { connection, path };
        source.check_version()?;
        Ok(source)
    }

    fn check_version(&self) -> Result<()> {
        let is_there = "SELECT count(*) FROM sqlite_schema WHERE name = 'alembic_version'";
        if self.all(is_there, (), |row| row.get::<_, i64>(0))? != [1] {
            return Err(Error::invalid_input(READ, self.subject(), "it is no database of an MLflow server")
                .remedy("name the file of its --backend-store-uri"));
        }
        let versions = self.all("SELECT version_num FROM alembic_version", (), |row| text(row, 0))?;
        match versions.first() {
            Some(version) if VERSIONS.contains(&version.as_str()) => Ok(()),
            version => {
                let version = version.map_or("", String::as_str);
                let problem =
                    format!("its tables have the version {version:?}, which is none of MLflow 3.0 to 3.17");
                Err(Error::unsupported(READ, self.subject(), problem)
                    .remedy("bring an older one up to date with mlflow db upgrade, or use a newer mlcore"))
            }
        }
    }

    fn subject(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        let rows = statement.query_map(params, read).map_err(self.failed())?;
        rows.collect::<rusqlite::Result<_>>().map_err(self.failed())
    }

    /// Hands over one row after the other: a run may have millions of points.
    pub(super) fn each<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
        mut take: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        let mut rows = statement.query(params).map_err(self.failed())?;
        while let Some(row) = rows.next().map_err(self.failed())? {
            take(read(row).map_err(self.failed())?)?;
        }
        Ok(())
    }

    pub(super) fn damaged(&self, problem: String) -> Error {
        damaged(READ, self.subject(), problem)
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> Error {
        meaning(READ, &self.path)
    }
}

/// A text; numbers and nothing as what they are written as.
pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    })
}

pub(super) fn text_if(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    let is_null = row.get_ref(column)? == ValueRef::Null;
    if is_null { Ok(None) } else { text(row, column).map(Some) }
}

/// The value of a metric: MLflow writes NaN beside a number, and infinities as the largest numbers.
pub(super) fn number(value: Option<f64>, is_nan: bool) -> f64 {
    match value {
        _ if is_nan => f64::NAN,
        None => f64::NAN,
        Some(f64::MAX) => f64::INFINITY,
        Some(f64::MIN) => f64::NEG_INFINITY,
        Some(value) => value,
    }
}

//! The rows of a query that is not our own, fetched batch by batch in one snapshot.
//!
//! Each cursor has a connection of its own, whose transaction reads and cannot write; both end with the cursor. Tables are found
//! as the role finds them elsewhere, and the session's time zone is UTC, wherever the server stands.

use std::fmt;
use std::sync::Arc;

use postgres::Row;
use postgres::error::SqlState;
use postgres::types::FromSql;
pub use postgres::types::{Kind, Type};

use super::error::meaning;
use super::options::PostgresOptions;
use super::session::{Connection, Server, Session};
use crate::error::{Error, Result};
use crate::interrupt;

/// A server whose tables are read.
#[derive(Clone)]
pub struct Database {
    server: Arc<Server>,
}

/// A column of a query's answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: Type,
    /// What is said of the type in brackets, as in `numeric(12, 2)`; negative for nothing.
    pub modifier: i32,
}

/// A query that is being read.
pub struct Cursor {
    session: Session,
    server: Arc<Server>,
    operation: &'static str,
}

/// Rows of a query's answer, whose values are as the server sends them: in PostgreSQL's binary format.
pub struct Rows(Vec<Row>);

impl Database {
    /// The server that the options mean. Nothing is opened yet.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for options that cannot be meant, and those of reading certificates.
    pub fn new(options: PostgresOptions) -> Result<Self> {
        Ok(Self { server: Arc::new(Server::new(options)?) })
    }

    /// The server's URL without what is secret in it.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.server.options.subject()
    }

    /// The columns of a query, which is not run for it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a query with parameters; those of the server.
    pub fn describe(&self, operation: &'static str, sql: &str) -> Result<Vec<Column>> {
        let session = Session::open(operation, &self.server)?;
        let (text, ready) = (sql.to_owned(), self.ready());
        let statement = run(&session, operation, &self.server, move |connection| {
            connection.client.batch_execute(&ready)?;
            connection.client.prepare(&text)
        })?;
        if !statement.params().is_empty() {
            let problem = format!(
                "the query has parameters, $1 to ${}, and nothing to put in",
                statement.params().len()
            );
            return Err(Error::invalid_input(operation, self.subject(), problem)
                .remedy("write the values into the query"));
        }
        Ok(statement.columns().iter().map(Column::of).collect())
    }

    /// Begins to read a query.
    ///
    /// # Errors
    /// Those of the server.
    pub fn open(&self, operation: &'static str, sql: &str) -> Result<Cursor> {
        let session = Session::open(operation, &self.server)?;
        // All rows are fetched, so that the server need not find the first ones soon.
        const BEGIN: &str =
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL cursor_tuple_fraction = 1";
        let ready = self.ready();
        let declare = format!("DECLARE mlcore_rows NO SCROLL CURSOR FOR {sql}");
        run(&session, operation, &self.server, move |connection| {
            // By itself: statements that are sent together are one transaction, and a query before it would have begun its snapshot.
            connection.client.batch_execute(&ready)?;
            connection.client.batch_execute(BEGIN)?;
            connection.client.execute(&declare, &[]).map(drop)
        })?;
        Ok(Cursor { session, server: Arc::clone(&self.server), operation })
    }

    /// What a session is told before it reads. A reader may be slow between two batches.
    fn ready(&self) -> String {
        let mut ready =
            "SET TimeZone = 'UTC'; SET idle_in_transaction_session_timeout = 0; SET search_path = DEFAULT"
                .to_owned();
        let schema = &self.server.options.schema;
        if schema != PostgresOptions::DEFAULT_SCHEMA {
            ready.push_str(&format!(
                "; SELECT set_config('search_path', '{schema}, ' || current_setting('search_path'), false)"
            ));
        }
        ready
    }
}

impl Column {
    fn of(column: &postgres::Column) -> Self {
        Self {
            name: column.name().to_owned(),
            data_type: column.type_().clone(),
            modifier: column.type_modifier(),
        }
    }
}

impl Cursor {
    /// The next rows, at most so many; fewer where there are no more.
    ///
    /// # Errors
    /// Those of the server.
    pub fn fetch(&mut self, rows: u32) -> Result<Rows> {
        let sql = format!("FETCH FORWARD {rows} FROM mlcore_rows");
        let fetch = move |connection: &mut Connection| connection.client.query(&sql, &[]);
        run(&self.session, self.operation, &self.server, fetch).map(Rows)
    }
}

impl Rows {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The columns; none where there are no rows.
    #[must_use]
    pub fn columns(&self) -> Vec<Column> {
        self.0.first().map_or_else(Vec::new, |row| row.columns().iter().map(Column::of).collect())
    }

    /// The values of a column by its position, `None` for null.
    #[must_use]
    pub fn values(&self, column: usize) -> Vec<Option<&[u8]>> {
        self.0
            .iter()
            .map(|row| row.try_get::<_, Option<Raw<'_>>>(column).ok().flatten().map(|raw| raw.0))
            .collect()
    }
}

/// A value of any type, as it was sent.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(
        _: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Has the connection's thread do `work`, whose statements are not our own.
fn run<T: Send + 'static>(
    session: &Session,
    operation: &'static str,
    server: &Server,
    work: impl FnOnce(&mut Connection) -> std::result::Result<T, postgres::Error> + Send + 'static,
) -> Result<T> {
    let (answer, is_cancelled) = session.run(work);
    if is_cancelled {
        interrupt::check(operation)?;
    }
    let subject = server.options.subject();
    match answer {
        Some(answer) => answer.map_err(|cause| refused(operation, subject, cause)),
        None => Err(Error::unavailable(operation, subject, "the thread of its connection ended")
            .remedy("repeat it once the server is well")),
    }
}

/// What the server has against a statement that we did not write.
fn refused(operation: &'static str, server: &str, cause: postgres::Error) -> Error {
    let Some(found) = cause.as_db_error() else { return meaning(operation, server)(cause) };
    let (code, mut problem) = (found.code().clone(), found.message().to_owned());
    for more in [found.detail(), found.hint()].into_iter().flatten() {
        problem.push_str(&format!("; {more}"));
    }
    let error = match code.code().get(..2).unwrap_or_default() {
        _ if code == SqlState::INSUFFICIENT_PRIVILEGE => Error::permission_denied(operation, server, problem)
            .remedy("grant the role SELECT on what the query reads"),
        _ if code == SqlState::READ_ONLY_SQL_TRANSACTION => {
            Error::permission_denied(operation, server, problem).remedy("write a query that only reads")
        }
        _ if code == SqlState::UNDEFINED_TABLE => Error::not_found(operation, server, problem)
            .remedy("write the table with its schema, or create it first"),
        "42" | "0A" | "25" => {
            Error::invalid_input(operation, server, problem).remedy("mend the query; try it in psql first")
        }
        _ => return meaning(operation, server)(cause),
    };
    error.caused_by(cause)
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("options", &self.server.options).finish()
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("server", &self.server.options.subject()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("len", &self.len()).finish_non_exhaustive()
    }
}

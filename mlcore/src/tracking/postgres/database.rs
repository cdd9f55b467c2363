//! Statements on a connection to the server.

use std::borrow::Cow;
use std::cell::RefCell;
use std::error::Error as StdError;

use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type};

use crate::error::{Error, Result};
use crate::interrupt;
use crate::postgres::{Statements, damaged};
use crate::tracking::database::{Columns, Database, Dialect, ReadRow, Sql, Value};
use crate::tracking::search::{Test, like};

/// A connection, within a transaction.
pub(super) struct PostgresDatabase<'s, 'c> {
    statements: RefCell<&'s mut Statements<'c>>,
    operation: &'static str,
}

impl<'s, 'c> PostgresDatabase<'s, 'c> {
    pub(super) fn new(statements: &'s mut Statements<'c>, operation: &'static str) -> Self {
        Self { statements: RefCell::new(statements), operation }
    }

    /// The values of a column that are of a pattern.
    fn matching(&self, column: &str, among: &Sql, is_match: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let sql = format!("SELECT DISTINCT {column} {}", among.text);
        let mut found = Vec::new();
        self.rows(&sql, &among.values, &mut |row| {
            found.extend(row.text(0)?.filter(|text| is_match(text)).map(|text| encoded(&text).into_owned()));
            Ok(())
        })?;
        Ok(found)
    }
}

impl Database for PostgresDatabase<'_, '_> {
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        self.statements.borrow_mut().execute(sql, &bound(values))
    }

    fn rows(&self, sql: &str, values: &[Value<'_>], read: ReadRow<'_>) -> Result<()> {
        interrupt::check(self.operation)?;
        let (rows, server) = {
            let mut statements = self.statements.borrow_mut();
            (statements.query(sql, &bound(values))?, statements.server().to_owned())
        };
        rows.iter().try_for_each(|row| read(&PostgresRow { row, server: &server, operation: self.operation }))
    }

    fn dialect(&self) -> Dialect {
        Dialect { unindexed: "", ordered_join: "JOIN", indexes_whole_texts: false }
    }

    /// The server's own patterns, where they say the same: `_` would count a character that is stored as two, and its letters
    /// are small or large by a locale that nobody knows. Else the values that there are are looked at here.
    fn matches(&self, column: &str, among: &Sql, test: &Test) -> Result<Sql> {
        let matching = match test {
            Test::Like(pattern) if !pattern.contains(['_', '\0', ESCAPE, ESCAPED_ESCAPE]) => {
                return Ok(Sql::new(format!("{column} LIKE ? ESCAPE ''")).with(pattern.clone()));
            }
            Test::Like(pattern) => self.matching(column, among, |text| like::like(text, pattern))?,
            Test::ILike(pattern) => {
                let pattern = pattern.to_lowercase();
                self.matching(column, among, |text| like::like(&text.to_lowercase(), &pattern))?
            }
            _ => Vec::new(),
        };
        let list = serde_json::to_string(&matching)
            .map_err(|cause| Error::internal(self.operation, "", cause.to_string()).caused_by(cause))?;
        Ok(Sql::new(format!("{column} IN (SELECT json_array_elements_text(CAST(CAST(? AS text) AS json)))"))
            .with(list))
    }
}

fn bound<'v>(values: &'v [Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|value| -> &(dyn ToSql + Sync) { value }).collect()
}

struct PostgresRow<'r> {
    row: &'r postgres::Row,
    server: &'r str,
    operation: &'static str,
}

impl Columns for PostgresRow<'_> {
    fn integer(&self, place: usize) -> Result<Option<i64>> {
        self.row.try_get(place).map_err(|cause| self.damaged(cause.to_string()).caused_by(cause))
    }

    fn text(&self, place: usize) -> Result<Option<Cow<'_, str>>> {
        let text: Option<&str> =
            self.row.try_get(place).map_err(|cause| self.damaged(cause.to_string()).caused_by(cause))?;
        Ok(text.map(decoded))
    }

    fn damaged(&self, problem: String) -> Error {
        damaged(self.operation, self.server.to_owned(), problem)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => number.to_sql(kind, out),
            Self::Text(text) => encoded(text).as_ref().to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::TEXT)
    }

    postgres::types::to_sql_checked!();
}

/// PostgreSQL's texts hold no NUL. Stored texts have two characters for it, of the same order among all others.
fn encoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(ESCAPE, "\u{1}\u{2}").replace('\0', "\u{1}\u{1}"))
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ESCAPE if characters.next() == Some(ESCAPE) => decoded.push('\0'),
            ESCAPE => decoded.push(ESCAPE),
            other => decoded.push(other),
        }
    }
    Cow::Owned(decoded)
}

const ESCAPE: char = '\u{1}';
const ESCAPED_ESCAPE: char = '\u{2}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_kept_in_its_order() {
        let texts = [
            "",
            "\0",
            "\0\0",
            "\0a",
            "\u{1}",
            "\u{1}\0",
            "\u{1}\u{1}",
            "\u{1}\u{2}",
            "\u{2}",
            "a",
            "a\0",
            "b",
        ];
        let stored = texts.map(|text| encoded(text).into_owned());
        assert!(stored.is_sorted() && stored.iter().all(|text| !text.contains('\0')));
        assert_eq!(stored.each_ref().map(|text| decoded(text).into_owned()), texts);
    }
}

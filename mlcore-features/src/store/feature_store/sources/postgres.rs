//! Tables and queries of a PostgreSQL server.

use mlcore::registry::PostgresOptions;
use mlcore::{Error, Result};

use super::OPERATION;
use crate::store::definition;
use crate::store::offline::{PostgresQuery, Source};

/// The rows of a table.
pub(super) fn table(
    server: Option<&PostgresOptions>,
    source: &definition::Source,
    table: &str,
) -> Result<Box<dyn Source + 'static>> {
    query(server, source, &format!("SELECT * FROM {}", named(source, table)?))
}

/// The answer of a query.
pub(super) fn query(
    server: Option<&PostgresOptions>,
    source: &definition::Source,
    query: &str,
) -> Result<Box<dyn Source + 'static>> {
    let server = server.ok_or_else(|| {
        Error::unsupported(OPERATION, source.name(), "it lies in PostgreSQL, and no server is named")
            .remedy("say where the server is: LocalSources with_postgres, in Python FeatureStore(.., postgres=\"postgresql://..\")")
    })?;
    let opened = PostgresQuery::open_with(server, query);
    let opened = opened.map_err(|error| match error {
        Error::Interrupted(_) => error,
        error => error.within(format!("source {}", source.name())),
    })?;
    Ok(Box::new(opened))
}

/// The name of a table, each of its parts in quotes: `public.Trips` is `"public"."trips"`, as the server reads it, and a word that the
/// server knows, such as `user`, is a table.
fn named(source: &definition::Source, table: &str) -> Result<String> {
    let refuse = || {
        let shown: String = table.chars().take(80).collect();
        let problem = format!("{shown:?} is no name of a table");
        Error::invalid_input(OPERATION, source.name(), problem).remedy(
            "write table, schema.table or \"Schema\".\"Table\" with the quotes; what is more than a name is a query",
        )
    };
    let mut parts = Vec::new();
    let mut rest = table.trim();
    loop {
        let (part, after) = part(rest).ok_or_else(refuse)?;
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() && parts.len() <= MOST_PARTS => return Ok(parts.join(".")),
            None => return Err(refuse()),
        }
    }
}

/// The first part of a name, quoted, and what follows it.
fn part(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut from = 0;
        loop {
            let end = from + quoted.get(from..)?.find('"')?;
            let after = quoted.get(end + 1..)?;
            if after.starts_with('"') {
                from = end + 2;
                continue;
            }
            let inner = quoted.get(..end)?;
            return (!inner.is_empty() && !inner.contains('\0')).then(|| (format!("\"{inner}\""), after));
        }
    }
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let (word, after) = text.split_at_checked(end)?;
    let is_name = word.starts_with(|first: char| first.is_alphabetic() || first == '_');
    is_name.then(|| (format!("\"{}\"", word.to_ascii_lowercase()), after))
}

/// A database, a schema and a table.
const MOST_PARTS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::definition::Source;

    #[test]
    fn names_of_tables_are_read_as_the_server_reads_them() {
        let source = Source::postgres_table("stats", "x").timestamp_field("at").build().unwrap();
        for (table, expected) in [
            ("trips", r#""trips""#),
            (" Public.Trips ", r#""public"."trips""#),
            ("user", r#""user""#),
            ("feast.\"Trips 2026\"", r#""feast"."Trips 2026""#),
            ("\"a\"\"b\"", r#""a""b""#),
            ("\"a.b\".c", r#""a.b"."c""#),
            ("größe_1$", r#""größe_1$""#),
        ] {
            assert_eq!(named(&source, table).unwrap(), expected);
        }
        for bad in [
            "",
            "a.",
            ".a",
            "a b",
            "a;b",
            "a, b",
            "(SELECT 1)",
            "a -- b",
            "\"a",
            "\"\"",
            "1a",
            "a.b.c.d",
            "\"a\"b",
            "a-b",
        ] {
            let error = named(&source, bad).unwrap_err();
            assert_eq!(error.kind(), "invalid_input", "{bad}");
            assert!(error.to_string().contains("stats") && error.to_string().contains("a query"), "{error}");
        }
    }
}

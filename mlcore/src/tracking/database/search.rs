//! Searches: by an index where one helps, and never more rows than the page and what is passed over.

use super::clauses::{Column, condition, driver};
use super::kind::Kind;
use super::tables::SqlTables;
use super::{Columns, Sql, bits};
use crate::error::Result;
use crate::tracking::PageToken;
use crate::tracking::search::{Query, SortKey};

/// The rows of a page with their numbers, and where the next page begins.
pub(super) type Found<T> = (Vec<(i64, T)>, Option<PageToken>);

/// A page. `conditions` are those beside the filter's.
pub(super) fn page<T>(
    tables: &SqlTables<'_>,
    kind: &Kind<'_>,
    query: &Query,
    conditions: Sql,
    read: impl Fn(&dyn Columns) -> Result<T>,
) -> Result<Found<T>> {
    let plan = Plan::new(tables, kind, query, conditions)?;
    let few = plan.few()?;
    let by_index = plan.by_index().filter(|_| few.is_none());
    let mut found = match &by_index {
        Some(sql) => plan.run(sql, &read)?,
        None => plan.run(&plan.general(few.as_ref()), &read)?,
    };
    // Where the index does not fill the page, what has no value there follows.
    if by_index.is_some()
        && found.len() <= query.limit()
        && let Some(sql) = plan.after_index()
    {
        found.extend(plan.run(&sql, &read)?);
    }
    let is_last = found.len() <= query.limit();
    found.truncate(query.limit());
    let next = found.last().filter(|_| !is_last).map(|found| query.token_of(&found.keys));
    Ok((found.into_iter().map(|found| (found.number, found.row)).collect(), next))
}

struct Plan<'a> {
    tables: &'a SqlTables<'a>,
    kind: &'a Kind<'a>,
    query: &'a Query,
    columns: Vec<Column>,
    conditions: Sql,
}

struct Candidate<T> {
    number: i64,
    row: T,
    keys: Vec<SortKey>,
}

impl<'a> Plan<'a> {
    fn new(
        tables: &'a SqlTables<'a>,
        kind: &'a Kind<'a>,
        query: &'a Query,
        mut conditions: Sql,
    ) -> Result<Self> {
        let columns = query.orders().iter().enumerate();
        let columns = columns.map(|(place, order)| Column::new(tables, kind, place, order));
        let columns = columns.collect::<Result<_>>()?;
        for clause in &query.filter().clauses {
            conditions = conditions.then(" AND ").and(&condition(tables, kind, clause)?);
        }
        Ok(Self { tables, kind, query, columns, conditions })
    }

    /// The rows that have a value in the first column of the order, read in the order of its index; none where there is no
    /// such index, and where the page begins behind all values.
    fn by_index(&self) -> Option<Sql> {
        let (order, column) = (self.query.orders().first()?, self.columns.first()?);
        let (table, key, value) = column.table.as_ref()?;
        // A comparison of the same metric bounds what of the index is read.
        let clauses = self.query.filter().clauses.iter().filter(|clause| clause.field == order.field);
        let tests = clauses.map(|clause| &clause.test);
        let bounds = column.indexed(value, self.query.after().and_then(<[SortKey]>::first), tests)?;
        let (join, kind) = (self.tables.database.dialect().ordered_join, self.kind.table);
        let mut sql = self.select();
        sql.push(&Sql::new(format!(" FROM {table} o0 {join} {kind} ON r.number = o0.owner")));
        self.columns.iter().skip(1).for_each(|column| sql.push(&column.join));
        sql.push(&Sql::new(" WHERE o0.key = ?").with(key.clone()).and(&bounds));
        Some(self.finish(&sql, &column.bare_term()))
    }

    /// The rows that [`by_index`](Self::by_index) leaves: they come after all that it reads.
    fn after_index(&self) -> Option<Sql> {
        let column = self.columns.first()?;
        let (table, key, _) = column.table.as_ref()?;
        let with_value =
            format!(" AND NOT EXISTS (SELECT 1 FROM {table} i WHERE i.owner = r.number AND i.key = ?");
        let mut rest = Sql::new(with_value).with(key.clone());
        if column.is_metric() {
            rest = rest.then(" AND i.bits <= ?").with(bits::INFINITY);
        }
        Some(self.rows(None, &rest.then(")")))
    }

    /// All rows, or those that few pass.
    fn general(&self, few: Option<&Sql>) -> Sql {
        self.rows(few, &Sql::default())
    }

    /// The same with one more condition.
    fn rows(&self, few: Option<&Sql>, condition: &Sql) -> Sql {
        let (join, kind) = (self.tables.database.dialect().ordered_join, self.kind.table);
        let mut sql = self.select();
        sql.push(&match few {
            Some(driver) => Sql::new(" FROM (SELECT DISTINCT d.owner AS owner FROM ")
                .and(driver)
                .then(&format!(") d {join} {kind} ON r.number = d.owner")),
            None => Sql::new(format!(" FROM {kind}")),
        });
        self.columns.iter().for_each(|column| sql.push(&column.join));
        let first = self.columns.first().map(Column::terms).unwrap_or_default();
        self.finish(&sql.then(" WHERE TRUE").and(condition), &first)
    }

    /// A comparison that few rows pass.
    fn few(&self) -> Result<Option<Sql>> {
        if !self.kind.is_indexed {
            return Ok(None);
        }
        for clause in &self.query.filter().clauses {
            let Some(driver) = driver(self.tables, self.kind, clause)? else { continue };
            let count = Sql::new("SELECT count(*) FROM (SELECT 1 FROM ").and(&driver);
            let count = count.then(&format!(" LIMIT {FEW}) q"));
            let passing = self.tables.one(&count.text, &count.values, |row| row.whole(0))?;
            if passing.unwrap_or(FEW) < FEW {
                return Ok(Some(driver));
            }
        }
        Ok(None)
    }

    fn select(&self) -> Sql {
        let mut sql = Sql::new(format!("SELECT {}", self.kind.columns));
        for column in &self.columns {
            sql = sql.then(", ").and(&column.select).then(&format!(" AS {}", column.name));
        }
        sql
    }

    /// Adds the conditions, where the page begins, the order and the limit.
    fn finish(&self, rows: &Sql, first: &str) -> Sql {
        let mut sql = Sql::new("SELECT * FROM (").and(rows).then(" AND ").and(&self.conditions).then(") q");
        if let Some(after) = self.query.after() {
            // Without this mark SQLite takes the alternatives one by one, each sorted as a whole.
            sql = sql.then(&format!(" WHERE {}(", self.tables.database.dialect().unindexed));
            for (place, (column, key)) in self.columns.iter().zip(after).enumerate() {
                sql = sql.then(if place == 0 { "(" } else { " OR (" });
                for (column, key) in self.columns.iter().zip(after).take(place) {
                    sql = sql.and(&column.equals(key)).then(" AND ");
                }
                sql = sql.and(&column.follows(key)).then(")");
            }
            sql = sql.then(")");
        }
        sql = sql.then(" ORDER BY ").then(first);
        for column in self.columns.iter().skip(1) {
            sql = sql.then(", ").then(&column.terms());
        }
        sql.then(" LIMIT ?").with(i64::try_from(self.query.limit() + 1).unwrap_or(i64::MAX))
    }

    fn run<T>(&self, sql: &Sql, read: &impl Fn(&dyn Columns) -> Result<T>) -> Result<Vec<Candidate<T>>> {
        self.tables.all(&sql.text, &sql.values, |row| {
            let columns = self.columns.iter().enumerate();
            let keys = columns.map(|(place, column)| column.key(row, self.kind.width + place));
            Ok(Candidate { number: row.whole(0)?, row: read(row)?, keys: keys.collect::<Result<_>>()? })
        })
    }
}

/// A sort of so many rows takes a few milliseconds.
const FEW: i64 = 2000;

//! The search for runs: by an index where one helps, and never more rows than the page and what is passed over.

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::bits;
use super::clauses::{Column, Sql, condition, driver};
use super::tables::{RUN_COLUMNS, SqlTables, run_info};
use crate::error::Result;
use crate::interrupt;
use crate::tracking::search::{Clause, Entity, Filter, Found, Query, Row, SortKey, Test};
use crate::tracking::{CONTEXT_TAG, Page, Run, RunInfo, RunSearch, ViewType};

/// A page of runs.
pub(super) fn runs(tables: &SqlTables<'_>, search: &RunSearch, query: &Query) -> Result<Page<Run>> {
    let plan = Plan::new(tables, search, query)?;
    let mut found = match plan.by_index() {
        Some(sql) => plan.run(&sql)?,
        None => Vec::new(),
    };
    // Where the index fills the page, what has no number comes later still.
    if found.len() <= query.limit() {
        found = plan.run(&plan.general()?)?;
    }
    let is_last = found.len() <= query.limit();
    found.truncate(query.limit());
    let next = found.last().filter(|_| !is_last).map(|found| query.token_of(&found.keys));
    let whole = |found: Candidate| tables.whole(found.number, found.info, &search.projection);
    Ok(Page::new(found.into_iter().map(whole).collect::<Result<_>>()?, next))
}

struct Plan<'a> {
    tables: &'a SqlTables<'a>,
    query: &'a Query,
    columns: Vec<Column>,
    /// Experiments, lifecycle stages, and what of the filter is SQL.
    conditions: Sql,
    /// The rest of the filter.
    residual: Vec<&'a Clause>,
}

struct Candidate {
    number: i64,
    info: RunInfo,
    keys: Vec<SortKey>,
}

impl<'a> Plan<'a> {
    fn new(tables: &'a SqlTables<'a>, search: &RunSearch, query: &'a Query) -> Result<Self> {
        let columns =
            query.orders().iter().enumerate().map(|(place, order)| Column::new(tables, place, order));
        let columns = columns.collect::<Result<_>>()?;
        let mut conditions = Sql::new("r.experiment IN ");
        conditions.push(&Sql::list(search.experiments.iter().map(AsRef::as_ref)));
        conditions.push(&Sql::new(match search.view {
            ViewType::ActiveOnly => " AND r.stage = 0",
            ViewType::DeletedOnly => " AND r.stage = 1",
            ViewType::All => "",
        }));
        let mut residual = Vec::new();
        for clause in &query.filter().clauses {
            match condition(tables, clause)? {
                Some(sql) => {
                    conditions.text.push_str(" AND ");
                    conditions.push(&sql);
                }
                None => residual.push(clause),
            }
        }
        Ok(Self { tables, query, columns, conditions, residual })
    }

    /// The runs that have a number in the first column of the order, read in the order of its index; none where the first
    /// column is no metric, and where the page begins behind all numbers.
    fn by_index(&self) -> Option<Sql> {
        let (order, column) = (self.query.orders().first()?, self.columns.first()?);
        let after = self.query.after().and_then(<[SortKey]>::first);
        if order.field.entity != Entity::Metric || !matches!(after, None | Some(SortKey::Number(_))) {
            return None;
        }
        let (_, key) = column.table.clone()?;
        let mut sql = self.select();
        sql.push(&Sql::new(" FROM latest o0 CROSS JOIN run r ON r.number = o0.run"));
        self.columns.iter().skip(1).for_each(|column| sql.push(&column.join));
        sql.push(&Sql::new(format!(" WHERE o0.key = ? AND o0.bits <= {}", bits::INFINITY)).with(key));
        // A comparison of the same metric bounds what of the index is read.
        for clause in self.query.filter().clauses.iter().filter(|clause| clause.field == order.field) {
            if let Test::Number(comparison, limit) = clause.test {
                sql.text.push_str(" AND ");
                sql.push(&super::clauses::on_bits("o0", comparison, limit));
            }
        }
        if let Some(bound) = after.and_then(|key| column.not_before(key)) {
            sql.push(&bound);
        }
        self.finish(&mut sql, &column.bare_term());
        Some(sql)
    }

    /// All runs; where a comparison of a value passes few, beginning with those.
    fn general(&self) -> Result<Sql> {
        let mut sql = self.select();
        match self.few()? {
            Some(driver) => {
                sql.push(&Sql::new(" FROM (SELECT DISTINCT d.run AS run FROM "));
                sql.push(&driver);
                sql.push(&Sql::new(") d CROSS JOIN run r ON r.number = d.run"));
            }
            None => sql.push(&Sql::new(" FROM run r")),
        }
        self.columns.iter().for_each(|column| sql.push(&column.join));
        sql.push(&Sql::new(" WHERE TRUE"));
        let first = self.columns.first().map(Column::terms).unwrap_or_default();
        self.finish(&mut sql, &first);
        Ok(sql)
    }

    /// A comparison that few runs pass.
    fn few(&self) -> Result<Option<Sql>> {
        for clause in &self.query.filter().clauses {
            let Some(driver) = driver(self.tables, clause)? else { continue };
            let mut count = Sql::new("SELECT count(*) FROM (SELECT 1 FROM ");
            count.push(&driver);
            count.push(&Sql::new(format!(" LIMIT {FEW})")));
            let passing = self.tables.one(&count.text, params_from_iter(&count.values), |row| row.get(0))?;
            if passing.unwrap_or(FEW) < FEW {
                return Ok(Some(driver));
            }
        }
        Ok(None)
    }

    fn select(&self) -> Sql {
        let mut sql = Sql::new(format!("SELECT {RUN_COLUMNS}"));
        for column in &self.columns {
            sql.text.push_str(", ");
            sql.text.push_str(&column.value);
        }
        sql
    }

    /// Adds the conditions, where the page begins, the order and the limit.
    fn finish(&self, sql: &mut Sql, first: &str) {
        sql.text.push_str(" AND ");
        sql.push(&self.conditions);
        if let Some(after) = self.query.after() {
            // The plus keeps SQLite from taking the alternatives one by one, each sorted as a whole.
            sql.text.push_str(" AND +(");
            for (place, (column, key)) in self.columns.iter().zip(after).enumerate() {
                sql.text.push_str(if place == 0 { "(" } else { " OR (" });
                for (column, key) in self.columns.iter().zip(after).take(place) {
                    sql.push(&column.equals(key));
                    sql.text.push_str(" AND ");
                }
                sql.push(&column.follows(key));
                sql.text.push(')');
            }
            sql.text.push(')');
        }
        sql.text.push_str(" ORDER BY ");
        sql.text.push_str(first);
        for column in self.columns.iter().skip(1) {
            sql.text.push_str(", ");
            sql.text.push_str(&column.terms());
        }
        if self.residual.is_empty() {
            let most = i64::try_from(self.query.limit() + 1).unwrap_or(i64::MAX);
            sql.push(&Sql::new(" LIMIT ?").with(most));
        }
    }

    /// The rows that pass the rest of the filter, at most one more than the page holds.
    fn run(&self, sql: &Sql) -> Result<Vec<Candidate>> {
        let failed = self.tables.failed();
        let mut statement = self.tables.connection.prepare(&sql.text).map_err(&failed)?;
        let mut rows = statement.query(params_from_iter(&sql.values)).map_err(&failed)?;
        let mut found = Vec::new();
        while found.len() <= self.query.limit() {
            interrupt::check("search")?;
            let Some(row) = rows.next().map_err(&failed)? else { break };
            let (number, info) = (row.get(0).map_err(&failed)?, run_info(row).map_err(&failed)?);
            if !self.passes(number, &info)? {
                continue;
            }
            let keys = self.columns.iter().enumerate();
            let keys = keys.map(|(place, column)| Ok(column.key(row.get::<_, Value>(FIRST_KEY + place)?)));
            let keys = keys.collect::<rusqlite::Result<_>>().map_err(&failed)?;
            found.push(Candidate { number, info, keys });
        }
        Ok(found)
    }

    fn passes(&self, number: i64, info: &RunInfo) -> Result<bool> {
        for clause in &self.residual {
            let key = &*clause.field.key;
            let value = match clause.field.entity {
                Entity::Param => {
                    self.text("SELECT value FROM param WHERE run = ?1 AND key = ?2", number, key)?
                }
                Entity::Tag => self.text("SELECT value FROM tag WHERE run = ?1 AND key = ?2", number, key)?,
                Entity::Dataset => self.datasets(number, key)?,
                Entity::Attribute | Entity::Metric => Some(vec![attribute(info, key)]),
            };
            let filter = Filter { clauses: vec![(*clause).clone()] };
            if !filter.passes(&Values(value)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn text(&self, sql: &str, number: i64, key: &str) -> Result<Option<Vec<String>>> {
        self.tables.one(sql, (number, key), |row| row.get(0).map(|text| vec![text]))
    }

    fn datasets(&self, number: i64, key: &str) -> Result<Option<Vec<String>>> {
        let inputs = self.tables.datasets(number)?.into_iter();
        let texts: Vec<_> = inputs
            .filter_map(|mut input| match key {
                "name" => Some(input.dataset.name),
                "digest" => Some(input.dataset.digest),
                _ => input.tags.remove(CONTEXT_TAG),
            })
            .collect();
        Ok((!texts.is_empty()).then_some(texts))
    }
}

/// The texts of one column.
struct Values(Option<Vec<String>>);

impl Row for Values {
    fn find(&self, _field: &crate::tracking::search::Field) -> Found<'_> {
        match &self.0 {
            None => Found::Missing,
            Some(texts) => Found::Texts(texts.iter().map(String::as_str).collect()),
        }
    }
}

fn attribute(info: &RunInfo, key: &str) -> String {
    match key {
        "run_id" => info.id.to_string(),
        "run_name" => info.name.clone(),
        "user_id" => info.user_id.clone(),
        "status" => info.status.to_string(),
        _ => info.artifact_uri.clone(),
    }
}

/// A sort of so many runs takes a few milliseconds.
const FEW: i64 = 2000;
/// The place of the first column of the order in what is selected.
const FIRST_KEY: usize = 11;

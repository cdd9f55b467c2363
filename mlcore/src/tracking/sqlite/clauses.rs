//! A filter and an order as SQL.

use rusqlite::types::Value;

use super::bits;
use super::tables::SqlTables;
use crate::error::Result;
use crate::tracking::search::{Clause, Comparison, Entity, Field, Order, SortKey, Test};

/// A piece of SQL, and the values of its marks in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

impl Sql {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), values: Vec::new() }
    }

    /// Adds the value of the next mark.
    pub(super) fn with(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(super) fn push(&mut self, other: &Self) {
        self.text.push_str(&other.text);
        self.values.extend_from_slice(&other.values);
    }

    /// A list of texts in parentheses.
    pub(super) fn list<'t>(texts: impl ExactSizeIterator<Item = &'t str>) -> Self {
        let text = format!("({})", vec!["?"; texts.len()].join(", "));
        Self { text, values: texts.map(|text| Value::Text(text.to_owned())).collect() }
    }
}

/// The condition of a comparison on the run `r`. None for what is looked at run by run: patterns, because SQLite's know only the
/// letters of ASCII, and datasets.
///
/// The plus before a value keeps SQLite from reading the index of values, where the key of the table finds one row.
pub(super) fn condition(tables: &SqlTables<'_>, clause: &Clause) -> Result<Option<Sql>> {
    let key = &clause.field.key;
    Ok(match clause.field.entity {
        Entity::Dataset => None,
        Entity::Metric => match &clause.test {
            Test::Number(comparison, limit) => {
                let test = on_bits("+f", *comparison, *limit);
                let mut sql =
                    Sql::new("EXISTS (SELECT 1 FROM latest f WHERE f.run = r.number AND f.key = ? AND ")
                        .with(tables.key_of(key)?.unwrap_or(NO_KEY));
                sql.push(&test);
                sql.text.push(')');
                Some(sql)
            }
            _ => None,
        },
        Entity::Attribute => attribute_condition(key, &clause.test),
        Entity::Param => text_condition("param", key, &clause.test),
        Entity::Tag => text_condition("tag", key, &clause.test),
    })
}

/// The table of values and the condition on it, `d`, that few runs may pass: what a search may begin with.
pub(super) fn driver(tables: &SqlTables<'_>, clause: &Clause) -> Result<Option<Sql>> {
    let key = &clause.field.key;
    let table = match clause.field.entity {
        Entity::Metric => "latest",
        Entity::Param => "param",
        Entity::Tag => "tag",
        Entity::Attribute | Entity::Dataset => return Ok(None),
    };
    let (of_key, test) = match &clause.test {
        Test::Number(comparison, limit) => {
            (Value::Integer(tables.key_of(key)?.unwrap_or(NO_KEY)), on_bits("d", *comparison, *limit))
        }
        Test::Equal(text) => (Value::Text(key.clone()), Sql::new("d.value = ?").with(text.clone())),
        _ => return Ok(None),
    };
    let mut sql = Sql::new(format!("{table} d WHERE d.key = ? AND ")).with(of_key);
    sql.push(&test);
    Ok(Some(sql))
}

/// No metric has this number.
pub(super) const NO_KEY: i64 = -1;

/// A comparison of numbers on the bits of a table: NaN, the greatest, passes `!=` alone.
pub(super) fn on_bits(table: &str, comparison: Comparison, limit: f64) -> Sql {
    let sql = Sql::new(format!("{table}.bits {} ?", comparison.name())).with(bits::of(limit));
    match comparison {
        Comparison::Greater | Comparison::AtLeast => {
            let mut sql = sql.with(bits::INFINITY);
            sql.text.push_str(&format!(" AND {table}.bits <= ?"));
            sql
        }
        Comparison::Equal | Comparison::NotEqual | Comparison::Less | Comparison::AtMost => sql,
    }
}

fn attribute_condition(key: &str, test: &Test) -> Option<Sql> {
    let column = attribute_column(key);
    match test {
        Test::Number(comparison, limit) => {
            Some(Sql::new(format!("{column} {} ?", comparison.name())).with(*limit))
        }
        test => on_text(column, test),
    }
}

fn text_condition(table: &str, key: &str, test: &Test) -> Option<Sql> {
    let of_key = format!("EXISTS (SELECT 1 FROM {table} f WHERE f.run = r.number AND f.key = ?");
    match test {
        Test::IsNull => Some(Sql::new(format!("NOT {of_key})")).with(key.to_owned())),
        Test::IsNotNull => Some(Sql::new(format!("{of_key})")).with(key.to_owned())),
        test => {
            let test = on_text("+f.value", test)?;
            let mut sql = Sql::new(format!("{of_key} AND ")).with(key.to_owned());
            sql.push(&test);
            sql.text.push(')');
            Some(sql)
        }
    }
}

fn on_text(column: &str, test: &Test) -> Option<Sql> {
    let listed = |operator: &str, texts: &[String]| {
        let mut sql = Sql::new(format!("{column} {operator} "));
        sql.push(&Sql::list(texts.iter().map(String::as_str)));
        Some(sql)
    };
    match test {
        Test::Equal(text) => Some(Sql::new(format!("{column} = ?")).with(text.clone())),
        Test::NotEqual(text) => Some(Sql::new(format!("{column} != ?")).with(text.clone())),
        Test::In(texts) => listed("IN", texts),
        Test::NotIn(texts) => listed("NOT IN", texts),
        Test::Number(..) | Test::Like(_) | Test::ILike(_) | Test::IsNull | Test::IsNotNull => None,
    }
}

/// The column of an attribute of the grammar.
fn attribute_column(key: &str) -> &'static str {
    match key {
        "run_id" => "r.id",
        "run_name" => "r.name",
        "user_id" => "r.user_id",
        "status" => "r.status",
        "artifact_uri" => "r.artifact_uri",
        "start_time" => "r.start_time",
        "end_time" => "r.end_time",
        _ => "NULL",
    }
}

/// A column of an order: the table that is joined for it, and what it is ordered by.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) join: Sql,
    /// The table of its values, under the name of the join, where it has one.
    pub(super) table: Option<(&'static str, Value)>,
    pub(super) value: String,
    is_metric: bool,
    descending: bool,
}

impl Column {
    pub(super) fn new(tables: &SqlTables<'_>, place: usize, order: &Order) -> Result<Self> {
        let Field { entity, key, .. } = &order.field;
        let joined = |table: &'static str, of_key: Value, column: &str| Self {
            join: Sql::new(format!(
                " LEFT JOIN {table} o{place} ON o{place}.run = r.number AND o{place}.key = ?"
            ))
            .with(of_key.clone()),
            table: Some((table, of_key)),
            value: format!("o{place}.{column}"),
            is_metric: *entity == Entity::Metric,
            descending: order.descending,
        };
        Ok(match entity {
            Entity::Metric => joined("latest", Value::Integer(tables.key_of(key)?.unwrap_or(NO_KEY)), "bits"),
            Entity::Param => joined("param", Value::Text(key.clone()), "value"),
            Entity::Tag => joined("tag", Value::Text(key.clone()), "value"),
            Entity::Attribute | Entity::Dataset => Self {
                join: Sql::default(),
                table: None,
                value: attribute_column(key).to_owned(),
                is_metric: false,
                descending: order.descending,
            },
        })
    }

    /// The terms of `ORDER BY`: what has no number, and what has nothing, comes last.
    pub(super) fn terms(&self) -> String {
        let (value, direction) = (&self.value, if self.descending { "DESC" } else { "ASC" });
        let infinity = bits::INFINITY;
        if self.is_metric {
            return format!(
                "CASE WHEN {value} IS NULL THEN 2 ELSE {value} > {infinity} END, {value} {direction}"
            );
        }
        if self.is_whole() {
            format!("{value} {direction}")
        } else {
            format!("{value} IS NULL, {value} {direction}")
        }
    }

    /// The term where every row has a number: SQLite then reads the index in its order.
    pub(super) fn bare_term(&self) -> String {
        format!("{} {}", self.value, if self.descending { "DESC" } else { "ASC" })
    }

    /// Whether every run has a value.
    fn is_whole(&self) -> bool {
        self.table.is_none() && self.value != "r.end_time"
    }

    /// Equal to what the row before the page has.
    pub(super) fn equals(&self, key: &SortKey) -> Sql {
        let value = &self.value;
        match key {
            SortKey::Missing => Sql::new(format!("{value} IS NULL")),
            SortKey::NotANumber => Sql::new(format!("{value} > {}", bits::INFINITY)),
            SortKey::Number(_) | SortKey::Text(_) => Sql::new(format!("{value} = ?")).with(self.bound(key)),
        }
    }

    /// Later than what the row before the page has.
    pub(super) fn follows(&self, key: &SortKey) -> Sql {
        let value = &self.value;
        match key {
            SortKey::Missing => Sql::new("FALSE"),
            SortKey::NotANumber => Sql::new(format!("{value} IS NULL")),
            SortKey::Number(_) | SortKey::Text(_) => {
                let nan = format!(" OR {value} > {}", bits::INFINITY);
                let last = if self.is_metric && self.descending { &*nan } else { "" };
                let beyond = if self.descending { "<" } else { ">" };
                Sql::new(format!("({value} {beyond} ?{last} OR {value} IS NULL)")).with(self.bound(key))
            }
        }
    }

    /// For an index: not earlier than what the row before the page has, where that is a number.
    pub(super) fn not_before(&self, key: &SortKey) -> Option<Sql> {
        let SortKey::Number(_) = key else { return None };
        let direction = if self.descending { "<=" } else { ">=" };
        Some(Sql::new(format!(" AND {} {direction} ?", self.value)).with(self.bound(key)))
    }

    fn bound(&self, key: &SortKey) -> Value {
        match key {
            SortKey::Number(number) if self.is_metric => Value::Integer(bits::of(*number)),
            SortKey::Number(number) => Value::Real(*number),
            SortKey::Text(text) => Value::Text(text.clone()),
            SortKey::NotANumber | SortKey::Missing => Value::Null,
        }
    }

    /// What a row has in this column.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are exact for 285,000 years")]
    pub(super) fn key(&self, value: Value) -> SortKey {
        match value {
            Value::Integer(bits) if self.is_metric && bits > bits::INFINITY => SortKey::NotANumber,
            Value::Integer(bits) if self.is_metric => SortKey::Number(bits::value(bits)),
            Value::Integer(milliseconds) => SortKey::Number(milliseconds as f64),
            Value::Real(number) => SortKey::Number(number),
            Value::Text(text) => SortKey::Text(text),
            Value::Null | Value::Blob(_) => SortKey::Missing,
        }
    }
}

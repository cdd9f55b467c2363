//! A filter and an order as SQL.

use super::kind::{Kind, Metrics};
use super::tables::SqlTables;
use super::{Columns, INDEXED_CHARS, NO_ROW, Sql, Value, bits};
use crate::error::Result;
use crate::tracking::search::{Clause, Comparison, Entity, Order, SortKey, Test};

/// The condition of a comparison on the row `r`.
pub(super) fn condition(tables: &SqlTables<'_>, kind: &Kind<'_>, clause: &Clause) -> Result<Sql> {
    let key = &clause.field.key;
    let plus = tables.database.dialect().unindexed;
    Ok(match clause.field.entity {
        Entity::Attribute => match kind.attribute(key) {
            None => Sql::new("FALSE"),
            Some(attribute) => {
                let among = Sql::new(format!("FROM {}", kind.table));
                on_text(tables, attribute.filtered, &among, &clause.test)?
            }
        },
        Entity::Metric => metric_condition(tables, kind, key, &clause.test)?,
        Entity::Dataset => {
            let (column, from) = (dataset_column(key), "FROM input f JOIN dataset d ON d.number = f.dataset");
            let test = on_text(tables, column, &Sql::new(from), &clause.test)?;
            Sql::new(format!("EXISTS (SELECT 1 {from} WHERE f.owner = r.number AND ")).and(&test).then(")")
        }
        Entity::Param | Entity::Tag => {
            let Some(table) = kind.texts(clause.field.entity) else { return Ok(Sql::new("FALSE")) };
            let of_key =
                Sql::new(format!("EXISTS (SELECT 1 FROM {table} f WHERE f.owner = r.number AND f.key = ?"))
                    .with(key.clone());
            match &clause.test {
                Test::IsNull => Sql::new("NOT ").and(&of_key).then(")"),
                Test::IsNotNull => of_key.then(")"),
                test => {
                    let among = Sql::new(format!("FROM {table} f WHERE f.key = ?")).with(key.clone());
                    let test = on_text(tables, &format!("{plus}f.value"), &among, test)?;
                    of_key.then(" AND ").and(&test).then(")")
                }
            }
        }
    })
}

fn metric_condition(tables: &SqlTables<'_>, kind: &Kind<'_>, key: &str, test: &Test) -> Result<Sql> {
    let Test::Number(comparison, limit) = test else { return Ok(Sql::new("FALSE")) };
    Ok(match &kind.metrics {
        Metrics::None => Sql::new("FALSE"),
        Metrics::Latest => {
            let column = format!("{}f.bits", tables.database.dialect().unindexed);
            Sql::new("EXISTS (SELECT 1 FROM latest f WHERE f.owner = r.number AND f.key = ? AND ")
                .with(tables.key_of(key)?.unwrap_or(NO_ROW))
                .and(&on_bits(&column, *comparison, *limit))
                .then(")")
        }
        Metrics::Measured(datasets) => Sql::new("EXISTS (SELECT 1 FROM (")
            .and(&measured(key, datasets))
            .then(") m WHERE ")
            .and(&on_bits("m.bits", *comparison, *limit))
            .then(")"),
    })
}

/// The bits of the latest metric of a logged model: by time, then step, then as they were logged.
fn measured(key: &str, datasets: &[(String, Option<String>)]) -> Sql {
    Sql::new("SELECT f.bits AS bits FROM model_metric f WHERE f.owner = r.number AND f.key = ? AND ")
        .with(key.to_owned())
        .and(&Kind::counts(datasets))
        .then(" ORDER BY f.timestamp DESC, f.step DESC, f.place DESC LIMIT 1")
}

/// The table of values and the condition on it, `d`, that few rows may pass: what a search may begin with.
pub(super) fn driver(tables: &SqlTables<'_>, kind: &Kind<'_>, clause: &Clause) -> Result<Option<Sql>> {
    let key = &clause.field.key;
    let (table, of_key) = match clause.field.entity {
        Entity::Metric => ("latest", Value::Integer(tables.key_of(key)?.unwrap_or(NO_ROW))),
        Entity::Param | Entity::Tag => match kind.texts(clause.field.entity) {
            Some(table) => (table, Value::from(key.clone())),
            None => return Ok(None),
        },
        Entity::Attribute | Entity::Dataset => return Ok(None),
    };
    let test = match &clause.test {
        Test::Number(comparison, limit) => on_bits("d.bits", *comparison, *limit),
        Test::IsNull | Test::IsNotNull | Test::NotEqual(_) | Test::NotIn(_) => return Ok(None),
        test => {
            let among = Sql::new(format!("FROM {table} d WHERE d.key = ?")).with(of_key.clone());
            on_text(tables, "d.value", &among, test)?.and(&bounds(tables, test))
        }
    };
    let of_key = Sql::new(format!("{table} d WHERE d.key = ? AND ")).with(of_key);
    Ok(Some(of_key.and(&test)))
}

/// What of an index of texts is read: the beginning that all that pass have in common.
fn bounds(tables: &SqlTables<'_>, test: &Test) -> Sql {
    let is_whole = tables.database.dialect().indexes_whole_texts;
    let column = if is_whole { "d.value".to_owned() } else { format!("left(d.value, {INDEXED_CHARS})") };
    let begin = match test {
        // What an index of whole texts says already.
        Test::Equal(_) if is_whole => return Sql::default(),
        Test::Equal(text) => text.as_str(),
        Test::Like(pattern) => pattern.split(['%', '_']).next().unwrap_or_default(),
        _ => return Sql::default(),
    };
    let end = begin.char_indices().nth(INDEXED_CHARS).map_or(begin.len(), |(end, _)| end);
    let begin = begin.get(..end).unwrap_or_default();
    match after_all(begin) {
        // A control character may be stored as two.
        Some(after) if !begin.contains(char::is_control) => {
            let sql = Sql::new(format!(" AND {column} >= ? AND {column} < ?"));
            sql.with(begin.to_owned()).with(after)
        }
        _ => Sql::default(),
    }
}

/// The text that comes after all that begin so.
fn after_all(begin: &str) -> Option<String> {
    let (place, last) = begin.char_indices().next_back()?;
    let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32)?;
    Some(format!("{}{next}", begin.get(..place)?))
}

/// A comparison of numbers on the bits of a column: NaN, the greatest, passes `!=` alone.
pub(super) fn on_bits(column: &str, comparison: Comparison, limit: f64) -> Sql {
    let sql = Sql::new(format!("{column} {} ?", comparison.name())).with(bits::of(limit));
    match comparison {
        Comparison::Greater | Comparison::AtLeast => {
            sql.then(&format!(" AND {column} <= ?")).with(bits::INFINITY)
        }
        Comparison::Equal | Comparison::NotEqual | Comparison::Less | Comparison::AtMost => sql,
    }
}

/// A comparison on a column of whole numbers, as one of whole numbers, which an index answers.
#[expect(clippy::cast_possible_truncation, reason = "a limit beyond all whole numbers becomes the last one")]
fn on_whole(column: &str, comparison: Comparison, limit: f64) -> Sql {
    let (below, above) = (limit.floor(), limit.ceil());
    let due = match comparison {
        Comparison::Equal | Comparison::Greater | Comparison::NotEqual | Comparison::AtMost => below,
        Comparison::Less | Comparison::AtLeast => above,
    };
    match comparison {
        Comparison::Equal if below < above => Sql::new("FALSE"),
        Comparison::NotEqual if below < above => Sql::new(format!("{column} IS NOT NULL")),
        _ => Sql::new(format!("{column} {} ?", comparison.name())).with(due as i64),
    }
}

/// A comparison on a column. `among` reads all its values.
fn on_text(tables: &SqlTables<'_>, column: &str, among: &Sql, test: &Test) -> Result<Sql> {
    let listed = |operator: &str, texts: &[String]| {
        Sql::new(format!("{column} {operator} ")).and(&Sql::list(texts.iter().map(String::as_str)))
    };
    Ok(match test {
        Test::Number(comparison, limit) => on_whole(column, *comparison, *limit),
        Test::Equal(text) => Sql::new(format!("{column} = ?")).with(text.clone()),
        Test::NotEqual(text) => Sql::new(format!("{column} != ?")).with(text.clone()),
        Test::In(texts) => listed("IN", texts),
        Test::NotIn(texts) => listed("NOT IN", texts),
        Test::Like(_) | Test::ILike(_) => tables.database.matches(column, among, test)?,
        Test::IsNull => Sql::new(format!("{column} IS NULL")),
        Test::IsNotNull => Sql::new(format!("{column} IS NOT NULL")),
    })
}

fn dataset_column(key: &str) -> &'static str {
    match key {
        "name" => "d.name",
        "digest" => "d.digest",
        _ => "f.context",
    }
}

/// A column of an order: the table that is joined for it, and what it is ordered by.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) join: Sql,
    /// The table of its values, which is joined, where an index has them in order; the key; and the column.
    pub(super) table: Option<(&'static str, Value<'static>, String)>,
    /// What is selected.
    pub(super) select: Sql,
    /// Under which name.
    pub(super) name: String,
    is_metric: bool,
    is_number: bool,
    is_whole: bool,
    pub(super) descending: bool,
}

impl Column {
    pub(super) fn new(tables: &SqlTables<'_>, kind: &Kind<'_>, place: usize, order: &Order) -> Result<Self> {
        let key = &order.field.key;
        let nothing = Self {
            join: Sql::default(),
            table: None,
            select: Sql::new("NULL"),
            name: format!("k{place}"),
            is_metric: order.field.entity == Entity::Metric,
            is_number: false,
            is_whole: false,
            descending: order.descending,
        };
        let joined = |column: Self, table: &'static str, of_key: Value<'static>, value: &str| {
            let join =
                format!(" LEFT JOIN {table} o{place} ON o{place}.owner = r.number AND o{place}.key = ?");
            let value = format!("o{place}.{value}");
            let select = Sql::new(value.clone());
            let is_ordered = column.is_metric || tables.database.dialect().indexes_whole_texts;
            let table = (kind.is_indexed && is_ordered).then(|| (table, of_key.clone(), value));
            Self { join: Sql::new(join).with(of_key), table, select, ..column }
        };
        Ok(match (order.field.entity, &kind.metrics) {
            (Entity::Metric, Metrics::Latest) => {
                joined(nothing, "latest", Value::Integer(tables.key_of(key)?.unwrap_or(NO_ROW)), "bits")
            }
            (Entity::Metric, Metrics::Measured(datasets)) => {
                Self { select: Sql::new("(").and(&measured(key, datasets)).then(")"), ..nothing }
            }
            (Entity::Param | Entity::Tag, _) => match kind.texts(order.field.entity) {
                Some(table) => joined(nothing, table, Value::from(key.clone()), "value"),
                None => nothing,
            },
            (Entity::Attribute, _) => match kind.attribute(key) {
                Some(found) => Self {
                    select: Sql::new(found.ordered),
                    is_number: found.is_number,
                    is_whole: found.is_whole,
                    ..nothing
                },
                None => nothing,
            },
            (Entity::Metric, Metrics::None) | (Entity::Dataset, _) => nothing,
        })
    }

    /// Whether it is a metric, whose NaN comes after all numbers.
    pub(super) const fn is_metric(&self) -> bool {
        self.is_metric
    }

    /// The terms of `ORDER BY`: what has no number, and what has nothing, comes last.
    pub(super) fn terms(&self) -> String {
        let (name, bare, infinity) = (&self.name, self.bare_term(), bits::INFINITY);
        if self.is_metric {
            return format!(
                "CASE WHEN {name} IS NULL THEN 2 WHEN {name} > {infinity} THEN 1 ELSE 0 END, {bare}"
            );
        }
        if self.is_whole { bare } else { format!("({name} IS NULL), {bare}") }
    }

    /// The term where every row has a value: the index is then read in its order.
    pub(super) fn bare_term(&self) -> String {
        format!("{} {}", self.name, if self.descending { "DESC" } else { "ASC" })
    }

    /// For an index: the rows that have a value, pass the tests and, where the page begins after one, are not before it; none
    /// where the page begins after all values. One bound at each end, because SQLite looks for the first that it sees.
    pub(super) fn indexed<'t>(
        &self,
        value: &str,
        after: Option<&SortKey>,
        tests: impl Iterator<Item = &'t Test>,
    ) -> Option<Sql> {
        match after {
            Some(SortKey::Missing | SortKey::NotANumber) => return None,
            Some(SortKey::Text(text)) if !self.is_metric => {
                let direction = if self.descending { "<=" } else { ">=" };
                return Some(Sql::new(format!(" AND {value} {direction} ?")).with(text.clone()));
            }
            None if !self.is_metric => return Some(Sql::default()),
            None | Some(SortKey::Number(_) | SortKey::Text(_)) => {}
        }
        let (mut least, mut most) = (bits::of(f64::NEG_INFINITY), bits::INFINITY);
        if let Some(SortKey::Number(number)) = after {
            if self.descending { most = bits::of(*number) } else { least = bits::of(*number) }
        }
        for test in tests {
            let Test::Number(comparison, limit) = test else { continue };
            let limit = bits::of(*limit);
            match comparison {
                Comparison::Less => most = most.min(limit - 1),
                Comparison::AtMost => most = most.min(limit),
                Comparison::Greater => least = least.max(limit + 1),
                Comparison::AtLeast => least = least.max(limit),
                Comparison::Equal => (least, most) = (least.max(limit), most.min(limit)),
                Comparison::NotEqual => {}
            }
        }
        Some(Sql::new(format!(" AND {value} >= ? AND {value} <= ?")).with(least).with(most))
    }

    /// Equal to what the row before the page has.
    pub(super) fn equals(&self, key: &SortKey) -> Sql {
        let name = &self.name;
        match key {
            SortKey::Missing => Sql::new(format!("{name} IS NULL")),
            SortKey::NotANumber => Sql::new(format!("{name} > {}", bits::INFINITY)),
            SortKey::Number(_) | SortKey::Text(_) => Sql::new(format!("{name} = ?")).with(self.bound(key)),
        }
    }

    /// Later than what the row before the page has.
    pub(super) fn follows(&self, key: &SortKey) -> Sql {
        let name = &self.name;
        match key {
            SortKey::Missing => Sql::new("FALSE"),
            SortKey::NotANumber => Sql::new(format!("{name} IS NULL")),
            SortKey::Number(_) | SortKey::Text(_) => {
                let nan = format!(" OR {name} > {}", bits::INFINITY);
                let last = if self.is_metric && self.descending { &*nan } else { "" };
                let beyond = if self.descending { "<" } else { ">" };
                Sql::new(format!("({name} {beyond} ?{last} OR {name} IS NULL)")).with(self.bound(key))
            }
        }
    }

    /// A key of another kind than the column's comes of a token that somebody made: it is equal to nothing.
    #[expect(clippy::cast_possible_truncation, reason = "times are whole numbers")]
    fn bound(&self, key: &SortKey) -> Value<'static> {
        match key {
            SortKey::Number(number) if self.is_metric => Value::Integer(bits::of(*number)),
            SortKey::Number(number) if self.is_number => Value::Integer(*number as i64),
            SortKey::Text(text) if !self.is_metric && !self.is_number => Value::from(text.clone()),
            SortKey::Number(_) | SortKey::Text(_) | SortKey::NotANumber | SortKey::Missing => Value::Null,
        }
    }

    /// What a row has in this column.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are exact for 285,000 years")]
    pub(super) fn key(&self, row: &dyn Columns, place: usize) -> Result<SortKey> {
        if !self.is_metric && !self.is_number {
            return Ok(row.string_if(place)?.map_or(SortKey::Missing, SortKey::Text));
        }
        Ok(match row.integer(place)? {
            None => SortKey::Missing,
            Some(bits) if self.is_metric && bits > bits::INFINITY => SortKey::NotANumber,
            Some(bits) if self.is_metric => SortKey::Number(bits::value(bits)),
            Some(milliseconds) => SortKey::Number(milliseconds as f64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_a_pattern_lie_within_bounds() {
        let within = |begin: &str| after_all(begin).map(|after| (begin < &*after, after));
        assert_eq!(within("ab"), Some((true, "ac".to_owned())));
        assert_eq!(within("a\u{d7ff}"), Some((true, "a\u{e000}".to_owned())));
        assert_eq!((within(""), within("\u{10ffff}")), (None, None));
    }

    #[test]
    fn whole_numbers_are_compared_as_such() {
        let check = |comparison, limit, due: &str, value: Option<i64>| {
            let sql = on_whole("c", comparison, limit);
            assert_eq!((sql.text.as_str(), sql.values.first().cloned()), (due, value.map(Value::Integer)));
        };
        check(Comparison::Less, 5.5, "c < ?", Some(6));
        check(Comparison::AtMost, 5.5, "c <= ?", Some(5));
        check(Comparison::Greater, 5.5, "c > ?", Some(5));
        check(Comparison::AtLeast, -5.5, "c >= ?", Some(-5));
        check(Comparison::Equal, 5.5, "FALSE", None);
        check(Comparison::NotEqual, 5.5, "c IS NOT NULL", None);
        check(Comparison::Equal, 5.0, "c = ?", Some(5));
        check(Comparison::Less, 1e300, "c < ?", Some(i64::MAX));
    }
}

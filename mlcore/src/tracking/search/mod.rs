//! MLflow's language of filters and orders: read, printed, evaluated, and continued page by page.
//!
//! A filter is comparisons that are joined by `AND`; there is no `OR` and no nesting.
//!
//! | | |
//! |---|---|
//! | identifier | `metrics.loss`, ``params.`learning rate` ``, `tags."mlflow.user"`, `attributes.status`, `datasets.digest`; an attribute also alone: `status`. Also said `metric`, `param`, `parameter`, `parameters`, `tag`, `attribute`, `attr`, `run`, `dataset` |
//! | numbers | metrics, times: `=` `!=` `<` `<=` `>` `>=` |
//! | texts, in single or double quotes | `=` `!=` `LIKE` `ILIKE` (`%` any characters, `_` one), and for some attributes and datasets `IN ('a', 'b')`, `NOT IN` |
//! | tags and parameters | `IS NULL`, `IS NOT NULL` |
//! | order | `metrics.loss DESC`, `start_time` |
//!
//! [`Grammar`] says which attributes there are and what each may be compared with. A text that is not of the grammar is
//! [`InvalidInput`](crate::Error::InvalidInput) whose subject tells the column.
//!
//! ```
//! use mlcore::tracking::search::Grammar;
//!
//! let filter = Grammar::RUNS.filter("metric.`val loss` < .5 and status IN ('x')");
//! let error = filter.unwrap_err().to_string();
//! assert_eq!(
//!     error,
//!     "search filter, column 35: status is not compared with a list; compare it with = or LIKE"
//! );
//! let filter = Grammar::RUNS.filter("metric.`val loss` < .5 and Created>=7")?;
//! assert_eq!(filter.to_string(), "metrics.`val loss` < 0.5 AND attributes.`start_time` >= 7.0");
//! # Ok::<(), mlcore::Error>(())
//! ```

mod cursor;
mod grammar;
pub(super) mod like;
mod parser;
mod query;
mod row;

use std::fmt;

pub(crate) use self::cursor::Search;
pub use self::cursor::{PageToken, SortKey};
pub use self::grammar::Grammar;
pub use self::query::Query;
pub(super) use self::row::model_rows;
pub use self::row::{Found, Row, ordinal};

/// The longest filter or order, in bytes.
pub const MOST_BYTES: usize = 256 << 10;
/// The most comparisons of a filter.
pub const MOST_CLAUSES: usize = 100;
/// The most texts of a list.
pub const MOST_LISTED: usize = 5000;
/// The most columns of an order.
pub const MOST_COLUMNS: usize = 20;

/// Comparisons, all of which must hold.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Filter {
    /// The comparisons.
    pub clauses: Vec<Clause>,
}

/// One comparison.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct Clause {
    /// What is compared.
    pub field: Field,
    /// With what.
    pub test: Test,
}

/// A column: an attribute, or the metric, parameter or tag of a key.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Field {
    /// The kind.
    pub entity: Entity,
    /// The key, for attributes in the spelling that comes first in the grammar.
    pub key: String,
}

impl Field {
    /// The column of a kind and key.
    #[must_use]
    pub fn new(entity: Entity, key: impl Into<String>) -> Self {
        Self { entity, key: key.into() }
    }

    /// Says whether its values are numbers in a grammar.
    #[must_use]
    pub fn is_number(&self, grammar: &Grammar) -> bool {
        match self.entity {
            Entity::Metric => true,
            Entity::Attribute => grammar.attribute(&self.key).is_some_and(|found| found.is_number),
            Entity::Param | Entity::Tag | Entity::Dataset => false,
        }
    }
}

/// What a row has columns of.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Entity {
    /// What every row has.
    Attribute,
    /// Numbers that were measured.
    Metric,
    /// Settings.
    Param,
    /// Labels.
    Tag,
    /// What a run read.
    Dataset,
}

/// What a value is compared with.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum Test {
    /// A number; a finite one.
    Number(Comparison, f64),
    /// The same text.
    Equal(String),
    /// Another text.
    NotEqual(String),
    /// A pattern, in which `%` is any characters and `_` is one.
    Like(String),
    /// A pattern whose letters may be large or small.
    ILike(String),
    /// One of these texts.
    In(Vec<String>),
    /// Another text than these.
    NotIn(Vec<String>),
    /// Nothing: the row has no such value.
    IsNull,
    /// Anything.
    IsNotNull,
}

/// How numbers are compared: as IEEE 754 has it, so that NaN only differs.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// The same.
    Equal,
    /// Another one.
    NotEqual,
    /// Less.
    Less,
    /// Less, or the same.
    AtMost,
    /// Greater.
    Greater,
    /// Greater, or the same.
    AtLeast,
}

crate::words! {
    Comparison, "comparison": Equal = "=", NotEqual = "!=", Less = "<", AtMost = "<=", Greater = ">", AtLeast = ">=",
}

impl Comparison {
    /// Compares.
    #[must_use]
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Equal => value == limit,
            Self::NotEqual => value != limit,
            Self::Less => value < limit,
            Self::AtMost => value <= limit,
            Self::Greater => value > limit,
            Self::AtLeast => value >= limit,
        }
    }
}

/// A column to order by.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// The column.
    pub field: Field,
    /// Whether the greatest comes first.
    pub descending: bool,
}

impl Order {
    pub(crate) fn attribute(key: &str, descending: bool) -> Self {
        Self { field: Field::new(Entity::Attribute, key), descending }
    }

    /// Decides ties by this column, unless it decides already.
    pub(crate) fn complete(self, orders: &mut Vec<Self>) {
        if !orders.iter().any(|order| order.field == self.field) {
            orders.push(self);
        }
    }
}

/// A filter as it is read again; nothing for one that lets everything pass.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut joint = "";
        self.clauses.iter().try_for_each(|clause| {
            f.write_str(std::mem::replace(&mut joint, " AND "))?;
            clause.fmt(f)
        })
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.field)?;
        match &self.test {
            Test::Number(comparison, number) => write!(f, "{comparison} {number:?}"),
            Test::Equal(text) => write!(f, "= {}", Quoted(text, '\'')),
            Test::NotEqual(text) => write!(f, "!= {}", Quoted(text, '\'')),
            Test::Like(text) => write!(f, "LIKE {}", Quoted(text, '\'')),
            Test::ILike(text) => write!(f, "ILIKE {}", Quoted(text, '\'')),
            Test::In(texts) => write!(f, "IN {}", List(texts)),
            Test::NotIn(texts) => write!(f, "NOT IN {}", List(texts)),
            Test::IsNull => f.write_str("IS NULL"),
            Test::IsNotNull => f.write_str("IS NOT NULL"),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.entity.plural(), Quoted(&self.key, '`'))
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, if self.descending { "DESC" } else { "ASC" })
    }
}

/// A text in quotes, which are doubled within.
struct Quoted<'a>(&'a str, char);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text, quote) = *self;
        write!(f, "{quote}{}{quote}", text.replace(quote, &format!("{quote}{quote}")))
    }
}

struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut joint = "(";
        self.0.iter().try_for_each(|text| {
            f.write_str(std::mem::replace(&mut joint, ", "))?;
            Quoted(text, '\'').fmt(f)
        })?;
        f.write_str(")")
    }
}

//! Which rows an expectation looks at.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Literal;

/// How a column is compared in a [`Clause`].
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`; holds for a missing value, too.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `not in`; holds for a missing value, too.
    NotIn,
    /// `null`: the value is missing.
    Null,
    /// `not null`: the value is not missing.
    NotNull,
}
mlcore::words! {
    Operator, "operator":
    Equal = "==", NotEqual = "!=", Less = "<", LessOrEqual = "<=", Greater = ">", GreaterOrEqual = ">=",
    In = "in", NotIn = "not in", Null = "null", NotNull = "not null",
}

/// What must hold of one column of a row.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// The column.
    pub column: String,
    /// How it is compared.
    pub is: Operator,
    /// With what: one value, several for `in` and `not in`, none for `null` and `not null`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Literal>,
}

/// The rows that an expectation looks at: those of which every clause holds. Great Expectations' `row_condition`.
///
/// ```
/// use mlcore_features::validate::{Condition, Operator};
///
/// let condition = Condition::new("country", Operator::In, ["DE", "AT"]).and("age", Operator::Greater, [17]);
/// assert_eq!(condition.to_string(), r#"country in ("DE", "AT") and age > 17"#);
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Condition {
    clauses: Vec<Clause>,
}

impl Condition {
    /// The rows of which this holds.
    pub fn new<L: Into<Literal>>(
        column: impl Into<String>,
        is: Operator,
        values: impl IntoIterator<Item = L>,
    ) -> Self {
        Self::default().and(column, is, values)
    }

    /// Those of them of which this holds, too.
    #[must_use]
    pub fn and<L: Into<Literal>>(
        mut self,
        column: impl Into<String>,
        is: Operator,
        values: impl IntoIterator<Item = L>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.clauses.push(Clause { column: column.into(), is, values });
        self
    }

    /// The clauses in order.
    #[must_use]
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// Whether there is no clause, so that it holds of every row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }
}

impl Clause {
    /// What is wrong with the number of values.
    pub(super) fn problem(&self) -> Option<String> {
        let (fits, expected) = match self.is {
            Operator::Null | Operator::NotNull => (self.values.is_empty(), "no value"),
            Operator::In | Operator::NotIn => (!self.values.is_empty(), "at least one value"),
            _ => (self.values.len() == 1, "one value"),
        };
        (!fits).then(|| format!("{} needs {expected}, and has {}", self.is, self.values.len()))
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is, self.values.as_slice()) {
            (Operator::Null | Operator::NotNull, _) => write!(f, "{} is {}", self.column, self.is),
            (Operator::In | Operator::NotIn, values) => {
                write!(f, "{} {} (", self.column, self.is)?;
                for (place, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if place == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            (_, [value, ..]) => write!(f, "{} {} {value}", self.column, self.is),
            (_, []) => write!(f, "{} {}", self.column, self.is),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, clause) in self.clauses.iter().enumerate() {
            write!(f, "{}{clause}", if place == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}

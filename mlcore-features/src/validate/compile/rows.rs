//! What is asked of the values of one row in several columns.

use std::cmp::Ordering;
use std::collections::HashSet;

use mlcore::batch::Value;
use mlcore::schema::DType;

use super::test::ValueSet;
use crate::validate::hash::Folded;
use crate::validate::literal::compare;
use crate::validate::{IgnoreRowIf, Literal};

/// What is asked of the values of one row.
#[derive(Debug)]
pub(in crate::validate) enum RowTest {
    /// The two are equal.
    Equal,
    /// The first is greater, or with `true` at least as great.
    Greater(bool),
    /// They are one of these pairs.
    Pairs(Box<Pairs>),
    /// They add up to this.
    Sum(f64),
    /// All are equal, missing ones to each other.
    AllEqual,
    /// No two are equal, missing ones being equal.
    AllDifferent,
}

/// Pairs of values: those of each column, and which of them go together.
#[derive(Debug)]
pub(in crate::validate) struct Pairs {
    a: ValueSet,
    b: ValueSet,
    together: HashSet<(usize, usize), Folded>,
}

impl Pairs {
    pub(in crate::validate) fn new(pairs: &[(Literal, Literal)], a: DType, b: DType) -> Result<Self, String> {
        let firsts: Vec<Literal> = pairs.iter().map(|(a, _)| a.clone()).collect();
        let seconds: Vec<Literal> = pairs.iter().map(|(_, b)| b.clone()).collect();
        let mut made = Self {
            a: ValueSet::new(&firsts, a)?,
            b: ValueSet::new(&seconds, b)?,
            together: HashSet::default(),
        };
        for (first, second) in pairs {
            let (first, second) = (first.in_column(a)?, second.in_column(b)?);
            made.together.extend(made.a.place(first.as_value()).zip(made.b.place(second.as_value())));
        }
        Ok(made)
    }

    fn contains(&self, a: Value<'_>, b: Value<'_>) -> bool {
        self.a.place(a).zip(self.b.place(b)).is_some_and(|places| self.together.contains(&places))
    }
}

impl RowTest {
    /// Whether the values do not pass; a missing one never does, where it is not said otherwise.
    pub(in crate::validate) fn fails(&self, values: &[Value<'_>]) -> bool {
        let pair = || match *values {
            [a, b] if !a.is_missing() && !b.is_missing() => Some((a, b)),
            _ => None,
        };
        match self {
            Self::Equal => pair().is_none_or(|(a, b)| compare(a, b) != Some(Ordering::Equal)),
            Self::Greater(or_equal) => pair().is_none_or(|(a, b)| match compare(a, b) {
                Some(Ordering::Greater) => false,
                Some(Ordering::Equal) => !or_equal,
                _ => true,
            }),
            Self::Pairs(pairs) => !pair().is_some_and(|(a, b)| pairs.contains(a, b)),
            Self::Sum(total) => {
                let add = |sum: f64, value: &Value<'_>| sum + value.as_f64().unwrap_or(f64::NAN);
                let sum =
                    values.iter().skip(1).fold(values.first().map_or(0.0, |value| add(0.0, value)), add);
                sum != *total
            }
            Self::AllEqual => {
                let Some((first, rest)) = values.split_first() else { return false };
                rest.iter().any(|value| !same(*first, *value))
            }
            Self::AllDifferent => {
                let earlier = |place: usize| values.iter().take(place);
                let is_twin =
                    |(place, value): (usize, &Value<'_>)| earlier(place).any(|own| same(*own, *value));
                values.iter().enumerate().any(is_twin)
            }
        }
    }
}

/// Whether both are equal or missing.
fn same(a: Value<'_>, b: Value<'_>) -> bool {
    match (a.is_missing(), b.is_missing()) {
        (true, true) => true,
        (false, false) => compare(a, b) == Some(Ordering::Equal),
        _ => false,
    }
}

/// Whether a row of these values is passed over.
pub(in crate::validate) fn is_ignored(rule: IgnoreRowIf, values: &[Value<'_>]) -> bool {
    match rule {
        IgnoreRowIf::AllMissing => values.iter().all(|value| value.is_missing()),
        IgnoreRowIf::AnyMissing => values.iter().any(|value| value.is_missing()),
        IgnoreRowIf::Never => false,
    }
}

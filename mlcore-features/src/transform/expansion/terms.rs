//! The products of columns, in scikit-learn's order.

use std::ops::RangeInclusive;

/// One product.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Term {
    /// Its first factor; none for the product of no factors, which is 1.
    pub(super) column: Option<usize>,
    /// The position of the product of its other factors, which stands before it; none where it has one factor.
    pub(super) rest: Option<usize>,
    /// How many factors it has.
    pub(super) degree: u64,
}

/// All products up to a degree, those of fewer factors first. The factors of each ascend.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    terms: Vec<Term>,
    columns: usize,
    least: u64,
}

/// So that a number from outside cannot ask for all memory: no more products are made, nor more factors named.
const MOST_FACTORS: u128 = 1 << 24;

impl Terms {
    /// The products of so many columns. Those of fewer factors than the least degree are made too, and not kept.
    pub(super) fn new(
        columns: usize,
        degrees: RangeInclusive<u64>,
        interaction_only: bool,
        include_bias: bool,
    ) -> Result<Self, String> {
        let (least, asked) = degrees.into_inner();
        let greatest = if interaction_only { asked.min(columns as u64) } else { asked };
        check(columns as u64, greatest, interaction_only)?;
        let mut terms = Vec::new();
        if include_bias {
            terms.push(Term { column: None, rest: None, degree: 0 });
        }
        // Where the products of the last degree begin whose first factor is each column, and where they end.
        let mut starts: Vec<usize> = Vec::with_capacity(columns + 1);
        for degree in 1..=greatest {
            let mut next = Vec::with_capacity(columns + 1);
            let end = terms.len();
            for column in 0..columns {
                next.push(terms.len());
                if degree == 1 {
                    terms.push(Term { column: Some(column), rest: None, degree });
                    continue;
                }
                let first = starts.get(column + usize::from(interaction_only)).copied().unwrap_or(end);
                terms.extend((first..end).map(|rest| Term {
                    column: Some(column),
                    rest: Some(rest),
                    degree,
                }));
            }
            starts = next;
        }
        Ok(Self { terms, columns, least })
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Term> {
        self.terms.iter()
    }

    /// Which of them have as many factors as were asked for. The product of none always has.
    pub(super) fn kept(&self) -> Vec<bool> {
        self.iter().map(|term| self.keeps(term)).collect()
    }

    fn keeps(&self, term: &Term) -> bool {
        term.degree == 0 || term.degree >= self.least
    }

    /// How often each column is a factor, for each of those that are kept.
    pub(super) fn powers(&self) -> Vec<Vec<u64>> {
        let mut powers = Vec::new();
        for term in self.iter().filter(|term| self.keeps(term)) {
            let mut own = vec![0; self.columns];
            for column in self.factors(term) {
                if let Some(power) = own.get_mut(column) {
                    *power += 1;
                }
            }
            powers.push(own);
        }
        powers
    }

    /// The names of all of them: `1`, `a`, `a b`, `a^2 b`.
    pub(super) fn names(&self, columns: &[&str]) -> Vec<String> {
        self.iter()
            .map(|term| {
                let mut powers: Vec<(usize, u64)> = Vec::new();
                for column in self.factors(term) {
                    match powers.last_mut() {
                        Some((last, power)) if *last == column => *power += 1,
                        _ => powers.push((column, 1)),
                    }
                }
                let name = |(column, power): (usize, u64)| {
                    let own = columns.get(column).copied().unwrap_or_default();
                    if power == 1 { own.to_owned() } else { format!("{own}^{power}") }
                };
                let named: Vec<String> = powers.into_iter().map(name).collect();
                if named.is_empty() { "1".to_owned() } else { named.join(" ") }
            })
            .collect()
    }

    /// The factors of a product, in ascending order.
    fn factors(&self, term: &Term) -> impl Iterator<Item = usize> {
        let mut rest = Some(*term);
        std::iter::from_fn(move || {
            let term = rest?;
            rest = term.rest.and_then(|position| self.terms.get(position)).copied();
            term.column
        })
    }
}

/// Whether there are so few products that they can be made.
fn check(columns: u64, degree: u64, interaction_only: bool) -> Result<(), String> {
    let (columns, degree) = (u128::from(columns), u128::from(degree));
    let mut products: u128 = 1;
    let mut of_degree: u128 = 1;
    for factors in 1..=degree {
        // Each product of some factors of n columns is counted by a binomial coefficient.
        let choices =
            if interaction_only { (columns + 1).saturating_sub(factors) } else { columns + factors - 1 };
        of_degree = of_degree * choices / factors;
        products += of_degree;
        if products * degree.max(columns) > MOST_FACTORS {
            return Err(format!("there are too many products of degree {degree} of {columns} columns"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_counted_before_they_are_made() {
        for columns in 0..6 {
            for degree in 0..5 {
                for interaction_only in [false, true] {
                    let terms = Terms::new(columns, 0..=degree, interaction_only, true).unwrap();
                    let powers = terms.powers();
                    let expected =
                        (0..=degree).map(|degree| choices(columns as u64, degree, interaction_only));
                    assert_eq!(powers.len() as u64, expected.sum::<u64>());
                    let mut unique = powers.clone();
                    unique.sort();
                    unique.dedup();
                    assert_eq!(unique.len(), powers.len());
                    assert!(!interaction_only || powers.iter().flatten().all(|power| *power < 2));
                }
            }
        }
    }

    fn choices(columns: u64, factors: u64, interaction_only: bool) -> u64 {
        match (columns, factors) {
            (_, 0) => 1,
            (0, _) => 0,
            _ => {
                let rest = if interaction_only { columns - 1 } else { columns };
                choices(columns - 1, factors, interaction_only) + choices(rest, factors - 1, interaction_only)
            }
        }
    }

    #[test]
    fn too_many_products_are_refused() {
        for (columns, degree) in [(1, u64::MAX), (1000, 4), (usize::MAX, 1), (40, 40)] {
            assert!(Terms::new(columns, 0..=degree, false, true).is_err());
        }
        assert!(Terms::new(3, 0..=u64::MAX, true, true).is_ok());
    }
}

//! A number for each pair of rows of two tables, and the exchanges of rows that give a p-value.

use mlcore::Result;
use mlcore::interrupt::Pace;
use mlcore::stats::SplitMix64;

use super::rows::Rows;

/// A number for each pair of rows, the reference's first: for row `i` those of the pairs with the rows before it.
#[derive(Debug, Clone)]
pub(super) struct Pairs {
    half: Vec<f64>,
    /// The rows of the reference.
    n: usize,
    /// The current rows.
    m: usize,
}

/// The sums over pairs within the reference, between the tables, and within the current table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sums {
    pub(super) reference: f64,
    pub(super) across: f64,
    pub(super) current: f64,
}

impl Pairs {
    /// The squared Euclidean distances, of the numbers of these places of a row.
    pub(super) fn squared_distances(
        operation: &'static str,
        reference: &Rows,
        current: &Rows,
        places: impl Iterator<Item = usize> + Clone,
    ) -> Result<Self> {
        let (n, m) = (reference.len(), current.len());
        let size = n + m;
        let mut half = vec![0.0; size * size.saturating_sub(1) / 2];
        let mut pace = Pace::default();
        // Place by place, so that the loop runs over rows that lie side by side.
        for place in places {
            let column: Vec<f64> = reference.component(place).chain(current.component(place)).collect();
            let mut rest = half.as_mut_slice();
            for (i, value) in column.iter().enumerate() {
                pace.check(operation, i / 8 + 1)?;
                let (row, after) = std::mem::take(&mut rest).split_at_mut(i);
                rest = after;
                for (sum, other) in row.iter_mut().zip(&column) {
                    *sum += (value - other) * (value - other);
                }
            }
        }
        Ok(Self { half, n, m })
    }

    /// What `of` makes of each number.
    pub(super) fn map(mut self, operation: &'static str, of: impl Fn(f64) -> f64) -> Result<Self> {
        let mut pace = Pace::default();
        for part in self.half.chunks_mut(PART) {
            pace.check(operation, part.len())?;
            part.iter_mut().for_each(|number| *number = of(*number));
        }
        Ok(self)
    }

    /// Each number less that of the same pair.
    pub(super) fn less(mut self, other: &Self) -> Self {
        self.half.iter_mut().zip(&other.half).for_each(|(number, less)| *number -= less);
        self
    }

    /// The median, as numpy has it, of the numbers of pairs between the tables, of which there are; its root is squared
    /// again, so that of an even number the mean of two roots counts.
    pub(super) fn median_across(&self) -> f64 {
        let rows = (self.n..self.n + self.m).filter_map(|i| self.row(i).get(..self.n));
        let mut roots: Vec<f64> = rows.flatten().map(|squared| squared.sqrt()).collect();
        let middle = roots.len() / 2;
        let even = roots.len().is_multiple_of(2);
        if roots.is_empty() {
            return f64::NAN;
        }
        let (below, upper, _) = roots.select_nth_unstable_by(middle, f64::total_cmp);
        let upper = *upper;
        let lower = if even { below.iter().copied().fold(f64::NEG_INFINITY, f64::max) } else { upper };
        let median = (lower + upper) / 2.0;
        median * median
    }

    /// The lower median of the numbers of pairs of the reference; where most are 0, of those that are not; where all are,
    /// of all pairs; 1 where all rows are equal.
    pub(super) fn median_within(&self) -> f64 {
        let median = |mut values: Vec<f64>| {
            let middle = values.len().saturating_sub(1) / 2;
            (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
        };
        let positive =
            |values: &[f64]| values.iter().copied().filter(|value| *value > 0.0).collect::<Vec<_>>();
        let reference = self.within_reference();
        let found = median(reference.to_vec()).filter(|value| *value > 0.0);
        found.or_else(|| median(positive(reference))).or_else(|| median(positive(&self.half))).unwrap_or(1.0)
    }

    /// The numbers of the pairs within the reference.
    fn within_reference(&self) -> &[f64] {
        self.half.get(..self.n * self.n.saturating_sub(1) / 2).unwrap_or_default()
    }

    fn row(&self, i: usize) -> &[f64] {
        let start = i * i.saturating_sub(1) / 2;
        self.half.get(start..start + i).unwrap_or_default()
    }

    pub(super) fn sums(&self) -> Sums {
        let (mut reference, mut across, mut current) = (0.0, 0.0, 0.0);
        for i in 0..self.n + self.m {
            let (before, after) = self.row(i).split_at(self.n.min(i));
            match i < self.n {
                true => reference += sum(before),
                false => {
                    across += sum(before);
                    current += sum(after);
                }
            }
        }
        Sums { reference, across, current }
    }

    /// `(1 + as large) / (1 + permutations)` of a statistic of the sums, with rows exchanged at random; what is less by
    /// no more than `slack` is as large.
    pub(super) fn pvalue(
        &self,
        operation: &'static str,
        permutations: usize,
        random: &mut SplitMix64,
        least: f64,
        statistic: impl Fn(Sums) -> f64,
    ) -> Result<f64> {
        let size = self.n + self.m;
        let mut totals = vec![0.0; size];
        for i in 0..size {
            let row = self.row(i);
            totals[i] += sum(row);
            totals.iter_mut().zip(row).for_each(|(total, number)| *total += number);
        }
        let all = totals.iter().sum::<f64>() / 2.0;
        // The pairs within the smaller group and the sums of whole rows give the others.
        let few = self.n.min(self.m);
        let mut order: Vec<usize> = (0..size).collect();
        let (mut chosen, mut as_large, mut pace) = (Vec::with_capacity(few), 0_usize, Pace::default());
        for _ in 0..permutations {
            random.shuffle(&mut order);
            chosen.clear();
            chosen.extend(order.iter().take(few));
            // In order, so that memory is read in order.
            chosen.sort_unstable();
            let (mut within, mut whole) = (0.0, 0.0);
            for (place, i) in chosen.iter().enumerate() {
                pace.check(operation, place)?;
                let row = self.row(*i);
                within += chosen.iter().take(place).filter_map(|j| row.get(*j)).sum::<f64>();
                whole += totals[*i];
            }
            let across = whole - 2.0 * within;
            let rest = all - within - across;
            let (reference, current) = if self.n <= self.m { (within, rest) } else { (rest, within) };
            as_large += usize::from(statistic(Sums { reference, across, current }) >= least);
        }
        Ok((1 + as_large) as f64 / (1 + permutations) as f64)
    }
}

/// In eight partial sums, which a processor adds up at once.
pub(super) fn sum(values: &[f64]) -> f64 {
    const LANES: usize = 8;
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for block in blocks {
        sums.iter_mut().zip(block).for_each(|(sum, value)| *sum += value);
    }
    sums.into_iter().sum::<f64>() + rest.iter().sum::<f64>()
}

const PART: usize = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f64]) -> Rows {
        Rows { values: values.to_vec(), width: 1, spans: std::iter::once(0..1).collect(), incomplete: 0 }
    }

    #[test]
    fn sums_of_exchanged_rows_are_those_of_their_pairs() {
        let (reference, current) = (rows(&[0.0, 1.0, 4.0]), rows(&[2.0, 7.0]));
        let pairs = Pairs::squared_distances("test", &reference, &current, 0..1).unwrap();
        assert_eq!(pairs.within_reference(), [1.0, 16.0, 9.0]);
        assert_eq!(
            pairs.sums(),
            Sums { reference: 26.0, across: 4.0 + 1.0 + 4.0 + 49.0 + 36.0 + 9.0, current: 25.0 }
        );
        let total = |sums: Sums| {
            assert!((sums.reference + sums.across + sums.current - 154.0).abs() < 1e-9);
            sums.across
        };
        let pvalue = pairs.pvalue("test", 99, &mut SplitMix64::new(1), 0.0, total).unwrap();
        assert_eq!(pvalue, 1.0);
    }
}

//! How often each number of a column occurs, in place of the numbers.

use super::{Bounds, Categories, Remainders, Sketch};

/// How often each number of a column occurs: an exact summary of a column of few distinct numbers, in which the order of
/// rows is lost.
///
/// ```
/// use mlcore_drift::Sample;
/// use mlcore_drift::sample::NumberCounts;
/// use mlcore_drift::two_sample::{ChiSquare, DriftTest};
///
/// let (reference, grades) = ([1.0, 2.0, 2.0, 3.0], [3.0, 3.0, 1.0]);
/// let counted = Sample::from_sketch(NumberCounts::of(&grades), 0, 0);
/// let test = ChiSquare::default();
/// let reference = Sample::numeric(&reference);
/// assert_eq!(test.compare(&reference, &counted)?, test.compare(&reference, &Sample::numeric(&grades))?);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct NumberCounts {
    counts: Categories,
    /// The numbers in ascending order, each with the number of values that are not above it.
    ascending: Vec<(f64, u64)>,
}

impl NumberCounts {
    /// The counts of these numbers; NaN is none.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        Self::from_categories(Categories::of_numbers(&present, &Remainders::default()))
    }

    /// Numbers that have been counted by their text. Rows whose number was not kept lie anywhere.
    pub(crate) fn from_categories(counts: Categories) -> Self {
        let parsed = counts.iter().filter_map(|(text, count)| Some((text.parse::<f64>().ok()?, count)));
        let mut ascending: Vec<(f64, u64)> = parsed.collect();
        ascending.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut sum = 0;
        for (_, count) in &mut ascending {
            sum += *count;
            *count = sum;
        }
        Self { counts, ascending }
    }

    /// The number of values that lie below the first of the numbers for which `is_past` holds.
    fn before(&self, is_past: impl Fn(f64) -> bool) -> Bounds {
        let place = self.ascending.partition_point(|(value, _)| !is_past(*value));
        let known = place.checked_sub(1).and_then(|last| self.ascending.get(last)).map_or(0, |(_, sum)| *sum);
        Bounds::between(known, known + self.counts.overflow())
    }
}

impl Sketch for NumberCounts {
    fn len(&self) -> u64 {
        self.counts.total()
    }

    fn range(&self) -> (f64, f64) {
        match (self.counts.overflow(), self.ascending.first(), self.ascending.last()) {
            (0, Some((low, _)), Some((high, _))) => (*low, *high),
            (0, ..) => (f64::INFINITY, f64::NEG_INFINITY),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    fn below(&self, edge: f64) -> Bounds {
        let (low, high) = self.range();
        match edge {
            edge if edge <= low => Bounds::exactly(0),
            edge if edge > high => Bounds::exactly(self.len()),
            _ => self.before(|value| value >= edge),
        }
    }

    fn landmarks(&self) -> Vec<f64> {
        self.ascending.iter().map(|(value, _)| *value).collect()
    }

    fn counts(&self) -> Option<&Categories> {
        Some(&self.counts)
    }
}

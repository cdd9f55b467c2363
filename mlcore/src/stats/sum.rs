//! Sums of many numbers: numpy's, number for number, and one whose error does not grow.

/// The sum of `term(0) .. term(count - 1)` in numpy's order: pairwise, in blocks of 128 with eight running sums.
///
/// The order decides the last digits: with this one, numbers fitted on a contiguous column are scikit-learn's to the bit.
/// The rounding error grows with the logarithm of the count. Source: numpy, `pairwise_sum`.
///
/// ```
/// use mlcore::stats::pairwise_sum;
///
/// let values = [0.1; 1000];
/// // What `numpy.full(1000, 0.1).sum()` answers; added one after another they are 99.9999999999986.
/// assert_eq!(pairwise_sum(values.len(), &|row| values[row]), 100.000_000_000_000_01);
/// ```
#[inline]
pub fn pairwise_sum(count: usize, term: &impl Fn(usize) -> f64) -> f64 {
    range_sum(0, count, term)
}

fn range_sum(start: usize, count: usize, term: &impl Fn(usize) -> f64) -> f64 {
    if count < 8 {
        return (start..start + count).fold(0.0, |sum, index| sum + term(index));
    }
    if count <= 128 {
        let mut sums = [0.0; 8];
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum = term(start + lane);
        }
        let whole = count - count % 8;
        for block in (8..whole).step_by(8) {
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum += term(start + block + lane);
            }
        }
        let [a, b, c, d, e, f, g, h] = sums;
        let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
        return (start + whole..start + count).fold(sum, |sum, index| sum + term(index));
    }
    let half = count / 2;
    let half = half - half % 8;
    range_sum(start, half, term) + range_sum(start + half, count - half, term)
}

/// A running sum whose error does not grow with its length (Neumaier 1974).
///
/// ```
/// use mlcore::stats::Sum;
///
/// let mut sum = Sum::default();
/// sum.extend([1e16, 1.0, -1e16]);
/// assert_eq!(sum.value(), 1.0);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        self.lost +=
            if self.sum.abs() >= value.abs() { (self.sum - sum) + value } else { (value - sum) + self.sum };
        self.sum = sum;
    }

    /// The sum so far.
    #[must_use]
    pub fn value(self) -> f64 {
        // After an overflow the correction is NaN, and the sum is the better answer.
        if self.lost.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

impl Extend<f64> for Sum {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.add(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pairwise_sum_of_many_stays_exact_where_a_running_one_does_not() {
        let count = 1_000_000;
        let sum = pairwise_sum(count, &|_| 0.1);
        assert!((sum - 100_000.0).abs() < 1e-9, "{sum}");
        let running: f64 = (0..count).map(|_| 0.1).sum();
        assert!((running - 100_000.0).abs() > 1e-7, "{running}");
    }

    #[test]
    fn every_term_is_counted_once() {
        for count in [0_usize, 1, 7, 8, 9, 127, 128, 129, 136, 257, 1000] {
            let expected = (count * count.saturating_sub(1) / 2) as f64;
            assert_eq!(pairwise_sum(count, &|index| index as f64), expected, "{count}");
        }
    }

    #[test]
    fn a_sum_keeps_what_cancels() {
        let mut sum = Sum::default();
        sum.extend([1e16, 1.0, -1e16, 1.0]);
        assert_eq!(sum.value(), 2.0);
        sum.extend([f64::MAX, f64::MAX]);
        assert_eq!(sum.value(), f64::INFINITY);
    }
}

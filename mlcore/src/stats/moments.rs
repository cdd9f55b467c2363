//! Count, mean and variance of a stream, in bounded memory.

/// Count, mean and sum of squared deviations of the values seen so far.
///
/// Values are added one by one (Welford 1962) and two streams are merged (Chan, Golub and LeVeque 1979) without the
/// cancellation of the sum of squares. Merging is commutative and associative up to rounding, and the empty value is
/// its neutral element. A NaN or an infinity makes mean and variance NaN, or the mean infinite, from then on; the variance
/// of finite values is infinite where it exceeds the largest float, and never NaN or 0 for that.
///
/// ```
/// use mlcore::stats::Moments;
///
/// let all: Moments = [1.0, 2.0, 4.0, 8.0].into_iter().collect();
/// let merged = Moments::from_slice(&[1.0, 2.0]).merge(&Moments::from_slice(&[4.0, 8.0]));
/// assert_eq!((all.count(), all.mean()), (4, 3.75));
/// assert!((all.variance() - merged.variance()).abs() < 1e-14);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Moments {
    count: u64,
    mean: f64,
    squared_deviations: f64,
}

impl Moments {
    /// Of no values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Of all values of a slice, in two passes.
    #[must_use]
    pub fn from_slice(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self::new();
        }
        let count = values.len() as f64;
        let [sum] = lanes(values, |value| [value]);
        let mean = sum / count;
        let [squares, residue] = lanes(values, |value| [(value - mean) * (value - mean), value - mean]);
        // The residue would be zero if the mean were exact: it corrects both, unless they are beyond the largest float.
        let corrected = squares - residue * residue / count;
        let squared_deviations = if squares.is_finite() { corrected } else { squares };
        let mean = if residue.is_infinite() { mean } else { mean + residue / count };
        Self { count: values.len() as u64, mean, squared_deviations }
    }

    /// From numbers kept elsewhere: `variance` is the unbiased one, as [`variance`](Self::variance) returns it.
    #[must_use]
    pub fn from_stats(count: u64, mean: f64, variance: f64) -> Self {
        let squared_deviations = if count < 2 { 0.0 } else { variance * (count - 1) as f64 };
        Self { count, mean: if count == 0 { 0.0 } else { mean }, squared_deviations }
    }

    /// Adds a value.
    pub fn push(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        if before.is_infinite() && value.is_finite() && self.mean.is_finite() {
            let share = 1.0 / self.count as f64;
            self.mean = self.mean * (1.0 - share) + value * share;
            self.squared_deviations += f64::INFINITY;
            return;
        }
        self.mean += before / self.count as f64;
        self.squared_deviations += before * (value - self.mean);
    }

    /// The moments of both streams together.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        if self.count == 0 {
            return *other;
        }
        if other.count == 0 {
            return *self;
        }
        let count = self.count.saturating_add(other.count);
        let share = other.count as f64 / count as f64;
        let difference = other.mean - self.mean;
        Self {
            count,
            mean: if difference.is_infinite() && self.mean.is_finite() && other.mean.is_finite() {
                self.mean * (1.0 - share) + other.mean * share
            } else {
                self.mean + difference * share
            },
            squared_deviations: self.squared_deviations
                + other.squared_deviations
                + difference * difference * share * self.count as f64,
        }
    }

    /// How many values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; NaN of none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count == 0 { f64::NAN } else { self.mean }
    }

    /// The unbiased variance (`ddof=1`); NaN of fewer than two values.
    #[must_use]
    pub fn variance(&self) -> f64 {
        // Rounding may leave less than nothing. `max` would also turn NaN into 0.
        let squares = if self.squared_deviations < 0.0 { 0.0 } else { self.squared_deviations };
        if self.count < 2 { f64::NAN } else { squares / (self.count - 1) as f64 }
    }

    /// The square root of [`variance`](Self::variance).
    #[must_use]
    pub fn standard_deviation(&self) -> f64 {
        self.variance().sqrt()
    }
}

/// Sums of functions of the values, each in eight running sums that do not wait for each other.
#[inline(always)]
fn lanes<const SUMS: usize>(values: &[f64], of: impl Fn(f64) -> [f64; SUMS]) -> [f64; SUMS] {
    const LANES: usize = 8;
    let mut sums = [[0.0; LANES]; SUMS];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (lane, value) in block.iter().enumerate() {
            let terms = of(*value);
            for (sum, term) in sums.iter_mut().zip(terms) {
                sum[lane] += term;
            }
        }
    }
    let mut totals = sums.map(|sum| sum.iter().sum::<f64>());
    for value in rest {
        totals.iter_mut().zip(of(*value)).for_each(|(total, term)| *total += term);
    }
    totals
}

impl Extend<f64> for Moments {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push(value));
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut moments = Self::new();
        moments.extend(values);
        moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance in two passes, one by one, and merged from two halves.
    fn all(values: &[f64]) -> [(f64, f64); 3] {
        let (left, right) = values.split_at(values.len() / 2);
        let merged = Moments::from_slice(left).merge(&Moments::from_slice(right));
        let moments = [Moments::from_slice(values), values.iter().copied().collect(), merged];
        moments.map(|moments| (moments.mean(), moments.variance()))
    }

    #[test]
    fn what_is_no_number_is_not_taken_for_no_variance() {
        for values in
            [[1.0, f64::NAN, 2.0], [1.0, f64::INFINITY, 2.0], [f64::NEG_INFINITY, 1.0, f64::INFINITY]]
        {
            for (mean, variance) in all(&values) {
                assert!(!mean.is_finite() && variance.is_nan(), "{values:?}: {mean}, {variance}");
            }
        }
    }

    #[test]
    fn a_variance_beyond_the_largest_float_is_infinite() {
        for values in
            [vec![1e200, 2e200, 3e200], vec![1.7e308, -1.7e308], vec![1.7e308, -1.7e308, 1.7e308, -1.7e308]]
        {
            for (mean, variance) in all(&values) {
                assert!(mean.is_finite() && variance == f64::INFINITY, "{values:?}: {mean}, {variance}");
            }
        }
        // numpy's sum of these is infinite too.
        let overflowing = Moments::from_slice(&[1.5e308, 1.6e308, 1.7e308]);
        assert_eq!((overflowing.mean(), overflowing.variance()), (f64::INFINITY, f64::INFINITY));
    }

    #[test]
    fn nothing_cancels_and_small_numbers_keep_their_variance() {
        for offset in [0.0, 1e9, 1e12] {
            let values: Vec<f64> = (0..1000).map(|i| offset + f64::from(i % 10)).collect();
            let error = |variance: f64| (variance / (8.25 * 1000.0 / 999.0) - 1.0).abs();
            let [(_, two_passes), (_, streamed), (_, merged)] = all(&values);
            assert!(error(two_passes) < 1e-9 && error(merged) < 1e-9, "{offset}: {two_passes}, {merged}");
            // A running mean is rounded at every step, to a float near the offset.
            assert!(error(streamed) < 1e-12 + offset * 1e-15, "{offset}: {streamed}");
        }
        for (_, variance) in all(&[1e-150, 3e-150, 5e-150]) {
            assert!((variance / 4e-300 - 1.0).abs() < 1e-12, "{variance:e}");
        }
        for (mean, variance) in all(&[0.1; 1000]) {
            assert!((mean - 0.1).abs() < 1e-15 && (0.0..1e-28).contains(&variance), "{mean}, {variance}");
        }
    }
}

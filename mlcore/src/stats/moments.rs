//! Count, mean and variance of a stream, in bounded memory.

/// Count, mean and sum of squared deviations of the values seen so far.
///
/// Values are added one by one (Welford 1962) and two streams are merged (Chan, Golub and LeVeque 1979) without the
/// cancellation of the sum of squares. Merging is commutative and associative up to rounding, and the empty value is
/// its neutral element. A NaN or an infinity makes mean and variance NaN, or the mean infinite, from then on.
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
        let mean = values.iter().sum::<f64>() / count;
        let (mut squares, mut residue) = (0.0, 0.0);
        for value in values {
            let deviation = value - mean;
            squares += deviation * deviation;
            residue += deviation;
        }
        // The residue would be zero if the mean were exact: it corrects both.
        let squared_deviations = squares - residue * residue / count;
        Self { count: values.len() as u64, mean: mean + residue / count, squared_deviations }
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
            mean: self.mean + difference * share,
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
        if self.count < 2 { f64::NAN } else { self.squared_deviations.max(0.0) / (self.count - 1) as f64 }
    }

    /// The square root of [`variance`](Self::variance).
    #[must_use]
    pub fn standard_deviation(&self) -> f64 {
        self.variance().sqrt()
    }
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

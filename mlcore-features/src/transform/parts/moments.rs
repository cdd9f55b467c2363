use serde::{Deserialize, Serialize};

use super::Merge;

/// How many numbers there were, their mean and how far they lie from it.
///
/// Source of the merge: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances"
/// (1979). The mean is kept as two floats, so that the difference of two means is that of the numbers and not of their rounding.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moments {
    /// The weights of the numbers that are there.
    #[serde(with = "mlcore::exact")]
    pub(crate) count: f64,
    #[serde(with = "mlcore::exact")]
    pub(crate) mean: f64,
    /// What rounding took from the mean.
    #[serde(with = "mlcore::exact")]
    pub(crate) rest: f64,
    /// The sum of the squared differences from the mean; NaN where nobody asks for it.
    #[serde(with = "mlcore::exact")]
    pub(crate) squares: f64,
}

impl Moments {
    /// The population variance.
    pub(crate) fn variance(&self) -> f64 {
        self.squares / self.count
    }
}

impl Merge for Moments {
    fn merge(self, other: Self) -> Self {
        // What has no numbers has no mean either.
        if self.count == 0.0 || other.count == 0.0 {
            return if self.count == 0.0 { other } else { self };
        }
        let count = self.count + other.count;
        let apart = (other.mean - self.mean) + (other.rest - self.rest);
        let share = other.count / count;
        let step = self.rest + apart * share;
        let mean = self.mean + step;
        let taken = mean - self.mean;
        let rest = (self.mean - (mean - taken)) + (step - taken);
        let squares = self.squares + other.squares + apart * apart * self.count * share;
        Self { count, mean, rest, squares }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Moments {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let rest = values.iter().map(|value| value - mean).sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean - rest).powi(2)).sum();
        Moments { count, mean, rest, squares }
    }

    #[test]
    fn far_from_zero_no_digit_is_lost() {
        let values: Vec<f64> = (0..300).map(|row| 1e9 + f64::from(row % 7) / 7.0).collect();
        let whole = of(&values);
        let merged = values.chunks(11).map(of).reduce(Merge::merge).unwrap();
        assert_eq!(merged.count, 300.0);
        let apart = (merged.mean - whole.mean) + (merged.rest - whole.rest);
        assert!(apart.abs() < 1e-12, "{apart:e}");
        assert!((merged.squares / whole.squares - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_part_without_numbers_changes_nothing() {
        let none = Moments { count: 0.0, mean: f64::NAN, rest: f64::NAN, squares: f64::NAN };
        let some = of(&[1.0, 2.0, 4.0]);
        assert_eq!((none.merge(some), some.merge(none)), (some, some));
    }
}

//! Upper tails of statistics whose first moments are known.

use mlcore::stats::{chi2, norm};

/// The probability of a value so many standard deviations above the mean, or more, of the gamma distribution with this
/// skewness (Pearson's type III); of the normal one where there is none.
pub(crate) fn upper_tail(distance: f64, skewness: f64) -> f64 {
    if skewness < LEAST_SKEWNESS {
        return norm::sf(distance);
    }
    let shape = 4.0 / (skewness * skewness);
    let place = shape + distance * shape.sqrt();
    if place <= 0.0 { 1.0 } else { chi2::sf(2.0 * place, 2.0 * shape) }
}

/// Below it the gamma distribution is the normal one.
const LEAST_SKEWNESS: f64 = 1e-3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_that_of_chi_square_and_of_the_normal_distribution() {
        // Chi-square with 8 degrees of freedom: mean 8, deviation 4, skewness 1.
        assert!((upper_tail(2.0, 1.0) - chi2::sf(16.0, 8.0)).abs() < 1e-15);
        assert!((upper_tail(3.0, 1.01e-3) / norm::sf(3.0) - 1.0).abs() < 0.01);
        assert_eq!((upper_tail(-9.0, 2.0), upper_tail(0.0, 0.0)), (1.0, 0.5));
    }
}

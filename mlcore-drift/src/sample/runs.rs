//! Whether neighbouring rows of a column are alike, in the order in which they came.

use mlcore::stats::chi2;

use crate::tail::upper_tail;
use crate::vector::{count_above, count_above_twice, squares_from, sum_from};

/// How much more often neighbouring rows are alike than in a random order.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Resemblance {
    /// The probability of so much, or more, if rows are independent.
    pub(crate) pvalue: f64,
    /// The lag-1 autocorrelation: of the values where they are numbers and the p-value is small, otherwise the share of the
    /// neighbours that would have to be different and are not.
    pub(crate) autocorrelation: f64,
}

/// The runs test: how often does a row follow one of the same class, given how many rows each class has?
///
/// `classes` holds the rows of some classes out of `total`, and how many of them follow one of their own. The number is
/// compared with its exact mean and variance over all orders of the rows; its tail is Poisson's where few are expected,
/// and otherwise that of the gamma distribution as skewed as Poisson's.
///
/// Sources: A. Wald and J. Wolfowitz, "On a test whether two samples are from the same population" (1940); A. M. Mood,
/// "The distribution theory of runs" (1940).
pub(super) fn runs_test(total: u64, classes: &[(u64, u64)]) -> Option<Resemblance> {
    if total < FEWEST_ROWS {
        return None;
    }
    let n = total as f64;
    // Falling factorials of the class sizes, added up.
    let sum = |of: &dyn Fn(f64) -> f64| classes.iter().map(|(rows, _)| of(*rows as f64)).sum::<f64>();
    let pairs = sum(&|c| c * (c - 1.0));
    let triples = sum(&|c| c * (c - 1.0) * (c - 2.0)) / (n * (n - 1.0) * (n - 2.0));
    let fours = sum(&|c| c * (c - 1.0) * (c - 2.0) * (c - 3.0) - (c * (c - 1.0)).powi(2));
    let apart = (pairs * pairs + fours) / (n * (n - 1.0) * (n - 2.0) * (n - 3.0));
    let like = pairs / (n * (n - 1.0));
    let (mean, room) = ((n - 1.0) * like, sum(&|c| c) - (n - 1.0) * like);
    let variance = (n - 1.0) * like * (1.0 - like)
        + 2.0 * (n - 2.0) * (triples - like * like)
        + (n - 2.0) * (n - 3.0) * (apart - like * like);
    if !(mean > 0.0 && variance > 0.0 && room > 0.0) {
        return None;
    }
    let found = classes.iter().map(|(_, repeats)| *repeats as f64).sum::<f64>();
    let pvalue = match found {
        0.0 => 1.0,
        _ if mean < FEW_EXPECTED => chi2::cdf(2.0 * mean, 2.0 * found),
        // A whole number is as likely as all that rounds to it.
        _ => upper_tail((found - 0.5 - mean) / variance.sqrt(), variance.sqrt() / mean),
    };
    Some(Resemblance { pvalue, autocorrelation: (found - mean) / room })
}

/// The runs test of numbers above their mean (or median, where the mean is far from it) against the others.
///
/// The autocorrelation is that of the values where the p-value is at most `level`: nobody asks for it elsewhere.
pub(super) fn of_numbers(values: &[f64], level: f64) -> Option<Resemblance> {
    let n = values.len();
    let mean = mean(values);
    let is_central = |rows: u64| (n / 10..=n - n / 10).contains(&(rows as usize));
    let mut threshold = mean;
    let mut rows = count_above(values, mean);
    if !(mean.is_finite() && is_central(rows)) {
        let mut copy = values.to_vec();
        let (_, median, _) = copy.select_nth_unstable_by(n.checked_sub(1)? / 2, f64::total_cmp);
        // Where more than half of the values are the largest one, these are the class.
        threshold = if count_above(values, *median) > 0 { *median } else { median.next_down() };
        rows = count_above(values, threshold);
    }
    let found = runs_test(n as u64, &[(rows, count_above_twice(values, threshold))])?;
    let exact = if found.pvalue <= level { autocorrelation(values) } else { None };
    Some(Resemblance { autocorrelation: exact.unwrap_or(found.autocorrelation), ..found })
}

/// The lag-1 autocorrelation; `None` beyond the range of floats.
fn autocorrelation(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let products: f64 = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    Some(products / squares_from(values, mean)).filter(|share| share.is_finite())
}

/// The mean; dividing first keeps sums of huge values finite.
fn mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = sum_from(values, 0.0) / n;
    if mean.is_finite() { mean } else { values.iter().map(|value| value / n).sum() }
}

/// Of fewer rows an order says little.
const FEWEST_ROWS: u64 = 30;
/// Up to so many pairs of neighbours that are alike by chance their number is Poisson's.
const FEW_EXPECTED: f64 = 25.0;

#[cfg(test)]
mod tests {
    use super::*;
    use mlcore::stats::SplitMix64;

    #[test]
    fn the_mean_and_the_variance_are_those_of_all_orders() {
        // Every order of three, two and two rows, padded by nothing: the moments by counting.
        fn orders(left: &mut [u64; 3], before: usize, repeats: u64, found: &mut Vec<f64>) {
            if left.iter().sum::<u64>() == 0 {
                found.push(repeats as f64);
            }
            for class in 0..3 {
                if left[class] > 0 {
                    // Rows of one class are told apart, so that every order counts alike.
                    for _ in 0..left[class] {
                        left[class] -= 1;
                        // The third class is not among those that are counted.
                        let more = u64::from(class == before && class < 2);
                        orders(left, class, repeats + more, found);
                        left[class] += 1;
                    }
                }
            }
        }
        let mut found = Vec::new();
        orders(&mut [3, 2, 2], 9, 0, &mut found);
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        let variance = found.iter().map(|f| (f - mean).powi(2)).sum::<f64>() / found.len() as f64;
        let n = 7.0_f64;
        let pairs = 3.0 * 2.0 + 2.0;
        assert!((mean - (n - 1.0) * pairs / (n * (n - 1.0))).abs() < 1e-12);
        let like = pairs / (n * (n - 1.0));
        let triples = 6.0 / (n * (n - 1.0) * (n - 2.0));
        let apart = (pairs * pairs - 36.0 - 4.0) / (n * (n - 1.0) * (n - 2.0) * (n - 3.0));
        let formula = (n - 1.0) * like * (1.0 - like)
            + 2.0 * (n - 2.0) * (triples - like * like)
            + (n - 2.0) * (n - 3.0) * (apart - like * like);
        assert!((variance - formula).abs() < 1e-12, "{variance} {formula}");
    }

    #[test]
    fn an_order_is_found_and_chance_is_not() {
        let mut random = SplitMix64::new(3);
        let mut last = 0.0;
        let walk: Vec<f64> = (0..1000)
            .map(|_| {
                last = 0.5 * last + random.normal();
                last
            })
            .collect();
        let found = of_numbers(&walk, 1.0).unwrap();
        assert!(found.pvalue < 1e-9 && (found.autocorrelation - 0.5).abs() < 0.1, "{found:?}");
        let mut shuffled = walk.clone();
        random.shuffle(&mut shuffled);
        let found = of_numbers(&shuffled, 1.0).unwrap();
        assert!(found.pvalue > 0.01 && found.autocorrelation.abs() < 0.1, "{found:?}");
        assert!(
            of_numbers(&[7.0; 100], 1.0).is_none()
                && of_numbers(&walk[..20], 1.0).is_none()
                && of_numbers(&[], 1.0).is_none()
        );
        let extremes: Vec<f64> =
            walk.iter().map(|v| if *v > 0.0 { f64::INFINITY } else { f64::MIN }).collect();
        assert!(of_numbers(&extremes, 1.0).unwrap().pvalue < 1e-9);
    }
}

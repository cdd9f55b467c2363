//! Distances between two distributions of a number, with scipy's numbers.

use super::Sum;
use super::sorted::{BlockSum, SortedSample, both, visit_tied};
use crate::error::{Error, Result};
use crate::interrupt::{self, Pace};

/// The first Wasserstein distance of two samples: `scipy.stats.wasserstein_distance(u_values, v_values, ..)`.
///
/// It is the area between the two empirical distribution functions, in the unit of the values: how far, on average, the
/// one has to be moved to become the other (the earth mover's distance). Weights are one number of 0 or more for each
/// value, and only their ratios count; `None` weighs all values alike. A NaN among the values makes the distance NaN.
/// Values at infinity cost nothing where both samples have the same share there, and an infinite distance otherwise
/// (scipy answers NaN to the first).
///
/// # Errors
///
/// [`Error::InvalidInput`] if a sample is empty, and for weights that are not as many as the values, negative, not finite or
/// all 0.
///
/// ```
/// use mlcore::stats::wasserstein_distance;
///
/// assert_eq!(wasserstein_distance(&[0.0, 1.0, 3.0], &[5.0, 6.0, 8.0], None, None)?, 5.0);
/// assert_eq!(wasserstein_distance(&[0.0, 1.0], &[0.0, 1.0], Some(&[3.0, 1.0]), Some(&[2.0, 2.0]))?, 0.25);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn wasserstein_distance(
    u_values: &[f64],
    v_values: &[f64],
    u_weights: Option<&[f64]>,
    v_weights: Option<&[f64]>,
) -> Result<f64> {
    area(WASSERSTEIN, [u_values, v_values], [u_weights, v_weights], f64::abs)
}

/// [`wasserstein_distance`] of samples that are sorted already, all of whose values weigh alike.
///
/// # Errors
///
/// [`Error::Interrupted`].
///
/// ```
/// use mlcore::stats::{SortedSample, wasserstein_distance_sorted};
///
/// let reference = SortedSample::new(&[3.0, 0.0, 1.0])?;
/// assert_eq!(wasserstein_distance_sorted(&reference, &SortedSample::new(&[5.0, 6.0, 8.0])?)?, 5.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn wasserstein_distance_sorted(u: &SortedSample, v: &SortedSample) -> Result<f64> {
    sorted_area(WASSERSTEIN, u, v, f64::abs)
}

/// The energy distance of two samples: `scipy.stats.energy_distance(u_values, v_values, ..)`.
///
/// It is the root of twice the area under the squared difference of the two empirical distribution functions, so that a
/// large difference over a short stretch counts more than for [`wasserstein_distance`], whose arguments and edge cases
/// it shares. Source: G. Szekely, "E-statistics: the energy of statistical samples" (2002).
///
/// # Errors
///
/// As [`wasserstein_distance`].
///
/// ```
/// use mlcore::stats::energy_distance;
///
/// assert_eq!(energy_distance(&[0.0], &[2.0], None, None)?, 2.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn energy_distance(
    u_values: &[f64],
    v_values: &[f64],
    u_weights: Option<&[f64]>,
    v_weights: Option<&[f64]>,
) -> Result<f64> {
    let area = area(ENERGY, [u_values, v_values], [u_weights, v_weights], squared)?;
    Ok((2.0 * area).sqrt())
}

/// [`energy_distance`] of samples that are sorted already, all of whose values weigh alike.
///
/// # Errors
///
/// [`Error::Interrupted`].
///
/// ```
/// use mlcore::stats::{SortedSample, energy_distance_sorted};
///
/// let reference = SortedSample::new(&[0.0])?;
/// assert_eq!(energy_distance_sorted(&reference, &SortedSample::new(&[2.0])?)?, 2.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn energy_distance_sorted(u: &SortedSample, v: &SortedSample) -> Result<f64> {
    Ok((2.0 * sorted_area(ENERGY, u, v, squared)?).sqrt())
}

const WASSERSTEIN: &str = "wasserstein_distance";
const ENERGY: &str = "energy_distance";

fn squared(difference: f64) -> f64 {
    difference * difference
}

/// The area under a function of the difference of the two distribution functions, whose steps are all alike.
fn sorted_area(
    operation: &'static str,
    u: &SortedSample,
    v: &SortedSample,
    height: impl Fn(f64) -> f64,
) -> Result<f64> {
    interrupt::check(operation)?;
    let Some((u, v)) = both(u, v) else { return Ok(f64::NAN) };
    let (n, m) = (u.len() as f64, v.len() as f64);
    let mut area = BlockSum::default();
    visit_tied(u, v, |tied| {
        let level = tied.upto[0] as f64 * m - tied.upto[1] as f64 * n;
        // Equal shares over an endless stretch are no area, and neither is what lies beyond the last value.
        if level != 0.0 {
            area.add(height(level / (n * m)) * (tied.next - tied.value));
        }
    });
    interrupt::check(operation)?;
    Ok(area.value())
}

/// The area under a function of the difference of the two distribution functions.
fn area(
    operation: &'static str,
    [u_values, v_values]: [&[f64]; 2],
    [u_weights, v_weights]: [Option<&[f64]>; 2],
    height: fn(f64) -> f64,
) -> Result<f64> {
    if u_weights.is_none() && v_weights.is_none() {
        let u = SortedSample::of(operation, "u_values", u_values)?;
        let v = SortedSample::of(operation, "v_values", v_values)?;
        return sorted_area(operation, &u, &v, height);
    }
    let mut u = Steps::new(operation, ["u_values", "u_weights"], u_values, u_weights)?;
    let mut v = Steps::new(operation, ["v_values", "v_weights"], v_values, v_weights)?;
    if u.has_nan() || v.has_nan() {
        return Ok(f64::NAN);
    }
    let mut area = Sum::default();
    let mut at = u.next_value().min(v.next_value());
    let mut pace = Pace::default();
    while at < f64::INFINITY {
        pace.check(operation, 1)?;
        let difference = u.share_up_to(at) - v.share_up_to(at);
        let next = u.next_value().min(v.next_value());
        // Equal shares over an endless stretch are no area, and neither is what lies beyond the last value.
        if difference != 0.0 {
            area.add(height(difference) * (next - at));
        }
        at = next;
    }
    Ok(area.value())
}

/// An empirical distribution function, read from left to right.
struct Steps {
    /// Values in ascending order, and the weight of all values up to and including each.
    steps: Vec<(f64, f64)>,
    passed: usize,
}

impl Steps {
    fn new(
        operation: &'static str,
        [values_name, weights_name]: [&'static str; 2],
        values: &[f64],
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::invalid_input(operation, values_name, "the sample is empty")
                .remedy("pass at least one observation in each sample"));
        }
        let refuse = |problem: String| {
            Err(Error::invalid_input(operation, weights_name, problem)
                .remedy("pass a weight of 0 or more for each value, one of them above 0"))
        };
        if let Some(weights) = weights {
            if weights.len() != values.len() {
                return refuse(format!("there are {} for {} values", weights.len(), values.len()));
            }
            if let Some(place) = weights.iter().position(|weight| !(*weight >= 0.0 && weight.is_finite())) {
                return refuse(format!("number {place} is not a finite number of 0 or more"));
            }
        }
        let weight = |place: usize| weights.map_or(1.0, |weights| weights.get(place).copied().unwrap_or(0.0));
        let mut steps: Vec<(f64, f64)> =
            values.iter().enumerate().map(|(place, value)| (*value, weight(place))).collect();
        interrupt::check(operation)?;
        interrupt::sort_unstable_by(&mut steps, |a, b| a.0.total_cmp(&b.0));
        interrupt::check(operation)?;
        let mut total = 0.0;
        for (_, weight) in &mut steps {
            total += *weight;
            *weight = total;
        }
        if !(total > 0.0 && total.is_finite()) {
            return refuse(format!("they add up to {total}"));
        }
        Ok(Self { steps, passed: 0 })
    }

    fn has_nan(&self) -> bool {
        // Sorted by their bits, those with the sign bit set come first and the others last.
        [self.steps.first(), self.steps.last()].into_iter().flatten().any(|(value, _)| value.is_nan())
    }

    /// The value of the next step; infinity after the last.
    fn next_value(&self) -> f64 {
        self.steps.get(self.passed).map_or(f64::INFINITY, |(value, _)| *value)
    }

    /// Passes the steps up to and including `value`; answers the share of the sample that lies there.
    fn share_up_to(&mut self, value: f64) -> f64 {
        while self.steps.get(self.passed).is_some_and(|(step, _)| *step <= value) {
            self.passed += 1;
        }
        let passed = self.passed.checked_sub(1).and_then(|last| self.steps.get(last));
        let total = self.steps.last().map_or(f64::NAN, |(_, total)| *total);
        passed.map_or(0.0, |(_, weight)| *weight / total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;

    #[test]
    fn infinities_cost_where_the_shares_there_differ() {
        let distance = |u: &[f64], v: &[f64]| wasserstein_distance(u, v, None, None).unwrap();
        assert_eq!(distance(&[1.0, INF], &[1.0, INF]), 0.0);
        assert_eq!(distance(&[-INF, 1.0], &[-INF, 3.0]), 1.0);
        assert_eq!(distance(&[1.0, INF], &[1.0, 2.0]), INF);
        assert_eq!(distance(&[-INF, 1.0], &[0.0, 1.0]), INF);
        assert_eq!(distance(&[INF], &[INF]), 0.0);
        assert_eq!(distance(&[-INF], &[INF]), INF);
    }

    #[test]
    fn a_nan_of_either_sign_makes_the_distance_nan() {
        for nan in [f64::NAN, -f64::NAN] {
            assert!(wasserstein_distance(&[1.0, nan], &[1.0], None, None).unwrap().is_nan());
            assert!(energy_distance(&[1.0], &[nan, 1.0], None, None).unwrap().is_nan());
        }
    }

    #[test]
    fn unusable_weights_are_refused_by_name() {
        for (weights, problem) in [
            (&[1.0][..], "u_weights: there are 1 for 2 values"),
            (&[1.0, -1.0], "u_weights: number 1 is not a finite number of 0 or more"),
            (&[f64::NAN, 1.0], "u_weights: number 0"),
            (&[0.0, 0.0], "u_weights: they add up to 0"),
            (&[f64::MAX, f64::MAX], "u_weights: they add up to inf"),
        ] {
            let error = energy_distance(&[1.0, 2.0], &[1.0], Some(weights), None).unwrap_err();
            assert!(error.to_string().contains(problem), "{error}");
        }
        let error = wasserstein_distance(&[1.0], &[], None, None).unwrap_err();
        assert!(
            error.to_string().starts_with("wasserstein_distance v_values: the sample is empty"),
            "{error}"
        );
    }
}

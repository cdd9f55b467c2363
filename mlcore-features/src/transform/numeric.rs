//! numpy's arithmetic where the order of operations decides the last digits.

use mlcore::stats::pairwise_sum;

/// The mean of the values, in numpy's order.
pub(crate) fn mean(values: &[f64]) -> f64 {
    pairwise_sum(values.len(), &|index| values[index]) / values.len() as f64
}

/// The mean of those that are not NaN, `present` of them; the others add zero, so that the order of summation is numpy's.
pub(crate) fn mean_of_present(values: &[f64], present: usize) -> f64 {
    sum_of_present(values) / present as f64
}

/// The sum of those that are not NaN, in numpy's order.
pub(crate) fn sum_of_present(values: &[f64]) -> f64 {
    let term = |index: usize| if values[index].is_nan() { 0.0 } else { values[index] };
    pairwise_sum(values.len(), &term)
}

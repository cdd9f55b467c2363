//! Bayesian ridge regression: scikit-learn's `BayesianRidge` with its defaults.

use mlcore::{Error, Result};

use crate::transform::decomposition::svd::{Svd, svd};
use crate::transform::numeric;

/// A linear function of columns.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Line {
    pub(super) weights: Vec<f64>,
    pub(super) intercept: f64,
}

/// The most steps, and the change of the weights below which they end: scikit-learn's.
const MOST_STEPS: usize = 300;
const SMALLEST_CHANGE: f64 = 1e-3;

/// The parameters of the Gamma distributions from which the two precisions come: scikit-learn's.
const PRIOR: f64 = 1e-6;

/// The line that fits best, whose weights and noise have unknown precisions. Source: MacKay, Bayesian Interpolation, 1992.
pub(super) fn fit(columns: &[Vec<f64>], target: &[f64], operation: &'static str) -> Result<Line> {
    let rows = target.len() as f64;
    let means: Vec<f64> = columns.iter().map(|column| numeric::mean(column)).collect();
    let centre = numeric::mean(target);
    let target: Vec<f64> = target.iter().map(|value| value - centre).collect();
    let columns: Vec<Vec<f64>> = columns
        .iter()
        .zip(&means)
        .map(|(column, mean)| column.iter().map(|value| value - mean).collect())
        .collect();
    if columns.iter().flatten().chain(&target).any(|value| !value.is_finite()) {
        return Err(Error::invalid_input(operation, "table", "its numbers are too large for a regression")
            .remedy("scale the columns first"));
    }
    let products: Vec<f64> = columns.iter().map(|column| dot(column, &target)).collect();
    let Svd { values, vectors } = svd(columns.clone(), operation)?;
    let squares: Vec<f64> = values.iter().map(|value| value * value).collect();
    let shares: Vec<f64> = vectors.iter().map(|vector| dot(vector, &products)).collect();
    let weights = |ratio: f64| {
        let mut weights = vec![0.0; columns.len()];
        for ((vector, square), share) in vectors.iter().zip(&squares).zip(&shares) {
            for (weight, entry) in weights.iter_mut().zip(vector) {
                *weight += entry * (share / (square + ratio));
            }
        }
        weights
    };
    let mut noise = 1.0 / (dot(&target, &target) / rows + f64::EPSILON);
    let mut precision = 1.0;
    let mut before: Option<Vec<f64>> = None;
    for _ in 0..MOST_STEPS {
        let own = weights(precision / noise);
        let error = squared_error(&columns, &own, &target);
        let freedom: f64 = squares.iter().map(|square| noise * square / (precision + noise * square)).sum();
        precision = (freedom + 2.0 * PRIOR) / (dot(&own, &own) + 2.0 * PRIOR);
        noise = (rows - freedom + 2.0 * PRIOR) / (error + 2.0 * PRIOR);
        let change =
            |before: Vec<f64>| before.iter().zip(&own).map(|(one, other)| (one - other).abs()).sum::<f64>();
        if before.take().is_some_and(|before| change(before) < SMALLEST_CHANGE) {
            break;
        }
        before = Some(own);
    }
    let weights = weights(precision / noise);
    Ok(Line { intercept: centre - dot(&weights, &means), weights })
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

fn squared_error(columns: &[Vec<f64>], weights: &[f64], target: &[f64]) -> f64 {
    let mut rest = target.to_vec();
    for (column, weight) in columns.iter().zip(weights) {
        for (rest, value) in rest.iter_mut().zip(column) {
            *rest -= weight * value;
        }
    }
    dot(&rest, &rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found() {
        let columns = [vec![1.0, 2.0, 3.0, 4.0, 5.0], vec![0.0, 1.0, 0.0, 1.0, 0.0]];
        let target: Vec<f64> =
            columns[0].iter().zip(&columns[1]).map(|(one, other)| 2.0 * one - 3.0 * other + 7.0).collect();
        let line = fit(&columns, &target, "test").unwrap();
        for (found, expected) in line.weights.iter().zip([2.0, -3.0]) {
            assert!((found - expected).abs() < 1e-4, "{line:?}");
        }
        assert!((line.intercept - 7.0).abs() < 1e-3);
        // Nothing is learnt from a column that does not vary.
        assert_eq!(fit(&[vec![3.0]], &[5.0], "test").unwrap(), Line { weights: vec![0.0], intercept: 5.0 });
    }
}

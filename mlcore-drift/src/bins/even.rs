//! numpy's bins of equal width, whose rounding is repeated operation by operation, for `float64`, `float32` and integer
//! columns, because a value on an edge decides a digit.
//!
//! Source: numpy 2.4.6, `histogram_bin_edges` and `histogram` with its edges.

use mlcore::stats::linspace;
use mlcore::{Error, Result};

use super::interior::Interior;
use crate::sample::Precision;

/// Bins of equal width, both ends closed; what lies outside is counted in the nearest bin.
#[derive(Debug)]
pub(super) struct EvenBins {
    pub(super) edges: Vec<f64>,
    interior: Interior,
}

impl EvenBins {
    /// `histogram_bin_edges(values, bins="sturges")` for `len` values that span `range`.
    pub(super) fn sturges(
        operation: &'static str,
        range: (f64, f64),
        len: usize,
        precision: Precision,
    ) -> Result<Self> {
        Self::of_width(operation, range, span(range, precision) / ((len as f64).log2() + 1.0), precision)
    }

    /// `histogram_bin_edges(values, bins="doane")`: Sturges' rule, with more bins the more skewed the values are.
    pub(super) fn doane(operation: &'static str, values: &[f64], range: (f64, f64)) -> Result<Self> {
        let n = values.len() as f64;
        let mean_of = |of: &dyn Fn(f64) -> f64| values.iter().map(|value| of(*value)).sum::<f64>() / n;
        let mean = mean_of(&|value| value);
        let deviation = mean_of(&|value| (value - mean) * (value - mean)).sqrt();
        let width = if values.len() > 2 && deviation > 0.0 {
            let skewness = mean_of(&|value| ((value - mean) / deviation).powi(3));
            let skewness_deviation = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
            (range.1 - range.0) / (1.0 + n.log2() + (1.0 + skewness.abs() / skewness_deviation).log2())
        } else {
            0.0
        };
        Self::of_width(operation, range, width, Precision::Float64)
    }

    /// As many bins of about this width as fill the range; one bin if it is 0.
    fn of_width(
        operation: &'static str,
        (low, high): (f64, f64),
        width: f64,
        precision: Precision,
    ) -> Result<Self> {
        // numpy widens an empty range by a half on either side.
        let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
        let span = span((low, high), precision);
        let width = if precision == Precision::Integer && width > 0.0 { width.max(1.0) } else { width };
        let bins = if width == 0.0 { 1.0 } else { (span / width).ceil() };
        if !(1.0..=MOST_BINS).contains(&bins) {
            let problem = format!("numpy cannot divide the range {low:e} to {high:e} into bins");
            return Err(Error::invalid_input(operation, "values", problem).remedy(REMEDY));
        }
        Self::between(operation, (low, high), bins as usize, precision)
    }

    /// `histogram_bin_edges(values, bins)` for values that span `range`.
    pub(super) fn of_number(
        operation: &'static str,
        (low, high): (f64, f64),
        bins: usize,
        precision: Precision,
    ) -> Result<Self> {
        let range = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
        Self::between(operation, range, bins.max(1), precision)
    }

    /// This number of bins between two different numbers.
    fn between(
        operation: &'static str,
        (low, high): (f64, f64),
        bins: usize,
        precision: Precision,
    ) -> Result<Self> {
        let span = span((low, high), precision);
        if !span.is_finite() {
            let problem = format!("numpy cannot divide the range {low:e} to {high:e} into bins");
            return Err(Error::invalid_input(operation, "values", problem).remedy(REMEDY));
        }
        let edges = match precision {
            Precision::Float32 => linspace_f32(low as f32, high as f32, bins),
            Precision::Float64 | Precision::Integer => linspace(low, high, bins + 1),
        };
        if edges.windows(2).any(|pair| pair[0] >= pair[1]) {
            let problem = format!("too many bins for the range {low:e} to {high:e}: numpy refuses {bins}");
            return Err(Error::invalid_input(operation, "values", problem).remedy(REMEDY));
        }
        let inner = edges.get(1..bins).unwrap_or_default().to_vec();
        let step = span / bins as f64;
        let interior = match precision {
            // A float32 grid is rounded too coarsely for the shortcut, and an underflowing one is no grid.
            Precision::Float32 => Interior::new(inner),
            Precision::Float64 | Precision::Integer if step == 0.0 => Interior::new(inner),
            Precision::Float64 | Precision::Integer => Interior::even(low, step, bins),
        };
        Ok(Self { edges, interior })
    }

    /// How many of `values`, none of them NaN, each bin holds.
    pub(super) fn count(&self, values: &[f64]) -> Vec<u64> {
        self.interior.count(values)
    }

    /// How many of `sorted`, in ascending order, each bin holds.
    pub(super) fn count_sorted(&self, sorted: &[f64]) -> Vec<u64> {
        self.interior.count_sorted(sorted)
    }
}

/// More bins than this are no histogram, and would fill the memory.
const MOST_BINS: f64 = 1e6;
const REMEDY: &str = "use the quantile recipe, or rescale the column";

fn span((low, high): (f64, f64), precision: Precision) -> f64 {
    match precision {
        Precision::Float32 => f64::from(high as f32 - low as f32),
        Precision::Float64 | Precision::Integer => high - low,
    }
}

/// numpy's `linspace` in single precision, as for a `float32` column.
fn linspace_f32(low: f32, high: f32, parts: usize) -> Vec<f64> {
    let span = high - low;
    let step = span / parts as f32;
    (0..=parts)
        .map(|i| match i {
            _ if i == parts => high,
            _ if step == 0.0 => i as f32 / parts as f32 * span + low,
            _ => i as f32 * step + low,
        })
        .map(f64::from)
        .collect()
}

//! One column of a report: what was found, and its shape in both tables.

use mlcore::{Result, interrupt};
use serde::{Deserialize, Serialize};

use super::ReportOptions;
use crate::bins::{Binning, Interior, around_quantiles};
use crate::monitor::{ColumnVerdict, Outcome};
use crate::sample::{Categories, Kind, Sample};
use crate::two_sample::psi::psi;
use crate::vector::{count_above, extent, squares_from, sum_from};

/// One column in both tables.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// How it was read.
    pub kind: Kind,
    /// The worst judgement of its tests.
    pub outcome: Outcome,
    /// Its tests.
    pub tests: Vec<ColumnVerdict>,
    /// The share of rows without a value in the reference.
    pub reference_missing_rate: f64,
    /// The share of rows without a value in the current table.
    pub current_missing_rate: f64,
    /// The population stability index over ten bins (or the categories), for those who read it; `None` where a table has
    /// no value.
    pub psi: Option<PsiSummary>,
    /// Moments and quantiles of a numeric column in the reference.
    pub reference_moments: Option<Moments>,
    /// Moments and quantiles of a numeric column in the current table.
    pub current_moments: Option<Moments>,
    /// The shape of a numeric column.
    pub histogram: Option<Histogram>,
    /// The most frequent categories of a categorical column, both tables together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<CategoryShare>,
    /// The categories that are not among them.
    #[serde(default)]
    pub other_categories: u64,
}

/// The population stability index of a column.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PsiSummary {
    /// The index.
    pub psi: f64,
    /// Less what chance gives.
    pub psi_corrected: f64,
    /// The probability of such an index if nothing changed.
    pub pvalue: Option<f64>,
}

/// The summary of a numeric column; infinite values count in quantiles and not in the moments.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Moments {
    /// The number of values.
    pub count: u64,
    /// Infinite ones among them.
    pub infinite: u64,
    /// The mean of the finite values; `None` without one, or beyond the range of floats.
    pub mean: Option<f64>,
    /// Their standard deviation, with `n - 1`.
    pub standard_deviation: Option<f64>,
    /// The smallest finite value.
    pub min: Option<f64>,
    /// The lower quartile.
    pub lower_quartile: Option<f64>,
    /// The median.
    pub median: Option<f64>,
    /// The upper quartile.
    pub upper_quartile: Option<f64>,
    /// The largest finite value.
    pub max: Option<f64>,
}

/// Two histograms over the same bins.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Histogram {
    /// The edges, one more than there are bins. They span the central 99 % of both tables; a bin holds its lower edge, and
    /// the last one both.
    pub edges: Vec<f64>,
    /// The share of the reference in each bin.
    pub reference: Vec<f64>,
    /// The share of the current table in each bin.
    pub current: Vec<f64>,
    /// The shares below the first edge: reference, current.
    pub below: [f64; 2],
    /// The shares above the last edge: reference, current.
    pub above: [f64; 2],
}

/// One category in both tables.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CategoryShare {
    /// The category.
    pub category: String,
    /// Its share of the reference.
    pub reference: f64,
    /// Its share of the current table.
    pub current: f64,
}

impl ColumnReport {
    /// A column without its tests.
    pub(super) fn new(
        name: &str,
        reference: &Sample,
        current: &Sample,
        options: &ReportOptions,
    ) -> Result<Self> {
        let psi = if reference.is_empty() || current.is_empty() {
            None
        } else {
            let result = psi(reference, current, &Binning::default())?;
            Some(PsiSummary { psi: result.psi, psi_corrected: result.psi_corrected, pvalue: result.pvalue })
        };
        let (reference_shape, current_shape) = (Shape::of(reference), Shape::of(current));
        interrupt::check("make report")?;
        let histogram = reference_shape
            .as_ref()
            .zip(current_shape.as_ref())
            .and_then(|(reference, current)| Histogram::new(reference, current, options.histogram_bins));
        let (categories, other_categories) = match (reference.categories(), current.categories()) {
            (Some(reference), Some(current)) => shares(reference, current, options.most_categories),
            _ => (Vec::new(), 0),
        };
        Ok(Self {
            name: name.to_owned(),
            kind: reference.kind(),
            outcome: Outcome::InsufficientData,
            tests: Vec::new(),
            reference_missing_rate: reference.missing_rate(),
            current_missing_rate: current.missing_rate(),
            psi,
            reference_moments: reference_shape.as_ref().map(Moments::of),
            current_moments: current_shape.as_ref().map(Moments::of),
            histogram,
            categories,
            other_categories,
        })
    }

    /// Orders columns: drifted before the others, larger effects (relative to their thresholds) first.
    pub(super) fn urgency(&self) -> f64 {
        const DRIFTED_FIRST: f64 = 1e9;
        let relative = |test: &ColumnVerdict| {
            let effect = test.score.as_ref().map_or(0.0, |score| score.effect.value);
            let size = (effect / test.threshold.max(1e-9)).min(1e6);
            if test.outcome == Outcome::Drifted { DRIFTED_FIRST + size } else { size }
        };
        self.tests.iter().map(relative).fold(0.0, f64::max)
    }
}

/// A numeric sample with what moments and histogram need of its order.
struct Shape<'a> {
    values: &'a [f64],
    range: (f64, f64),
    quantiles: [Option<f64>; 5],
}

impl<'a> Shape<'a> {
    fn of(sample: &'a Sample) -> Option<Self> {
        let (values, range) = (sample.values()?, sample.range());
        let mut quantiles = [None; 5];
        let around = around_quantiles(values, range, &[TAIL, 0.25, 0.5, 0.75, 1.0 - TAIL]);
        for (quantile, (low, high, share)) in quantiles.iter_mut().zip(around) {
            // Two infinities have no mean.
            let value = if low == high { low } else { low + (high - low) * share };
            *quantile = value.is_finite().then_some(value);
        }
        Some(Self { values, range, quantiles })
    }
}

impl Moments {
    fn of(shape: &Shape<'_>) -> Self {
        let (low, high) = shape.range;
        let [_, lower_quartile, median, upper_quartile, _] = shape.quantiles;
        let count = shape.values.len() as u64;
        let quartiles = |moments: Self| Self { count, lower_quartile, median, upper_quartile, ..moments };
        if shape.values.is_empty() || (low.is_finite() && high.is_finite()) {
            return quartiles(Self::of_finite(shape.values, (low, high)));
        }
        let finite: Vec<f64> = shape.values.iter().copied().filter(|value| value.is_finite()).collect();
        let ends = extent(&finite);
        let infinite = count - finite.len() as u64;
        quartiles(Self { infinite, ..Self::of_finite(&finite, (ends.low, ends.high)) })
    }

    /// What does not depend on the order of finite values.
    fn of_finite(finite: &[f64], (low, high): (f64, f64)) -> Self {
        let n = finite.len() as f64;
        let keep = |value: f64| value.is_finite().then_some(value);
        // Dividing first keeps sums of huge values finite; the second pass takes back what rounding lost.
        let mean_from = |origin: f64| {
            let mean = sum_from(finite, origin) / n;
            if mean.is_finite() { mean } else { finite.iter().map(|value| (value - origin) / n).sum() }
        };
        let rough = mean_from(0.0);
        let mean = rough + mean_from(rough);
        let variance = squares_from(finite, mean) / (n - 1.0);
        Self {
            count: finite.len() as u64,
            infinite: 0,
            mean: keep(mean),
            standard_deviation: keep(variance.sqrt()),
            min: keep(low),
            lower_quartile: None,
            median: None,
            upper_quartile: None,
            max: keep(high),
        }
    }
}

impl Histogram {
    /// Bins of equal width over the central 99 % of both samples, so that one outlier does not flatten the picture.
    fn new(reference: &Shape<'_>, current: &Shape<'_>, bins: usize) -> Option<Self> {
        let of_both = |place: usize| {
            [reference, current]
                .into_iter()
                .filter_map(move |side| side.quantiles.get(place).copied().flatten())
        };
        let low = of_both(0).fold(f64::INFINITY, f64::min);
        let high = of_both(4).fold(f64::NEG_INFINITY, f64::max);
        if !(low.is_finite() && high.is_finite() && (high - low).is_finite()) {
            return None;
        }
        let (low, high) = if high > low { (low, high) } else { around(low) };
        let step = (high - low) / bins as f64;
        // Rounding may carry a subnormal step beyond the end.
        let mut edges: Vec<f64> = (0..bins).map(|i| (low + i as f64 * step).min(high)).collect();
        edges.push(high);
        edges.dedup();
        let inner = edges.get(1..edges.len().saturating_sub(1)).unwrap_or_default();
        let even = Interior::even(low, step, bins);
        let interior = if even.edges() == inner { even } else { Interior::new(inner.to_vec()) };
        let count = |side: &Shape<'_>| Shares::of(side.values, &interior, (low, high));
        let (reference, current) = (count(reference), count(current));
        Some(Self {
            edges,
            below: [reference.below, current.below],
            above: [reference.above, current.above],
            reference: reference.inside,
            current: current.inside,
        })
    }
}

/// The share of values on either side that a histogram leaves out.
const TAIL: f64 = 0.005;

/// A range around a constant.
fn around(value: f64) -> (f64, f64) {
    let reach = (value.abs() * 1e-3).max(0.5);
    (value - reach, value + reach)
}

struct Shares {
    below: f64,
    inside: Vec<f64>,
    above: f64,
}

impl Shares {
    fn of(values: &[f64], interior: &Interior, (low, high): (f64, f64)) -> Self {
        let n = values.len().max(1) as f64;
        // The last bin holds its upper edge.
        let below = values.len() as u64 - count_above(values, low.next_down());
        let above = count_above(values, high);
        let mut counts = interior.count(values);
        if let Some(first) = counts.first_mut() {
            *first -= below;
        }
        if let Some(last) = counts.last_mut() {
            *last -= above;
        }
        let share = |count: u64| count as f64 / n;
        Self { below: share(below), inside: counts.into_iter().map(share).collect(), above: share(above) }
    }
}

/// The most frequent categories of both tables, weighted equally, and the number of the others.
fn shares(reference: &Categories, current: &Categories, most: usize) -> (Vec<CategoryShare>, u64) {
    let share = |count: u64, of: &Categories| count as f64 / of.total().max(1) as f64;
    let mut rows: Vec<(&str, f64, f64)> = reference
        .union(current)
        .into_iter()
        .map(|(name, a, b)| (name, share(a, reference), share(b, current)))
        .collect();
    interrupt::sort_unstable_by(&mut rows, |a, b| (b.1 + b.2).total_cmp(&(a.1 + a.2)).then(a.0.cmp(b.0)));
    let others = rows.len().saturating_sub(most) as u64;
    let shown = rows.into_iter().take(most).map(|(category, reference, current)| CategoryShare {
        category: clipped(category),
        reference,
        current,
    });
    (shown.collect(), others)
}

fn clipped(name: &str) -> String {
    crate::text::clipped(name)
}

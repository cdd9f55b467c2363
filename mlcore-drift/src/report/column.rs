//! One column of a report: what was found, and its shape in both tables.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::ReportOptions;
use crate::bins::Binning;
use crate::monitor::{ColumnVerdict, Outcome, Verdict};
use crate::sample::{Categories, Kind, Sample};
use crate::two_sample::psi::psi;

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
    pub(super) fn new(
        name: &str,
        reference: &Sample,
        current: &Sample,
        verdict: &Verdict,
        options: &ReportOptions,
    ) -> Result<Self> {
        let tests: Vec<ColumnVerdict> =
            verdict.columns.iter().filter(|test| test.column == name).cloned().collect();
        let any = |outcome| tests.iter().any(|test| test.outcome == outcome);
        let outcome = [Outcome::Drifted, Outcome::Stable].into_iter().find(|outcome| any(*outcome));
        let psi = if reference.is_empty() || current.is_empty() {
            None
        } else {
            let result = psi(reference, current, &Binning::default())?;
            Some(PsiSummary { psi: result.psi, psi_corrected: result.psi_corrected, pvalue: result.pvalue })
        };
        let sorted = |sample: &Sample| {
            let mut sorted = sample.values()?.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            Some(sorted)
        };
        let (reference_sorted, current_sorted) = (sorted(reference), sorted(current));
        let histogram = reference_sorted
            .as_deref()
            .zip(current_sorted.as_deref())
            .and_then(|(reference, current)| Histogram::new(reference, current, options.histogram_bins));
        let (categories, other_categories) = match (reference.categories(), current.categories()) {
            (Some(reference), Some(current)) => shares(reference, current, options.most_categories),
            _ => (Vec::new(), 0),
        };
        Ok(Self {
            name: name.to_owned(),
            kind: reference.kind(),
            outcome: outcome.unwrap_or(Outcome::InsufficientData),
            tests,
            reference_missing_rate: reference.missing_rate(),
            current_missing_rate: current.missing_rate(),
            psi,
            reference_moments: reference_sorted.as_deref().map(Moments::of_sorted),
            current_moments: current_sorted.as_deref().map(Moments::of_sorted),
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

impl Moments {
    /// The summary of values in ascending order.
    fn of_sorted(sorted: &[f64]) -> Self {
        let finite = {
            let start = sorted.partition_point(|value| *value == f64::NEG_INFINITY);
            let end = sorted.partition_point(|value| *value < f64::INFINITY);
            sorted.get(start..end.max(start)).unwrap_or_default()
        };
        let n = finite.len() as f64;
        let keep = |value: f64| value.is_finite().then_some(value);
        // Dividing first keeps sums of huge values finite; the second pass takes back what rounding lost.
        let rough: f64 = finite.iter().map(|value| value / n).sum();
        let mean = rough + finite.iter().map(|value| (value - rough) / n).sum::<f64>();
        let variance = finite.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
        Self {
            count: sorted.len() as u64,
            infinite: (sorted.len() - finite.len()) as u64,
            mean: keep(mean),
            standard_deviation: keep(variance.sqrt()),
            min: finite.first().copied(),
            lower_quartile: quantile(sorted, 0.25),
            median: quantile(sorted, 0.5),
            upper_quartile: quantile(sorted, 0.75),
            max: finite.last().copied(),
        }
    }
}

/// The quantile of values in ascending order, linear interpolation; `None` where it is not finite.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted.get(place as usize)?, sorted.get(place.ceil() as usize)?);
    let value = low + (high - low) * place.fract();
    if low == high { low.is_finite().then_some(*low) } else { value.is_finite().then_some(value) }
}

impl Histogram {
    /// Bins of equal width over the central 99 % of both samples, so that one outlier does not flatten the picture.
    fn new(reference: &[f64], current: &[f64], bins: usize) -> Option<Self> {
        const TAIL: f64 = 0.005;
        let both =
            |share: f64| [reference, current].into_iter().filter_map(move |side| quantile(side, share));
        let low = both(TAIL).fold(f64::INFINITY, f64::min);
        let high = both(1.0 - TAIL).fold(f64::NEG_INFINITY, f64::max);
        if !(low.is_finite() && high.is_finite() && (high - low).is_finite()) {
            return None;
        }
        let (low, high) = if high > low { (low, high) } else { around(low) };
        let step = (high - low) / bins as f64;
        // Rounding may carry a subnormal step beyond the end.
        let mut edges: Vec<f64> = (0..bins).map(|i| (low + i as f64 * step).min(high)).collect();
        edges.push(high);
        edges.dedup();
        let (reference, current) = (Shares::of(reference, &edges), Shares::of(current, &edges));
        Some(Self {
            edges,
            below: [reference.below, current.below],
            above: [reference.above, current.above],
            reference: reference.inside,
            current: current.inside,
        })
    }
}

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
    fn of(sorted: &[f64], edges: &[f64]) -> Self {
        let n = sorted.len().max(1) as f64;
        let last = edges.len().saturating_sub(1);
        let below_edge = |(position, edge): (usize, &f64)| {
            // The last bin holds its upper edge.
            sorted.partition_point(|value| if position == last { value <= edge } else { value < edge })
        };
        let below: Vec<usize> = edges.iter().enumerate().map(below_edge).collect();
        let inside = below.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / n).collect();
        let (first, end) = (below.first().copied().unwrap_or(0), below.last().copied().unwrap_or(0));
        Self { below: first as f64 / n, inside, above: (sorted.len() - end) as f64 / n }
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
    rows.sort_by(|a, b| (b.1 + b.2).total_cmp(&(a.1 + a.2)).then(a.0.cmp(b.0)));
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

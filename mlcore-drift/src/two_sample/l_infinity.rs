//! The largest change of a share as a drift test.

use mlcore::stats::{hypergeom, norm};
use mlcore::{Result, interrupt};
use serde::{Deserialize, Serialize};

use super::{CompiledTest, DriftTest, Effect, Needs, Score};
use crate::bins::{BinCounts, BinnedReference, Binning};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// The largest change of the share of a bin or category, `L = max |p - q|`: 0 for equal shares, at most 1. It is the one distance
/// that is read off a bar chart.
///
/// **Chance** alone moves the largest of many shares: the effect is `sqrt(L^2 - c^2)`, where `c` is the median of `L` if nothing
/// changed. The p-value is the sum over bins of the probability that exchanging rows between the samples would move a bin by
/// `L` or more, which is hypergeometric, and exact however rare a category is. A sum of probabilities is at least that of any of
/// them (Boole's inequality), so that it errs on the side of no change; of two bins, which move together, one counts.
///
/// [`Recipe::NannyMl`](crate::bins::Recipe::NannyMl) gives NannyML's number, without a p-value; NannyML has it for categories
/// alone, and here it compares the bins of numbers, too.
///
/// Source: nannyml 0.13.1.
///
/// ```
/// use mlcore_drift::Sample;
/// use mlcore_drift::two_sample::{DriftTest, LInfinity};
///
/// let sample = |free: usize, pro: usize| Sample::categorical([vec!["free"; free], vec!["pro"; pro]].concat());
/// let score = LInfinity::default().compare(&sample(500, 500), &sample(600, 400))?;
/// assert!((score.statistic - 0.1).abs() < 1e-15 && score.pvalue.unwrap() < 1e-4);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LInfinity {
    binning: Binning,
}

impl LInfinity {
    /// The test with these bins.
    #[must_use]
    pub fn new(binning: Binning) -> Self {
        Self { binning }
    }
}

impl DriftTest for LInfinity {
    fn name(&self) -> &str {
        "l_infinity"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "L (L-infinity): the largest change of the share of a bin or category; two even halves that move to 55:45 give 0.05."
    }

    fn applies_to(&self, _kind: Kind) -> bool {
        true
    }

    /// 0.05: an even split that moves to 55:45. NannyML derives its threshold from chunks of the reference; the 0.1 that it had
    /// before misses a new category of one row in ten.
    fn default_minimum_effect(&self) -> f64 {
        0.05
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        let bins = BinnedReference::new(OPERATION, reference, &self.binning)?;
        Ok(Box::new(Compiled { bins, is_sound: self.binning.is_ours() }))
    }
}

#[derive(Debug)]
struct Compiled {
    bins: BinnedReference,
    is_sound: bool,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let counts = self.bins.count(current)?;
        interrupt::check(OPERATION)?;
        let score = if self.is_sound { sound(&counts)? } else { bare(&counts) };
        let BinCounts { reference_len, current_len, notes, .. } = counts;
        Ok(score.with_reference_len(reference_len).with_current_len(current_len).with_notes(notes))
    }

    fn needs(&self) -> Needs {
        self.bins.needs()
    }
}

fn largest(counts: &BinCounts) -> f64 {
    counts.shares().pairs().map(|(p, q)| (p - q).abs()).fold(0.0, f64::max)
}

fn bare(counts: &BinCounts) -> Score {
    let distance = largest(counts);
    Score::new(distance, Effect::new("L", distance))
}

fn sound(counts: &BinCounts) -> Result<Score> {
    let of = Exchange::of(&counts.reached_pairs());
    let distance = largest(counts);
    let effect = (distance.powi(2) - of.median()?.powi(2)).max(0.0).sqrt();
    let replaced_pvalue = match counts.replaced() {
        Some(all) => Some(Exchange::of(&all.reached_pairs()).pvalue(largest(&all))?),
        None => None,
    };
    Ok(Score::new(distance, Effect::new("L", effect))
        .with_pvalue(of.pvalue(distance)?)
        .with_replaced_pvalue(replaced_pvalue))
}

/// Bins whose rows are exchanged between the samples by chance.
struct Exchange {
    n: u64,
    m: u64,
    /// Rows of both samples in a bin, and how many bins have as many.
    sizes: Vec<(u64, f64)>,
}

impl Exchange {
    fn of(pairs: &[(u64, u64)]) -> Self {
        let (n, m) = super::chance::totals(pairs);
        let mut sizes: Vec<u64> = pairs.iter().map(|(a, b)| a + b).collect();
        interrupt::sort_unstable_by(&mut sizes, u64::cmp);
        // Two bins move together.
        sizes.truncate(if sizes.len() == 2 { 1 } else { usize::MAX });
        let grouped = sizes.chunk_by(|a, b| a == b);
        let grouped = grouped.filter_map(|equal| Some((*equal.first()?, equal.len() as f64)));
        Self { n, m, sizes: grouped.collect() }
    }

    /// The probability that some bin's share moves by `distance` or more, at most.
    fn pvalue(&self, distance: f64) -> Result<f64> {
        if distance <= 0.0 || self.n == 0 || self.m == 0 {
            return Ok(1.0);
        }
        let (n, m) = (self.n as f64, self.m as f64);
        let (rows, unit) = (self.n + self.m, n * m / (n + m));
        let mut sum = 0.0;
        for (size, times) in &self.sizes {
            interrupt::check(OPERATION)?;
            // Of `x` rows in the current sample the share moves by `x / m - (size - x) / n`, which grows with `x`.
            let even = *size as f64 / n;
            let slack = 1e-9 * (*size as f64).max(1.0);
            let (low, high) = ((even - distance) * unit + slack, (even + distance) * unit - slack);
            if low >= 0.0 {
                sum += times * hypergeom::cdf(low.floor() as u64, rows, *size, self.m);
            }
            match (high.ceil().max(0.0) as u64).checked_sub(1) {
                Some(below) => sum += times * hypergeom::sf(below, rows, *size, self.m),
                None => sum += times,
            }
        }
        Ok(sum.min(1.0))
    }

    /// The median of the largest change, by the normal distribution.
    fn median(&self) -> Result<f64> {
        if self.sizes.is_empty() || self.n == 0 || self.m == 0 {
            return Ok(0.0);
        }
        let (n, m) = (self.n as f64, self.m as f64);
        let deviation = |size: u64| {
            let share = size as f64 / (n + m);
            (share * (1.0 - share) * (1.0 / n + 1.0 / m)).sqrt()
        };
        let deviations: Vec<(f64, f64)> =
            self.sizes.iter().map(|(size, times)| (deviation(*size), *times)).collect();
        let (mut below, mut above) = (0.0_f64, 1.0_f64);
        for _ in 0..HALVINGS {
            interrupt::check(OPERATION)?;
            let middle = (below + above) / 2.0;
            let none_beyond: f64 = deviations
                .iter()
                .filter(|(deviation, _)| *deviation > 0.0)
                .map(|(deviation, times)| times * (-2.0 * norm::sf(middle / deviation)).ln_1p())
                .sum();
            (below, above) =
                if none_beyond < -std::f64::consts::LN_2 { (middle, above) } else { (below, middle) };
        }
        Ok(above)
    }
}

/// Until nothing is left of an interval from 0 to 1 but a billionth.
const HALVINGS: u32 = 30;
const OPERATION: &str = "compare with l_infinity";

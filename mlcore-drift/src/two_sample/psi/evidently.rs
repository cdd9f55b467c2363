//! The recipe of Evidently 0.7.23, number by number.
//!
//! What it does: drops infinities; counts by value if the reference has at most 20 distinct values; otherwise takes
//! numpy's `histogram_bin_edges(both, bins="sturges")` and `histogram`, whose rounding is repeated here operation by
//! operation, for `float64`, `float32` and integer columns, because a value on an edge decides a digit.

use std::borrow::Cow;

use mlcore::{Error, Result};

use super::histogram::Interior;
use super::{OPERATION, PsiResult, term};
use crate::sample::{Categories, Precision, Sample, count_numbers};
use crate::two_sample::{CompiledTest, Note, Score};
use crate::vector::extent;

/// At most this many distinct values of the reference are compared one by one.
const MOST_SINGLE_VALUES: usize = 20;
/// What an empty bin's share becomes, unless a share is as small.
const LIFTED: f64 = 0.0001;
/// Otherwise the smallest share divided by this.
const LIFTED_DIVISOR: f64 = 1_000_000.0;

pub(super) fn psi(reference: &Sample, current: &Sample) -> Result<PsiResult> {
    if reference.values().is_none() {
        return Ok(by_category(&reference.counted(), &current.counted()));
    }
    let (reference, current) = (Finite::of(reference, "reference")?, Finite::of(current, "current")?);
    let mut result = match count_numbers(&reference.values, MOST_SINGLE_VALUES) {
        Some(counts) => by_value(&counts, &current.values),
        None => {
            let grid = Sturges::new(reference.range, reference.values.len(), reference.precision, &current)?;
            let counts = grid.interior.count(&reference.values);
            grid.psi(&counts, &current.values)
        }
    };
    note_dropped(&mut result, (reference.dropped, current.dropped));
    Ok(result)
}

/// A reference sorted once, so that the edges, which depend on the current sample too, are counted by searching.
#[derive(Debug)]
pub(super) struct EvidentlyReference {
    sample: Sample,
    sorted: Vec<f64>,
    counts: Option<Vec<(f64, u64)>>,
    dropped: u64,
}

impl EvidentlyReference {
    pub(super) fn new(reference: &Sample) -> Result<Self> {
        let (mut sorted, mut counts, mut dropped) = (Vec::new(), None, 0);
        if reference.values().is_some() {
            let finite = Finite::of(reference, "reference")?;
            (sorted, dropped) = (finite.values.into_owned(), finite.dropped);
            sorted.sort_unstable_by(f64::total_cmp);
            counts = count_numbers(&sorted, MOST_SINGLE_VALUES);
        }
        Ok(Self { sample: reference.clone(), sorted, counts, dropped })
    }

    fn psi(&self, current: &Sample) -> Result<PsiResult> {
        current.require_values(OPERATION, "current")?;
        current.require_kind(OPERATION, self.sample.kind())?;
        if let Some(categories) = self.sample.categories() {
            return Ok(by_category(categories, &current.counted()));
        }
        let current = Finite::of(current, "current")?;
        let mut result = match &self.counts {
            Some(counts) => by_value(counts, &current.values),
            None => {
                let ends = (self.sorted.first().copied(), self.sorted.last().copied());
                let own = (ends.0.unwrap_or(0.0), ends.1.unwrap_or(0.0));
                let grid = Sturges::new(own, self.sorted.len(), self.sample.precision(), &current)?;
                let counts = grid.interior.count_sorted(&self.sorted);
                grid.psi(&counts, &current.values)
            }
        };
        note_dropped(&mut result, (self.dropped, current.dropped));
        Ok(result)
    }
}

impl CompiledTest for EvidentlyReference {
    fn compare(&self, current: &Sample) -> Result<Score> {
        Ok(self.psi(current)?.into_score(&self.sample, current))
    }
}

/// The finite values of a sample.
struct Finite<'a> {
    values: Cow<'a, [f64]>,
    range: (f64, f64),
    precision: Precision,
    dropped: u64,
}

impl<'a> Finite<'a> {
    fn of(sample: &'a Sample, side: &'static str) -> Result<Self> {
        let all = sample.require_numbers(OPERATION, side)?;
        let precision = sample.precision();
        let range = sample.range();
        if range.0.is_finite() && range.1.is_finite() {
            return Ok(Self { values: all.into(), range, precision, dropped: 0 });
        }
        let values: Vec<f64> = all.iter().copied().filter(|value| value.is_finite()).collect();
        if values.is_empty() {
            let problem = "every value is infinite, and Evidently drops these";
            return Err(Error::invalid_input(OPERATION, side, problem)
                .remedy("use the quantile recipe, which takes infinities"));
        }
        let (ends, dropped) = (extent(&values), (all.len() - values.len()) as u64);
        Ok(Self { values: values.into(), range: (ends.low, ends.high), precision, dropped })
    }
}

fn note_dropped(result: &mut PsiResult, (reference, current): (u64, u64)) {
    if reference + current > 0 {
        result.notes.push(Note::InfinitiesDropped { reference, current });
    }
}

/// numpy's bins of equal width over both samples, as many as Sturges' rule asks for.
struct Sturges {
    interior: Interior,
    edges: Vec<f64>,
}

impl Sturges {
    fn new(own: (f64, f64), own_len: usize, own_precision: Precision, current: &Finite) -> Result<Self> {
        let (low, high) = (own.0.min(current.range.0), own.1.max(current.range.1));
        // What pandas.concat makes of two columns of different types is a float64.
        let precision = if own_precision == current.precision { own_precision } else { Precision::Float64 };
        let span = match precision {
            Precision::Float32 => f64::from(high as f32 - low as f32),
            Precision::Float64 | Precision::Integer => high - low,
        };
        let len = (own_len + current.values.len()) as f64;
        let mut width = span / (len.log2() + 1.0);
        if precision == Precision::Integer && width < 1.0 {
            width = 1.0;
        }
        let bins = (span / width).ceil();
        if !(1.0..=1e6).contains(&bins) {
            let problem = format!("numpy cannot divide the range {low:e} to {high:e} into bins");
            return Err(Error::invalid_input(OPERATION, "values", problem)
                .remedy("use the quantile recipe, or rescale the column"));
        }
        let bins = bins as usize;
        let edges = match precision {
            Precision::Float32 => linspace_f32(low as f32, high as f32, bins),
            Precision::Float64 | Precision::Integer => linspace(low, high, bins),
        };
        if edges.windows(2).any(|pair| pair[0] >= pair[1]) {
            let problem = format!("too many bins for the range {low:e} to {high:e}: numpy refuses {bins}");
            return Err(Error::invalid_input(OPERATION, "values", problem)
                .remedy("use the quantile recipe, or rescale the column"));
        }
        let inner = edges.get(1..bins).unwrap_or_default().to_vec();
        let step = span / bins as f64;
        let interior = match precision {
            // A float32 grid is rounded too coarsely for the shortcut, and an underflowing one is no grid.
            Precision::Float32 => Interior::new(inner),
            _ if step == 0.0 => Interior::new(inner),
            Precision::Float64 | Precision::Integer => Interior::even(low, step, bins),
        };
        Ok(Self { interior, edges })
    }

    fn psi(self, reference: &[u64], current: &[f64]) -> PsiResult {
        let counts = self.interior.count(current);
        PsiResult { edges: self.edges, ..lifted(reference, &counts) }
    }
}

/// `numpy.linspace(low, high, parts + 1)`.
fn linspace(low: f64, high: f64, parts: usize) -> Vec<f64> {
    let span = high - low;
    let step = span / parts as f64;
    (0..=parts)
        .map(|i| match i {
            _ if i == parts => high,
            // numpy's way out where the step underflows.
            _ if step == 0.0 => i as f64 / parts as f64 * span + low,
            _ => i as f64 * step + low,
        })
        .collect()
}

/// The same in single precision, as for a `float32` column.
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

fn by_value(reference: &[(f64, u64)], current: &[f64]) -> PsiResult {
    let named = |counts: &[(f64, u64)]| {
        Categories::new(counts.iter().map(|(value, count)| (format!("{value}"), *count)))
    };
    let current = count_numbers(current, usize::MAX).unwrap_or_default();
    by_category(&named(reference), &named(&current))
}

fn by_category(reference: &Categories, current: &Categories) -> PsiResult {
    let rows = reference.union(current);
    let (x, y): (Vec<u64>, Vec<u64>) = rows.iter().map(|(_, a, b)| (*a, *b)).unzip();
    let categories = rows.iter().map(|(name, ..)| (*name).to_owned()).collect();
    PsiResult { categories, ..lifted(&x, &y) }
}

/// The index of two rows of counts, zeros lifted.
fn lifted(reference: &[u64], current: &[u64]) -> PsiResult {
    let (p, q) = (shares(reference), shares(current));
    let (p_lifted, q_lifted) = (lift(&p), lift(&q));
    let psi = p_lifted.iter().zip(&q_lifted).map(|(p, q)| term(*p, *q)).sum();
    let zeros = |shares: &[f64]| shares.iter().filter(|share| **share == 0.0).count() as u64;
    let mut notes = Vec::new();
    if zeros(&p) + zeros(&q) > 0 {
        notes.push(Note::ZerosLifted { reference: zeros(&p), current: zeros(&q) });
    }
    PsiResult {
        psi,
        psi_corrected: psi,
        pvalue: None,
        degrees_of_freedom: p.len().saturating_sub(1),
        edges: Vec::new(),
        categories: Vec::new(),
        reference_share: p,
        current_share: q,
        notes,
    }
}

fn shares(counts: &[u64]) -> Vec<f64> {
    let total = counts.iter().sum::<u64>() as f64;
    counts.iter().map(|count| *count as f64 / total).collect()
}

fn lift(shares: &[f64]) -> Vec<f64> {
    let smallest = shares.iter().copied().filter(|share| *share > 0.0).fold(f64::INFINITY, f64::min);
    let floor = if smallest <= LIFTED { smallest / LIFTED_DIVISOR } else { LIFTED };
    shares.iter().map(|share| if *share == 0.0 { floor } else { *share }).collect()
}

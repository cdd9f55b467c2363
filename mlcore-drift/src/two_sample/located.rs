//! Two samples as tests of means and distances see them: finite values, in a range where their squares are floats.

use std::borrow::Cow;

use mlcore::stats::Moments;
use mlcore::{Error, Result};

use super::{Note, Score};
use crate::sample::Sample;
use crate::vector::extent;

/// A reference, ready for tests that do not care where the numbers begin.
#[derive(Debug)]
pub(super) struct Located {
    operation: &'static str,
    /// What is subtracted from integers past 2^53, so that floats tell them apart.
    origin: Option<i128>,
    values: Vec<f64>,
    moments: Moments,
    infinities: u64,
}

/// Finite values of both samples.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    pub(super) reference: Cow<'a, [f64]>,
    pub(super) current: Cow<'a, [f64]>,
    pub(super) reference_moments: Moments,
    /// The power of 2 that all values were multiplied by; 1 for any that are not very large or very small.
    pub(super) scale: f64,
    infinities: [u64; 2],
}

impl Located {
    /// Takes the finite values of the reference of `operation`.
    pub(super) fn new(operation: &'static str, reference: &Sample) -> Result<Self> {
        reference.require_numbers(operation, "reference")?;
        let origin = reference.origin();
        let reference = origin.map_or_else(|| reference.clone(), |origin| reference.distances(origin));
        let (values, infinities) = finite(operation, "reference", reference.values().unwrap_or_default())?;
        let values = values.into_owned();
        let moments = Moments::from_slice(&values);
        Ok(Self { operation, origin, values, moments, infinities })
    }

    /// The finite values of the reference.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// What `test` says of the finite values of the reference and of `current`, with their numbers and a note about the others.
    pub(super) fn compare(
        &self,
        current: &Sample,
        test: impl FnOnce(&Pair<'_>) -> Result<Score>,
    ) -> Result<Score> {
        current.require_numbers(self.operation, "current")?;
        let distances = self.origin.map(|origin| current.distances(origin));
        let values = distances.as_ref().unwrap_or(current).values().unwrap_or_default();
        let (values, infinities) = finite(self.operation, "current", values)?;
        let mut pair = Pair {
            reference: Cow::Borrowed(&self.values),
            current: values,
            reference_moments: self.moments,
            scale: 1.0,
            infinities: [self.infinities, infinities],
        };
        pair.bring_into_range();
        let score = test(&pair)?;
        let [reference, current] = pair.infinities;
        let dropped = (reference + current > 0).then_some(Note::InfinitiesDropped { reference, current });
        Ok(score
            .with_reference_len(pair.reference.len() as u64 + reference)
            .with_current_len(pair.current.len() as u64 + current)
            .with_notes(dropped))
    }
}

impl Pair<'_> {
    /// Squares of numbers beyond 2^512 are no floats, and those of numbers below 2^-537 are 0.
    fn bring_into_range(&mut self) {
        let largest = [&self.reference, &self.current]
            .into_iter()
            .map(|values| extent(values))
            .fold(0.0_f64, |largest, ends| largest.max(ends.high.abs()).max(ends.low.abs()));
        if largest == 0.0 || (SMALLEST..LARGEST).contains(&largest) {
            return;
        }
        let exponent = if largest < SMALLEST { MOST_DOUBLINGS } else { -MOST_DOUBLINGS };
        self.scale = 2.0_f64.powi(exponent);
        for values in [&mut self.reference, &mut self.current] {
            values.to_mut().iter_mut().for_each(|value| *value *= self.scale);
        }
        self.reference_moments = Moments::from_slice(&self.reference);
    }

    /// Whether all values of both samples are one.
    pub(super) fn is_constant(&self) -> bool {
        let first = self.reference.first();
        self.reference.iter().chain(&*self.current).all(|value| Some(value) == first)
    }
}

/// The finite values among these, and how many are not.
fn finite<'a>(
    operation: &'static str,
    side: &'static str,
    values: &'a [f64],
) -> Result<(Cow<'a, [f64]>, u64)> {
    let ends = extent(values);
    if ends.low > f64::NEG_INFINITY && ends.high < f64::INFINITY {
        return Ok((Cow::Borrowed(values), 0));
    }
    let kept: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if kept.is_empty() {
        return Err(Error::invalid_input(operation, side, "all its values are infinite")
            .remedy("choose a test of order, such as ks or mannw"));
    }
    let dropped = (values.len() - kept.len()) as u64;
    Ok((Cow::Owned(kept), dropped))
}

/// A number that may be infinite, as a float that every format can hold.
pub(super) fn bounded(number: f64) -> f64 {
    number.clamp(f64::MIN, f64::MAX)
}

/// 2^-400 and 2^400: between them squares are floats, and so are sums of them and squares of small parts of them.
const SMALLEST: f64 = 3.872_591_914_849_318_3e-121;
const LARGEST: f64 = 2.582_249_878_086_908_6e120;
/// Brings the smallest float to 2^-324, and the largest to 2^274.
const MOST_DOUBLINGS: i32 = 750;

//! Mean, variance, skewness and kurtosis: the first two from exact sums, the others merged within a bound.

use super::codec::{Reader, Writer};
use super::sum::{Sum, SumOfSquares, mean, squared_deviations};
use super::vector::{Powers, powers, slices};
use crate::error::Result;

/// The moments of finite numbers.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Moments {
    count: u64,
    sum: Sum,
    squares: SumOfSquares,
    powers: Powers,
}

/// Blocks of larger numbers, or of smaller ones, are added one by one: their squares leave the range of floats.
const EXPONENTS: std::ops::RangeInclusive<i32> = -420..=500;

impl Moments {
    /// Adds a block of finite numbers, of which `largest` is the largest magnitude.
    pub(super) fn add(&mut self, block: &[f64], largest: f64) {
        let exponent = exponent_above(largest);
        let parts = EXPONENTS.contains(&exponent).then(|| slices(block, exponent));
        match parts.filter(|parts| parts.is_exact) {
            Some(parts) => {
                parts.sum.iter().for_each(|part| self.sum.add(*part));
                parts.squares.iter().for_each(|part| self.squares.add(*part));
            }
            None => block.iter().for_each(|value| self.add_exactly(*value, 1)),
        }
        self.add_powers(block.len() as u64, &powers(block));
    }

    /// Those of numbers that occur so often, in ascending order.
    pub(super) fn of_counts(counts: impl Iterator<Item = (f64, u64)> + Clone) -> Self {
        let mut moments = Self::default();
        for (value, count) in counts.clone() {
            moments.add_exactly(value, count);
            moments.count = moments.count.saturating_add(count);
        }
        let (mean, mut sums) = (moments.mean().unwrap_or(0.0), [0.0; 4]);
        for (value, count) in counts {
            let deviation = value - mean;
            let mut power = count as f64;
            for sum in &mut sums {
                power *= deviation;
                *sum += power;
            }
        }
        if moments.count > 0 {
            moments.powers = Powers::about(mean, moments.count as f64, sums);
        }
        moments
    }

    fn add_exactly(&mut self, value: f64, count: u64) {
        self.sum.add_times(value, count);
        self.squares.add_square_times(value, count);
    }

    /// Adds sums of powers of deviations (P. Pébay, 2008).
    fn add_powers(&mut self, count: u64, other: &Powers) {
        let own = self.powers;
        let (a, b) = (self.count as f64, count as f64);
        self.count = self.count.saturating_add(count);
        if a == 0.0 || b == 0.0 {
            self.powers = if a == 0.0 { *other } else { own };
            return;
        }
        let n = a + b;
        let (p, q) = (a / n, b / n);
        let delta = (other.mean - own.mean) + (other.rest - own.rest);
        let square = delta * delta;
        let step = delta * q + own.rest;
        let mean = own.mean + step;
        self.powers = Powers {
            mean,
            rest: step - (mean - own.mean),
            squares: own.squares + other.squares + square * a * q,
            cubes: own.cubes
                + other.cubes
                + square * delta * a * q * (p - q)
                + 3.0 * delta * (p * other.squares - q * own.squares),
            fourths: own.fourths
                + other.fourths
                + square * square * a * q * (p * p - p * q + q * q)
                + 6.0 * square * (p * p * other.squares + q * q * own.squares)
                + 4.0 * delta * (p * other.cubes - q * own.cubes),
        };
    }

    /// Adds the moments of other numbers.
    pub(super) fn merge(&mut self, other: &Self) {
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
        self.add_powers(other.count, &other.powers);
    }

    /// How many numbers there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| mean(&self.sum, self.count))
    }

    /// The unbiased variance; infinite beyond the largest float.
    pub(super) fn variance(&self) -> Option<f64> {
        let degrees = self.count.checked_sub(1).filter(|degrees| *degrees > 0)?;
        Some(squared_deviations(&self.sum, &self.squares, self.count) / degrees as f64)
    }

    pub(super) fn skewness(&self) -> Option<f64> {
        let spread = self.spread()?;
        Some(self.powers.cubes / self.count as f64 / spread.powf(1.5)).filter(|value| value.is_finite())
    }

    pub(super) fn kurtosis(&self) -> Option<f64> {
        let spread = self.spread()?;
        let kurtosis = self.powers.fourths / self.count as f64 / (spread * spread) - 3.0;
        Some(kurtosis).filter(|value| value.is_finite())
    }

    /// The variance of all numbers there are, where they differ.
    fn spread(&self) -> Option<f64> {
        (self.count > 0)
            .then(|| squared_deviations(&self.sum, &self.squares, self.count) / self.count as f64)
            .filter(|spread| *spread > 0.0 && spread.is_finite())
    }

    /// The part that no order of rows changes.
    pub(super) fn write_exact(&self, writer: &mut Writer) {
        writer.u64(self.count);
        self.sum.write(writer);
        self.squares.write(writer);
    }

    pub(super) fn write_rest(&self, writer: &mut Writer) {
        let Powers { mean, rest, squares, cubes, fourths } = self.powers;
        [mean, rest, squares, cubes, fourths].into_iter().for_each(|value| writer.f64(value));
    }

    pub(super) fn read_exact(reader: &mut Reader<'_>) -> Result<Self> {
        let count = reader.u64()?;
        Ok(Self {
            count,
            sum: Sum::read(reader)?,
            squares: SumOfSquares::read(reader)?,
            powers: Powers::default(),
        })
    }

    pub(super) fn read_rest(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let mut next = || reader.f64();
        let (mean, rest, squares, cubes, fourths) = (next()?, next()?, next()?, next()?, next()?);
        // The powers of numbers near the largest float are infinite, and may be NaN from then on.
        self.powers = Powers { mean, rest, squares, cubes, fourths };
        Ok(())
    }
}

/// The smallest exponent of which the power of two is larger than `largest`.
pub(super) fn exponent_above(largest: f64) -> i32 {
    ((largest.to_bits() >> 52) & 0x7ff) as i32 - 1022
}

//! Means and covariances of cosines and sines of a sample.

use std::f64::consts::FRAC_2_PI;

use super::OPERATION;
use crate::error::Result;
use crate::interrupt;

/// Means and covariances of `cos(point value)` for each point, then of `sin(point value)`.
pub(super) struct Waves {
    pub(super) means: Vec<f64>,
    /// Divided by the number of values, not by one less.
    pub(super) covariance: Vec<Vec<f64>>,
}

/// Values whose waves stay in the fastest cache while products are added up.
const BLOCK: usize = 256;
/// Running sums that do not wait for each other.
const LANES: usize = 8;

type Wave = [f64; BLOCK];

impl Waves {
    pub(super) fn of(values: &[f64], points: &[f64]) -> Result<Self> {
        let size = 2 * points.len();
        let mut waves = vec![[0.0; BLOCK]; size];
        // Sums are of differences from the means of the first block, so that little cancels.
        let mut origins: Vec<f64> = Vec::new();
        let mut sums = vec![0.0; size];
        let mut products = vec![vec![0.0; size]; size];
        for block in values.chunks(BLOCK) {
            interrupt::check(OPERATION)?;
            fill(block, points, &mut waves);
            if origins.is_empty() {
                let mean = |wave: &Wave| wave[..block.len()].iter().sum::<f64>() / block.len() as f64;
                origins = waves.iter().map(mean).collect();
            }
            for (wave, origin) in waves.iter_mut().zip(&origins) {
                wave[..block.len()].iter_mut().for_each(|height| *height -= origin);
                // Nothing lies beyond the last value.
                wave[block.len()..].fill(0.0);
            }
            for (first, (sum, products)) in sums.iter_mut().zip(&mut products).enumerate() {
                *sum += total(&waves[first]);
                for (second, product) in products.iter_mut().enumerate().skip(first) {
                    *product += dot(&waves[first], &waves[second]);
                }
            }
        }
        let count = values.len() as f64;
        let shifts: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
        let covariance = |i: usize, j: usize| {
            let (i, j) = (i.min(j), i.max(j));
            products[i][j] / count - shifts[i] * shifts[j]
        };
        Ok(Self {
            covariance: (0..size).map(|i| (0..size).map(|j| covariance(i, j)).collect()).collect(),
            means: shifts.iter().zip(&origins).map(|(shift, origin)| origin + shift).collect(),
        })
    }
}

/// The waves of a block: cosines, then sines.
fn fill(block: &[f64], points: &[f64], waves: &mut [Wave]) {
    let (cosines, sines) = waves.split_at_mut(points.len());
    for place in 0..points.len() {
        let (known_cosines, cosine) = cosines.split_at_mut(place);
        let (known_sines, sine) = sines.split_at_mut(place);
        let (Some(cosine), Some(sine)) = (cosine.first_mut(), sine.first_mut()) else { continue };
        // As by default: a point that is twice another one to the bit needs no new waves.
        let half = points[..place].iter().position(|point| 2.0 * point == points[place]);
        match half.and_then(|half| known_cosines.get(half).zip(known_sines.get(half))) {
            Some((cosine_of_half, sine_of_half)) => {
                for i in 0..BLOCK {
                    let (c, s) = (cosine_of_half[i], sine_of_half[i]);
                    cosine[i] = 1.0 - 2.0 * s * s;
                    sine[i] = 2.0 * s * c;
                }
            }
            None => {
                let mut angles = [0.0; BLOCK];
                for (angle, value) in angles.iter_mut().zip(block) {
                    *angle = points[place] * value;
                }
                sines_and_cosines(&angles, sine, cosine);
            }
        }
    }
}

/// Sines and cosines of a block of angles, by plain arithmetic that the compiler turns into vector instructions: within two
/// units of 2^-53 of the truth.
fn sines_and_cosines(angles: &Wave, sines: &mut Wave, cosines: &mut Wave) {
    let are_small = angles.iter().fold(true, |are_small, angle| are_small & (angle.abs() <= LARGEST_ANGLE));
    if !are_small {
        for ((angle, sine), cosine) in angles.iter().zip(sines.iter_mut()).zip(cosines.iter_mut()) {
            (*sine, *cosine) = angle.sin_cos();
        }
        return;
    }
    for ((angle, sine), cosine) in angles.iter().zip(sines.iter_mut()).zip(cosines.iter_mut()) {
        // The nearest multiple of a quarter turn; its integer is in the lowest bits.
        let shifted = angle * FRAC_2_PI + ROUNDING;
        let quadrant = shifted.to_bits();
        let turns = shifted - ROUNDING;
        // In three steps, the first two of which are exact.
        let rest = angle - turns * QUARTER_TURN[0] - turns * QUARTER_TURN[1] - turns * QUARTER_TURN[2];
        let square = rest * rest;
        let own_sine = rest * polynomial(&SINE, square);
        let own_cosine = polynomial(&COSINE, square);
        let is_odd = (quadrant & 1).wrapping_neg();
        let select = |even: f64, odd: f64| (even.to_bits() & !is_odd) | (odd.to_bits() & is_odd);
        let sine_sign = (quadrant & 2) << 62;
        let cosine_sign = (quadrant.wrapping_add(1) & 2) << 62;
        *sine = f64::from_bits(select(own_sine, own_cosine) ^ sine_sign);
        *cosine = f64::from_bits(select(own_cosine, own_sine) ^ cosine_sign);
    }
}

#[inline(always)]
fn polynomial(coefficients: &[f64; 9], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// Up to here the multiples of a quarter turn have 20 bits.
const LARGEST_ANGLE: f64 = 1e6;
/// Adding this to a float leaves its nearest integer in the low bits.
const ROUNDING: f64 = 6_755_399_441_055_744.0;
/// pi / 2 in parts of 33 bits.
const QUARTER_TURN: [f64; 3] = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21];
/// Taylor's series; beyond them less than 2^-54 is left for an eighth of a turn.
const SINE: [f64; 9] = taylor(1);
const COSINE: [f64; 9] = taylor(0);

/// `(-1)^i / (2 i + first)!`
const fn taylor(first: u32) -> [f64; 9] {
    let mut coefficients = [1.0; 9];
    let mut i = 1;
    while i < 9 {
        let last = (2 * i + first) as f64;
        coefficients[i as usize] = -coefficients[i as usize - 1] / (last * (last - 1.0));
        i += 1;
    }
    coefficients
}

fn total(wave: &Wave) -> f64 {
    let mut sums = [0.0; LANES];
    for part in wave.as_chunks::<LANES>().0 {
        sums.iter_mut().zip(part).for_each(|(sum, height)| *sum += height);
    }
    sums.iter().sum()
}

fn dot(first: &Wave, second: &Wave) -> f64 {
    let mut sums = [0.0; LANES];
    for (first, second) in first.as_chunks::<LANES>().0.iter().zip(second.as_chunks::<LANES>().0) {
        for ((sum, first), second) in sums.iter_mut().zip(first).zip(second) {
            *sum += first * second;
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    #[test]
    fn sines_and_cosines_are_those_of_the_standard_library() {
        let mut random = SplitMix64::new(9);
        for reach in [1e-300, 1e-3, 1.0, 10.0, 1e4, 9e5, 1e9] {
            let angles: Wave = std::array::from_fn(|_| (2.0 * random.uniform() - 1.0) * reach);
            let (mut sines, mut cosines) = ([0.0; BLOCK], [0.0; BLOCK]);
            sines_and_cosines(&angles, &mut sines, &mut cosines);
            for ((angle, sine), cosine) in angles.iter().zip(sines).zip(cosines) {
                let (expected_sine, expected_cosine) = angle.sin_cos();
                let error = (sine - expected_sine).abs().max((cosine - expected_cosine).abs());
                assert!(error < 3e-16, "{angle}: {sine} {expected_sine} {cosine} {expected_cosine}");
            }
        }
    }
}

//! The survival function of the two-sided one-sample Kolmogorov-Smirnov statistic `D_n`.
//!
//! The regions and cut-offs are those of scipy's `kolmogn`, which follows R. Simard and P. L'Ecuyer, "Computing the
//! Two-Sided Kolmogorov-Smirnov Distribution" (2011): Ruben-Gambino's closed forms at both ends, the matrix power
//! of Marsaglia, Tsang and Wang, Pomeranz' recursion, Pelz and Good's expansion, and Miller's `2 P(D+ >= x)`.

use super::smirnov::smirnov_sf;
use std::f64::consts::{LN_2, PI};

const PI_2: f64 = PI * PI;
const PI_4: f64 = PI_2 * PI_2;
const PI_6: f64 = PI_4 * PI_2;
/// `2^128`: intermediate results are rescaled by this much.
const SCALE: f64 = 340_282_366_920_938_463_463_374_607_431_768_211_456.0;
const SCALE_EXPONENT: i32 = 128;
/// `exp(-708)` is the smallest normal power; scipy's cut-off.
const SMALLEST_LOG: f64 = -708.0;
/// Up to this sample size scipy computes the distribution itself, beyond it an expansion.
const SMALL_SAMPLE: f64 = 140.0;
/// Below this the distribution function cannot move the ninth digit of the survival function.
const NEGLIGIBLE_CDF: f64 = 1e-9;

/// `P(D_n >= x)` for a sample of size `n`, scipy's `kstwo.sf(x, n)`; NaN unless `n` is a positive integer.
pub(in crate::stats) fn kolmogorov_sf(n: f64, x: f64) -> f64 {
    if !(n >= 1.0 && n.floor() == n) || x.is_nan() {
        return f64::NAN;
    }
    if x >= 1.0 {
        return 0.0;
    }
    if x <= 0.0 {
        return 1.0;
    }
    let scaled = n * x;
    if scaled <= 1.0 {
        return 1.0 - ruben_gambino(n, scaled);
    }
    if scaled >= n - 1.0 {
        return clip(2.0 * (n * (-x).ln_1p()).exp());
    }
    if x >= 0.5 {
        return clip(2.0 * smirnov_sf(n, x));
    }
    let n_x2 = scaled * x;
    if n <= SMALL_SAMPLE {
        if n_x2 <= 0.754_693 {
            return clip(1.0 - matrix_power(n, x));
        }
        if n_x2 <= 4.0 {
            return clip(1.0 - pomeranz(n, x));
        }
        return clip(2.0 * smirnov_sf(n, x));
    }
    if n_x2 >= 370.0 {
        return 0.0;
    }
    if n_x2 >= 2.2 {
        return clip(2.0 * smirnov_sf(n, x));
    }
    let approximate = pelz_good(n, x);
    // The matrix has 2 n x rows. Where the expansion says that it would only confirm a one, it is not built.
    if n <= 100_000.0 && n * x.powf(1.5) <= 1.4 && approximate > NEGLIGIBLE_CDF {
        return clip(1.0 - matrix_power(n, x));
    }
    clip(1.0 - approximate)
}

fn clip(probability: f64) -> f64 {
    probability.clamp(0.0, 1.0)
}

/// `P(D_n <= x) = n! (2 n x - 1)^n / n^n` where `n x <= 1`.
fn ruben_gambino(n: f64, scaled: f64) -> f64 {
    if scaled <= 0.5 {
        return 0.0;
    }
    let base = 2.0 * scaled - 1.0;
    if n <= SMALL_SAMPLE {
        let mut product = 1.0;
        let mut i = 1.0;
        while i <= n {
            product *= i / n * base;
            i += 1.0;
        }
        return product;
    }
    // ln(n! / n^n) by Stirling, with n ln n taken out before it can cancel.
    let log_factorial =
        n.ln() / 2.0 - n + super::deviance::LN_SQRT_TWO_PI + super::deviance::stirling_error(n);
    (log_factorial + n * base.ln()).exp()
}

/// A square matrix in row order.
struct Matrix {
    rows: usize,
    cells: Vec<f64>,
}

impl Matrix {
    fn zeros(rows: usize) -> Self {
        Self { rows, cells: vec![0.0; rows * rows] }
    }

    fn product(&self, other: &Self) -> Self {
        let mut product = Self::zeros(self.rows);
        for (row, out) in self.cells.chunks_exact(self.rows).zip(product.cells.chunks_exact_mut(self.rows)) {
            for (&factor, other_row) in row.iter().zip(other.cells.chunks_exact(self.rows)) {
                if factor != 0.0 {
                    for (cell, &value) in out.iter_mut().zip(other_row) {
                        *cell += factor * value;
                    }
                }
            }
        }
        product
    }
}

/// `P(D_n <= x)` as the middle cell of `n!/n^n H^n` (Marsaglia, Tsang and Wang 2003).
fn matrix_power(n: f64, x: f64) -> f64 {
    let scaled = n * x;
    if scaled <= 0.5 {
        return 0.0;
    }
    let k = scaled.ceil();
    let h = k - scaled;
    let (middle, rows) = (k as usize - 1, 2 * k as usize - 1);
    // Cells of H^n grow like e^n. Their powers of two are taken out and counted, which costs no digit; out of the base
    // alone, as scipy does. The product stays below 2^800 where the caller asks for it, and would overflow for tens of
    // thousands of values far out in the left tail, which the caller's cut-off `NEGLIGIBLE_CDF` leaves to the expansion.
    let mut power_base = durbin_matrix(rows, h);
    let mut base_exponent = 0;
    let mut power: Option<Matrix> = None;
    let mut exponent = 0;
    let mut remaining = n as u64;
    while remaining > 0 {
        if remaining % 2 == 1 {
            let next = match &power {
                Some(power) => power.product(&power_base),
                None => Matrix { rows, cells: power_base.cells.clone() },
            };
            power = Some(next);
            exponent += base_exponent;
        }
        remaining /= 2;
        if remaining > 0 {
            power_base = power_base.product(&power_base);
            base_exponent *= 2;
            if power_base.cells.get(middle * rows + middle).is_some_and(|cell| cell.abs() > SCALE) {
                power_base.cells.iter_mut().for_each(|cell| *cell /= SCALE);
                base_exponent += SCALE_EXPONENT;
            }
        }
    }
    // n!/n^n shrinks as fast as the cell has grown; factor by factor neither leaves the doubles.
    let mut probability =
        power.and_then(|power| power.cells.get(middle * rows + middle).copied()).unwrap_or(1.0);
    let mut i = 1.0;
    while i <= n {
        probability = i * probability / n;
        if probability.abs() < 1.0 / SCALE {
            probability *= SCALE;
            exponent -= SCALE_EXPONENT;
        }
        i += 1.0;
    }
    times_power_of_two(probability, exponent)
}

/// Durbin's matrix `H` for `x = (k - h)/n` with `2 k - 1` rows.
fn durbin_matrix(rows: usize, h: f64) -> Matrix {
    let mut inverse_factorial = Vec::with_capacity(rows);
    let mut column = Vec::with_capacity(rows);
    let (mut factor, mut h_power) = (1.0, 1.0);
    for j in 1..=rows {
        inverse_factorial.push(factor);
        factor /= j as f64;
        h_power *= h;
        column.push((1.0 - h_power) * factor);
    }
    if let Some(corner) = column.last_mut() {
        *corner = (1.0 + (2.0 * h - 1.0).max(0.0).powi(rows as i32) - 2.0 * h_power) * factor;
    }
    let mut matrix = Matrix::zeros(rows);
    for (i, row) in matrix.cells.chunks_exact_mut(rows).enumerate() {
        // Below and on the super-diagonal: 1/(i - j + 1)!.
        for (j, cell) in row.iter_mut().enumerate().skip(1).take_while(|(j, _)| *j <= i + 1) {
            *cell = inverse_factorial[i + 1 - j];
        }
        row[0] = column[i];
        if i + 1 == rows {
            row.iter_mut().zip(column.iter().rev()).for_each(|(cell, &value)| *cell = value);
        }
    }
    matrix
}

/// `P(D_n <= x)` by Pomeranz' recursion (1974): one convolution with a Poisson mass per half step.
fn pomeranz(n: f64, x: f64) -> f64 {
    let scaled = n * x;
    let whole = scaled.floor();
    let fraction = scaled - whole;
    // Pomeranz' points lie this far to either side of each whole number: the steps between them are twice as long, and
    // what is left of one, in turn.
    let nearest = fraction.min(1.0 - fraction);
    let (n, whole) = (n as i64, whole as i64);
    let (ceil, round) = (i64::from(fraction > 0.0), i64::from(fraction > 0.5));
    // The entries of row i that can be non-zero.
    let window = |i: i64| -> (i64, i64) {
        let (half, odd) = ((i + 1).div_euclid(2), (i + 1).rem_euclid(2));
        let (from, to) = if i == 0 {
            (-whole - ceil - 1, whole + ceil - 1)
        } else if odd == 0 && half == n + 1 {
            (n - whole - ceil - 1, n + whole + ceil - 1)
        } else if odd == 0 {
            (half - 1 - whole - round - 1, half + whole - 1 + ceil - 1)
        } else {
            (half - 1 - whole - 1, half + whole + round - 1)
        };
        ((from + 2).max(0), to.min(n))
    };
    // Row i depends on row i - 1 alone, and its non-zero entries fit a window of this width: two windows that slide
    // stand for the whole table of 2 n + 2 rows.
    let width = 2 * (whole as usize + 1);
    let size = n as f64;
    let edge = powers_over_factorials(nearest / size, width);
    let near = powers_over_factorials(2.0 * nearest / size, width);
    let far = powers_over_factorials((1.0 - 2.0 * nearest) / size, width);
    let mut row = vec![0.0; width + 1];
    let mut next = vec![0.0; width + 1];
    row[0] = 1.0;
    let mut exponent = 0;
    // `first` is the index, in the whole row, of the entry that `row` starts with.
    let mut first = window(0).0;
    for i in 1..=2 * n + 1 {
        let (from, to) = window(i);
        let mass = if i == 1 || i == 2 * n + 1 {
            &edge
        } else if i % 2 == 1 {
            &near
        } else {
            &far
        };
        next.fill(0.0);
        let mut largest = 0.0f64;
        for (slot, j) in next.iter_mut().zip(from..=to) {
            let reach = usize::try_from(j - first).unwrap_or(0).min(row.len() - 1);
            let from_cell = (reach + 1).saturating_sub(mass.len());
            *slot = row[from_cell..=reach].iter().rev().zip(mass).map(|(&a, &b)| a * b).sum();
            largest = largest.max(*slot);
        }
        if largest > 0.0 && largest < 1.0 / SCALE {
            next.iter_mut().for_each(|value| *value *= SCALE);
            exponent -= SCALE_EXPONENT;
        }
        std::mem::swap(&mut row, &mut next);
        first = from;
    }
    let mut probability = usize::try_from(n - first).ok().and_then(|i| row.get(i)).copied().unwrap_or(0.0);
    // The masses leave n! out. It is multiplied in at the end, where its size can be counted beside the digits.
    for m in 1..=n {
        if probability.abs() > SCALE {
            probability /= SCALE;
            exponent += SCALE_EXPONENT;
        }
        probability *= m as f64;
    }
    times_power_of_two(probability, exponent)
}

/// `base^m / m!` for `m < count`.
fn powers_over_factorials(base: f64, count: usize) -> Vec<f64> {
    std::iter::successors(Some((1.0, 0.0)), |&(value, m)| Some((value * base / (m + 1.0), m + 1.0)))
        .map(|(value, _)| value)
        .take(count)
        .collect()
}

/// `value 2^exponent`, in steps that stay in range.
fn times_power_of_two(mut value: f64, mut exponent: i32) -> f64 {
    while exponent <= -SCALE_EXPONENT && value != 0.0 {
        value /= SCALE;
        exponent += SCALE_EXPONENT;
    }
    while exponent >= SCALE_EXPONENT && value.is_finite() && value != 0.0 {
        value *= SCALE;
        exponent -= SCALE_EXPONENT;
    }
    value * (f64::from(exponent) * LN_2).exp()
}

/// `P(D_n <= x)` by Pelz and Good's expansion (1976): the limit law and three corrections in `1/sqrt(n)`.
fn pelz_good(n: f64, x: f64) -> f64 {
    let z = n.sqrt() * x;
    let (z2, z4, z6) = (z * z, z.powi(4), z.powi(6));
    let q_log = -PI_2 / 8.0 / z2;
    if q_log < SMALLEST_LOG {
        return 0.0;
    }
    let q = q_log.exp();
    let first = (-z2, PI_2 / 4.0);
    let second = (6.0 * z6 + 2.0 * z4, (2.0 * z4 - 5.0 * z2) * PI_2 / 4.0, PI_4 * (1.0 - 2.0 * z2) / 16.0);
    let third = (
        -30.0 * z6 - 90.0 * z.powi(8),
        PI_2 * (135.0 * z4 - 96.0 * z6) / 4.0,
        PI_4 * (-60.0 * z2 + 212.0 * z4) / 16.0,
        PI_6 * (5.0 - 30.0 * z2) / 64.0,
    );
    // Past these, a term is less than e^-128.
    let terms = (16.0 * z / PI).ceil() as i32;
    let mut k = [0.0f64; 4];
    for i in (1..=terms).rev() {
        let odd = f64::from(2 * i - 1);
        let (m2, m4, m6) = (odd * odd, odd.powi(4), odd.powi(6));
        // Horner's scheme over q^1, q^9, q^25, ...: the squares of neighbouring odd numbers differ by 8 i.
        let q_power = q.powi(8 * i);
        let coefficients = [
            1.0,
            first.0 + first.1 * m2,
            second.0 + second.1 * m2 + second.2 * m4,
            third.0 + third.1 * m2 + third.2 * m4 + third.3 * m6,
        ];
        k.iter_mut().zip(coefficients).for_each(|(sum, c)| *sum = *sum * q_power + c);
    }
    let root_two_pi = (2.0 * PI).sqrt();
    let divisors = [z, 6.0 * z4, 72.0 * z.powi(7), 6480.0 * z.powi(10)];
    k.iter_mut().zip(divisors).for_each(|(sum, divisor)| *sum *= q * root_two_pi / divisor);

    let q = (-PI_2 / 2.0 / z2).exp();
    let root_three_z = 3f64.sqrt() * z;
    let (mut extra_second, mut extra_third) = (0.0, 0.0);
    for i in (1..=terms).rev() {
        let i_squared = f64::from(i) * f64::from(i);
        let mass = i_squared * q.powf(i_squared);
        let i_pi = PI * f64::from(i);
        extra_second += mass;
        // 3 z^2 - (pi i)^2 as a product, which cancels less.
        extra_third += (root_three_z + i_pi) * (root_three_z - i_pi) * mass;
    }
    k[2] += extra_second * PI_2 * root_two_pi / (-36.0 * z2 * z);
    k[3] += extra_third * PI_2 * root_two_pi / (216.0 * z6);
    let root_n = n.sqrt();
    k[0] + k[1] / root_n + k[2] / n + k[3] / (n * root_n)
}

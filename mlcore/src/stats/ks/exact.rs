//! The exact null distribution of the two-sample statistic, as a share of lattice paths.
//!
//! Under the null hypothesis every order of the `n1 + n2` observations is equally likely: a uniformly random lattice
//! path from `(0, 0)` to `(n1, n2)`. The p-value is the share of paths that touch a diagonal (J. L. Hodges 1958).

use super::super::Alternative;
use super::super::special::deviance::{binomial_mass, stirling_error};
use super::OPERATION;
use crate::error::Result;
use crate::interrupt::Pace;

/// The statistic moved to the lattice, and the p-value if it could be computed.
pub(super) struct Exact {
    pub(super) statistic: f64,
    pub(super) pvalue: Option<f64>,
}

/// `ln(f64::MAX)`: scipy gives up on one-sided tests where the number of paths overflows.
const LOG_OF_LARGEST: f64 = 709.782_712_893_384;
/// Where `2 exp(1 - 2 n d^2)`, a bound of the p-value, is below the smallest subnormal.
const VANISHING_EXPONENT: f64 = 760.0;
/// Probabilities are carried this much larger (`2^960`), so that none that counts is subnormal, which costs a hundred
/// times as much to compute with; what is still below the floor is 1e-579 and stands for nothing.
const CARRIED: f64 = 9.745_314_011_4e288;
const CARRIED_FLOOR: f64 = 1e-290;
/// Masses below this are computed afresh, because a recurrence would carry their lost digits along.
const RECURRENCE_FLOOR: f64 = 1e-280;

pub(super) fn greatest_common_divisor(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

/// The exact p-value of `statistic`; `None` where scipy gives up as well.
///
/// # Errors
///
/// [`Error::Interrupted`](crate::Error::Interrupted).
pub(super) fn attempt(n1: usize, n2: usize, statistic: f64, alternative: Alternative) -> Result<Exact> {
    let divisor = greatest_common_divisor(n1, n2);
    let levels = (n1 / divisor) as f64 * n2 as f64;
    let level = (statistic * levels).round_ties_even();
    let statistic = level / levels;
    if level == 0.0 {
        return Ok(Exact { statistic, pvalue: Some(1.0) });
    }
    let pvalue = match (alternative, n1 == n2) {
        (Alternative::TwoSided, true) => Some(outside_square(n1, level as usize)),
        (_, true) => Some(beyond_diagonal(n1, level as usize)),
        (Alternative::TwoSided, false) => Some(touching(n1, n2, level as i64, Boundary::Both)?),
        (_, false) if paths_overflow(n1, n2) => None,
        (_, false) => Some(touching(n1, n2, level as i64, Boundary::One)?),
    };
    Ok(Exact { statistic, pvalue: pvalue.filter(|p| (0.0..=1.0).contains(p)) })
}

fn paths_overflow(n1: usize, n2: usize) -> bool {
    let (a, b) = (n1 as f64, n2 as f64);
    let log_paths = stirling_error(a + b) - stirling_error(a) - stirling_error(b)
        + a * (b / a).ln_1p()
        + b * (a / b).ln_1p()
        + 0.5 * ((a + b) / (std::f64::consts::TAU * a * b)).ln();
    log_paths > LOG_OF_LARGEST
}

/// `P(D >= h/n)` for two samples of `n`, by reflection; the same operations as scipy, so the same bits.
fn outside_square(n: usize, h: usize) -> f64 {
    let (n, h_float) = (n as f64, h as f64);
    let mut probability = 0.0;
    let mut reflections = first_reflection_that_counts(n, h_float);
    while reflections >= 0.0 {
        let offset = reflections * h_float;
        let mut ratio = 1.0;
        for j in 0..h {
            ratio = (n - offset - j as f64) * ratio / (n + offset + j as f64 + 1.0);
            if ratio == 0.0 {
                break;
            }
        }
        probability = ratio * (1.0 - probability);
        reflections -= 1.0;
    }
    2.0 * probability
}

/// The reflection to begin with. Later ones contribute less than 1e-17, and one minus that is one in doubles as well:
/// leaving them out changes no bit of the answer.
fn first_reflection_that_counts(n: f64, h: f64) -> f64 {
    let last = (n / h).floor();
    // Each of the h factors of a term is at most the first one.
    let vanishes = |k: f64| h * ((n - k * h) / (n + k * h + 1.0)).ln() < -40.0;
    let mut k = 1.0;
    while k < last && !vanishes(k) {
        k += 1.0;
    }
    k.min(last)
}

/// `P(D+ >= h/n)` for two samples of `n`: `C(2n, n - h) / C(2n, n)`.
fn beyond_diagonal(n: usize, h: usize) -> f64 {
    let n = n as f64;
    (0..h).map(|j| (n - j as f64) / (n + j as f64 + 1.0)).product()
}

#[derive(Clone, Copy, PartialEq)]
enum Boundary {
    One,
    Both,
}

/// The share of paths from `(0, 0)` to `(n1, n2)` that touch `n2 i - n1 j = h gcd` (or either sign of it).
///
/// A random walk that steps along `i` with probability `p = n1/(n1+n2)` gives every path the same weight. Diagonal
/// by diagonal, `touched[j]` is the probability of being at `(s - j, j)` having touched: outside the boundary that is
/// the whole binomial mass, inside it is carried on from the two cells before. All terms are positive, so nothing
/// cancels, and a diagonal depends only on the one before, so the inner loop runs on vectors.
fn touching(n1: usize, n2: usize, level: i64, boundary: Boundary) -> Result<f64> {
    let (larger, smaller) = (n1.max(n2), n1.min(n2));
    let divisor = greatest_common_divisor(larger, smaller);
    let (step_i, step_j) = ((smaller / divisor) as i64, (larger / divisor) as i64);
    let steps = step_i + step_j;
    let total = (larger + smaller) as i64;
    let (p, q) = (larger as f64 / total as f64, smaller as f64 / total as f64);
    let deviation = level as f64 / (step_i as f64 * larger as f64);
    if 2.0 * larger as f64 * q * deviation * deviation > VANISHING_EXPONENT {
        return Ok(0.0);
    }
    let mut touched = vec![0.0; smaller + 3];
    let mut next = vec![0.0; smaller + 3];
    let mut lower_edge = EdgeMass::new(p, q);
    let mut upper_edge = EdgeMass::new(p, q);
    let mut pace = Pace::default();
    for s in 1..=total {
        // Inside: |step_i (s - j) - step_j j| < level.
        let first = (step_i * s - level).div_euclid(steps) + 1;
        let last = match boundary {
            Boundary::Both => (step_i * s + level - 1).div_euclid(steps),
            Boundary::One => s,
        };
        let (first, last) = (first.max(0), last.min(smaller as i64));
        if first > last {
            // No cell of this diagonal is inside: every path has touched.
            return Ok(1.0);
        }
        let (from, to) = (first as usize, last as usize);
        pace.check(OPERATION, to - from)?;
        // Cell j is kept at index j + 1, so that j = 0 has a neighbour.
        // The window moves by at most one cell, so that the two cells written beside it below are the only ones that
        // the next diagonal reads and this loop does not write: what `next` held before is never read.
        let before = &touched[from..=to + 1];
        for (cell, pair) in next[from + 1..=to + 1].iter_mut().zip(before.windows(2)) {
            let probability = p * pair[1] + q * pair[0];
            *cell = if probability < CARRIED_FLOOR { 0.0 } else { probability };
        }
        if first > 0 {
            next[from] = lower_edge.at(s, first - 1) * CARRIED;
        } else {
            next[0] = 0.0;
        }
        if boundary == Boundary::Both && last < smaller as i64 {
            // Beyond j = s there is no cell, and no path.
            next[to + 2] = if last < s { upper_edge.at(s, last + 1) * CARRIED } else { 0.0 };
        } else {
            next[to + 2] = 0.0;
        }
        std::mem::swap(&mut touched, &mut next);
    }
    let all = binomial_mass(smaller as f64, larger as f64, q, p);
    Ok((touched[smaller + 1] / all / CARRIED).min(1.0))
}

/// Binomial masses along a boundary, where each differs from the last by one step of the walk.
struct EdgeMass {
    p: f64,
    q: f64,
    s: i64,
    j: i64,
    mass: f64,
}

impl EdgeMass {
    fn new(p: f64, q: f64) -> Self {
        Self { p, q, s: -1, j: -1, mass: 0.0 }
    }

    /// The probability of being at `(s - j, j)`.
    fn at(&mut self, s: i64, j: i64) -> f64 {
        let grown = s as f64;
        let stepped = if s != self.s + 1 || self.mass < RECURRENCE_FLOOR {
            None
        } else if j == self.j {
            Some(self.mass * (grown / (s - j) as f64) * self.p)
        } else if j == self.j + 1 {
            Some(self.mass * (grown / j as f64) * self.q)
        } else {
            None
        };
        self.mass = stepped.unwrap_or_else(|| {
            if j > s { 0.0 } else { binomial_mass(j as f64, (s - j) as f64, self.q, self.p) }
        });
        (self.s, self.j) = (s, j);
        self.mass
    }
}

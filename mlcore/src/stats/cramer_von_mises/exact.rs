//! The exact null distribution of the criterion, in whole numbers.

use std::cmp::Ordering;

use super::OPERATION;
use crate::error::{Error, Result};
use crate::interrupt::Pace;

/// The share of orders whose statistic is at least that of `quadrupled`, which is four times Anderson's `U`.
///
/// An order of the observations is a path from `(0, 0)` to `(m, n)`. With `lcm` the least common multiple of the sizes the
/// criterion grows at each point `(i, j)` by `(lcm i / m - lcm j / n)^2` (Y. Xiao, A. Gordon and A. Yakovlev 2006). Each
/// point holds the sums of the paths that lead there and how many have each. Sums only grow: a path whose sum is large
/// enough already is counted with all its ends and followed no further.
pub(super) fn at_least(n: usize, m: usize, quadrupled: i128) -> Result<f64> {
    let too_large = || {
        let problem = format!("the exact distribution for samples of {n} and {m} takes too much memory");
        Error::invalid_input(OPERATION, "method", problem).remedy("use asymptotic")
    };
    if n + m > MOST_OBSERVATIONS {
        return Err(too_large());
    }
    let (n, m) = (n as i128, m as i128);
    let (pairs, lcm) = (n * m, n * m / greatest_common_divisor(n, m));
    let needed =
        (lcm * lcm * (n + m) * (6 * quadrupled - 4 * pairs * (4 * pairs - 1))).div_euclid(24 * pairs * pairs);
    let needed = u64::try_from(needed.max(0)).map_err(|_| too_large())?;
    let ends = Ends::new(n as usize, m as usize);
    let (step_i, step_j) = ((lcm / n) as i64, (lcm / m) as i64);
    let mut reached = 0;
    // One point of the last column for each `i`, the paths to which are known.
    let mut column: Vec<Paths> = vec![Paths::default(); n as usize + 1];
    let mut pace = Pace::default();
    for j in 0..=m as usize {
        let mut below = Paths::default();
        let mut kept = 0;
        for (i, left) in column.iter_mut().enumerate() {
            let here = match (i, j) {
                (0, 0) => vec![(0, 1)],
                _ => merged(&below.0, &left.0),
            };
            let distance = (step_i * i as i64 - step_j * j as i64).unsigned_abs();
            let grown = here.iter().map(|(sum, count)| (sum + distance * distance, *count));
            let (enough, less): (Vec<_>, Vec<_>) = grown.partition(|(sum, _)| *sum >= needed);
            reached += enough.iter().map(|(_, count)| count).sum::<u128>() * ends.from(i, j);
            pace.check(OPERATION, here.len())?;
            kept += less.len();
            if kept > MOST_SUMS {
                return Err(too_large());
            }
            below = Paths(less.clone());
            *left = Paths(less);
        }
    }
    Ok(reached as f64 / ends.from(0, 0) as f64)
}

/// Sums of paths that lead to a point, in ascending order, and how many paths have each.
#[derive(Debug, Clone, Default)]
struct Paths(Vec<(u64, u128)>);

fn merged(a: &[(u64, u128)], b: &[(u64, u128)]) -> Vec<(u64, u128)> {
    let mut all = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(&&(sum_a, count_a)), Some(&&(sum_b, count_b))) = (a.peek(), b.peek()) {
        let order = sum_a.cmp(&sum_b);
        if order != Ordering::Greater {
            a.next();
        }
        if order != Ordering::Less {
            b.next();
        }
        all.push(match order {
            Ordering::Less => (sum_a, count_a),
            Ordering::Greater => (sum_b, count_b),
            Ordering::Equal => (sum_a, count_a + count_b),
        });
    }
    all.extend(a.chain(b));
    all
}

/// How many paths lead from a point to the end.
struct Ends {
    last: [usize; 2],
    /// Binomial coefficients.
    triangle: Vec<Vec<u128>>,
}

impl Ends {
    fn new(n: usize, m: usize) -> Self {
        let mut triangle = vec![vec![1]];
        for _ in 0..n + m {
            let last = triangle.last().cloned().unwrap_or_default();
            let inner = last.windows(2).map(|pair| pair[0] + pair[1]);
            triangle.push(std::iter::once(1).chain(inner).chain([1]).collect());
        }
        Self { last: [n, m], triangle }
    }

    fn from(&self, i: usize, j: usize) -> u128 {
        let (right, up) = (self.last[0] - i, self.last[1] - j);
        self.triangle.get(right + up).and_then(|row| row.get(right)).copied().unwrap_or(0)
    }
}

fn greatest_common_divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// `C(126, 63)` is below 2^127.
const MOST_OBSERVATIONS: usize = 126;
/// Of a column: 64 MB.
const MOST_SUMS: usize = 1 << 21;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_counted() {
        // All orders of 4 and 3, their statistic from its definition.
        let (n, m) = (4_usize, 3_usize);
        let mut all = Vec::new();
        for chosen in 0_u32..1 << (n + m) {
            if chosen.count_ones() as usize != n {
                continue;
            }
            let (mut i, mut j, mut u) = (0_i128, 0_i128, 0_i128);
            for place in 0..n + m {
                let rank = place as i128 + 1;
                if chosen >> place & 1 == 1 {
                    i += 1;
                    u += n as i128 * (rank - i).pow(2);
                } else {
                    j += 1;
                    u += m as i128 * (rank - j).pow(2);
                }
            }
            all.push(4 * u);
        }
        assert_eq!(all.len(), 35);
        for &own in &all {
            let share = all.iter().filter(|other| **other >= own).count() as f64 / 35.0;
            assert_eq!(at_least(n, m, own).unwrap(), share);
            assert_eq!(at_least(m, n, own).unwrap(), share);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (n, m) in [(500, 500), (64, 63)] {
            let error = at_least(n, m, 0).unwrap_err();
            assert!(
                error.to_string().starts_with("cramervonmises_2samp method: the exact distribution for"),
                "{error}"
            );
        }
    }
}

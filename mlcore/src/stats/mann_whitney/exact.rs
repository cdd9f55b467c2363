//! The exact null distribution of U, in whole numbers of any size.
//!
//! The number of orders of `n1 + n2` different observations with statistic `u` is the coefficient of `q^u` in the Gaussian
//! binomial `prod_{i = 1}^{n1} (1 - q^(n2 + i)) / (1 - q^i)`. Multiplying by `1 - q^k` is a subtraction and dividing by it an
//! addition, so that coefficients modulo a power of 2 that is larger than their sum, `C(n1 + n2, n1)`, are exact.

use super::OPERATION;
use crate::error::{Error, Result};
use crate::interrupt::Pace;
use crate::memory;

/// 128 MB of coefficients.
const MOST_WORDS: u64 = 1 << 24;
/// So many additions take some ten seconds.
const MOST_ADDITIONS: f64 = 2e10;

/// Whether the tail from `u` on can be counted.
pub(super) fn fits(n1: u64, n2: u64, u: u64) -> bool {
    let words = words(n1, n2) as u64;
    let cells = (last_of_tail(n1, n2, u) + 1).saturating_mul(words);
    cells <= MOST_WORDS && cells as f64 * 2.0 * n1.min(n2) as f64 <= MOST_ADDITIONS
}

/// `P(U >= u)`.
pub(super) fn at_least(n1: u64, n2: u64, u: u64) -> Result<f64> {
    if !fits(n1, n2, u) {
        let problem = format!("the exact distribution for samples of {n1} and {n2} does not fit into 128 MB");
        return Err(Error::invalid_input(OPERATION, "method", problem).remedy("use asymptotic"));
    }
    let (n1, n2, words) = (n1.min(n2), n1.max(n2), words(n1, n2));
    let all = binomial(n1, n2, words);
    if u == 0 {
        return Ok(1.0);
    }
    let share = ratio(&tail(n1, n2, last_of_tail(n1, n2, u), words)?, &all);
    Ok(if 2 * u >= n1 * n2 { share } else { 1.0 - share })
}

/// The last coefficient of the tail that is added up: the distribution is symmetric, and its shorter tail is enough.
fn last_of_tail(n1: u64, n2: u64, u: u64) -> u64 {
    if 2 * u >= n1 * n2 { n1 * n2 - u } else { u.saturating_sub(1) }
}

/// Words of 64 bits that hold `C(n1 + n2, n1)`.
fn words(n1: u64, n2: u64) -> usize {
    let (small, large) = (n1.min(n2) as f64, n1.max(n2) as f64);
    // C(n + m, n) <= (e (n + m) / n)^n
    let bits = small * (std::f64::consts::E * (small + large) / small).log2();
    (bits / 64.0) as usize + 1
}

/// The sum of the first coefficients, up to that of `q^last`.
fn tail(n1: u64, n2: u64, last: u64, words: usize) -> Result<Vec<u64>> {
    let cells = last as usize + 1;
    let mut counts: Vec<u64> = memory::zeros(OPERATION, "method", &[cells, words])?;
    counts[0] = 1;
    let mut pace = Pace::default();
    for i in 1..=n1 as usize {
        for cell in i..cells {
            pace.check(OPERATION, words)?;
            let (below, from) = counts.split_at_mut(cell * words);
            add(&mut from[..words], &below[(cell - i) * words..(cell - i + 1) * words]);
        }
        let step = n2 as usize + i;
        for cell in (step..cells).rev() {
            pace.check(OPERATION, words)?;
            let (below, from) = counts.split_at_mut(cell * words);
            subtract(&mut from[..words], &below[(cell - step) * words..(cell - step + 1) * words]);
        }
    }
    let mut sum = vec![0; words];
    for count in counts.chunks_exact(words) {
        pace.check(OPERATION, words)?;
        add(&mut sum, count);
    }
    Ok(sum)
}

fn add(sum: &mut [u64], other: &[u64]) {
    let mut carry = false;
    for (word, other) in sum.iter_mut().zip(other) {
        let (partial, first) = word.overflowing_add(*other);
        let (total, second) = partial.overflowing_add(u64::from(carry));
        (*word, carry) = (total, first | second);
    }
}

fn subtract(difference: &mut [u64], other: &[u64]) {
    let mut borrow = false;
    for (word, other) in difference.iter_mut().zip(other) {
        let (partial, first) = word.overflowing_sub(*other);
        let (rest, second) = partial.overflowing_sub(u64::from(borrow));
        (*word, borrow) = (rest, first | second);
    }
}

/// `C(n1 + n2, n1)`; each product of the first factors is a whole number after its division.
fn binomial(n1: u64, n2: u64, words: usize) -> Vec<u64> {
    // One word more for the product before it is divided.
    let mut product = vec![0; words + 1];
    product[0] = 1;
    for i in 1..=n1 {
        let mut carry = 0_u128;
        for word in &mut product {
            carry += u128::from(*word) * u128::from(n2 + i);
            *word = carry as u64;
            carry >>= 64;
        }
        let mut rest = 0_u128;
        for word in product.iter_mut().rev() {
            let dividend = (rest << 64) | u128::from(*word);
            *word = (dividend / u128::from(i)) as u64;
            rest = dividend % u128::from(i);
        }
    }
    product
}

/// The quotient of two whole numbers, neither of which need fit into a float.
fn ratio(part: &[u64], whole: &[u64]) -> f64 {
    let (part, whole) = (Scaled::of(part), Scaled::of(whole));
    part.mantissa / whole.mantissa * 2.0_f64.powi(part.words - whole.words).powi(64)
}

/// A whole number as `mantissa * 2^(64 words)`.
struct Scaled {
    mantissa: f64,
    words: i32,
}

impl Scaled {
    fn of(number: &[u64]) -> Self {
        let highest = number.iter().rposition(|word| *word != 0).unwrap_or(0);
        let word = |place: usize| number.get(place).copied().unwrap_or(0) as f64;
        // Three words hold more than twice as many bits as a float.
        let mantissa = [0, 1, 2]
            .into_iter()
            .filter_map(|down| Some((down, highest.checked_sub(down)?)))
            .map(|(down, place)| word(place) * 2.0_f64.powi(-64 * down as i32))
            .rev()
            .sum();
        Self { mantissa, words: highest as i32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts orders by taking observations away one by one.
    fn count(n1: u64, n2: u64, u: u64) -> u128 {
        match (n1, n2) {
            (0, _) | (_, 0) => u128::from(u == 0),
            _ => count(n1, n2 - 1, u) + if u >= n2 { count(n1 - 1, n2, u - n2) } else { 0 },
        }
    }

    #[test]
    fn every_tail_is_the_share_of_orders() {
        for (n1, n2) in [(1, 1), (1, 7), (3, 4), (5, 5), (6, 8)] {
            let counts: Vec<u128> = (0..=n1 * n2).map(|u| count(n1, n2, u)).collect();
            let all: u128 = counts.iter().sum();
            for u in 0..=n1 * n2 {
                let expected = counts[u as usize..].iter().sum::<u128>() as f64 / all as f64;
                let found = at_least(n1, n2, u).unwrap();
                assert!((found - expected).abs() <= 1e-15 * expected, "{n1} {n2} {u}: {found} {expected}");
            }
        }
    }

    #[test]
    fn numbers_beyond_the_floats_are_divided() {
        // 1 of C(1200, 600) orders, which is about 2^1194; C(1200, 600) = 3.9e359.
        let smallest = at_least(600, 600, 360_000).unwrap();
        assert_eq!(smallest, 0.0);
        let smallest = at_least(300, 300, 90_000).unwrap();
        assert!((smallest / 7.402e-180 - 1.0).abs() < 1e-3, "{smallest:e}");
        let half = at_least(70, 70, 2450).unwrap();
        assert!((0.5..0.502).contains(&half), "{half}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = at_least(100_000, 100_000, 5_000_000_000).unwrap_err();
        assert!(
            error.to_string().contains("mannwhitneyu method: the exact distribution for samples of 100000")
        );
        assert!(fits(8, 1_000_000, 4_000_000) && !fits(8, 100_000_000, 400_000_000));
    }
}

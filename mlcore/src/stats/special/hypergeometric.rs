//! The hypergeometric distribution summed from where its mass lies, in relative terms accurate in both tails.

use super::deviance::binomial_mass;
use crate::interrupt::Pace;

/// How many marked ones are among `drawn` of a total, of which `marked` are and `unmarked` are not.
///
/// A tail is added up from its inner end outward, so that it takes a few standard deviations of terms however many rows
/// there are.
#[derive(Debug, Clone, Copy)]
pub(in crate::stats) struct Hypergeometric {
    marked: u64,
    unmarked: u64,
    drawn: u64,
}

/// Where a search ends: two tables within this share of each other are equally likely.
///
/// R takes 1e-7 and scipy 1e-14, which is less than the rounding of the masses of a large table and so misses ties.
const TIE: f64 = 1e-11;
/// A term below this share of the sum is the last that counts: each next one is smaller by a larger factor.
const NEGLIGIBLE: f64 = 1e-18;
/// After so many steps the running product is replaced by the mass itself, so that rounding does not add up.
const ANCHOR_EVERY: u64 = 512;

impl Hypergeometric {
    /// `None` where the total of the margins is beyond 2^64.
    pub(in crate::stats) fn new(marked: u64, unmarked: u64, drawn: u64) -> Option<Self> {
        let total = marked.checked_add(unmarked)?;
        (drawn <= total).then_some(Self { marked, unmarked, drawn })
    }

    /// The smallest value with a mass.
    fn low(&self) -> u64 {
        self.drawn.saturating_sub(self.unmarked)
    }

    /// The largest value with a mass.
    fn high(&self) -> u64 {
        self.drawn.min(self.marked)
    }

    /// The most likely value.
    fn mode(&self) -> u64 {
        let (marked, unmarked, drawn) =
            (u128::from(self.marked), u128::from(self.unmarked), u128::from(self.drawn));
        let mode = (drawn + 1) * (marked + 1) / (marked + unmarked + 2);
        // It is no larger than the number of those drawn.
        (mode as u64).clamp(self.low(), self.high())
    }

    /// `P(X = x)`: two binomial masses over a third, all of the same success probability (C. Loader 2000).
    pub(in crate::stats) fn mass(&self, x: u64) -> f64 {
        if x < self.low() || x > self.high() {
            return 0.0;
        }
        if self.low() == self.high() {
            return 1.0;
        }
        let (marked, unmarked, drawn) = (self.marked as f64, self.unmarked as f64, self.drawn as f64);
        let left = (self.marked + self.unmarked - self.drawn) as f64;
        let (p, q) = (drawn / (marked + unmarked), left / (marked + unmarked));
        let of_marked = binomial_mass(x as f64, (self.marked - x) as f64, p, q);
        let others = self.drawn - x;
        let of_unmarked = binomial_mass(others as f64, (self.unmarked - others) as f64, p, q);
        of_marked / binomial_mass(drawn, left, p, q) * of_unmarked
    }

    /// `P(X <= x)`.
    pub(in crate::stats) fn at_most(&self, x: u64, pace: &mut Pace) -> f64 {
        if x < self.low() {
            0.0
        } else if x >= self.high() {
            1.0
        } else if x <= self.mode() {
            self.sum_down(x, pace)
        } else {
            (1.0 - self.sum_up(x + 1, pace)).max(0.0)
        }
    }

    /// `P(X >= x)`.
    pub(in crate::stats) fn at_least(&self, x: u64, pace: &mut Pace) -> f64 {
        if x > self.high() {
            0.0
        } else if x <= self.low() {
            1.0
        } else if x >= self.mode() {
            self.sum_up(x, pace)
        } else {
            (1.0 - self.sum_down(x - 1, pace)).max(0.0)
        }
    }

    /// The probability of all values that are no likelier than `x`.
    pub(in crate::stats) fn no_likelier_than(&self, x: u64, pace: &mut Pace) -> f64 {
        let (mode, limit) = (self.mode(), self.mass(x) * (1.0 + TIE));
        if self.mass(mode) <= limit {
            return 1.0;
        }
        let both = if x < mode {
            let other = first(mode, self.high(), |y| self.mass(y) <= limit);
            self.sum_down(x, pace) + other.map_or(0.0, |y| self.sum_up(y, pace))
        } else {
            // Counted from the mode down.
            let other = first(0, mode - self.low(), |down| self.mass(mode - down) <= limit);
            self.sum_up(x, pace) + other.map_or(0.0, |down| self.sum_down(mode - down, pace))
        };
        both.min(1.0)
    }

    /// The value that a uniform number from 0 to 1 stands for, looked for from the mode outward.
    pub(in crate::stats) fn drawn_by(&self, uniform: f64) -> u64 {
        let mode = self.mode();
        let (mut down, mut up) = ((mode, self.mass(mode)), (mode, self.mass(mode)));
        let mut left = uniform - up.1;
        while left > 0.0 && (down.0 > self.low() || up.0 < self.high()) {
            if up.0 < self.high() {
                up = (up.0 + 1, up.1 * self.ratio_up(up.0));
                left -= up.1;
                if left <= 0.0 {
                    return up.0;
                }
            }
            if down.0 > self.low() {
                down = (down.0 - 1, down.1 * self.ratio_down(down.0));
                left -= down.1;
                if left <= 0.0 {
                    return down.0;
                }
            }
            if up.1.max(down.1) < NEGLIGIBLE {
                break;
            }
        }
        mode
    }

    /// `P(X <= x)` for `x` at or below the mode.
    fn sum_down(&self, x: u64, pace: &mut Pace) -> f64 {
        self.sum(x, x - self.low(), |y| y - 1, |y| self.ratio_down(y), pace)
    }

    /// `P(X >= x)` for `x` at or above the mode.
    fn sum_up(&self, x: u64, pace: &mut Pace) -> f64 {
        self.sum(x, self.high() - x, |y| y + 1, |y| self.ratio_up(y), pace)
    }

    /// How likely `x - 1` is, compared with `x`.
    fn ratio_down(&self, x: u64) -> f64 {
        let vacant = (self.unmarked + x - self.drawn) as f64;
        x as f64 / (self.marked - x + 1) as f64 * (vacant / (self.drawn - x + 1) as f64)
    }

    /// How likely `x + 1` is, compared with `x`.
    fn ratio_up(&self, x: u64) -> f64 {
        let vacant = (self.unmarked + x + 1 - self.drawn) as f64;
        (self.marked - x) as f64 / (x + 1) as f64 * ((self.drawn - x) as f64 / vacant)
    }

    /// The masses of `from` and of at most `steps` values beyond it.
    fn sum(
        &self,
        from: u64,
        steps: u64,
        next: impl Fn(u64) -> u64,
        ratio: impl Fn(u64) -> f64,
        pace: &mut Pace,
    ) -> f64 {
        let mut term = self.mass(from);
        let (mut sum, mut at) = (term, from);
        for step in 1..=steps {
            if term <= NEGLIGIBLE * sum || pace.is_stopped(1) {
                break;
            }
            term *= ratio(at);
            at = next(at);
            if step % ANCHOR_EVERY == 0 {
                term = self.mass(at);
            }
            sum += term;
        }
        sum
    }
}

/// The first number of `from..=to` for which `holds`, given that it holds from some number on.
fn first(from: u64, to: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if !holds(to) {
        return None;
    }
    let (mut below, mut at) = (from, to);
    while below < at {
        let middle = below + (at - below) / 2;
        (below, at) = if holds(middle) { (below, middle) } else { (middle + 1, at) };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masses_add_up_to_one_from_either_end() {
        for (marked, unmarked, drawn) in [(3, 4, 5), (40, 60, 30), (1, 1_000_000, 7), (50_000, 70_000, 600)] {
            let of = Hypergeometric::new(marked, unmarked, drawn).unwrap();
            let total: f64 = (of.low()..=of.high()).map(|x| of.mass(x)).sum();
            assert!((total - 1.0).abs() < 1e-12, "{of:?}: {total}");
            let mut pace = Pace::default();
            for x in [of.low(), of.mode(), of.high()] {
                let parts = of.at_most(x, &mut pace) + of.at_least(x + 1, &mut pace);
                assert!((parts - 1.0).abs() < 1e-12, "{of:?} at {x}: {parts}");
            }
        }
    }

    #[test]
    fn margins_that_leave_no_choice_have_one_value() {
        let of = Hypergeometric::new(5, 0, 3).unwrap();
        assert_eq!((of.mass(3), of.no_likelier_than(3, &mut Pace::default())), (1.0, 1.0));
        assert!(Hypergeometric::new(u64::MAX, 1, 0).is_none() && Hypergeometric::new(1, 1, 3).is_none());
    }
}

//! How surely the share of yes among yes and no is known, at every look.

use serde::{Deserialize, Serialize};

use crate::stats::dirichlet_multinomial_log_ratio;

/// A share, with bounds that hold at every look.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct BoundedShare {
    /// The share that was seen, 0 to 1.
    pub share: f64,
    /// The least that it may be.
    pub low: f64,
    /// The most that it may be.
    pub high: f64,
}

impl BoundedShare {
    /// The share of `count` in `total`, `None` of nothing, with bounds that are wrong with a probability of at most `alpha` however
    /// often they are looked at meanwhile.
    ///
    /// The bounds are the shares that the test of H. Robbins (1970), with Jeffreys' distribution of the share, has not excluded. Counts
    /// are all that it needs: those of replicas add up.
    pub(super) fn of(count: u64, total: u64, alpha: f64) -> Option<Self> {
        let count = count.min(total);
        let share = (total > 0).then(|| count as f64 / total as f64)?;
        let is_excluded = |share: f64| excludes(count, total, share, alpha);
        let low = if count == 0 { 0.0 } else { between(0.0, share, is_excluded) };
        let high = if count == total {
            1.0
        } else {
            1.0 - between(0.0, 1.0 - share, |rest| is_excluded(1.0 - rest))
        };
        Some(Self { share, low, high })
    }
}

/// Whether `count` of `total` excludes this share, which lies between 0 and 1.
pub(super) fn excludes(count: u64, total: u64, share: f64, alpha: f64) -> bool {
    let counts = [count, total.saturating_sub(count)];
    dirichlet_multinomial_log_ratio(&counts, &[share, 1.0 - share], &[0.5, 0.5]) >= -alpha.ln()
}

/// Where, between an `outer` place that is excluded and an `inner` one that is not, the exclusion begins; on its side.
fn between(mut outer: f64, mut inner: f64, is_excluded: impl Fn(f64) -> bool) -> f64 {
    // Halving reaches the last digit of any float that is no tiny share of the first distance.
    for _ in 0..80 {
        let middle = 0.5 * (outer + inner);
        if middle <= outer || middle >= inner {
            break;
        }
        if is_excluded(middle) {
            outer = middle;
        } else {
            inner = middle;
        }
    }
    outer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    #[test]
    fn bounds_enclose_the_share_and_narrow() {
        assert!(BoundedShare::of(0, 0, 0.05).is_none());
        let of = |count, total| BoundedShare::of(count, total, 0.05).unwrap();
        assert!(of(0, 100).low == 0.0 && (0.02..0.08).contains(&of(0, 100).high), "{:?}", of(0, 100));
        assert!(of(100, 100).high == 1.0 && of(100, 100).low > 0.9);
        let (wide, narrow) = (of(5, 100), of(5_000, 100_000));
        assert!(wide.low < narrow.low && narrow.low < 0.05 && 0.05 < narrow.high && narrow.high < wide.high);
        // Yes and no are alike.
        let (yes, no) = (of(7, 50), of(43, 50));
        assert!((yes.low - (1.0 - no.high)).abs() < 1e-12 && (yes.high - (1.0 - no.low)).abs() < 1e-12);
        assert!(of(9, 9).low > 0.5 && of(1 << 60, 1 << 61).high < 0.500_001);
    }

    /// 2,000 runs of 1,000 looks each: the bounds exclude the truth at any look in at most 5 % of them.
    #[test]
    fn they_hold_at_every_look() {
        for truth in [0.01, 0.3] {
            let mut random = SplitMix64::new(5);
            let wrong = (0..2_000).filter(|_| {
                let mut count = 0;
                (1..=1_000).any(|total| {
                    count += u64::from(random.uniform() < truth);
                    excludes(count, total, truth, 0.05)
                })
            });
            let wrong = wrong.count();
            assert!(wrong <= 100, "{wrong} of 2,000 at {truth}");
        }
    }
}

//! A bounded sample of pairs of scores, which no order and no tree of merges changes.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::rollout::Draw;
use crate::stats::{Alternative, SplitMix64, spearmanr};

/// The pairs of the rows with the smallest draws: of all rows while they are few, and else a uniform sample of them without replacement
/// ("bottom-k sketch", E. Cohen and H. Kaplan, 2007).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Sample {
    /// In ascending order.
    pairs: Vec<Pair>,
}

/// The draw, and the bits of the score that was given and of the shadow's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Pair {
    draw: u64,
    live: u64,
    shadow: u64,
}

/// So many pairs are kept. Of independent scores the correlation of 1,024 pairs has a standard error of 1/sqrt(1023), and of related
/// ones a smaller one.
pub(super) const MOST_PAIRS: usize = 1024;

impl Sample {
    /// Adds the finite scores of a row, number `row` of the request that has this draw.
    pub(super) fn add(&mut self, draw: Draw, row: usize, live: f64, shadow: f64) {
        // The generator's own mixing makes independent draws of consecutive rows.
        let draw = SplitMix64::at(draw.bits(), row as u64).next_u64();
        self.insert(Pair { draw, live: live.to_bits(), shadow: shadow.to_bits() });
    }

    fn insert(&mut self, pair: Pair) {
        if self.pairs.len() == MOST_PAIRS && self.pairs.last().is_some_and(|last| *last <= pair) {
            return;
        }
        let place = self.pairs.partition_point(|own| *own <= pair);
        self.pairs.insert(place, pair);
        self.pairs.truncate(MOST_PAIRS);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.pairs.extend_from_slice(&other.pairs);
        self.pairs.sort_unstable();
        self.pairs.truncate(MOST_PAIRS);
    }

    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The rank correlation; `None` where one of the two has no order.
    pub(super) fn correlation(&self) -> Option<f64> {
        let live: Vec<f64> = self.pairs.iter().map(|pair| f64::from_bits(pair.live)).collect();
        let shadow: Vec<f64> = self.pairs.iter().map(|pair| f64::from_bits(pair.shadow)).collect();
        let found = spearmanr(&live, &shadow, Alternative::TwoSided).ok()?;
        Some(found.statistic).filter(|statistic| !statistic.is_nan())
    }
}

impl Serialize for Sample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plain = |pair: &Pair| (pair.draw, f64::from_bits(pair.live), f64::from_bits(pair.shadow));
        serializer.collect_seq(self.pairs.iter().map(plain))
    }
}

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Vec::<(u64, f64, f64)>::deserialize(deserializer)?;
        if read.len() > MOST_PAIRS {
            return Err(de::Error::custom("the sample has more pairs than one keeps"));
        }
        if read.iter().any(|(_, live, shadow)| !live.is_finite() || !shadow.is_finite()) {
            return Err(de::Error::custom("the sample has scores that are not finite"));
        }
        let mut sample = Self::default();
        for (draw, live, shadow) in read {
            sample.insert(Pair { draw, live: live.to_bits(), shadow: shadow.to_bits() });
        }
        Ok(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seed: u64, rows: usize, noise: f64) -> Sample {
        let (mut random, mut sample) = (SplitMix64::new(seed), Sample::default());
        for _ in 0..rows {
            let (draw, live) = (Draw::new(random.next_u64()), random.normal());
            sample.add(draw, 0, live, live + noise * random.normal());
        }
        sample
    }

    #[test]
    fn no_order_and_no_tree_of_merges_changes_it() {
        let mut random = SplitMix64::new(2);
        let rows: Vec<(Draw, f64)> =
            (0..5_000).map(|_| (Draw::new(random.next_u64()), random.normal())).collect();
        let add = |sample: &mut Sample, (draw, score): &(Draw, f64)| sample.add(*draw, 3, *score, -*score);
        let (mut forth, mut back, mut parts) = (Sample::default(), Sample::default(), Sample::default());
        rows.iter().for_each(|row| add(&mut forth, row));
        rows.iter().rev().for_each(|row| add(&mut back, row));
        for part in rows.chunks(777) {
            let mut own = Sample::default();
            part.iter().for_each(|row| add(&mut own, row));
            own.merge(&parts);
            parts = own;
        }
        assert!(forth == back && forth == parts && forth.len() == MOST_PAIRS);
        assert_eq!(forth.correlation().unwrap(), -1.0);
    }

    /// The correlation of all rows is known; that of a sample is off by its standard error.
    #[test]
    fn the_standard_error_is_the_one_that_is_told() {
        // Spearman's correlation of normal numbers whose Pearson correlation is 1/sqrt(2): 6/pi asin(1/(2 sqrt(2))).
        let related = 6.0 / std::f64::consts::PI * (0.5 * 0.5_f64.sqrt()).asin();
        for (noise, truth) in [(1.0, related), (1e9, 0.0)] {
            let errors = (0..100).map(|seed| sample(seed, 3_000, noise).correlation().unwrap() - truth);
            let squares: f64 = errors.map(|error| error * error).sum();
            let deviation = (squares / 100.0).sqrt();
            // 100 runs tell a deviation to 7 %.
            assert!(deviation < 1.2 / (MOST_PAIRS as f64 - 1.0).sqrt(), "{noise}: {deviation}");
        }
    }

    #[test]
    fn it_is_read_back_and_what_is_none_is_refused() {
        let kept = sample(1, 50, 0.5);
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), kept);
        let many = serde_json::to_string(&vec![(1, 1.0, 1.0); MOST_PAIRS + 1]).unwrap();
        assert!(serde_json::from_str::<Sample>(&many).is_err());
        assert!(serde_json::from_str::<Sample>("[[1,null,2.0]]").is_err());
        assert!(Sample::default().correlation().is_none());
    }
}

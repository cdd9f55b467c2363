use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ArmStatistics, Memory};
use crate::error::{Error, Result};
use crate::profile::Sum;

/// What is known of one arm: sums over its outcomes, without rounding, a bucket for each stretch of time.
///
/// No order of adding and no grouping changes a bit, so that replicas that are merged agree with one that saw all.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Evidence {
    buckets: BTreeMap<u64, Sums>,
}

/// Sums over the outcomes of one bucket, each with its weight.
#[derive(Clone, PartialEq, Debug, Default)]
struct Sums {
    count: Sum,
    sum: Sum,
    squares: Sum,
    inverse_count: Sum,
    inverse_sum: Sum,
}

impl Evidence {
    /// Adds an outcome of this time, where it still counts at `now`.
    pub(crate) fn add(
        &mut self,
        memory: Memory,
        now: Duration,
        time: Duration,
        reward: f64,
        propensity: f64,
    ) {
        let bucket = memory.bucket(time);
        if bucket < memory.oldest(memory.bucket(now)) {
            return;
        }
        let weight = memory.weight(time);
        let sums = self.buckets.entry(bucket).or_default();
        sums.count.add(weight);
        add_product(&mut sums.sum, weight, reward);
        add_product(&mut sums.squares, weight * reward, reward);
        sums.inverse_count.add(weight / propensity);
        sums.inverse_sum.add(weight * reward / propensity);
    }

    /// Adds the outcomes of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, sums) in &other.buckets {
            let own = self.buckets.entry(*bucket).or_default();
            for (own, other) in own.all_mut().into_iter().zip(sums.all()) {
                own.merge(other);
            }
        }
    }

    /// Forgets what does not count any more.
    pub(crate) fn forget(&mut self, memory: Memory, now: Duration) {
        let oldest = memory.oldest(memory.bucket(now));
        self.buckets.retain(|bucket, _| *bucket >= oldest);
    }

    /// What counts at `now`.
    pub(crate) fn statistics(&self, memory: Memory, now: Duration) -> ArmStatistics {
        let oldest = memory.oldest(memory.bucket(now));
        let counted = self.buckets.iter().filter(|(bucket, _)| **bucket >= oldest);
        counted.fold(ArmStatistics::default(), |all, (bucket, sums)| {
            let (scale, of) = (memory.scale(*bucket, now), sums.statistics());
            all.plus(&ArmStatistics {
                count: scale * of.count,
                sum: scale * of.sum,
                squared_deviations: scale * of.squared_deviations,
                inverse_propensity_count: scale * of.inverse_propensity_count,
                inverse_propensity_sum: scale * of.inverse_propensity_sum,
            })
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The buckets as they are written down.
    pub(crate) fn written(&self) -> Vec<WrittenBucket> {
        let floats = |sums: &Sums| sums.all().map(floats);
        self.buckets
            .iter()
            .map(|(bucket, sums)| WrittenBucket { bucket: *bucket, sums: floats(sums) })
            .collect()
    }

    /// Reads buckets that were written down, and refuses those that no outcomes leave.
    pub(crate) fn read(written: &[WrittenBucket], memory: Memory, arm: &str) -> Result<Self> {
        let corrupt = |problem: &str| Err(Error::corrupt("restore bandit", format!("arm {arm}"), problem));
        let mut buckets = BTreeMap::new();
        for WrittenBucket { bucket, sums } in written {
            let mut read = Sums::default();
            for (sum, parts) in read.all_mut().into_iter().zip(sums) {
                if parts.len() > MOST_PARTS || parts.iter().any(|part| !(-LARGEST..=LARGEST).contains(part)) {
                    return corrupt("a sum has too many parts, or one that is too large");
                }
                parts.iter().for_each(|part| sum.add(*part));
            }
            let (count, inverse_count) = (read.count.value(), read.inverse_count.value());
            if !(count > 0.0 && count <= MOST_OUTCOMES && inverse_count >= count)
                || read.squares.value() < 0.0
            {
                return corrupt("its counts are those of no outcomes");
            }
            // Cauchy's and Schwarz' inequality, with room for what squares are rounded by.
            let sum = read.sum.value();
            if sum.abs() / count > 1.000_001 * (read.squares.value() / count).sqrt() + 1e-150 {
                return corrupt("its sum is larger than its squares allow");
            }
            if buckets.insert(*bucket, read).is_some() {
                return corrupt("a bucket occurs twice");
            }
        }
        let newest = buckets.keys().next_back().copied().unwrap_or(0);
        if buckets.keys().next().is_some_and(|first| *first < memory.oldest(newest)) {
            return corrupt("it has outcomes that are forgotten");
        }
        Ok(Self { buckets })
    }

    /// The newest bucket.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.buckets.keys().next_back().copied()
    }
}

/// A bucket as it is written: each sum as floats that add up to it without rounding.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenBucket {
    bucket: u64,
    /// The sums of weights, of rewards, of their squares, of 1 over propensities and of rewards over them.
    sums: [Vec<f64>; 5],
}

impl Sums {
    fn all(&self) -> [&Sum; 5] {
        let Self { count, sum, squares, inverse_count, inverse_sum } = self;
        [count, sum, squares, inverse_count, inverse_sum]
    }

    fn all_mut(&mut self) -> [&mut Sum; 5] {
        let Self { count, sum, squares, inverse_count, inverse_sum } = self;
        [count, sum, squares, inverse_count, inverse_sum]
    }

    fn statistics(&self) -> ArmStatistics {
        let (count, sum) = (self.count.value(), self.sum.value());
        ArmStatistics {
            count,
            sum,
            squared_deviations: self.squared_deviations(count, sum),
            inverse_propensity_count: self.inverse_count.value(),
            inverse_propensity_sum: self.inverse_sum.value(),
        }
    }

    /// The squared deviations from the mean, by `sum of squares - 2 mean sum + count mean^2` without rounding in between.
    fn squared_deviations(&self, count: f64, sum: f64) -> f64 {
        if count <= 0.0 {
            return 0.0;
        }
        let mean = sum / count;
        let mut deviations = self.squares.clone();
        for part in floats(&self.sum) {
            add_product(&mut deviations, -2.0 * mean, part);
        }
        let square = mean * mean;
        add_product(&mut deviations, count, square);
        add_product(&mut deviations, count, mean.mul_add(mean, -square));
        deviations.value().max(0.0)
    }
}

/// Adds a product to the last digit.
fn add_product(sum: &mut Sum, a: f64, b: f64) {
    let product = a * b;
    sum.add(product);
    sum.add(a.mul_add(b, -product));
}

/// The floats that add up to a sum: its nearest one, that of what is left, and so on.
fn floats(sum: &Sum) -> Vec<f64> {
    let (mut left, mut parts) = (sum.clone(), Vec::new());
    while parts.len() < MOST_PARTS {
        let value = left.value();
        // No sum of bounded rewards is infinite.
        if value == 0.0 || !value.is_finite() {
            break;
        }
        parts.push(value);
        left.add(-value);
    }
    parts
}

/// A float of 53 bits more often than an accumulator has room for.
const MOST_PARTS: usize = 48;
/// The largest part of a sum: that of the squares of many of the largest rewards.
const LARGEST: f64 = 1e290;
/// More outcomes than anybody counts, and as many as floats tell apart.
const MOST_OUTCOMES: f64 = 9e15;

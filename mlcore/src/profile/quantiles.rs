//! A summary of numbers that answers ranks and quantiles within bounds that hold for certain.

use super::codec::{Reader, Writer};
use super::frequent::Frequent;
use super::number::{Number, hash_of};
use super::sort::sort;
use crate::error::Result;

/// Numbers in levels, each number of a level standing for `2^level` of the column.
///
/// Full levels are thinned as in the sketch of J. Munro and M. Paterson (1980) and that of Z. Karnin, K. Lang and E. Liberty
/// (2016): sorted, and every second number goes up a level. Those take one of the two halves at random; here what a rank may lose
/// or gain is counted with every step, and the half is taken that keeps the two in balance, so that equal inputs give equal
/// summaries and the bounds hold for certain. No data, however it is sorted or chosen, leaves them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Quantiles {
    /// Numbers that stand for themselves, by their keys, in no order.
    buffer: Vec<u64>,
    /// The numbers of each level in ascending order.
    levels: Vec<Vec<u64>>,
    /// How much larger than the true rank an estimate may be.
    over: u64,
    /// How much smaller.
    under: u64,
}

/// So many numbers are sorted at a time.
pub(super) const BUFFER: usize = 4096;
/// Of so many sorted numbers one remains, at once.
const STRIDE: usize = 8;
/// The level of what remains.
const FIRST: usize = 3;
/// From so many numbers on a level is thinned.
const FULL: usize = 2 * BUFFER / STRIDE;
/// A level beyond would stand for more rows than a profile counts.
const MOST_LEVELS: usize = 56;

impl Quantiles {
    /// Adds numbers; how often those of a sorted part occur is noted on the way.
    pub(super) fn add(&mut self, keys: &[u64], frequent: &mut Frequent) {
        let mut left = keys;
        while !left.is_empty() {
            let (now, later) = left.split_at(left.len().min(BUFFER.saturating_sub(self.buffer.len())));
            self.buffer.extend_from_slice(now);
            left = later;
            if self.buffer.len() >= BUFFER {
                self.thin_buffer(frequent);
            }
        }
    }

    /// Adds numbers that occur so often, in ascending order, without any loss but that of full levels. Of an odd count one goes
    /// to the buffer: the numbers there are counted for `frequent` later, all others now.
    pub(super) fn add_counts(&mut self, counts: &[(Number, u64)], frequent: &mut Frequent) {
        for (number, count) in counts {
            frequent.add(number.key, count & !1);
            if count & 1 == 1 {
                self.buffer.push(number.key);
            }
        }
        frequent.reduce();
        for level in 1..MOST_LEVELS {
            let has = |count: &u64| count >> level & 1 == 1;
            let keys: Vec<u64> =
                counts.iter().filter(|(_, count)| has(count)).map(|(number, _)| number.key).collect();
            if !keys.is_empty() {
                insert(self.level(level), &keys);
            }
        }
        if self.buffer.len() >= BUFFER {
            self.thin_buffer(frequent);
        }
        self.thin_levels();
    }

    /// Adds another summary. Which of two is merged into the other makes no difference.
    pub(super) fn merge(&mut self, other: &Self, frequent: &mut Frequent) {
        for (place, keys) in other.levels.iter().enumerate() {
            insert(self.level(place), keys);
        }
        self.over = self.over.saturating_add(other.over);
        self.under = self.under.saturating_add(other.under);
        self.buffer.extend_from_slice(&other.buffer);
        if self.buffer.len() >= BUFFER {
            self.thin_buffer(frequent);
        }
        self.thin_levels();
    }

    /// Every number with how many it stands for, in ascending order.
    pub(super) fn ranked(&self) -> Vec<(u64, u64)> {
        let mut ranked: Vec<(u64, u64)> = self.buffer.iter().map(|key| (*key, 1)).collect();
        for (place, keys) in self.levels.iter().enumerate() {
            ranked.extend(keys.iter().map(|key| (*key, 1_u64 << place)));
        }
        ranked.sort_unstable();
        ranked
    }

    /// By how much the number of values below any other may be larger, and smaller, than what is there says.
    pub(super) fn errors(&self) -> (u64, u64) {
        (self.under, self.over)
    }

    /// The numbers that stand for themselves.
    pub(super) fn buffer(&self) -> &[u64] {
        &self.buffer
    }

    fn level(&mut self, place: usize) -> &mut Vec<u64> {
        if self.levels.len() <= place {
            self.levels.resize_with(place + 1, Vec::new);
        }
        // It was just made.
        let last = self.levels.len() - 1;
        &mut self.levels[place.min(last)]
    }

    /// Sorts the buffer and keeps every eighth of its first numbers, the middle one of eight.
    fn thin_buffer(&mut self, frequent: &mut Frequent) {
        sort(&mut self.buffer);
        let (first, _) = self.buffer.split_at(BUFFER.min(self.buffer.len()));
        frequent.count_sorted(first);
        let kept: Vec<u64> = first.iter().skip(STRIDE / 2).step_by(STRIDE).copied().collect();
        // Of r sorted numbers below another the kept ones say (r + 3) / 8, rounded down, times 8.
        self.under = self.under.saturating_add(STRIDE as u64 / 2);
        self.over = self.over.saturating_add(STRIDE as u64 / 2 - 1);
        self.buffer.drain(..BUFFER.min(self.buffer.len()));
        insert(self.level(FIRST), &kept);
        self.thin_levels();
    }

    fn thin_levels(&mut self) {
        let mut place = 0;
        while place < self.levels.len() {
            while self.level(place).len() >= FULL && place + 1 < MOST_LEVELS {
                self.thin_level(place);
            }
            place += 1;
        }
    }

    /// Takes every second number of a level to the next.
    fn thin_level(&mut self, place: usize) {
        let keys = self.level(place);
        // One that is left over stays: the largest.
        let whole = keys.len() & !1;
        let left = keys.split_off(whole);
        let full = std::mem::replace(keys, left);
        // Many parts that each make one step must not all step to one side: where nothing is to be balanced the data decides.
        let by_data = full.get(FULL / 2).is_some_and(|key| hash_of(*key) & 1 == 1);
        let takes_second = self.over > self.under || (self.over == self.under && by_data);
        let error = if takes_second { &mut self.under } else { &mut self.over };
        *error = error.saturating_add(1 << place);
        let kept: Vec<u64> = full.iter().skip(usize::from(takes_second)).step_by(2).copied().collect();
        insert(self.level(place + 1), &kept);
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.u32(BUFFER as u32);
        writer.u64(self.over);
        writer.u64(self.under);
        let mut buffer = self.buffer.clone();
        sort(&mut buffer);
        write_keys(writer, &buffer);
        writer.count(self.levels.len());
        self.levels.iter().for_each(|keys| write_keys(writer, keys));
    }

    /// Reads a summary of `count` numbers.
    pub(super) fn read(reader: &mut Reader<'_>, count: u64) -> Result<Self> {
        let size = reader.u32()?;
        reader.require(size as usize == BUFFER, "its summary of numbers has another size")?;
        let (over, under) = (reader.u64()?, reader.u64()?);
        let mut quantiles = Self { buffer: read_keys(reader, BUFFER)?, levels: Vec::new(), over, under };
        let mut stood = quantiles.buffer.len() as u64;
        for place in 0..reader.count(4, MOST_LEVELS)? {
            let keys = read_keys(reader, FULL)?;
            stood = stood.saturating_add((keys.len() as u64).saturating_mul(1 << place));
            quantiles.levels.push(keys);
        }
        reader.require(over <= count && under <= count, "the error of its summary exceeds its rows")?;
        reader.require(stood == count, "its summary of numbers stands for another number of rows")?;
        Ok(quantiles)
    }
}

/// Merges sorted numbers into sorted ones.
fn insert(own: &mut Vec<u64>, keys: &[u64]) {
    if own.is_empty() {
        own.extend_from_slice(keys);
        return;
    }
    let mut merged = Vec::with_capacity(own.len() + keys.len());
    let (mut left, mut right) = (own.as_slice(), keys);
    while let ([a, rest_a @ ..], [b, rest_b @ ..]) = (left, right) {
        // Both are kept, so that equal ones need no order.
        if a <= b {
            merged.push(*a);
            left = rest_a;
        } else {
            merged.push(*b);
            right = rest_b;
        }
    }
    merged.extend_from_slice(left);
    merged.extend_from_slice(right);
    *own = merged;
}

fn write_keys(writer: &mut Writer, keys: &[u64]) {
    writer.count(keys.len());
    keys.iter().for_each(|key| writer.u64(*key));
}

fn read_keys(reader: &mut Reader<'_>, most: usize) -> Result<Vec<u64>> {
    let length = reader.count(8, most)?;
    let keys = (0..length).map(|_| reader.u64()).collect::<Result<Vec<u64>>>()?;
    let is_number = |key: &u64| Number { key: *key, remainder: 0 }.is_valid();
    reader.require(keys.iter().all(is_number), "its summary holds what is no number")?;
    reader.require(keys.is_sorted(), "its summary of numbers is not sorted")?;
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::profile::vector::key_of;
    use crate::stats::SplitMix64;

    /// The largest error of any rank, above and below, beside what the summary states.
    fn worst(quantiles: &Quantiles, values: &mut [f64]) -> ((i64, i64), (u64, u64)) {
        values.sort_unstable_by(f64::total_cmp);
        let ranked = quantiles.ranked();
        let (mut stood, mut place, mut worst) = (0, 0, (0, 0));
        for (at, value) in values.iter().enumerate() {
            while let Some((key, weight)) = ranked.get(place).filter(|(key, _)| *key < key_of(*value)) {
                assert!(*key > 0);
                stood += weight;
                place += 1;
            }
            let below = values[..at].partition_point(|other| other < value);
            let error = below as i64 - stood as i64;
            worst = (worst.0.max(error), worst.1.max(-error));
        }
        (worst, quantiles.errors())
    }

    fn summary(values: &[f64]) -> Quantiles {
        let (mut quantiles, mut frequent) = (Quantiles::default(), Frequent::default());
        let keys: Vec<u64> = values.iter().map(|value| key_of(*value)).collect();
        keys.chunks(1000).for_each(|keys| quantiles.add(keys, &mut frequent));
        quantiles
    }

    #[test]
    fn bounds_hold_on_sorted_random_and_repeated_numbers() {
        let mut random = SplitMix64::new(1);
        let count = 300_000;
        let shapes: [Vec<f64>; 4] = [
            (0..count).map(f64::from).collect(),
            (0..count).rev().map(f64::from).collect(),
            (0..count).map(|_| random.normal()).collect(),
            (0..count).map(|i| f64::from(i % 7 * (i % 11))).collect(),
        ];
        for mut values in shapes {
            let whole = summary(&values);
            let mut parts = Quantiles::default();
            for part in values.chunks(7919) {
                parts.merge(&summary(part), &mut Frequent::default());
            }
            for quantiles in [&whole, &parts] {
                let ((above, below), (under, over)) = worst(quantiles, &mut values.clone());
                assert!(above <= under as i64 && below <= over as i64, "{above} {under} {below} {over}");
            }
            // 0.1 % and 0.05 % a doubling.
            let (under, over) = whole.errors();
            assert!(under.max(over) < count as u64 * 5 / 1000, "{under} {over}");
            values.clear();
        }
    }

    proptest! {
        #[test]
        fn merging_has_no_direction(a in 0_usize..9000, b in 0_usize..9000, seed in any::<u64>()) {
            let mut random = SplitMix64::new(seed);
            let mut drawn = |count| summary(&(0..count).map(|_| random.normal()).collect::<Vec<_>>());
            let (a, b) = (drawn(a), drawn(b));
            let (mut ab, mut ba) = (a.clone(), b.clone());
            ab.merge(&b, &mut Frequent::default());
            ba.merge(&a, &mut Frequent::default());
            let bytes = |quantiles: &Quantiles| {
                let mut writer = Writer::default();
                quantiles.write(&mut writer);
                writer.into_bytes()
            };
            prop_assert_eq!(bytes(&ab), bytes(&ba));
        }
    }
}

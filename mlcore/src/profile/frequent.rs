//! Which numbers occur often, of a column with many distinct ones.

use std::collections::BTreeMap;

use super::codec::{Reader, Writer};
use super::number::Number;
use crate::error::Result;

/// Counts of frequent numbers, each at most [`missed`](Self::missed) too small (J. Misra and D. Gries, 1982; merged as P.
/// Agarwal and others do, "Mergeable summaries", 2012).
///
/// Numbers come sorted, so that a frequent one is a run: what costs a table for every value costs here a glance at every
/// eighth. Shorter runs are left out, and counted among what is missed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Frequent {
    counts: BTreeMap<u64, u64>,
    missed: u64,
}

/// Runs of fewer numbers, of those that are sorted at a time, are left out.
const SHORTEST: usize = 16;
/// So many numbers are kept.
const MOST: usize = 1024;

impl Frequent {
    /// Adds the runs of sorted numbers.
    pub(super) fn count_sorted(&mut self, sorted: &[u64]) {
        let mut place = 0;
        // A run that counts has two places at a distance of eight that are divisible by eight.
        while let (Some(key), Some(later)) = (sorted.get(place), sorted.get(place + SHORTEST / 2)) {
            if key != later {
                place += SHORTEST / 2;
                continue;
            }
            let start = sorted.partition_point(|other| other < key);
            let end = sorted.partition_point(|other| other <= key);
            if end - start >= SHORTEST {
                self.add(*key, (end - start) as u64);
            }
            place = end.next_multiple_of(SHORTEST / 2);
        }
        self.missed = self.missed.saturating_add(SHORTEST as u64 - 1);
        self.reduce();
    }

    /// Adds a count.
    pub(super) fn add(&mut self, key: u64, count: u64) {
        if count > 0 {
            let own = self.counts.entry(key).or_default();
            *own = own.saturating_add(count);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.counts.iter().for_each(|(key, count)| self.add(*key, *count));
        self.missed = self.missed.saturating_add(other.missed);
        self.reduce();
    }

    /// Takes from all counts as much as leaves the most frequent ones.
    pub(super) fn reduce(&mut self) {
        if self.counts.len() <= MOST {
            return;
        }
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let (_, taken, _) = counts.select_nth_unstable_by(MOST, |a, b| b.cmp(a));
        let taken = *taken;
        self.missed = self.missed.saturating_add(taken);
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(taken);
            *count > 0
        });
    }

    /// The numbers with their least counts, and how much larger each may be; `buffer` holds numbers that are not counted yet.
    pub(super) fn items(&self, buffer: &[u64]) -> (BTreeMap<u64, u64>, u64) {
        let mut counts = self.counts.clone();
        for key in buffer {
            *counts.entry(*key).or_default() += 1;
        }
        (counts, self.missed)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.u64(self.missed);
        writer.count(self.counts.len());
        for (key, count) in &self.counts {
            writer.u64(*key);
            writer.u64(*count);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>, rows: u64) -> Result<Self> {
        let mut frequent = Self { missed: reader.u64()?, counts: BTreeMap::new() };
        let (mut last, mut total) = (None, 0_u64);
        for _ in 0..reader.count(16, MOST)? {
            let (key, count) = (reader.u64()?, reader.u64()?);
            let is_next = last.is_none_or(|last| last < key) && count > 0;
            reader.require(is_next, "its frequent numbers are not sorted")?;
            reader.require(Number { key, remainder: 0 }.is_valid(), "a frequent number is none")?;
            (last, total) = (Some(key), total.saturating_add(count));
            frequent.counts.insert(key, count);
        }
        reader.require(total <= rows && frequent.missed <= rows, "its frequent numbers exceed its rows")?;
        Ok(frequent)
    }
}

//! A column of numbers, or of dates and times as the integers that they are stored by.

use super::codec::{Reader, Writer};
use super::distinct::Registers;
use super::few::Few;
use super::frequent::Frequent;
use super::moments::Moments;
use super::number::{Number, float_of, hash_of};
use super::quantiles::Quantiles;
use super::vector::{BLOCK, count_below, ends, key_of, keys, largest};
use crate::error::Result;

/// The values of a column, missing ones left out: each of them while they are few, summaries from then on.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    /// Whether any came as a float: the smallest integer is shown as an integer otherwise.
    pub(super) has_floats: bool,
    few: Few,
    many: Option<Box<Many>>,
}

/// What is kept of more distinct numbers than a table holds.
#[derive(Clone, Debug)]
pub(super) struct Many {
    infinities: (u64, u64),
    /// The smallest and the largest finite number, where there is any.
    range: Option<(Number, Number)>,
    moments: Moments,
    /// How many values lie below each edge.
    below: Vec<u64>,
    pub(super) registers: Registers,
    pub(super) quantiles: Quantiles,
    pub(super) frequent: Frequent,
}

/// Integers up to here are floats without loss.
const EXACT: u64 = 1 << 53;

impl Numbers {
    /// Adds up to [`BLOCK`] floats, and answers how many of them are NaN.
    pub(super) fn add(&mut self, block: &[f64], edges: &[f64]) -> u64 {
        if let Some(many) = &mut self.many {
            return many.add(block, edges);
        }
        let mut nans = 0;
        let mut left = block.iter();
        let is_full = left.by_ref().any(|value| match value.is_nan() {
            true => {
                nans += 1;
                false
            }
            false => self.few.add(Number::of_float(*value), 1),
        });
        if is_full { nans + self.become_many(edges).add(left.as_slice(), edges) } else { nans }
    }

    /// Adds up to [`BLOCK`] integers.
    pub(super) fn add_integers(&mut self, block: &[i64], edges: &[f64]) {
        if largest(block) > EXACT {
            let numbers: Vec<Number> = block.iter().map(|value| Number::of_i64(*value)).collect();
            return self.add_numbers(&numbers, edges);
        }
        let mut floats = [0.0; BLOCK];
        for (float, value) in floats.iter_mut().zip(block) {
            *float = *value as f64;
        }
        self.add(floats.get(..block.len()).unwrap_or_default(), edges);
    }

    /// Adds up to [`BLOCK`] numbers, none of which is NaN.
    pub(super) fn add_numbers(&mut self, block: &[Number], edges: &[f64]) {
        if let Some(many) = &mut self.many {
            return many.add_numbers(block, edges);
        }
        let mut left = block.iter();
        if left.by_ref().any(|number| self.few.add(*number, 1)) {
            self.become_many(edges).add_numbers(left.as_slice(), edges);
        }
    }

    /// Adds the numbers of another part of the column, counted at the same edges.
    pub(super) fn merge(&mut self, other: &Self, edges: &[f64]) {
        self.has_floats |= other.has_floats;
        match (&mut self.many, &other.many) {
            (Some(own), Some(other)) => own.merge(other),
            (Some(own), None) => own.merge(&Many::of(other.few.sorted(), edges)),
            (None, Some(_)) => self.become_many(edges).merge_if(other.many.as_deref()),
            (None, None) => {
                // Two full tables do not fit into one: the numbers that are left go to what it becomes.
                let mut left = other.few.entries().iter();
                if left.by_ref().any(|(number, count)| self.few.add(*number, *count)) {
                    let rest = Many::of(left.copied().collect(), edges);
                    self.become_many(edges).merge(&rest);
                }
            }
        }
    }

    /// Puts summaries in the place of the table.
    fn become_many(&mut self, edges: &[f64]) -> &mut Many {
        let few = std::mem::take(&mut self.few);
        self.many.get_or_insert_with(|| Box::new(Many::of(few.sorted(), edges)))
    }

    /// The distinct numbers with their counts in ascending order, or what is left of too many.
    pub(super) fn spread(&self) -> Result<Vec<(Number, u64)>, &Many> {
        match &self.many {
            Some(many) => Err(many),
            None => Ok(self.few.sorted()),
        }
    }

    /// How many values there are.
    pub(super) fn len(&self) -> u64 {
        self.many.as_ref().map_or_else(|| total(self.few.entries()), |many| many.len())
    }

    /// How many distinct values there are, and whether that is certain.
    pub(super) fn distinct(&self) -> (f64, bool) {
        match &self.many {
            Some(many) => (many.registers.estimate(), false),
            None => (self.few.entries().len() as f64, true),
        }
    }

    /// How many values lie below each edge.
    pub(super) fn below(&self, edges: &[f64]) -> Vec<u64> {
        self.many.as_ref().map_or_else(|| below(self.few.entries(), edges), |many| many.below.clone())
    }

    /// The values that are minus infinity, and infinity.
    pub(super) fn infinities(&self) -> (u64, u64) {
        self.many.as_ref().map_or_else(|| infinities(self.few.entries()), |many| many.infinities)
    }

    /// The smallest and the largest finite number.
    pub(super) fn range(&self) -> Option<(Number, Number)> {
        let of_few = || range(self.few.entries().iter().map(|(number, _)| *number));
        self.many.as_ref().map_or_else(of_few, |many| many.range)
    }

    pub(super) fn moments(&self) -> Moments {
        self.many.as_ref().map_or_else(|| moments(&self.few.sorted()), |many| many.moments.clone())
    }

    pub(super) fn write_exact(&self, writer: &mut Writer) {
        writer.u8(u8::from(self.has_floats));
        writer.u8(u8::from(self.many.is_some()));
        match &self.many {
            Some(many) => many.write_exact(writer),
            None => self.few.write(writer),
        }
    }

    pub(super) fn write_rest(&self, writer: &mut Writer) {
        if let Some(many) = &self.many {
            many.moments.write_rest(writer);
            many.quantiles.write(writer);
            many.frequent.write(writer);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>, edges: usize, count: u64) -> Result<Self> {
        let mut numbers = Self { has_floats: reader.flag("kind of numbers")?, ..Self::default() };
        match reader.flag("number of values")? {
            false => numbers.few = Few::read(reader)?,
            true => numbers.many = Some(Box::new(Many::read(reader, edges, count)?)),
        }
        reader.require(numbers.len() == count, "its values are not as many as its rows")?;
        Ok(numbers)
    }
}

impl Many {
    /// Of distinct numbers with their counts, in ascending order.
    fn of(mut counts: Vec<(Number, u64)>, edges: &[f64]) -> Self {
        counts.sort_unstable();
        let (mut quantiles, mut frequent) = (Quantiles::default(), Frequent::default());
        let mut registers = Registers::default();
        counts.iter().for_each(|(number, _)| registers.add(number.hash()));
        quantiles.add_counts(&counts, &mut frequent);
        Self {
            infinities: infinities(&counts),
            range: range(counts.iter().map(|(number, _)| *number)),
            moments: moments(&counts),
            below: below(&counts, edges),
            registers,
            quantiles,
            frequent,
        }
    }

    fn len(&self) -> u64 {
        self.moments.count().saturating_add(self.infinities.0).saturating_add(self.infinities.1)
    }

    /// Adds a block, and answers how many are NaN.
    fn add(&mut self, block: &[f64], edges: &[f64]) -> u64 {
        let ends = ends(block);
        if ends.odd == 0 {
            self.add_finite(block, edges, (ends.low, ends.high));
            return 0;
        }
        let mut nans = 0;
        let mut finite = Vec::with_capacity(block.len());
        for value in block {
            match value {
                value if value.is_finite() => finite.push(*value),
                value if value.is_nan() => nans += 1,
                value => self.add_infinity(*value, edges),
            }
        }
        let ends = vector_range(&finite);
        self.add_finite(&finite, edges, ends);
        nans
    }

    fn add_finite(&mut self, block: &[f64], edges: &[f64], (low, high): (f64, f64)) {
        if block.is_empty() {
            return;
        }
        self.widen(Number::of_float(low), Number::of_float(high));
        self.moments.add(block, low.abs().max(high.abs()));
        count_edges(block, edges, &mut self.below);
        let mut found = [0; BLOCK];
        keys(block, &mut found);
        let found = found.get(..block.len()).unwrap_or_default();
        found.iter().for_each(|key| self.registers.add(hash_of(*key)));
        self.quantiles.add(found, &mut self.frequent);
    }

    /// Adds numbers of which some may be integers past 2^53, or infinite.
    fn add_numbers(&mut self, numbers: &[Number], edges: &[f64]) {
        let is_finite = |number: &Number| number.float().is_finite();
        for infinity in numbers.iter().filter(|number| !is_finite(number)) {
            self.add_infinity(infinity.float(), edges);
        }
        let finite: Vec<Number> = numbers.iter().copied().filter(is_finite).collect();
        let floats: Vec<f64> = finite.iter().map(|number| number.float()).collect();
        let keys: Vec<u64> = finite.iter().map(|number| number.key).collect();
        if let (Some(low), Some(high)) = (finite.iter().min(), finite.iter().max()) {
            self.widen(*low, *high);
            self.moments.add(&floats, low.float().abs().max(high.float().abs()));
        }
        count_edges(&floats, edges, &mut self.below);
        finite.iter().for_each(|number| self.registers.add(number.hash()));
        self.quantiles.add(&keys, &mut self.frequent);
    }

    fn add_infinity(&mut self, value: f64, edges: &[f64]) {
        let count = if value < 0.0 { &mut self.infinities.0 } else { &mut self.infinities.1 };
        *count = count.saturating_add(1);
        let number = Number::of_float(value);
        count_below(&[value], edges, &mut self.below);
        self.registers.add(number.hash());
        self.quantiles.add(&[number.key], &mut self.frequent);
    }

    fn merge_if(&mut self, other: Option<&Self>) {
        other.into_iter().for_each(|other| self.merge(other));
    }

    fn widen(&mut self, low: Number, high: Number) {
        let own = self.range.unwrap_or((low, high));
        self.range = Some((own.0.min(low), own.1.max(high)));
    }

    fn merge(&mut self, other: &Self) {
        self.infinities.0 = self.infinities.0.saturating_add(other.infinities.0);
        self.infinities.1 = self.infinities.1.saturating_add(other.infinities.1);
        if let Some((low, high)) = other.range {
            self.widen(low, high);
        }
        self.moments.merge(&other.moments);
        for (own, other) in self.below.iter_mut().zip(&other.below) {
            *own = own.saturating_add(*other);
        }
        self.registers.merge(&other.registers);
        self.frequent.merge(&other.frequent);
        self.quantiles.merge(&other.quantiles, &mut self.frequent);
    }

    fn write_exact(&self, writer: &mut Writer) {
        writer.u64(self.infinities.0);
        writer.u64(self.infinities.1);
        if let Some((low, high)) = self.range {
            writer.u8(1);
            for number in [low, high] {
                writer.u64(number.key);
                writer.i32(number.remainder);
            }
        } else {
            writer.u8(0);
        }
        self.moments.write_exact(writer);
        self.below.iter().for_each(|count| writer.u64(*count));
        self.registers.write(writer);
    }

    fn read(reader: &mut Reader<'_>, edges: usize, count: u64) -> Result<Self> {
        let infinities = (reader.u64()?, reader.u64()?);
        let range = match reader.flag("range")? {
            false => None,
            true => {
                let mut number =
                    || -> Result<Number> { Ok(Number { key: reader.u64()?, remainder: reader.i32()? }) };
                Some((number()?, number()?))
            }
        };
        let is_range = range.is_none_or(|(low, high)| {
            low <= high && [low, high].iter().all(|end| end.is_valid() && end.float().is_finite())
        });
        reader.require(is_range, "its smallest and largest number are no range")?;
        let mut moments = Moments::read_exact(reader)?;
        reader.require(range.is_some() == (moments.count() > 0), "it has numbers without a range")?;
        let below = (0..edges).map(|_| reader.u64()).collect::<Result<Vec<u64>>>()?;
        let is_sorted = below.is_sorted() && below.last().is_none_or(|last| *last <= count);
        reader.require(is_sorted, "its histogram counts more than its rows")?;
        let registers = Registers::read(reader)?;
        moments.read_rest(reader)?;
        let quantiles = Quantiles::read(reader, count)?;
        let frequent = Frequent::read(reader, count)?;
        Ok(Self { infinities, range, moments, below, registers, quantiles, frequent })
    }
}

/// From so many edges on a search is faster than comparing with each.
const MANY_EDGES: usize = 24;

fn count_edges(block: &[f64], edges: &[f64], below: &mut [u64]) {
    if edges.len() < MANY_EDGES {
        return count_below(block, edges, below);
    }
    let mut counts = vec![0_u64; edges.len() + 1];
    for value in block {
        // The first edge that is above the value, and all after it.
        if let Some(count) = counts.get_mut(edges.partition_point(|edge| edge <= value)) {
            *count += 1;
        }
    }
    let mut counted = 0;
    for (below, count) in below.iter_mut().zip(counts) {
        counted += count;
        *below += counted;
    }
}

fn vector_range(finite: &[f64]) -> (f64, f64) {
    let ends = ends(finite);
    (ends.low, ends.high)
}

fn total(counts: &[(Number, u64)]) -> u64 {
    counts.iter().fold(0, |total, (_, count)| total.saturating_add(*count))
}

fn infinities(counts: &[(Number, u64)]) -> (u64, u64) {
    let of = |value: f64| {
        let key = key_of(value);
        counts.iter().find(|(number, _)| number.key == key).map_or(0, |(_, count)| *count)
    };
    (of(f64::NEG_INFINITY), of(f64::INFINITY))
}

fn range(numbers: impl Iterator<Item = Number>) -> Option<(Number, Number)> {
    let finite = numbers.filter(|number| number.float().is_finite());
    finite.fold(None, |range: Option<(Number, Number)>, number| {
        let (low, high) = range.unwrap_or((number, number));
        Some((low.min(number), high.max(number)))
    })
}

fn below(counts: &[(Number, u64)], edges: &[f64]) -> Vec<u64> {
    let is_below = |edge: f64| move |(number, _): &&(Number, u64)| number.float() < edge;
    let count = |edge: &f64| {
        counts.iter().filter(is_below(*edge)).fold(0_u64, |total, (_, count)| total.saturating_add(*count))
    };
    edges.iter().map(count).collect()
}

/// Of numbers in ascending order.
fn moments(sorted: &[(Number, u64)]) -> Moments {
    let counts = sorted.iter().map(|(number, count)| (float_of(number.key), *count));
    Moments::of_counts(counts.filter(|(value, _)| value.is_finite()))
}

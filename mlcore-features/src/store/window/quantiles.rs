//! Quantiles within a bound of the value: counts of buckets that grow with it.

use super::bytes::{Reader, put_count};

/// How many values lie in each bucket, in ascending order of the buckets.
///
/// A bucket is what floats with the same sign, exponent and first six digits of the mantissa have in common, so that its width is at
/// most a 64th of its values. The idea is that of DDSketch (C. Masson, J. Rim, H. Lee, 2019), with the buckets of an HDR histogram
/// instead of logarithms, so that no machine computes another one. Counts are added: no order and no grouping changes anything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Buckets {
    counts: Vec<(u32, u64)>,
}

/// The bits of a float below its bucket: 52 of the mantissa less the six that count.
const BELOW: u32 = 46;
/// There are no more buckets than these.
const BUCKETS: u64 = 1 << (64 - BELOW);

impl Buckets {
    /// Adds a value that is not NaN.
    pub(super) fn add(&mut self, value: f64) {
        self.add_times(bucket(value), 1);
    }

    fn add_times(&mut self, bucket: u32, times: u64) {
        match self.counts.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(place) => {
                if let Some((_, count)) = self.counts.get_mut(place) {
                    *count = count.saturating_add(times);
                }
            }
            Err(place) => self.counts.insert(place, (bucket, times)),
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.counts.iter().for_each(|(bucket, count)| self.add_times(*bucket, *count));
    }

    /// The value of rank `quantile * (n - 1)`, rounded down, of `n` values, to a 128th of it; `None` where there is none.
    pub(super) fn quantile(&self, quantile: f64) -> Option<f64> {
        let values: u64 = self.counts.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count));
        let last = values.checked_sub(1)?;
        let rank = ((quantile * last as f64).floor() as u64).min(last);
        let mut below = 0_u64;
        self.counts.iter().find_map(|(bucket, count)| {
            below = below.saturating_add(*count);
            (below > rank).then(|| middle(*bucket))
        })
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        put_count(bytes, self.counts.len() as u64);
        let mut before = 0;
        for (bucket, count) in &self.counts {
            put_count(bytes, u64::from(bucket - before));
            put_count(bytes, *count);
            before = *bucket;
        }
    }

    pub(super) fn absorb(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        Self::each(reader, |bucket, count| self.add_times(bucket, count))
    }

    pub(super) fn skip(reader: &mut Reader<'_>) -> Option<()> {
        Self::each(reader, |_, _| ())
    }

    fn each(reader: &mut Reader<'_>, mut visit: impl FnMut(u32, u64)) -> Option<()> {
        let mut bucket = 0_u64;
        for number in 0..reader.length(2)? {
            let (step, count) = (reader.count()?, reader.count()?);
            bucket = bucket.checked_add(step).filter(|bucket| *bucket < BUCKETS)?;
            if count == 0 || step == 0 && number > 0 {
                return None;
            }
            visit(u32::try_from(bucket).ok()?, count);
        }
        Some(())
    }
}

/// The bucket of a value, ordered as values are. Both zeros are one value.
fn bucket(value: f64) -> u32 {
    (ordered(if value == 0.0 { 0.0 } else { value }) >> BELOW) as u32
}

/// The middle of a bucket.
fn middle(bucket: u32) -> f64 {
    let lowest = u64::from(bucket) << BELOW;
    let (one, other) = (unordered(lowest), unordered(lowest | ((1 << BELOW) - 1)));
    // Of a negative bucket the highest bits are the nearest to zero, and of the infinite ones all but infinity are NaN.
    let (near, far) = if one.abs() <= other.abs() || other.is_nan() { (one, other) } else { (other, one) };
    if near.is_nan() {
        return far;
    }
    if near.is_infinite() || far.is_nan() || near == 0.0 { near } else { near + (far - near) / 2.0 }
}

/// Bits that are ordered as floats are.
pub(super) fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The float of such bits.
pub(super) fn unordered(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Vec<f64>> {
        let any = any::<f64>().prop_filter("a number", |value| !value.is_nan());
        let value = prop_oneof![any, -1e3..1e3, Just(0.0), Just(-0.0), (0..9_i32).prop_map(f64::from)];
        prop::collection::vec(value, 1..80)
    }

    proptest! {
        #[test]
        fn quantiles_are_within_a_128th_of_the_value(values in values(), quantile in 0.0..=1.0_f64) {
            let mut buckets = Buckets::default();
            values.iter().for_each(|value| buckets.add(*value));
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            for quantile in [quantile, 0.0, 1.0] {
                let due = sorted[(quantile * (sorted.len() - 1) as f64).floor() as usize];
                let found = buckets.quantile(quantile).unwrap();
                // Below the smallest normal float buckets have one width.
                let most = (due.abs() / 128.0).max(f64::MIN_POSITIVE);
                prop_assert!(found == due || (found - due).abs() <= most, "{} for {}", found, due);
            }
            let mut bytes = Vec::new();
            buckets.write(&mut bytes);
            let (mut read, mut reader) = (Buckets::default(), Reader::new(&bytes));
            read.absorb(&mut reader).unwrap();
            prop_assert!(reader.is_empty());
            prop_assert_eq!(&read, &buckets);
            let mut reader = Reader::new(&bytes);
            Buckets::skip(&mut reader).unwrap();
            prop_assert!(reader.is_empty());
        }
    }

    #[test]
    fn what_is_exact_stays_exact() {
        for value in [0.0, f64::INFINITY, f64::NEG_INFINITY] {
            let mut buckets = Buckets::default();
            buckets.add(value);
            assert_eq!(buckets.quantile(0.5), Some(value));
        }
        assert_eq!(Buckets::default().quantile(0.5), None);
    }
}

//! Sorting blocks of integers.

/// Sorts in ascending order.
///
/// The keys of numbers that resemble each other begin alike. The 33 bits from the first one in which any two differ are sorted by
/// in three passes of 11 bits, at a cost per number that does not grow, and what they leave equal, which is little or
/// nothing, by comparing.
pub(super) fn sort(keys: &mut [u64]) {
    let (all, any) = keys.iter().fold((u64::MAX, 0), |(all, any), key| (all & key, any | key));
    let varying = 64 - (all ^ any).leading_zeros();
    if keys.len() < FEW || varying == 0 {
        return keys.sort_unstable();
    }
    let shift = varying.saturating_sub(DIGITS as u32 * BITS);
    let mut counts = [[0_u32; SIZE]; DIGITS];
    for key in keys.iter() {
        for (digit, counts) in counts.iter_mut().enumerate() {
            counts[digit_of(*key, shift, digit)] += 1;
        }
    }
    let mut other = vec![0; keys.len()];
    let digits = (varying - shift).div_ceil(BITS) as usize;
    for (digit, counts) in counts.iter_mut().enumerate().take(digits) {
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for key in keys.iter() {
            let place = &mut counts[digit_of(*key, shift, digit)];
            if let Some(into) = other.get_mut(*place as usize) {
                *into = *key;
            }
            *place += 1;
        }
        keys.copy_from_slice(&other);
    }
    if shift > 0 {
        keys.chunk_by_mut(|a, b| a >> shift == b >> shift)
            .filter(|alike| alike.len() > 1)
            .for_each(<[u64]>::sort_unstable);
    }
}

#[inline(always)]
fn digit_of(key: u64, shift: u32, digit: usize) -> usize {
    (key >> (shift + digit as u32 * BITS)) as usize % SIZE
}

const BITS: u32 = 11;
const SIZE: usize = 1 << BITS;
const DIGITS: usize = 3;
/// Fewer are sorted by comparing.
const FEW: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::vector::key_of;
    use crate::stats::SplitMix64;

    #[test]
    fn every_range_is_sorted() {
        let mut random = SplitMix64::new(6);
        for bits in 0..=64 {
            for low in [0, 1 << 40, u64::MAX << 60] {
                let mut keys: Vec<u64> = (0..5000)
                    .map(|_| low ^ (random.next_u64().checked_shr(64 - bits).unwrap_or(0)))
                    .collect();
                let mut expected = keys.clone();
                expected.sort_unstable();
                sort(&mut keys);
                assert!(keys == expected, "{bits} {low}");
            }
        }
        let mut keys: Vec<u64> = (0..4096).map(|_| key_of(random.normal())).collect();
        sort(&mut keys);
        assert!(keys.is_sorted());
    }
}

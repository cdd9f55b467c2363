//! Which units belong to a share of the traffic: a pure function of salt and unit, the same everywhere and always.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::name::UnitId;

/// Where a unit stands in `[0, 1)`: the share of units below `p` is `p`, and a growing share only ever gains units.
///
/// The position is the upper 53 bits of XXH3-64 over the salt, one zero byte and the unit's text. Equal salt and unit
/// give an equal position on every replica, in every language and after every restart (test vectors:
/// `testdata/golden/rollout/buckets.json`); different salts give independent positions, so each experiment wants its own.
///
/// ```
/// use mlcore::name::UnitId;
/// use mlcore::rollout::bucket;
///
/// let unit = UnitId::new("user-17")?;
/// assert_eq!(bucket("checkout", &unit), bucket("checkout", &unit));
/// assert_ne!(bucket("checkout", &unit), bucket("search", &unit));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[must_use]
pub fn bucket(salt: &str, unit: &UnitId) -> f64 {
    position(salt, unit.as_str())
}

/// Where a text stands, which need not be a unit's.
pub(super) fn position(salt: &str, text: &str) -> f64 {
    let (salt, unit) = (salt.as_bytes(), text.as_bytes());
    let mut joined = [0_u8; SHORT];
    let hash = match joined.get_mut(..salt.len() + 1 + unit.len()) {
        Some(joined) => {
            // The byte between the two stays zero.
            let (start, end) = joined.split_at_mut(salt.len() + 1);
            start.iter_mut().zip(salt).for_each(|(to, from)| *to = *from);
            end.copy_from_slice(unit);
            xxh3_64(joined)
        }
        None => streamed(salt, unit),
    };
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// The hash of a text that is too long to be copied: the same number at three times the price.
fn streamed(salt: &[u8], unit: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(salt);
    hasher.update(&[0]);
    hasher.update(unit);
    hasher.digest()
}

/// Salt and unit up to this length together are hashed from the stack.
const SHORT: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Chi2Options, chi2_contingency, ks_2samp};

    fn units(count: usize) -> Vec<UnitId> {
        (0..count).map(|number| UnitId::new(format!("user-{number}")).unwrap()).collect()
    }

    #[test]
    fn positions_are_uniform() {
        let positions: Vec<f64> = units(20_000).iter().map(|unit| bucket("salt", unit)).collect();
        let even: Vec<f64> = (0..20_000).map(|i| (f64::from(i) + 0.5) / 20_000.0).collect();
        let test = ks_2samp(&positions, &even, &Default::default()).unwrap();
        assert!(test.pvalue > 0.001, "{test:?}");
        assert!(positions.iter().all(|position| (0.0..1.0).contains(position)));
    }

    #[test]
    fn salts_are_independent() {
        let units = units(2_000);
        let halves: Vec<Vec<bool>> = (0..50)
            .map(|salt| units.iter().map(|unit| bucket(&format!("experiment-{salt}"), unit) < 0.5).collect())
            .collect();
        let mut smallest = 1.0_f64;
        for (first, a) in halves.iter().enumerate() {
            for b in halves.iter().take(first) {
                let mut table = [[0.0; 2]; 2];
                for (x, y) in a.iter().zip(b) {
                    table[usize::from(*x)][usize::from(*y)] += 1.0;
                }
                smallest = smallest.min(chi2_contingency(&table, &Chi2Options::default()).unwrap().pvalue);
            }
        }
        // 1,225 pairs: a smallest p-value below 1e-6 would be expected once in eight hundred such tests.
        assert!(smallest > 1e-6, "{smallest}");
    }

    #[test]
    fn long_and_short_texts_are_hashed_alike() {
        for length in [1, 60, 100, 117, 118, 119, 120, 200, 256] {
            let unit = UnitId::new("u".repeat(length)).unwrap();
            for salt in ["", "release-2"] {
                let whole = [salt.as_bytes(), &[0], unit.as_str().as_bytes()].concat();
                assert_eq!(streamed(salt.as_bytes(), unit.as_str().as_bytes()), xxh3_64(&whole));
                assert_eq!(bucket(salt, &unit), (xxh3_64(&whole) >> 11) as f64 / (1_u64 << 53) as f64);
            }
        }
    }
}

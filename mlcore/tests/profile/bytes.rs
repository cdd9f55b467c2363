//! Bytes that were cut, changed or made up are refused in words, and nothing else happens.

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use mlcore::profile::{ColumnProfile, Profile};
use mlcore::stats::SplitMix64;
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::support::{doubles, options, profile_of, table};

/// Where the content begins: magic, version, kind and zeros; checksum.
const CONTENT: usize = 16;

fn small() -> Profile {
    let columns: [(&str, ArrayRef); 3] = [
        ("a", Arc::new(Float64Array::from(vec![1.0, 2.5, 1.0]))),
        ("b", Arc::new(StringArray::from(vec!["x", "yy", "x"]))),
        ("c", Arc::new(BooleanArray::from(vec![true, false, true]))),
    ];
    profile_of(&RecordBatch::try_from_iter(columns).unwrap())
}

fn large() -> Profile {
    let mut profile = Profile::new(&options()).unwrap();
    profile.add(&table(9000, 2)).unwrap();
    profile
}

/// The bytes with the checksum that belongs to them.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let header: [u8; 8] = bytes[..8].try_into().unwrap();
    let checksum = xxh3_64_with_seed(&bytes[CONTENT..], u64::from_le_bytes(header));
    bytes[8..CONTENT].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn refused(bytes: &[u8]) -> Error {
    let error = Profile::from_bytes(bytes).unwrap_err();
    let told = matches!(error, Error::Corrupt(_) | Error::Unsupported(_) | Error::InvalidInput(_));
    assert!(told && error.to_string().starts_with("read profile the profile of a table: "), "{error}");
    error
}

#[test]
fn every_cut_and_every_flipped_bit_is_noticed() {
    let bytes = small().to_bytes();
    assert_eq!(Profile::from_bytes(&bytes).unwrap(), small());
    for length in 0..bytes.len() {
        refused(&bytes[..length]);
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        refused(&flipped);
    }
    let mut longer = bytes;
    longer.push(0);
    refused(&longer);
    assert!(matches!(refused(b"what is this?"), Error::Corrupt(_)));
}

#[test]
fn another_version_is_unsupported_whatever_follows() {
    let mut bytes = small().to_bytes();
    bytes[4] = 255;
    for bytes in [bytes.clone(), sealed(bytes)] {
        let error = refused(&bytes);
        assert!(
            matches!(error, Error::Unsupported(_)) && error.to_string().contains("version 255"),
            "{error}"
        );
    }
}

#[test]
fn a_column_is_no_table() {
    let profile = small();
    let column = profile.column("a").unwrap();
    assert_eq!(&ColumnProfile::from_bytes(&column.to_bytes()).unwrap(), column);
    assert!(matches!(refused(&column.to_bytes()), Error::InvalidInput(_)));
    assert!(matches!(ColumnProfile::from_bytes(&profile.to_bytes()), Err(Error::InvalidInput(_))));
}

#[test]
fn what_is_sealed_and_no_profile_is_corrupt() {
    // The place of a number that occurs once in the content, to be replaced by another.
    let replaced = |profile: &Profile, from: &[u8], to: &[u8]| {
        let mut bytes = profile.to_bytes();
        let place = bytes.windows(from.len()).rposition(|window| window == from).unwrap();
        bytes[place..place + to.len()].copy_from_slice(to);
        sealed(bytes)
    };
    let many = profile_of(&doubles((0..9000).map(f64::from)));
    // k = 65535.
    let error = refused(&replaced(&many, &4096_u32.to_le_bytes(), &65_535_u32.to_le_bytes()));
    assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("another size"), "{error}");
    // n = 2^63.
    let rows = 9000_u64.to_le_bytes();
    let error = refused(&replaced(&many, &rows, &(1_u64 << 63).to_le_bytes()));
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    let mut bytes = many.to_bytes();
    bytes[CONTENT..CONTENT + 8].copy_from_slice(&(1_u64 << 63).to_le_bytes());
    assert!(refused(&sealed(bytes)).to_string().contains("more rows than are counted"));
    // The smallest number is NaN.
    let key =
        |value: f64| (value.to_bits() ^ (((value.to_bits() as i64) >> 63) as u64 | 1 << 63)).to_le_bytes();
    let range: Vec<u8> = [key(0.0).as_slice(), &[0; 4], &key(8999.0)].concat();
    let mut bytes = many.to_bytes();
    let place = bytes.windows(range.len()).position(|window| window == range).unwrap();
    bytes[place..place + 8].copy_from_slice(&key(f64::NAN));
    assert!(refused(&sealed(bytes)).to_string().contains("no range"));
    // An infinite number of columns.
    let mut bytes = many.to_bytes();
    bytes[CONTENT + 8..CONTENT + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(refused(&sealed(bytes)).to_string().contains("more than there are"));
}

#[test]
fn counts_that_overflow_are_refused_and_change_nothing() {
    // A profile of 2^61 rows, all null.
    let mut bytes = profile_of(&doubles([])).to_bytes();
    let rows = (1_u64 << 61).to_le_bytes();
    bytes[CONTENT..CONTENT + 8].copy_from_slice(&rows);
    // Rows and columns, the name, its kind and bins; then rows and nulls.
    let start = CONTENT + 8 + 4 + (4 + 1) + 2 + 1;
    bytes[start..start + 8].copy_from_slice(&rows);
    bytes[start + 8..start + 16].copy_from_slice(&rows);
    let mut profile = Profile::from_bytes(&sealed(bytes)).unwrap();
    assert_eq!((profile.rows(), profile.column("x").unwrap().nulls()), (1 << 61, 1 << 61));
    profile.merge(&profile.clone()).unwrap();
    let error = profile.merge(&profile.clone()).unwrap_err().to_string();
    assert!(error.contains("more than a profile counts"), "{error}");
    assert!(profile.add(&doubles([1.0])).is_err() && profile.rows() == 1 << 62);
    assert_eq!(Profile::from_bytes(&profile.to_bytes()).unwrap(), profile);
}

/// Changes some bytes of a profile.
fn mutated(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut random = SplitMix64::new(seed);
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let place = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[place] ^= 1 << random.below(8),
            1 => bytes[place] = random.next_u64() as u8,
            2 => bytes.truncate(place.max(CONTENT)),
            3 => {
                let word = [0, 1, u64::MAX, 1 << 63, f64::NAN.to_bits()][random.below(5)].to_le_bytes();
                bytes.iter_mut().skip(place).zip(word).for_each(|(byte, new)| *byte = new);
            }
            _ => bytes.insert(place, random.next_u64() as u8),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_mutant_is_taken_for_a_profile(seed in any::<u64>()) {
        for bytes in [small().to_bytes(), LARGE.with(Clone::clone)] {
            let mutant = mutated(&bytes, seed);
            prop_assert!(mutant == bytes || Profile::from_bytes(&mutant).is_err());
            // With the right checksum it may be one, whose questions are answered; its bytes are then a profile's.
            if let Ok(profile) = Profile::from_bytes(&sealed(mutant)) {
                prop_assert!(Profile::from_bytes(&profile.to_bytes()).unwrap() == profile);
                prop_assert!(!serde_json::to_string(&profile.summary()).unwrap().contains("NaN"));
                let mut twice = profile.clone();
                if twice.merge(&profile).is_ok() {
                    prop_assert!(Profile::from_bytes(&twice.to_bytes()).is_ok());
                }
            }
        }
    }
}

thread_local! {
    static LARGE: Vec<u8> = large().to_bytes();
}

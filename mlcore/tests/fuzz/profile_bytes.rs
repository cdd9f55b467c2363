//! Bytes as a profile: they are refused, or a profile that answers, merges and is written again equal.

use mlcore::profile::Profile;
use mlcore::{Error, Result};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::told::told;

/// Magic, version, kind and zeros; the checksum follows, and the content after it.
const HEADER: usize = 8;
const CONTENT: usize = 16;

/// Reads bytes as a profile; says whether they are one, be it with another checksum, which nobody guesses.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let as_they_are = read(Profile::from_bytes(bytes));
    read(Profile::from_bytes(&sealed(bytes))) | as_they_are
}

/// The bytes with the checksum that belongs to them.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(header) = bytes.first_chunk::<HEADER>().copied().filter(|_| bytes.len() >= CONTENT) {
        let checksum = xxh3_64_with_seed(&bytes[CONTENT..], u64::from_le_bytes(header));
        bytes[HEADER..CONTENT].copy_from_slice(&checksum.to_le_bytes());
    }
    bytes
}

fn read(outcome: Result<Profile>) -> bool {
    let profile = match outcome {
        Ok(profile) => profile,
        Err(error) => {
            told(&error);
            let refused = matches!(error, Error::Corrupt(_) | Error::Unsupported(_) | Error::InvalidInput(_));
            assert!(refused, "bytes are a {} error: {error}", error.kind());
            return false;
        }
    };
    let again = Profile::from_bytes(&profile.to_bytes()).expect("what is written reads back");
    assert!(again == profile && again.exact_bytes() == profile.exact_bytes());
    let summary = serde_json::to_string(&profile.summary()).expect("a summary is written");
    assert!(!summary.contains("NaN"), "a profile answers NaN: {summary}");
    for (name, column) in profile.columns() {
        assert!(profile.absent(name) <= profile.rows() && column.values() <= column.rows());
        let Some(ranks) = column.ranks() else { continue };
        let edges = [f64::NEG_INFINITY, -1e9, 0.0, 1.5, f64::INFINITY].map(|edge| ranks.below(edge));
        assert!(edges.iter().all(|(low, high)| low <= high && *high <= ranks.len()), "{edges:?}");
    }
    let mut twice = profile.clone();
    if twice.merge(&profile).is_ok() {
        assert_eq!(twice.rows(), 2 * profile.rows());
        Profile::from_bytes(&twice.to_bytes()).expect("what is merged reads back");
    }
    true
}

//! Sorting blocks of integers.

/// Sorts in ascending order.
pub(super) fn sort(keys: &mut [u64]) {
    keys.sort_unstable();
}

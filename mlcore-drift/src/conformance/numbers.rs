//! Equality of numbers as the traits state it.

use crate::two_sample::{Score, TOLERANCE};

pub(super) fn equal(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0)
}

/// Whether two scores say the same.
pub(super) fn same(a: &Score, b: &Score) -> bool {
    let pvalues = match (a.pvalue, b.pvalue) {
        (Some(a), Some(b)) => equal(a, b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    pvalues
        && equal(a.statistic, b.statistic)
        && equal(a.effect.value, b.effect.value)
        && a.effect.name == b.effect.name
        && (a.reference_len, a.current_len) == (b.reference_len, b.current_len)
}

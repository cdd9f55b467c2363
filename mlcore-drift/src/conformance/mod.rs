//! The contract of each trait as a test suite: run it on your own test.
//!
//! A suite panics at the first broken promise, as a test does, and names the promise. What it demands stands at the
//! trait.
//!
//! ```
//! use mlcore_drift::conformance::drift_test;
//! use mlcore_drift::two_sample::KolmogorovSmirnov;
//!
//! drift_test(&KolmogorovSmirnov::default());
//! ```
#![expect(clippy::panic, reason = "a test suite fails by panicking")]

mod drift_test;
mod numbers;
mod samples;
mod stream_detector;
mod table_test;

pub use self::drift_test::drift_test;
use self::numbers::equal;
pub use self::stream_detector::stream_detector;
pub use self::table_test::table_test;
use crate::two_sample::Score;

/// Where the tables of Anderson and Darling's test end: a p-value of it is never more than 0.25.
const LEAST_PVALUE_OF_NO_CHANGE: f64 = 0.2;
const MOST_PVALUE_OF_A_LARGE_CHANGE: f64 = 0.01;

/// Demands of the score of identical data that it says so.
fn assert_no_change(name: &str, score: &Score) {
    let (effect, pvalue) = (score.effect.value, score.pvalue);
    assert!(equal(effect, 0.0), "{name}: identical data differ by {effect}");
    assert!(
        pvalue.is_none_or(|p| p >= LEAST_PVALUE_OF_NO_CHANGE),
        "{name}: identical data could be told apart, p = {pvalue:?}"
    );
}

/// Demands of the scores of a small and of a large change that they can be told apart, and the large one be missed by
/// nobody who keeps the default.
fn assert_larger_scores_higher(name: &str, minimum_effect: f64, small: &Score, large: &Score) {
    assert!(large.effect.value >= small.effect.value, "{name}: a larger change has a smaller effect");
    assert!(large.pvalue <= small.pvalue, "{name}: a larger change is less certain");
    assert!(
        large.effect.value >= minimum_effect,
        "{name}: a large change, effect {}, is below the default",
        large.effect.value
    );
    assert!(
        large.pvalue.is_none_or(|p| p <= MOST_PVALUE_OF_A_LARGE_CHANGE),
        "{name}: a large change could be chance: {:?}",
        large.pvalue
    );
}

/// Demands of an effect, as a function of the number of rows, that it measures the change and not the rows.
fn assert_steady(name: &str, few: f64, many: f64) {
    assert!((0.4..=2.5).contains(&(many / few)), "{name}: {few} becomes {many} with rows");
}

//! Numbers that nobody means (no bins and a billion, a window of nothing, NaN, a million columns): every option of every test,
//! detector, monitor and report either refuses them by its name, or answers soon and with numbers.

#![cfg(test)]

mod configured;
mod detectors;
mod tests;
mod wide;

use std::time::{Duration, Instant};

use mlcore::Result;
use mlcore_drift::catalog::TestOptions;
use mlcore_drift::two_sample::Score;
use serde::Deserialize;
use serde::de::value::{Error, MapDeserializer};

/// As configurations have them.
const EXTREMES: [&str; 12] = [
    "0",
    "-1",
    "1",
    "1000000000",
    "18446744073709551615",
    "-9223372036854775808",
    "0.5",
    "-0.5",
    "1e308",
    "-1e308",
    "5e-324",
    "\"\"",
];
/// What JSON does not have, and Rust and TOML do.
const NO_NUMBERS: [f64; 3] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];

/// The names of the options.
fn names(options: &TestOptions) -> Vec<String> {
    let value = serde_json::to_value(options).unwrap();
    value.as_object().unwrap().keys().cloned().collect()
}

/// Each option with each of the extremes.
fn each(options: &TestOptions) -> impl Iterator<Item = (String, TestOptions)> {
    names(options).into_iter().flat_map(|option| {
        EXTREMES.map(|extreme| {
            let one = serde_json::from_str(&format!("{{{option:?}:{extreme}}}")).unwrap();
            (option.clone(), one)
        })
    })
}

/// A value with one option set to a float that JSON does not have; none where the option is of another type.
fn with_float<T: for<'de> Deserialize<'de>>(option: &str, float: f64) -> Option<T> {
    let named = MapDeserializer::<_, Error>::new([(option, float)].into_iter());
    T::deserialize(named).ok()
}

/// Holds an answer to what is promised: it comes soon, and an error is the caller's and names the option.
fn answers(subject: &str, option: &str, given: &dyn std::fmt::Display, work: impl FnOnce() -> Result<()>) {
    let began = Instant::now();
    let outcome = work();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{subject} with {option} {given} took {took:?}");
    if let Err(error) = outcome {
        let is_told = error.is_caller_fault() && error.to_string().contains(option);
        assert!(is_told, "{subject} with {option} {given}: {error}");
    }
}

fn is_sound(score: &Score) -> bool {
    !score.statistic.is_nan()
        && score.effect.value >= 0.0
        && [score.pvalue, score.replaced_pvalue].into_iter().flatten().all(|p| (0.0..=1.0).contains(&p))
}

//! What a gate says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether the challenger may take the champion's place, and why or why not.
///
/// Serialises as JSON; fields may be added.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GateVerdict {
    /// Every check passed.
    pub passed: bool,
    /// The checks in the order in which they were made.
    pub checks: Vec<Check>,
}

/// One question and its answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Check {
    /// What was looked at: the name of a metric, or `signature`, `samples`, `latency`, `off_policy`.
    pub metric: String,
    /// The champion's value.
    pub champion: Option<f64>,
    /// The challenger's value.
    pub challenger: Option<f64>,
    /// `challenger - champion`.
    pub difference: Option<f64>,
    /// The two-sided confidence interval of the difference, from low to high.
    pub interval: Option<[f64; 2]>,
    /// The number that was asked for: a margin, a limit, a budget in seconds.
    pub margin: Option<f64>,
    /// The answer.
    pub passed: bool,
    /// The answer and its reason in plain words.
    pub sentence: String,
}

impl GateVerdict {
    pub(super) fn of(checks: Vec<Check>) -> Self {
        // A gate that asked nothing has shown nothing.
        Self { passed: !checks.is_empty() && checks.iter().all(|check| check.passed), checks }
    }

    /// The checks that did not pass.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.passed)
    }

    /// The challenger's number of each metric that was looked at, in the order of the checks; of several checks of one metric
    /// the first. A registry keeps them with the version:
    /// [`NewVersion::with_metrics`](crate::registry::NewVersion::with_metrics),
    /// [`RegistryExt::set_metrics`](crate::registry::RegistryExt::set_metrics). `latency` is in seconds.
    pub fn metrics(&self) -> impl Iterator<Item = (&str, f64)> {
        self.checks.iter().enumerate().filter_map(|(place, check)| {
            let is_first = !self.checks.iter().take(place).any(|earlier| earlier.metric == check.metric);
            check.challenger.filter(|_| is_first).map(|value| (check.metric.as_str(), value))
        })
    }

    /// The first check of this metric.
    #[must_use]
    pub fn check(&self, metric: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.metric == metric)
    }
}

impl Check {
    /// A check without numbers.
    pub(super) fn plain(metric: &str, passed: bool, sentence: impl Into<String>) -> Self {
        Self {
            metric: metric.to_owned(),
            champion: None,
            challenger: None,
            difference: None,
            interval: None,
            margin: None,
            passed,
            sentence: sentence.into(),
        }
    }
}

impl fmt::Display for GateVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.passed { "passed" } else { "not passed" })?;
        self.checks.iter().try_for_each(|check| {
            write!(f, "\n  {} {}", if check.passed { "yes" } else { "no " }, check.sentence)
        })
    }
}

/// A number with four significant digits.
pub(super) struct Digits(pub(super) f64);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = *self;
        let magnitude = value.abs();
        if magnitude == 0.0 {
            return f.write_str("0");
        }
        if !(1e-4..1e7).contains(&magnitude) {
            return write!(f, "{value:.3e}");
        }
        let whole = magnitude.log10().floor() + 1.0;
        // At most 7 by the range above.
        write!(f, "{value:.*}", (4.0 - whole).max(0.0) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_four_that_count() {
        let shown = [0.0, 0.43126, -0.00096, 12.3456, 98_765.4, 1e-9, 2.5e9].map(|x| Digits(x).to_string());
        assert_eq!(shown, ["0", "0.4313", "-0.0009600", "12.35", "98765", "1.000e-9", "2.500e9"]);
    }

    #[test]
    fn nothing_asked_is_nothing_passed() {
        assert!(!GateVerdict::of(Vec::new()).passed);
    }
}

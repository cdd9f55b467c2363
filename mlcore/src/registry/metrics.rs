use std::collections::BTreeMap;
use std::collections::btree_map;

use serde::{Deserialize, Serialize};

/// Numbers about a version, by name: what an evaluation found. Kept as 64-bit floats, bit for bit.
///
/// Two are equal where their names and the bits of their numbers are. A registry takes finite numbers only: an undefined
/// metric is left out, as NaN would compare with nothing and infinity has no JSON.
///
/// ```
/// use mlcore::registry::Metrics;
///
/// let metrics: Metrics = [("auc", 0.81), ("log_loss", 0.43)].into_iter().collect();
/// assert_eq!(metrics.value("auc"), Some(0.81));
/// assert_eq!(metrics.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["auc", "log_loss"]);
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// No metrics.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a metric, or replaces the one of this name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: f64) -> Self {
        self.0.insert(name.into(), value);
        self
    }

    /// The metric of this name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Every metric, in the order of the names.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }

    /// The number of metrics.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<f64> {
        self.0.remove(name)
    }
}

impl PartialEq for Metrics {
    fn eq(&self, other: &Self) -> bool {
        let bits = |(name, value): (&str, f64)| (name.to_owned(), value.to_bits());
        self.len() == other.len() && self.iter().map(bits).eq(other.iter().map(bits))
    }
}

impl Eq for Metrics {}

impl<N: Into<String>> Extend<(N, f64)> for Metrics {
    fn extend<I: IntoIterator<Item = (N, f64)>>(&mut self, metrics: I) {
        self.0.extend(metrics.into_iter().map(|(name, value)| (name.into(), value)));
    }
}

impl<N: Into<String>> FromIterator<(N, f64)> for Metrics {
    fn from_iter<I: IntoIterator<Item = (N, f64)>>(metrics: I) -> Self {
        let mut all = Self::new();
        all.extend(metrics);
        all
    }
}

impl<'a> IntoIterator for &'a Metrics {
    type Item = (&'a str, f64);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// What [`Metrics::iter`] answers.
#[derive(Clone, Debug)]
pub struct Iter<'a>(btree_map::Iter<'a, String, f64>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name.as_str(), *value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_number_is_kept_and_compared() {
        let numbers = [0.1 + 0.2, -0.0, f64::MIN_POSITIVE / 8.0, f64::MAX, 1.0, 9_007_199_254_740_993.0];
        let metrics: Metrics =
            numbers.iter().enumerate().map(|(place, x)| (format!("m{place}"), *x)).collect();
        let json = serde_json::to_string(&metrics).unwrap();
        assert_eq!(serde_json::from_str::<Metrics>(&json).unwrap(), metrics, "{json}");
        assert_ne!(Metrics::new().with("a", 0.0), Metrics::new().with("a", -0.0));
        assert_ne!(Metrics::new().with("a", 0.0), Metrics::new().with("b", 0.0));
        assert_eq!(metrics.clone(), metrics.with("m0", numbers[0]));
    }
}

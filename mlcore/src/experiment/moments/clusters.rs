//! Units that come in clusters, which were assigned as a whole.

use serde::{Deserialize, Serialize};

use super::JointMoments;
use crate::experiment::{Answer, Estimate};

/// The moments of clusters, such as users with many sessions or shops with many customers, where a cluster as a whole is in one
/// arm: the mean over units has the variance that clusters give it, not the smaller one that units would.
///
/// It is a ratio, the sum of each cluster over its size. The variance is that of a regression with cluster-robust errors
/// (statsmodels' `cov_type="cluster"`, `use_correction=False`), times `G / (G - 1)` for `G` clusters.
///
/// ```
/// use mlcore::experiment::ClusterMoments;
///
/// let mut shops = ClusterMoments::new();
/// for (sum, size) in [(12.0, 10), (3.0, 4), (30.0, 20), (7.5, 5)] {
///     shops.push(sum, size);
/// }
/// let estimate = shops.estimate();
/// assert_eq!(estimate.known().map(|estimate| estimate.count), Some(4));
/// assert_eq!(shops.units(), 39.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterMoments(JointMoments);

impl ClusterMoments {
    /// Of no cluster.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a cluster: the sum of the values of its units, and how many units it has.
    pub fn push(&mut self, sum: f64, size: u64) {
        self.0.push(sum, size as f64);
    }

    /// The moments of both streams together; no cluster may be in both.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        Self(self.0.merge(&other.0))
    }

    /// How many clusters.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.count()
    }

    /// How many units in all clusters.
    #[must_use]
    pub fn units(&self) -> f64 {
        (self.0.means()[1] * self.0.count() as f64).round()
    }

    /// The mean over units; its count is that of clusters.
    pub fn estimate(&self) -> Answer<Estimate> {
        self.0.ratio()
    }
}

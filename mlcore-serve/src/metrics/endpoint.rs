use std::collections::BTreeMap;
use std::fmt;

use metrics::Counter;
use mlcore::name::Arm;

use super::names::{self, Metric};
use crate::Endpoint;
use crate::endpoint::Counts;

/// Tells what an endpoint counts by itself: requests, failures, rows and outcomes by arm, what was dropped, shadows, versions and
/// shares.
///
/// ```
/// # use mlcore_serve::Endpoint;
/// use mlcore_serve::metrics::EndpointMetrics;
///
/// # fn scrape(endpoint: Endpoint) {
/// let mut metrics = EndpointMetrics::new(endpoint);
/// // Every few seconds, or before the host's exporter renders:
/// metrics.collect();
/// # }
/// ```
pub struct EndpointMetrics {
    endpoint: Endpoint,
    counters: BTreeMap<(&'static str, Vec<String>), Grown>,
    arms: Vec<Arm>,
}

/// A counter, and how much it was told already.
struct Grown {
    counter: Counter,
    told: u64,
}

impl EndpointMetrics {
    /// Tells of this endpoint from its start on. One for each endpoint: two would count twice.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, counters: BTreeMap::new(), arms: Vec::new() }
    }

    /// Tells the recorder that is installed what happened since the last call. Waits for nothing.
    pub fn collect(&mut self) {
        self.collect_arms();
        self.collect_counts();
        self.collect_shadows();
        self.collect_releases();
    }

    fn collect_arms(&mut self) {
        let model = self.endpoint.model_name().to_string();
        for counts in self.endpoint.arm_counts() {
            let (version, arm) = (counts.version.to_string(), counts.arm.as_str());
            let labels = [&*model, &*version, arm];
            self.grow(&names::REQUESTS, &labels, counts.requests);
            self.grow(&names::PREDICTIONS, &labels, counts.predictions);
            for (kind, failures) in counts.failures {
                self.grow(&names::FAILURES, &[&model, &version, arm, kind], failures);
            }
        }
        let mut outcomes = BTreeMap::<Arm, u64>::new();
        for counts in self.endpoint.arm_counts() {
            *outcomes.entry(counts.arm).or_default() += counts.outcomes;
        }
        for (arm, outcomes) in outcomes {
            self.grow(&names::OUTCOMES, &[&model, arm.as_str()], outcomes);
        }
    }

    fn collect_counts(&mut self) {
        let model = self.endpoint.model_name().to_string();
        let Counts {
            orphans,
            refused_outcomes,
            unscored,
            expired,
            abandoned,
            panics,
            unmonitored,
            dropped_records,
            dropped_outcomes,
            dropped_shadows,
            // By arm.
            records: _,
            failures: _,
            invalid_answers: _,
            outcomes: _,
        } = self.endpoint.counts();
        self.grow(&names::UNJOINED, &[&model, "orphan"], orphans);
        self.grow(&names::UNJOINED, &[&model, "refused"], refused_outcomes);
        self.grow(&names::UNSCORED, &[&model], unscored);
        self.grow(&names::EXPIRED, &[&model], expired);
        self.grow(&names::ABANDONED, &[&model], abandoned);
        self.grow(&names::PANICS, &[&model], panics);
        self.grow(&names::UNMONITORED, &[&model], unmonitored);
        self.grow(&names::DROPPED, &[&model, "records"], dropped_records);
        self.grow(&names::DROPPED, &[&model, "outcomes"], dropped_outcomes);
        self.grow(&names::DROPPED, &[&model, "shadows"], dropped_shadows);
    }

    fn collect_shadows(&mut self) {
        let model = self.endpoint.model_name().to_string();
        for shadow in self.endpoint.shadows() {
            let version = shadow.version.to_string();
            let labels = [&*model, &*version, shadow.arm.as_str()];
            self.grow(&names::SHADOW_REQUESTS, &labels, shadow.requests);
            self.grow(&names::SHADOW_FAILURES, &labels, shadow.failures);
            self.grow(&names::SHADOW_ROWS, &labels, shadow.rows);
            self.grow(&names::SHADOW_FLIPS, &labels, shadow.flips);
        }
    }

    fn collect_releases(&mut self) {
        let model = self.endpoint.model_name().as_str();
        let shares = self.endpoint.shares();
        for arm in &self.arms {
            if !shares.iter().any(|(own, ..)| own == arm) {
                names::ARM_VERSION.gauge(&[model, arm.as_str()]).set(0.0);
                names::ARM_SHARE.gauge(&[model, arm.as_str()]).set(0.0);
            }
        }
        for (arm, version, share) in shares {
            let labels = [model, arm.as_str()];
            names::ARM_VERSION.gauge(&labels).set(version.get() as f64);
            if let Some(share) = share {
                names::ARM_SHARE.gauge(&labels).set(share);
            }
            if !self.arms.contains(&arm) {
                self.arms.push(arm);
            }
        }
    }

    /// A counter of the endpoint stands at `total`; one that began anew is told as it stands.
    fn grow(&mut self, metric: &Metric, labels: &[&str], total: u64) {
        let key = (metric.name, labels.iter().map(|label| (*label).to_owned()).collect());
        let grown =
            self.counters.entry(key).or_insert_with(|| Grown { counter: metric.counter(labels), told: 0 });
        let more = total.checked_sub(grown.told).unwrap_or(total);
        if more > 0 {
            grown.counter.increment(more);
        }
        grown.told = total;
    }
}

impl fmt::Debug for EndpointMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointMetrics").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

use std::collections::BTreeMap;
use std::fmt;
use std::sync::PoisonError;

use metrics::Counter;
use mlcore::name::Arm;

use super::names::{self, Metric};
use crate::Endpoint;
use crate::endpoint::Counts;

/// What the recorder was told of an endpoint.
#[derive(Default)]
pub(crate) struct Told {
    counters: BTreeMap<(&'static str, Vec<String>), Grown>,
    arms: Vec<Arm>,
}

/// A counter, and how much it was told already.
struct Grown {
    counter: Counter,
    told: u64,
}

impl Endpoint {
    /// Tells the recorder of the facade `metrics` that is installed what the endpoint has counted since the last call: requests,
    /// failures, rows and outcomes by arm, what was dropped, shadows, versions and shares. Calls from several places count once.
    ///
    /// ```
    /// # use mlcore_serve::Endpoint;
    /// # fn scrape(endpoint: &Endpoint) {
    /// // Every few seconds, or before the host's exporter renders:
    /// endpoint.collect_metrics();
    /// # }
    /// ```
    pub fn collect_metrics(&self) {
        let mut told = self.told().lock().unwrap_or_else(PoisonError::into_inner);
        told.collect_arms(self);
        told.collect_counts(self);
        told.collect_lookups(self);
        #[cfg(feature = "validate")]
        told.collect_validation(self);
        told.collect_shadows(self);
        told.collect_releases(self);
    }
}

impl Told {
    fn collect_arms(&mut self, endpoint: &Endpoint) {
        let model = endpoint.model_name().to_string();
        for counts in endpoint.arm_counts() {
            let (version, arm) = (counts.version.to_string(), counts.arm.as_str());
            let labels = [&*model, &*version, arm];
            self.grow(&names::REQUESTS, &labels, counts.requests);
            self.grow(&names::PREDICTIONS, &labels, counts.predictions);
            for (kind, failures) in counts.failures {
                self.grow(&names::FAILURES, &[&model, &version, arm, kind], failures);
            }
        }
        let mut outcomes = BTreeMap::<Arm, u64>::new();
        for counts in endpoint.arm_counts() {
            *outcomes.entry(counts.arm).or_default() += counts.outcomes;
        }
        for (arm, outcomes) in outcomes {
            self.grow(&names::OUTCOMES, &[&model, arm.as_str()], outcomes);
        }
    }

    fn collect_counts(&mut self, endpoint: &Endpoint) {
        let model = endpoint.model_name().to_string();
        let Counts {
            orphans,
            refused_outcomes,
            unscored,
            stale_measures,
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
            measures: _,
        } = endpoint.counts();
        self.grow(&names::UNJOINED, &[&model, "orphan"], orphans);
        self.grow(&names::UNJOINED, &[&model, "refused"], refused_outcomes);
        self.grow(&names::UNJOINED, &[&model, "measure"], stale_measures);
        self.grow(&names::UNSCORED, &[&model], unscored);
        self.grow(&names::EXPIRED, &[&model], expired);
        self.grow(&names::ABANDONED, &[&model], abandoned);
        self.grow(&names::PANICS, &[&model], panics);
        self.grow(&names::UNMONITORED, &[&model], unmonitored);
        self.grow(&names::DROPPED, &[&model, "records"], dropped_records);
        self.grow(&names::DROPPED, &[&model, "outcomes"], dropped_outcomes);
        self.grow(&names::DROPPED, &[&model, "shadows"], dropped_shadows);
    }

    fn collect_lookups(&mut self, endpoint: &Endpoint) {
        let model = endpoint.model_name().to_string();
        for counts in endpoint.lookup_counts() {
            for (outcome, total) in [
                ("read", counts.read),
                ("last_known", counts.last_known),
                ("defaults", counts.defaults),
                ("refused", counts.refused),
            ] {
                self.grow(&names::LOOKUPS, &[&model, &counts.lookup, outcome], total);
            }
            for feature in counts.features {
                for (status, total) in feature.statuses {
                    self.grow(&names::FEATURES, &[&model, &feature.feature, status.name()], total);
                }
                if let Some(age) = feature.last_age_seconds {
                    names::FEATURE_AGE.gauge(&[&model, &feature.feature]).set(age);
                }
            }
        }
    }

    #[cfg(feature = "validate")]
    fn collect_validation(&mut self, endpoint: &Endpoint) {
        let model = endpoint.model_name().to_string();
        let Some(counts) = endpoint.validation_counts() else { return };
        for (outcome, total) in [
            ("passed", counts.passed),
            ("flagged", counts.flagged),
            ("fell_back", counts.fell_back),
            ("refused", counts.refused),
        ] {
            self.grow(&names::VALIDATED, &[&model, outcome], total);
        }
        for (expectation, severity, total) in counts.expectations {
            self.grow(&names::EXPECTATIONS, &[&model, &expectation, severity.name()], total);
        }
    }

    fn collect_shadows(&mut self, endpoint: &Endpoint) {
        let model = endpoint.model_name().to_string();
        for shadow in endpoint.shadows() {
            let version = shadow.version.to_string();
            let labels = [&*model, &*version, shadow.arm.as_str()];
            self.grow(&names::SHADOW_REQUESTS, &labels, shadow.requests);
            self.grow(&names::SHADOW_FAILURES, &labels, shadow.failures);
            self.grow(&names::SHADOW_ROWS, &labels, shadow.rows);
            self.grow(&names::SHADOW_FLIPS, &labels, shadow.flips);
            let report = shadow.comparison().report();
            self.grow(&names::SHADOW_WITHIN, &labels, report.within_tolerance);
            if let Some(correlation) = report.rank_correlation {
                names::SHADOW_CORRELATION.gauge(&labels).set(correlation.value);
            }
        }
        for counts in endpoint.shadow_counts() {
            for (reason, total) in [
                ("queue_full", counts.queue_full),
                ("over_budget", counts.over_budget),
                ("under_load", counts.under_load),
                ("superseded", counts.superseded),
            ] {
                self.grow(&names::SHADOW_DROPPED, &[&model, counts.arm.as_str(), reason], total);
            }
        }
    }

    fn collect_releases(&mut self, endpoint: &Endpoint) {
        let model = endpoint.model_name().as_str();
        let shares = endpoint.shares();
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

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("counters", &self.counters.len()).finish_non_exhaustive()
    }
}

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use metrics::Histogram;
use mlcore::name::{Arm, ModelName, Version};

use super::names;
use crate::batching::BatchRun;
use crate::models::Spent;

/// The histograms of a served model's requests: looked up among the few versions and arms that answered, without a lock.
pub(crate) struct RequestMetrics {
    model: ModelName,
    arms: ArcSwap<Vec<Arc<OfArm>>>,
    batches: ArcSwap<Vec<Arc<OfBatches>>>,
}

struct OfArm {
    version: Version,
    arm: Arm,
    total: Histogram,
    /// In the order of [`STAGES`].
    stages: [Histogram; STAGES.len()],
}

struct OfBatches {
    version: Version,
    rows: Histogram,
    requests: Histogram,
}

impl RequestMetrics {
    pub(crate) fn new(model: ModelName) -> Self {
        Self { model, arms: ArcSwap::default(), batches: ArcSwap::default() }
    }

    /// Tells of an answered request.
    pub(crate) fn answered(&self, version: Version, arm: &Arm, spent: &Spent) {
        let known = self.arms.load();
        let own = known.iter().rev().find(|own| own.version == version && own.arm == *arm);
        let own = match own {
            Some(own) => own,
            None => &self.of_arm(version, arm),
        };
        own.total.record(spent.total);
        let Spent { input, wait, queue, features, compute, output, is_batched, .. } = *spent;
        let [of_read, of_wait, of_queue, of_features, of_compute, of_post] = &own.stages;
        of_read.record(input.saturating_sub(wait));
        of_wait.record(wait);
        if is_batched {
            of_queue.record(queue);
        }
        of_features.record(features);
        of_compute.record(compute);
        of_post.record(output);
    }

    /// Tells of a run that requests may have shared.
    pub(crate) fn ran(&self, run: &BatchRun) {
        let known = self.batches.load();
        let own = match known.iter().rev().find(|own| own.version == run.version) {
            Some(own) => own,
            None => &self.of_batches(run.version),
        };
        own.rows.record(run.rows as f64);
        own.requests.record(run.requests as f64);
    }

    #[cold]
    fn of_arm(&self, version: Version, arm: &Arm) -> Arc<OfArm> {
        let (model, number) = (self.model.as_str(), version.to_string());
        let stages =
            STAGES.map(|stage| names::STAGE_DURATION.histogram(&[model, &number, arm.as_str(), stage]));
        let total = names::REQUEST_DURATION.histogram(&[model, &number, arm.as_str()]);
        let new = Arc::new(OfArm { version, arm: arm.clone(), total, stages });
        self.arms.rcu(|known| with(known, &new, |own| own.version == version && own.arm == *arm));
        new
    }

    #[cold]
    fn of_batches(&self, version: Version) -> Arc<OfBatches> {
        let labels = [self.model.as_str(), &version.to_string()];
        let (rows, requests) =
            (names::BATCH_ROWS.histogram(&labels), names::BATCH_REQUESTS.histogram(&labels));
        let new = Arc::new(OfBatches { version, rows, requests });
        self.batches.rcu(|known| with(known, &new, |own| own.version == version));
        new
    }
}

/// The known ones and `new`, which two threads may have made at once: both are handles of the same metric.
fn with<T>(known: &[Arc<T>], new: &Arc<T>, is_same: impl Fn(&T) -> bool) -> Vec<Arc<T>> {
    let others = known.iter().filter(|own| !is_same(own)).cloned();
    others.chain([new.clone()]).collect()
}

impl fmt::Debug for RequestMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMetrics").field("model", &self.model).finish_non_exhaustive()
    }
}

const STAGES: [&str; 6] = ["read", "queue", "batch_wait", "features", "compute", "post"];

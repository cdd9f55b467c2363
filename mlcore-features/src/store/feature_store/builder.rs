use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use mlcore::Result;
use mlcore::time::Timestamp;

use super::{Clock, FeatureStore, Inner, LocalSources, Sources};
use crate::pipeline::Plan;
use crate::store::online::{OnlineStore, QueryOptions};
use crate::store::registry::Definitions;

/// Collects what a [`FeatureStore`] is made of.
#[must_use = "a store is made by `build`"]
pub struct FeatureStoreBuilder {
    definitions: Arc<dyn Definitions>,
    online: Arc<dyn OnlineStore>,
    sources: Arc<dyn Sources>,
    plans: Vec<Plan>,
    clock: Arc<Clock>,
    clock_skew: Duration,
}

impl std::fmt::Debug for FeatureStoreBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeatureStoreBuilder").field("online", &self.online).finish_non_exhaustive()
    }
}

impl FeatureStoreBuilder {
    pub(super) fn new(definitions: Arc<dyn Definitions>, online: Arc<dyn OnlineStore>) -> Self {
        Self {
            definitions,
            online,
            sources: Arc::new(LocalSources::new(".")),
            plans: Vec::new(),
            clock: Arc::new(|| SystemTime::now().into()),
            clock_skew: QueryOptions::default().clock_skew(),
        }
    }

    /// Finds tables here. Default: files, relative to the working directory.
    pub fn sources(mut self, sources: Arc<dyn Sources>) -> Self {
        self.sources = sources;
        self
    }

    /// Adds a plan that an on-demand view names by its digest.
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plans.push(plan);
        self
    }

    /// Tells the time. Default: the system's clock.
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How far the clocks of writers may run ahead: what is farther in the future is refused when it is written, and not read. Default: a
    /// minute.
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew = skew;
        self
    }

    /// Makes the store.
    ///
    /// # Errors
    /// [`Internal`](mlcore::Error::Internal) for a plan whose digest is none.
    pub fn build(self) -> Result<FeatureStore> {
        let plans = self.plans.into_iter().map(|plan| Ok((plan.digest().parse()?, plan)));
        Ok(FeatureStore {
            inner: Arc::new(Inner {
                definitions: self.definitions,
                online: self.online,
                sources: self.sources,
                plans: plans.collect::<Result<BTreeMap<_, _>>>()?,
                clock: self.clock,
                clock_skew: self.clock_skew,
                prepared: Mutex::default(),
            }),
        })
    }
}

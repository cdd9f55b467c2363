//! What is done with a request between its decision and its run: the features of its entities are looked up, and what comes of it is
//! validated.

mod cells;
mod last_known;
mod lookup;
mod lookups;
mod merge;
mod order;
mod prepared;
mod read;
mod readers;
mod status;
#[cfg(feature = "validate")]
mod validation;

use std::time::{Duration, Instant};

use mlcore::batch::Row;
use mlcore::schema::Schema;
use mlcore::{Error, Result};

pub use self::lookup::{FeatureLookup, OnConflict, OnFailure, OnMissing};
pub(crate) use self::lookups::Lookups;
use self::lookups::Moment;
pub(crate) use self::merge::Merge;
pub use self::prepared::Prepared;
use self::prepared::{Merged, Parts};
pub(crate) use self::status::seconds;
pub use self::status::{FeatureCounts, FeatureStatus, LookupCounts};
#[cfg(feature = "validate")]
pub(crate) use self::validation::{Checks, Validator};
#[cfg(feature = "validate")]
pub use self::validation::{OnInvalid, RequestValidation, ValidationCounts};
use super::decide::Decided;
use super::input::{Input, Request};
use super::run::Answer;
use super::{Endpoint, Inner};

/// What an endpoint does with requests before they run.
#[derive(Debug, Default)]
pub(crate) struct Preparation {
    pub(crate) lookups: Lookups,
    #[cfg(feature = "validate")]
    pub(crate) validator: Option<Validator>,
}

/// The same for the arms of one deployment.
#[derive(Debug, Default)]
pub(crate) struct PreparationOfArms {
    pub(crate) merge: Merge,
    #[cfg(feature = "validate")]
    pub(crate) checks: Option<Checks>,
}

impl Preparation {
    fn concerns(&self, request: Request<'_>) -> bool {
        #[cfg(feature = "validate")]
        if self.validator.is_some() {
            return true;
        }
        !request.entities.is_empty()
    }
}

impl Endpoint {
    /// Looks the features of the request's entities up, and validates what comes of it: what [`Endpoint::predict`] does between the
    /// decision and the run. `timeout` bounds how long the feature store is waited for.
    ///
    /// What is wrong is part of what is answered, as an [answer](Prepared::take_answer) that takes the place of a run: its record tells of
    /// it, too. A request that failed a validation may have been given to another arm.
    ///
    /// ```
    /// # use mlcore_serve::Endpoint;
    /// # use mlcore_serve::endpoint::{Prediction, Request};
    /// # fn serve(endpoint: &Endpoint, request: Request<'_>) -> mlcore::Result<Prediction> {
    /// let mut decided = endpoint.decide(request);
    /// let mut prepared = endpoint.prepare(&mut decided, request, None);
    /// let known = prepared.take_answer();
    /// let request = request.with_prepared(&prepared);
    /// let answer = known.unwrap_or_else(|| endpoint.run(&decided, request));
    /// endpoint.record(decided, request, answer)
    /// # }
    /// ```
    pub fn prepare(
        &self,
        decided: &mut Decided,
        request: Request<'_>,
        timeout: Option<Duration>,
    ) -> Prepared {
        if !self.inner.preparation.concerns(request) {
            return Prepared::default();
        }
        let begun = Instant::now();
        let mut parts = Parts::take();
        let answer = self.inner.prepare(decided, request, timeout, &mut parts).unwrap_or_else(|error| {
            let is_own = error.is_caller_fault();
            Some(if is_own { Answer::refused(error) } else { Answer::shed(error) })
        });
        Prepared::new(parts, answer, begun.elapsed())
    }

    /// The join keys by which features are looked up, with their types; empty where nothing is.
    #[must_use]
    pub fn join_keys(&self) -> &Schema {
        self.inner.preparation.lookups.join_keys()
    }

    /// The raw columns that a request brings: those of [`columns`](Self::columns) that are not looked up.
    #[must_use]
    pub fn request_columns(&self) -> std::sync::Arc<Schema> {
        self.inner.deployment.load().preparation.merge.request().clone()
    }

    /// Whether a request may have to wait for another process or machine before it runs.
    #[cfg(feature = "http")]
    pub(crate) fn waits_for_stores(&self) -> bool {
        self.inner.preparation.lookups.are_remote()
    }

    /// Counts of what was looked up since the start, lookup by lookup. Never waits.
    #[must_use]
    pub fn lookup_counts(&self) -> Vec<LookupCounts> {
        self.inner.preparation.lookups.counts()
    }

    /// Counts of what was validated since the start; none where nothing is. Never waits.
    #[cfg(feature = "validate")]
    #[must_use]
    pub fn validation_counts(&self) -> Option<ValidationCounts> {
        self.inner.preparation.validator.as_ref().map(Validator::counts)
    }
}

impl Inner {
    /// Fills the parts in; an answer where there is one before the run.
    fn prepare(
        &self,
        decided: &mut Decided,
        request: Request<'_>,
        timeout: Option<Duration>,
        parts: &mut Parts,
    ) -> Result<Option<Answer>> {
        if !request.entities.is_empty() {
            self.look_up(decided, request, timeout, parts)?;
        }
        #[cfg(feature = "validate")]
        if let Some(validator) = &self.preparation.validator {
            return validator.judge(decided, request, parts);
        }
        Ok(None)
    }

    fn look_up(
        &self,
        decided: &Decided,
        request: Request<'_>,
        timeout: Option<Duration>,
        parts: &mut Parts,
    ) -> Result<()> {
        let lookups = &self.preparation.lookups;
        if lookups.is_empty() {
            let problem = "the request names entities, and the endpoint looks no features up";
            return Err(Error::invalid_input(PREPARE, "entities", problem)
                .remedy("build the endpoint with a lookup, or send the features"));
        }
        let entities = request.entities;
        let (now, elapsed) = (self.clock.now(), self.clock.elapsed());
        let moment = Moment { now, elapsed, left: timeout };
        // The record names the entities also where nothing is found out about them.
        lookups.begin(entities.len(), &mut parts.reads);
        parts.looked_up(entities, now);
        lookups.read(entities, &mut parts.selected, &mut parts.reads, moment)?;
        let merge = &decided.deployment().preparation.merge;
        let reads = &mut parts.reads;
        let merged = match (request.input, entities.len()) {
            (Input::Row(row), 1) => merge.row(lookups, reads, row, &mut parts.row).map(|()| Merged::Row),
            (Input::Entities, 1) => {
                merge.row(lookups, reads, Row::unchecked(&[]), &mut parts.row).map(|()| Merged::Row)
            }
            (Input::Entities, entities) => merge.table(lookups, reads, None, entities).map(Merged::of),
            (Input::Table(table), entities) => {
                merge.table(lookups, reads, Some(table.as_ref()), entities).map(Merged::of)
            }
            (Input::Row(_), entities) => {
                let problem = format!("there are {entities} with one row");
                Err(Error::invalid_input(PREPARE, "entities", problem)
                    .remedy("send a table with a row for each entity"))
            }
            (Input::Tensors(_), _) => {
                let problem = "the request names entities and brings tensors, which pass the feature plan by";
                Err(Error::invalid_input(PREPARE, "entities", problem)
                    .remedy("send raw columns beside the entities"))
            }
        };
        lookups.count(&parts.reads, entities.len(), now);
        parts.merged = merged?;
        lookups.check(entities, &parts.reads)
    }
}

const PREPARE: &str = "prepare request";

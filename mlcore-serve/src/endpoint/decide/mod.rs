//! Chooses the arm that answers, among the models of the deployment.

mod deployment;
mod outcome_id;
mod sequence;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::Guard;
use mlcore::batch::Batch;
use mlcore::name::{Arm, ModelName, Version};
use mlcore::rollout::{Ask, Assignment, Draw};
use mlcore::{Error, Result};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

pub(crate) use self::deployment::Deployment;
pub use self::outcome_id::OutcomeId;
pub(crate) use self::outcome_id::OutcomeIds;
pub(crate) use self::sequence::Sequence;
use super::Endpoint;
use super::input::{Input, Request};
use super::release::LoadedModel;

/// The arm that answers a request, and the model behind it: the first part of [`Endpoint::predict`].
///
/// It keeps the deployment of its moment alive: a release meanwhile changes neither the arm nor the version, so that what
/// is [recorded](Endpoint::record) is what answered. It may wait, and go to another thread, as long as a batch takes;
/// the versions of its deployment stay in memory until then.
///
/// A decision that is dropped without being recorded is abandoned: it leaves no record, the policy learns nothing from
/// it, an outcome that is reported for it is an orphan, and [`Counts::abandoned`](super::Counts::abandoned) counts it.
#[must_use = "a decision that is not recorded is counted as abandoned"]
pub struct Decided {
    /// Not a count that all threads share, as long as a thread holds no more than a few decisions.
    deployment: Guard<Arc<Deployment>>,
    assignment: Assignment,
    outcome_id: OutcomeId,
    started: Duration,
    /// Whether the caller chose the version.
    is_pinned: bool,
    recorded: bool,
}

impl Endpoint {
    /// Lets the policy assign an arm to the request, and begins to measure its latency.
    ///
    /// Safe to call from any number of threads; takes no lock, waits for nobody and allocates nothing.
    pub fn decide(&self, request: Request<'_>) -> Decided {
        let started = self.inner.clock.elapsed();
        let outcome_id = self.outcome_id(request);
        let deployment = self.inner.deployment.load();
        let ask = ask(request, outcome_id, &deployment);
        // A policy of somebody else's may panic, or name an arm that there is not: the default answers then.
        let assigned = deployment.tally.caught.guard("the policy", || deployment.policy.assign(&ask));
        let mut assignment = assigned.unwrap_or_else(|| Assignment::certain(0).with_epoch(u32::MAX));
        if assignment.position >= deployment.arms().len() {
            assignment.position = 0;
        }
        Decided { deployment, assignment, outcome_id, started, is_pinned: false, recorded: false }
    }

    /// Gives the request to an arm of this version, whatever the policy: for a client that asks for it by number.
    ///
    /// The policy hears nothing of such a request, because who chooses a version is no random sample of the traffic; its record
    /// says that no policy chose, by the epoch `u32::MAX`.
    ///
    /// # Errors
    /// [`Error::NotFound`], naming the versions that answer now.
    pub fn decide_version(&self, request: Request<'_>, version: Version) -> Result<Decided> {
        let started = self.inner.clock.elapsed();
        let deployment = self.inner.deployment.load();
        let is_asked = |(_, model): &(Arm, Arc<LoadedModel>)| model.version().version == version;
        let Some(position) = deployment.arms().iter().position(is_asked) else {
            return Err(not_served(&self.inner.resolver.model, version, deployment.arms()));
        };
        let assignment = Assignment::certain(position).with_epoch(u32::MAX);
        let outcome_id = self.outcome_id(request);
        Ok(Decided { deployment, assignment, outcome_id, started, is_pinned: true, recorded: false })
    }

    fn outcome_id(&self, request: Request<'_>) -> OutcomeId {
        match request.id {
            Some(id) => OutcomeId::of(id),
            None => self.inner.ids.id(self.inner.sequence.next()),
        }
    }
}

/// The question that the policy is asked about a request.
fn ask<'a>(request: Request<'a>, outcome_id: OutcomeId, deployment: &'a Deployment) -> Ask<'a> {
    // A draw that follows from the id makes a replay of the same ids assign the same arms.
    let draw = Draw::new(xxh3_64(&outcome_id.to_u128().to_le_bytes()));
    Ask::new(request.unit, &deployment.candidates, draw).with_context(request.context)
}

/// The error about a version that does not answer, among these that do.
pub(crate) fn not_served(model: &ModelName, version: Version, arms: &[(Arm, Arc<LoadedModel>)]) -> Error {
    let own: Vec<String> = arms.iter().map(|(_, model)| model.version().version.to_string()).collect();
    let problem = format!("it does not answer here; {} do", own.join(", "));
    Error::not_found("find version", format!("{model} version {version}"), problem)
        .remedy("ask for one of them, or let an alias mean it")
}

impl Decided {
    /// The arm that the policy chose.
    #[must_use]
    pub fn arm(&self) -> &Arm {
        &self.deployment.at(self.assignment.position).0
    }

    /// The model that answers. Requests whose models are the same [`Arc`] may share a run.
    #[must_use]
    pub fn model(&self) -> &Arc<LoadedModel> {
        &self.deployment.at(self.assignment.position).1
    }

    /// The policy's assignment: its probability, its epoch, the shadows.
    #[must_use]
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// The id under which the outcome is reported.
    #[must_use]
    pub fn outcome_id(&self) -> OutcomeId {
        self.outcome_id
    }

    /// Makes the tensors that the model takes of `input`: by the version's feature plan, or, where tensors came, those.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) and
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) when the input does not fit the plan.
    pub fn inputs(&self, input: Input<'_>) -> Result<Batch> {
        self.deployment.inputs(self.assignment.position, input)
    }

    /// Makes the tensors that the model takes of a request: of what was [prepared](Endpoint::prepare), or of what it brought.
    ///
    /// # Errors
    /// As [`inputs`](Self::inputs); [`Error::InvalidInput`] for a request with entities that was not prepared.
    pub fn inputs_of(&self, request: Request<'_>) -> Result<Batch> {
        if !request.entities.is_empty() && request.prepared.is_none() {
            let problem = "the request names entities, and their features were not looked up";
            return Err(Error::invalid_input("predict", "entities", problem)
                .remedy("prepare the request before its run"));
        }
        request.with_input(|input| self.inputs(input))
    }

    /// Gives the request to this arm in the place of the one that the policy chose, which hears nothing of it; says whether the arm answers.
    #[cfg(feature = "validate")]
    pub(crate) fn fall_back_to(&mut self, arm: &Arm) -> bool {
        let Some(position) = self.deployment.arms().iter().position(|(own, _)| own == arm) else {
            return false;
        };
        self.assignment = Assignment::certain(position).with_epoch(u32::MAX);
        self.is_pinned = true;
        true
    }

    /// Keeps the arm, and tells neither policy nor shadows of the request.
    #[cfg(feature = "validate")]
    pub(crate) fn fall_back(&mut self) {
        self.assignment = Assignment::certain(self.assignment.position).with_epoch(u32::MAX);
        self.is_pinned = true;
    }

    /// Whether a monitor that the default arm's version brings sees the input.
    pub(crate) fn is_watched(&self) -> bool {
        self.deployment.monitor().is_some()
    }

    /// The [names](mlcore::batch::Row::names_digest) of the columns that the answering plan reads; 0 without a plan.
    pub(crate) fn names(&self) -> u64 {
        self.model().plan().map_or(0, |plan| plan.input().names_digest())
    }

    /// Whether the caller chose the version, and not the policy.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.is_pinned
    }

    /// The probabilities of all arms, as the policy tells them now; none where it cannot.
    pub(crate) fn probabilities(&self, request: Request<'_>) -> SmallVec<[f64; 8]> {
        let (deployment, ask) = (&self.deployment, ask(request, self.outcome_id, &self.deployment));
        let told = || {
            (0..deployment.arms().len())
                .map(|position| deployment.policy.probability(&ask, position))
                .collect()
        };
        let told: Option<Option<_>> = deployment.tally.caught.guard("the policy", told);
        told.flatten().unwrap_or_default()
    }

    /// When the request was decided, by the endpoint's clock.
    pub(crate) fn started(&self) -> Duration {
        self.started
    }

    pub(crate) fn deployment(&self) -> &Arc<Deployment> {
        &self.deployment
    }

    /// The decision reaches the record, and is not abandoned.
    pub(crate) fn mark_recorded(&mut self) {
        self.recorded = true;
    }
}

impl Drop for Decided {
    fn drop(&mut self) {
        if !self.recorded {
            self.deployment.tally.abandon();
        }
    }
}

impl fmt::Debug for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decided")
            .field("arm", self.arm())
            .field("version", &self.model().version().version)
            .field("outcome_id", &self.outcome_id)
            .finish_non_exhaustive()
    }
}

use std::sync::Arc;

use mlcore::Result;
use mlcore::name::Arm;
use mlcore::rollout::{Candidate, Candidates, RolloutPolicy};

use crate::endpoint::background::Tally;
use crate::endpoint::release::LoadedModel;

/// What answers at one moment: the arms, their models and the policy. Replaced as a whole, never changed.
#[derive(Debug)]
pub(crate) struct Deployment {
    arms: Vec<(Arm, Arc<LoadedModel>)>,
    pub(crate) candidates: Candidates,
    pub(crate) policy: Arc<dyn RolloutPolicy>,
    pub(crate) tally: Arc<Tally>,
}

impl Deployment {
    /// The default arm first.
    pub(crate) fn new(
        arms: Vec<(Arm, Arc<LoadedModel>)>,
        policy: Arc<dyn RolloutPolicy>,
        tally: Arc<Tally>,
    ) -> Result<Self> {
        let candidate =
            |(arm, model): &(Arm, Arc<LoadedModel>)| Candidate::new(arm.clone(), model.version().version);
        let candidates = Candidates::new(arms.iter().map(candidate))?;
        Ok(Self { arms, candidates, policy, tally })
    }

    /// The arm at `position`, the default where there is none: a policy of somebody else's may be wrong.
    pub(crate) fn at(&self, position: usize) -> &(Arm, Arc<LoadedModel>) {
        // `Candidates` refuses an empty list.
        self.arms.get(position).unwrap_or(&self.arms[0])
    }

    pub(crate) fn arm(&self, arm: &Arm) -> Option<&Arc<LoadedModel>> {
        self.arms.iter().find(|(own, _)| own == arm).map(|(_, model)| model)
    }

    /// Does every arm answer in `after` with the version that it has here?
    pub(crate) fn still_serves(&self, after: &Self) -> bool {
        self.arms.iter().all(|(arm, model)| {
            after.arm(arm).is_some_and(|other| other.version().version == model.version().version)
        })
    }

    pub(crate) fn arms(&self) -> &[(Arm, Arc<LoadedModel>)] {
        &self.arms
    }
}

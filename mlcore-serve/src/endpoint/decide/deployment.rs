use std::sync::Arc;

use mlcore::batch::Batch;
use mlcore::name::Arm;
use mlcore::rollout::{Candidate, Candidates, RolloutPolicy};
use mlcore::{Error, Result};

use crate::endpoint::background::Tally;
use crate::endpoint::input::{Columns, Input};
use crate::endpoint::release::LoadedModel;

/// What answers at one moment: the arms, their models and the policy. Replaced as a whole, never changed.
#[derive(Debug)]
pub(crate) struct Deployment {
    arms: Vec<(Arm, Arc<LoadedModel>)>,
    pub(crate) candidates: Candidates,
    pub(crate) policy: Arc<dyn RolloutPolicy>,
    pub(crate) columns: Arc<Columns>,
    pub(crate) tally: Arc<Tally>,
}

impl Deployment {
    /// These arms, the default first, after a deployment that knew the columns `before`.
    pub(crate) fn new(
        arms: Vec<(Arm, Arc<LoadedModel>)>,
        policy: Arc<dyn RolloutPolicy>,
        before: &Columns,
        tally: Arc<Tally>,
    ) -> Result<Self> {
        let candidate =
            |(arm, model): &(Arm, Arc<LoadedModel>)| Candidate::new(arm.clone(), model.version().version);
        let candidates = Candidates::new(arms.iter().map(candidate))?;
        let plans: Vec<_> = arms.iter().map(|(_, model)| model.plan().map(|plan| plan.input())).collect();
        let columns = Arc::new(Columns::new(&plans, before)?);
        Ok(Self { arms, candidates, policy, columns, tally })
    }

    /// The tensors that the model at `position` takes for this input.
    pub(crate) fn inputs(&self, position: usize, input: Input<'_>) -> Result<Batch> {
        let model = &self.at(position).1;
        match (input, model.features()) {
            (Input::Tensors(batch), _) => Ok(batch.clone()),
            (Input::Row(row), Some(features)) => self.columns.row(position, features, row),
            (Input::Table(table), Some(features)) => features.table(table),
            (Input::Row(_) | Input::Table(_), None) => {
                let version = model.version();
                let subject = format!("{} version {}", version.model, version.version);
                let problem = "raw records came, and this version was registered without a feature plan";
                Err(Error::invalid_input("predict", subject, problem)
                    .remedy("register it with its plan, or send tensors that fit its signature"))
            }
        }
    }

    /// The arm at `position`, the default where there is none.
    pub(crate) fn at(&self, position: usize) -> &(Arm, Arc<LoadedModel>) {
        // `Candidates` refuses an empty list.
        self.arms.get(position).unwrap_or(&self.arms[0])
    }

    pub(crate) fn arm(&self, arm: &Arm) -> Option<&Arc<LoadedModel>> {
        self.arms.iter().find(|(own, _)| own == arm).map(|(_, model)| model)
    }

    /// Whether every arm answers in `after` with the version that it has here.
    pub(crate) fn still_serves(&self, after: &Self) -> bool {
        self.arms.iter().all(|(arm, model)| {
            after.arm(arm).is_some_and(|other| other.version().version == model.version().version)
        })
    }

    pub(crate) fn arms(&self) -> &[(Arm, Arc<LoadedModel>)] {
        &self.arms
    }
}

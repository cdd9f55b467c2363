use std::sync::Arc;

use mlcore::batch::Batch;
use mlcore::name::{Arm, UnitId, Version};
use mlcore::rollout::{Ask, Candidate, Candidates, Draw, RolloutPolicy};
use mlcore::{Error, Result};
use mlcore_drift::monitor::MonitorReference;

use crate::endpoint::background::Tally;
use crate::endpoint::input::{Columns, Input, TensorColumns};
#[cfg(feature = "validate")]
use crate::endpoint::prepare::Checks;
use crate::endpoint::prepare::{Merge, Preparation, PreparationOfArms};
use crate::endpoint::release::{LoadedModel, Resolved};

/// What answers at one moment: the arms, their models and the policy. Replaced as a whole, never changed.
#[derive(Debug)]
pub(crate) struct Deployment {
    arms: Vec<(Arm, Arc<LoadedModel>)>,
    pub(crate) candidates: Candidates,
    pub(crate) policy: Arc<dyn RolloutPolicy>,
    pub(crate) columns: Arc<Columns>,
    pub(crate) tally: Arc<Tally>,
    /// What is done with requests before they run.
    pub(crate) preparation: PreparationOfArms,
    /// An arm on trial that does not answer because its version could not be promoted.
    pub(crate) unfit: Option<(Arm, Error)>,
}

impl Deployment {
    /// These arms, the default first, after a deployment that knew the columns `before`.
    pub(crate) fn new(
        Resolved { arms, unfit }: Resolved,
        policy: Arc<dyn RolloutPolicy>,
        before: &Columns,
        tally: Arc<Tally>,
        preparation: &Preparation,
    ) -> Result<Self> {
        let candidate =
            |(arm, model): &(Arm, Arc<LoadedModel>)| Candidate::new(arm.clone(), model.version().version);
        let candidates = Candidates::new(arms.iter().map(candidate))?;
        let plans: Vec<_> = arms.iter().map(|(_, model)| model.plan().map(|plan| plan.input())).collect();
        let without_plan = arms.iter().filter(|(_, model)| model.plan().is_none());
        let tensors = TensorColumns::new(without_plan.map(|(_, model)| &model.runner().signature().inputs))?;
        let is_looked_up = |name: &str| preparation.lookups.has(name);
        let columns = Columns::new(&plans, before, is_looked_up)?;
        let columns = Arc::new(columns.with_tensors(tensors));
        let preparation = PreparationOfArms {
            merge: Merge::new(&preparation.lookups, &columns, &arms)?,
            #[cfg(feature = "validate")]
            checks: match &preparation.validator {
                Some(validator) => Some(Checks::new(validator, &columns, &arms)?),
                None => None,
            },
        };
        Ok(Self { arms, candidates, policy, columns, tally, preparation, unfit })
    }

    /// The tensors that the model at `position` takes for this input.
    pub(crate) fn inputs(&self, position: usize, input: Input<'_>) -> Result<Batch> {
        let model = &self.at(position).1;
        match (input, model.features()) {
            (Input::Tensors(batch), _) => Ok(batch.clone()),
            (Input::Entities, _) => {
                let problem =
                    "the request brings nothing but entities, and their features were not looked up";
                Err(Error::invalid_input("predict", "entities", problem)
                    .remedy("prepare the request before its run"))
            }
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

    /// Whether it has the arms, versions and reasons that were `found`, and no others.
    pub(crate) fn serves_exactly(&self, found: &Resolved) -> bool {
        let versions = |arms: &[(Arm, Arc<LoadedModel>)]| -> Vec<_> {
            arms.iter().map(|(arm, model)| (arm.clone(), model.version().version)).collect()
        };
        let unfit = |unfit: &Option<(Arm, Error)>| unfit.as_ref().map(|(_, error)| error.to_string());
        versions(&self.arms) == versions(&found.arms) && unfit(&self.unfit) == unfit(&found.unfit)
    }

    /// The arms, with their versions and the shares that the policy gives them, where it tells.
    pub(crate) fn shares(&self) -> Vec<(Arm, Version, Option<f64>)> {
        let unit = UnitId::new("share").ok();
        let share = |position| {
            let ask = Ask::new(unit.as_ref()?, &self.candidates, Draw::new(0));
            self.tally.caught.guard("the policy", || self.policy.probability(&ask, position)).flatten()
        };
        let of = |(position, (arm, model)): (usize, &(Arm, Arc<LoadedModel>))| {
            (arm.clone(), model.version().version, share(position))
        };
        self.arms.iter().enumerate().map(of).collect()
    }

    /// The epoch and the propensity with which `arm` is assigned now, if this version answers behind it.
    pub(crate) fn assigned(&self, arm: &Arm, version: Version) -> Option<(u32, f64)> {
        let position = self.candidates.position(arm)?;
        if self.candidates.at(position).version != version {
            return None;
        }
        // Of no unit in particular: a policy whose evidence has epochs has one for all units.
        let unit = UnitId::new("measure").ok()?;
        let ask = Ask::new(&unit, &self.candidates, Draw::new(0));
        self.tally.caught.guard("the policy", || {
            let propensity = self.policy.probability(&ask, position).unwrap_or(1.0);
            (self.policy.assign(&ask).epoch, propensity)
        })
    }

    /// Whether the policy has an arm on trial that answers.
    pub(crate) fn has_trial(&self) -> bool {
        self.policy.requirements().trials.iter().any(|arm| self.arm(arm).is_some())
    }

    /// The reference that the default arm's version brings.
    pub(crate) fn monitor(&self) -> Option<&Arc<MonitorReference>> {
        self.at(0).1.monitor()
    }

    pub(crate) fn arms(&self) -> &[(Arm, Arc<LoadedModel>)] {
        &self.arms
    }
}

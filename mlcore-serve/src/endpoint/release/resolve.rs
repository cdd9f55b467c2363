use std::sync::Arc;

use mlcore::artifact::ArtifactStore;
use mlcore::batch::Batch;
use mlcore::name::{Alias, Arm, ModelName, Version};
use mlcore::registry::{ModelVersion, Registry, Stage};
use mlcore::rollout::RolloutPolicy;
use mlcore::{Error, Result};
use mlcore_drift::catalog::Catalog;
use mlcore_features::transform::custom::Functions;

use super::loader::{self, ModelLoader};
use super::model::LoadedModel;
use crate::endpoint::background::Scoring;
use crate::endpoint::decide::Deployment;
use crate::endpoint::record::InvalidAnswer;

/// An arm and the alias that says which version answers for it.
#[derive(Clone, Debug)]
pub(crate) struct ArmAlias {
    pub(crate) arm: Arm,
    pub(crate) alias: Alias,
}

impl ArmAlias {
    pub(crate) fn new(alias: Alias) -> Result<Self> {
        Ok(Self { arm: Arm::new(alias.as_str())?, alias })
    }
}

/// What the aliases mean: the arms that can answer.
pub(crate) struct Resolved {
    /// The default first.
    pub(crate) arms: Vec<(Arm, Arc<LoadedModel>)>,
    /// An arm on trial whose version could not be promoted, and why.
    pub(crate) unfit: Option<(Arm, Error)>,
}

/// From aliases to models that are loaded and warm.
pub(crate) struct Resolver {
    pub(crate) model: ModelName,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) artifacts: Arc<dyn ArtifactStore>,
    pub(crate) loader: Arc<dyn ModelLoader>,
    pub(crate) default_arm: ArmAlias,
    pub(crate) arms: Vec<ArmAlias>,
    /// The loss that every version's answers must allow to compute.
    pub(crate) scoring: Option<Scoring>,
    /// The tests of the versions' own monitors; none where these are not watched.
    pub(crate) catalog: Option<Catalog>,
    /// The functions of the host that feature plans may name.
    pub(crate) functions: Functions,
    /// The signatures that every version must have.
    #[cfg(feature = "signatures")]
    pub(crate) signatures: Option<mlcore::artifact::VerifyPolicy>,
}

impl Resolver {
    /// The arms that can answer now, the default first; versions that are `known` are not loaded again.
    ///
    /// A version that `policy` has on trial and could never promote does not answer: else it might win, and get all traffic
    /// while the registry goes on to name another.
    pub(crate) fn resolve(
        &self,
        known: &[(Arm, Arc<LoadedModel>)],
        policy: &dyn RolloutPolicy,
    ) -> Result<Resolved> {
        let trials = policy.requirements().trials;
        let mut arms: Vec<(Arm, Arc<LoadedModel>)> = Vec::with_capacity(1 + self.arms.len());
        let mut unfit = None;
        for own @ ArmAlias { arm, alias } in self.all() {
            let Some(version) = self.registry.alias(&self.model, alias)? else {
                if *arm == self.default_arm.arm {
                    let subject = format!("{}@{alias}", self.model);
                    return Err(Error::not_found("serve model", subject, "no version carries this alias")
                        .remedy("promote a version to it"));
                }
                continue;
            };
            if trials.contains(arm)
                && let Err(error) = self.check_trial(version)
            {
                unfit.get_or_insert((own.arm.clone(), error));
                continue;
            }
            let known = known.iter().chain(&arms).find(|(_, model)| model.version().version == version);
            let model = match known {
                Some((_, model)) => model.clone(),
                None => {
                    let version = self.registry.version(&self.model, version)?;
                    let model = self.load(version)?;
                    if let Some(scoring) = &self.scoring {
                        scoring.check(&model.runner().signature().outputs)?;
                    }
                    Arc::new(model)
                }
            };
            arms.push((arm.clone(), model));
        }
        Ok(Resolved { arms, unfit })
    }

    /// Loads a version with everything that it brings. All versions come through here: those of aliases, those of snapshots.
    pub(crate) fn load(&self, version: ModelVersion) -> Result<LoadedModel> {
        #[cfg(feature = "signatures")]
        if let Some(policy) = &self.signatures {
            mlcore::package::verify_version(policy, &version, &*self.artifacts)?;
        }
        loader::load(&*self.loader, version, &*self.artifacts, self.catalog.as_ref(), &self.functions)
    }

    /// Whether the aliases mean other versions than `serving` has. A few reads by key.
    pub(crate) fn have_moved(&self, serving: &Deployment) -> Result<bool> {
        for ArmAlias { arm, alias } in self.all() {
            let meant = self.registry.alias(&self.model, alias)?;
            if meant != serving.arm(arm).map(|model| model.version().version) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Refuses a version on trial from whose stage it could not be promoted: the registry's own rule, asked beforehand.
    fn check_trial(&self, version: Version) -> Result<()> {
        let stage = self.registry.version(&self.model, version)?.stage;
        if stage == Stage::Production || stage.may_become(Stage::Production) {
            return Ok(());
        }
        let subject = format!("{} version {version}", self.model);
        let problem = format!("it is in stage {stage}, from which it could not be promoted");
        Err(Error::invalid_input("try version", subject, problem).remedy("take it to staging first"))
    }

    /// Refuses a policy that could never come to a decision here.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a policy about an arm that the endpoint does not have, one that would withdraw the default
    /// arm, and one that waits for losses where none are computed.
    pub(crate) fn check(&self, policy: &dyn RolloutPolicy) -> Result<()> {
        const OPERATION: &str = "choose policy";
        let requirements = policy.requirements();
        if let Some(arm) = requirements.arms.iter().find(|arm| self.arm(arm).is_none()) {
            let own: Vec<&str> = self.all().map(|own| own.arm.as_str()).collect();
            let problem =
                format!("the policy is about this arm, and the endpoint has only: {}", own.join(", "));
            return Err(Error::invalid_input(OPERATION, arm.as_str(), problem)
                .remedy("build the endpoint with this arm, or the policy with one of the endpoint's"));
        }
        if let Some(arm) = requirements.trials.iter().find(|arm| **arm == self.default_arm.arm) {
            let problem = "the policy would promote or withdraw it, and it is the endpoint's default arm";
            return Err(Error::invalid_input(OPERATION, arm.as_str(), problem)
                .remedy("try the new version as another arm, against the default one"));
        }
        if requirements.losses && self.scoring.is_none() {
            let problem = "the policy has a guardrail on the loss, and the endpoint computes no loss, so that no \
                           step would ever end";
            return Err(Error::invalid_input(OPERATION, "loss", problem)
                .remedy("build the endpoint with a loss, or the policy without this guardrail"));
        }
        Ok(())
    }

    /// Why the policy's arms cannot all answer; none where they can.
    pub(crate) fn lacking(&self, deployment: &Deployment) -> Option<String> {
        let arms = deployment.policy.requirements().arms;
        let absent = arms.iter().find(|arm| deployment.arm(arm).is_none())?;
        if let Some((_, error)) = deployment.unfit.as_ref().filter(|(unfit, _)| unfit == absent) {
            return Some(format!("the arm {absent} does not answer: {error}"));
        }
        let alias = &self.arm(absent)?.alias;
        let model = &self.model;
        Some(format!(
            "the arm {absent} does not answer, because the alias {model}@{alias} is not set or was set after the endpoint \
             last looked; set it, and it is followed"
        ))
    }

    /// What is wrong with an answer, whichever arm gave it.
    pub(crate) fn fault_of(&self, outputs: &Batch) -> Option<InvalidAnswer> {
        match &self.scoring {
            Some(scoring) => scoring.fault_of(outputs),
            None => InvalidAnswer::of(outputs),
        }
    }

    /// The arm of this name.
    pub(crate) fn arm(&self, arm: &Arm) -> Option<&ArmAlias> {
        self.all().find(|own| own.arm == *arm)
    }

    /// All arms, the default first.
    fn all(&self) -> impl Iterator<Item = &ArmAlias> {
        std::iter::once(&self.default_arm).chain(&self.arms)
    }
}

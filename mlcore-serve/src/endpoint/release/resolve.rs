use std::sync::Arc;

use mlcore::artifact::ArtifactStore;
use mlcore::batch::Batch;
use mlcore::name::{Alias, Arm, ModelName};
use mlcore::registry::Registry;
use mlcore::{Error, Result};

use super::loader::{self, ModelLoader};
use super::model::LoadedModel;
use crate::endpoint::background::Scoring;
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
}

impl Resolver {
    /// The arms that can answer now, the default first; versions that `serving` has are not loaded again.
    pub(crate) fn resolve(
        &self,
        serving: &[(Arm, Arc<LoadedModel>)],
    ) -> Result<Vec<(Arm, Arc<LoadedModel>)>> {
        let mut resolved: Vec<(Arm, Arc<LoadedModel>)> = Vec::with_capacity(1 + self.arms.len());
        for (position, ArmAlias { arm, alias }) in
            std::iter::once(&self.default_arm).chain(&self.arms).enumerate()
        {
            let Some(version) = self.registry.alias(&self.model, alias)? else {
                if position == 0 {
                    let subject = format!("{}@{alias}", self.model);
                    return Err(Error::not_found("serve model", subject, "no version carries this alias")
                        .remedy("promote a version to it"));
                }
                continue;
            };
            let known = serving.iter().chain(&resolved).find(|(_, model)| model.version().version == version);
            let model = match known {
                Some((_, model)) => model.clone(),
                None => {
                    let version = self.registry.version(&self.model, version)?;
                    let model = loader::load(&*self.loader, version, &*self.artifacts)?;
                    if let Some(scoring) = &self.scoring {
                        scoring.check(&model.runner().signature().outputs)?;
                    }
                    Arc::new(model)
                }
            };
            resolved.push((arm.clone(), model));
        }
        Ok(resolved)
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
        std::iter::once(&self.default_arm).chain(&self.arms).find(|own| own.arm == *arm)
    }
}

//! The last deployment on disk: what an endpoint serves that starts while the registry is away.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlcore::name::{Arm, ModelName};
use mlcore::registry::ModelVersion;
use mlcore::rollout::{PolicyState, RolloutPolicy};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{LoadedModel, Resolved, Resolver};
use crate::endpoint::decide::Deployment;

/// The file. The models themselves lie in the artifact store, by digest.
#[derive(Debug)]
pub(crate) struct Snapshot {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: u32,
    model: ModelName,
    arms: Vec<(Arm, ModelVersion)>,
    /// Where a policy that learns stood.
    policy: Option<PolicyState>,
}

impl Snapshot {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Writes what `deployment` serves, whole or not at all.
    ///
    /// # Errors
    /// What the file system answers; what was written before stays then.
    pub(crate) fn write(&self, model: &ModelName, deployment: &Deployment) -> Result<()> {
        let arms = deployment.arms().iter().map(|(arm, model)| (arm.clone(), model.version().clone()));
        let requirements = deployment.policy.requirements();
        let learns = !requirements.trials.is_empty() || requirements.shared_state.is_some();
        let policy = if learns { deployment.policy.save().ok() } else { None };
        let content = Content { format: FORMAT, model: model.clone(), arms: arms.collect(), policy };
        let text = serde_json::to_vec_pretty(&content)
            .map_err(|cause| Error::internal(WRITE, self.subject(), cause.to_string()))?;
        let partial = self.path.with_extension("partial");
        let write = || {
            let mut file = File::create(&partial)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&partial, &self.path)
        };
        write().map_err(|cause| Error::from_io(WRITE, self.subject(), cause))
    }

    /// Loads what was served last. `policy` goes on where it stood, if it is of the same options.
    ///
    /// # Errors
    /// [`Error::NotFound`] where nothing was written, [`Error::Corrupt`] for what is no snapshot of this model, and what loading
    /// a version answers.
    pub(crate) fn read(&self, resolver: &Resolver, policy: &dyn RolloutPolicy) -> Result<Resolved> {
        let text = fs::read(&self.path).map_err(|cause| Error::from_io(READ, self.subject(), cause))?;
        let corrupt = |problem: String| Error::corrupt(READ, self.subject(), problem);
        let content: Content = serde_json::from_slice(&text).map_err(|cause| corrupt(cause.to_string()))?;
        if content.format != FORMAT || content.model != resolver.model {
            let Content { format, model, .. } = content;
            return Err(corrupt(format!("it is one of {model}, in format {format}")));
        }
        let mut arms: Vec<(Arm, Arc<LoadedModel>)> = Vec::new();
        for (arm, version) in content.arms.into_iter().filter(|(arm, _)| resolver.arm(arm).is_some()) {
            let known = arms.iter().find(|(_, model)| model.version().version == version.version);
            let model = match known {
                Some((_, model)) => model.clone(),
                None => Arc::new(resolver.load(version)?),
            };
            arms.push((arm, model));
        }
        if arms.first().is_none_or(|(arm, _)| *arm != resolver.default_arm.arm) {
            return Err(corrupt(format!("it has no version of {}", resolver.default_arm.arm)));
        }
        if let Some(state) = content.policy {
            // One of other options is another release. What is shared is in the registry, and takes its place as soon as it can be
            // read: added, it would count twice.
            drop(match policy.requirements().shared_state {
                Some(_) => policy.restore(&state),
                None => policy.merge(&state),
            });
        }
        Ok(Resolved { arms, unfit: None })
    }

    fn subject(&self) -> String {
        self.path.display().to_string()
    }
}

const READ: &str = "read snapshot";
const WRITE: &str = "write snapshot";
const FORMAT: u32 = 1;

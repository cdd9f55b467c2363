//! Steps of a release that survive a restart: the policy's state lies in the registry, as a tag of the model.

use std::hash::{BuildHasher, RandomState};

use mlcore::name::{Arm, RequestId};
use mlcore::registry::{Change, RegistryExt};
use mlcore::rollout::{PolicyState, RolloutPolicy};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::Resolver;

/// What lies in the tag. A tag never holds the same text twice: of two replicas that write equal states over the same text, at the same
/// moment, one must be told that it was second, or what it has learnt would be lost.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    /// Microseconds since 1970.
    pub(super) at: i64,
    /// Drawn anew for each text.
    #[serde(default)]
    once: u64,
    pub(super) state: PolicyState,
}

impl Kept {
    pub(super) fn new(at: Timestamp, state: PolicyState) -> Self {
        Self { at: at.as_micros(), once: RandomState::new().hash_one(std::process::id()), state }
    }
}

impl Resolver {
    /// The key of the tag; none for a policy without a trial, which a restart finds as it was built, and for one whose replicas
    /// [share](super::sharing) what they learn.
    pub(super) fn key(policy: &dyn RolloutPolicy) -> Option<String> {
        let requirements = policy.requirements();
        let trial: Arm =
            requirements.trials.into_iter().next().filter(|_| requirements.shared_state.is_none())?;
        Some(format!("mlcore.release.{trial}"))
    }

    /// Lets `policy` go on where a replica or an earlier process kept it, if that is another place than `known`; answers the
    /// text that is kept. A state of other options is that of another release, and left alone.
    pub(crate) fn adopt(&self, policy: &dyn RolloutPolicy, known: Option<&str>) -> Result<Option<String>> {
        if let (None, Some(key)) = (known, Self::shared_key(policy)) {
            self.resume_shared(policy, &key)?;
        }
        let Some(key) = Self::key(policy) else { return Ok(None) };
        let Some(text) = self.registry.model(&self.model)?.tags.remove(&key) else { return Ok(None) };
        if known != Some(text.as_str())
            && let Ok(kept) = serde_json::from_str::<Kept>(&text)
            && let Err(Error::Unsupported(_)) = policy.merge(&kept.state)
        {
            // A policy whose states cannot be added up takes the place that was kept, where it knows of none yet.
            if known.is_none() {
                drop(policy.restore(&kept.state));
            }
        }
        Ok(Some(text))
    }

    /// Keeps where `policy` stands, with the reason in the audit log; answers the text that is kept then. Of replicas that
    /// begin from the same `known` text one is first, and the others adopt what it kept before they keep their own.
    pub(crate) fn keep(
        &self,
        policy: &dyn RolloutPolicy,
        known: Option<String>,
        change: &Change,
    ) -> Result<Option<String>> {
        let Some(key) = Self::key(policy) else { return Ok(None) };
        let mut known = match known {
            Some(known) => Some(known),
            None => self.adopt(policy, Some(""))?,
        };
        for _ in 0..MOST_RACES {
            let kept = Kept::new(change.at, policy.save()?);
            let text = serde_json::to_string(&kept)
                .map_err(|cause| Error::internal(KEEP, key.as_str(), cause.to_string()))?;
            let change = match &known {
                Some(before) => change.clone().with_request(request(&key, before)?),
                None => change.clone(),
            };
            match self.registry.set_model_tag(&self.model, &key, &text, &change) {
                Ok(_) => return Ok(Some(text)),
                Err(Error::AlreadyExists(_)) => known = self.adopt(policy, known.as_deref())?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::conflict(KEEP, key, "other replicas keep theirs all the time"))
    }

    /// Forgets what was kept for the policy of a trial that is over.
    pub(crate) fn forget(&self, policy: &dyn RolloutPolicy, change: &Change) -> Result<()> {
        let Some(key) = Self::key(policy) else { return Ok(()) };
        match self.registry.delete_model_tag(&self.model, &key, change) {
            // Another replica was first.
            Ok(_) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The request of the change that follows the text `before`: the registry carries out one of them.
pub(super) fn request(key: &str, before: &str) -> Result<RequestId> {
    RequestId::new(format!("{key}-{:032x}", xxh3_128(before.as_bytes())))
}

const KEEP: &str = "keep release";
/// Each replica keeps a step once, and there are few steps.
const MOST_RACES: usize = 5;

//! Evidence of a release that survives a restart: what one replica has seen lies in the registry, as a tag of the model.

use std::time::Duration;

use mlcore::name::Arm;
use mlcore::registry::{Change, RegistryExt};
use mlcore::rollout::{PolicyState, RolloutPolicy};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::{Attempts, Deployment, Event, EventKind, Releasing, Resolver};
use crate::endpoint::{Endpoint, EndpointBuilder};

/// Under what name a replica keeps its evidence, and how often.
#[derive(Clone, Debug)]
pub(crate) struct KeptEvidence {
    replica: String,
    interval: Duration,
}

/// When evidence was kept last.
#[derive(Debug, Default)]
pub(crate) struct EvidenceProgress {
    /// By the endpoint's clock.
    at: Option<Duration>,
    state: Option<PolicyState>,
    pub(super) attempts: Attempts,
}

/// What lies in the tag.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Microseconds since 1970.
    at: i64,
    state: PolicyState,
    /// The digest of the step, as it was kept, that the state holds already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<String>,
}

impl KeptEvidence {
    /// # Errors
    /// [`Error::InvalidInput`] for a name that no key of a tag may hold.
    pub(crate) fn new(replica: String, interval: Duration) -> Result<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if replica.is_empty() || replica.len() > LONGEST_NAME || !replica.bytes().all(is_plain) {
            let problem =
                format!("it is not 1 to {LONGEST_NAME} letters, digits, dots, underscores and dashes");
            let shown: String = replica.chars().take(LONGEST_NAME).collect();
            return Err(Error::invalid_input("name replica", format!("{shown:?}"), problem).remedy(
                "name each replica by a word that it has again after a restart, such as its host's name",
            ));
        }
        Ok(Self { replica, interval })
    }

    fn key(&self, policy: &dyn RolloutPolicy) -> Option<String> {
        let requirements = policy.requirements();
        // What replicas share holds the evidence of all.
        let trial: Arm =
            requirements.trials.into_iter().next().filter(|_| requirements.shared_state.is_none())?;
        Some(format!("mlcore.evidence.{trial}.{}", self.replica))
    }
}

impl EvidenceProgress {
    /// Whether evidence is to be kept at `now`.
    pub(super) fn is_due(&self, kept: &KeptEvidence, now: Duration) -> bool {
        let is_due = self.at.is_none_or(|at| now.saturating_sub(at) >= kept.interval);
        is_due && self.attempts.is_due(now)
    }

    /// Whether it is another one than was kept last.
    pub(super) fn is_new(&self, state: &PolicyState) -> bool {
        self.state.as_ref() != Some(state)
    }

    pub(super) fn kept(&mut self, now: Duration, state: PolicyState) {
        (self.at, self.state) = (Some(now), Some(state));
        self.attempts.end();
    }

    /// A step was kept: its evidence is another one's.
    pub(super) fn stepped(&mut self) {
        self.at = None;
    }
}

impl EndpointBuilder {
    /// Keeps what this replica has seen of a release in the registry, too, every `interval` of the endpoint's clock, as the tag
    /// `mlcore.evidence.<arm>.<replica>` of the model: a process that is built again with the same name goes on with the evidence that
    /// was kept last. By default a restart keeps the step and begins its evidence anew.
    ///
    /// No two replicas may have one name at a time. Each time is an entry of the audit log: choose minutes.
    pub fn with_kept_evidence(mut self, replica: impl Into<String>, interval: Duration) -> Self {
        self.evidence = Some((replica.into(), interval));
        self
    }
}

impl Endpoint {
    /// Keeps what this replica has seen, where that is wanted and due. A step that is still to be kept comes first.
    pub(super) fn keep_evidence(&self, releasing: &mut Releasing<'_>, now: &Deployment) -> Option<Event> {
        let evidence = self.inner.evidence.as_ref()?;
        let elapsed = self.inner.clock.elapsed();
        if releasing.to_keep.is_some() || !now.has_trial() || !releasing.evidence.is_due(evidence, elapsed) {
            return None;
        }
        let kept = now.policy.save().and_then(|state| {
            if releasing.evidence.is_new(&state) {
                let (step, change) =
                    (releasing.kept.as_deref(), self.change("evidence of the release so far"));
                self.inner.resolver.keep_evidence(&*now.policy, evidence, &state, step, &change)?;
            }
            Ok(state)
        });
        match kept {
            Ok(state) => {
                releasing.evidence.kept(elapsed, state);
                None
            }
            Err(error) => {
                let error = releasing.evidence.attempts.fail(elapsed, error.to_string())?;
                Some(self.event(EventKind::Failed { operation: "keep evidence".into(), error }))
            }
        }
    }
}

impl Resolver {
    /// Lets `policy`, which knows nothing yet, go on where this replica and the others were; answers the step that is kept, as
    /// [`adopt`](Self::adopt) does.
    ///
    /// A step that the replica's own state holds already is not added to it again: the step may have been kept late, with evidence
    /// of this replica in it.
    pub(crate) fn resume(
        &self,
        policy: &dyn RolloutPolicy,
        evidence: Option<&KeptEvidence>,
    ) -> Result<Option<String>> {
        let Some(key) = evidence.and_then(|evidence| evidence.key(policy)) else {
            return self.adopt(policy, None);
        };
        let mut tags = self.registry.model(&self.model)?.tags;
        let own: Option<Kept> = tags.remove(&key).and_then(|text| serde_json::from_str(&text).ok());
        let Some(own) = own else { return self.adopt(policy, None) };
        // A state of other options is that of another release, and left alone.
        let adopted = match policy.merge(&own.state) {
            Err(Error::Unsupported(_)) => policy.restore(&own.state).is_ok(),
            merged => merged.is_ok(),
        };
        if !adopted {
            return self.adopt(policy, None);
        }
        let step = Self::key(policy).and_then(|key| tags.remove(&key));
        let held = step.filter(|step| own.step.as_ref() == Some(&digest(step)));
        self.adopt(policy, Some(held.as_deref().unwrap_or_default()))
    }

    /// Keeps what this replica has seen; `step` is the one that the state holds.
    pub(crate) fn keep_evidence(
        &self,
        policy: &dyn RolloutPolicy,
        evidence: &KeptEvidence,
        state: &PolicyState,
        step: Option<&str>,
        change: &Change,
    ) -> Result<()> {
        let Some(key) = evidence.key(policy) else { return Ok(()) };
        let kept = Kept { at: change.at.as_micros(), state: state.clone(), step: step.map(digest) };
        let text = serde_json::to_string(&kept)
            .map_err(|cause| Error::internal(KEEP, key.as_str(), cause.to_string()))?;
        self.registry.set_model_tag(&self.model, &key, &text, change).map(drop)
    }

    /// Forgets what this replica has seen of a trial that is over.
    pub(crate) fn forget_evidence(
        &self,
        policy: &dyn RolloutPolicy,
        evidence: &KeptEvidence,
        change: &Change,
    ) -> Result<()> {
        let Some(key) = evidence.key(policy) else { return Ok(()) };
        match self.registry.delete_model_tag(&self.model, &key, change) {
            Ok(_) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn digest(step: &str) -> String {
    format!("{:032x}", xxh3_128(step.as_bytes()))
}

const KEEP: &str = "keep evidence";
/// With the longest name of an arm it fits into the key of a tag.
const LONGEST_NAME: usize = 64;

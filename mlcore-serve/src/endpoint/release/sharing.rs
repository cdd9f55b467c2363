//! What a policy learns without end, and its replicas with it: a tag of the model, which a replica replaces where no other one has
//! replaced it meanwhile.

use std::time::Duration;

use mlcore::registry::{Change, RegistryExt};
use mlcore::rollout::{PolicyState, RolloutPolicy};
use mlcore::{Error, Result};

use super::attempts::Attempts;
use super::durable::{Kept, request};
use super::{Deployment, Event, EventKind, Releasing, Resolver, interrupt};
use crate::endpoint::{Endpoint, EndpointBuilder};

/// How the exchange of one policy stands.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    /// Written, and perhaps arrived.
    unanswered: Option<Offer>,
    /// The exchange is due then, by the endpoint's clock.
    pub(super) next: Duration,
    pub(super) attempts: Attempts,
}

/// A state that is written in the place of the one before. Its change has a request, so that the registry carries it out once.
#[derive(Clone, Debug)]
struct Offer {
    text: String,
    change: Change,
}

impl EndpointBuilder {
    /// Lets [`process`](Endpoint::process) and a worker exchange so often, by the endpoint's clock, what a policy such as a
    /// [bandit](mlcore::rollout::BanditRollout) and its replicas have learnt; a minute by default. It is what a process that is
    /// killed loses at most, and each exchange in which something was learnt is an entry of some kilobytes in the audit log.
    pub fn with_share_interval(mut self, interval: Duration) -> Self {
        self.share_interval = interval;
        self
    }
}

impl Endpoint {
    /// Exchanges with replicas what the policy and they have learnt, where that is due.
    pub(super) fn share(&self, releasing: &mut Releasing<'_>, now: &Deployment) -> Option<Event> {
        let elapsed = self.inner.clock.elapsed();
        if elapsed < releasing.sharing.next || !releasing.sharing.attempts.is_due(elapsed) {
            return None;
        }
        match self.exchange(releasing, &*now.policy) {
            Ok(()) => {
                releasing.sharing.attempts.end();
                releasing.sharing.next = elapsed.saturating_add(self.inner.share_interval);
                None
            }
            Err(error) => {
                let error = releasing.sharing.attempts.fail(elapsed, error.to_string())?;
                Some(self.event(EventKind::Failed { operation: "share policy".into(), error }))
            }
        }
    }

    pub(super) fn exchange(&self, releasing: &mut Releasing<'_>, policy: &dyn RolloutPolicy) -> Result<()> {
        let change = self.change("what its policy and its replicas have learnt");
        self.inner.resolver.exchange(policy, &mut releasing.sharing, &change)
    }

    /// Shares with replicas, at once, what the policy has learnt, and takes over what they have: what
    /// [`process`](Self::process) and a worker do [now and then](EndpointBuilder::with_share_interval), and a worker when it
    /// is stopped. A policy that shares nothing is left alone.
    ///
    /// # Errors
    /// What the registry answers, and [`Error::InvalidInput`] for a state that was shared under other options. What was learnt is
    /// kept then, and shared with the next exchange.
    pub fn share_policy(&self) -> Result<()> {
        let mut releasing = interrupt::lock("release", &self.inner.releasing)?;
        let now = self.inner.deployment.load_full();
        self.exchange(&mut releasing, &*now.policy)
    }
}

impl Resolver {
    /// The key of the tag; none for a policy that shares nothing.
    pub(super) fn shared_key(policy: &dyn RolloutPolicy) -> Option<String> {
        policy.requirements().shared_state.map(|name| format!("mlcore.policy.{name}"))
    }

    /// Lets `policy` go on from what its replicas share.
    pub(super) fn resume_shared(&self, policy: &dyn RolloutPolicy, key: &str) -> Result<()> {
        let state = self.shared(key)?.map(|(_, state)| state);
        // What this one has learnt already is shared when that is due.
        policy.reconcile(state.as_ref()).map(drop)
    }

    /// Takes over what replicas have shared, and shares what `policy` has learnt beside it. Each outcome arrives once: a change whose
    /// answer was lost is repeated with its request until it is known whether it was carried out.
    pub(super) fn exchange(
        &self,
        policy: &dyn RolloutPolicy,
        sharing: &mut Sharing,
        change: &Change,
    ) -> Result<()> {
        let Some(key) = Self::shared_key(policy) else { return Ok(()) };
        if let Some(offer) = sharing.unanswered.clone() {
            self.offer(policy, sharing, &key, offer)?;
        }
        let mut without = false;
        for _ in 0..MOST_RACES {
            let (before, state) = self.shared(&key)?.unzip();
            let Some(state) = policy.reconcile(state.as_ref())? else { return Ok(()) };
            let kept = Kept::new(change.at, state);
            let text = serde_json::to_string(&kept)
                .map_err(|cause| Error::internal(SHARE, key.as_str(), cause.to_string()))?;
            let request = match before {
                Some(before) => request(&key, &before)?,
                // Somebody has removed the tag since it was written first: that request is used up.
                None if without => request(&key, &format!("removed before {}", kept.at))?,
                None => request(&key, "")?,
            };
            without = true;
            if self.offer(
                policy,
                sharing,
                &key,
                Offer { text, change: change.clone().with_request(request) },
            )? {
                return Ok(());
            }
        }
        Err(Error::conflict(SHARE, key, "other replicas share theirs all the time"))
    }

    /// Writes a state; whether it arrived. Where that is not known it is offered again.
    fn offer(
        &self,
        policy: &dyn RolloutPolicy,
        sharing: &mut Sharing,
        key: &str,
        offer: Offer,
    ) -> Result<bool> {
        let written = self.registry.set_model_tag(&self.model, key, &offer.text, &offer.change);
        match written {
            Ok(_) => {
                sharing.unanswered = None;
                policy.reconciled();
                Ok(true)
            }
            // The request was that of another replica.
            Err(Error::AlreadyExists(_)) => {
                sharing.unanswered = None;
                Ok(false)
            }
            Err(error) => {
                if matches!(error, Error::OutcomeUnknown(_)) {
                    sharing.unanswered = Some(offer);
                }
                Err(error)
            }
        }
    }

    /// What replicas share, with the text that it lies in.
    fn shared(&self, key: &str) -> Result<Option<(String, PolicyState)>> {
        let Some(text) = self.registry.model(&self.model)?.tags.remove(key) else { return Ok(None) };
        let kept: Kept = serde_json::from_str(&text).map_err(|cause| {
            Error::corrupt(SHARE, format!("tag {key} of {}", self.model), cause.to_string())
                .remedy("remove the tag, and the replicas share what they know anew")
        })?;
        Ok(Some((text, kept.state)))
    }
}

const SHARE: &str = "share policy";
/// Each replica shares once in an interval, and few of them meet.
const MOST_RACES: usize = 8;

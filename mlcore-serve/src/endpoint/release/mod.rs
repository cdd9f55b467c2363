//! What the policy decides, carried out: in the registry first, then here.

mod event;
mod holding;
mod loader;
mod model;
mod resolve;

use std::sync::{Arc, MutexGuard, TryLockError};

use mlcore::name::{Alias, Arm, Version};
use mlcore::registry::{Change, Expected, RegistryExt};
use mlcore::rollout::{Decision, RolloutPolicy};
use mlcore::{Error, Result, interrupt};

pub use self::event::{Event, EventKind};
pub(crate) use self::holding::Holding;
pub use self::loader::ModelLoader;
#[cfg(feature = "ort")]
pub use self::loader::OnnxLoader;
pub use self::model::LoadedModel;
pub(crate) use self::resolve::{ArmAlias, Resolver};
use super::Endpoint;
use super::decide::Deployment;

/// Held while a deployment is replaced.
type Releasing<'a> = MutexGuard<'a, Holding>;

/// What a decision that ends a trial is about: the arm, its version, the version of everybody else, and the alias that is
/// retired.
struct Trial<'a> {
    arm: &'a Arm,
    champion: Version,
    canary: Version,
    alias: &'a Alias,
}

impl Endpoint {
    /// Serves what the aliases mean now, under `policy`; under that which there is now where none is given.
    pub(super) fn deploy(&self, policy: Option<Arc<dyn RolloutPolicy>>) -> Result<Vec<Event>> {
        if let Some(policy) = &policy {
            self.inner.resolver.check(&**policy)?;
        }
        let mut releasing = interrupt::lock("release", &self.inner.releasing)?;
        releasing.end();
        let policy = policy.unwrap_or_else(|| self.inner.deployment.load().policy.clone());
        self.replace(&releasing, policy)
    }

    /// Asks the policy what it wants, and does it. The policy assigns accordingly already, so that requests need not wait
    /// for this.
    ///
    /// While another thread replaces the deployment nothing is asked: its policy may be gone in a moment, and the next call
    /// asks whichever there is then.
    pub(super) fn follow_policy(&self) -> Vec<Event> {
        // Not waited for: who holds it may be loading a model for minutes, and outcomes must be joined meanwhile.
        let mut releasing = match self.inner.releasing.try_lock() {
            Ok(releasing) => releasing,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Vec::new(),
        };
        let now = self.inner.deployment.load_full();
        let elapsed = self.inner.clock.elapsed();
        let decision = now.policy.decide(elapsed);
        let Decision::Hold { reason, .. } = &decision else {
            releasing.end();
            return self.carry_out(&releasing, &now, &decision);
        };
        let lacking = self.inner.resolver.lacking(&now);
        let news = releasing.news(elapsed, lacking, reason);
        news.map(|reason| self.event(EventKind::Held { reason })).into_iter().collect()
    }

    /// Replaces the deployment by what the aliases mean now. Who calls this holds `releasing`.
    fn replace(&self, _releasing: &Releasing<'_>, policy: Arc<dyn RolloutPolicy>) -> Result<Vec<Event>> {
        let before = self.inner.deployment.load_full();
        let arms = self.inner.resolver.resolve(before.arms())?;
        let after = Arc::new(Deployment::new(arms, policy, &before.columns, self.inner.tally.clone())?);
        // From here on requests are decided by the new deployment. Those that were decided before keep the old one alive, so
        // that none is answered by a mixture, and its versions leave memory with the last of them.
        self.inner.deployment.store(after.clone());
        self.inner.shadows.follow(&before, &after);
        Ok(self.differences(&before, &after))
    }

    fn carry_out(&self, releasing: &Releasing<'_>, now: &Deployment, decision: &Decision) -> Vec<Event> {
        let (operation, done) = match decision {
            Decision::Hold { .. } => return Vec::new(),
            Decision::Step { arm, share, reason, .. } => {
                let (share, reason) = (*share, reason.clone());
                let version = now.arm(arm).map(|model| model.version().version);
                let kind =
                    version.map(|version| EventKind::Stepped { arm: arm.clone(), version, share, reason });
                return Vec::from_iter(kind.map(|kind| self.event(kind)));
            }
            Decision::Promote { arm, reason, .. } => {
                ("promote", self.trial(now, arm).and_then(|trial| self.promote(&trial, reason)))
            }
            Decision::RollBack { arm, reason, .. } => {
                ("roll back", self.trial(now, arm).and_then(|trial| self.roll_back(&trial, reason)))
            }
            _ => return Vec::new(),
        };
        // The registry first: where it cannot, nothing has changed here, and the next call decides anew.
        let carried_out = done.and_then(|kind| {
            let mut events = vec![self.event(kind)];
            events.extend(self.succeed(releasing, now, decision)?);
            Ok(events)
        });
        carried_out.unwrap_or_else(|error| {
            vec![self.event(EventKind::Failed { operation: operation.into(), error: error.to_string() })]
        })
    }

    fn promote(&self, trial: &Trial<'_>, reason: &str) -> Result<EventKind> {
        let Trial { arm, champion: from, canary: to, alias } = *trial;
        let resolver = &self.inner.resolver;
        let expected = Expected::Version(from);
        let (model, champion) = (&resolver.model, &resolver.default_arm.alias);
        resolver.registry.promote_trial(model, to, champion, expected, alias, &self.change(reason))?;
        Ok(EventKind::Promoted { arm: arm.clone(), from, to, reason: reason.to_owned() })
    }

    fn roll_back(&self, trial: &Trial<'_>, reason: &str) -> Result<EventKind> {
        let Trial { arm, champion: to, canary: version, alias } = *trial;
        let resolver = &self.inner.resolver;
        resolver.registry.withdraw(&resolver.model, version, alias, &self.change(reason))?;
        Ok(EventKind::RolledBack { arm: arm.clone(), version, to, reason: reason.to_owned() })
    }

    /// Serves what the aliases mean after `done`, under the policy that its policy hands over to.
    fn succeed(&self, releasing: &Releasing<'_>, now: &Deployment, done: &Decision) -> Result<Vec<Event>> {
        let successor = now.policy.settled(done, &now.candidates);
        self.replace(releasing, successor.unwrap_or_else(|| now.policy.clone()))
    }

    /// The trial of `arm`, if it answers now.
    fn trial<'a>(&'a self, now: &Deployment, arm: &'a Arm) -> Result<Trial<'a>> {
        let resolver = &self.inner.resolver;
        let tried = now.arm(arm).and_then(|canary| Some((canary, &resolver.arm(arm)?.alias)));
        let (canary, alias) = tried.ok_or_else(|| {
            let problem = format!("the arm {arm} does not answer");
            Error::conflict("carry out decision", resolver.model.as_str(), problem)
                .remedy("set the alias of the arm again, or set another policy")
        })?;
        let version = |model: &LoadedModel| model.version().version;
        Ok(Trial { arm, champion: version(&now.at(0).1), canary: version(canary), alias })
    }

    fn change(&self, reason: &str) -> Change {
        Change::new(self.inner.actor.clone(), self.inner.clock.now()).with_reason(reason)
    }

    fn differences(&self, before: &Deployment, after: &Deployment) -> Vec<Event> {
        let changed = |a: &Deployment, arm: &Arm, model: &Arc<LoadedModel>| {
            a.arm(arm).is_none_or(|other| other.version().version != model.version().version)
        };
        let version = |model: &Arc<LoadedModel>| model.version().version;
        let gone = before.arms().iter().filter(|(arm, _)| after.arm(arm).is_none());
        let new = after.arms().iter().filter(|(arm, model)| changed(before, arm, model));
        let withdrawn =
            gone.map(|(arm, model)| EventKind::Withdrawn { arm: arm.clone(), version: version(model) });
        let deployed =
            new.map(|(arm, model)| EventKind::Deployed { arm: arm.clone(), version: version(model) });
        withdrawn.chain(deployed).map(|kind| self.event(kind)).collect()
    }
}

//! What the policy decides, carried out: in the registry first, then here.

mod attempts;
mod durable;
mod event;
mod evidence;
mod guarded;
mod holding;
mod loader;
mod model;
mod resolve;
mod sharing;
mod snapshot;

use std::sync::{Arc, MutexGuard, TryLockError};
use std::time::Duration;

use mlcore::name::{Alias, Arm, Version};
use mlcore::registry::{Change, Expected, RegistryExt};
use mlcore::rollout::{Decision, RolloutPolicy};
use mlcore::{Error, Result, interrupt};

use self::attempts::Attempts;
pub use self::event::{Event, EventKind};
use self::evidence::EvidenceProgress;
pub(crate) use self::evidence::KeptEvidence;
pub(crate) use self::guarded::words_of;
use self::holding::Holding;
pub use self::loader::ModelLoader;
#[cfg(feature = "ort")]
pub use self::loader::OnnxLoader;
pub use self::model::LoadedModel;
pub(crate) use self::resolve::{ArmAlias, Resolved, Resolver};
use self::sharing::Sharing;
pub(crate) use self::snapshot::Snapshot;
use super::Endpoint;
use super::decide::Deployment;

/// How far a release has come, beside what the policy knows. Held while a deployment is replaced.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    holding: Holding,
    /// What the policy decided and could not be carried out.
    carrying: Attempts,
    /// The operation and the arm that `carrying` is about.
    carried: Option<(&'static str, Arm)>,
    /// The aliases, where they could not be read or what they mean not be loaded.
    following: Attempts,
    /// When the aliases were looked at last, by the endpoint's clock.
    looked: Option<Duration>,
    /// The place of the policy as it is kept in the registry.
    kept: Option<String>,
    /// The reason of a step that is still to be kept.
    to_keep: Option<String>,
    keeping: Attempts,
    evidence: EvidenceProgress,
    /// How far the exchange with replicas has come, of a policy that shares what it learns.
    sharing: Sharing,
}

impl Progress {
    /// Of an endpoint that has looked at the aliases at `now`.
    pub(crate) fn since(now: Duration, kept: Option<String>) -> Self {
        Self { looked: Some(now), kept, ..Self::default() }
    }
}

type Releasing<'a> = MutexGuard<'a, Progress>;

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
        let before = self.inner.deployment.load_full();
        let kept = releasing.kept.take();
        let sharing = std::mem::take(&mut releasing.sharing);
        *releasing = Progress { sharing, ..Progress::since(self.inner.clock.elapsed(), kept) };
        match policy {
            Some(policy) => {
                // The last words of the one before. Where they cannot be shared, what it has learnt since the last time is lost.
                if !Arc::ptr_eq(&policy, &before.policy) {
                    drop(self.exchange(&mut releasing, &*before.policy));
                    releasing.sharing = Sharing::default();
                }
                let found = self.inner.resolver.resolve(before.arms(), &*policy)?;
                if let Some((_, error)) = found.unfit {
                    return Err(error);
                }
                releasing.kept = self.inner.resolver.adopt(&*policy, None)?;
                self.install(&releasing, found, policy)
            }
            None => {
                let found = self.inner.resolver.resolve(before.arms(), &*before.policy)?;
                self.follow(&mut releasing, found, None)
            }
        }
    }

    /// Looks whether somebody else has moved an alias, where that is due, and serves what they mean now.
    ///
    /// What is new is loaded before anything is locked: outcomes are joined and decisions carried out meanwhile, by another
    /// thread.
    pub(super) fn follow_aliases(&self) -> Vec<Event> {
        let Some(interval) = self.inner.follow_interval else { return Vec::new() };
        let now = self.inner.clock.elapsed();
        let before = {
            let Some(mut releasing) = self.try_releasing() else { return Vec::new() };
            let is_due = releasing.looked.is_none_or(|looked| now.saturating_sub(looked) >= interval);
            if !is_due || !releasing.following.is_due(now) {
                return Vec::new();
            }
            releasing.looked = Some(now);
            self.inner.deployment.load_full()
        };
        let resolver = &self.inner.resolver;
        let ready = resolver.have_moved(&before).and_then(|moved| match moved {
            true => resolver.resolve(before.arms(), &*before.policy).map(Some),
            false => Ok(None),
        });
        let Some(mut releasing) = self.try_releasing() else { return Vec::new() };
        // Another replica's step is this one's, so that a unit gets the same arm from both.
        let ready = ready.and_then(|ready| {
            if let Some(known) = releasing.kept.clone().or_else(|| before.has_trial().then(String::new)) {
                releasing.kept = resolver.adopt(&*before.policy, Some(&known))?;
            }
            Ok(ready)
        });
        let followed = ready.and_then(|ready| match ready {
            None => Ok(Vec::new()),
            Some(ready) => self.follow_again(&mut releasing, &ready.arms, None),
        });
        match followed {
            Ok(events) => {
                releasing.following.end();
                events
            }
            Err(error) => {
                let news = releasing.following.fail(self.inner.clock.elapsed(), error.to_string());
                let failed = |error| EventKind::Failed { operation: "follow aliases".into(), error };
                news.map(|error| self.event(failed(error))).into_iter().collect()
            }
        }
    }

    /// Not waited for: who holds it may be loading a model for minutes, and outcomes must be joined meanwhile.
    fn try_releasing(&self) -> Option<Releasing<'_>> {
        match self.inner.releasing.try_lock() {
            Ok(releasing) => Some(releasing),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Asks the policy what it wants, and does it. The policy assigns accordingly already, so that requests need not wait
    /// for this.
    ///
    /// While another thread replaces the deployment nothing is asked: its policy may be gone in a moment, and the next call
    /// asks whichever there is then.
    pub(super) fn follow_policy(&self) -> Vec<Event> {
        let Some(mut releasing) = self.try_releasing() else { return Vec::new() };
        let now = self.inner.deployment.load_full();
        let elapsed = self.inner.clock.elapsed();
        now.policy.tell_time(self.inner.clock.now());
        let decision = now.policy.decide(elapsed);
        if let Decision::Step { reason, .. } = &decision {
            releasing.to_keep = Some(reason.clone());
        }
        let failed = self.keep(&mut releasing, &now).or_else(|| self.share(&mut releasing, &now));
        let failed = failed.into_iter().chain(self.keep_evidence(&mut releasing, &now));
        let Decision::Hold { reason, .. } = &decision else {
            releasing.holding.end();
            let mut events = self.carry_out(&mut releasing, &now, &decision);
            events.extend(failed);
            return events;
        };
        releasing.carrying.end();
        let lacking = self.inner.resolver.lacking(&now);
        let news = releasing.holding.news(elapsed, lacking, reason);
        let held = news.map(|reason| self.event(EventKind::Held { reason }));
        held.into_iter().chain(failed).collect()
    }

    /// Keeps a step in the registry, where one is still to be kept. The step itself is taken already.
    fn keep(&self, releasing: &mut Releasing<'_>, now: &Deployment) -> Option<Event> {
        let reason = releasing.to_keep.clone()?;
        let elapsed = self.inner.clock.elapsed();
        if !releasing.keeping.is_due(elapsed) {
            return None;
        }
        let known = releasing.kept.clone();
        match self.inner.resolver.keep(&*now.policy, known, &self.change(&reason)) {
            Ok(kept) => {
                (releasing.kept, releasing.to_keep) = (kept, None);
                releasing.keeping.end();
                releasing.evidence.stepped();
                self.write_snapshot(now)
            }
            Err(error) => {
                let error = releasing.keeping.fail(elapsed, error.to_string())?;
                Some(self.event(EventKind::Failed { operation: "keep step".into(), error }))
            }
        }
    }

    /// Forgets the step of a trial that is over. Where that fails, the next trial finds it, and that it is about other versions.
    fn forget(&self, releasing: &mut Releasing<'_>, policy: &dyn RolloutPolicy, reason: &str) {
        releasing.to_keep = None;
        if releasing.kept.take().is_some() {
            drop(self.inner.resolver.forget(policy, &self.change(reason)));
        }
        releasing.evidence = EvidenceProgress::default();
        if let Some(evidence) = &self.inner.evidence {
            drop(self.inner.resolver.forget_evidence(policy, evidence, &self.change(reason)));
        }
    }

    /// Writes the snapshot, where one is wanted; an event where that fails.
    fn write_snapshot(&self, deployment: &Deployment) -> Option<Event> {
        let written = self.inner.snapshot.as_ref()?.write(&self.inner.resolver.model, deployment);
        let error = written.err()?.to_string();
        Some(self.event(EventKind::Failed { operation: "write snapshot".into(), error }))
    }

    /// Reads the aliases again and serves what they mean now; `ready` are versions that are loaded already.
    fn follow_again(
        &self,
        releasing: &mut Releasing<'_>,
        ready: &[(Arm, Arc<LoadedModel>)],
        wanted: Option<&Decision>,
    ) -> Result<Vec<Event>> {
        let now = self.inner.deployment.load_full();
        let known: Vec<_> = now.arms().iter().chain(ready).cloned().collect();
        let found = self.inner.resolver.resolve(&known, &*now.policy)?;
        self.follow(releasing, found, wanted)
    }

    /// Serves what the aliases were `found` to mean, moved by somebody else. A trial that is over for that is ended: every
    /// endpoint of a registry comes to serve the same, whichever of them decided. `wanted` is what this one would have done.
    fn follow(
        &self,
        releasing: &mut Releasing<'_>,
        found: Resolved,
        wanted: Option<&Decision>,
    ) -> Result<Vec<Event>> {
        let now = self.inner.deployment.load_full();
        let mut policy = now.policy.clone();
        let mut events = Vec::new();
        for arm in now.policy.requirements().trials {
            let Some((ended, reason)) = self.ended(&now, &found, &arm)? else { continue };
            let reason = match wanted.filter(|wanted| wanted.arm() == Some(&arm)) {
                Some(wanted) => format!("{reason}; here it was to be {}", what_was_wanted(wanted)),
                None => reason,
            };
            let version = now.arm(&arm).map(|model| model.version().version);
            let successor = now.policy.settled(&ended, &now.candidates);
            self.forget(releasing, &*now.policy, &reason);
            events.push(self.event(EventKind::TrialEnded { arm, version, reason }));
            if let Some(successor) = successor {
                policy = successor;
                releasing.sharing = Sharing::default();
                break;
            }
        }
        let unchanged = events.is_empty() && now.serves_exactly(&found);
        if !unchanged {
            events.extend(self.install(releasing, found, policy)?);
        }
        Ok(events)
    }

    /// Whether the trial of `arm` is over by what the aliases were `found` to mean: as which decision, and why.
    fn ended(&self, now: &Deployment, found: &Resolved, arm: &Arm) -> Result<Option<(Decision, String)>> {
        let resolver = &self.inner.resolver;
        let (Some(tried), Some(own)) = (now.arm(arm), resolver.arm(arm)) else { return Ok(None) };
        let tried = tried.version().version;
        let champion =
            |arms: &[(Arm, Arc<LoadedModel>)]| arms.first().map(|(_, model)| model.version().version);
        let (before, after) = (champion(now.arms()), champion(&found.arms));
        let (model, default) = (&resolver.model, &resolver.default_arm.alias);
        if after == Some(tried) && before != after {
            let reason = format!("{model}@{default} means version {tried} now");
            return Ok(Some((Decision::promote(arm.clone(), &reason), reason)));
        }
        let is_gone = found.arms.iter().all(|(other, _)| other != arm)
            && resolver.registry.alias(model, &own.alias)?.is_none();
        let reason = format!("{model}@{} is not set any more", own.alias);
        Ok(is_gone.then(|| (Decision::roll_back(arm.clone(), &reason), reason)))
    }

    /// Replaces the deployment. Who calls this holds `releasing`.
    fn install(
        &self,
        _releasing: &Releasing<'_>,
        found: Resolved,
        policy: Arc<dyn RolloutPolicy>,
    ) -> Result<Vec<Event>> {
        let before = self.inner.deployment.load_full();
        let after = Arc::new(Deployment::new(
            found,
            policy,
            &before.columns,
            self.inner.tally.clone(),
            &self.inner.preparation,
        )?);
        // Before it assigns anybody to the new versions: what was decided about others must not hold for them.
        let renewed = after.policy.follow(&after.candidates);
        // From here on requests are decided by the new deployment. Those that were decided before keep the old one alive, so
        // that none is answered by a mixture, and its versions leave memory with the last of them.
        self.inner.deployment.store(after.clone());
        self.inner.shadows.follow(&before, &after);
        let mut events = self.differences(&before, &after);
        events.extend(renewed.map(|reason| self.event(EventKind::Renewed { reason })));
        events.extend(self.write_snapshot(&after));
        Ok(events)
    }

    fn carry_out(&self, releasing: &mut Releasing<'_>, now: &Deployment, decision: &Decision) -> Vec<Event> {
        let (operation, arm) = match decision {
            Decision::Hold { .. } => return Vec::new(),
            Decision::Step { arm, share, reason, .. } => {
                let (share, reason) = (*share, reason.clone());
                let version = now.arm(arm).map(|model| model.version().version);
                let kind =
                    version.map(|version| EventKind::Stepped { arm: arm.clone(), version, share, reason });
                return Vec::from_iter(kind.map(|kind| self.event(kind)));
            }
            Decision::Promote { arm, .. } => ("promote", arm),
            Decision::RollBack { arm, .. } => ("roll back", arm),
            _ => return Vec::new(),
        };
        if releasing.carried.as_ref().is_none_or(|(last, of)| *last != operation || of != arm) {
            releasing.carrying.end();
            releasing.carried = Some((operation, arm.clone()));
        }
        if !releasing.carrying.is_due(self.inner.clock.elapsed()) {
            return Vec::new();
        }
        // The registry first: where it cannot, nothing has changed here, and a later call decides anew.
        match self.conclude(releasing, now, decision) {
            Ok(events) => {
                releasing.carrying.end();
                events
            }
            Err(error) => self.not_carried_out(releasing, operation, decision, &error),
        }
    }

    /// Ends the trial that `decision` is about, in the registry and then here.
    fn conclude(
        &self,
        releasing: &mut Releasing<'_>,
        now: &Deployment,
        decision: &Decision,
    ) -> Result<Vec<Event>> {
        let kind = match (decision, self.trial(now, decision)) {
            (Decision::Promote { reason, .. }, Some(trial)) => self.promote(&trial, reason)?,
            (_, Some(trial)) => self.roll_back(&trial, decision.reason())?,
            // There is nothing to promote or to withdraw: its alias was never set, or is gone.
            (_, None) => {
                let Some(arm) = decision.arm().cloned() else { return Ok(Vec::new()) };
                let reason = format!("it does not answer; {}", decision.reason());
                EventKind::TrialEnded { arm, version: None, reason }
            }
        };
        let mut events = vec![self.event(kind)];
        // Serves what the aliases mean after it, under the policy that its policy hands over to.
        let successor = now.policy.settled(decision, &now.candidates).unwrap_or_else(|| now.policy.clone());
        let found = self.inner.resolver.resolve(now.arms(), &*successor)?;
        if !Arc::ptr_eq(&successor, &now.policy) {
            releasing.sharing = Sharing::default();
        }
        events.extend(self.install(releasing, found, successor)?);
        self.forget(releasing, &*now.policy, decision.reason());
        Ok(events)
    }

    /// What follows from an error: where somebody else has moved an alias meanwhile, that is followed and decided about anew.
    fn not_carried_out(
        &self,
        releasing: &mut Releasing<'_>,
        operation: &'static str,
        decision: &Decision,
        error: &Error,
    ) -> Vec<Event> {
        if matches!(error, Error::Conflict(_) | Error::NotFound(_))
            && let Ok(events) = self.follow_again(releasing, &[], Some(decision))
            && !events.is_empty()
        {
            releasing.carrying.end();
            return events;
        }
        let news = releasing.carrying.fail(self.inner.clock.elapsed(), error.to_string());
        let failed = |error| EventKind::Failed { operation: operation.into(), error };
        news.map(|error| self.event(failed(error))).into_iter().collect()
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

    /// The trial that `decision` ends, if its arm answers now.
    fn trial<'a>(&'a self, now: &Deployment, decision: &'a Decision) -> Option<Trial<'a>> {
        let arm = decision.arm()?;
        let alias = &self.inner.resolver.arm(arm)?.alias;
        let version = |model: &LoadedModel| model.version().version;
        Some(Trial { arm, champion: version(&now.at(0).1), canary: version(now.arm(arm)?), alias })
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

/// What would have become of the arm.
fn what_was_wanted(decision: &Decision) -> String {
    let done = match decision {
        Decision::Promote { .. } => "promoted",
        Decision::RollBack { .. } => "rolled back",
        _ => "kept",
    };
    format!("{done}: {}", decision.reason())
}

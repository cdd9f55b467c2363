use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::ContextualRolloutOptions;
use super::knowledge::{Knowledge, Unfit, Written};
use super::ledger::Sums;
use super::published::{NO_EPOCH, epoch, is_about};
use crate::bandit::{Gram, LinearBandit, LinearModels, Memory};
use crate::error::{Error, Result};
use crate::name::Arm;
use crate::rollout::since_asked::SinceAsked;
use crate::rollout::{
    Ask, Assignment, Candidates, Decision, Observation, Outcome, PolicyState, Requirements, RolloutPolicy,
    StateFormat,
};

/// A [bandit with a context](crate::bandit::LinearBandit) as a policy: each request gets the arm that promises the most for its
/// [features](crate::rollout::Context::features), with the probability that the bandit's policy gives it.
///
/// A request without features, with another number of them, or with one that is NaN or beyond 1e50 is answered by the control, the
/// first of the [arms](ContextualRolloutOptions::arms), with a propensity of 1; it teaches nothing, and is
/// [counted](Self::without_context). Probabilities of LinUCB are those of its
/// [floor](crate::bandit::LinearOptions::min_prob) and of the arm, or the arms, with the highest bound; those of linear Thompson are
/// integrated over the posterior for each request, over each pair of arms.
///
/// As a [`BanditRollout`](super::BanditRollout) it publishes what it has learnt when it is asked to decide, gives nothing to arms
/// that are gone or of which a breach is reported, keeps evidence by version and shares it with replicas. It promotes and withdraws
/// nothing: which arm is the best depends on the request. Sums of regressions are rounded, so that replicas agree to some digits.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::bandit::{LinearOptions, LinearPolicy};
/// use mlcore::name::{Arm, UnitId, Version};
/// use mlcore::rollout::{
///     Ask, Candidate, Candidates, Context, ContextualRollout, ContextualRolloutOptions, Draw, Observation, Outcome, RewardRule,
///     RolloutPolicy,
/// };
///
/// let (a, b) = (Arm::new("a")?, Arm::new("b")?);
/// let learner = LinearOptions::new(LinearPolicy::LinUcb { alpha: 0.5 }, 2).with_min_prob(0.05);
/// let options = ContextualRolloutOptions::new("offers", [a.clone(), b.clone()], learner, RewardRule::Answered);
/// let policy = ContextualRollout::new(options)?;
/// let candidates = Candidates::new([a.clone(), b.clone()].map(|arm| Candidate::new(arm, Version::FIRST)))?;
/// policy.follow(&candidates);
///
/// // Each arm is good for one kind of request.
/// let unit = UnitId::new("user-17")?;
/// let kinds = [[1.0, 0.0], [0.0, 1.0]];
/// for number in 0..400_usize {
///     let context = Context::EMPTY.with_features(&kinds[number % 2]);
///     let draw = Draw::new(number as u64).another();
///     let assignment = policy.assign(&Ask::new(&unit, &candidates, draw).with_context(context));
///     let arm = &candidates.at(assignment.position).arm;
///     let is_good = assignment.position == number % 2;
///     let seen = if is_good { Observation::answered(Duration::ZERO) } else { Observation::Failed };
///     policy.observe(&Outcome::new(arm, seen).with_epoch(assignment.epoch).with_context(context));
///     policy.decide(Duration::from_secs(number as u64));
/// }
/// for (position, kind) in kinds.iter().enumerate() {
///     let ask = Ask::new(&unit, &candidates, Draw::new(0)).with_context(Context::EMPTY.with_features(kind));
///     assert!(policy.probability(&ask, position).is_some_and(|probability| (probability - 0.95).abs() < 1e-12));
/// }
/// assert_eq!(policy.probability(&Ask::new(&unit, &candidates, Draw::new(0)), 0), Some(1.0));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct ContextualRollout {
    options: ContextualRolloutOptions,
    /// The hash of the name.
    key: u64,
    learner: Mutex<Learner>,
    published: ArcSwap<Published>,
    ignored: AtomicU64,
    without_context: AtomicU64,
}

/// What requests never wait for.
#[derive(Debug)]
struct Learner {
    knowledge: Knowledge<Gram>,
    since: SinceAsked,
    published_at: Duration,
    /// The outcomes that the published regressions know.
    seen: u64,
}

/// What requests are assigned by.
#[derive(Debug, Default)]
struct Published {
    /// What the regressions were solved from: sums of the arms that may answer.
    grams: BTreeMap<Arm, Gram>,
    /// None where no arm may answer.
    models: Option<LinearModels>,
    /// The lower half of the epochs: alike as long as the regressions are.
    period: u16,
}

/// What is saved beside the options.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    knowledge: Written<Gram>,
    published_at: Duration,
    seen: u64,
    published: BTreeMap<Arm, Gram>,
}

impl Sums for Gram {
    type Written = Self;

    fn written(&self) -> Self {
        self.clone()
    }

    fn merge(&mut self, other: &Self) {
        self.merge(other);
    }

    fn forget(&mut self, _: Memory, _: Duration) -> bool {
        true
    }
}

impl ContextualRollout {
    /// The format in which its state is saved.
    pub const FORMAT: StateFormat = StateFormat::new("contextual_bandit", 1);

    /// A bandit that knows nothing of its arms.
    ///
    /// # Errors
    /// As [`ContextualRolloutOptions::check`].
    pub fn new(options: ContextualRolloutOptions) -> Result<Self> {
        options.check()?;
        let key = xxh3_64(options.name.as_bytes());
        let learner = Learner {
            knowledge: Knowledge::new(Memory::Everything),
            since: SinceAsked::default(),
            published_at: Duration::ZERO,
            seen: 0,
        };
        let policy = Self {
            options,
            key,
            learner: Mutex::new(learner),
            published: ArcSwap::default(),
            ignored: AtomicU64::new(0),
            without_context: AtomicU64::new(0),
        };
        policy.publish(&mut policy.learner());
        Ok(policy)
    }

    /// The policy that `state` was saved by, where it stood.
    ///
    /// # Errors
    /// As [`PolicyState::options`], [`ContextualRollout::new`] and [`restore`](RolloutPolicy::restore).
    pub fn from_state(state: &PolicyState) -> Result<Self> {
        let policy = Self::new(state.options(Self::FORMAT)?)?;
        policy.restore(state)?;
        Ok(policy)
    }

    /// The options that it was built with.
    #[must_use]
    pub fn options(&self) -> &ContextualRolloutOptions {
        &self.options
    }

    /// The rewards that came in, of all versions; those of replicas are among them, as far as they were shared.
    #[must_use]
    pub fn outcomes(&self) -> u64 {
        self.learner().knowledge.outcomes()
    }

    /// The observations that were no evidence: of strange arms, of assignments to other versions than the one that answers or without
    /// a context, and with a reward beyond 1e100.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored.load(Ordering::Relaxed)
    }

    /// The requests that the control answered because they had no context that the bandit takes.
    #[must_use]
    pub fn without_context(&self) -> u64 {
        self.without_context.load(Ordering::Relaxed)
    }

    fn learner(&self) -> MutexGuard<'_, Learner> {
        // A learner is valid between any two of its own statements, so a poisoned lock holds a usable one.
        self.learner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, learner: &mut Learner) {
        let knowledge = &learner.knowledge;
        let active = self.options.arms.iter().filter(|arm| knowledge.is_active(arm));
        let none = || Gram::new(self.options.bandit.features);
        let grams: BTreeMap<Arm, Gram> =
            active.map(|arm| (arm.clone(), knowledge.sums(arm).unwrap_or_else(none))).collect();
        learner.seen = knowledge.outcomes();
        learner.published_at = knowledge.now;
        match self.solved(grams) {
            Ok(published) => self.published.store(Arc::new(published)),
            // What was published before goes on.
            Err(error) => {
                tracing::warn!(bandit = %self.options.name, %error, "no new regressions are published");
            }
        }
    }

    fn solved(&self, grams: BTreeMap<Arm, Gram>) -> Result<Published> {
        if grams.is_empty() {
            return Ok(Published::default());
        }
        let mut hasher = Xxh3::new();
        for (arm, gram) in &grams {
            hasher.update(arm.as_str().as_bytes());
            gram.sums().for_each(|sum| hasher.update(&sum.to_bits().to_le_bytes()));
        }
        let bandit = LinearBandit::of(self.options.bandit, grams.clone(), 0)?;
        let period = (hasher.digest() >> 48) as u16;
        Ok(Published { grams, models: Some(bandit.models().clone()), period })
    }

    /// The probability of each candidate; none where the request has no context that the bandit takes, or no arm of it may answer.
    fn shares(&self, ask: &Ask<'_>, published: &Published) -> Option<Vec<f64>> {
        let models = published.models.as_ref()?;
        let told = models.probabilities(ask.context.features()).ok()?;
        let mut shares = vec![0.0; ask.candidates.as_slice().len()];
        for (arm, probability) in models.arms().zip(told) {
            let own = ask.candidates.position(arm).and_then(|position| shares.get_mut(position));
            own.into_iter().for_each(|share| *share = probability);
        }
        let sum: f64 = shares.iter().sum();
        if sum > 0.0 {
            shares.iter_mut().for_each(|share| *share /= sum);
            return Some(shares);
        }
        // Those that answer have no probability: they share alike.
        let able: Vec<usize> = models.arms().filter_map(|arm| ask.candidates.position(arm)).collect();
        let alike = 1.0 / able.len() as f64;
        able.iter().filter_map(|position| shares.get_mut(*position).map(|share| *share = alike)).count();
        (!able.is_empty()).then_some(shares)
    }

    /// The candidate that answers where there is no context.
    fn control(&self, candidates: &Candidates) -> usize {
        self.options.arms.first().and_then(|control| candidates.position(control)).unwrap_or(0)
    }

    /// Adds a reward; `None` where it is no evidence.
    fn learn(&self, learner: &mut Learner, outcome: &Outcome<'_>, reward: f64) -> Option<()> {
        let Outcome { arm, epoch, context, .. } = *outcome;
        let is_about = |version: &_| is_about(epoch, self.key, *version);
        let is_present = epoch != NO_EPOCH && learner.knowledge.versions.get(arm).is_none_or(is_about);
        if !(is_present && self.options.arms.contains(arm)) {
            return None;
        }
        let features = self.options.bandit.features;
        Gram::check_outcome(features, context.features(), reward).ok()?;
        let subject = learner.knowledge.subject(arm);
        let fresh = &mut learner.knowledge.fresh;
        fresh.sums.entry(subject).or_insert_with(|| Gram::new(features)).add(context.features(), reward);
        fresh.outcomes = fresh.outcomes.saturating_add(1);
        Some(())
    }

    fn check(&self, arm: &Arm, gram: &Gram) -> Result<Gram> {
        match gram.fault(&self.options.bandit) {
            Some(fault) => Err(Error::corrupt("restore policy", format!("arm {arm}"), fault)),
            None => Ok(gram.clone()),
        }
    }

    fn read(&self, written: &Written<Gram>) -> Result<Knowledge<Gram>> {
        let about = (&self.options.arms[..], Memory::Everything);
        Knowledge::read(written, about, |arm, gram| self.check(arm, gram))
    }

    fn saved(&self, learner: &Learner, knowledge: Written<Gram>) -> Result<PolicyState> {
        let published = self.published.load().grams.clone();
        let Learner { published_at, seen, .. } = *learner;
        PolicyState::new(Self::FORMAT, &self.options, &Progress { knowledge, published_at, seen, published })
    }
}

impl RolloutPolicy for ContextualRollout {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        let published = self.published.load();
        let Some(shares) = self.shares(ask, &published) else {
            self.without_context.fetch_add(1, Ordering::Relaxed);
            return Assignment::certain(self.control(ask.candidates)).with_epoch(NO_EPOCH);
        };
        let (position, propensity) = crate::bandit::drawn(shares.into_iter(), ask.draw.unit_interval());
        let epoch = epoch(self.key, ask.candidates.at(position).version, published.period);
        Assignment::certain(position).with_propensity(propensity).with_epoch(epoch)
    }

    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        let share = match self.shares(ask, &self.published.load()) {
            Some(shares) => shares.get(position).copied().unwrap_or(0.0),
            None => f64::from(u8::from(position == self.control(ask.candidates))),
        };
        Some(share)
    }

    fn requirements(&self) -> Requirements {
        Requirements::of_arms(self.options.arms.iter().cloned())
            .with_losses(self.options.reward.needs_losses())
            .with_shared_state(self.options.name.clone())
    }

    fn follow(&self, candidates: &Candidates) -> Option<String> {
        let mut learner = self.learner();
        let before = (learner.knowledge.versions.clone(), learner.knowledge.present.clone());
        let change = learner.knowledge.follow(&self.options.arms, candidates);
        if before != (learner.knowledge.versions.clone(), learner.knowledge.present.clone()) {
            self.publish(&mut learner);
        }
        change
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        let learnt = match (&outcome.observation, self.options.reward.reward(&outcome.observation)) {
            (Observation::Breach { reason }, _) => self.options.arms.contains(outcome.arm).then(|| {
                let mut learner = self.learner();
                let subject = learner.knowledge.subject(outcome.arm);
                let unfit = Unfit { reason: reason.clone(), is_withdrawn: false };
                learner.knowledge.findings.unfit.entry(subject).or_insert(unfit);
                self.publish(&mut learner);
            }),
            (_, Some(reward)) => self.learn(&mut self.learner(), outcome, reward),
            // It earns nothing, or not yet.
            (_, None) => return,
        };
        if learnt.is_none() {
            self.ignored.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn decide(&self, now: Duration) -> Decision {
        let mut learner = self.learner();
        let passed = learner.since.ask(now);
        learner.knowledge.advance(passed);
        let since = learner.knowledge.now.saturating_sub(learner.published_at);
        let new = learner.knowledge.outcomes().saturating_sub(learner.seen) as f64;
        let is_new = new >= (self.options.bandit.refresh * learner.seen as f64).max(1.0);
        if is_new && since >= self.options.publish_interval {
            self.publish(&mut learner);
        }
        let outcomes = learner.knowledge.outcomes();
        Decision::hold(format!("{outcomes} outcomes are known; the best arm depends on the request"))
    }

    fn save(&self) -> Result<PolicyState> {
        let learner = self.learner();
        self.saved(&learner, learner.knowledge.written())
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        let progress: Progress = state.progress(Self::FORMAT, &self.options)?;
        let knowledge = self.read(&progress.knowledge)?;
        if let Some(unknown) = progress.published.keys().find(|arm| !self.options.arms.contains(arm)) {
            let problem = "the policy has no such arm";
            return Err(Error::corrupt("restore policy", format!("arm {unknown}"), problem));
        }
        progress.published.iter().try_for_each(|(arm, gram)| self.check(arm, gram).map(drop))?;
        let published = self.solved(progress.published)?;
        let mut learner = self.learner();
        learner.knowledge.restore(knowledge);
        learner.since = SinceAsked::default();
        (learner.published_at, learner.seen) = (progress.published_at, progress.seen);
        self.published.store(Arc::new(published));
        Ok(())
    }

    /// Sums are rounded: states that are merged in another order may differ in their last digits.
    fn merge(&self, state: &PolicyState) -> Result<()> {
        let progress: Progress = state.progress(Self::FORMAT, &self.options)?;
        let other = self.read(&progress.knowledge)?;
        let mut learner = self.learner();
        if learner.knowledge.merge(&other) {
            self.publish(&mut learner);
        }
        Ok(())
    }

    fn reconcile(&self, shared: Option<&PolicyState>) -> Result<Option<PolicyState>> {
        let other = match shared {
            Some(state) => {
                let progress: Progress = state.progress(Self::FORMAT, &self.options)?;
                Some(self.read(&progress.knowledge)?)
            }
            None => None,
        };
        let mut learner = self.learner();
        let is_shared = other.is_some();
        let written = learner.knowledge.reconcile(other);
        if is_shared {
            self.publish(&mut learner);
        }
        written.map(|written| self.saved(&learner, written)).transpose()
    }

    fn reconciled(&self) {
        self.learner().knowledge.reconciled();
    }
}

#[cfg(test)]
pub(crate) mod tests;

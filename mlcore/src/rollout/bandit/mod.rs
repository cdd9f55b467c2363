//! Bandits that decide who answers: arms by what they have earned, with and without a context.

pub(super) mod contextual;
mod knowledge;
mod ledger;
mod options;
mod published;
mod reward;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

pub use self::contextual::ContextualRollout;
use self::knowledge::{Best, Knowledge, Unfit, Written};
pub use self::options::{AssignBy, BanditRolloutOptions, ContextualRolloutOptions};
use self::published::{NO_EPOCH, Published, is_about};
pub use self::reward::RewardRule;
use super::since_asked::SinceAsked;
use super::{Ask, Assignment, Candidates, Decision, Fixed, Observation, Outcome, PolicyState, bucket};
use super::{Requirements, RolloutPolicy, StateFormat};
use crate::bandit::{ArmStatistics, Bandit, BanditPolicy, Evidence, Memory, TrackAndStop, WrittenBucket};
use crate::error::{Error, Result};
use crate::name::Arm;

/// A [bandit](crate::bandit) as a policy: arms answer by what they have earned, and are learnt of while they answer.
///
/// - **Assignment** reads the probabilities that were published last, and waits for nothing. Arms that do not answer leave their share
///   to the others. [By unit](AssignBy::Unit), a unit keeps its arm until probabilities change, and most units keep theirs then;
///   [by draw](AssignBy::Draw), each request is drawn anew.
/// - **Rewards** follow from observations by a [`RewardRule`], and count with the propensity of their assignment, however late. The
///   policy is not told when that was: for a [memory](crate::bandit::Memory) that fades a reward has the time at which it came in, on a
///   clock of the policy that goes on over restarts, and that replicas set to the latest of theirs.
/// - **Decisions**: `decide` publishes probabilities anew where enough is new. With
///   [`promotes_winner`](BanditRolloutOptions::promotes_winner) it wants the arm promoted that is the best, with the confidence of
///   [`TrackAndStop`](crate::bandit::TrackAndStop); where that is the control, nothing is to be done, and it answers. An arm of which
///   a breach is reported answers nobody; it is rolled back where the bandit promotes.
/// - **Versions**: evidence belongs to the version that answered. Told of another one, the policy begins anew with that arm, in the
///   nursery and with its prior, and with no other. Where an alias goes back to a version of which something is known, that counts.
/// - **Replicas** share a state under the bandit's [name](BanditRolloutOptions::name); sums are exact, so that they agree to the last bit.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::bandit::{BanditOptions, ThompsonBeta};
/// use mlcore::name::{Arm, UnitId, Version};
/// use mlcore::rollout::{
///     Ask, BanditRollout, BanditRolloutOptions, Candidate, Candidates, Draw, Observation, Outcome, RewardRule,
///     RolloutPolicy,
/// };
///
/// let (a, b) = (Arm::new("a")?, Arm::new("b")?);
/// let learner = BanditOptions::new(ThompsonBeta::default()).with_min_prob(0.05);
/// let options = BanditRolloutOptions::new("offers", [a.clone(), b.clone()], learner, RewardRule::Answered);
/// let policy = BanditRollout::new(options)?;
///
/// let arms = [a.clone(), b.clone()].map(|arm| Candidate::new(arm, Version::FIRST));
/// let candidates = Candidates::new(arms)?;
/// policy.follow(&candidates);
/// for number in 0..200 {
///     let unit = UnitId::new(format!("user-{number}"))?;
///     let assignment = policy.assign(&Ask::new(&unit, &candidates, Draw::new(0)));
///     let arm = &candidates.at(assignment.position).arm;
///     let seen = if *arm == a { Observation::Failed } else { Observation::answered(Duration::ZERO) };
///     policy.observe(
///         &Outcome::new(arm, seen).with_epoch(assignment.epoch).with_propensity(assignment.propensity),
///     );
/// }
/// policy.decide(Duration::from_secs(2));
/// policy.decide(Duration::from_secs(4));
/// assert!(policy.probability_of(&b) > 0.9 && policy.probability_of(&a) >= 0.05);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct BanditRollout {
    options: BanditRolloutOptions,
    /// The hash of the name.
    key: u64,
    learner: Mutex<Learner>,
    published: ArcSwap<Published>,
    ignored: AtomicU64,
}

/// What requests never wait for.
#[derive(Debug)]
struct Learner {
    knowledge: Knowledge<Evidence>,
    since: SinceAsked,
    /// When probabilities were computed, by the policy's own time, and how much counted then.
    published_at: Duration,
    known: f64,
    /// The outcomes that came in until then.
    seen: u64,
    told: Option<Candidates>,
}

/// What is saved beside the options.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    knowledge: Written<Vec<WrittenBucket>>,
    published_at: Duration,
    known: f64,
    seen: u64,
    /// The probability of each arm of the options; none of one that may not answer.
    weights: Vec<Option<f64>>,
}

impl BanditRollout {
    /// The format in which its state is saved.
    pub const FORMAT: StateFormat = StateFormat::new("bandit", 1);

    /// A bandit that knows nothing of its arms but what its options believe.
    ///
    /// # Errors
    /// As [`BanditRolloutOptions::check`].
    pub fn new(options: BanditRolloutOptions) -> Result<Self> {
        options.check()?;
        let key = xxh3_64(options.name.as_bytes());
        let published = ArcSwap::from_pointee(Published::new(Vec::new(), key, None));
        let learner = Learner {
            knowledge: Knowledge::new(options.bandit.memory),
            since: SinceAsked::default(),
            published_at: Duration::ZERO,
            known: 0.0,
            seen: 0,
            told: None,
        };
        let policy =
            Self { options, key, learner: Mutex::new(learner), published, ignored: AtomicU64::new(0) };
        policy.publish(&mut policy.learner());
        Ok(policy)
    }

    /// The policy that `state` was saved by, where it stood.
    ///
    /// # Errors
    /// As [`PolicyState::options`], [`BanditRollout::new`] and [`restore`](RolloutPolicy::restore).
    pub fn from_state(state: &PolicyState) -> Result<Self> {
        let policy = Self::new(state.options(Self::FORMAT)?)?;
        policy.restore(state)?;
        Ok(policy)
    }

    /// The options that it was built with.
    #[must_use]
    pub fn options(&self) -> &BanditRolloutOptions {
        &self.options
    }

    /// The probability that was published last, among all arms of the options; 0 of one that may not answer.
    #[must_use]
    pub fn probability_of(&self, arm: &Arm) -> f64 {
        let published = self.published.load();
        let found = published.weights().iter().find(|(own, _)| own == arm);
        found.and_then(|(_, weight)| *weight).unwrap_or(0.0)
    }

    /// What is known of the versions that answer, in the order of the options' arms: evidence, without what was believed before.
    #[must_use]
    pub fn statistics(&self) -> Vec<(Arm, ArmStatistics)> {
        let learner = self.learner();
        let (memory, now) = (self.options.bandit.memory, learner.knowledge.now);
        let of = |arm: &Arm| {
            let evidence = learner.knowledge.sums(arm).unwrap_or_default();
            (arm.clone(), evidence.statistics(memory, now))
        };
        self.options.arms.iter().map(of).collect()
    }

    /// The rewards that came in, of all versions; those of replicas are among them, as far as they were shared.
    #[must_use]
    pub fn outcomes(&self) -> u64 {
        self.learner().knowledge.outcomes()
    }

    /// The observations that were no evidence: of strange arms, of assignments to other versions than the one that answers, with a
    /// propensity that is none, or with a reward that the policy does not take.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored.load(Ordering::Relaxed)
    }

    fn learner(&self) -> MutexGuard<'_, Learner> {
        // A learner is valid between any two of its own statements, so a poisoned lock holds a usable one.
        self.learner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Computes probabilities from all that is known, and publishes them; answers what was computed.
    fn compute(&self, learner: &mut Learner) -> Option<Bandit> {
        let (knowledge, arms) = (&learner.knowledge, self.options.arms.iter());
        let active: Vec<Arm> = arms.filter(|arm| knowledge.is_active(arm)).cloned().collect();
        let (best, is_reopened) = knowledge.best(&active);
        let best = best.filter(|best| active.contains(best));
        let evidence: BTreeMap<Arm, Evidence> =
            active.iter().map(|arm| (arm.clone(), knowledge.sums(arm).unwrap_or_default())).collect();
        let is_reopened = best.is_some() && is_reopened;
        let bandit = (!evidence.is_empty()).then(|| {
            let options = self.options.bandit.clone();
            Bandit::of_evidence(options, evidence, knowledge.now, (best, is_reopened))
        });
        learner.known = bandit.as_ref().map_or(0.0, Bandit::known);
        learner.seen = knowledge.outcomes();
        learner.published_at = knowledge.now;
        let weight = |arm: &Arm| {
            let bandit = bandit.as_ref().filter(|_| active.contains(arm))?;
            Some(bandit.allocation().probability(arm))
        };
        let weights = self.options.arms.iter().map(|arm| (arm.clone(), weight(arm))).collect();
        self.show(learner, weights);
        bandit
    }

    fn show(&self, learner: &Learner, weights: Vec<(Arm, Option<f64>)>) {
        self.published.store(Arc::new(Published::new(weights, self.key, learner.told.as_ref())));
    }

    /// As [`compute`](Self::compute); and the arm that is found to be the best is kept.
    fn publish(&self, learner: &mut Learner) {
        let Some(bandit) = self.compute(learner) else { return };
        let knowledge = &mut learner.knowledge;
        let active: Vec<Arm> = bandit.allocation().arms().to_vec();
        let (before, is_reopened) = knowledge.best(&active);
        match bandit.winner() {
            Some(_) if bandit.is_reopened() => {}
            Some(arm) if before.as_ref() != Some(arm) || is_reopened => {
                let among = active.iter().map(|arm| knowledge.subject(arm)).collect();
                knowledge.findings.best = [Best { arm: arm.clone(), among }].into();
            }
            Some(_) => {}
            // It was looked for anew, and is not found yet.
            None if is_reopened && before.is_some_and(|before| active.contains(&before)) => {
                knowledge.findings.best.clear();
            }
            None => {}
        }
    }

    /// Whether so much is new that probabilities are computed anew.
    fn is_due(&self, learner: &Learner) -> bool {
        let passed = learner.knowledge.now.saturating_sub(learner.published_at);
        if passed < self.options.publish_interval {
            return false;
        }
        let new = learner.knowledge.outcomes().saturating_sub(learner.seen) as f64;
        let fades = match self.options.bandit.memory {
            Memory::Everything => false,
            Memory::HalfLife { .. } | Memory::Window { .. } => passed > Duration::ZERO && learner.known > 0.0,
        };
        fades || new >= (self.options.bandit.refresh * learner.known).max(1.0)
    }

    /// Adds a reward; `None` where it is no evidence.
    fn learn(&self, learner: &mut Learner, outcome: &Outcome<'_>, reward: f64) -> Option<()> {
        let Outcome { arm, propensity, epoch, .. } = *outcome;
        let is_arm = self.options.arms.contains(arm);
        let is_about = |version: &_| is_about(epoch, self.key, *version);
        let is_present = epoch != NO_EPOCH && learner.knowledge.versions.get(arm).is_none_or(is_about);
        if !(is_arm && is_present && (LEAST_PROPENSITY..=1.0).contains(&propensity)) {
            return None;
        }
        self.options.bandit.check_reward(arm, reward).ok()?;
        let (memory, now) = (self.options.bandit.memory, learner.knowledge.now);
        let subject = learner.knowledge.subject(arm);
        let fresh = &mut learner.knowledge.fresh;
        fresh.sums.entry(subject).or_default().add(memory, now, now, reward, propensity);
        fresh.outcomes = fresh.outcomes.saturating_add(1);
        Some(())
    }

    fn read(&self, written: &Written<Vec<WrittenBucket>>) -> Result<Knowledge<Evidence>> {
        let (memory, now) = (self.options.bandit.memory, written.now());
        Knowledge::read(written, (&self.options.arms, memory), |arm, buckets: &Vec<WrittenBucket>| {
            let corrupt = |problem: &str| Error::corrupt("restore policy", format!("arm {arm}"), problem);
            let evidence = Evidence::read(buckets, memory, arm.as_str())?;
            if evidence.newest().is_some_and(|newest| newest > memory.bucket(now)) {
                return Err(corrupt("it has outcomes of the future"));
            }
            if !self.options.bandit.policy.support().holds_mean(&evidence.statistics(memory, now)) {
                return Err(corrupt("its rewards are none that the policy takes"));
            }
            Ok(evidence)
        })
    }

    fn saved(&self, learner: &Learner, knowledge: Written<Vec<WrittenBucket>>) -> Result<PolicyState> {
        let published = self.published.load();
        let weight = |arm: &Arm| {
            published.weights().iter().find(|(own, _)| own == arm).and_then(|(_, weight)| *weight)
        };
        let weights = self.options.arms.iter().map(weight).collect();
        let Learner { published_at, known, seen, .. } = *learner;
        PolicyState::new(
            Self::FORMAT,
            &self.options,
            &Progress { knowledge, published_at, known, seen, weights },
        )
    }

    fn trials(&self) -> &[Arm] {
        if self.options.promotes_winner { self.options.arms.get(1..).unwrap_or_default() } else { &[] }
    }

    /// What the policy wants done, by what was found.
    fn wanted(&self, knowledge: &Knowledge<Evidence>) -> Decision {
        let unfit = |arm: &Arm| knowledge.findings.unfit.get(&knowledge.subject(arm));
        for arm in self.trials() {
            if let Some(Unfit { reason, is_withdrawn: false }) = unfit(arm) {
                return Decision::roll_back(arm.clone(), reason);
            }
        }
        let active: Vec<Arm> =
            self.options.arms.iter().filter(|arm| knowledge.is_active(arm)).cloned().collect();
        // Of the other policies none finds a best arm.
        let BanditPolicy::TrackAndStop(TrackAndStop { delta, .. }) = self.options.bandit.policy else {
            return Decision::hold(self.standing(knowledge));
        };
        if let (Some(best), false) = knowledge.best(&active) {
            let compared = knowledge.findings.best.iter().find(|found| found.arm == best);
            let arms = compared.map_or(self.options.arms.len(), |found| found.among.len());
            let confidence = 100.0 * (1.0 - delta);
            let found = format!("{best} is the best of {arms} arms, with a confidence of {confidence} %");
            if self.trials().contains(&best) && knowledge.is_fit(&best) {
                return Decision::promote(best, found);
            }
            return Decision::hold(format!("{found}; nothing is to be promoted"));
        }
        Decision::hold(self.standing(knowledge))
    }

    /// How requests are shared out, in words.
    fn standing(&self, knowledge: &Knowledge<Evidence>) -> String {
        let published = self.published.load();
        let shares = published.weights().iter().filter_map(|(arm, weight)| Some((arm, (*weight)?)));
        let most = shares.max_by(|(_, one), (_, other)| one.total_cmp(other));
        let most = most.map_or_else(
            || "no arm of it may answer".to_owned(),
            |(arm, share)| format!("{arm} answers most often, {:.1} % of the requests", 100.0 * share),
        );
        format!("{} outcomes are known; {most}", knowledge.outcomes())
    }
}

impl RolloutPolicy for BanditRollout {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        let place = match self.options.assign_by {
            AssignBy::Unit => bucket(&self.options.name, ask.unit),
            AssignBy::Draw => ask.draw.unit_interval(),
        };
        self.published.load().assign(ask.candidates, place)
    }

    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        Some(self.published.load().probability(ask.candidates, position))
    }

    fn requirements(&self) -> Requirements {
        let learner = self.learner();
        let is_withdrawn = |arm: &&Arm| {
            let subject = learner.knowledge.subject(arm);
            learner.knowledge.findings.unfit.get(&subject).is_some_and(|unfit| unfit.is_withdrawn)
        };
        let arms = self.options.arms.iter().filter(|arm| !is_withdrawn(arm));
        let mut requirements = Requirements::of_arms(arms.cloned())
            .with_losses(self.options.reward.needs_losses())
            .with_shared_state(self.options.name.clone());
        requirements.trials = self.trials().to_vec();
        requirements
    }

    fn follow(&self, candidates: &Candidates) -> Option<String> {
        let mut learner = self.learner();
        let is_known = learner.told.as_ref() == Some(candidates);
        let change = learner.knowledge.follow(&self.options.arms, candidates);
        if !is_known {
            learner.told = Some(candidates.clone());
            self.publish(&mut learner);
        }
        change
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        let learnt = match (&outcome.observation, self.options.reward.reward(&outcome.observation)) {
            (Observation::Breach { reason }, _) => {
                let mut learner = self.learner();
                self.options.arms.contains(outcome.arm).then(|| {
                    let subject = learner.knowledge.subject(outcome.arm);
                    let unfit = Unfit { reason: reason.clone(), is_withdrawn: false };
                    learner.knowledge.findings.unfit.entry(subject).or_insert(unfit);
                    self.publish(&mut learner);
                })
            }
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
        if self.is_due(&learner) {
            self.publish(&mut learner);
        }
        self.wanted(&learner.knowledge)
    }

    fn settled(&self, done: &Decision, candidates: &Candidates) -> Option<Arc<dyn RolloutPolicy>> {
        if let Decision::RollBack { arm, .. } = done {
            let mut learner = self.learner();
            let subject = learner.knowledge.subject(arm);
            if let Some(unfit) = learner.knowledge.findings.unfit.get_mut(&subject) {
                unfit.is_withdrawn = true;
            } else {
                let unfit = Unfit { reason: done.reason().to_owned(), is_withdrawn: true };
                learner.knowledge.findings.unfit.insert(subject, unfit);
            }
            self.publish(&mut learner);
            let is_left = |arm: &Arm| {
                let subject = learner.knowledge.subject(arm);
                learner.knowledge.findings.unfit.get(&subject).is_none_or(|unfit| !unfit.is_withdrawn)
            };
            if self.trials().iter().any(is_left) {
                return None;
            }
        }
        Some(Arc::new(Fixed::new(candidates.at(0).arm.clone())))
    }

    fn save(&self) -> Result<PolicyState> {
        let learner = self.learner();
        self.saved(&learner, learner.knowledge.written())
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        let progress: Progress = state.progress(Self::FORMAT, &self.options)?;
        let knowledge = self.read(&progress.knowledge)?;
        let Progress { published_at, known, seen, weights, .. } = progress;
        let sum: f64 = weights.iter().flatten().sum();
        let is_share = |weight: &f64| (0.0..=1.0).contains(weight);
        let is_whole = (sum - 1.0).abs() < 1e-9 || weights.iter().all(Option::is_none);
        if weights.len() != self.options.arms.len() || !weights.iter().flatten().all(is_share) || !is_whole {
            let problem = "they are none, or their sum is not 1";
            return Err(Error::corrupt("restore policy", "probabilities of a bandit", problem));
        }
        let mut learner = self.learner();
        learner.knowledge.restore(knowledge);
        learner.since = SinceAsked::default();
        (learner.published_at, learner.known, learner.seen) = (published_at, known, seen);
        self.show(&learner, self.options.arms.iter().cloned().zip(weights).collect());
        Ok(())
    }

    fn merge(&self, state: &PolicyState) -> Result<()> {
        let progress: Progress = state.progress(Self::FORMAT, &self.options)?;
        let other = self.read(&progress.knowledge)?;
        let mut learner = self.learner();
        if learner.knowledge.merge(&other) {
            // The best arm is looked for by the next decision: the order of merging must not matter.
            self.compute(&mut learner);
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

/// The squares of smaller ones are nothing.
const LEAST_PROPENSITY: f64 = 1e-100;

#[cfg(test)]
pub(super) mod tests;

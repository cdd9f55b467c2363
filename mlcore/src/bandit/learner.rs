use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::evidence::Evidence;
use super::{Allocation, ArmStatistics, BanditOptions, BanditState, Reward};
use crate::error::{Error, Result};
use crate::name::Arm;

/// Arms, what is known of them, and the probabilities that follow.
///
/// A bandit is pure: time, draws and rewards are handed in. It publishes an [`Allocation`], a vector of probabilities, and
/// assignments draw from it, so that every propensity is exact. The allocation is computed anew when
/// [`refresh`](BanditOptions::refresh) of the evidence is new, at least one outcome: until then it is that of at least
/// `1 / (1 + refresh)` of the outcomes. [`refresh`](Self::refresh) brings it up to date at once.
///
/// Rewards may come late and in any order: each counts with the propensity and for the time of its assignment. States of
/// replicas [`merge`](Self::merge) into that of one bandit that saw all outcomes.
///
/// ```
/// use mlcore::bandit::{Bandit, BanditOptions, Reward, ThompsonBeta};
/// use mlcore::name::Arm;
/// use mlcore::stats::SplitMix64;
/// use mlcore::rollout::Draw;
///
/// let arms = [Arm::new("blue")?, Arm::new("green")?];
/// let mut bandit = Bandit::new(BanditOptions::new(ThompsonBeta::default()), arms)?;
/// let mut random = SplitMix64::new(1);
/// for _ in 0..2_000 {
///     let (position, propensity) = bandit.allocation().draw(Draw::new(random.next_u64()));
///     let arm = bandit.allocation().arms()[position].clone();
///     let chance = if arm.as_str() == "green" { 0.3 } else { 0.2 };
///     let reward = f64::from(u8::from(random.uniform() < chance));
///     bandit.update(&Reward::new(&arm, reward).with_propensity(propensity))?;
/// }
/// assert!(bandit.allocation().probability(&Arm::new("green")?) > 0.9);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Bandit {
    pub(super) options: BanditOptions,
    pub(super) arms: BTreeMap<Arm, Evidence>,
    /// The latest time that was told.
    pub(super) now: Duration,
    /// The outcomes that came in, and those of them that the allocation knows.
    pub(super) outcomes: u64,
    pub(super) refreshed: u64,
    /// How many outcomes counted when the allocation was computed.
    pub(super) known: f64,
    /// The arms that were found to be the best: one, unless replicas that were merged had found different ones.
    pub(super) winners: BTreeSet<Arm>,
    /// Whether arms were added since the winner was found.
    pub(super) is_reopened: bool,
    pub(super) allocation: Allocation,
}

impl Bandit {
    /// The most arms that a bandit takes.
    pub const MOST_ARMS: usize = 1_000;

    /// A bandit that knows nothing of these arms but what the options believe.
    ///
    /// # Errors
    /// As [`BanditOptions::check`]; [`Error::InvalidInput`] for no arm, more than [`Bandit::MOST_ARMS`], and one that occurs twice.
    pub fn new(options: BanditOptions, arms: impl IntoIterator<Item = Arm>) -> Result<Self> {
        options.check()?;
        let mut known = BTreeMap::new();
        for arm in arms {
            let refuse =
                |problem: &str| Err(Error::invalid_input("build bandit", format!("arm {arm}"), problem));
            if known.len() == Self::MOST_ARMS {
                return refuse("there are more than 1000 arms");
            }
            if known.contains_key(&arm) {
                return refuse("the arm occurs twice");
            }
            known.insert(arm, Evidence::default());
        }
        if known.is_empty() {
            return Err(
                Error::invalid_input("build bandit", "arms", "there are none").remedy("name at least one")
            );
        }
        let mut bandit = Self {
            options,
            arms: known,
            now: Duration::ZERO,
            outcomes: 0,
            refreshed: 0,
            known: 0.0,
            winners: BTreeSet::new(),
            is_reopened: false,
            allocation: Allocation::new(Vec::new(), Vec::new()),
        };
        bandit.refresh();
        Ok(bandit)
    }

    /// The options that it was built with.
    #[must_use]
    pub fn options(&self) -> &BanditOptions {
        &self.options
    }

    /// The arms with their probabilities, as they were last computed.
    #[must_use]
    pub fn allocation(&self) -> &Allocation {
        &self.allocation
    }

    /// What is known of each arm now, in the order of their names, with what was believed before.
    #[must_use]
    pub fn statistics(&self) -> Vec<ArmStatistics> {
        let of = |(arm, evidence): (&Arm, &Evidence)| {
            let seen = evidence.statistics(self.options.memory, self.now);
            self.options.priors.get(arm).map_or(seen, |prior| prior.plus(&seen))
        };
        self.arms.iter().map(of).collect()
    }

    /// The outcomes that came in.
    #[must_use]
    pub fn outcomes(&self) -> u64 {
        self.outcomes
    }

    /// The arm that was found to be the best, by a policy that looks for one.
    #[must_use]
    pub fn winner(&self) -> Option<&Arm> {
        if self.winners.len() == 1 { self.winners.first() } else { None }
    }

    /// Takes what an assignment earned, and computes the allocation anew where enough is new; answers whether it did.
    ///
    /// An outcome whose time is forgotten counts for nothing. Time goes on with the latest one.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an arm that the bandit has not, and [`Error::InvalidInput`] for a reward that is NaN, infinite, or
    /// none that the policy and the range take, and for a propensity that is not from 1e-100 to 1. Nothing changes then.
    pub fn update(&mut self, reward: &Reward<'_>) -> Result<bool> {
        let Reward { arm, reward, propensity, time } = *reward;
        self.options.check_reward(arm, reward)?;
        if !(LEAST_PROPENSITY..=1.0).contains(&propensity) {
            let problem = format!("it is {propensity}, and must be above 0 and at most 1");
            return Err(Error::invalid_input("update bandit", format!("propensity of arm {arm}"), problem)
                .remedy("hand in the propensity of the assignment"));
        }
        let Some(evidence) = self.arms.get_mut(arm) else {
            return Err(Error::not_found(
                "update bandit",
                format!("arm {arm}"),
                "the bandit has no such arm",
            )
            .remedy("add the arm, or leave its outcomes out"));
        };
        self.now = self.now.max(time);
        evidence.add(self.options.memory, self.now, time, reward, propensity);
        self.outcomes = self.outcomes.saturating_add(1);
        let is_due = self.is_due();
        if is_due {
            self.refresh();
        }
        Ok(is_due)
    }

    /// Takes note of the time: outcomes fade, or leave the window, when the allocation is next computed.
    pub fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// Adds an arm, of which nothing is known but what the options believe. A winner goes on to answer while the arm is in the
    /// nursery; after that the best is looked for anew.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] for one that is there, and [`Error::InvalidInput`] beyond [`Bandit::MOST_ARMS`].
    pub fn add_arm(&mut self, arm: Arm) -> Result<()> {
        if self.arms.contains_key(&arm) {
            return Err(Error::already_exists("add arm", arm.as_str(), "the bandit has it"));
        }
        if self.arms.len() >= Self::MOST_ARMS {
            return Err(Error::invalid_input("add arm", arm.as_str(), "there are 1000 arms")
                .remedy("remove one first"));
        }
        self.arms.insert(arm, Evidence::default());
        self.is_reopened = !self.winners.is_empty();
        self.refresh();
        Ok(())
    }

    /// Removes an arm, and what is known of it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for one that is not there, and [`Error::InvalidInput`] for the last one.
    pub fn remove_arm(&mut self, arm: &Arm) -> Result<()> {
        if !self.arms.contains_key(arm) {
            return Err(Error::not_found("remove arm", arm.as_str(), "the bandit has no such arm"));
        }
        if self.arms.len() == 1 {
            return Err(Error::invalid_input("remove arm", arm.as_str(), "it is the last arm"));
        }
        self.arms.remove(arm);
        self.winners.remove(arm);
        self.refresh();
        Ok(())
    }

    /// Forgets what was learnt of an arm, as when another version answers for it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for one that is not there.
    pub fn forget_arm(&mut self, arm: &Arm) -> Result<()> {
        let Some(evidence) = self.arms.get_mut(arm) else {
            return Err(Error::not_found("forget arm", arm.as_str(), "the bandit has no such arm"));
        };
        *evidence = Evidence::default();
        // What was found was found of other arms.
        self.winners.clear();
        self.refresh();
        Ok(())
    }

    /// Of this evidence, with an allocation that knows all of it. A `winner` that was found before is kept, as in a bandit to which
    /// arms were added since where it `is_reopened`; where there is none the best arm is looked for.
    pub(crate) fn of_evidence(
        options: BanditOptions,
        arms: BTreeMap<Arm, Evidence>,
        now: Duration,
        (winner, is_reopened): (Option<Arm>, bool),
    ) -> Self {
        let mut bandit = Self {
            options,
            arms,
            now,
            outcomes: 0,
            refreshed: 0,
            known: 0.0,
            winners: winner.into_iter().collect(),
            is_reopened,
            allocation: Allocation::new(Vec::new(), Vec::new()),
        };
        bandit.refresh();
        bandit
    }

    /// How many outcomes counted when the allocation was computed.
    pub(crate) fn known(&self) -> f64 {
        self.known
    }

    /// Whether arms were added that the winner was not compared with yet.
    pub(crate) fn is_reopened(&self) -> bool {
        self.is_reopened
    }

    /// Computes the allocation from all that is known now.
    pub fn refresh(&mut self) {
        let (memory, now) = (self.options.memory, self.now);
        self.arms.values_mut().for_each(|evidence| evidence.forget(memory, now));
        let statistics = self.statistics();
        let counts: Vec<f64> =
            self.arms.values().map(|evidence| evidence.statistics(memory, now).count).collect();
        let is_young: Vec<bool> =
            counts.iter().map(|count| *count < self.options.min_samples as f64).collect();
        self.find_winner(&statistics, &is_young);
        let probabilities = self.probabilities(&statistics, &is_young);
        self.allocation = Allocation::new(self.arms.keys().cloned().collect(), probabilities);
        self.refreshed = self.outcomes;
        self.known = counts.iter().sum();
    }

    /// The state as a value.
    #[must_use]
    pub fn save(&self) -> BanditState {
        BanditState::of(self)
    }

    /// The bandit that `state` was saved by, where it stood.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another version of the layout, [`Error::Corrupt`] for what no bandit has saved, and as
    /// [`Bandit::new`].
    pub fn from_state(state: &BanditState) -> Result<Self> {
        state.to_bandit()
    }

    /// Adds what a replica has learnt from outcomes that this bandit has not seen; a state that is merged twice counts twice.
    /// The result is that of one bandit that saw all, to the last bit and in any order, with an allocation that knows all; a state
    /// without outcomes and with the same arms changes nothing. An arm that only one of the two has is in the result. Of different
    /// winners none is kept.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for other options; else as [`Bandit::from_state`]. Nothing changes then.
    pub fn merge(&mut self, state: &BanditState) -> Result<()> {
        let other = Self::from_state(state)?;
        if other.options != self.options {
            let problem = "it was saved under other options";
            return Err(Error::invalid_input("merge bandit", "state", problem)
                .remedy("merge states of bandits with the same options"));
        }
        self.absorb(other)
    }

    /// As [`merge`](Self::merge), of a bandit with the same options.
    pub(crate) fn absorb(&mut self, other: Self) -> Result<()> {
        let added = other.arms.keys().filter(|arm| !self.arms.contains_key(*arm)).count();
        if self.arms.len() + added > Self::MOST_ARMS {
            let problem = format!("together they have {} arms, and 1000 are taken", self.arms.len() + added);
            return Err(Error::invalid_input("merge bandit", "arms", problem).remedy("remove arms first"));
        }
        let is_news = added > 0
            || other.now > self.now
            || !other.winners.is_subset(&self.winners)
            || other.arms.values().any(|evidence| !evidence.is_empty());
        if !is_news {
            return Ok(());
        }
        self.now = self.now.max(other.now);
        self.outcomes = self.outcomes.saturating_add(other.outcomes);
        self.winners.extend(other.winners);
        self.is_reopened |= other.is_reopened;
        for (arm, evidence) in other.arms {
            self.arms.entry(arm).or_default().merge(&evidence);
        }
        self.refresh();
        Ok(())
    }

    /// Whether enough is new.
    fn is_due(&self) -> bool {
        let new = self.outcomes.saturating_sub(self.refreshed) as f64;
        new >= (self.options.refresh * self.known).max(1.0)
    }

    /// Keeps the arm that the policy is sure of. It is looked for while there is none, or several, and when arms that were added
    /// have left the nursery.
    fn find_winner(&mut self, statistics: &[ArmStatistics], is_young: &[bool]) {
        if is_young.contains(&true) || (self.winners.len() == 1 && !self.is_reopened) {
            return;
        }
        if self.is_reopened {
            self.winners.clear();
            self.is_reopened = false;
        }
        let found =
            self.options.policy.winner(statistics).and_then(|position| self.arms.keys().nth(position));
        if let Some(found) = found.cloned() {
            self.winners = BTreeSet::from([found]);
        }
    }

    fn probabilities(&self, statistics: &[ArmStatistics], is_young: &[bool]) -> Vec<f64> {
        let count = statistics.len() as f64;
        let young = is_young.iter().filter(|young| **young).count() as f64;
        let grown: Vec<ArmStatistics> =
            statistics.iter().zip(is_young).filter(|(_, young)| !**young).map(|(arm, _)| *arm).collect();
        let winner = self.winner().and_then(|winner| self.arms.keys().position(|arm| arm == winner));
        let mut shares = match winner {
            // The winner is not in the nursery, unless its outcomes have been forgotten.
            Some(_) => Vec::new(),
            None => self.options.policy.probabilities(&grown),
        }
        .into_iter();
        let least = self.options.min_prob.min(1.0 / count);
        let of = |(position, young_arm): (usize, &bool)| {
            let share = match (young_arm, winner) {
                (true, _) => 1.0 / count,
                (false, Some(winner)) => f64::from(u8::from(position == winner)) * (1.0 - young / count),
                (false, None) => shares.next().unwrap_or(0.0) * (1.0 - young / count),
            };
            least + (1.0 - count * least) * share
        };
        super::policy::normalised(is_young.iter().enumerate().map(of).collect())
    }
}

/// The squares of smaller ones are nothing.
const LEAST_PROPENSITY: f64 = 1e-100;

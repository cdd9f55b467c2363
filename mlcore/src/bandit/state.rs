use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, WrittenBucket};
use super::{Allocation, Bandit, BanditOptions};
use crate::error::{Error, Result};
use crate::name::Arm;

/// The state of a bandit as a value: its options, what it has learnt, and the allocation that it had published. Serialises to one
/// JSON object without a loss; what no bandit has saved is refused when it is read.
///
/// ```
/// use mlcore::bandit::{Bandit, BanditOptions, BanditState, Reward, Ucb1};
/// use mlcore::name::Arm;
///
/// let arm = Arm::new("a")?;
/// let mut bandit = Bandit::new(BanditOptions::new(Ucb1::default()), [arm.clone(), Arm::new("b")?])?;
/// bandit.update(&Reward::new(&arm, 0.1))?;
/// let text = serde_json::to_string(&bandit.save()).unwrap();
/// let state: BanditState = serde_json::from_str(&text).unwrap();
/// assert_eq!(Bandit::from_state(&state)?, bandit);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BanditState {
    version: u32,
    options: BanditOptions,
    now: Duration,
    outcomes: u64,
    refreshed: u64,
    known: f64,
    arms: Vec<WrittenArm>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    winners: BTreeSet<Arm>,
    #[serde(default, skip_serializing_if = "is_false")]
    is_reopened: bool,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenArm {
    arm: Arm,
    probability: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    buckets: Vec<WrittenBucket>,
}

impl BanditState {
    /// The version of the layout that is written and read.
    pub const VERSION: u32 = 1;

    /// The version of its layout.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The options of the bandit that saved it.
    #[must_use]
    pub fn options(&self) -> &BanditOptions {
        &self.options
    }

    pub(super) fn of(bandit: &Bandit) -> Self {
        let arm = |(arm, evidence): (&Arm, &Evidence)| WrittenArm {
            arm: arm.clone(),
            probability: bandit.allocation.probability(arm),
            buckets: evidence.written(),
        };
        Self {
            version: Self::VERSION,
            options: bandit.options.clone(),
            now: bandit.now,
            outcomes: bandit.outcomes,
            refreshed: bandit.refreshed,
            known: bandit.known,
            arms: bandit.arms.iter().map(arm).collect(),
            winners: bandit.winners.clone(),
            is_reopened: bandit.is_reopened,
        }
    }

    pub(super) fn to_bandit(&self) -> Result<Bandit> {
        if self.version != Self::VERSION {
            let problem =
                format!("its layout has version {}, and {} is known here", self.version, Self::VERSION);
            return Err(Error::unsupported("restore bandit", "state", problem)
                .remedy("restore it with the release of mlcore that saved it, or begin anew"));
        }
        self.options.check().map_err(|error| corrupt("options", error.to_string()))?;
        self.check_counts()?;
        let memory = self.options.memory;
        let mut arms = BTreeMap::new();
        for WrittenArm { arm, probability: _, buckets } in &self.arms {
            let evidence = Evidence::read(buckets, memory, arm.as_str())?;
            if evidence.newest().is_some_and(|newest| newest > memory.bucket(self.now)) {
                return Err(corrupt(&format!("arm {arm}"), "it has outcomes of the future"));
            }
            let support = self.options.policy.support();
            if !support.holds_mean(&evidence.statistics(memory, self.now)) {
                return Err(corrupt(&format!("arm {arm}"), "its rewards are none that the policy takes"));
            }
            if arms.last_key_value().is_some_and(|(last, _)| last >= arm) {
                return Err(corrupt(&format!("arm {arm}"), "it is not in the order of the names"));
            }
            arms.insert(arm.clone(), evidence);
        }
        if !self.winners.iter().all(|winner| arms.contains_key(winner)) {
            return Err(corrupt("winners", "one is none of the arms"));
        }
        let probabilities = self.arms.iter().map(|arm| arm.probability).collect();
        let allocation = Allocation::new(arms.keys().cloned().collect(), probabilities);
        Ok(Bandit {
            options: self.options.clone(),
            arms,
            now: self.now,
            outcomes: self.outcomes,
            refreshed: self.refreshed,
            known: self.known,
            winners: self.winners.clone(),
            is_reopened: self.is_reopened,
            allocation,
        })
    }

    fn check_counts(&self) -> Result<()> {
        if !(1..=Bandit::MOST_ARMS).contains(&self.arms.len()) {
            return Err(corrupt("arms", format!("there are {}", self.arms.len())));
        }
        let sum: f64 = self.arms.iter().map(|arm| arm.probability).sum();
        if !((sum - 1.0).abs() < 1e-9 && self.arms.iter().all(|arm| (0.0..=1.0).contains(&arm.probability))) {
            return Err(corrupt("probabilities", "they are none, or their sum is not 1"));
        }
        if self.refreshed > self.outcomes || !(self.known >= 0.0 && self.known <= 1e16) {
            return Err(corrupt("outcomes", "the allocation knows more of them than there are"));
        }
        Ok(())
    }
}

fn corrupt(subject: &str, problem: impl Into<String>) -> Error {
    Error::corrupt("restore bandit", subject, problem)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it in so")]
fn is_false(value: &bool) -> bool {
    !*value
}

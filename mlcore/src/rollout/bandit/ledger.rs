use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bandit::{Evidence, Memory, WrittenBucket};
use crate::error::{Error, Result};
use crate::name::{Arm, Version};

/// Sums of outcomes, which add up over replicas.
pub(super) trait Sums: Clone + Debug {
    /// The sums as they are written down.
    type Written: Serialize;

    fn written(&self) -> Self::Written;

    fn merge(&mut self, other: &Self);

    /// Forgets what does not count any more; answers whether something is left.
    fn forget(&mut self, memory: Memory, now: Duration) -> bool;
}

impl Sums for Evidence {
    type Written = Vec<WrittenBucket>;

    fn written(&self) -> Vec<WrittenBucket> {
        self.written()
    }

    fn merge(&mut self, other: &Self) {
        self.merge(other);
    }

    fn forget(&mut self, memory: Memory, now: Duration) -> bool {
        self.forget(memory, now);
        !self.is_empty()
    }
}

/// What a version answers for: evidence is about it. `None` until the policy has been told which version answers.
pub(super) type Subject = (Arm, Option<Version>);

/// What was learnt of each version of each arm.
#[derive(Clone, Debug)]
pub(super) struct Ledger<S> {
    pub(super) sums: BTreeMap<Subject, S>,
    /// The outcomes that came in.
    pub(super) outcomes: u64,
}

/// The sums of one version as they are written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSums<W> {
    arm: Arm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
    sums: W,
}

impl<S> Default for Ledger<S> {
    fn default() -> Self {
        Self { sums: BTreeMap::new(), outcomes: 0 }
    }
}

impl<S: Sums> Ledger<S> {
    pub(super) fn is_empty(&self) -> bool {
        self.sums.is_empty() && self.outcomes == 0
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (subject, sums) in &other.sums {
            self.add(subject, sums);
        }
        self.outcomes = self.outcomes.saturating_add(other.outcomes);
    }

    fn add(&mut self, subject: &Subject, sums: &S) {
        match self.sums.get_mut(subject) {
            Some(own) => own.merge(sums),
            None => drop(self.sums.insert(subject.clone(), sums.clone())),
        }
    }

    /// What was learnt before a version was known is about that which is known first.
    pub(super) fn name_version(&mut self, arm: &Arm, version: Version) {
        if let Some(sums) = self.sums.remove(&(arm.clone(), None)) {
            self.add(&(arm.clone(), Some(version)), &sums);
        }
    }

    /// Forgets all but the newest versions of each arm, and the one that answers.
    pub(super) fn prune(&mut self, versions: &BTreeMap<Arm, Version>) {
        let mut newest: BTreeMap<Arm, usize> = BTreeMap::new();
        let subjects: Vec<Subject> = self.sums.keys().rev().cloned().collect();
        for subject in subjects {
            if subject.1.is_none() || versions.get(&subject.0) == subject.1.as_ref() {
                continue;
            }
            let kept = newest.entry(subject.0.clone()).or_default();
            *kept += 1;
            if *kept > MOST_OTHER_VERSIONS {
                self.sums.remove(&subject);
            }
        }
    }

    pub(super) fn written(&self) -> Vec<WrittenSums<S::Written>> {
        let written = |((arm, version), sums): (&Subject, &S)| WrittenSums {
            arm: arm.clone(),
            version: *version,
            sums: sums.written(),
        };
        self.sums.iter().map(written).collect()
    }

    /// Reads sums that were written down; `read` refuses those that no outcomes leave.
    pub(super) fn read<W>(
        written: &[WrittenSums<W>],
        outcomes: u64,
        arms: &[Arm],
        read: impl Fn(&Arm, &W) -> Result<S>,
    ) -> Result<Self> {
        let mut ledger = Self { sums: BTreeMap::new(), outcomes };
        for WrittenSums { arm, version, sums } in written {
            let corrupt = |problem: &str| Error::corrupt("restore policy", format!("arm {arm}"), problem);
            if !arms.contains(arm) {
                return Err(corrupt("the policy has no such arm"));
            }
            if ledger.sums.insert((arm.clone(), *version), read(arm, sums)?).is_some() {
                return Err(corrupt("a version of it occurs twice"));
            }
        }
        Ok(ledger)
    }
}

/// Evidence of so many versions of an arm is kept beside that of the one that answers: of those that other replicas serve during a
/// release, and of the one before, to which an alias may go back.
const MOST_OTHER_VERSIONS: usize = 3;

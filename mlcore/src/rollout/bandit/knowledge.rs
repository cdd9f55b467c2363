use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ledger::{Ledger, Subject, Sums, WrittenSums};
use crate::bandit::Memory;
use crate::error::{Error, Result};
use crate::name::{Arm, Version};
use crate::rollout::Candidates;

/// All that a bandit's policy knows: what replicas share, what it has learnt beside that, and about which versions.
#[derive(Clone, Debug)]
pub(super) struct Knowledge<S> {
    /// What replicas share.
    shared: Ledger<S>,
    /// What this one has added to it, where it is not known to have arrived.
    offered: Ledger<S>,
    /// What came in since.
    pub(super) fresh: Ledger<S>,
    pub(super) findings: Findings,
    /// The versions that answer, as far as the policy was told.
    pub(super) versions: BTreeMap<Arm, Version>,
    /// The arms that answer; `None` until the policy is told.
    pub(super) present: Option<BTreeSet<Arm>>,
    memory: Memory,
    /// Time that passed for the policy, over processes; replicas go by the latest.
    pub(super) now: Duration,
}

/// What was found of versions: replicas that share a state share these.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Findings {
    pub(super) unfit: BTreeMap<Subject, Unfit>,
    /// The best arms: one, unless replicas had found different ones.
    pub(super) best: BTreeSet<Best>,
}

/// That something outside found a version unfit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unfit {
    pub(super) reason: String,
    /// Whether it was withdrawn.
    pub(super) is_withdrawn: bool,
}

/// That a version was found to be the best of these.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Best {
    pub(super) arm: Arm,
    pub(super) among: Vec<(Arm, Option<Version>)>,
}

/// Knowledge as it is written down; `W` are the sums of one version.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written<W> {
    now: Duration,
    outcomes: u64,
    versions: BTreeMap<Arm, Version>,
    sums: Vec<WrittenSums<W>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unfit: Vec<(Arm, Option<Version>, Unfit)>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    best: BTreeSet<Best>,
}

impl<W> Written<W> {
    pub(super) fn now(&self) -> Duration {
        self.now
    }
}

impl<S: Sums> Knowledge<S> {
    /// Of a policy that has learnt nothing yet.
    pub(super) fn new(memory: Memory) -> Self {
        Self {
            shared: Ledger::default(),
            offered: Ledger::default(),
            fresh: Ledger::default(),
            findings: Findings::default(),
            versions: BTreeMap::new(),
            present: None,
            memory,
            now: Duration::ZERO,
        }
    }

    /// Time goes on, and outcomes are forgotten.
    pub(super) fn advance(&mut self, passed: Duration) {
        self.now = self.now.saturating_add(passed).min(LATEST);
        self.forget();
    }

    fn forget(&mut self) {
        let (memory, now) = (self.memory, self.now);
        for ledger in self.ledgers_mut() {
            ledger.sums.retain(|_, sums| sums.forget(memory, now));
        }
    }

    fn ledgers(&self) -> [&Ledger<S>; 3] {
        [&self.shared, &self.offered, &self.fresh]
    }

    fn ledgers_mut(&mut self) -> [&mut Ledger<S>; 3] {
        [&mut self.shared, &mut self.offered, &mut self.fresh]
    }

    /// The outcomes that came in, here and at replicas.
    pub(super) fn outcomes(&self) -> u64 {
        self.ledgers().iter().fold(0, |all, ledger| all.saturating_add(ledger.outcomes))
    }

    pub(super) fn subject(&self, arm: &Arm) -> Subject {
        (arm.clone(), self.versions.get(arm).copied())
    }

    /// What is known of the version that answers for the arm.
    pub(super) fn sums(&self, arm: &Arm) -> Option<S> {
        let subject = self.subject(arm);
        let known = self.ledgers().into_iter().filter_map(|ledger| ledger.sums.get(&subject));
        known.fold(None, |all: Option<S>, sums| match all {
            Some(mut all) => {
                all.merge(sums);
                Some(all)
            }
            None => Some(sums.clone()),
        })
    }

    /// Whether the arm may answer: it is there, and nothing found its version unfit.
    pub(super) fn is_active(&self, arm: &Arm) -> bool {
        self.is_fit(arm) && self.present.as_ref().is_none_or(|present| present.contains(arm))
    }

    pub(super) fn is_fit(&self, arm: &Arm) -> bool {
        !self.findings.unfit.contains_key(&self.subject(arm))
    }

    /// The arm that was found to be the best, where all agree, and whether others came since that were not compared with it.
    pub(super) fn best(&self, active: &[Arm]) -> (Option<Arm>, bool) {
        let is_present = |best: &&Best| best.among.contains(&self.subject(&best.arm));
        let known: Vec<&Best> = self.findings.best.iter().filter(is_present).collect();
        let Some(first) = known.first() else { return (None, false) };
        if known.iter().any(|best| best.arm != first.arm) {
            return (None, false);
        }
        let is_compared = |arm: &Arm| known.iter().any(|best| best.among.contains(&self.subject(arm)));
        (Some(first.arm.clone()), !active.iter().all(is_compared))
    }

    /// Takes note of what answers now; answers in words which arms answer with another version than before.
    pub(super) fn follow(&mut self, arms: &[Arm], candidates: &Candidates) -> Option<String> {
        let mut changes = Vec::new();
        let known = candidates.as_slice().iter().filter(|candidate| arms.contains(&candidate.arm));
        let mut present = BTreeSet::new();
        for candidate in known {
            let (arm, version) = (&candidate.arm, candidate.version);
            present.insert(arm.clone());
            match self.versions.insert(arm.clone(), version) {
                Some(before) if before != version => {
                    changes.push(format!("{arm} answers with version {version} instead of {before}"));
                }
                Some(_) => {}
                None => {}
            }
        }
        self.present = Some(present);
        self.name_versions();
        let versions = self.versions.clone();
        self.ledgers_mut().into_iter().for_each(|ledger| ledger.prune(&versions));
        (!changes.is_empty()).then(|| changes.join(" and "))
    }

    pub(super) fn written(&self) -> Written<S::Written> {
        let mut all = self.shared.clone();
        all.merge(&self.offered);
        all.merge(&self.fresh);
        self.written_with(&all)
    }

    fn written_with(&self, ledger: &Ledger<S>) -> Written<S::Written> {
        let unfit = self.findings.unfit.iter();
        Written {
            now: self.now,
            outcomes: ledger.outcomes,
            versions: self.versions.clone(),
            sums: ledger.written(),
            unfit: unfit.map(|((arm, version), unfit)| (arm.clone(), *version, unfit.clone())).collect(),
            best: self.findings.best.clone(),
        }
    }

    /// Reads what was written down, for a policy with these arms; `read` reads the sums of one version.
    pub(super) fn read<W>(
        written: &Written<W>,
        (arms, memory): (&[Arm], Memory),
        read: impl Fn(&Arm, &W) -> Result<S>,
    ) -> Result<Self> {
        let corrupt = |subject: &str, problem: &str| Error::corrupt("restore policy", subject, problem);
        let named = written.versions.keys().chain(written.unfit.iter().map(|(arm, ..)| arm));
        let best =
            written.best.iter().flat_map(|best| best.among.iter().map(|(arm, _)| arm).chain([&best.arm]));
        if let Some(unknown) = named.chain(best).find(|arm| !arms.contains(arm)) {
            return Err(corrupt(&format!("arm {unknown}"), "the policy has no such arm"));
        }
        let shared = Ledger::read(&written.sums, written.outcomes, arms, read)?;
        let unfit = written.unfit.iter().cloned();
        let findings = Findings {
            unfit: unfit.map(|(arm, version, unfit)| ((arm, version), unfit)).collect(),
            best: written.best.clone(),
        };
        let (versions, now) = (written.versions.clone(), written.now);
        Ok(Self { shared, findings, versions, now, ..Self::new(memory) })
    }

    /// Goes on where `other` was, with the arms that answer here.
    pub(super) fn restore(&mut self, other: Self) {
        let present = self.present.take();
        *self = Self { present, ..other };
    }

    /// Adds what a replica has learnt; answers whether it has learnt anything.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        let is_news = !other.shared.is_empty()
            || other.now > self.now
            || !other.versions.keys().all(|arm| self.versions.contains_key(arm))
            || !self.findings.contains(&other.findings);
        if is_news {
            self.fresh.merge(&other.shared);
            self.learn_of(other);
        }
        is_news
    }

    /// As [`RolloutPolicy::reconcile`](crate::rollout::RolloutPolicy::reconcile); answers what is to be shared, where this one has
    /// something to add.
    pub(super) fn reconcile(&mut self, shared: Option<Self>) -> Option<Written<S::Written>> {
        let mut known = Findings::default();
        match shared {
            Some(other) => {
                known.clone_from(&other.findings);
                self.shared.clone_from(&other.shared);
                self.learn_of(&other);
            }
            // Whatever was shared is not any more.
            None => {
                let lost = std::mem::take(&mut self.shared);
                self.offered.merge(&lost);
            }
        }
        let fresh = std::mem::take(&mut self.fresh);
        self.offered.merge(&fresh);
        if self.offered.is_empty() && self.findings == known {
            return None;
        }
        let mut all = self.shared.clone();
        all.merge(&self.offered);
        all.prune(&self.versions);
        Some(self.written_with(&all))
    }

    /// What was offered is shared now.
    pub(super) fn reconciled(&mut self) {
        let offered = std::mem::take(&mut self.offered);
        self.shared.merge(&offered);
    }

    /// What was learnt before a version was known is about that which is known first.
    fn name_versions(&mut self) {
        for (arm, version) in &self.versions {
            for ledger in [&mut self.shared, &mut self.offered, &mut self.fresh] {
                ledger.name_version(arm, *version);
            }
            self.findings.name_version(arm, *version);
        }
    }

    /// Takes over what a replica knows beside its sums.
    fn learn_of(&mut self, other: &Self) {
        for (arm, version) in &other.versions {
            self.versions.entry(arm.clone()).or_insert(*version);
        }
        self.findings.merge(&other.findings);
        self.name_versions();
        self.now = self.now.max(other.now);
        self.forget();
    }
}

impl Findings {
    fn contains(&self, other: &Self) -> bool {
        let has = |(subject, unfit): (&Subject, &Unfit)| self.unfit.get(subject) == Some(unfit);
        other.unfit.iter().all(has) && other.best.is_subset(&self.best)
    }

    fn merge(&mut self, other: &Self) {
        for (subject, unfit) in &other.unfit {
            let own = self.unfit.entry(subject.clone()).or_insert_with(|| unfit.clone());
            // Of two reasons the same one is kept in either order.
            if unfit.reason < own.reason {
                own.reason.clone_from(&unfit.reason);
            }
            own.is_withdrawn |= unfit.is_withdrawn;
        }
        self.best.extend(other.best.iter().cloned());
    }

    fn name_version(&mut self, arm: &Arm, version: Version) {
        if let Some(unfit) = self.unfit.remove(&(arm.clone(), None)) {
            self.unfit.entry((arm.clone(), Some(version))).or_insert(unfit);
        }
        let best = std::mem::take(&mut self.best);
        self.best.extend(best.into_iter().map(|mut best| {
            let unnamed = best.among.iter_mut().filter(|(own, known)| own == arm && known.is_none());
            unnamed.for_each(|(_, known)| *known = Some(version));
            best
        }));
    }
}

/// A time that no policy comes to: some 100,000 years.
const LATEST: Duration = Duration::from_secs(1 << 42);

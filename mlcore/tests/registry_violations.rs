//! The suite for registries notices each broken promise, says which one it was, and ends.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlcore::conformance::{self, Persistence};
use mlcore::name::{Alias, ModelName, Version};
use mlcore::registry::{
    AliasChange, AuditEntry, AuditHead, Change, Expected, GovernanceExt, MemoryRegistry, Model, ModelVersion,
    Mutation, Registry, RegistryExt, Stage,
};
use mlcore::{Error, Result};

/// A promise that a registry breaks.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    NeverPersists,
    PersistsWhenItIsDropped,
    KeepsWhatItRefuses,
    PagesOfModelsIncludeTheirStart,
    PagesOfVersionsIncludeTheirStart,
    ModelsIgnoreTheLimit,
    VersionsAreUnordered,
    AuditBeginsTooLate,
    HistoryEndsWithTheModel,
    TheLastWriterWins,
    RepeatsRequests,
    ReleasesInTwoSteps,
    ShowsHalfOfARelease,
    ArchivesWhatAnAliasMeans,
    LetsALiveAliasMeanAnything,
    ForgetsReasons,
    RoundsMetrics,
    CallsAConflictInternal,
    LetsOnesOwnApprovalCount,
    AsksNoPolicy,
    KeepsApprovals,
    /// No promise: the words of an error are free.
    SaysItInOtherWords,
}

/// A registry that breaks one promise.
struct Broken {
    honest: MemoryRegistry,
    /// What is read, where that is not what the log says.
    shown: MemoryRegistry,
    fault: Fault,
    left: Slot,
}

/// Where a place's registry is found when it is opened again.
type Slot = Arc<Mutex<Option<(MemoryRegistry, MemoryRegistry)>>>;

impl Broken {
    fn open(fault: Fault, slot: &Slot) -> Self {
        let mut found = slot.lock().unwrap();
        let new = (MemoryRegistry::new(), MemoryRegistry::new());
        let (honest, shown) = found.clone().unwrap_or(new);
        if !matches!(fault, Fault::NeverPersists | Fault::PersistsWhenItIsDropped) {
            *found = Some((honest.clone(), shown.clone()));
        }
        Self { honest, shown, fault, left: slot.clone() }
    }

    /// Carries the mutation out while no alias means the version.
    fn around(
        &self,
        model: &ModelName,
        version: Version,
        mutation: &Mutation,
        change: &Change,
    ) -> Result<AuditEntry> {
        let mut aliases = self.honest.aliases(model)?;
        aliases.retain(|(_, target)| *target == version);
        let set = |alias: &Alias, version| {
            self.honest.set_alias(model, alias, version, Expected::Any, change).map(drop)
        };
        aliases.iter().try_for_each(|(alias, _)| set(alias, None))?;
        let answer = self.honest.apply(mutation, change);
        aliases.iter().try_for_each(|(alias, version)| set(alias, Some(*version)))?;
        answer
    }

    fn read(&self) -> &MemoryRegistry {
        if self.fault == Fault::KeepsWhatItRefuses { &self.shown } else { &self.honest }
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        if self.fault == Fault::PersistsWhenItIsDropped {
            *self.left.lock().unwrap() = Some((self.honest.clone(), self.shown.clone()));
        }
    }
}

/// The same mutation, whatever was expected.
fn forced(mutation: &Mutation) -> Mutation {
    let mut forced = mutation.clone();
    if let Mutation::SetAlias { expected, .. } | Mutation::Promote { expected, .. } = &mut forced {
        *expected = Expected::Any;
    }
    forced
}

impl Registry for Broken {
    fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
        let mut change = change.clone();
        match self.fault {
            Fault::ForgetsReasons => change.reason = None,
            Fault::RoundsMetrics => {
                if let Mutation::CreateVersion(new) = mutation {
                    let rounded =
                        |value: f64| Some(f64::from(value as f32)).filter(|value| value.is_finite());
                    let metrics = new.metrics.iter();
                    let metrics =
                        metrics.map(|(name, value)| (name, rounded(value).unwrap_or(value))).collect();
                    let mut new = new.clone();
                    new.metrics = metrics;
                    return self.honest.apply(&Mutation::CreateVersion(new), &change);
                }
            }
            Fault::RepeatsRequests => change.request = None,
            Fault::TheLastWriterWins => return self.honest.apply(&forced(mutation), &change),
            Fault::ArchivesWhatAnAliasMeans => {
                if let Mutation::Transition { model, version, to: Stage::Archived, .. } = mutation {
                    return self.around(model, *version, mutation, &change);
                }
            }
            Fault::LetsALiveAliasMeanAnything => {
                if let Mutation::SetAlias { model, alias, version: Some(version), .. } = mutation {
                    let answer = self.honest.apply(mutation, &change);
                    let Err(Error::InvalidInput(_)) = answer else { return answer };
                    self.honest.set_alias(model, alias, None, Expected::Any, &change)?;
                    return self.honest.set_alias(model, alias, Some(*version), Expected::Any, &change);
                }
            }
            Fault::ReleasesInTwoSteps => {
                if let Mutation::Promote { model, version, alias, expected, retire: Some(trial), .. } =
                    mutation
                {
                    let entry = self.honest.promote(model, *version, alias, *expected, &change)?;
                    let expected = Expected::Version(*version);
                    return self.honest.set_alias(model, trial, None, expected, &change).map(|_| entry);
                }
            }
            Fault::LetsOnesOwnApprovalCount => {
                if let Mutation::Approve { .. } = mutation {
                    let answer = self.honest.apply(mutation, &change);
                    let Err(Error::InvalidInput(_)) = answer else { return answer };
                    change.actor = "somebody else".to_owned();
                }
            }
            Fault::AsksNoPolicy => {
                if let Mutation::Promote { model, .. } = mutation
                    && self.honest.model(model).is_ok_and(|model| model.policy.is_some())
                {
                    self.honest.set_policy(model, None, &change)?;
                }
            }
            Fault::KeepsApprovals => {
                if let Mutation::SetMetrics { model, version, .. } = mutation {
                    let before = self.honest.version(model, *version).map(|found| found.approvals);
                    let entry = self.honest.apply(mutation, &change)?;
                    for approval in before.unwrap_or_default() {
                        change.actor = approval.by;
                        self.honest.approve(model, *version, None, &change)?;
                    }
                    return Ok(entry);
                }
            }
            _ => {}
        }
        let answer = self.honest.apply(mutation, &change);
        if self.fault == Fault::KeepsWhatItRefuses {
            drop(self.shown.apply(&forced(mutation), &change));
        }
        answer.map_err(|error| match error {
            Error::Conflict(context) if self.fault == Fault::CallsAConflictInternal => {
                Error::internal(context.operation().to_owned(), context.subject(), context.problem())
            }
            Error::Conflict(context) if self.fault == Fault::SaysItInOtherWords => {
                Error::conflict("move", context.subject(), "somebody was faster")
            }
            other => other,
        })
    }

    fn model(&self, name: &ModelName) -> Result<Model> {
        self.read().model(name)
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        match (self.fault, after) {
            (Fault::PagesOfModelsIncludeTheirStart, Some(after)) => {
                let all = self.honest.models(None, usize::MAX)?.into_iter();
                Ok(all.filter(|model| model.name >= *after).take(limit).collect())
            }
            (Fault::ModelsIgnoreTheLimit, _) => self.honest.models(after, usize::MAX),
            _ => self.read().models(after, limit),
        }
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
        self.read().version(model, version)
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        match (self.fault, after) {
            (Fault::PagesOfVersionsIncludeTheirStart, Some(after)) => {
                let all = self.honest.versions(model, None, usize::MAX)?.into_iter();
                Ok(all.filter(|version| version.version >= after).take(limit).collect())
            }
            (Fault::VersionsAreUnordered, _) => {
                let page = self.honest.versions(model, after, limit)?;
                Ok(page.into_iter().rev().collect())
            }
            _ => self.read().versions(model, after, limit),
        }
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
        self.read().alias(model, alias)
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
        let aliases = self.read().aliases(model)?;
        if self.fault != Fault::ShowsHalfOfARelease {
            return Ok(aliases);
        }
        // One alias after the other, as a backend without snapshots reads them.
        let mut read = Vec::new();
        for (alias, _) in aliases {
            let version = self.honest.alias(model, &alias)?;
            std::thread::sleep(Duration::from_millis(1));
            read.extend(version.map(|version| (alias, version)));
        }
        Ok(read)
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        if self.fault == Fault::HistoryEndsWithTheModel && self.honest.model(model).is_err() {
            return Ok(Vec::new());
        }
        self.read().alias_history(model, alias)
    }

    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        let late = u64::from(self.fault == Fault::AuditBeginsTooLate && from > 1);
        self.honest.audit(from.saturating_add(late), limit)
    }

    fn verify(&self) -> Result<AuditHead> {
        self.honest.verify()
    }
}

/// What the suite says of a registry with this fault; none where it finds nothing.
fn verdict(fault: Fault) -> Option<String> {
    let slots: RefCell<Vec<Slot>> = RefCell::default();
    let open = |place: usize| -> Box<dyn Registry> {
        let mut slots = slots.borrow_mut();
        let opened = slots.len().max(place + 1);
        slots.resize_with(opened, Slot::default);
        Box::new(Broken::open(fault, &slots[place]))
    };
    let ran = catch_unwind(AssertUnwindSafe(|| conformance::registry(Persistence::Shared, open)));
    ran.err().map(|panic| match panic.downcast::<String>() {
        Ok(words) => *words,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or_default().to_owned(),
    })
}

#[test]
fn an_honest_registry_passes() {
    assert_eq!(verdict(Fault::None), None);
    assert_eq!(verdict(Fault::SaysItInOtherWords), None);
}

#[test]
fn each_broken_promise_is_noticed() {
    for (fault, words) in [
        (Fault::NeverPersists, "another handle tells otherwise"),
        (Fault::PersistsWhenItIsDropped, "another handle tells otherwise"),
        (Fault::KeepsWhatItRefuses, "a refused change left something"),
        (Fault::PagesOfModelsIncludeTheirStart, "the page after"),
        (Fault::PagesOfVersionsIncludeTheirStart, "pages of versions"),
        (Fault::ModelsIgnoreTheLimit, "the first page"),
        (Fault::VersionsAreUnordered, "pages of versions"),
        (Fault::AuditBeginsTooLate, "cut short"),
        (Fault::HistoryEndsWithTheModel, "history outlives the model"),
        (Fault::TheLastWriterWins, "conflict was due"),
        (Fault::RepeatsRequests, "the answer is the first one's"),
        (Fault::ReleasesInTwoSteps, "a release is one entry"),
        (Fault::ArchivesWhatAnAliasMeans, "conflict was due"),
        (Fault::LetsALiveAliasMeanAnything, "invalid_input was due"),
        (Fault::ForgetsReasons, "reason"),
        (Fault::RoundsMetrics, "the metric auc"),
        (Fault::CallsAConflictInternal, "conflict was due"),
        (Fault::LetsOnesOwnApprovalCount, "invalid_input was due"),
        (Fault::AsksNoPolicy, "conflict was due"),
        (Fault::KeepsApprovals, "an approval"),
        (Fault::ShowsHalfOfARelease, "half of a release was seen"),
    ] {
        let said = verdict(fault);
        assert!(said.as_ref().is_some_and(|said| said.contains(words)), "{fault:?}: {said:?}");
    }
}

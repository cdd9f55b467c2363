//! The rules: what changes make of a snapshot, or why they are refused. Pure, and the same for all registries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlcore::artifact::Digest;
use mlcore::interrupt::paced;
use mlcore::registry::Change;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

use super::diff::fields;
use super::snapshot::{Record, Snapshot};
use super::version::{Essence, History, Kept, OldVersions, materialise, unknown};
use super::{Action, AuditEntry, AuditedChange, Changes, DefinitionChange, Diff};
use crate::store::definition::{AnyView, Definition, DefinitionId, Repository, ViewVersion, Views};

/// What an apply comes to.
pub(super) enum Decision {
    /// The request was carried out before.
    Repeated(Box<AuditEntry>),
    /// Everything is as it should be.
    Unchanged(Diff),
    /// Something is to be written.
    New(Box<Next>),
}

/// What is written.
pub(super) struct Next {
    pub(super) snapshot: Snapshot,
    pub(super) diff: Diff,
    pub(super) entry: AuditEntry,
    pub(super) kept: Vec<Kept>,
    /// The objects whose rows are written, and those whose rows are removed.
    pub(super) written: Vec<DefinitionId>,
    pub(super) removed: Vec<DefinitionId>,
}

pub(super) fn decide(
    snapshot: &Snapshot,
    history: &dyn History,
    changes: &Changes,
    change: &Change,
) -> Result<Decision> {
    check_change(change)?;
    if let Some(request) = &change.request
        && let Some(entry) = history.entry_of(request)?
    {
        return Ok(Decision::Repeated(Box::new(entry)));
    }
    let (repository, diff) = plan(snapshot, history, changes)?;
    if diff.is_empty() {
        return Ok(Decision::Unchanged(diff));
    }
    let revision = snapshot
        .revision
        .checked_add(1)
        .ok_or_else(|| Error::internal(OPERATION, "revision", "there are no further revisions"))?;
    let at = Timestamp::from_micros(change.at.as_micros());
    let mut next = Next {
        snapshot: Snapshot { revision, head: Digest::ZERO, repository, records: snapshot.records.clone() },
        diff,
        entry: AuditEntry {
            revision,
            at,
            actor: change.actor.clone(),
            reason: change.reason.clone(),
            request: change.request.clone(),
            changes: Vec::new(),
            root: Digest::ZERO,
            previous: snapshot.head,
            hash: Digest::ZERO,
        },
        kept: Vec::new(),
        written: Vec::new(),
        removed: Vec::new(),
    };
    next.write(history, at)?;
    Ok(Decision::New(Box::new(next)))
}

impl Next {
    /// Writes records, versions and the entry by the diff.
    fn write(&mut self, history: &dyn History, at: Timestamp) -> Result<()> {
        for change in paced(self.diff.changes.iter().filter(|own| own.action != Action::Unchanged)) {
            let id = change.id.clone();
            let mut audited = AuditedChange {
                id: id.clone(),
                action: change.action,
                digest: None,
                version: None,
                kept: None,
            };
            match self.snapshot.repository.definition(&id) {
                None => {
                    self.snapshot.records.remove(&id);
                    self.removed.push(id);
                }
                Some(definition) => {
                    let digest = definition.digest()?;
                    let created_at = self.snapshot.records.get(&id).map_or(at, |known| known.created_at);
                    let record = Record { digest, version: change.version_after, created_at, updated_at: at };
                    (audited.digest, audited.version) = (Some(digest), record.version);
                    if let Some(version) = record.version
                        && history.kept(&id.name, version)?.is_none()
                    {
                        let definitions = self.snapshot.repository.closure(&id);
                        let revision = self.entry.revision;
                        let kept = Kept { view: id.name.clone(), version, revision, definitions };
                        audited.kept = Some(kept.digest()?);
                        self.kept.push(kept);
                    }
                    self.snapshot.records.insert(id.clone(), record);
                    self.written.push(id);
                }
            }
            self.entry.changes.push(audited);
        }
        mlcore::interrupt::check(OPERATION)?;
        self.entry.root = Snapshot::root(&self.snapshot.records)?;
        self.entry = self.entry.clone().sealed()?;
        self.snapshot.head = self.entry.hash;
        Ok(())
    }
}

/// The objects afterwards, and what differs.
pub(super) fn plan(
    snapshot: &Snapshot,
    history: &dyn History,
    changes: &Changes,
) -> Result<(Repository, Diff)> {
    if let Some(expected) = changes.expected
        && expected != snapshot.revision
    {
        let problem =
            format!("the registry is at revision {}, and {expected} is expected", snapshot.revision);
        return Err(Error::conflict(OPERATION, snapshot.repository.project(), problem)
            .remedy("plan anew, look at the difference, and apply that"));
    }
    let before = snapshot.repository.objects();
    let after = objects(snapshot, history, changes)?;
    check_deletions(before, &after)?;
    let project = snapshot.repository.project();
    let versions = OldVersions::new(project, history);
    let repository = Repository::with_versions(project.to_owned(), after.values().cloned(), &versions)?;
    let mut diff = Diff { revision: snapshot.revision, changes: Vec::new() };
    let touched = touched(before, &after);
    let named: BTreeSet<DefinitionId> = changes.definitions.iter().map(Definition::id).collect();
    let all: BTreeSet<&DefinitionId> = touched.iter().chain(&named).collect();
    for id in paced(all) {
        let entry = compare(snapshot, history, &repository, id)?;
        if entry.action != Action::Unchanged || named.contains(id) {
            diff.changes.push(entry);
        }
    }
    mlcore::interrupt::check(OPERATION)?;
    Ok((repository, diff))
}

type Objects = BTreeMap<DefinitionId, Arc<Definition>>;

/// The objects that would be there.
fn objects(snapshot: &Snapshot, history: &dyn History, changes: &Changes) -> Result<Objects> {
    let mut after = if changes.is_whole { Objects::new() } else { snapshot.repository.objects().clone() };
    for id in &changes.deletions {
        if after.remove(id).is_none() && !(changes.is_whole && snapshot.records.contains_key(id)) {
            return Err(Error::not_found(OPERATION, id.to_string(), "there is no such object to delete")
                .remedy("leave it out of the deletions"));
        }
    }
    let mut seen = BTreeSet::new();
    for definition in paced(&changes.definitions) {
        let id = definition.id();
        if !seen.insert(id.clone()) {
            return Err(Error::already_exists(OPERATION, id.to_string(), "it is there twice")
                .remedy("apply each object once"));
        }
        if changes.deletions.contains(&id) {
            return Err(Error::invalid_input(OPERATION, id.to_string(), "it is to be deleted, too")
                .remedy("either apply or delete it"));
        }
        let definition = match pin(definition) {
            Some(version) => pinned(snapshot, history, definition, version)?,
            None => Arc::new(definition.clone()),
        };
        after.insert(id, definition);
    }
    mlcore::interrupt::check(OPERATION)?;
    Ok(after)
}

/// What is deleted is named by nothing that stays.
fn check_deletions(before: &Objects, after: &Objects) -> Result<()> {
    let is_gone = |named, name: &str| {
        crate::store::definition::find_in(before, named, name).filter(|id| !after.contains_key(id))
    };
    for definition in paced(after.values()) {
        for (named, name) in definition.mentions() {
            if crate::store::definition::find_in(after, named, name).is_none()
                && let Some(gone) = is_gone(named, name)
            {
                let problem = format!("the {} names it", definition.id());
                return Err(Error::invalid_input("delete definition", gone.to_string(), problem)
                    .remedy("delete that, too, or let it name something else first"));
            }
        }
    }
    mlcore::interrupt::check(OPERATION)
}

/// The objects that differ, and those that name one of them, however far away.
fn touched(before: &Objects, after: &Objects) -> BTreeSet<DefinitionId> {
    let differs = |id: &&DefinitionId| before.get(*id) != after.get(*id);
    let mut touched: BTreeSet<DefinitionId> =
        before.keys().chain(after.keys()).filter(differs).cloned().collect();
    let mut next = touched.clone();
    while !next.is_empty() {
        let names_one = |definition: &Definition| {
            let mut mentioned = definition.mentions().into_iter();
            mentioned.any(|(named, name)| {
                crate::store::definition::find_in(after, named, name).is_some_and(|id| next.contains(&id))
            })
        };
        let found: BTreeSet<DefinitionId> = after
            .iter()
            .filter(|(id, definition)| !touched.contains(*id) && names_one(definition))
            .map(|(id, _)| id.clone())
            .collect();
        touched.extend(found.iter().cloned());
        next = found;
    }
    touched
}

/// What becomes of an object.
fn compare(
    snapshot: &Snapshot,
    history: &dyn History,
    repository: &Repository,
    id: &DefinitionId,
) -> Result<DefinitionChange> {
    let (before, after) = (snapshot.repository.definition(id), repository.definition(id));
    let mut change = DefinitionChange {
        id: id.clone(),
        action: Action::Unchanged,
        fields: Vec::new(),
        version_before: snapshot.records.get(id).and_then(|record| record.version),
        version_after: None,
        materialise: None,
    };
    match (before, after) {
        (_, None) => change.action = Action::Deleted,
        (None, Some(_)) => change.action = Action::Created,
        (Some(before), Some(after)) if before != after => {
            change.action = Action::Changed;
            change.fields = fields(&before.to_value()?, &after.to_value()?);
        }
        (Some(_), Some(_)) => {}
    }
    if let Some(after) = after
        && id.kind.is_view()
    {
        let new = repository.view(&id.name)?;
        let old = before.and_then(|_| snapshot.repository.view(&id.name).ok());
        change.version_after = Some(match pin(after) {
            Some(pinned) => check_pinned(repository.project(), history, new, pinned)?,
            None => version(history, old, new, change.version_before)?,
        });
        if change.action == Action::Unchanged && change.version_after != change.version_before {
            change.action = Action::Affected;
        }
        if change.action != Action::Unchanged {
            change.materialise = materialise(old, new)?;
        }
    }
    Ok(change)
}

/// The version that a view has afterwards: another one where what makes a version is not the same.
fn version(
    history: &dyn History,
    old: Option<&AnyView>,
    new: &AnyView,
    before: Option<ViewVersion>,
) -> Result<ViewVersion> {
    if let (Some(old), Some(before)) = (old, before)
        && Essence::of(old)? == Essence::of(new)?
    {
        return Ok(before);
    }
    match history.last_version(new.name())? {
        None => Ok(ViewVersion::default()),
        Some(last) => {
            last.next().ok_or_else(|| Error::internal(OPERATION, new.name(), "there are no further versions"))
        }
    }
}

/// A view that goes back to a version is what that version was, with all that it names.
fn check_pinned(
    project: &str,
    history: &dyn History,
    new: &AnyView,
    version: ViewVersion,
) -> Result<ViewVersion> {
    let versions = OldVersions::new(project, history);
    if Essence::of(&versions.view(new.name(), Some(version))?)? == Essence::of(new)? {
        return Ok(version);
    }
    let subject = format!("{}@{version}", new.name());
    Err(Error::conflict(OPERATION, subject, "its source, its entities or its inputs have changed since")
        .remedy("apply them as they were, too, or define the view anew without a pin"))
}

/// The version that a view is to go back to.
fn pin(definition: &Definition) -> Option<ViewVersion> {
    match definition {
        Definition::FeatureView(view) => view.version(),
        Definition::OnDemandFeatureView(view) => view.version(),
        Definition::Entity(_) | Definition::Source(_) | Definition::FeatureService(_) => None,
    }
}

fn with_pin(definition: &Definition, version: Option<ViewVersion>) -> Definition {
    match definition.clone() {
        Definition::FeatureView(view) => view.with_version(version).into(),
        Definition::OnDemandFeatureView(view) => view.with_version(version).into(),
        other => other,
    }
}

/// The definition of a view that is pinned: that of the version, which the view itself must be, or be the one that is there now.
fn pinned(
    snapshot: &Snapshot,
    history: &dyn History,
    definition: &Definition,
    version: ViewVersion,
) -> Result<Arc<Definition>> {
    let name = definition.name();
    let kept = history.kept(name, version)?;
    let Some(kept) = kept else { return Err(unknown(name, version, history.last_version(name)?)) };
    let subject = || format!("{name}@{version}");
    let Some(restored) = kept.definition() else {
        return Err(Error::corrupt(OPERATION, subject(), "what was kept is another view")
            .remedy("restore the registry from a backup"));
    };
    let (asked, restored) = (with_pin(definition, None), with_pin(restored, None));
    let current = snapshot.repository.definition(&definition.id()).map(|own| with_pin(own, None));
    if asked != restored && current != Some(asked) {
        return Err(Error::conflict(
            OPERATION,
            subject(),
            "the view is neither what that version was nor what is there now",
        )
        .remedy("pin the version with the view as it is there now, or leave the pin away"));
    }
    Ok(Arc::new(with_pin(&restored, Some(version))))
}

fn check_change(change: &Change) -> Result<()> {
    const MOST_ACTOR: usize = 256;
    const MOST_REASON: usize = 10_000;
    let refuse = |subject: &str, problem: String| {
        Err(Error::invalid_input(OPERATION, subject, problem)
            .remedy("say who changes it, and why, in a few words"))
    };
    if change.actor.is_empty()
        || change.actor.len() > MOST_ACTOR
        || change.actor.chars().any(char::is_control)
    {
        return refuse("actor", format!("it is not 1 to {MOST_ACTOR} bytes without control characters"));
    }
    if change.reason.as_ref().is_some_and(|reason| reason.len() > MOST_REASON) {
        return refuse("reason", format!("it has more than {MOST_REASON} bytes"));
    }
    Ok(())
}

const OPERATION: &str = "apply definitions";

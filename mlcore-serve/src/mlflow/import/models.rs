//! Registered models into a registry.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mlcore::name::{Alias, LoggedModelId, RunId, Version};
use mlcore::registry::backend::limits::MOST_ACTOR_BYTES;
use mlcore::registry::{
    Change, Expected, Lineage, Model, ModelVersion, NewModel, NewVersion, RegistryExt as _, Stage,
};
use mlcore::time::Timestamp;
use mlcore::tracking::mlflow::{RegisteredModel, RegisteredVersion};
use mlcore::{Error, Result, interrupt};

use super::{StoreImport, StoreReport};
use crate::mlflow::artifacts::ArtifactFile;
use crate::mlflow::query;
use crate::mlflow::registry::{checked_files, unchecked, word_of};

pub(super) fn take(
    import: &StoreImport,
    models: Vec<RegisteredModel>,
    reason: &str,
    report: &mut StoreReport,
) -> Result<()> {
    let mut taking = Taking { import, reason, report };
    for found in models {
        interrupt::check(OPERATION)?;
        taking.model(&found)?;
    }
    Ok(())
}

struct Taking<'a> {
    import: &'a StoreImport,
    reason: &'a str,
    report: &'a mut StoreReport,
}

impl Taking<'_> {
    fn change(&self, actor: Option<&str>, at: Timestamp) -> Change {
        let is_actor = |actor: &&str| {
            !actor.is_empty() && actor.len() <= MOST_ACTOR_BYTES && !actor.chars().any(char::is_control)
        };
        Change::new(actor.filter(is_actor).unwrap_or(ACTOR), at).with_reason(self.reason)
    }

    fn model(&mut self, found: &RegisteredModel) -> Result<()> {
        let (registry, title) = (&self.import.registry, found.name.as_str());
        let begun = match registry.model_titled(title) {
            Err(Error::NotFound(_)) => {
                let mut new = NewModel::titled(title).with_description(found.description.as_str());
                new.tags.clone_from(&found.tags);
                registry.create_model(new, &self.change(None, found.created_at))
            }
            known => known,
        };
        let Some(model) = self.taken(begun, || format!("model {title:?} with its versions"))? else {
            return Ok(());
        };
        self.report.models += 1;
        let mut is_changed = model.updated_at == model.created_at;
        let mut settling = Vec::new();
        for version in &found.versions {
            interrupt::check(OPERATION)?;
            if let Some((taken, is_new)) = self.version(&model, title, version)? {
                is_changed |= is_new;
                (self.report.versions, self.report.served) =
                    (self.report.versions + 1, self.report.served + u64::from(!taken.is_external()));
                // What was changed since it was registered stays as it is.
                if taken.updated_at == taken.created_at {
                    settling.push((taken, version));
                }
            }
        }
        // From the latest on, which is the one that stays in production where only one can.
        for (taken, version) in settling.into_iter().rev() {
            is_changed |= self.settle(title, &taken, version)?;
        }
        for (alias, number) in &found.aliases {
            self.alias(&model, title, alias, *number, found.updated_at)?;
        }
        self.take_number(&model, found)?;
        let now = registry.model(&model.name)?;
        if is_changed && now.updated_at != found.updated_at {
            let change = self.change(None, found.updated_at);
            registry.describe(&model.name, None, &now.description, &change)?;
        }
        Ok(())
    }

    /// The version of this number, registered now or before, and whether it is new; none where it is left out.
    fn version(
        &mut self,
        model: &Model,
        title: &str,
        found: &RegisteredVersion,
    ) -> Result<Option<(ModelVersion, bool)>> {
        let subject = || format!("version {} of model {title:?}", found.version);
        let Ok(number) = Version::new(found.version) else {
            self.report.leave(|| format!("{}: versions are counted from 1", subject()));
            return Ok(None);
        };
        match self.import.registry.version(&model.name, number) {
            Ok(known) if known.lineage.source.as_deref() == Some(found.source.as_str()) => {
                return Ok(Some((known, false)));
            }
            Ok(_) => {
                self.report.leave(|| format!("{}: the registry has another one of this number", subject()));
                return Ok(None);
            }
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        if model.last_version.is_some_and(|last| number <= last) {
            self.report.leave(|| format!("{}: its number was given here before", subject()));
            return Ok(None);
        }
        if !matches!(found.status.as_str(), "" | "READY") {
            self.report.leave(|| format!("{}: its status is {}", subject(), found.status));
            return Ok(None);
        }
        let new = NewVersion::external(model.name.clone(), found.source.as_str());
        let mut new = new.with_version(number).with_description(found.description.as_str());
        (new.tags, new.lineage) = (found.tags.clone(), self.lineage(found, &subject()));
        let place = found.location.as_deref().unwrap_or(&found.source);
        let new = self.checked(model, place, new)?;
        let change = self.change(found.user.as_deref(), found.created_at);
        let created = self.import.registry.create_version(new, &change);
        Ok(self.taken(created, subject)?.map(|version| (version, true)))
    }

    fn lineage(&mut self, found: &RegisteredVersion, subject: &str) -> Lineage {
        let mut lineage = Lineage::default().with_source(found.source.as_str());
        lineage.location.clone_from(&found.location);
        lineage.run_link.clone_from(&found.run_link);
        if let Some(run) = &found.run {
            match RunId::new(run) {
                Ok(run) => lineage.run = Some(run),
                Err(error) => self.report.leave(|| format!("the run of {subject}: {error}")),
            }
        }
        let logged = found.source.strip_prefix("models:/").map(|rest| rest.trim_matches('/'));
        lineage.logged_model = logged.and_then(|id| LoggedModelId::new(id).ok());
        lineage
    }

    /// The version as one that mlcore serves, where its files can be read and pass the checks.
    fn checked(&self, model: &Model, place: &str, new: NewVersion) -> Result<NewVersion> {
        let store = &*self.import.store;
        let checked = if let Some(folder) = place.strip_prefix("mlflow-artifacts:/") {
            let Some(tree) = &self.import.tree else { return Ok(new) };
            let folder = folder.trim_matches('/');
            checked_files(&|path: &str| tree.read(&format!("{folder}/{path}"), 0), store, model, new.clone())
        } else if let Some(folder) = folder_of(place) {
            checked_files(&|path: &str| local(&folder, path), store, model, new.clone())
        } else {
            return Ok(new);
        };
        match checked {
            Err(error @ (Error::Unavailable(_) | Error::StorageFull(_) | Error::PermissionDenied(_))) => {
                Err(error)
            }
            // Its file MLmodel is none.
            Err(error) => Ok(unchecked(new, &error)),
            checked => checked,
        }
    }

    /// Gives a version its stage and the time of its last change; says whether there was something to do.
    fn settle(&mut self, title: &str, version: &ModelVersion, found: &RegisteredVersion) -> Result<bool> {
        let (registry, number) = (&self.import.registry, version.version);
        let word = found.stage.as_str();
        let stage = Stage::ALL.iter().copied().find(|stage| word_of(*stage).eq_ignore_ascii_case(word));
        let stage = match stage {
            Some(stage) => stage,
            None => {
                self.report.leave(|| {
                    format!("the stage of version {number} of model {title:?}: there is none called {word:?}")
                });
                Stage::Dev
            }
        };
        let change = self.change(None, found.updated_at);
        if stage != version.stage {
            let moved = registry.move_stage(&version.model, number, stage, false, &change);
            let production = registry.model(&version.model)?.production;
            let is_taken = stage == Stage::Production && production.is_some_and(|other| other != number);
            let is_taken = is_taken && moved.is_err();
            self.taken(moved, || format!("the stage {word} of version {number} of model {title:?}"))?;
            if is_taken {
                registry.move_stage(&version.model, number, Stage::Archived, false, &change)?;
            }
        } else if version.updated_at != found.updated_at {
            registry.describe(&version.model, Some(number), &version.description, &change)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn alias(&mut self, model: &Model, title: &str, word: &str, number: u64, at: Timestamp) -> Result<()> {
        let registry = &self.import.registry;
        let subject = || format!("the alias {word:?} of model {title:?}");
        let set = Version::new(number).and_then(|number| {
            let alias = Alias::new(word)?;
            match registry.alias(&model.name, &alias)? {
                Some(known) if known == number => Ok(()),
                Some(other) => Err(Error::conflict(
                    OPERATION,
                    format!("{}@{alias}", model.name),
                    format!("it means version {other} here"),
                )),
                None => {
                    let (expected, change) = (Expected::Absent, self.change(None, at));
                    registry.set_alias(&model.name, &alias, Some(number), expected, &change).map(drop)
                }
            }
        });
        if self.taken(set, subject)?.is_some() {
            self.report.aliases += 1;
        }
        Ok(())
    }

    /// Takes the number of the last version where that was deleted, so that it is not given again.
    fn take_number(&mut self, model: &Model, found: &RegisteredModel) -> Result<()> {
        let registry = &self.import.registry;
        let last = registry.model(&model.name)?.last_version.map_or(0, Version::get);
        if found.last_version <= last {
            return Ok(());
        }
        let Ok(number) = Version::new(found.last_version) else { return Ok(()) };
        let change = self.change(None, found.updated_at);
        let new = NewVersion::external(model.name.clone(), "deleted in MLflow").with_version(number);
        let created = registry.create_version(new, &change);
        let subject = || format!("that version {number} of model {:?} was deleted", found.name);
        if self.taken(created, subject)?.is_some() {
            registry.delete_version(&model.name, number, &change)?;
        }
        Ok(())
    }

    /// What the registry refuses is left out; what it cannot do ends the import.
    fn taken<T>(&mut self, done: Result<T>, what: impl FnOnce() -> String) -> Result<Option<T>> {
        match done {
            Ok(done) => Ok(Some(done)),
            Err(
                error @ (Error::InvalidInput(_)
                | Error::NotFound(_)
                | Error::AlreadyExists(_)
                | Error::Conflict(_)),
            ) => {
                self.report.leave(|| format!("{}: {error}", what()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// The folder of this machine that an address names.
fn folder_of(uri: &str) -> Option<PathBuf> {
    let path = match uri.strip_prefix("file://") {
        Some(path) => path.strip_prefix("localhost").unwrap_or(path),
        None => uri.strip_prefix("file:").unwrap_or(uri),
    };
    let plain = if path.len() == uri.len() { path.to_owned() } else { query::decoded(path, false) };
    let folder = PathBuf::from(plain);
    folder.is_absolute().then_some(folder)
}

/// Opens a file of a model's folder. Links must not lead out of it, and what cannot be read is no model.
fn local(folder: &Path, path: &str) -> Result<ArtifactFile> {
    let refused = |cause: std::io::Error| match cause.kind() {
        ErrorKind::PermissionDenied => {
            Error::invalid_input(OPERATION, path, format!("it cannot be read: {cause}"))
        }
        _ => Error::from_io(OPERATION, path, cause),
    };
    let root = folder.canonicalize().map_err(refused)?;
    let place = root.join(path).canonicalize().map_err(refused)?;
    if !place.starts_with(&root) || !place.is_file() {
        return Err(Error::invalid_input(OPERATION, path, "it is no file of its folder"));
    }
    let file = File::open(&place).map_err(refused)?;
    let size = file.metadata().map_err(refused)?.len();
    Ok(ArtifactFile::new(size, Box::new(file)))
}

const OPERATION: &str = "import store";
/// Who is noted where MLflow noted nobody.
const ACTOR: &str = "mlflow import";

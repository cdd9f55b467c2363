use super::{
    AuditEntry, AuditHead, Change, Event, Expected, Incumbent, Metrics, Model, ModelSearch, ModelVersion,
    Mutation, NewModel, NewVersion, Registry, Scrub, Stage, Subject, VersionSearch, backend, moves,
    registration, scrub, search,
};
use crate::artifact::ArtifactStore;
use crate::error::{Error, Result};
use crate::name::{Alias, ModelName, Version};
use crate::time::Timestamp;
use crate::tracking::Page;

/// What callers use of every [`Registry`]: a method for each kind of change, and questions about the past.
///
/// Each change is one transaction. Its errors are those of [`Registry::apply`]; only what is special is said here.
pub trait RegistryExt: Registry {
    /// Registers a model: a name, or a [`NewModel`] with description and tags.
    ///
    /// # Errors
    /// [`AlreadyExists`](Error::AlreadyExists).
    fn create_model(&self, new: impl Into<NewModel>, change: &Change) -> Result<Model> {
        registration::create_model(self, new.into(), change)
    }

    /// Removes a model and its versions.
    ///
    /// # Errors
    /// [`Conflict`](Error::Conflict) while it has an alias or a version in production.
    fn delete_model(&self, model: &ModelName, change: &Change) -> Result<AuditEntry> {
        self.apply(&Mutation::DeleteModel { model: model.clone() }, change)
    }

    /// Gives a model another name, and where it is no [`ModelName`] a title: see [`NewModel::titled`]. Its versions, aliases and
    /// numbers are under the new name from then on.
    ///
    /// # Errors
    /// [`AlreadyExists`](Error::AlreadyExists) where the name is taken, [`Conflict`](Error::Conflict) while the model has an alias
    /// or a version in production that mlcore runs.
    fn rename_model(&self, model: &ModelName, title: &str, change: &Change) -> Result<AuditEntry> {
        let NewModel { name, title, .. } = NewModel::titled(title);
        self.apply(&Mutation::RenameModel { model: model.clone(), name, title }, change)
    }

    /// The model that people call by this title: see [`NewModel::titled`].
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound).
    fn model_titled(&self, title: &str) -> Result<Model> {
        match self.model(&ModelName::of_title(title)) {
            Ok(model) if model.title() == title => Ok(model),
            Ok(_) | Err(Error::NotFound(_)) => {
                Err(Error::not_found("read model", title, "there is no model of this name")
                    .remedy("create the model first"))
            }
            failed => failed,
        }
    }

    /// A page of models. Every model is looked at.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a filter, order, limit or token that cannot be used.
    fn search_models(&self, search: &ModelSearch) -> Result<Page<Model>> {
        search::models(self, search)
    }

    /// A page of versions. Every version is looked at, unless the filter says `name = '..'`.
    ///
    /// ```
    /// # use mlcore::artifact::Digest;
    /// # use mlcore::name::ModelName;
    /// # use mlcore::registry::{Change, MemoryRegistry, NewVersion, RegistryExt, VersionSearch};
    /// # use mlcore::schema::Signature;
    /// # use mlcore::time::Timestamp;
    /// # let (registry, change) = (MemoryRegistry::new(), Change::new("ana", Timestamp::from_millis(0)));
    /// # let churn = ModelName::new("churn")?;
    /// # registry.create_model(&churn, &change)?;
    /// for auc in [0.79, 0.81, 0.80] {
    ///     let new = NewVersion::new(churn.clone(), Digest::of(b"a model"), Signature::default());
    ///     registry.create_version(new.with_metric("auc", auc), &change)?;
    /// }
    /// let search = VersionSearch::default().with_filter("metrics.auc >= 0.8").with_order("metrics.auc DESC");
    /// let found = registry.search_versions(&search)?.items;
    /// assert_eq!(found.iter().map(|found| found.version.get()).collect::<Vec<_>>(), [2, 3]);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`search_models`](Self::search_models).
    fn search_versions(&self, search: &VersionSearch) -> Result<Page<ModelVersion>> {
        search::versions(self, search)
    }

    /// Registers a version of a model that exists; it gets the next number and begins in `dev`.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) for the model or the parent.
    fn create_version(&self, new: NewVersion, change: &Change) -> Result<ModelVersion> {
        let entry = self.apply(&Mutation::CreateVersion(Box::new(new)), change)?;
        match &entry.event {
            Event::CreateVersion { version, content, measured } => {
                Ok(backend::new_version(&entry, *version, content, *measured))
            }
            other => Err(registration::another("create version", other)),
        }
    }

    /// Registers a version after making sure that its artifacts are stored and its model exists; creates the model
    /// where it does not.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) for an artifact that is not in `artifacts`, so that no version without its bytes
    /// is ever visible.
    fn register(
        &self,
        artifacts: &dyn ArtifactStore,
        new: NewVersion,
        change: &Change,
    ) -> Result<ModelVersion> {
        registration::register(self, artifacts, new, change)
    }

    /// Removes a version. Its number stays taken, its history stays in the log, its artifact stays in the store.
    ///
    /// # Errors
    /// [`Conflict`](Error::Conflict) while an alias means it or it is in production.
    fn delete_version(&self, model: &ModelName, version: Version, change: &Change) -> Result<AuditEntry> {
        self.apply(&Mutation::DeleteVersion { model: model.clone(), version }, change)
    }

    /// Points `alias` at `version`, or removes it with `None`, if it means what is expected.
    ///
    /// # Errors
    /// [`Conflict`](Error::Conflict) when it means something else by now; [`InvalidInput`](Error::InvalidInput) for a version
    /// in `dev` where the alias means the version in production: [`promote`](Self::promote) refuses it, too.
    fn set_alias(
        &self,
        model: &ModelName,
        alias: &Alias,
        version: Option<Version>,
        expected: Expected,
        change: &Change,
    ) -> Result<AuditEntry> {
        let (model, alias) = (model.clone(), alias.clone());
        self.apply(&Mutation::SetAlias { model, alias, version, expected }, change)
    }

    /// Moves `version` from stage `from` to stage `to`, as [`Stage`] allows. Another version in production stays there:
    /// for replacing it there are [`promote`](Self::promote) and [`replace_production`](Self::replace_production).
    ///
    /// # Errors
    /// [`Conflict`](Error::Conflict) when the version has another stage by now, production is taken, or it should be archived
    /// while an alias means it.
    fn transition(
        &self,
        model: &ModelName,
        version: Version,
        from: Stage,
        to: Stage,
        change: &Change,
    ) -> Result<AuditEntry> {
        let (model, incumbent) = (model.clone(), Incumbent::Keep);
        self.apply(&Mutation::Transition { model, version, from, to, incumbent }, change)
    }

    /// Takes `version` to stage `to` from whichever it has, through another one where [`Stage`] asks for it, and archives the
    /// others of that stage where `archive_others` says so: MLflow's `transition-stage`.
    ///
    /// # Errors
    /// [`Conflict`](Error::Conflict) when production is taken, or the version should be archived while an alias means it; none of
    /// that for [external](ModelVersion::is_external) ones. [`InvalidInput`](Error::InvalidInput) where the others of `dev` or
    /// `archived` shall be archived.
    fn move_stage(
        &self,
        model: &ModelName,
        version: Version,
        to: Stage,
        archive_others: bool,
        change: &Change,
    ) -> Result<AuditEntry> {
        self.apply(&Mutation::MoveStage { model: model.clone(), version, to, archive_others }, change)
    }

    /// Takes `version` from stage `from` to production and archives the one that was there, all at once; aliases stay.
    ///
    /// # Errors
    /// [`Conflict`](Error::Conflict) when the version has another stage by now, [`InvalidInput`](Error::InvalidInput) for
    /// one in `dev`.
    fn replace_production(
        &self,
        model: &ModelName,
        version: Version,
        from: Stage,
        change: &Change,
    ) -> Result<AuditEntry> {
        let (model, to, incumbent) = (model.clone(), Stage::Production, Incumbent::Archive);
        self.apply(&Mutation::Transition { model, version, from, to, incumbent }, change)
    }

    /// Points `alias` at `version`, takes that version to production and archives the one that was there: all at once.
    ///
    /// # Errors
    /// [`Conflict`](Error::Conflict) when the alias means something else by now, [`InvalidInput`](Error::InvalidInput)
    /// for a version that is still in `dev`.
    fn promote(
        &self,
        model: &ModelName,
        version: Version,
        alias: &Alias,
        expected: Expected,
        change: &Change,
    ) -> Result<AuditEntry> {
        let (model, alias) = (model.clone(), alias.clone());
        self.apply(&Mutation::Promote { model, version, alias, expected, retire: None }, change)
    }

    /// [Promotes](Self::promote) `version`, and ends the trial that it came from by removing the alias `trial`: all at
    /// once. It carries on where an earlier attempt stopped, as [`Mutation`] says.
    ///
    /// # Errors
    /// [`Conflict`](Error::Conflict) when `alias` means neither what is expected nor `version`, or `trial` means another
    /// version by now; [`InvalidInput`](Error::InvalidInput) for a version that is still in `dev`.
    fn promote_trial(
        &self,
        model: &ModelName,
        version: Version,
        alias: &Alias,
        expected: Expected,
        trial: &Alias,
        change: &Change,
    ) -> Result<AuditEntry> {
        let (model, alias, retire) = (model.clone(), alias.clone(), Some(trial.clone()));
        self.apply(&Mutation::Promote { model, version, alias, expected, retire }, change)
    }

    /// Ends the trial of `version` without a release: removes the alias `trial` where it means that version, and archives
    /// the version. It carries on where an earlier attempt stopped, as [`Mutation::Withdraw`] says.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound), and [`Conflict`](Error::Conflict) when `trial` means another version by now, or is not
    /// set although the version went to production.
    fn withdraw(
        &self,
        model: &ModelName,
        version: Version,
        trial: &Alias,
        change: &Change,
    ) -> Result<AuditEntry> {
        self.apply(&Mutation::Withdraw { model: model.clone(), version, alias: trial.clone() }, change)
    }

    /// Points `alias` back at the version that it meant before. Where the present one is in production, it is archived
    /// and the earlier one returns there. Repeated, it goes further back: a version rolled back from is not a target.
    ///
    /// # Errors
    /// [`Conflict`](Error::Conflict) when the alias means something else by now, [`NotFound`](Error::NotFound) when it
    /// is not set or meant nothing before.
    fn roll_back(
        &self,
        model: &ModelName,
        alias: &Alias,
        expected: Expected,
        change: &Change,
    ) -> Result<AuditEntry> {
        self.apply(&Mutation::RollBack { model: model.clone(), alias: alias.clone(), expected }, change)
    }

    /// Labels a model.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a key or value beyond what [`Mutation::SetTag`] takes.
    fn set_model_tag(
        &self,
        model: &ModelName,
        key: &str,
        value: &str,
        change: &Change,
    ) -> Result<AuditEntry> {
        set_tag(self, model, None, key, Some(value), change)
    }

    /// Removes a label from a model.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) where there is no such label.
    fn delete_model_tag(&self, model: &ModelName, key: &str, change: &Change) -> Result<AuditEntry> {
        set_tag(self, model, None, key, None, change)
    }

    /// Labels a version.
    ///
    /// # Errors
    /// As [`set_model_tag`](Self::set_model_tag).
    fn set_version_tag(
        &self,
        model: &ModelName,
        version: Version,
        key: &str,
        value: &str,
        change: &Change,
    ) -> Result<AuditEntry> {
        set_tag(self, model, Some(version), key, Some(value), change)
    }

    /// Removes a label from a version.
    ///
    /// # Errors
    /// As [`delete_model_tag`](Self::delete_model_tag).
    fn delete_version_tag(
        &self,
        model: &ModelName,
        version: Version,
        key: &str,
        change: &Change,
    ) -> Result<AuditEntry> {
        set_tag(self, model, Some(version), key, None, change)
    }

    /// Sets metrics of a version: each joins those it has, or replaces the one of its name. One change, whatever their number.
    ///
    /// ```
    /// # use mlcore::artifact::{ArtifactStoreExt, MemoryStore};
    /// # use mlcore::name::ModelName;
    /// # use mlcore::registry::{Change, MemoryRegistry, NewVersion, Registry, RegistryExt};
    /// # use mlcore::schema::Signature;
    /// # use mlcore::time::Timestamp;
    /// # let (registry, artifacts) = (MemoryRegistry::new(), MemoryStore::new());
    /// # let (churn, change) = (ModelName::new("churn")?, Change::new("ana", Timestamp::from_millis(0)));
    /// # let new = NewVersion::new(churn.clone(), artifacts.put_bytes(b"model")?, Signature::default());
    /// let version = registry.register(&artifacts, new.with_metric("auc", 0.79), &change)?.version;
    /// registry.set_metrics(&churn, version, [("auc", 0.81), ("log_loss", 0.43)], &change)?;
    /// assert_eq!(registry.version(&churn, version)?.metrics.value("auc"), Some(0.81));
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for no metrics, for a number that is not finite, and beyond what
    /// [`Mutation::SetMetrics`] takes; [`NotFound`](Error::NotFound) for the version.
    fn set_metrics<N: Into<String>>(
        &self,
        model: &ModelName,
        version: Version,
        metrics: impl IntoIterator<Item = (N, f64)>,
        change: &Change,
    ) -> Result<AuditEntry> {
        let metrics: Metrics = metrics.into_iter().collect();
        self.apply(&Mutation::SetMetrics { model: model.clone(), version, metrics }, change)
    }

    /// Removes a metric from a version.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) where there is no such metric.
    fn delete_metric(
        &self,
        model: &ModelName,
        version: Version,
        name: &str,
        change: &Change,
    ) -> Result<AuditEntry> {
        self.apply(&Mutation::DeleteMetric { model: model.clone(), version, name: name.to_owned() }, change)
    }

    /// Replaces the description of a model, or of one of its versions.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a text of more than 100,000 bytes.
    fn describe(
        &self,
        model: &ModelName,
        version: Option<Version>,
        description: &str,
        change: &Change,
    ) -> Result<AuditEntry> {
        let subject = Subject { model: model.clone(), version };
        self.apply(&Mutation::Describe { subject, description: description.to_owned() }, change)
    }

    /// The version that an alias means now, with all that is known of it.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) where the alias is not set.
    fn resolve(&self, model: &ModelName, alias: &Alias) -> Result<ModelVersion> {
        match self.alias(model, alias)? {
            Some(version) => self.version(model, version),
            None => Err(Error::not_found(
                "resolve alias",
                format!("{model}@{alias}"),
                "no version carries this alias",
            )
            .remedy("promote a version to it, or set it")),
        }
    }

    /// The version that an alias meant at `time`; none where it was not set.
    ///
    /// A move counts from its [`effective_at`](AuditEntry::effective_at). A clock that was wrong by more than a day moves no
    /// other change: a move dated more than a day after every later move counts from the next one, and a move dated more
    /// than a day before an earlier one counts from that one. Of several moves at the same moment the last counts.
    ///
    /// # Errors
    /// Where the backend cannot be read.
    fn alias_at(&self, model: &ModelName, alias: &Alias, time: Timestamp) -> Result<Option<Version>> {
        let history = self.alias_history(model, alias)?;
        // The times of the moves never fall, so that what counts is a prefix.
        let passed = moves::times(&history).partition_point(|moved| *moved <= time);
        Ok(history.get(..passed).and_then(<[_]>::last).and_then(|change| change.target()))
    }

    /// [Verifies](Registry::verify) the registry, and reads every artifact of `artifacts` and every one that a version names:
    /// which are missing or not what was put? It reads everything piece by piece.
    ///
    /// ```
    /// # use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
    /// # use mlcore::name::ModelName;
    /// # use mlcore::registry::{Change, MemoryRegistry, NewVersion, RegistryExt};
    /// # use mlcore::schema::Signature;
    /// # use mlcore::time::Timestamp;
    /// # let (registry, artifacts) = (MemoryRegistry::new(), MemoryStore::new());
    /// # let (churn, change) = (ModelName::new("churn")?, Change::new("ana", Timestamp::from_millis(0)));
    /// let artifact = artifacts.put_bytes(b"a model")?;
    /// registry.register(&artifacts, NewVersion::new(churn, artifact, Signature::default()), &change)?;
    /// let scrub = registry.scrub(&artifacts)?;
    /// assert_eq!((scrub.artifacts, scrub.bytes, scrub.damaged.len()), (1, 7, 0));
    ///
    /// artifacts.delete(&artifact)?;
    /// let damaged = registry.scrub(&artifacts)?.damaged;
    /// assert_eq!((damaged[0].kind, damaged[0].versions[0].version.get()), ("not_found", 1));
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`](Error::Corrupt) where the registry does not verify, and where the store cannot be read.
    fn scrub(&self, artifacts: &dyn ArtifactStore) -> Result<Scrub> {
        scrub::scrub(self, artifacts)
    }

    /// [Verifies](Registry::verify), and makes sure that the log still goes through `anchor`, a head that was kept
    /// elsewhere: so a log that was cut short or written anew is found too.
    ///
    /// # Errors
    /// [`Corrupt`](Error::Corrupt).
    fn verify_since(&self, anchor: &AuditHead) -> Result<AuditHead> {
        let head = self.verify()?;
        let found = match anchor.sequence {
            0 => Some(AuditHead::default()),
            sequence => self.audit(sequence, 1)?.first().map(AuditEntry::head),
        };
        // The hash covers everything else.
        if found.is_some_and(|found| (found.sequence, found.hash) == (anchor.sequence, anchor.hash)) {
            return Ok(head);
        }
        let problem = format!(
            "entry {} is not the one that was noted: the log was cut short or rewritten",
            anchor.sequence
        );
        Err(Error::corrupt("verify audit log", format!("entry {}", anchor.sequence), problem)
            .remedy("restore the registry from a backup"))
    }
}

impl<R: Registry + ?Sized> RegistryExt for R {}

fn set_tag<R: Registry + ?Sized>(
    registry: &R,
    model: &ModelName,
    version: Option<Version>,
    key: &str,
    value: Option<&str>,
    change: &Change,
) -> Result<AuditEntry> {
    let subject = Subject { model: model.clone(), version };
    registry
        .apply(&Mutation::SetTag { subject, key: key.to_owned(), value: value.map(str::to_owned) }, change)
}

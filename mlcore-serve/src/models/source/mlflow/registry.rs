use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt as _, PackagePath};
use mlcore::name::{Alias, ModelName, RunId, Version};
use mlcore::registry::{
    AliasChange, AuditEntry, AuditHead, Change, Lineage, MemoryRegistry, Model, ModelVersion, Mutation,
    NewModel, NewVersion, Registry, RegistryExt as _, backend::limits,
};
use mlcore::runner::ort::{Limits, StoredModel, inspect};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

use super::artifacts::Place;
use super::client::Client;
use super::mlmodel::MlModel;
use super::wire::{
    LoggedAnswer, ModelAnswer, ModelsAnswer, PlaceAnswer, RegisteredModel, RemoteTag, RemoteVersion,
    RunAnswer, VersionAnswer, VersionsAnswer,
};
use crate::models::INPUT_COLUMNS_TAG;
use crate::models::source::pinned::Meaning;

/// An MLflow server as a registry that is read.
///
/// An alias means what it means there; a stage is one, too, and means its latest version. A version's files are fetched, checked
/// and stored when it is first asked for, and it never changes after that.
#[derive(Debug)]
pub(super) struct MlflowRegistry {
    client: Client,
    store: Arc<dyn Store>,
    /// Files lie below it until they are stored.
    folder: PathBuf,
    limits: Limits,
    fetched: Mutex<BTreeMap<(ModelName, Version), ModelVersion>>,
}

/// A store that says what it is.
pub(super) trait Store: ArtifactStore + std::fmt::Debug {}
impl<S: ArtifactStore + std::fmt::Debug> Store for S {}

impl MlflowRegistry {
    pub(super) fn new(client: Client, store: Arc<dyn Store>, folder: PathBuf, limits: Limits) -> Self {
        Self { client, store, folder, limits, fetched: Mutex::default() }
    }

    /// What `word` means: an alias, a stage, a number, or the value of a version's tag `version`. A higher version goes before a
    /// lower one of the same tag.
    pub(super) fn meaning(&self, model: &ModelName, word: &str) -> Result<Meaning> {
        // No alias is a number, so that nobody is asked.
        if let Ok(number) = word.parse::<u64>() {
            return Version::new(number).map(Meaning::Version);
        }
        let registered = self.registered(model)?;
        if let Ok(alias) = Alias::new(word)
            && meant(&registered, &alias).is_some()
        {
            return Ok(Meaning::Followed(alias));
        }
        let is_meant = |tag: &RemoteTag| tag.key == "version" && tag.value == word;
        let mut last = None;
        self.each_version(model, |version| {
            if version.tags.iter().any(is_meant) {
                last = number_of(&version).max(last);
            }
        })?;
        last.map(Meaning::Version).ok_or_else(|| {
            let aliases: Vec<&str> = registered.aliases.iter().map(|alias| alias.alias.as_str()).collect();
            let known = if aliases.is_empty() { "it has no alias".to_owned() } else { format!("its aliases are {}", aliases.join(", ")) };
            let problem = format!(
                "{word:?} is no alias, no stage with a version, no number of a version, and no version's tag \"version\"; {known}"
            );
            Error::not_found("find version", model.as_str(), problem)
        })
    }

    /// The numbers of all versions of a model, in ascending order; `left` is told of those whose registration is not done.
    pub(super) fn numbers(&self, model: &ModelName, left: &mut Vec<String>) -> Result<Vec<Version>> {
        let mut numbers = Vec::new();
        self.each_version(model, |version| match version.status.as_str() {
            "" | "READY" => numbers.extend(number_of(&version)),
            status => left.push(format!("{model} version {}: its status is {status}", version.version)),
        })?;
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    fn each_version(&self, model: &ModelName, mut take: impl FnMut(RemoteVersion)) -> Result<()> {
        let (filter, mut token) = (format!("name='{model}'"), String::new());
        loop {
            let mut query = vec![("filter", filter.as_str()), ("max_results", PAGE)];
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let page: VersionsAnswer =
                self.client.get("/api/2.0/mlflow/model-versions/search", &query, model.as_str())?;
            page.model_versions.into_iter().for_each(&mut take);
            if page.next_page_token.is_empty() {
                return Ok(());
            }
            token = page.next_page_token;
        }
    }

    /// Where files are once they were fetched.
    pub(super) fn store(&self) -> &dyn ArtifactStore {
        &*self.store
    }

    /// The address of the server.
    pub(super) fn base(&self) -> &str {
        self.client.base()
    }

    /// What is known of a run.
    pub(super) fn run(&self, id: &str) -> Result<RunAnswer> {
        self.client.get("/api/2.0/mlflow/runs/get", &[("run_id", id)], &format!("run {id}"))
    }

    fn registered(&self, model: &ModelName) -> Result<RegisteredModel> {
        let query = [("name", model.as_str())];
        let answer: ModelAnswer =
            self.client.get("/api/2.0/mlflow/registered-models/get", &query, model.as_str())?;
        Ok(answer.registered_model)
    }

    /// Fetches a version's files, checks them and stores them.
    fn fetch(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
        let number = version.to_string();
        let subject = format!("{model} version {number}");
        let query = [("name", model.as_str()), ("version", number.as_str())];
        let answer: VersionAnswer =
            self.client.get("/api/2.0/mlflow/model-versions/get", &query, &subject)?;
        let remote = answer.model_version;
        if !["", "READY"].contains(&remote.status.as_str()) {
            let problem = format!("its status is {} in MLflow {}", remote.status, remote.status_message);
            return Err(Error::unavailable("load model", subject, problem.trim_end().to_owned()));
        }
        let mut uri = self
            .client
            .get::<PlaceAnswer>("/api/2.0/mlflow/model-versions/get-download-uri", &query, &subject)?
            .artifact_uri;
        if let Some(id) = uri.strip_prefix("models:/") {
            let path = format!("/api/2.0/mlflow/logged-models/{id}");
            uri = self.client.get::<LoggedAnswer>(&path, &[], &subject)?.model.info.artifact_uri;
        }
        let place = Place::of(&uri, self.client.base(), &subject)?;
        // One at a time, so that one folder is enough and a version is not fetched twice.
        let partial = self.folder.join("partial");
        let removed = || match fs::remove_dir_all(&partial) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::from_io("remove folder", partial.display().to_string(), cause))
            }
            _ => Ok(()),
        };
        removed()?;
        let stored = self.store_files(model, version, &place, &partial);
        removed()?;
        let (stored, columns) = stored.map_err(|error| match error {
            Error::Unsupported(_) | Error::NotFound(_) | Error::Unavailable(_) => error,
            error => error.within(&subject),
        })?;
        described(model, version, &remote, stored, columns)
    }

    fn store_files(
        &self,
        model: &ModelName,
        version: Version,
        place: &Place,
        partial: &std::path::Path,
    ) -> Result<(StoredModel, Option<Vec<String>>)> {
        let (number, limits) = (version.to_string(), &self.limits);
        let subject = format!("{model} version {number}");
        let fetch = |path: &PackagePath, most| place.fetch(&self.client, path, partial, most, &subject);
        let described = PackagePath::new("MLmodel")?;
        fetch(&described, MOST_MLMODEL_BYTES)?;
        let read = |path: &PackagePath| {
            let path = path.under(partial);
            fs::read(&path).map_err(|cause| Error::from_io("read file", path.display().to_string(), cause))
        };
        let text = String::from_utf8_lossy(&read(&described)?).into_owned();
        let MlModel { data, columns } = MlModel::read(&text, model.as_str(), &number)?;
        let data = PackagePath::new(data)?;
        let mut left = limits.max_model_bytes.saturating_sub(fetch(&data, limits.max_model_bytes)?);
        // What is no model of ours to run asks for no further file.
        let info = inspect(&read(&data)?, limits)?;
        let beside = data.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
        for location in &info.external_data {
            let path = if beside.is_empty() { location.clone() } else { format!("{beside}/{location}") };
            left = left.saturating_sub(fetch(&PackagePath::new(path)?, left)?);
        }
        Ok((StoredModel::from_file(&data.under(partial), &*self.store, limits)?, columns))
    }

    fn fetched(&self) -> MutexGuard<'_, BTreeMap<(ModelName, Version), ModelVersion>> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry for MlflowRegistry {
    fn apply(&self, _: &Mutation, _: &Change) -> Result<AuditEntry> {
        Err(self.only_read("change registry"))
    }

    fn model(&self, name: &ModelName) -> Result<Model> {
        model_of(name, &self.registered(name)?)
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        let mut models = BTreeMap::new();
        let mut token = String::new();
        loop {
            let mut query = vec![("max_results", PAGE)];
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let page: ModelsAnswer =
                self.client.get("/api/2.0/mlflow/registered-models/search", &query, "models")?;
            for model in page.registered_models {
                // MLflow keeps prompts in the same place.
                let is_prompt = |tag: &RemoteTag| tag.key == "mlflow.prompt.is_prompt" && tag.value == "true";
                if model.tags.iter().any(is_prompt) {
                    continue;
                }
                match ModelName::new(&model.name) {
                    Ok(name) if after.is_none_or(|after| name > *after) => {
                        models.insert(name.clone(), model_of(&name, &model)?);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "a model of MLflow is passed over: it cannot be served under its name");
                    }
                }
            }
            if page.next_page_token.is_empty() {
                break;
            }
            token = page.next_page_token;
        }
        Ok(models.into_values().take(limit).collect())
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
        let mut fetched = self.fetched();
        let key = (model.clone(), version);
        if let Some(known) = fetched.get(&key)
            && self.store.contains(&known.artifact)?
        {
            return Ok(known.clone());
        }
        let found = self.fetch(model, version)?;
        fetched.insert(key, found.clone());
        Ok(found)
    }

    fn versions(&self, _: &ModelName, _: Option<Version>, _: usize) -> Result<Vec<ModelVersion>> {
        // Each would be fetched with its files.
        Err(self.only_read("list versions"))
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
        Ok(meant(&self.registered(model)?, alias))
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
        let registered = self.registered(model)?;
        let of = |remote: &super::wire::RemoteAlias| {
            Some((Alias::new(&remote.alias).ok()?, remote.version.parse().ok()?))
        };
        let mut aliases: Vec<(Alias, Version)> = registered.aliases.iter().filter_map(of).collect();
        aliases.sort();
        Ok(aliases)
    }

    fn alias_history(&self, _: &ModelName, _: &Alias) -> Result<Vec<AliasChange>> {
        Err(self.only_read("read history"))
    }

    fn audit(&self, _: u64, _: usize) -> Result<Vec<AuditEntry>> {
        Err(self.only_read("read audit log"))
    }

    fn verify(&self) -> Result<AuditHead> {
        Err(self.only_read("verify registry"))
    }
}

impl MlflowRegistry {
    fn only_read(&self, operation: &'static str) -> Error {
        let problem = "of an MLflow server only models, aliases and single versions are read";
        Error::unsupported(operation, self.client.base().to_owned(), problem).remedy("do it in MLflow")
    }
}

/// The version that an alias, or a stage, means.
fn meant(model: &RegisteredModel, alias: &Alias) -> Option<Version> {
    let own = model.aliases.iter().find(|own| own.alias == alias.as_str());
    if let Some(own) = own {
        return own.version.parse().ok();
    }
    let is_stage = STAGES.iter().any(|stage| stage.eq_ignore_ascii_case(alias.as_str()));
    let of_stage =
        |version: &&RemoteVersion| is_stage && version.current_stage.eq_ignore_ascii_case(alias.as_str());
    model.latest_versions.iter().filter(of_stage).filter_map(number_of).max()
}

fn number_of(version: &RemoteVersion) -> Option<Version> {
    version.version.parse().ok()
}

fn model_of(name: &ModelName, remote: &RegisteredModel) -> Result<Model> {
    let registry = MemoryRegistry::new();
    let mut new = NewModel::new(name.clone()).with_description(shortened(&remote.description));
    new.tags = tags_of(&remote.tags);
    registry.create_model(new, &Change::new(ACTOR, Timestamp::default()))?;
    registry.model(name)
}

/// The version as our own registries have it.
fn described(
    model: &ModelName,
    version: Version,
    remote: &RemoteVersion,
    stored: StoredModel,
    columns: Option<Vec<String>>,
) -> Result<ModelVersion> {
    let mut new = NewVersion::new(model.clone(), stored.artifact, stored.info.signature)
        .with_format(stored.format)
        .with_version(version)
        .with_description(shortened(&remote.description));
    new.tags = tags_of(&remote.tags);
    if let Some(columns) = columns {
        let columns = serde_json::Value::from(columns).to_string();
        new.tags.entry(INPUT_COLUMNS_TAG.to_owned()).or_insert(columns);
    }
    if let Ok(run) = RunId::new(&remote.run_id) {
        new = new.with_lineage(Lineage::default().with_run(run));
    }
    let created = match &remote.creation_timestamp {
        serde_json::Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    };
    let actor = if remote.user_id.is_empty() || remote.user_id.len() > limits::MOST_ACTOR_BYTES {
        ACTOR
    } else {
        &remote.user_id
    };
    let change = Change::new(actor, Timestamp::from_millis(created.unwrap_or_default()));
    let registry = MemoryRegistry::new();
    registry.create_model(model, &change)?;
    registry.create_version(new, &change)
}

/// As many tags as our registries hold.
fn tags_of(tags: &[RemoteTag]) -> BTreeMap<String, String> {
    let fits = |tag: &&RemoteTag| {
        !tag.key.is_empty()
            && tag.key.len() <= limits::MOST_KEY_BYTES
            && tag.value.len() <= limits::MOST_TEXT_BYTES
    };
    let own = |tag: &RemoteTag| (tag.key.clone(), tag.value.clone());
    tags.iter().filter(fits).map(own).take(limits::MOST_TAGS - 1).collect()
}

fn shortened(text: &str) -> String {
    text.chars().take(limits::MOST_TEXT_BYTES / 4).collect()
}

/// MLflow's stages, the one of no stage apart.
const STAGES: [&str; 3] = ["Staging", "Production", "Archived"];
const ACTOR: &str = "mlflow";
const PAGE: &str = "200";
/// The file has a line for each column of a signature.
const MOST_MLMODEL_BYTES: u64 = 4 << 20;

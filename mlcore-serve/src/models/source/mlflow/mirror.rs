//! Versions of an MLflow server as those of our own registry.

use std::collections::BTreeMap;

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt as _};
use mlcore::name::{ModelName, Version};
use mlcore::registry::backend::limits;
use mlcore::registry::{
    Change, Expected, Metrics, ModelVersion, NewModel, NewVersion, Registry, RegistryExt as _, VersionSearch,
};
use mlcore::{Error, Result, interrupt};

use super::wire::{RemoteDataset, RemoteRun, RunAnswer};
use super::{MlflowSource, ModelSource as _};
use crate::models::source::pinned::Meaning;

/// What was taken over of a server: see [`MlflowSource::mirror_all`].
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MirrorReport {
    /// Models of which a version is here now.
    pub models: u64,
    /// Versions that are here now, those that were there included.
    pub versions: u64,
    /// Those of them that were taken over this time.
    pub new: u64,
    /// Aliases that mean here what they mean there.
    pub aliases: u64,
    /// What was left out, and why, in words.
    pub left: Vec<String>,
}

impl MlflowSource {
    /// Takes over every version of every model of the server by [`mirror`](Self::mirror), in the order of their numbers, with the models'
    /// descriptions and tags where the models are new, and the aliases that are not set here. What cannot be taken is left out and told: a
    /// version without the ONNX flavor, one whose file does not pass, an alias that means something else here. To do it again takes what
    /// is new.
    ///
    /// # Errors
    /// What the server, the registry and the store answer that says nothing of one version.
    pub fn mirror_all(
        &self,
        registry: &dyn Registry,
        artifacts: &dyn ArtifactStore,
        change: &Change,
    ) -> Result<MirrorReport> {
        let mut report = MirrorReport::default();
        for model in self.names()? {
            let mut taken: BTreeMap<Version, Version> = BTreeMap::new();
            for number in self.registry.numbers(&model, &mut report.left)? {
                interrupt::check(MIRROR)?;
                match self.taken(&model, number, (registry, artifacts), change) {
                    Ok((version, is_new)) => {
                        taken.insert(number, version.version);
                        report.new += u64::from(is_new);
                    }
                    Err(error) if is_of_version(&error) => report.left.push(error.to_string()),
                    Err(error) => return Err(error),
                }
            }
            report.models += u64::from(!taken.is_empty());
            report.versions += taken.len() as u64;
            for (alias, number) in self.registry.aliases(&model)? {
                // What was left out is told.
                let Some(own) = taken.get(&number).copied() else { continue };
                match registry.alias(&model, &alias)? {
                    None => drop(registry.set_alias(&model, &alias, Some(own), Expected::Absent, change)?),
                    Some(known) if known == own => {}
                    Some(other) => {
                        let problem =
                            format!("{model}@{alias}: it means version {other} here, and {own} there");
                        report.left.push(problem);
                        continue;
                    }
                }
                report.aliases += 1;
            }
        }
        Ok(report)
    }

    /// Creates the model with what the server says of it, where there is none of its name.
    fn create(&self, model: &ModelName, registry: &dyn Registry, change: &Change) -> Result<()> {
        match registry.model(model) {
            Err(Error::NotFound(_)) => {}
            known => return known.map(drop),
        }
        let found = self.registry.model(model)?;
        let mut new = NewModel::new(model.clone()).with_description(found.description);
        new.tags = found.tags;
        match registry.create_model(new, change) {
            Err(Error::AlreadyExists(_)) => Ok(()),
            created => created.map(drop),
        }
    }

    /// Takes a version over into a registry of ours: its files, checked, and what it was made of. `word` is an alias, a stage, a
    /// number or the value of the version's tag `version`. It gets the next number there, and `dev` for its stage; taken over
    /// again, it is the version that it became. A model that is not there is made, with its description and tags.
    ///
    /// Its lineage has the run, the address of its page and where the version came from; the last values of the run's metrics
    /// are its metrics, as far as they are finite, and the run's parameters and data sets are tags (`mlflow.param.depth`,
    /// `mlflow.dataset.training`).
    ///
    /// ```no_run
    /// use mlcore::artifact::FolderStore;
    /// use mlcore::name::ModelName;
    /// use mlcore::registry::{Change, SqliteRegistry};
    /// use mlcore_serve::models::{MlflowOptions, MlflowSource, SourceOptions};
    ///
    /// let server = MlflowSource::open(&MlflowOptions::new("mlflow+http://mlflow:5000"), SourceOptions::default())?;
    /// let (registry, artifacts) = (SqliteRegistry::open("registry.db")?, FolderStore::open("artifacts")?);
    /// let change = Change::new("ana", std::time::SystemTime::now().into());
    /// let churn = ModelName::new("churn")?;
    /// println!("{}", server.mirror(&churn, "champion", &registry, &artifacts, &change)?.version);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] for the version, [`Error::Unsupported`] for one without the ONNX flavor, what is wrong with its file, and
    /// what the server, the registry and the store answer.
    pub fn mirror(
        &self,
        model: &ModelName,
        word: &str,
        registry: &dyn Registry,
        artifacts: &dyn ArtifactStore,
        change: &Change,
    ) -> Result<ModelVersion> {
        let number = match self.registry.meaning(model, word)? {
            Meaning::Version(number) => number,
            Meaning::Followed(alias) => self.registry.alias(model, &alias)?.ok_or_else(|| {
                Error::not_found("find version", format!("{model}@{alias}"), "it means no version")
            })?,
        };
        self.taken(model, number, (registry, artifacts), change).map(|(version, _)| version)
    }

    /// The version that it became, and whether that is new.
    fn taken(
        &self,
        model: &ModelName,
        number: Version,
        (registry, artifacts): (&dyn Registry, &dyn ArtifactStore),
        change: &Change,
    ) -> Result<(ModelVersion, bool)> {
        let source = self.address(model, number);
        if let Some(known) = mirrored(registry, model, &source)? {
            return Ok((known, false));
        }
        let found = self.registry.version(model, number)?;
        let own = self.registry.store();
        copy(own, artifacts, &found)?;
        let mut new = NewVersion::new(model.clone(), found.artifact, found.signature)
            .with_format(found.format)
            .with_description(found.description)
            .with_lineage(found.lineage.with_source(source));
        new.tags = found.tags;
        if let Some(run) = new.lineage.run.clone() {
            match self.registry.run(run.as_str()) {
                Ok(answer) => self.describe(&mut new, answer),
                // It was deleted for good; the version stays what it is.
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.create(model, registry, change)?;
        registry.register(artifacts, new, change).map(|version| (version, true))
    }

    fn address(&self, model: &ModelName, number: Version) -> String {
        format!("mlflow+{}/models/{model}/{number}", self.registry.base())
    }

    /// What the run tells of the version.
    fn describe(&self, new: &mut NewVersion, answer: RunAnswer) {
        let RemoteRun { info, data, inputs } = answer.run;
        new.lineage.run_link = Some(format!(
            "{}/#/experiments/{}/runs/{}",
            self.registry.base(),
            info.experiment_id,
            info.run_id
        ));
        let finite = data.metrics.iter().filter_map(|metric| {
            let value = metric.value.as_f64().filter(|value| value.is_finite())?;
            is_key(&metric.key).then(|| (metric.key.clone(), value))
        });
        new.metrics = finite.take(limits::MOST_METRICS).collect::<Metrics>();
        let params =
            data.params.into_iter().map(|param| (format!("mlflow.param.{}", param.key), param.value));
        let datasets = inputs.dataset_inputs.into_iter().map(|input| {
            let context = input.tags.into_iter().find(|tag| tag.key == "mlflow.data.context");
            let context = context.map_or_else(|| "data".to_owned(), |tag| tag.value);
            let RemoteDataset { name, digest } = input.dataset;
            (format!("mlflow.dataset.{context}"), format!("{name} {digest}"))
        });
        add_tags(&mut new.tags, datasets.chain(params));
    }
}

/// As many tags as there is room for; what the version has itself stays.
fn add_tags(tags: &mut BTreeMap<String, String>, more: impl Iterator<Item = (String, String)>) {
    for (key, value) in more {
        if tags.len() < limits::MOST_TAGS && is_key(&key) && value.len() <= limits::MOST_TEXT_BYTES {
            tags.entry(key).or_insert(value);
        }
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= limits::MOST_KEY_BYTES && !key.chars().any(char::is_control)
}

/// The version that was made of this one before.
fn mirrored(registry: &dyn Registry, model: &ModelName, source: &str) -> Result<Option<ModelVersion>> {
    let filter = format!("name = '{model}' AND source = '{}'", source.replace('\'', "''"));
    let search = VersionSearch::default().with_filter(filter).with_limit(1);
    Ok(registry.search_versions(&search)?.items.pop())
}

/// Whether an error says something of one version, so that others can be taken.
fn is_of_version(error: &Error) -> bool {
    matches!(error, Error::NotFound(_) | Error::Unsupported(_) | Error::InvalidInput(_) | Error::Corrupt(_))
}

/// Copies all files of a version.
fn copy(from: &dyn ArtifactStore, to: &dyn ArtifactStore, version: &ModelVersion) -> Result<()> {
    let mut digests = vec![version.artifact];
    if version.format == PACKAGE {
        digests.extend(from.package(&version.artifact)?.files().values().map(|file| file.digest));
    }
    for digest in digests {
        if !to.contains(&digest)? {
            to.put(&mut from.open(&digest)?)?;
        }
    }
    Ok(())
}

const MIRROR: &str = "mirror versions";
/// The format of a version whose artifact is the manifest of a package.
const PACKAGE: &str = "onnx-package";

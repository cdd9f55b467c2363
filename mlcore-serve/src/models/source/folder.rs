use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use mlcore::artifact::ArtifactStoreExt;
use mlcore::name::{Alias, ModelName, Version};
use mlcore::registry::{Change, Expected, Lineage, MemoryRegistry, NewVersion, RegistryExt, Stage};
use mlcore::runner::ort::StoredModel;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use mlcore_features::pipeline::Plan;

use super::brought::Brought;
use super::files::Files;
use super::triton::{TritonConfig, VersionPolicy};
use super::{ModelSource, SourceOptions};
use crate::Endpoint;
use crate::batching::BatchOptions;
use crate::endpoint::OnnxLoader;
use crate::v2::Parameters;

/// The models of a folder in Triton's layout: `NAME/VERSION/model.onnx`, with `NAME/config.pbtxt` where it is wanted.
///
/// Of a model its highest version answers, or those that the `version_policy` of its `config.pbtxt` names: one of them by its
/// number, and who names none is answered by the default arm. A file `plan.json` beside `model.onnx` is the feature plan of the
/// version, so that it takes raw records. In the place of `model.onnx` may stand a folder of that name, with the model and its weights.
///
/// A client that loads a model may bring what else lies in its folder, by Triton's parameters: `config`, a configuration in JSON, and
/// with it the files, as `file:1/model.onnx`. They count until the model is loaded anew.
///
/// Aliases and what a policy decides about them live as long as the model is loaded: a folder has no place for them.
///
/// ```no_run
/// use mlcore_serve::models::{FolderSource, Models, SourceOptions};
///
/// let models = Models::of(FolderSource::open("models", SourceOptions::default())?);
/// models.load(&mlcore::name::ModelName::new("churn")?, &Default::default())?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct FolderSource {
    root: PathBuf,
    options: SourceOptions,
}

impl FolderSource {
    /// The models below this folder.
    ///
    /// # Errors
    /// [`Error::NotFound`] and what the system says, where it is no folder that can be read.
    pub fn open(root: impl Into<PathBuf>, options: SourceOptions) -> Result<Self> {
        let source = Self { root: root.into(), options };
        source.names()?;
        Ok(source)
    }

    fn folder(&self, name: &ModelName) -> Result<PathBuf> {
        let folder = self.root.join(name.as_str());
        if folder.is_dir() {
            return Ok(folder);
        }
        let problem = format!("the folder {} has no folder of this name", self.root.display());
        Err(Error::not_found(OPEN, name.as_str(), problem))
    }
}

impl ModelSource for FolderSource {
    fn names(&self) -> Result<Vec<ModelName>> {
        let mut names = Vec::new();
        for name in entries(&self.root)? {
            if name.starts_with('.') || !self.root.join(&name).is_dir() {
                continue;
            }
            match ModelName::new(&name) {
                Ok(name) => names.push(name),
                Err(error) => tracing::warn!(%error, "a folder of the repository is no model"),
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn open(&self, name: &ModelName, parameters: &Parameters) -> Result<Endpoint> {
        let Brought { config: brought, files: own } = Brought::read(name, parameters)?;
        let folder = match &own {
            Some(own) => own.path().to_owned(),
            None => self.folder(name)?,
        };
        let config = match brought {
            Some(config) => config,
            None => config(&folder, name)?,
        };
        let options = self.options.of(name);
        let files = Arc::new(Files::of(own));
        let registry = Arc::new(MemoryRegistry::new());
        let change = Change::new("mlcore-serve", SystemTime::now().into());
        let numbers = chosen(&folder, &config, name)?;
        registry.create_model(name, &change)?;
        for number in &numbers {
            let new = self.read(&folder.join(number.to_string()), *number, &config, name, &files)?;
            let version = registry.register(&*files, new, &change)?.version;
            registry.transition(name, version, Stage::Dev, Stage::Staging, &change)?;
        }
        let default = options.default_alias()?;
        let mut aliases = options.versions()?;
        if let Some(highest) = numbers.last() {
            aliases.entry(default.clone()).or_insert(*highest);
        }
        if let Some((alias, version)) = aliases.iter().find(|(_, version)| !numbers.contains(version)) {
            let problem =
                format!("{alias} is to mean version {version}, and those that answer are {}", list(&numbers));
            return Err(Error::not_found(OPEN, name.as_str(), problem)
                .remedy("name another version, or let version_policy in config.pbtxt choose it"));
        }
        let others = numbers.iter().filter(|number| !aliases.values().any(|version| version == *number));
        let others: Vec<Version> = others.copied().collect();
        for number in others {
            aliases.insert(Alias::new(format!("version-{number}"))?, number);
        }
        for (alias, version) in &aliases {
            registry.set_alias(name, alias, Some(*version), Expected::Absent, &change)?;
        }
        let mut onnx = self.options.onnx_of(&options);
        if let Some(sessions) = config.sessions {
            onnx = onnx.with_sessions(sessions);
        }
        let builder = Endpoint::builder(name.clone(), registry, files);
        let mut builder =
            options.build(builder.with_loader(OnnxLoader::new(onnx)).with_follow_interval(None))?;
        for alias in aliases.into_keys().filter(|alias| *alias != default && !options.arms.contains(alias)) {
            builder = builder.with_arm(alias);
        }
        self.options.customise(name, builder)?.build()
    }

    fn batching(&self, name: &ModelName, parameters: &Parameters) -> Result<Option<BatchOptions>> {
        match (self.options.of(name).batching, Brought::config_of(name, parameters)?) {
            (Some(options), _) => Ok(Some(options)),
            (None, Some(config)) => Ok(config.batching),
            (None, None) => Ok(config(&self.folder(name)?, name)?.batching),
        }
    }

    fn state(&self, name: &ModelName) -> Result<Option<u64>> {
        let mut hasher = DefaultHasher::new();
        hash_tree(&self.folder(name)?, 0, &mut hasher)?;
        Ok(Some(hasher.finish()))
    }
}

impl FolderSource {
    /// What a folder of a version holds.
    fn read(
        &self,
        folder: &Path,
        number: Version,
        config: &TritonConfig,
        name: &ModelName,
        files: &Files,
    ) -> Result<NewVersion> {
        let path = folder.join(&config.file_name);
        let limits = &self.options.onnx.limits;
        if path.is_file() {
            files.next_is(&path);
        }
        let stored =
            StoredModel::from_file(&path, files, limits).map_err(|error| about(error, name, number))?;
        let signature = stored.info.signature.clone();
        for (kind, named, schema) in
            [("input", &config.inputs, &signature.inputs), ("output", &config.outputs, &signature.outputs)]
        {
            require_known(kind, named, schema).map_err(|error| about(error, name, number))?;
        }
        let new = NewVersion::new(name.clone(), stored.artifact, signature)
            .with_format(stored.format)
            .with_version(number);
        let plan = folder.join("plan.json");
        if !plan.exists() {
            return Ok(new);
        }
        let bytes = bounded(&plan)?;
        let plan = Plan::from_bytes_with(&bytes, &self.options.functions)
            .map_err(|error| about(error, name, number))?;
        let plan = Lineage::default().with_plan(plan.digest().parse()?, files.put_bytes(&bytes)?);
        Ok(new.with_lineage(plan))
    }
}

/// The versions that answer, lowest first.
fn chosen(folder: &Path, config: &TritonConfig, name: &ModelName) -> Result<Vec<Version>> {
    let mut numbers: Vec<Version> = entries(folder)?
        .into_iter()
        .filter(|entry| !entry.starts_with('0') && entry.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|entry| entry.parse().ok())
        .filter(|number: &Version| folder.join(number.to_string()).join(&config.file_name).exists())
        .collect();
    numbers.sort_unstable();
    let found = numbers.clone();
    match &config.version_policy {
        VersionPolicy::All => {}
        VersionPolicy::Latest(most) => drop(numbers.drain(..numbers.len().saturating_sub(*most))),
        VersionPolicy::Specific(asked) => {
            if let Some(missing) = asked.iter().find(|number| !found.contains(number)) {
                let problem = format!("config.pbtxt names version {missing}, and there are {}", list(&found));
                return Err(Error::not_found(OPEN, name.as_str(), problem));
            }
            numbers.retain(|number| asked.contains(number));
        }
    }
    if numbers.is_empty() {
        let problem = format!("its folder has no version: no file such as 1/{}", config.file_name);
        return Err(Error::not_found(OPEN, name.as_str(), problem)
            .remedy("put each version into a folder named by its number"));
    }
    Ok(numbers)
}

fn config(folder: &Path, name: &ModelName) -> Result<TritonConfig> {
    let path = folder.join("config.pbtxt");
    if !path.exists() {
        return Ok(TritonConfig::default());
    }
    let text = String::from_utf8(bounded(&path)?).map_err(|cause| {
        let subject = format!("config.pbtxt of {name}");
        Error::invalid_input(OPEN, subject, "it is not UTF-8").caused_by(cause)
    })?;
    TritonConfig::read(&text, name.as_str())
}

fn require_known(kind: &str, named: &[String], schema: &Schema) -> Result<()> {
    match named.iter().find(|name| schema.field(name).is_none()) {
        None => Ok(()),
        Some(name) => {
            let known: Vec<&str> = schema.names().collect();
            let problem = format!("it describes the {kind} {name:?}, and the model has {}", known.join(", "));
            Err(Error::invalid_input(OPEN, "config.pbtxt", problem))
        }
    }
}

/// A file of text as large as one that somebody wrote can be.
fn bounded(path: &Path) -> Result<Vec<u8>> {
    let failed = |cause| Error::from_io(OPEN, path.display().to_string(), cause);
    let file = File::open(path).map_err(failed)?;
    let is_file = file.metadata().map_err(failed)?.is_file();
    let mut bytes = Vec::new();
    let read = if is_file { file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)? } else { 0 };
    if !is_file || read as u64 > MOST_BYTES {
        let problem = format!("it is no file of at most {MOST_BYTES} bytes");
        return Err(Error::invalid_input(OPEN, path.display().to_string(), problem));
    }
    Ok(bytes)
}

/// The names in a folder that are text.
fn entries(folder: &Path) -> Result<Vec<String>> {
    let failed = |cause| Error::from_io("read model folder", folder.display().to_string(), cause);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Names, sizes and times of what lies in a folder: what changes where somebody puts something else there.
fn hash_tree(folder: &Path, depth: usize, hasher: &mut impl Hasher) -> Result<()> {
    for name in entries(folder)? {
        let path = folder.join(&name);
        // Something that is gone since is none of it.
        let Ok(found) = fs::metadata(&path) else { continue };
        (depth, &name).hash(hasher);
        if found.is_dir() {
            if depth < DEEPEST {
                hash_tree(&path, depth + 1, hasher)?;
            }
        } else {
            (found.len(), found.modified().unwrap_or(SystemTime::UNIX_EPOCH)).hash(hasher);
        }
    }
    Ok(())
}

fn about(error: Error, name: &ModelName, number: Version) -> Error {
    error.within(format!("{name} version {number}"))
}

fn list(numbers: &[Version]) -> String {
    let words: Vec<String> = numbers.iter().map(Version::to_string).collect();
    words.join(", ")
}

const OPEN: &str = "load model";
const MOST_BYTES: u64 = 16 << 20;
const DEEPEST: usize = 8;

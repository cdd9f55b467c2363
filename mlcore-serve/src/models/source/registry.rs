use std::sync::Arc;

use mlcore::artifact::ArtifactStore;
use mlcore::name::{ModelName, Version};
use mlcore::registry::Registry;
use mlcore::{Error, Result};

use super::pinned::{Meaning, Pinned, meaning};
use super::{ModelOptions, ModelSource, SourceOptions};
use crate::Endpoint;
use crate::batching::BatchOptions;
use crate::endpoint::OnnxLoader;
use crate::v2::Parameters;

/// The models of a registry whose default alias (`champion`, unless the options name another) means a version. Endpoints follow
/// the aliases, whoever moves them.
pub struct RegistrySource {
    registry: Arc<dyn Registry>,
    artifacts: Arc<dyn ArtifactStore>,
    options: SourceOptions,
    /// How often aliases are looked at; the endpoint's default where nothing is said.
    #[cfg(feature = "mlflow")]
    follow_interval: Option<std::time::Duration>,
}

impl RegistrySource {
    /// The models of this registry.
    #[must_use]
    pub fn new(
        registry: Arc<dyn Registry>,
        artifacts: Arc<dyn ArtifactStore>,
        options: SourceOptions,
    ) -> Self {
        Self {
            registry,
            artifacts,
            options,
            #[cfg(feature = "mlflow")]
            follow_interval: None,
        }
    }

    /// Looks at aliases this often.
    #[cfg(feature = "mlflow")]
    pub(super) fn with_follow_interval(mut self, interval: std::time::Duration) -> Self {
        self.follow_interval = Some(interval);
        self
    }

    /// How this model is to be served.
    pub(super) fn options_of(&self, name: &ModelName) -> ModelOptions {
        self.options.of(name)
    }

    /// Opens a model that is served with these options. A version that is `pinned` is the default alias', whatever becomes of that.
    pub(super) fn open_with(
        &self,
        name: &ModelName,
        options: &ModelOptions,
        pinned: Option<Version>,
        parameters: &Parameters,
    ) -> Result<Endpoint> {
        if let Some(parameter) = parameters.keys().find(|key| *key == "config" || key.starts_with("file:")) {
            let problem =
                format!("the parameter {parameter:?} brings what this server takes from its registry");
            return Err(Error::unsupported("load model", name.as_str(), problem)
                .remedy("register a version, and load the model without parameters"));
        }
        if !options.aliases.is_empty() {
            let problem = "its options set aliases, and those of a registry are moved there";
            return Err(Error::invalid_input("load model", name.as_str(), problem)
                .remedy("leave aliases out of the settings"));
        }
        let registry: Arc<dyn Registry> = match pinned {
            Some(version) => Arc::new(Pinned {
                registry: self.registry.clone(),
                model: name.clone(),
                alias: options.default_alias()?,
                version,
            }),
            None => self.registry.clone(),
        };
        let loader = OnnxLoader::new(self.options.onnx_of(options));
        let builder = Endpoint::builder(name.clone(), registry, self.artifacts.clone());
        let mut builder = options.build(builder.with_loader(loader))?;
        #[cfg(feature = "mlflow")]
        if let Some(interval) = self.follow_interval {
            builder = builder.with_follow_interval(interval);
        }
        if let Some(folder) = &self.options.snapshots {
            builder = builder.with_snapshot(folder.join(format!("{name}.snapshot")));
        }
        self.options.customise(name, builder)?.build()
    }
}

impl ModelSource for RegistrySource {
    fn names(&self) -> Result<Vec<ModelName>> {
        let mut names: Vec<ModelName> = Vec::new();
        loop {
            let after = names.last().cloned();
            let page = self.registry.models(after.as_ref(), PAGE)?;
            let is_last = page.len() < PAGE;
            names.extend(page.into_iter().map(|model| model.name));
            if is_last {
                break;
            }
        }
        let mut served = Vec::new();
        for name in names {
            let options = self.options.of(&name);
            let alias = options.default_alias()?;
            if options.version.is_some() || self.registry.alias(&name, &alias)?.is_some() {
                served.push(name);
            }
        }
        Ok(served)
    }

    fn is_for_others(&self, name: &ModelName) -> Result<bool> {
        let options = self.options.of(name);
        if options.version.is_some() {
            return Ok(false);
        }
        let Some(version) = self.registry.alias(name, &options.default_alias()?)? else { return Ok(false) };
        Ok(self.registry.version(name, version)?.is_external())
    }

    fn open(&self, name: &ModelName, parameters: &Parameters) -> Result<Endpoint> {
        let mut options = self.options_of(name);
        let mut pinned = None;
        if let Some(word) = options.version.take() {
            match meaning(&*self.registry, name, &word)? {
                Meaning::Followed(alias) => options.default_arm = Some(alias),
                Meaning::Version(version) => pinned = Some(version),
            }
        }
        self.open_with(name, &options, pinned, parameters)
    }

    fn batching(&self, name: &ModelName, _: &Parameters) -> Result<Option<BatchOptions>> {
        Ok(self.options.of(name).batching)
    }
}

impl std::fmt::Debug for RegistrySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistrySource").field("options", &self.options).finish_non_exhaustive()
    }
}

const PAGE: usize = 256;

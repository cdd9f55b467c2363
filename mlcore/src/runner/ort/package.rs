//! Models in a store of artifacts: one file as it is, one of several files as a package, so that none is there without its
//! weights.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::external::{ExternalData, Folder};
use super::graph::{self, ModelInfo};
use super::options::{Limits, OnnxOptions};
use super::probe::Probe;
use super::room;
use super::runner::OnnxRunner;
use crate::artifact::{
    ArtifactStore, ArtifactStoreExt, Digest, ImportOptions, Package, PackageFile, PackagePath,
};
use crate::error::{Error, Result};

/// The word for a model that is one ONNX file, as [`ModelVersion::format`](crate::registry::ModelVersion::format) has it.
pub const ONNX: &str = "onnx";
/// The word for a model of several files: the artifact is the manifest of a [`Package`].
pub const ONNX_PACKAGE: &str = "onnx-package";

/// A model in a store: what its registration names.
///
/// ```
/// use mlcore::artifact::{ArtifactStoreExt, MemoryStore};
/// use mlcore::runner::ort::{Limits, StoredModel};
///
/// let store = MemoryStore::new();
/// assert!(StoredModel::from_bytes(b"no model", &store, &Limits::default()).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct StoredModel {
    /// The file, or the manifest of the package.
    pub artifact: Digest,
    /// [`ONNX`] or [`ONNX_PACKAGE`].
    pub format: &'static str,
    /// What the model says about itself.
    pub info: ModelInfo,
}

impl StoredModel {
    /// Stores a model from memory. One whose weights lie in other files is refused, and nothing is stored.
    ///
    /// # Errors
    /// [`Error::InvalidModel`] and [`Error::Unsupported`] for bytes that cannot or must not be run, and what the store answers.
    pub fn from_bytes(model: &[u8], store: &dyn ArtifactStore, limits: &Limits) -> Result<Self> {
        let info = inspected(model, limits)?;
        Folder { model: NAME, path: None }.read(&info.external_data, 0, limits)?;
        Ok(Self { artifact: store.put_bytes(model)?, format: ONNX, info })
    }

    /// Stores a file, or a folder that holds one model. Weights that lie in other files are stored with it, as one package.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes), and as [`ArtifactStoreExt::put_file`] for the file itself. Weights that are missing,
    /// or outside the folder of the model, are [`Error::InvalidModel`].
    pub fn from_file(path: &Path, store: &dyn ArtifactStore, limits: &Limits) -> Result<Self> {
        if path.is_dir() {
            return Self::from_package(store.put_folder(path, &ImportOptions::default())?, store, limits);
        }
        let artifact = store.put_file(path, &ImportOptions::default())?;
        let model = store.read(&artifact)?;
        let info = inspected(&model, limits)?;
        if info.external_data.is_empty() {
            return Ok(Self { artifact, format: ONNX, info });
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let folder = Folder { model: NAME, path: Some(folder) };
        let size = model.len() as u64;
        let mut files = BTreeMap::from([(PackagePath::new(NAME)?, PackageFile::new(artifact, size))]);
        let mut used = size;
        for location in &info.external_data {
            // One file at a time: together they may be larger than memory is free.
            for ExternalData { bytes, .. } in folder.read(std::slice::from_ref(location), used, limits)? {
                used = used.saturating_add(bytes.len() as u64);
                let file = PackageFile::new(store.put_bytes(&bytes)?, bytes.len() as u64);
                if files.insert(place(location)?, file).is_some_and(|earlier| earlier != file) {
                    let problem =
                        format!("its weights at {location:?} have the name of the model in a package");
                    return Err(invalid(problem).remedy("give the file of weights another name"));
                }
            }
        }
        let artifact = store.put_bytes(&Package::new(files)?.to_json()?)?;
        Ok(Self { artifact, format: ONNX_PACKAGE, info })
    }

    /// The model of a package that is stored already, of which every file must be there.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes); [`Error::NotFound`] for a file that is not in the store.
    pub fn from_package(artifact: Digest, store: &dyn ArtifactStore, limits: &Limits) -> Result<Self> {
        let package = store.package(&artifact)?;
        let info = inspected(&read(store, model_of(&package)?, limits.max_model_bytes)?, limits)?;
        for location in &info.external_data {
            let file = weights_of(&package, location)?;
            if !store.contains(&file.digest)? {
                let problem = format!("its weights at {location:?} are not in the artifact store");
                return Err(Error::not_found("store model", NAME, problem));
            }
        }
        Ok(Self { artifact, format: ONNX_PACKAGE, info })
    }

    /// Has a child load it under `options` and run it once on zeros, without loading it here: before a model from a stranger is
    /// registered.
    ///
    /// # Errors
    /// What the child answers, or what became of it: [`Error::InvalidModel`] for a model that makes it crash or that cannot be
    /// run, [`Error::Timeout`] and [`Error::Overloaded`] for one that takes more than the probe allows; and what the store answers.
    ///
    /// ```no_run
    /// # use mlcore::artifact::ArtifactStore;
    /// use mlcore::runner::ort::{Limits, OnnxOptions, Probe, StoredModel};
    ///
    /// # fn take(bytes: &[u8], store: &dyn ArtifactStore) -> mlcore::Result<StoredModel> {
    /// let stored = StoredModel::from_bytes(bytes, store, &Limits::default())?;
    /// stored.check_by(&Probe::this_program()?, store, &OnnxOptions::default())?;
    /// # Ok(stored)
    /// # }
    /// ```
    pub fn check_by(&self, probe: &Probe, store: &dyn ArtifactStore, options: &OnnxOptions) -> Result<()> {
        let (model, weights) = match self.format {
            ONNX => (store.read(&self.artifact)?, Vec::new()),
            _ => parts(store, &self.artifact, &options.limits)?,
        };
        probe.check(options.name.as_deref().unwrap_or(NAME), &model, &weights, options).map(drop)
    }
}

impl OnnxRunner {
    /// Loads a model from a store, where it is one file ([`ONNX`]) or a package ([`ONNX_PACKAGE`]). Every byte is verified.
    ///
    /// # Errors
    /// As [`OnnxRunner::from_bytes_with`]; [`Error::Unsupported`] for another format, and what the store answers.
    pub fn from_store_with(
        store: &dyn ArtifactStore,
        artifact: &Digest,
        format: &str,
        options: &OnnxOptions,
    ) -> Result<Self> {
        let name = options.name.as_deref().unwrap_or("model");
        if format == ONNX {
            room::check(name, store.size(artifact)?.unwrap_or(0), &options.limits)?;
            return Self::from_parts(store.read(artifact)?, None, options);
        }
        if format != ONNX_PACKAGE {
            let problem = format!("its format is {format:?}, and {ONNX} and {ONNX_PACKAGE} are run");
            return Err(Error::unsupported("load model", artifact.to_string(), problem));
        }
        let files = store.package(artifact)?;
        let bytes = files.files().values().fold(0_u64, |sum, file| sum.saturating_add(file.size));
        room::check(name, bytes, &options.limits)?;
        let (model, weights) = parts(store, artifact, &options.limits)?;
        Self::from_parts(model, Some(weights), options)
    }
}

/// The model of a package, and its weights.
fn parts(
    store: &dyn ArtifactStore,
    artifact: &Digest,
    limits: &Limits,
) -> Result<(Vec<u8>, Vec<ExternalData>)> {
    let package = store.package(artifact)?;
    let mut left = limits.max_model_bytes;
    let model = read(store, model_of(&package)?, left)?;
    left = left.saturating_sub(model.len() as u64);
    let mut weights = Vec::new();
    for location in inspected(&model, limits)?.external_data {
        let bytes = read(store, weights_of(&package, &location)?, left)?;
        left = left.saturating_sub(bytes.len() as u64);
        weights.push(ExternalData { location, bytes });
    }
    Ok((model, weights))
}

/// What a file of a package holds, which must not be more than is left.
fn read(store: &dyn ArtifactStore, file: PackageFile, left: u64) -> Result<Vec<u8>> {
    if store.size(&file.digest)?.unwrap_or(file.size) > left {
        return Err(invalid("with its weights it has more bytes than are allowed")
            .remedy("raise the limit max_model_bytes if you trust the model"));
    }
    store.read(&file.digest)
}

fn inspected(model: &[u8], limits: &Limits) -> Result<ModelInfo> {
    let info = graph::read(model, NAME, limits)?.info;
    Folder { model: NAME, path: None }.check(&info.external_data)?;
    Ok(info)
}

/// The model of a package: `model.onnx`, or the one ONNX file beside its manifest.
fn model_of(package: &Package) -> Result<PackageFile> {
    let is_model = |path: &PackagePath| path.as_str().ends_with(".onnx") && !path.as_str().contains('/');
    let mut models = package.files().iter().filter(|(path, _)| is_model(path));
    if let Some((_, file)) = models.clone().find(|(path, _)| path.as_str() == NAME) {
        return Ok(*file);
    }
    match (models.next(), models.next()) {
        (Some((_, file)), None) => Ok(*file),
        (None, _) => Err(invalid("the package holds no ONNX file").remedy("name it model.onnx")),
        (Some(_), Some(_)) => {
            Err(invalid("the package holds several ONNX files").remedy("name the model model.onnx"))
        }
    }
}

fn weights_of(package: &Package, location: &str) -> Result<PackageFile> {
    let file = package.files().get(&place(location)?).copied();
    file.ok_or_else(|| {
        invalid(format!("its weights at {location:?} are not in the package"))
            .remedy("register the model's file again, beside its weights")
    })
}

/// The place of weights in a package; a model may name them by way of `./`.
fn place(location: &str) -> Result<PackagePath> {
    let parts = Path::new(location).components().filter_map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    PackagePath::new(parts.collect::<Vec<_>>().join("/")).map_err(|cause| {
        let rule = cause.context().problem().to_owned();
        invalid(format!("the location of its weights is no path of a package: {rule}")).caused_by(cause)
    })
}

fn invalid(problem: impl Into<String>) -> Error {
    Error::invalid_model("store model", NAME, problem)
}

/// What a model is called in a package, and in errors.
const NAME: &str = "model.onnx";

mod builder;
mod manifest;
#[cfg(feature = "signatures")]
mod signed;

use std::collections::BTreeMap;
use std::path::Path;

pub use self::builder::ModelPackageBuilder;
use self::manifest::{FORMAT, MANIFEST, Manifest, SIGNATURE};
pub use self::manifest::{PackagePart, PartRole};
use super::{CARD_TAG, GOLDEN_TAG, GoldenVectors};
use crate::artifact::{
    ArtifactStore, ArtifactStoreExt, Digest, ImportOptions, Package, PackageFile, PackagePath,
};
use crate::error::{Error, Result};
use crate::name::ModelName;
use crate::registry::{Lineage, NewVersion};
use crate::schema::Signature;

/// A model with everything that belongs to it, as a directory: `mlcore-model.json`, the manifest, names each other file with its
/// role, its SHA-256 and its size.
///
/// | file | role |
/// |---|---|
/// | `model/model.onnx`, and its weights beside it | model |
/// | `signature.json` | inputs and outputs |
/// | `plan.json`, `monitor.bin`, `golden.json`, `card.md` | where there are such |
/// | `signature.dsse.json` | a detached signature, which the manifest does not name |
///
/// The bytes lie in an artifact store while one is made and after one was [imported](Self::import). A directory is refused when a
/// file is missing, was added or was changed, when one is a link, and when a name leads elsewhere or differs from another in case
/// only. The same parts give the same directory, to the byte.
///
/// ```
/// use mlcore::artifact::{ArtifactStoreExt, MemoryStore};
/// use mlcore::name::ModelName;
/// use mlcore::package::ModelPackage;
/// use mlcore::schema::{DType, Field, Schema, Signature};
///
/// let column = |name: &str| Schema::new([Field::column(name, DType::Float64)]);
/// let (made, taken) = (MemoryStore::new(), MemoryStore::new());
/// let signature = Signature::new(column("x")?, column("y")?);
/// let package = ModelPackage::builder(ModelName::new("churn")?, signature, &made)
///     .model("onnx", made.put_bytes(b"the bytes of a model")?)?
///     .card("# Churn\n\nWho leaves within a month.\n")?
///     .build()?;
/// # let folder = std::env::temp_dir().join(format!("mlcore-doc-{}", std::process::id()));
/// package.write(&made, &folder)?;
/// let imported = ModelPackage::import(&folder, &taken)?;
/// assert_eq!(imported, package);
/// assert_eq!(taken.read(&imported.artifact())?, b"the bytes of a model");
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct ModelPackage {
    manifest: Manifest,
    signature: Signature,
}

impl ModelPackage {
    /// Begins a package of the model `name`, whose parts are put into `artifacts`.
    pub fn builder(
        name: ModelName,
        signature: Signature,
        artifacts: &dyn ArtifactStore,
    ) -> ModelPackageBuilder<'_> {
        let manifest = Manifest {
            mlcore_model: FORMAT,
            name,
            format: String::new(),
            artifact: Digest::ZERO,
            plan_hash: None,
            parts: BTreeMap::new(),
        };
        ModelPackageBuilder { artifacts, manifest, signature }
    }

    /// The model's name.
    #[must_use]
    pub fn name(&self) -> &ModelName {
        &self.manifest.name
    }

    /// What the model's artifact is, as [`ModelVersion::format`](crate::registry::ModelVersion::format) has it.
    #[must_use]
    pub fn format(&self) -> &str {
        &self.manifest.format
    }

    /// The model's artifact: its file, or the manifest of its files.
    #[must_use]
    pub fn artifact(&self) -> Digest {
        self.manifest.artifact
    }

    /// Inputs and outputs.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The files by path.
    #[must_use]
    pub fn parts(&self) -> &BTreeMap<PackagePath, PackagePart> {
        &self.manifest.parts
    }

    /// The digest of the one part of a role other than the model's.
    #[must_use]
    pub fn part(&self, role: PartRole) -> Option<Digest> {
        self.manifest.parts.values().find(|part| part.role == role).map(|part| part.digest)
    }

    /// The manifest: the same bytes for the same parts.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(&self.manifest).map_err(|cause| {
            Error::internal("write package manifest", self.name().as_str(), cause.to_string())
                .caused_by(cause)
        })
    }

    /// The digest of the manifest, which stands for the whole.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn digest(&self) -> Result<Digest> {
        Ok(Digest::of(self.to_json()?))
    }

    /// Writes the directory, which must not exist yet and appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], and as reading the parts and writing files.
    pub fn write(&self, artifacts: &dyn ArtifactStore, folder: &Path) -> Result<()> {
        let json = self.to_json()?;
        let manifest = PackageFile::new(artifacts.put_bytes(&json)?, json.len() as u64);
        let parts = self.manifest.parts.iter();
        let mut files: BTreeMap<PackagePath, PackageFile> =
            parts.map(|(path, part)| (path.clone(), PackageFile::new(part.digest, part.size))).collect();
        files.insert(PackagePath::new(MANIFEST)?, manifest);
        Package::new(files)?.write(&|digest| artifacts.open(digest), folder)
    }

    /// Reads a directory into `artifacts`, and verifies every byte of it: what is stored is what was hashed.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a file that is missing, was added or was changed; [`Error::InvalidInput`] for a manifest that is none or
    /// breaks a rule, for links, devices and pipes, and for names that no [`PackagePath`] can be; [`Error::Unsupported`] for a later
    /// format.
    pub fn import(folder: &Path, artifacts: &dyn ArtifactStore) -> Result<Self> {
        let limit = ImportOptions::default().with_max_file_bytes(LARGEST_PART);
        let manifest = artifacts.put_file(&folder.join(MANIFEST), &limit)?;
        let manifest = Manifest::from_json(&artifacts.read_up_to(&manifest, LARGEST_PART)?)?;
        let changed = |path: &str, problem: &str| {
            Error::corrupt(IMPORT, format!("{}, {path}", folder.display()), problem)
                .remedy("get the package again from whoever made it")
        };
        let found = Package::import(folder, &|path| {
            let relative = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
            if relative == MANIFEST || relative == SIGNATURE {
                return Ok((Digest::ZERO, 0));
            }
            let part = PackagePath::new(relative.clone()).ok().and_then(|path| manifest.parts.get(&path));
            // Before a byte of it is stored.
            let part = part.ok_or_else(|| changed(&relative, "the manifest does not name this file"))?;
            let limit = ImportOptions::default().with_max_file_bytes(part.size);
            let digest = artifacts.put_file(path, &limit)?;
            if digest != part.digest || artifacts.size(&digest)? != Some(part.size) {
                return Err(changed(&relative, "it has another digest than the manifest says"));
            }
            Ok((digest, part.size))
        })?;
        if let Some(path) = manifest.parts.keys().find(|path| !found.files().contains_key(path)) {
            return Err(changed(path.as_str(), "the manifest names this file, and it is not there"));
        }
        Self::of(manifest, artifacts)
    }

    /// The package of a manifest whose parts are stored: what can be understood here fits.
    fn of(manifest: Manifest, artifacts: &dyn ArtifactStore) -> Result<Self> {
        let subject = manifest.name.as_str().to_owned();
        let refuse = |problem: &str| Error::corrupt(IMPORT, subject.clone(), problem);
        let only = |role: PartRole| {
            let mut parts = manifest.parts.values().filter(|part| part.role == role);
            match (parts.next(), parts.next()) {
                (part, None) => Ok(part),
                (_, Some(_)) => Err(refuse(&format!("it has several parts of the role {role}"))),
            }
        };
        let read = |part: &PackagePart| artifacts.read_up_to(&part.digest, LARGEST_PART);
        let signature =
            only(PartRole::Signature)?.ok_or_else(|| refuse("it has no signature of inputs and outputs"))?;
        let signature: Signature = serde_json::from_slice(&read(signature)?)
            .map_err(|cause| refuse("its inputs and outputs cannot be read").caused_by(cause))?;
        for role in [PartRole::Plan, PartRole::Monitor] {
            only(role)?;
        }
        if let Some(golden) = only(PartRole::Golden)? {
            GoldenVectors::from_json(&read(golden)?)?;
        }
        if let Some(card) = only(PartRole::Card)? {
            std::str::from_utf8(&read(card)?).map_err(|_| refuse("its card is no text"))?;
        }
        if manifest.plan_hash.is_some() != only(PartRole::Plan)?.is_some() {
            return Err(refuse("it has a plan without its hash, or a hash without its plan"));
        }
        if manifest.model_artifact(artifacts)? != manifest.artifact {
            return Err(refuse(
                "the files of the model are not those of the artifact that its manifest names",
            ));
        }
        Ok(Self { manifest, signature })
    }

    /// The golden vectors.
    ///
    /// # Errors
    /// What the store answers.
    pub fn golden(&self, artifacts: &dyn ArtifactStore) -> Result<Option<GoldenVectors>> {
        let Some(digest) = self.part(PartRole::Golden) else { return Ok(None) };
        GoldenVectors::from_json(&artifacts.read_up_to(&digest, LARGEST_PART)?).map(Some)
    }

    /// A version of this model to be registered, with plan and monitor in its lineage, and golden vectors and card in its tags.
    #[must_use]
    pub fn new_version(&self) -> NewVersion {
        let mut lineage = Lineage::default();
        if let (Some(hash), Some(plan)) = (self.manifest.plan_hash, self.part(PartRole::Plan)) {
            lineage = lineage.with_plan(hash, plan);
        }
        if let Some(monitor) = self.part(PartRole::Monitor) {
            lineage = lineage.with_monitor(monitor);
        }
        let mut new = NewVersion::new(self.name().clone(), self.artifact(), self.signature.clone())
            .with_format(self.format())
            .with_lineage(lineage);
        for (role, tag) in [(PartRole::Golden, GOLDEN_TAG), (PartRole::Card, CARD_TAG)] {
            if let Some(digest) = self.part(role) {
                new = new.with_tag(tag, digest.to_string());
            }
        }
        new
    }

    /// Loads the model: its inputs and outputs must be those that the package says, and it must answer its golden vectors.
    ///
    /// # Errors
    /// As [`OnnxRunner::from_store_with`](crate::runner::ort::OnnxRunner::from_store_with) and [`GoldenVectors::check`];
    /// [`Error::Corrupt`] for other inputs and outputs.
    #[cfg(feature = "ort")]
    pub fn load(
        &self,
        artifacts: &dyn ArtifactStore,
        options: &crate::runner::ort::OnnxOptions,
    ) -> Result<crate::runner::ort::OnnxRunner> {
        use crate::runner::Runner as _;
        let runner = crate::runner::ort::OnnxRunner::from_store_with(
            artifacts,
            &self.artifact(),
            self.format(),
            options,
        )?;
        if *runner.signature() != self.signature {
            let problem = "its inputs and outputs are not those that the package says";
            return Err(Error::corrupt("load package", self.name().as_str(), problem));
        }
        if let Some(golden) = self.golden(artifacts)? {
            golden.check(&runner).map_err(|error| error.within(self.name()))?;
        }
        Ok(runner)
    }
}

const IMPORT: &str = "import package";
/// Of the manifest, and of each part that is read whole.
const LARGEST_PART: u64 = 64 << 20;

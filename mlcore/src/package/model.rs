use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{CARD_TAG, GOLDEN_TAG, GoldenVectors};
use crate::artifact::{
    ArtifactStore, ArtifactStoreExt, Digest, ImportOptions, Package, PackageFile, PackagePath,
};
use crate::error::{Error, Result};
use crate::name::ModelName;
use crate::registry::{Lineage, NewVersion};
use crate::schema::Signature;

/// What a part of a package is.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PartRole {
    /// A file of the model.
    Model,
    /// Its inputs and outputs, a [`Signature`] in JSON.
    Signature,
    /// The feature plan, as `mlcore-features` writes it.
    Plan,
    /// The reference that its traffic is compared with, as `mlcore-drift` writes it.
    Monitor,
    /// [`GoldenVectors`] in JSON.
    Golden,
    /// What it is, for whom and how good, in Markdown.
    Card,
}

crate::words! {
    PartRole, "role of a part":
    Model = "model", Signature = "signature", Plan = "plan", Monitor = "monitor", Golden = "golden", Card = "card",
}

/// One file of a model's package.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackagePart {
    /// What it is.
    pub role: PartRole,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

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

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    mlcore_model: u32,
    name: ModelName,
    format: String,
    artifact: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan_hash: Option<Digest>,
    parts: BTreeMap<PackagePath, PackagePart>,
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
        let limit = ImportOptions::default().with_max_file_bytes(LARGEST_MANIFEST);
        let manifest = artifacts.put_file(&folder.join(MANIFEST), &limit)?;
        let manifest = Manifest::from_json(&artifacts.read_up_to(&manifest, LARGEST_MANIFEST)?)?;
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
        let read = |part: &PackagePart| artifacts.read_up_to(&part.digest, LARGEST_MANIFEST);
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
        if model_artifact(&manifest, artifacts)? != manifest.artifact {
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
        GoldenVectors::from_json(&artifacts.read_up_to(&digest, LARGEST_MANIFEST)?).map(Some)
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

    /// The statement that a key signs for the whole: the digest of the manifest, which names all parts.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    #[cfg(feature = "signatures")]
    pub fn statement(&self, signer: &str, at: crate::time::Timestamp) -> Result<crate::artifact::Statement> {
        let statement = crate::artifact::Statement::new(self.name().as_str(), signer, at);
        Ok(statement.with_part("package", self.digest()?))
    }

    /// Signs the package in a directory: puts `signature.dsse.json` beside its manifest.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] where there is one, and as writing it.
    #[cfg(feature = "signatures")]
    pub fn sign(
        &self,
        folder: &Path,
        key: &crate::artifact::SigningKey,
        signer: &str,
        at: crate::time::Timestamp,
    ) -> Result<()> {
        use std::io::Write as _;
        let envelope = crate::artifact::Envelope::sign(&self.statement(signer, at)?, key)?.to_json()?;
        let path = folder.join(SIGNATURE);
        let failed = |cause| Error::from_io("sign package", path.display().to_string(), cause);
        let mut file = std::fs::File::create_new(&path).map_err(failed)?;
        let written = file.write_all(&envelope).and_then(|()| file.sync_all());
        written.map_err(|cause| {
            // Half an envelope would be taken for a changed one.
            drop(std::fs::remove_file(&path));
            failed(cause)
        })
    }

    /// Reads a directory as [`import`](Self::import) does, and believes nothing of it before `policy` verified its signature.
    ///
    /// # Errors
    /// As [`VerifyPolicy::verify`](crate::artifact::VerifyPolicy::verify), and as [`import`](Self::import).
    #[cfg(feature = "signatures")]
    pub fn import_signed(
        folder: &Path,
        artifacts: &dyn ArtifactStore,
        policy: &crate::artifact::VerifyPolicy,
    ) -> Result<(Self, crate::artifact::Verified)> {
        use crate::artifact::Envelope;
        let limit = ImportOptions::default().with_max_file_bytes(Envelope::MOST_BYTES as u64);
        let envelope = match artifacts.put_file(&folder.join(SIGNATURE), &limit) {
            Ok(digest) => Some(Envelope::from_json(&artifacts.read(&digest)?)?),
            Err(Error::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let limit = ImportOptions::default().with_max_file_bytes(LARGEST_MANIFEST);
        let digest = artifacts.put_file(&folder.join(MANIFEST), &limit)?;
        let manifest = Manifest::from_json(&artifacts.read_up_to(&digest, LARGEST_MANIFEST)?)?;
        let verified = policy.verify(manifest.name.as_str(), &[("package", digest)], envelope.as_ref())?;
        let package = Self::import(folder, artifacts)?;
        // The manifest may have been swapped in between.
        if package.manifest != manifest {
            return Err(Error::corrupt(IMPORT, folder.display().to_string(), "it changed while it was read"));
        }
        Ok((package, verified))
    }
}

/// Adds parts to a package; see [`ModelPackage::builder`].
#[must_use]
pub struct ModelPackageBuilder<'a> {
    artifacts: &'a dyn ArtifactStore,
    manifest: Manifest,
    signature: Signature,
}

impl std::fmt::Debug for ModelPackageBuilder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelPackageBuilder").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl ModelPackageBuilder<'_> {
    /// The model, which is stored already: one file (`onnx`), or, where the format ends with `-package`, the manifest of several.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a file that is not stored, and what the store answers.
    pub fn model(mut self, format: &str, artifact: Digest) -> Result<Self> {
        let files = if format.ends_with(OF_FILES) {
            self.artifacts.package(&artifact)?.files().clone()
        } else {
            let size = self.artifacts.size(&artifact)?.ok_or_else(|| {
                Error::not_found("build package", artifact.to_string(), "the model is not stored")
            })?;
            let name = if format == "onnx" { "model.onnx" } else { "model" };
            BTreeMap::from([(PackagePath::new(name)?, PackageFile::new(artifact, size))])
        };
        (self.manifest.format, self.manifest.artifact) = (format.to_owned(), artifact);
        for (path, file) in files {
            let path = PackagePath::new(format!("{MODEL}{}", path.as_str()))?;
            let part = PackagePart { role: PartRole::Model, digest: file.digest, size: file.size };
            self.manifest.parts.insert(path, part);
        }
        Ok(self)
    }

    /// The feature plan, whose content hashes to `hash`.
    ///
    /// # Errors
    /// What the store answers.
    pub fn plan(mut self, hash: Digest, plan: &[u8]) -> Result<Self> {
        self.manifest.plan_hash = Some(hash);
        self.with("plan.json", PartRole::Plan, plan)
    }

    /// The reference that its traffic is compared with.
    ///
    /// # Errors
    /// What the store answers.
    pub fn monitor(self, reference: &[u8]) -> Result<Self> {
        self.with("monitor.bin", PartRole::Monitor, reference)
    }

    /// Inputs and what the model answers to them.
    ///
    /// # Errors
    /// What the store answers.
    pub fn golden(self, vectors: &GoldenVectors) -> Result<Self> {
        self.with("golden.json", PartRole::Golden, &vectors.to_json()?)
    }

    /// What it is, for whom and how good, in Markdown.
    ///
    /// # Errors
    /// What the store answers.
    pub fn card(self, markdown: &str) -> Result<Self> {
        self.with("card.md", PartRole::Card, markdown.as_bytes())
    }

    fn with(mut self, path: &str, role: PartRole, bytes: &[u8]) -> Result<Self> {
        let size = bytes.len() as u64;
        if size > LARGEST_MANIFEST {
            return Err(Error::invalid_input("build package", path, "it has more than 64 MiB"));
        }
        let part = PackagePart { role, digest: self.artifacts.put_bytes(bytes)?, size };
        self.manifest.parts.insert(PackagePath::new(path)?, part);
        Ok(self)
    }

    /// The package.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] without a model, or where its paths collide, and what the store answers.
    pub fn build(self) -> Result<ModelPackage> {
        let signature = serde_json::to_vec(&self.signature).map_err(|cause| {
            Error::internal("build package", self.manifest.name.as_str(), cause.to_string()).caused_by(cause)
        })?;
        let name = self.manifest.name.clone();
        let built = self.with("signature.json", PartRole::Signature, &signature)?;
        if built.manifest.format.is_empty() {
            return Err(Error::invalid_input("build package", name.as_str(), "it has no model"));
        }
        built.manifest.check()?;
        ModelPackage::of(built.manifest, built.artifacts)
    }
}

impl Manifest {
    fn from_json(json: &[u8]) -> Result<Self> {
        let manifest: Self = serde_json::from_slice(json)
            .map_err(|cause| Error::invalid_input(READ, "", cause.to_string()).caused_by(cause))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        if self.mlcore_model != FORMAT {
            let problem = format!("it has format {}, and this version reads {FORMAT}", self.mlcore_model);
            return Err(Error::unsupported(READ, self.name.as_str(), problem).remedy("use a newer mlcore"));
        }
        let files =
            self.parts.iter().map(|(path, part)| (path.clone(), PackageFile::new(part.digest, part.size)));
        let mut files: BTreeMap<_, _> = files.collect();
        for reserved in [MANIFEST, SIGNATURE] {
            if files.insert(PackagePath::new(reserved)?, PackageFile::new(Digest::ZERO, 0)).is_some() {
                let problem = format!("it names {reserved} as a part");
                return Err(Error::invalid_input(READ, self.name.as_str(), problem));
            }
        }
        // Paths that collide, a path that is a folder of another, and too many of them.
        Package::new(files)?;
        for (path, part) in &self.parts {
            if (part.role == PartRole::Model) != path.as_str().starts_with(MODEL) {
                let problem = format!("{} does not lie where parts of its role do", path.as_str());
                return Err(Error::invalid_input(READ, self.name.as_str(), problem));
            }
        }
        Ok(())
    }
}

/// The artifact of the model's files: the file itself, or the manifest of several, which is stored.
fn model_artifact(manifest: &Manifest, artifacts: &dyn ArtifactStore) -> Result<Digest> {
    let mut files = BTreeMap::new();
    for (path, part) in manifest.parts.iter().filter(|(_, part)| part.role == PartRole::Model) {
        let path = path.as_str().strip_prefix(MODEL).unwrap_or_default();
        files.insert(PackagePath::new(path)?, PackageFile::new(part.digest, part.size));
    }
    if manifest.format.ends_with(OF_FILES) {
        return artifacts.put_bytes(&Package::new(files)?.to_json()?);
    }
    let mut files = files.values();
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file.digest),
        _ => Err(Error::corrupt(IMPORT, manifest.name.as_str(), "a model of this format is one file")),
    }
}

const FORMAT: u32 = 1;
const MANIFEST: &str = "mlcore-model.json";
const SIGNATURE: &str = "signature.dsse.json";
const MODEL: &str = "model/";
const OF_FILES: &str = "-package";
const IMPORT: &str = "import package";
const READ: &str = "read package manifest";
const LARGEST_MANIFEST: u64 = 64 << 20;

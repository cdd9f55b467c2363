use std::collections::BTreeMap;

use super::manifest::{MODEL, Manifest, OF_FILES};
use super::{LARGEST_PART, ModelPackage, PackagePart, PartRole};
use crate::artifact::{ArtifactStore, ArtifactStoreExt, Digest, PackageFile, PackagePath};
use crate::error::{Error, Result};
use crate::package::GoldenVectors;
use crate::schema::Signature;

/// Adds parts to a package; see [`ModelPackage::builder`].
#[must_use]
pub struct ModelPackageBuilder<'a> {
    pub(super) artifacts: &'a dyn ArtifactStore,
    pub(super) manifest: Manifest,
    pub(super) signature: Signature,
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
        if size > LARGEST_PART {
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

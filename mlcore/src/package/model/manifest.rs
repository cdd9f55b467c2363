use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::IMPORT;
use crate::artifact::{ArtifactStore, ArtifactStoreExt, Digest, Package, PackageFile, PackagePath};
use crate::error::{Error, Result};
use crate::name::ModelName;

/// What a part of a package is.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PartRole {
    /// A file of the model.
    Model,
    /// Its inputs and outputs, a [`Signature`](crate::schema::Signature) in JSON.
    Signature,
    /// The feature plan, as `mlcore-features` writes it.
    Plan,
    /// The reference that its traffic is compared with, as `mlcore-drift` writes it.
    Monitor,
    /// [`GoldenVectors`](crate::package::GoldenVectors) in JSON.
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

/// The manifest of a package, whose paths and roles fit each other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) mlcore_model: u32,
    pub(super) name: ModelName,
    pub(super) format: String,
    pub(super) artifact: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) plan_hash: Option<Digest>,
    pub(super) parts: BTreeMap<PackagePath, PackagePart>,
}

impl Manifest {
    pub(super) fn from_json(json: &[u8]) -> Result<Self> {
        let manifest: Self = serde_json::from_slice(json)
            .map_err(|cause| Error::invalid_input(READ, "", cause.to_string()).caused_by(cause))?;
        manifest.check()?;
        Ok(manifest)
    }

    pub(super) fn check(&self) -> Result<()> {
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

    /// The artifact of the model's files: the file itself, or the manifest of several, which is stored.
    pub(super) fn model_artifact(&self, artifacts: &dyn ArtifactStore) -> Result<Digest> {
        let mut files = BTreeMap::new();
        for (path, part) in self.parts.iter().filter(|(_, part)| part.role == PartRole::Model) {
            let path = path.as_str().strip_prefix(MODEL).unwrap_or_default();
            files.insert(PackagePath::new(path)?, PackageFile::new(part.digest, part.size));
        }
        if self.format.ends_with(OF_FILES) {
            return artifacts.put_bytes(&Package::new(files)?.to_json()?);
        }
        let mut files = files.values();
        match (files.next(), files.next()) {
            (Some(file), None) => Ok(file.digest),
            _ => Err(Error::corrupt(IMPORT, self.name.as_str(), "a model of this format is one file")),
        }
    }
}

pub(super) const FORMAT: u32 = 1;
pub(super) const MANIFEST: &str = "mlcore-model.json";
pub(super) const SIGNATURE: &str = "signature.dsse.json";
pub(super) const MODEL: &str = "model/";
pub(super) const OF_FILES: &str = "-package";
const READ: &str = "read package manifest";

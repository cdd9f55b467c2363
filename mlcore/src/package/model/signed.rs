//! Signatures of directories.

use std::io::Write as _;
use std::path::Path;

use super::manifest::{MANIFEST, Manifest, SIGNATURE};
use super::{IMPORT, LARGEST_PART, ModelPackage};
use crate::artifact::{
    ArtifactStore, ArtifactStoreExt, Envelope, ImportOptions, SigningKey, Statement, Verified, VerifyPolicy,
};
use crate::error::{Error, Result};
use crate::time::Timestamp;

impl ModelPackage {
    /// The statement that a key signs for the whole: the digest of the manifest, which names all parts.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn statement(&self, signer: &str, at: Timestamp) -> Result<Statement> {
        let statement = Statement::new(self.name().as_str(), signer, at);
        Ok(statement.with_part("package", self.digest()?))
    }

    /// Signs the package in a directory: puts `signature.dsse.json` beside its manifest.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] where there is one, and as writing it.
    pub fn sign(&self, folder: &Path, key: &SigningKey, signer: &str, at: Timestamp) -> Result<()> {
        let envelope = Envelope::sign(&self.statement(signer, at)?, key)?.to_json()?;
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
    /// As [`VerifyPolicy::verify`], and as [`import`](Self::import).
    pub fn import_signed(
        folder: &Path,
        artifacts: &dyn ArtifactStore,
        policy: &VerifyPolicy,
    ) -> Result<(Self, Verified)> {
        let limit = ImportOptions::default().with_max_file_bytes(Envelope::MOST_BYTES as u64);
        let envelope = match artifacts.put_file(&folder.join(SIGNATURE), &limit) {
            Ok(digest) => Some(Envelope::from_json(&artifacts.read(&digest)?)?),
            Err(Error::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let limit = ImportOptions::default().with_max_file_bytes(LARGEST_PART);
        let digest = artifacts.put_file(&folder.join(MANIFEST), &limit)?;
        let manifest = Manifest::from_json(&artifacts.read_up_to(&digest, LARGEST_PART)?)?;
        let verified = policy.verify(manifest.name.as_str(), &[("package", digest)], envelope.as_ref())?;
        let package = Self::import(folder, artifacts)?;
        // The manifest may have been swapped in between.
        if package.manifest != manifest {
            return Err(Error::corrupt(IMPORT, folder.display().to_string(), "it changed while it was read"));
        }
        Ok((package, verified))
    }
}

use std::collections::BTreeMap;

use super::{AuditHead, Registry, VersionReference};
use crate::artifact::{ArtifactStore, ArtifactStoreExt, Digest};
use crate::error::{Error, Result};
use crate::name::ModelName;

/// What [`RegistryExt::scrub`](super::RegistryExt::scrub) has read, and which artifacts are not what was put.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scrub {
    /// Where the log ends, which verifies.
    pub head: AuditHead,
    /// The number of artifacts that are what was put.
    pub artifacts: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The others, in the order of their digests.
    pub damaged: Vec<DamagedArtifact>,
}

/// An artifact that is missing, or is not what was put.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DamagedArtifact {
    /// What it is called.
    pub artifact: Digest,
    /// The [kind](Error::kind) of the error of reading it: `corrupt`, `not_found`.
    pub kind: &'static str,
    /// What is wrong, in words.
    pub problem: String,
    /// The versions that are made of it; none for one that no version names.
    pub versions: Vec<VersionReference>,
}

pub(super) fn scrub<R: Registry + ?Sized>(registry: &R, store: &dyn ArtifactStore) -> Result<Scrub> {
    let mut scrub = Scrub { head: registry.verify()?, artifacts: 0, bytes: 0, damaged: Vec::new() };
    let mut named = named(registry, store)?;
    let mut after = None;
    loop {
        let page = store.list(after.as_ref(), PAGE)?;
        let Some(last) = page.last().copied() else { break };
        for artifact in page {
            let versions = named.remove(&artifact).unwrap_or_default();
            scrub.note(artifact, versions, store.check(&artifact))?;
        }
        after = Some(last);
    }
    // What is named and not listed.
    for (artifact, versions) in named {
        scrub.note(artifact, versions, store.check(&artifact))?;
    }
    scrub.damaged.sort_by_key(|damaged| damaged.artifact);
    Ok(scrub)
}

impl Scrub {
    fn note(&mut self, artifact: Digest, versions: Vec<VersionReference>, read: Result<u64>) -> Result<()> {
        match read {
            Ok(bytes) => {
                self.artifacts += 1;
                self.bytes += bytes;
            }
            Err(error @ (Error::Corrupt(_) | Error::NotFound(_))) => {
                let (kind, problem) = (error.kind(), error.context().problem().to_owned());
                self.damaged.push(DamagedArtifact { artifact, kind, problem, versions });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The artifacts that versions are made of.
fn named<R: Registry + ?Sized>(
    registry: &R,
    store: &dyn ArtifactStore,
) -> Result<BTreeMap<Digest, Vec<VersionReference>>> {
    let mut named: BTreeMap<Digest, Vec<VersionReference>> = BTreeMap::new();
    let mut model: Option<ModelName> = None;
    while let Some(next) = registry.models(model.as_ref(), 1)?.pop() {
        let mut last = None;
        loop {
            let page = registry.versions(&next.name, last, PAGE)?;
            let Some(end) = page.last() else { break };
            last = Some(end.version);
            for version in page {
                let mut parts: Vec<Digest> = version.artifacts().collect();
                // A manifest that does not read is found by itself.
                parts.extend(files_of(store, &version.format, &version.artifact).unwrap_or_default());
                for part in parts {
                    let reference = VersionReference { model: next.name.clone(), version: version.version };
                    named.entry(part).or_default().push(reference);
                }
            }
        }
        model = Some(next.name);
    }
    Ok(named)
}

/// The files of a version's package; none of any other format.
pub(super) fn files_of(store: &dyn ArtifactStore, format: &str, artifact: &Digest) -> Result<Vec<Digest>> {
    if format != PACKAGE {
        return Ok(Vec::new());
    }
    Ok(store.package(artifact)?.files().values().map(|file| file.digest).collect())
}

const PAGE: usize = 1000;
/// The format of a version whose artifact is the manifest of a package.
const PACKAGE: &str = "onnx-package";

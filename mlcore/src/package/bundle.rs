use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::Lock;
use crate::artifact::{ArtifactStore, ArtifactStoreExt, Digest, FolderStore};
use crate::error::{Error, Result};
use crate::registry::MemoryRegistry;

/// A folder with everything that a [`Lock`] names: `mlcore.lock.json`, and the artifacts as a [`FolderStore`] keeps them. It opens
/// without a registry and without a network, such as on a machine that has neither.
///
/// ```
/// # use mlcore::artifact::{ArtifactStoreExt, MemoryStore};
/// # use mlcore::name::{Alias, ModelName};
/// # use mlcore::registry::{Change, MemoryRegistry, NewVersion, Registry, RegistryExt};
/// # use mlcore::schema::{DType, Field, Schema, Signature};
/// # use mlcore::time::Timestamp;
/// use mlcore::package::{Ask, Bundle, Lock};
///
/// # let (registry, artifacts) = (MemoryRegistry::new(), MemoryStore::new());
/// # let churn = ModelName::new("churn")?;
/// # let column = |name: &str| Schema::new([Field::column(name, DType::Float64)]);
/// # let new = NewVersion::new(churn.clone(), artifacts.put_bytes(b"a model")?, Signature::new(column("x")?, column("y")?));
/// # let version = registry.register(&artifacts, new, &Change::new("ana", Timestamp::default()))?;
/// let lock = Lock::resolve(&registry, &[Ask::Version(churn.clone(), version.version)], Timestamp::default())?;
/// # let folder = std::env::temp_dir().join(format!("mlcore-doc-bundle-{}", std::process::id()));
/// Bundle::write(&lock, &artifacts, &folder)?;
///
/// let bundle = Bundle::open(&folder)?;
/// bundle.verify()?;
/// let version = bundle.registry().version(&churn, version.version)?;
/// assert_eq!(bundle.artifacts().read(&version.artifact)?, b"a model");
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bundle {
    lock: Lock,
    registry: MemoryRegistry,
    artifacts: FolderStore,
}

impl Bundle {
    /// Writes what `lock` names, from `artifacts`, into a folder that must not exist yet and appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`]; [`Error::NotFound`] and [`Error::Corrupt`] for artifacts that are missing or damaged, and as writing
    /// files.
    pub fn write(lock: &Lock, artifacts: &dyn ArtifactStore, folder: &Path) -> Result<()> {
        let failed = |cause| Error::from_io(WRITE, folder.display().to_string(), cause);
        if fs::symlink_metadata(folder).is_ok() {
            let problem = "something is there already";
            return Err(Error::already_exists(WRITE, folder.display().to_string(), problem)
                .remedy("give a path that does not exist yet"));
        }
        let partial = partial_of(folder)?;
        let written = write_into(lock, artifacts, &partial)
            .and_then(|()| fs::rename(&partial, folder).map_err(failed))
            .and_then(|()| sync_parent(folder).map_err(failed));
        if written.is_err() {
            // The first error is the one to report; what cannot be removed is named `.partial`.
            drop(fs::remove_dir_all(&partial));
        }
        written
    }

    /// Opens a bundle. Its lock is read, and each artifact that it names must be there; their bytes are verified as they are read.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for an artifact that is missing or lies there unasked, or for a lock that contradicts itself; as
    /// [`Lock::from_json`] and [`FolderStore::open`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let subject = folder.display().to_string();
        let lock = Lock::from_file(folder.join(LOCK))?;
        let artifacts = FolderStore::open(folder.join(ARTIFACTS))?;
        let broken = |digest: &Digest, problem: &str| {
            Error::corrupt(OPEN, format!("{subject}, {digest}"), problem).remedy("make the bundle again")
        };
        let mut needed = needed(&lock, &artifacts).map_err(|error| match error {
            Error::NotFound(_) => {
                Error::corrupt(OPEN, subject.clone(), "an artifact that its lock names is missing")
                    .remedy("make the bundle again")
                    .caused_by(error)
            }
            error => error,
        })?;
        needed.sort_unstable();
        needed.dedup();
        let mut after = None;
        loop {
            let page = artifacts.list(after.as_ref(), PAGE)?;
            if let Some(digest) = page.iter().find(|digest| needed.binary_search(digest).is_err()) {
                return Err(broken(digest, "its lock does not name this artifact"));
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(*last),
                _ => break,
            }
        }
        for digest in &needed {
            if !artifacts.contains(digest)? {
                return Err(broken(digest, "this artifact is missing"));
            }
        }
        Ok(Self { registry: lock.registry()?, lock, artifacts })
    }

    /// Reads every artifact.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for the first that is not what its digest says.
    pub fn verify(&self) -> Result<()> {
        needed(&self.lock, &self.artifacts)?
            .iter()
            .try_for_each(|digest| self.artifacts.check(digest).map(drop))
    }

    /// What it holds.
    #[must_use]
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// A registry in memory of what it holds, for endpoints and servers; changes to it are not kept.
    #[must_use]
    pub fn registry(&self) -> &MemoryRegistry {
        &self.registry
    }

    /// Its artifacts.
    #[must_use]
    pub fn artifacts(&self) -> &FolderStore {
        &self.artifacts
    }
}

/// The artifacts that a lock names, and the files of those that are manifests.
fn needed(lock: &Lock, artifacts: &dyn ArtifactStore) -> Result<Vec<Digest>> {
    let mut needed = Vec::new();
    for (version, digest) in lock.artifacts()? {
        needed.push(digest);
        if digest == version.artifact && version.format.ends_with("-package") {
            needed.extend(artifacts.package(&digest)?.files().values().map(|file| file.digest));
        }
    }
    Ok(needed)
}

fn write_into(lock: &Lock, artifacts: &dyn ArtifactStore, folder: &Path) -> Result<()> {
    let store = FolderStore::open(folder.join(ARTIFACTS))?;
    for digest in needed(lock, artifacts)? {
        crate::interrupt::check(WRITE)?;
        if store.contains(&digest)? {
            continue;
        }
        let mut content = artifacts.open(&digest)?;
        // What does not have its digest ends in an error of its reader.
        store.put(&mut content)?;
    }
    let failed = |cause| Error::from_io(WRITE, folder.display().to_string(), cause);
    let mut file = File::create_new(folder.join(LOCK)).map_err(failed)?;
    file.write_all(&lock.to_json()?).and_then(|()| file.sync_all()).map_err(failed)?;
    sync(folder).map_err(failed)
}

/// A folder beside `folder` that nobody else writes.
fn partial_of(folder: &Path) -> Result<PathBuf> {
    let made = crate::artifact::create_unique(&|name| {
        let mut partial = folder.as_os_str().to_owned();
        partial.push(format!(".partial-{name}"));
        fs::create_dir(&partial)?;
        Ok(PathBuf::from(partial))
    });
    made.map_err(|cause| Error::from_io(WRITE, folder.display().to_string(), cause))
}

fn sync_parent(folder: &Path) -> std::io::Result<()> {
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync(parent),
        _ => sync(Path::new(".")),
    }
}

/// Makes the disk know the entries of a folder, where the system has such a call.
fn sync(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

const LOCK: &str = "mlcore.lock.json";
const ARTIFACTS: &str = "artifacts";
const WRITE: &str = "write bundle";
const OPEN: &str = "open bundle";
const PAGE: usize = 1000;

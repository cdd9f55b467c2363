use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{SIGNATURE_TAG, artifacts_of, restore, tagged};
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::name::{Alias, ModelName, Version};
use crate::registry::{MemoryRegistry, ModelVersion, Registry};
use crate::time::Timestamp;

/// A version that a lock is to fix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// What this alias of a model means.
    Alias(ModelName, Alias),
    /// This version of a model.
    Version(ModelName, Version),
    /// What every alias of a model means.
    Model(ModelName),
}

/// Which versions names and aliases meant at one moment, and by which digests: the file that a deployment is repeated from.
///
/// It is JSON, the same bytes for the same content, made to be kept beside a program's code.
///
/// ```
/// use mlcore::artifact::{ArtifactStoreExt, MemoryStore};
/// use mlcore::name::{Alias, ModelName};
/// use mlcore::package::{Ask, Lock};
/// use mlcore::registry::{Change, Expected, MemoryRegistry, NewVersion, Registry, RegistryExt};
/// use mlcore::schema::{DType, Field, Schema, Signature};
/// use mlcore::time::Timestamp;
///
/// let (registry, artifacts) = (MemoryRegistry::new(), MemoryStore::new());
/// let (churn, champion) = (ModelName::new("churn")?, Alias::new("champion")?);
/// let change = Change::new("ana", Timestamp::default());
/// let column = |name: &str| Schema::new([Field::column(name, DType::Float64)]);
/// let signature = Signature::new(column("x")?, column("y")?);
/// let new = NewVersion::new(churn.clone(), artifacts.put_bytes(b"a model")?, signature);
/// let version = registry.register(&artifacts, new, &change)?;
/// registry.set_alias(&churn, &champion, Some(version.version), Expected::Absent, &change)?;
///
/// let lock = Lock::resolve(&registry, &[Ask::Alias(churn.clone(), champion.clone())], Timestamp::default())?;
/// let read = Lock::from_json(&lock.to_json()?)?;
/// assert_eq!(read, lock);
/// read.check(&registry)?;
/// // Without the registry, from the file alone:
/// assert_eq!(read.registry()?.alias(&churn, &champion)?, Some(version.version));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    mlcore_lock: u32,
    resolved_at: Timestamp,
    models: BTreeMap<ModelName, Locked>,
}

/// What a lock fixes of one model.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// What the aliases meant.
    pub aliases: BTreeMap<Alias, Version>,
    /// The versions as they were, in ascending order.
    pub versions: Vec<ModelVersion>,
}

impl Lock {
    /// Resolves names at one moment: what is answered stood in the registry together.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a model, a version or an alias that is not there; [`Error::InvalidInput`] for a model without aliases
    /// that is asked for by its name alone; [`Error::Conflict`] where somebody changes them faster than they can be read.
    pub fn resolve(registry: &dyn Registry, asks: &[Ask], at: Timestamp) -> Result<Self> {
        let mut earlier = None;
        // Several reads are one moment if the same is read twice.
        for _ in 0..MOST_READS {
            let models = read(registry, asks)?;
            if earlier.as_ref() == Some(&models) {
                return Ok(Self { mlcore_lock: FORMAT, resolved_at: at, models });
            }
            earlier = Some(models);
        }
        Err(Error::conflict(RESOLVE, "registry", "its versions and aliases change while they are read")
            .remedy("resolve them again in a quiet moment"))
    }

    /// When it was resolved.
    #[must_use]
    pub fn resolved_at(&self) -> Timestamp {
        self.resolved_at
    }

    /// What it fixes, by model.
    #[must_use]
    pub fn models(&self) -> &BTreeMap<ModelName, Locked> {
        &self.models
    }

    /// The version that an alias means.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn alias(&self, model: &ModelName, alias: &Alias) -> Result<&ModelVersion> {
        let locked = self.models.get(model);
        let version = locked.and_then(|locked| locked.aliases.get(alias));
        let version = version.ok_or_else(|| missing(format!("{model}@{alias}")))?;
        self.version(model, *version)
    }

    /// A version.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn version(&self, model: &ModelName, version: Version) -> Result<&ModelVersion> {
        let locked = self.models.get(model);
        let found = locked.and_then(|locked| locked.versions.iter().find(|own| own.version == version));
        found.ok_or_else(|| missing(format!("{model}/{version}")))
    }

    /// Makes sure that a registry still has these versions, with these digests. Aliases may have moved.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a version that is gone, [`Error::Corrupt`] for one that is another by now.
    pub fn check(&self, registry: &dyn Registry) -> Result<()> {
        for version in self.models.values().flat_map(|locked| &locked.versions) {
            let found = registry.version(&version.model, version.version)?;
            let subject = format!("{}/{}", version.model, version.version);
            let of = |version: &ModelVersion| {
                Ok::<_, Error>((artifacts_of(version)?, version.lineage.plan_digest()))
            };
            let (locked, found_parts) = (of(version)?, of(&found)?);
            if locked != found_parts || version.format != found.format || version.signature != found.signature
            {
                let role = locked
                    .0
                    .iter()
                    .find(|part| !found_parts.0.contains(part))
                    .map_or("version", |(role, _)| *role);
                let problem = format!("its {role} is another than the lock says");
                return Err(Error::corrupt(CHECK, subject, problem)
                    .remedy("find out who registered it again under its number, and resolve the lock anew"));
            }
        }
        Ok(())
    }

    /// A registry in memory that holds what the lock fixes and nothing else: for an endpoint that opens models by the lock. The
    /// artifacts come from any store, which finds changed bytes by their digests.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a lock whose parts contradict each other.
    pub fn registry(&self) -> Result<MemoryRegistry> {
        restore::registry(&self.models)
    }

    /// Every artifact that the versions name, those of their signatures among them.
    pub(super) fn artifacts(&self) -> Result<Vec<(&ModelVersion, Digest)>> {
        let mut all = Vec::new();
        for version in self.models.values().flat_map(|locked| &locked.versions) {
            all.extend(artifacts_of(version)?.into_iter().map(|(_, digest)| (version, digest)));
            all.extend(tagged(version, SIGNATURE_TAG)?.map(|digest| (version, digest)));
        }
        Ok(all)
    }

    /// The lock as JSON.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|cause| Error::internal("write lock", "", cause.to_string()).caused_by(cause))?;
        json.push(b'\n');
        Ok(json)
    }

    /// Reads a lock.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when it is none, [`Error::Unsupported`] for a later format, [`Error::Corrupt`] where its parts
    /// contradict each other.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let lock: Self = serde_json::from_slice(json)
            .map_err(|cause| Error::invalid_input(READ, "", cause.to_string()).caused_by(cause))?;
        if lock.mlcore_lock != FORMAT {
            let problem = format!("it has format {}, and this version reads {FORMAT}", lock.mlcore_lock);
            return Err(Error::unsupported(READ, "", problem).remedy("use a newer mlcore"));
        }
        for (model, locked) in &lock.models {
            let contradicts = |problem: &str| Err(Error::corrupt(READ, model.as_str(), problem));
            if locked.versions.iter().any(|version| version.model != *model) {
                return contradicts("it lists a version of another model");
            }
            if !locked.versions.is_sorted_by(|one, next| one.version < next.version) {
                return contradicts("its versions are not in ascending order");
            }
            let has = |version: &Version| locked.versions.iter().any(|own| own.version == *version);
            if !locked.aliases.values().all(has) {
                return contradicts("an alias means a version that it does not list");
            }
        }
        Ok(lock)
    }

    /// Reads such a file, of at most 64 MiB.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), and as reading it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        use std::io::Read as _;
        let path = path.as_ref();
        let subject = path.display().to_string();
        let mut json = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut json))
            .map_err(|cause| Error::from_io(READ, subject.clone(), cause))?;
        Self::from_json(&json).map_err(|error| error.within(subject))
    }
}

impl fmt::Display for Lock {
    /// A line for each alias.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (model, locked) in &self.models {
            for (alias, version) in &locked.aliases {
                writeln!(f, "{model}@{alias}: version {version}")?;
            }
        }
        Ok(())
    }
}

fn read(registry: &dyn Registry, asks: &[Ask]) -> Result<BTreeMap<ModelName, Locked>> {
    let mut models: BTreeMap<ModelName, Locked> = BTreeMap::new();
    for ask in asks {
        let (model, versions) = match ask {
            Ask::Version(model, version) => (model, vec![(None, *version)]),
            Ask::Alias(model, alias) => {
                let version = registry.alias(model, alias)?.ok_or_else(|| {
                    Error::not_found(RESOLVE, format!("{model}@{alias}"), "no version carries this alias")
                })?;
                (model, vec![(Some(alias.clone()), version)])
            }
            Ask::Model(model) => {
                registry.model(model)?;
                let aliases = registry.aliases(model)?;
                if aliases.is_empty() {
                    let problem = "no alias of it means a version";
                    return Err(
                        Error::invalid_input(RESOLVE, model.as_str(), problem).remedy("name a version")
                    );
                }
                (model, aliases.into_iter().map(|(alias, version)| (Some(alias), version)).collect())
            }
        };
        for (alias, version) in versions {
            let found = registry.version(model, version)?;
            if found.is_external() {
                let problem = "it is external: its model is kept elsewhere, and was never checked";
                return Err(Error::unsupported(RESOLVE, format!("{model}/{version}"), problem)
                    .remedy("lock the versions that mlcore serves"));
            }
            let locked = models.entry(model.clone()).or_default();
            if let Some(alias) = alias {
                locked.aliases.insert(alias, version);
            }
            if let Err(place) = locked.versions.binary_search_by_key(&version, |own| own.version) {
                locked.versions.insert(place, found);
            }
        }
    }
    Ok(models)
}

fn missing(subject: String) -> Error {
    Error::not_found("open lock", subject, "the lock does not name it")
}

const FORMAT: u32 = 1;
const MOST_READS: usize = 10;
const MOST_BYTES: u64 = 64 << 20;
const RESOLVE: &str = "resolve lock";
const CHECK: &str = "check lock";
const READ: &str = "read lock";

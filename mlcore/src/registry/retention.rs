//! Which versions are kept no longer, and which artifacts does nobody name?

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lineage::each_version;
use super::model::artifact_of_tag;
use super::{
    Change, Event, ModelVersion, NewVersion, Registry, RegistryExt, Stage, VersionReference, micros, scrub,
};
use crate::artifact::{ArtifactStore, ArtifactStoreExt, Digest};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::name::ModelName;
use crate::time::Timestamp;

/// Which versions of a model are kept. Versions that an alias means, and those of `dev`, `staging` and `production`, are kept always.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::registry::Retention;
///
/// let retention = Retention::default().with_archived_for(Duration::from_secs(90 * 24 * 3600)).with_keep_last(20);
/// # assert_eq!(retention.keep_last, 20);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Retention {
    /// A version goes when it was archived, and nothing about it changed, for this long: a year.
    pub archived_for: Duration,
    /// So many versions with the highest numbers stay, whatever their age: 10, of which one may be wanted back.
    pub keep_last: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { archived_for: Duration::from_secs(365 * 24 * 3600), keep_last: 10 }
    }
}

impl Retention {
    /// Keeps archived versions for this long.
    #[must_use]
    pub fn with_archived_for(mut self, time: Duration) -> Self {
        self.archived_for = time;
        self
    }

    /// Keeps so many of the latest versions.
    #[must_use]
    pub fn with_keep_last(mut self, count: usize) -> Self {
        self.keep_last = count;
        self
    }
}

/// Artifacts that no version named at one moment: data, which is kept until it may be [swept](RetentionExt::sweep).
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Marked {
    /// When they were looked for.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// The artifacts, in ascending order.
    pub artifacts: Vec<Digest>,
    /// Their size in bytes.
    pub bytes: u64,
}

/// What a sweep did.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Artifacts that were deleted, in ascending order.
    pub deleted: Vec<Digest>,
    /// Their size in bytes.
    pub bytes: u64,
    /// Artifacts that a version named meanwhile, which stay.
    pub kept: Vec<Digest>,
    /// Artifacts that were deleted in the moment in which a version came to name them: put them again. There is none where versions
    /// are registered by [`RegistryExt::register`] within the grace of the mark.
    pub lost: Vec<Digest>,
}

/// Retention of versions and collection of artifacts that nobody names, of every [`Registry`].
///
/// **Mark, wait, sweep.** Artifacts are put before a version names them, so that one without a name may belong to a registration that is
/// under way. So [`mark`](Self::mark) only writes down what nobody names, which is the dry run, too. After the grace, chosen longer than any
/// upload and registration takes, [`sweep`](Self::sweep) deletes what is still without a name; just before each deletion it reads what was
/// added to the log.
///
/// What is guaranteed: an artifact that a version named when the sweep began, or whose version was registered before the sweep came to it,
/// is not deleted. A registration in the very moment of the deletion (of bytes that had been put before the mark, by somebody who put them
/// again) is told: [`register`](RegistryExt::register) looks for its artifacts once more when the version is there, and [`Swept::lost`] names
/// those that it came too late for. Putting the same bytes again mends the version, because it names them by content.
///
/// ```
/// # use std::collections::BTreeSet;
/// # use std::time::Duration;
/// # use mlcore::artifact::{ArtifactStoreExt, MemoryStore};
/// # use mlcore::name::ModelName;
/// # use mlcore::registry::{Change, MemoryRegistry, NewVersion, RegistryExt};
/// # use mlcore::schema::Signature;
/// # use mlcore::time::Timestamp;
/// use mlcore::registry::RetentionExt;
///
/// # let (registry, store) = (MemoryRegistry::new(), MemoryStore::new());
/// # let change = Change::new("ana", Timestamp::from_millis(0));
/// let named = store.put_bytes(b"a model")?;
/// let forgotten = store.put_bytes(b"an upload that was broken off")?;
/// let new = NewVersion::new(ModelName::new("churn")?, named, Signature::default());
/// registry.register(&store, new, &change)?;
///
/// let (now, later) = (Timestamp::from_millis(0), Timestamp::from_millis(86_400_000));
/// let marked = registry.mark(&store, &BTreeSet::new(), now)?;
/// assert_eq!(marked.artifacts, [forgotten]);
/// let day = Duration::from_secs(86_400);
/// let swept = registry.sweep(&store, &BTreeSet::new(), &marked, day, later)?;
/// assert_eq!((swept.deleted, store.contains(&named)?), (vec![forgotten], true));
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait RetentionExt: Registry {
    /// The versions of a model that [`Retention`] keeps no longer at `now`, the first first. It changes nothing.
    ///
    /// # Errors
    /// Where the registry cannot be read.
    fn expired(
        &self,
        model: &ModelName,
        retention: &Retention,
        now: Timestamp,
    ) -> Result<Vec<VersionReference>> {
        let meant: BTreeSet<_> = self.aliases(model)?.into_iter().map(|(_, version)| version).collect();
        let (mut versions, mut after): (Vec<ModelVersion>, _) = (Vec::new(), None);
        loop {
            let page = self.versions(model, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.version);
            versions.extend(page);
        }
        versions.truncate(versions.len().saturating_sub(retention.keep_last));
        let oldest = i64::try_from(retention.archived_for.as_micros()).unwrap_or(i64::MAX);
        versions.retain(|version| {
            version.stage == Stage::Archived
                && !meant.contains(&version.version)
                && now.as_micros().saturating_sub(version.updated_at.as_micros()) > oldest
        });
        let expired = versions.into_iter();
        Ok(expired
            .map(|version| VersionReference { model: version.model, version: version.version })
            .collect())
    }

    /// Deletes the versions that are [expired](Self::expired) at the time of the change, each with an audit entry of its own, and answers
    /// them. Artifacts stay until they are swept.
    ///
    /// # Errors
    /// As [`delete_version`](RegistryExt::delete_version); those before it are deleted then. A version that came into use meanwhile is left out.
    fn expire(
        &self,
        model: &ModelName,
        retention: &Retention,
        change: &Change,
    ) -> Result<Vec<VersionReference>> {
        let mut deleted = Vec::new();
        for expired in self.expired(model, retention, change.at)? {
            interrupt::check(OPERATION)?;
            let mut change = change.clone();
            // One request makes one change repeatable.
            change.request = None;
            match self.delete_version(model, expired.version, &change) {
                Ok(_) => deleted.push(expired),
                Err(Error::Conflict(_) | Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(deleted)
    }

    /// The artifacts of `store` that no version names, as its model, the parts of its package, its plan, monitor, card or signature, and that
    /// `elsewhere` does not hold: what others keep in the same store, such as another registry or a tracker. It deletes nothing.
    ///
    /// # Errors
    /// Where the registry or the store cannot be read, the manifest of a package among them.
    fn mark(
        &self,
        store: &dyn ArtifactStore,
        elsewhere: &BTreeSet<Digest>,
        now: Timestamp,
    ) -> Result<Marked> {
        let mut marked = Marked { at: micros::stored(now), artifacts: Vec::new(), bytes: 0 };
        let mut after = None;
        // What is put after this is not looked at: it is listed before the registry is asked.
        let mut listed = Vec::new();
        loop {
            interrupt::check(OPERATION)?;
            let page = store.list(after.as_ref(), PAGE)?;
            let Some(last) = page.last().copied() else { break };
            after = Some(last);
            listed.extend(page);
        }
        let named = named(self, store)?;
        for artifact in listed {
            if !named.contains(&artifact) && !elsewhere.contains(&artifact) {
                marked.bytes += store.size(&artifact)?.unwrap_or(0);
                marked.artifacts.push(artifact);
            }
        }
        Ok(marked)
    }

    /// Deletes what was marked at least `grace` ago and is still named by no version, nor by `elsewhere`.
    ///
    /// # Errors
    /// [`Conflict`](Error::Conflict) where the grace is not over, and as [`mark`](Self::mark).
    fn sweep(
        &self,
        store: &dyn ArtifactStore,
        elsewhere: &BTreeSet<Digest>,
        marked: &Marked,
        grace: Duration,
        now: Timestamp,
    ) -> Result<Swept> {
        let waited = now.as_micros().saturating_sub(marked.at.as_micros());
        if u128::try_from(waited).unwrap_or(0) < grace.as_micros() {
            let problem =
                "the grace is not over: what was marked may belong to a registration that is under way";
            return Err(Error::conflict(OPERATION, "marked artifacts", problem).remedy("sweep later"));
        }
        // The log is followed from before the versions are read: nothing falls between the two.
        let mut log = Followed { next: end_of(self)?.saturating_add(1), named: BTreeSet::new() };
        let named = named(self, store)?;
        let mut swept = Swept::default();
        for artifact in &marked.artifacts {
            interrupt::check(OPERATION)?;
            log.read(self, store)?;
            if named.contains(artifact) || log.named.contains(artifact) || elsewhere.contains(artifact) {
                swept.kept.push(*artifact);
                continue;
            }
            let size = store.size(artifact)?.unwrap_or(0);
            if store.delete(artifact)? {
                swept.bytes += size;
                swept.deleted.push(*artifact);
            }
        }
        log.read(self, store)?;
        for artifact in &swept.deleted {
            if log.named.contains(artifact) && !store.contains(artifact)? {
                swept.lost.push(*artifact);
            }
        }
        Ok(swept)
    }
}

impl<R: Registry + ?Sized> RetentionExt for R {}

/// What versions name that came after a place of the log.
struct Followed {
    next: u64,
    named: BTreeSet<Digest>,
}

impl Followed {
    fn read<R: Registry + ?Sized>(&mut self, registry: &R, store: &dyn ArtifactStore) -> Result<()> {
        loop {
            let page = registry.audit(self.next, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            self.next = last.sequence.saturating_add(1);
            for entry in &page {
                match &entry.event {
                    Event::CreateVersion { content, .. } => self.named.extend(parts_of(content, store)?),
                    Event::SetCard { card, .. } => self.named.extend(*card),
                    Event::SetTag { key, value: Some(value), .. } => {
                        self.named.extend(artifact_of_tag(key, value));
                    }
                    // No other event names an artifact.
                    _ => {}
                }
            }
        }
    }
}

fn parts_of(new: &NewVersion, store: &dyn ArtifactStore) -> Result<Vec<Digest>> {
    let mut parts = vec![new.artifact];
    parts.extend(new.lineage.artifacts());
    parts.extend(new.tags.iter().filter_map(|(key, value)| artifact_of_tag(key, value)));
    parts.extend(scrub::files_of(store, &new.format, &new.artifact)?);
    Ok(parts)
}

/// Everything that a version names.
fn named<R: Registry + ?Sized>(registry: &R, store: &dyn ArtifactStore) -> Result<BTreeSet<Digest>> {
    let (mut named, mut packages) = (BTreeSet::new(), Vec::new());
    each_version(registry, |version| {
        named.extend(version.artifacts());
        packages.push((version.format, version.artifact));
    })?;
    for (format, artifact) in packages {
        interrupt::check(OPERATION)?;
        named.extend(scrub::files_of(store, &format, &artifact)?);
    }
    Ok(named)
}

/// The sequence of the last entry.
pub(super) fn end_of<R: Registry + ?Sized>(registry: &R) -> Result<u64> {
    let exists = |sequence: u64| registry.audit(sequence, 1).map(|page| !page.is_empty());
    let mut above: u64 = 1;
    while exists(above)? {
        above = above.saturating_mul(2);
    }
    let mut below = above / 2;
    while above.saturating_sub(below) > 1 {
        let middle = below + (above - below) / 2;
        if exists(middle)? { below = middle } else { above = middle }
    }
    Ok(below)
}

const OPERATION: &str = "collect artifacts";
const PAGE: usize = 1000;

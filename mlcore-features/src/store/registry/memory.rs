use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use mlcore::name::RequestId;
use mlcore::registry::Change;
use mlcore::{Error, Result};

use super::decide::{Decision, decide, plan};
use super::version::{AllVersions, History, Kept, OldVersions};
use super::{AuditEntry, Changes, Definitions, Diff, Interval, Materialised, Snapshot, moved, repeated};
use crate::store::definition::{
    AnyView, FeatureReference, Resolution, ResolveOptions, ViewVersion, Views, resolve_projections,
    resolve_references,
};

/// A registry in memory: the reference, and what tests use. Clones share it; it is gone with the last of them.
///
/// ```
/// use mlcore_features::store::registry::{Definitions, MemoryDefinitions};
///
/// let definitions = MemoryDefinitions::new("rides")?;
/// assert_eq!(definitions.snapshot()?.revision(), 0);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryDefinitions {
    state: Arc<RwLock<State>>,
}

#[derive(Debug)]
struct State {
    snapshot: Arc<Snapshot>,
    kept: BTreeMap<String, BTreeMap<ViewVersion, Kept>>,
    audit: Vec<AuditEntry>,
    requests: BTreeMap<RequestId, usize>,
    materialised: BTreeMap<String, Materialised>,
}

impl MemoryDefinitions {
    /// A registry without objects.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a name that no project may have.
    pub fn new(project: &str) -> Result<Self> {
        let state = State {
            snapshot: Arc::new(Snapshot::empty(project)?),
            kept: BTreeMap::new(),
            audit: Vec::new(),
            requests: BTreeMap::new(),
            materialised: BTreeMap::new(),
        };
        Ok(Self { state: Arc::new(RwLock::new(state)) })
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        // Nothing is written before everything that can fail: a thread that panicked has left it whole.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History for State {
    fn last_version(&self, view: &str) -> Result<Option<ViewVersion>> {
        Ok(self.kept.get(view).and_then(|versions| versions.keys().next_back().copied()))
    }

    fn kept(&self, view: &str, version: ViewVersion) -> Result<Option<Kept>> {
        Ok(self.kept.get(view).and_then(|versions| versions.get(&version)).cloned())
    }

    fn entry_of(&self, request: &RequestId) -> Result<Option<AuditEntry>> {
        Ok(self.requests.get(request).and_then(|place| self.audit.get(*place)).cloned())
    }
}

impl Definitions for MemoryDefinitions {
    fn snapshot(&self) -> Result<Arc<Snapshot>> {
        Ok(Arc::clone(&self.state().snapshot))
    }

    fn plan(&self, changes: &Changes) -> Result<Diff> {
        let state = self.state();
        plan(&state.snapshot, &*state, changes).map(|(_, diff)| diff)
    }

    fn apply(&self, changes: &Changes, change: &Change) -> Result<Diff> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let next = match decide(&state.snapshot, &*state, changes, change)? {
            Decision::Repeated(entry) => return Ok(repeated(&entry)),
            Decision::Unchanged(diff) => return Ok(diff),
            Decision::New(next) => *next,
        };
        for change in &next.diff.changes {
            let name = &change.id.name;
            match (change.version_after, state.materialised.get_mut(name)) {
                (None, Some(_)) if change.id.kind.is_view() => drop(state.materialised.remove(name)),
                (Some(_), Some(_)) if change.materialise.is_some() => drop(state.materialised.remove(name)),
                (Some(version), Some(known)) => known.version = version,
                _ => {}
            }
        }
        for kept in next.kept {
            state.kept.entry(kept.view.clone()).or_default().insert(kept.version, kept);
        }
        if let Some(request) = &next.entry.request {
            let place = state.audit.len();
            state.requests.insert(request.clone(), place);
        }
        state.audit.push(next.entry);
        state.snapshot = Arc::new(next.snapshot);
        Ok(next.diff)
    }

    fn version(&self, view: &str, version: ViewVersion) -> Result<AnyView> {
        let state = self.state();
        let project = state.snapshot.repository().project();
        OldVersions::new(project, &*state).view(view, Some(version))
    }

    fn versions(&self, view: &str) -> Result<Vec<ViewVersion>> {
        Ok(self.state().kept.get(view).map(|versions| versions.keys().copied().collect()).unwrap_or_default())
    }

    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        let state = self.state();
        Ok(state.audit.iter().filter(|entry| entry.revision >= from).take(limit).cloned().collect())
    }

    fn materialised(&self, view: &str) -> Result<Materialised> {
        let state = self.state();
        let version = state.snapshot.version_of(view)?;
        Ok(state.materialised.get(view).cloned().unwrap_or_else(|| Materialised::of(version)))
    }

    fn record_materialised(
        &self,
        view: &str,
        version: ViewVersion,
        interval: Interval,
    ) -> Result<Materialised> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let now = state.snapshot.version_of(view)?;
        if now != version {
            return Err(moved(view, version, now));
        }
        let known = state.materialised.remove(view).unwrap_or_else(|| Materialised::of(version));
        let known = known.with(interval);
        state.materialised.insert(view.to_owned(), known.clone());
        Ok(known)
    }

    fn verify(&self) -> Result<()> {
        let state = self.state();
        let mut previous = mlcore::artifact::Digest::ZERO;
        for entry in mlcore::interrupt::paced(&state.audit) {
            if entry.previous != previous || entry.clone().sealed()?.hash != entry.hash {
                let problem = format!("entry {} does not follow the one before it", entry.revision);
                return Err(Error::corrupt(
                    "verify registry",
                    state.snapshot.repository().project(),
                    problem,
                ));
            }
            previous = entry.hash;
        }
        mlcore::interrupt::check("verify registry")
    }

    fn resolve(&self, references: &[FeatureReference], options: &ResolveOptions) -> Result<Resolution> {
        let state = self.state();
        resolve_references(&AllVersions { snapshot: &state.snapshot, history: &*state }, references, options)
    }

    fn resolve_service(&self, service: &str, options: &ResolveOptions) -> Result<Resolution> {
        let state = self.state();
        let service = state.snapshot.repository().service(service)?;
        let views = AllVersions { snapshot: &state.snapshot, history: &*state };
        resolve_projections(&views, service.projections(), options)
    }
}

//! The registry of a feature store's objects: which are there, since when, which versions views had, and who changed what.
//!
//! [`Definitions`] is the trait, [`MemoryDefinitions`] the reference, `SqliteDefinitions` (feature `sqlite`) one file for all processes
//! of a machine. The rules are the same for all: they are one pure function of what is there and what is to become of it.
//!
//! ```
//! use std::time::Duration;
//!
//! use mlcore::registry::Change;
//! use mlcore::schema::DType;
//! use mlcore::time::Timestamp;
//! use mlcore_features::store::definition::{Entity, FeatureView, Field, ViewVersion};
//! use mlcore_features::store::registry::{Changes, Definitions, MemoryDefinitions};
//!
//! let definitions = MemoryDefinitions::new("rides")?;
//! let change = Change::new("ana", Timestamp::from_millis(0)).with_reason("first features");
//! let driver = Entity::builder("driver").value_type(DType::Int64).build()?;
//! let stats = FeatureView::builder("driver_stats", ["driver"]).schema([Field::new("trips", DType::Int64)]);
//! definitions.apply(&Changes::of([driver.into(), stats.clone().build()?.into()]), &change)?;
//!
//! // Another time to live is another version, and what expired is to be written again.
//! let changes = Changes::of([stats.ttl(Duration::from_secs(60)).build()?.into()]);
//! let diff = definitions.plan(&changes)?;
//! assert_eq!(diff.to_string(), "Changed feature view driver_stats (v0 -> v1)\n    ttl: added 1m\n");
//! definitions.apply(&changes.as_planned(&diff), &change)?;
//! assert_eq!(definitions.snapshot()?.version_of("driver_stats")?, ViewVersion::new(1));
//! assert_eq!(definitions.version("driver_stats", ViewVersion::new(0))?.features()[0].name, "trips");
//! # Ok::<(), mlcore::Error>(())
//! ```

mod audit;
mod changes;
mod decide;
mod diff;
mod interval;
mod lineage;
mod memory;
mod snapshot;
#[cfg(feature = "sqlite")]
mod sqlite;
mod version;

use std::sync::Arc;

use mlcore::Result;
use mlcore::registry::Change;

pub use self::audit::{AuditEntry, AuditedChange};
pub use self::changes::Changes;
pub use self::diff::{Action, DefinitionChange, Diff, FieldChange};
pub use self::interval::{Interval, Materialised};
pub use self::lineage::{StoreGraph, StoreNode};
pub use self::memory::MemoryDefinitions;
pub use self::snapshot::{Record, Snapshot};
#[cfg(feature = "sqlite")]
pub use self::sqlite::{SqliteAccess, SqliteDefinitions, SqliteOptions};
use crate::store::definition::{AnyView, FeatureReference, Resolution, ResolveOptions, ViewVersion};

/// A registry of definitions: for any number of threads at once.
///
/// An apply is whole or not at all, sees every apply before it, and touches no object but those that it names: of two at once neither loses
/// what the other wrote. An implementation is held to it by `conformance::definitions`, behind the feature `conformance`.
///
/// ```
/// use mlcore_features::store::registry::{Definitions, MemoryDefinitions};
///
/// fn describe(definitions: &dyn Definitions) -> mlcore::Result<String> {
///     let now = definitions.snapshot()?;
///     Ok(format!("{} objects at revision {}", now.repository().len(), now.revision()))
/// }
/// assert_eq!(describe(&MemoryDefinitions::new("rides")?)?, "0 objects at revision 0");
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait Definitions: Send + Sync {
    /// The objects that are there now.
    ///
    /// # Errors
    /// [`Corrupt`](mlcore::Error::Corrupt) for objects that are not those that were applied, and where they cannot be read.
    fn snapshot(&self) -> Result<Arc<Snapshot>>;

    /// What changes would come to, without carrying them out.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn plan(&self, changes: &Changes) -> Result<Diff>;

    /// Carries changes out, as one transaction; where nothing differs, nothing is written. A request that was carried out before is
    /// answered by its difference in short, without fields, and not carried out again.
    ///
    /// A view has another version where its schema, source, entities, aggregations or `ttl` mean something else, also because an object
    /// that it names has changed; an on-demand view where its inputs, features or function do. A view that pins a version goes back to it.
    ///
    /// # Errors
    /// What [`Repository::new`](crate::store::definition::Repository::new) refuses, [`Conflict`](mlcore::Error::Conflict) where the
    /// registry is at another revision than the changes expect, or a pinned view is another than its version,
    /// [`NotFound`](mlcore::Error::NotFound) for an object to delete or a version that is not there,
    /// [`InvalidInput`](mlcore::Error::InvalidInput) for an object to delete that another names, and where it cannot be written.
    fn apply(&self, changes: &Changes, change: &Change) -> Result<Diff>;

    /// A version of a view, with all that it named then.
    ///
    /// # Errors
    /// [`NotFound`](mlcore::Error::NotFound) for a version that never was, and where it cannot be read.
    fn version(&self, view: &str, version: ViewVersion) -> Result<AnyView>;

    /// The versions of a view, the earliest first, those of a view that was deleted included.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn versions(&self, view: &str) -> Result<Vec<ViewVersion>>;

    /// The entries of the audit from a revision on, at most so many.
    ///
    /// # Errors
    /// [`Corrupt`](mlcore::Error::Corrupt) for an entry that was edited, and where they cannot be read.
    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>>;

    /// Of which times the values of a view's version are stored online.
    ///
    /// # Errors
    /// [`NotFound`](mlcore::Error::NotFound) for a view that is not there, and where it cannot be read.
    fn materialised(&self, view: &str) -> Result<Materialised>;

    /// Notes that the values of an interval are stored, after they are. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`NotFound`](mlcore::Error::NotFound) for a view that is not there, [`Conflict`](mlcore::Error::Conflict) where the view has another
    /// version by now, so that what was stored is to be stored anew, and where it cannot be written.
    fn record_materialised(
        &self,
        view: &str,
        version: ViewVersion,
        interval: Interval,
    ) -> Result<Materialised>;

    /// Checks everything that is kept: every object, version and entry of the audit, and the chain of the latter.
    ///
    /// # Errors
    /// [`Corrupt`](mlcore::Error::Corrupt) for what is not as it was written.
    fn verify(&self) -> Result<()>;

    /// What references mean, those of older versions included.
    ///
    /// # Errors
    /// As [`Repository::resolve`](crate::store::definition::Repository::resolve).
    fn resolve(&self, references: &[FeatureReference], options: &ResolveOptions) -> Result<Resolution>;

    /// What a service means.
    ///
    /// # Errors
    /// As [`Repository::resolve_service`](crate::store::definition::Repository::resolve_service).
    fn resolve_service(&self, service: &str, options: &ResolveOptions) -> Result<Resolution>;
}

/// The difference of a request that was carried out before, in short.
fn repeated(entry: &AuditEntry) -> Diff {
    let short = |change: &AuditedChange| DefinitionChange {
        id: change.id.clone(),
        action: change.action,
        fields: Vec::new(),
        version_before: None,
        version_after: change.version,
        materialise: None,
    };
    Diff { revision: entry.revision.saturating_sub(1), changes: entry.changes.iter().map(short).collect() }
}

/// The error of a view that has another version than the one that was materialised.
fn moved(view: &str, version: ViewVersion, now: ViewVersion) -> mlcore::Error {
    let problem = format!("the view is at {now}, and values of {version} were stored");
    mlcore::Error::conflict("record materialisation", view, problem).remedy("materialise the view anew")
}

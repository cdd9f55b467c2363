//! Which versions are there, which one does an alias mean, now and at any time, and who changed what?
//!
//! [`Registry`] is the seam: one method changes, the others read. [`RegistryExt`] is what callers use;
//! [`MemoryRegistry`] is the reference, `SqliteRegistry` one file on disk, and `PostgresRegistry` (feature `postgres`) a database for
//! many machines. All carry out what one state machine, [`backend`], decides, and every change is one transaction with one entry in a hash-chained audit log. The log is the truth: state
//! is what replaying it gives, and [`Registry::verify`] replays it.
//!
//! Around it: [`GovernanceExt`] (approvals, signatures, cards, and the [policy](PromotionPolicy) that every way to production asks),
//! [`LineageExt`] (what came of what), [`ModelCard`], [`RetentionExt`] (versions and artifacts that are kept no longer), [`export_log`] and
//! [`import_log`] (backups of any backend), and [`webhook`] (news for others).
//!
//! **Time.** The registry has no clock; each [`Change`] says when, and whole microseconds of it are stored. Order is the
//! order of the log. For questions about the past an entry counts from its [`effective_at`](AuditEntry::effective_at), the
//! latest time so far, so that a clock that went back cannot reorder history. A clock that was ahead by more than a day
//! distorts only its own change: see [`RegistryExt::alias_at`].
//!
//! ```
//! use mlcore::artifact::{ArtifactStoreExt, MemoryStore};
//! use mlcore::name::{Alias, ModelName};
//! use mlcore::registry::{Change, Expected, MemoryRegistry, NewVersion, Registry, RegistryExt, Stage};
//! use mlcore::time::Timestamp;
//! use mlcore::schema::Signature;
//!
//! let (registry, artifacts) = (MemoryRegistry::new(), MemoryStore::new());
//! let (churn, champion) = (ModelName::new("churn")?, Alias::new("champion")?);
//! let change = |hour: i64| Change::new("ana", Timestamp::from_millis(hour * 3_600_000));
//!
//! registry.create_model(&churn, &change(0))?;
//! for hour in [1, 2] {
//!     let artifact = artifacts.put_bytes(format!("model {hour}").as_bytes())?;
//!     let new = NewVersion::new(churn.clone(), artifact, Signature::default());
//!     let version = registry.create_version(new, &change(hour))?.version;
//!     registry.transition(&churn, version, Stage::Dev, Stage::Staging, &change(hour))?;
//!     // Compare-and-swap: somebody else's promotion in between would be a `Conflict`.
//!     let expected = Expected::from(registry.alias(&churn, &champion)?);
//!     registry.promote(&churn, version, &champion, expected, &change(hour))?;
//! }
//!
//! // The second one disappoints.
//! registry.roll_back(&churn, &champion, Expected::Any, &change(5).with_reason("complaints"))?;
//! let at = |hour: i64| registry.alias_at(&churn, &champion, Timestamp::from_millis(hour * 3_600_000));
//! let served: Vec<_> = (0..6).map(|hour| Ok(at(hour)?.map(|version| version.get()))).collect::<mlcore::Result<_>>()?;
//! assert_eq!(served, [None, Some(1), Some(2), Some(2), Some(2), Some(1)]);
//! assert_eq!(registry.verify()?.sequence, 8);
//! # Ok::<(), mlcore::Error>(())
//! ```

mod approval;
mod audit;
pub mod backend;
mod backup;
mod card;
mod event;
mod extension;
mod governance;
mod lineage;
mod memory;
mod metrics;
mod micros;
mod model;
mod moves;
mod mutation;
mod open;
mod policy;
#[cfg(feature = "postgres")]
mod postgres;
mod registration;
mod retention;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod row;
mod scrub;
mod search;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stage;
mod validation;
pub mod webhook;

pub use self::approval::{Approval, DetachedSignature, VerifySignature, verify_signatures};
pub use self::audit::{AliasChange, AuditEntry, AuditHead};
pub use self::backup::{copy_log, export_log, import_log};
pub use self::card::ModelCard;
pub use self::event::{AliasMove, Event, StageMove};
pub use self::extension::RegistryExt;
pub use self::governance::GovernanceExt;
pub use self::lineage::{LineageEdge, LineageExt, LineageGraph, LineageNode, LineageOptions};
pub use self::memory::MemoryRegistry;
pub use self::metrics::Metrics;
pub use self::model::{
    EXTERNAL, Lineage, Model, ModelVersion, NewModel, NewVersion, PlanReference, VersionReference,
};
pub use self::mutation::{Change, Expected, Incumbent, Mutation, Subject};
pub use self::open::{artifacts_url, open};
pub use self::policy::{
    Better, Condition, ConditionCheck, DRIFT_METRIC, PolicyVerdict, PromotionPolicy, StoredPolicy,
};
#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresOptions, PostgresRegistry};
pub use self::retention::{Marked, Retention, RetentionExt, Swept};
pub use self::scrub::{DamagedArtifact, Scrub};
pub use self::search::{
    DEFAULT_MODELS, DEFAULT_VERSIONS, Dialect, MOST_MODELS, MOST_VERSIONS, ModelSearch, VersionSearch,
};
#[cfg(feature = "sqlite")]
pub use self::sqlite::{SqliteAccess, SqliteOptions, SqliteRegistry};
pub use self::stage::Stage;
pub use self::validation::ValidationVerdict;
use crate::error::Result;
use crate::name::{Alias, ModelName, Version};

/// Stores models, versions, aliases and their history.
///
/// Contract, proved for any implementation by `conformance::registry`:
/// - **A change is one transaction.** [`apply`](Self::apply) is seen whole or not at all: one reading method answers the state
///   between two changes. It appends exactly one audit entry, or none for a repeated request. What is refused leaves
///   nothing, in what is read as in the log. Of changes that expect the same alias and give it different versions exactly
///   one wins. Any number of threads may share a registry.
/// - **The rules** are those of [`Mutation`], [`Stage`] and [`backend::limits`], and an entry records what they decided as
///   [`Event`] says: [`backend::decide`] carries them out.
/// - **Errors** have the meanings that `apply` names. Where several things are in the way, the first of these is told: a
///   part that is too large, the request, the model, the alias that is moved, the version, the alias of a trial, the
///   version's stage, the version in production, the model's policy. The error's subject is the thing: `churn`, `churn/3`, `churn@champion`,
///   `request r1`, or the part that is too large. Its words are free.
/// - **What was acknowledged is kept**: it survives the process, and is there when the registry is opened again, where it
///   outlives its handles at all. Version numbers are never given twice, and history outlives aliases, versions and models.
/// - **Pages** are in ascending order (of the bytes of names, of numbers), begin after `after` whether or not it is there,
///   and hold at most `limit`.
/// - **Damage is told.** A read never answers a row that was changed behind the registry's back where it can tell:
///   [`Corrupt`](crate::Error::Corrupt) instead. `SqliteRegistry` says what it can tell.
///
/// The [module](self) shows a registry in use, and [`backend`] how one is made.
pub trait Registry: Send + Sync {
    /// Carries out one change and answers its audit entry. [`RegistryExt`] has a method for each kind.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), [`AlreadyExists`](crate::Error::AlreadyExists) (also for a request id that
    /// was used for something else), [`InvalidInput`](crate::Error::InvalidInput) for what is against the rules,
    /// [`Conflict`](crate::Error::Conflict) when the state is not the expected one; of a backend
    /// [`Unavailable`](crate::Error::Unavailable), [`StorageFull`](crate::Error::StorageFull),
    /// [`PermissionDenied`](crate::Error::PermissionDenied), [`Corrupt`](crate::Error::Corrupt): nothing was changed.
    /// After [`OutcomeUnknown`](crate::Error::OutcomeUnknown) it may have been: repeat it with the same
    /// [request](Change::with_request).
    fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry>;

    /// A model.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), and where the backend cannot be read.
    fn model(&self, name: &ModelName) -> Result<Model>;

    /// Up to `limit` models in the order of their names, beginning after `after`.
    ///
    /// # Errors
    /// Where the backend cannot be read.
    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>>;

    /// A version.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), and where the backend cannot be read.
    fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion>;

    /// Up to `limit` versions in ascending order, beginning after `after`; none for a model that does not exist.
    ///
    /// # Errors
    /// Where the backend cannot be read.
    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>>;

    /// The version that an alias means, or none where it is not set. Cheap: a server may ask before each request.
    ///
    /// # Errors
    /// Where the backend cannot be read.
    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>>;

    /// The aliases of a model and the versions that they mean, in the order of their names.
    ///
    /// # Errors
    /// Where the backend cannot be read.
    fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>>;

    /// Every move of an alias, the first first; it outlives the alias, the version and the model.
    ///
    /// # Errors
    /// Where the backend cannot be read.
    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>>;

    /// Up to `limit` audit entries in order, beginning with `from` (the first is 1).
    ///
    /// # Errors
    /// Where the backend cannot be read.
    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>>;

    /// Replays the audit log: its chain must be whole, and the stored state must be what it gives. Reads everything.
    ///
    /// # Errors
    /// [`Corrupt`](crate::Error::Corrupt) naming the first thing that does not fit.
    fn verify(&self) -> Result<AuditHead>;

    /// Makes this registry, which must be empty, what `log` says: every entry of another registry's log from the first on, as
    /// [`copy_log`] and [`import_log`] hand it over. All of it or nothing, as one transaction, for a backend that has these. Whatever rules
    /// were broken in that log, it is replayed and not judged. Default: [`Unsupported`](crate::Error::Unsupported).
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::Error::AlreadyExists) for a registry that is not empty, [`Corrupt`](crate::Error::Corrupt) for a log whose chain
    /// is broken, those of `log`, and those of writing that [`apply`](Self::apply) names.
    fn restore(&self, log: &mut dyn Iterator<Item = Result<AuditEntry>>) -> Result<AuditHead> {
        let _ = log;
        Err(crate::Error::unsupported("restore registry", "registry", "it takes no log of another registry"))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<R: Registry + ?Sized> Registry for std::sync::Arc<R> {
    fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
        (**self).apply(mutation, change)
    }

    fn model(&self, name: &ModelName) -> Result<Model> {
        (**self).model(name)
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        (**self).models(after, limit)
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<ModelVersion> {
        (**self).version(model, version)
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        (**self).versions(model, after, limit)
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
        (**self).alias(model, alias)
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<(Alias, Version)>> {
        (**self).aliases(model)
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        (**self).alias_history(model, alias)
    }

    fn audit(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        (**self).audit(from, limit)
    }

    fn verify(&self) -> Result<AuditHead> {
        (**self).verify()
    }

    fn restore(&self, log: &mut dyn Iterator<Item = Result<AuditEntry>>) -> Result<AuditHead> {
        (**self).restore(log)
    }
}

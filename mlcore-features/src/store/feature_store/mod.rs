//! A feature store as one value: definitions, history and what is online, joined.
//!
//! - [`FeatureStore`] applies definitions, fills the online store, and answers for training and for serving.
//! - A [`FeatureQuery`] names features: by references, or by a service.
//! - [`Sources`] finds the table that a source of the definitions means; [`LocalSources`] those of this machine.
//! - [`PreparedFeatures`] is a query that was resolved once, and reads into [`OnlineFeatures`] many times.
//! - A [`StoreReader`] is one that endpoints ask by the keys of entities.
//! - [`Historical`] is a table of training rows, and becomes a [`TrainingSet`] with a digest.
//! - [`SkewReport`] says where what was served and what history says differ.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mlcore::arrow::array::{Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
//! use mlcore::batch::Value;
//! use mlcore::registry::Change;
//! use mlcore::schema::DType;
//! use mlcore::time::Timestamp;
//! use mlcore_features::store::definition::{Entity, FeatureView, Field, Source};
//! use mlcore_features::store::feature_store::{
//!     EntityRows, FeatureQuery, FeatureStore, HistoricalOptions, LocalSources, MaterialiseOptions,
//! };
//! use mlcore_features::store::online::{Cell, MemoryStore};
//! use mlcore_features::store::registry::{Changes, MemoryDefinitions};
//!
//! let trips = RecordBatch::try_from_iter([
//!     ("driver_id", Arc::new(Int64Array::from(vec![7, 8])) as _),
//!     ("at", Arc::new(TimestampMicrosecondArray::from(vec![1_000_000, 2_000_000])) as _),
//!     ("rating", Arc::new(Float64Array::from(vec![4.5, 3.5])) as _),
//! ])
//! .unwrap();
//! let sources = LocalSources::new(".").with_table("trips", vec![trips.clone()]);
//! let store = FeatureStore::builder(Arc::new(MemoryDefinitions::new("rides")?), Arc::new(MemoryStore::new()))
//!     .sources(Arc::new(sources))
//!     .clock(|| Timestamp::from_millis(10_000))
//!     .build()?;
//! store.apply(
//!     &Changes::of([
//!         Entity::builder("driver").join_keys(["driver_id"]).value_type(DType::Int64).build()?.into(),
//!         Source::arrow("trips").timestamp_field("at").build()?.into(),
//!         FeatureView::builder("stats", ["driver"])
//!             .schema([Field::new("rating", DType::Float64)])
//!             .source("trips")
//!             .build()?
//!             .into(),
//!     ]),
//!     &Change::new("ana", Timestamp::from_millis(10_000)),
//! )?;
//! let query = FeatureQuery::references(["stats:rating"])?;
//!
//! // For training: as it was known then.
//! let history = store.historical_features(&trips.project(&[0, 1]).unwrap(), &query, &HistoricalOptions::default())?;
//! assert_eq!(history.table()["rating"].as_ref(), trips["rating"].as_ref());
//!
//! // For serving: as it is known now.
//! store.materialise(Timestamp::from_millis(0), Timestamp::from_millis(9_000), &MaterialiseOptions::default())?;
//! let answer = store.online_features(&query, &EntityRows::one([("driver_id", Value::Int(7))]))?;
//! assert_eq!(answer.cell(0, 0), Cell::from(4.5));
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! # Sliding windows
//!
//! A view with aggregations has features of [sliding windows](super::window) of its source's rows, which are events. It is asked for, joined,
//! materialised and pushed to as any other view:
//!
//! - [`historical_features`](FeatureStore::historical_features) computes them of the events as of each row's time, and
//!   [`online_features`](FeatureStore::online_features) reads them of tiles as of now: the same, to the bit.
//! - [`materialise`](FeatureStore::materialise) makes tiles of history, [`push`](FeatureStore::push) and
//!   [`write_to_online_store`](FeatureStore::write_to_online_store) add events to others.
//!   [History and stream](super::window#history-and-stream) may overlap: an event counts once. So push into both, or see that what is
//!   pushed online gets into the history, and materialise no farther than history is complete.
//! - A producer that may send rows twice numbers them: [`push_delivery`](FeatureStore::push_delivery) and
//!   [`write_delivery`](FeatureStore::write_delivery). Without a number a batch that is sent twice counts twice online, until history is
//!   materialised over it.
//! - An entity that nobody has seen is one without events: its counts are 0 and `PRESENT`, all else is `NULL_VALUE`. The event time of a
//!   feature is the end of its window.
//!
//! # What is missing
//!
//! A feature that is null has no value: it is null in a training table, and null with the status `NULL_VALUE` online. So is a float
//! that is NaN, wherever it comes from, as in Feast: tables of pandas write a missing number so. Within a list, NaN is a value.
//!
//! # What differs from Feast 0.67
//!
//! | | here | Feast 0.67 |
//! |---|---|---|
//! | a value past its `ttl`, read online | `OUTSIDE_MAX_AGE`, and no value | `PRESENT`, with the value |
//! | rows of the future | are not materialised and not pushed | are, and hide what comes before them |
//! | an incremental run without a run before it, of a view without `ttl` | all of history | the last 52 weeks |
//! | an incremental run after runs with a gap between them | fills the gap | leaves it |
//! | a value of another type than the view's | becomes that type in both stores, or is refused by column and row | depends on the store |
//! | a missing result of an on-demand view | `NULL_VALUE` | `PRESENT` |
//! | a view with aggregations | its windows are computed, offline and online | they are registered; some engines compute them before rows are stored, as of then |

mod builder;
mod compile;
mod conform;
mod historical;
mod lineage;
mod materialise;
mod on_demand;
mod online;
mod query;
mod skew;
mod sources;
mod tables;
mod training_set;
mod windows;
mod write;

#[cfg(all(feature = "sqlite", feature = "embedded"))]
mod open;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlcore::Result;
use mlcore::artifact::Digest;
use mlcore::registry::Change;
use mlcore::time::Timestamp;

pub use self::builder::FeatureStoreBuilder;
pub use self::historical::{Historical, HistoricalOptions, ViewUse};
pub use self::materialise::{MaterialiseOptions, MaterialiseReport, Progress, SkippedView, ViewRun};
pub use self::online::{EntityRows, OnlineFeatures, OutputFeature, PreparedFeatures, StoreReader};
pub use self::query::FeatureQuery;
pub use self::skew::{ColumnSkew, Difference, ServedRows, SkewOptions, SkewReport};
pub use self::sources::{LocalSources, Sources};
pub use self::tables::StaleTables;
pub use self::training_set::TrainingSet;
pub use self::write::{PushReport, PushTo, PushedView};
use super::online::OnlineStore;
use super::registry::{Changes, Definitions, Diff, Snapshot};
use crate::pipeline::Plan;

/// A feature store: what is defined, where history lies, and what is online. A clone is cheap and shares all of it.
///
/// It holds no data of its own: what it writes lies in the [`Definitions`], the [`OnlineStore`] and the [`Sources`] that it was built of,
/// so that several processes may work on the same ones. See the [module](self) for an example.
#[derive(Clone)]
pub struct FeatureStore {
    inner: Arc<Inner>,
}

struct Inner {
    definitions: Arc<dyn Definitions>,
    online: Arc<dyn OnlineStore>,
    sources: Arc<dyn Sources>,
    /// Plans of on-demand views, by their digest.
    plans: BTreeMap<Digest, Plan>,
    clock: Arc<Clock>,
    clock_skew: Duration,
    /// Queries that were asked lately, resolved.
    prepared: Mutex<BTreeMap<FeatureQuery, PreparedFeatures>>,
}

/// Tells the time.
type Clock = dyn Fn() -> Timestamp + Send + Sync;

impl fmt::Debug for FeatureStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureStore")
            .field("online", &self.inner.online)
            .field("sources", &self.inner.sources)
            .finish_non_exhaustive()
    }
}

impl FeatureStore {
    /// Begins a store of these definitions and this online store.
    pub fn builder(definitions: Arc<dyn Definitions>, online: Arc<dyn OnlineStore>) -> FeatureStoreBuilder {
        FeatureStoreBuilder::new(definitions, online)
    }

    /// The definitions.
    #[must_use]
    pub fn definitions(&self) -> &Arc<dyn Definitions> {
        &self.inner.definitions
    }

    /// The online store.
    #[must_use]
    pub fn online_store(&self) -> &Arc<dyn OnlineStore> {
        &self.inner.online
    }

    /// The time by the store's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.inner.clock)()
    }

    /// The objects that are there now.
    ///
    /// # Errors
    /// Those of the definitions.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>> {
        self.inner.definitions.snapshot()
    }

    /// What changes would come to, without carrying them out: see [`Definitions::plan`].
    ///
    /// # Errors
    /// As [`Definitions::plan`].
    pub fn plan(&self, changes: &Changes) -> Result<Diff> {
        self.inner.definitions.plan(changes)
    }

    /// Carries changes out, as one transaction: see [`Definitions::apply`]. What is stored online of views that are gone stays until
    /// [`drop_tables`](Self::drop_tables).
    ///
    /// # Errors
    /// As [`Definitions::apply`].
    pub fn apply(&self, changes: &Changes, change: &Change) -> Result<Diff> {
        self.inner.definitions.apply(changes, change)
    }

    /// The last moment that an event may have to be of the present.
    fn latest_event(&self) -> Timestamp {
        let skew = i64::try_from(self.inner.clock_skew.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.now().as_micros().saturating_add(skew))
    }
}

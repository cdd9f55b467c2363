use std::sync::Arc;
use std::time::Duration;

use mlcore::batch::{OwnedValue, Value};
use mlcore::schema::{Field, Schema};
use mlcore::{Error, Result};
use mlcore_features::store::feature_store::{FeatureQuery, FeatureStore};
use mlcore_features::store::online::FeatureReader;

use super::status::FeatureStatus;

/// Features that an endpoint looks up by the entity of a request, and what happens when there are none.
///
/// The features are raw columns: what the feature plans of the versions read beside what the request brings. Types, defaults and
/// what may be missing are checked when the endpoint is built, and again for every version that comes to answer: see
/// [`EndpointBuilder::with_lookup`](crate::endpoint::EndpointBuilder::with_lookup).
///
/// | the store says | what the model's plan gets |
/// |---|---|
/// | `PRESENT` | the value |
/// | `NULL_VALUE`, `NOT_FOUND`, `OUTSIDE_MAX_AGE` | by [`with_missing`](Self::with_missing): null (the default), the default of the feature, or nothing: the request is refused |
/// | nothing: it is gone, fails, or is slower than the deadline | what was [known last](Self::with_last_known), where that is asked for and young enough; else by [`with_failure`](Self::with_failure): the request is refused (the default), or the defaults of the features |
///
/// A value that is too old is never handed on as one that counts, whether it comes from the store or from what was known last.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use mlcore::schema::{DType, Field};
/// use mlcore_features::store::online::{MemoryStore, PreparedQuery, Table, TableId};
/// use mlcore_serve::endpoint::{FeatureLookup, FeatureStatus, OnFailure, OnMissing};
///
/// let features = [Field::column("trips", DType::Int64), Field::column("rating", DType::Float64)];
/// let drivers = Table::new(TableId::new("taxi", "drivers", 1)?, features)?;
/// let query = PreparedQuery::new(Arc::new(MemoryStore::new()), [(&drivers, "trips"), (&drivers, "rating")])?;
///
/// let lookup = FeatureLookup::new(Arc::new(query), [Field::column("driver_id", DType::Int64)])?
///     .with_default("trips", 0)?
///     .with_default("rating", 4.2)?
///     .with_missing(FeatureStatus::NotFound, OnMissing::Default)?
///     .with_last_known(10_000, Duration::from_secs(300))
///     .with_failure(OnFailure::Defaults)
///     .with_timeout(Duration::from_millis(20));
/// assert_eq!(lookup.features().len(), 2);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FeatureLookup {
    pub(super) reader: Arc<dyn FeatureReader>,
    pub(super) join_keys: Schema,
    pub(super) features: Vec<Field>,
    /// One for each feature; null where there is none.
    pub(super) defaults: Vec<OwnedValue>,
    pub(super) missing: Missing,
    pub(super) failure: OnFailure,
    pub(super) last_known: Option<(usize, Duration)>,
    pub(super) conflict: OnConflict,
    pub(super) timeout: Option<Duration>,
}

/// What happens to a request when the store has no value that counts.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnMissing {
    /// The plan gets null, and imputes it.
    #[default]
    Null,
    /// The plan gets the default of the feature.
    Default,
    /// The request is refused: [`InvalidInput`](mlcore::Error::InvalidInput) for an entity that the store does not know and for a null,
    /// and [`Unavailable`](mlcore::Error::Unavailable) for values that are too old.
    Refuse,
}

/// What happens to a request when the store does not answer, and nothing is known that was read before.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFailure {
    /// The request is refused with [`Unavailable`](mlcore::Error::Unavailable).
    #[default]
    Refuse,
    /// The plan gets the default of each feature.
    Defaults,
}

/// Who wins when a request brings a value for a column that is looked up. A null, and a value that was not sent, is none.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnConflict {
    /// Nobody: the request is refused.
    #[default]
    Refuse,
    /// The request.
    Request,
    /// The store, whatever it says.
    Store,
}

/// What happens by the status.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Missing {
    pub(super) null_value: OnMissing,
    pub(super) not_found: OnMissing,
    pub(super) outside_max_age: OnMissing,
}

impl Missing {
    pub(super) fn of(self, status: FeatureStatus) -> OnMissing {
        match status {
            FeatureStatus::NullValue => self.null_value,
            FeatureStatus::NotFound => self.not_found,
            FeatureStatus::OutsideMaxAge => self.outside_max_age,
            FeatureStatus::Unavailable => OnMissing::Default,
            FeatureStatus::Present | FeatureStatus::LastKnown | FeatureStatus::Sent => OnMissing::Null,
        }
    }

    /// Whether a feature may come to the plan as null.
    pub(super) fn has_nulls(self) -> bool {
        [self.null_value, self.not_found, self.outside_max_age].contains(&OnMissing::Null)
    }

    fn needs_defaults(self) -> bool {
        [self.null_value, self.not_found, self.outside_max_age].contains(&OnMissing::Default)
    }
}

impl FeatureLookup {
    /// Looks up what `reader` answers, by these join keys with the types that they have in the feature store.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] without a join key or a feature, and [`Error::Unsupported`] for a feature that is a list: a column of a
    /// plan has one value for each row.
    pub fn new(reader: Arc<dyn FeatureReader>, join_keys: impl IntoIterator<Item = Field>) -> Result<Self> {
        let (join_keys, features) = (Schema::new(join_keys)?, reader.features());
        for (is_empty, what) in [(join_keys.is_empty(), "join keys"), (features.is_empty(), "features")] {
            if is_empty {
                return Err(Error::invalid_input(MAKE, what, "there are none")
                    .remedy("name at least one join key, and read at least one feature"));
            }
        }
        if let Some(list) = features.iter().find(|field| field.shape().len() != 1) {
            let problem =
                format!("{list} is a list, and a column of a feature plan has one value for each row");
            return Err(Error::unsupported(MAKE, list.name(), problem)
                .remedy("leave it out, or store its numbers as features of their own"));
        }
        Ok(Self {
            defaults: vec![OwnedValue::Null; features.len()],
            reader,
            join_keys,
            features,
            missing: Missing::default(),
            failure: OnFailure::default(),
            last_known: None,
            conflict: OnConflict::default(),
            timeout: None,
        })
    }

    /// Looks up what a query of a feature store answers, by the join keys of its views. The query is resolved once: what is applied to the
    /// store afterwards does not change it.
    ///
    /// # Errors
    /// As [`FeatureStore::reader`] and [`new`](Self::new).
    pub fn of_store(store: &FeatureStore, query: &FeatureQuery) -> Result<Self> {
        let reader = store.reader(query)?;
        let join_keys = reader.join_keys().to_vec();
        Self::new(Arc::new(reader), join_keys)
    }

    /// Takes `value` for the feature where a default is asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a feature that is not looked up, and [`Error::SchemaMismatch`] for a value that its type does not hold.
    pub fn with_default<'v>(mut self, feature: &str, value: impl Into<Value<'v>>) -> Result<Self> {
        let shown: Value<'v> = value.into();
        let Some(place) = self.features.iter().position(|field| field.name() == feature) else {
            let names: Vec<&str> = self.features.iter().map(Field::name).take(MOST_SHOWN).collect();
            return Err(Error::not_found(MAKE, feature, "it is not looked up")
                .remedy(format!("name one of {}", names.join(", "))));
        };
        if let (Some(field), Some(default)) = (self.features.get(place), self.defaults.get_mut(place)) {
            if shown.is_null() || !shown.fits(field.dtype()) {
                let problem = format!("its default is {}, and it is {}", shown.described(), field.dtype());
                return Err(Error::schema_mismatch(MAKE, feature, problem)
                    .remedy("give it a default that its type holds"));
            }
            *default = shown.into_owned();
        }
        Ok(self)
    }

    /// Says what happens to a request of which the store says this.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a status other than `NullValue`, `NotFound` and `OutsideMaxAge`.
    pub fn with_missing(mut self, status: FeatureStatus, reaction: OnMissing) -> Result<Self> {
        let place = match status {
            FeatureStatus::NullValue => &mut self.missing.null_value,
            FeatureStatus::NotFound => &mut self.missing.not_found,
            FeatureStatus::OutsideMaxAge => &mut self.missing.outside_max_age,
            FeatureStatus::Present
            | FeatureStatus::LastKnown
            | FeatureStatus::Unavailable
            | FeatureStatus::Sent => {
                return Err(Error::invalid_input(MAKE, status.name(), "it is no status of a missing value")
                    .remedy("name NULL_VALUE, NOT_FOUND or OUTSIDE_MAX_AGE"));
            }
        };
        *place = reaction;
        Ok(self)
    }

    /// Keeps what was read of the last `entities` entities, and takes it when the store does not answer, unless it was read longer than
    /// `max_age` ago, or its time to live is over.
    pub fn with_last_known(mut self, entities: usize, max_age: Duration) -> Self {
        self.last_known = Some((entities, max_age));
        self
    }

    /// Says what happens to a request when the store does not answer.
    pub fn with_failure(mut self, reaction: OnFailure) -> Self {
        self.failure = reaction;
        self
    }

    /// Says who wins when a request brings a value for a column that is looked up.
    pub fn with_conflict(mut self, conflict: OnConflict) -> Self {
        self.conflict = conflict;
        self
    }

    /// Waits for the store no longer than this, and no longer than a request's own deadline. A store of this process, which answers at
    /// once, is not waited for on another thread.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The features, in the order of the reader.
    #[must_use]
    pub fn features(&self) -> &[Field] {
        &self.features
    }

    /// The join keys.
    #[must_use]
    pub fn join_keys(&self) -> &Schema {
        &self.join_keys
    }

    /// Makes sure that there is a default wherever one may be asked for.
    pub(super) fn check(&self) -> Result<()> {
        if !self.missing.needs_defaults() && self.failure != OnFailure::Defaults {
            return Ok(());
        }
        let lacks =
            self.features.iter().zip(&self.defaults).find(|(_, default)| default.as_value().is_null());
        match lacks {
            None => Ok(()),
            Some((field, _)) => {
                let problem = "a default may be asked for, and it has none";
                Err(Error::invalid_input("build endpoint", field.name(), problem)
                    .remedy("give it a default, or have it refused or null where it is missing"))
            }
        }
    }
}

const MAKE: &str = "make feature lookup";
const MOST_SHOWN: usize = 20;

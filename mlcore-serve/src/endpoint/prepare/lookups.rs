use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mlcore::batch::{OwnedValue, Value};
use mlcore::schema::{Field, Schema};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use mlcore_features::store::key::EntityKey;

use super::last_known::LastKnown;
use super::lookup::{FeatureLookup, OnConflict, OnFailure, OnMissing};
use super::read::{Read, age};
use super::readers::{Readers, panicked};
use super::status::{FeatureStatus, FeatureTally, LookupCounts, LookupTally, add};
use crate::endpoint::release::words_of;

/// The lookups of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    pub(super) all: Vec<Lookup>,
    /// All join keys, each once.
    pub(super) join_keys: Schema,
    /// The names of all features, lookup by lookup.
    names: Arc<[String]>,
    readers: Readers,
}

/// A lookup, and what is counted and kept of it.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) options: FeatureLookup,
    label: String,
    last_known: Option<LastKnown>,
    tally: LookupTally,
    features: Vec<FeatureTally>,
    #[cfg(feature = "metrics")]
    duration: metrics::Histogram,
}

/// A feature by its lookup and its place there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FeaturePlace {
    pub(super) lookup: usize,
    pub(super) feature: usize,
}

/// When a request is looked up: by the wall clock, which ages are counted by, and by that which measures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) elapsed: Duration,
    /// How long the store may be waited for.
    pub(super) left: Option<Duration>,
}

impl Lookups {
    /// # Errors
    /// [`Error::InvalidInput`] for a feature that two of them look up, for join keys of one name and two types, and for a default that is
    /// asked for and not there.
    pub(crate) fn new(
        #[cfg_attr(not(feature = "metrics"), expect(unused_variables, reason = "a label of metrics"))]
        model: &str,
        lookups: Vec<FeatureLookup>,
    ) -> Result<Self> {
        let (mut join_keys, mut names) = (Vec::<Field>::new(), Vec::<String>::new());
        for lookup in &lookups {
            lookup.check()?;
            for field in lookup.join_keys.fields() {
                match join_keys.iter().find(|known| known.name() == field.name()) {
                    Some(known) if known.dtype() != field.dtype() => {
                        let problem =
                            format!("it is {} in one lookup and {} in another", known.dtype(), field.dtype());
                        return Err(Error::invalid_input(BUILD, field.name(), problem)
                            .remedy("give a join key one type"));
                    }
                    Some(_) => {}
                    None => join_keys.push(field.clone()),
                }
            }
            for field in &lookup.features {
                if names.iter().any(|known| known == field.name()) {
                    return Err(Error::invalid_input(BUILD, field.name(), "two lookups answer this feature")
                        .remedy("leave it out of one of them, or read it under its full name"));
                }
                names.push(field.name().to_owned());
            }
        }
        let of = |options: FeatureLookup| {
            let label = options.join_keys.names().collect::<Vec<_>>().join(",");
            Lookup {
                last_known: options.last_known.map(|(entities, age)| LastKnown::new(entities, age)),
                tally: LookupTally::default(),
                features: options.features.iter().map(|_| FeatureTally::default()).collect(),
                #[cfg(feature = "metrics")]
                duration: crate::metrics::names::LOOKUP_DURATION.histogram(&[model, &label]),
                label,
                options,
            }
        };
        let all = lookups.into_iter().map(of).collect();
        Ok(Self { all, join_keys: Schema::new(join_keys)?, names: names.into(), readers: Readers::default() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn join_keys(&self) -> &Schema {
        &self.join_keys
    }

    #[cfg(feature = "http")]
    pub(crate) fn are_remote(&self) -> bool {
        self.all.iter().any(|own| own.options.reader.is_remote())
    }

    /// The names of all features, lookup by lookup.
    pub(crate) fn shared_names(&self) -> &Arc<[String]> {
        &self.names
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Where the feature of this name is looked up.
    pub(super) fn find(&self, name: &str) -> Option<FeaturePlace> {
        self.all.iter().enumerate().find_map(|(lookup, own)| {
            let feature = own.options.features.iter().position(|field| field.name() == name)?;
            Some(FeaturePlace { lookup, feature })
        })
    }

    pub(super) fn field(&self, place: FeaturePlace) -> Option<&Field> {
        self.all.get(place.lookup)?.options.features.get(place.feature)
    }

    pub(super) fn conflict(&self, place: FeaturePlace) -> OnConflict {
        self.all.get(place.lookup).map(|own| own.options.conflict).unwrap_or_default()
    }

    /// All features, lookup by lookup.
    pub(super) fn places(&self) -> impl Iterator<Item = FeaturePlace> {
        let of = |(lookup, own): (usize, &Lookup)| {
            (0..own.options.features.len()).map(move |feature| FeaturePlace { lookup, feature })
        };
        self.all.iter().enumerate().flat_map(of)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Begins to look so many entities up, of which nothing is known.
    pub(super) fn begin(&self, entities: usize, reads: &mut Vec<Read>) {
        reads.resize_with(self.all.len(), Read::default);
        for (lookup, read) in self.all.iter().zip(reads) {
            read.begin(entities, lookup.options.features.len());
            (0..entities).for_each(|entity| read.set_unavailable(entity));
        }
    }

    /// Looks the features of these entities up, in memory that is used again.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for an entity that lacks a join key, and what each lookup's policies refuse.
    pub(super) fn read(
        &self,
        entities: &[EntityKey],
        selected: &mut Vec<EntityKey>,
        reads: &mut [Read],
        moment: Moment,
    ) -> Result<()> {
        let begun = Instant::now();
        for (lookup, read) in self.all.iter().zip(reads) {
            selected.clear();
            for entity in entities {
                selected.push(entity.select(&lookup.options.join_keys)?);
            }
            let left = moment.left.map(|left| left.saturating_sub(begun.elapsed()));
            lookup.read(&self.readers, selected, Moment { left, ..moment }, read)?;
        }
        Ok(())
    }

    /// The value that the plan gets.
    pub(super) fn value<'r>(&'r self, reads: &'r [Read], place: FeaturePlace, entity: usize) -> Value<'r> {
        let (Some(own), Some(read)) = (self.all.get(place.lookup), reads.get(place.lookup)) else {
            return Value::Null;
        };
        let status = read.one(entity, place.feature).status;
        match status {
            FeatureStatus::Present | FeatureStatus::LastKnown | FeatureStatus::Sent => {
                read.value(entity, place.feature)
            }
            missing => match own.options.missing.of(missing) {
                OnMissing::Null | OnMissing::Refuse => Value::Null,
                OnMissing::Default => {
                    own.options.defaults.get(place.feature).map_or(Value::Null, OwnedValue::as_value)
                }
            },
        }
    }

    /// Refuses what the policies of missing values refuse.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] and [`Error::Unavailable`] naming entity, feature and status.
    pub(super) fn check(&self, entities: &[EntityKey], reads: &[Read]) -> Result<()> {
        for (own, read) in self.all.iter().zip(reads) {
            for (entity, key) in entities.iter().enumerate() {
                for (feature, field) in own.options.features.iter().enumerate() {
                    let status = read.one(entity, feature).status;
                    if own.options.missing.of(status) == OnMissing::Refuse {
                        return Err(refused(key, field, status));
                    }
                }
            }
        }
        Ok(())
    }

    /// Counts what became of each feature, once that is settled.
    pub(super) fn count(&self, reads: &[Read], entities: usize, now: Timestamp) {
        for (own, read) in self.all.iter().zip(reads) {
            for entity in 0..entities {
                for (feature, tally) in own.features.iter().enumerate() {
                    let one = read.one(entity, feature);
                    tally.count(one.status, age(one, now));
                }
            }
        }
    }

    pub(crate) fn counts(&self) -> Vec<LookupCounts> {
        let of = |own: &Lookup| {
            let features = own.features.iter().zip(&own.options.features);
            let features = features.map(|(tally, field)| tally.counts(field.name())).collect();
            own.tally.counts(&own.label, features)
        };
        self.all.iter().map(of).collect()
    }
}

impl Lookup {
    fn read(&self, readers: &Readers, keys: &[EntityKey], moment: Moment, read: &mut Read) -> Result<()> {
        let begun = Instant::now();
        let asked = self.ask(readers, keys, moment, read);
        #[cfg(feature = "metrics")]
        self.duration.record(begun.elapsed());
        #[cfg(not(feature = "metrics"))]
        let _ = begun;
        match asked {
            Ok(()) => {
                add(&self.tally.read);
                if let Some(known) = &self.last_known {
                    for (entity, key) in keys.iter().enumerate() {
                        known.keep(key, moment.elapsed, read.of_entity(entity));
                    }
                }
            }
            // The caller's own wish is no failure of the store.
            Err(error @ Error::Interrupted(_)) => return Err(error),
            Err(error) => self.fall_back(keys, moment, read, error)?,
        }
        Ok(())
    }

    fn ask(&self, readers: &Readers, keys: &[EntityKey], moment: Moment, read: &mut Read) -> Result<()> {
        let options = &self.options;
        let left = match (moment.left, options.timeout) {
            (Some(left), Some(own)) => Some(left.min(own)),
            (left, own) => left.or(own),
        };
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Error::timeout(READ, self.label.as_str(), "the request's time is over"));
        }
        let features = options.features.len();
        if let Some(left) = left.filter(|_| options.reader.is_remote()) {
            *read = readers.ask(&options.reader, keys, features, moment.now, left)?;
            return Ok(());
        }
        // A reader of somebody else's may panic.
        catch_unwind(AssertUnwindSafe(|| read.ask(&*options.reader, keys, features, moment.now)))
            .unwrap_or_else(|panic| Err(panicked(words_of(&*panic))))
    }

    /// Takes what was known last, or defaults, or refuses.
    #[cold]
    fn fall_back(&self, keys: &[EntityKey], moment: Moment, read: &mut Read, error: Error) -> Result<()> {
        let failed = self.tally.failed.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failed.is_power_of_two() {
            tracing::warn!(lookup = %self.label, failed, %error, "the feature store did not answer");
        }
        read.begin(keys.len(), self.options.features.len());
        let mut lacks_any = false;
        for (entity, key) in keys.iter().enumerate() {
            let known = self.last_known.as_ref().is_some_and(|known| {
                known.find(key, moment.elapsed, |feature, one, value| {
                    read.set_known(entity, feature, one, value, moment.now);
                })
            });
            if !known {
                lacks_any = true;
                read.set_unavailable(entity);
            }
        }
        match (lacks_any, self.options.failure) {
            (false, _) => add(&self.tally.last_known),
            (true, OnFailure::Defaults) => add(&self.tally.defaults),
            (true, OnFailure::Refuse) => {
                add(&self.tally.refused);
                let problem = format!("the feature store did not answer: {error}");
                return Err(Error::unavailable(READ, self.label.as_str(), problem)
                    .remedy("ask again later, or let the endpoint take defaults or what it knew last")
                    .caused_by(error));
            }
        }
        Ok(())
    }
}

#[cold]
fn refused(key: &EntityKey, field: &Field, status: FeatureStatus) -> Error {
    let subject = format!("{key}, feature {}", field.name());
    let problem = format!("the feature store says {status}, and the endpoint answers no request without it");
    match status {
        FeatureStatus::OutsideMaxAge => Error::unavailable(READ, subject, problem)
            .remedy("ask again when the feature store was brought up to date"),
        _ => Error::invalid_input(READ, subject, problem)
            .remedy("ask about an entity that the feature store knows"),
    }
}

const BUILD: &str = "build endpoint";
const READ: &str = "look up features";

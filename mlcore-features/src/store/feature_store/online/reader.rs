use std::borrow::Cow;
use std::cell::Cell as Place;

use mlcore::schema::Field;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

use super::prepared::PreparedFeatures;
use super::{FeatureQuery, FeatureStore, OnlineFeatures};
use crate::store::definition::ValueType;
use crate::store::feature_store::compile::schema_field;
use crate::store::key::EntityKey;
use crate::store::online::{FeatureReader, Found, VisitFound};

/// Answers a query of a [`FeatureStore`] by the keys of entities, as services ask: what an endpoint looks features up in.
///
/// ```no_run
/// use mlcore_features::store::feature_store::{FeatureQuery, FeatureStore};
/// use mlcore_features::store::online::FeatureReader;
///
/// # fn names(store: &FeatureStore) -> mlcore::Result<()> {
/// let reader = store.reader(&FeatureQuery::service("ranking"))?;
/// assert_eq!(reader.join_keys()[0].name(), "driver_id");
/// assert_eq!(reader.features()[0].name(), "rating");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StoreReader {
    prepared: PreparedFeatures,
    join_keys: Vec<Field>,
    features: Vec<Field>,
    /// For each join key of the views, in their order, its name there and the name of its column.
    names: Vec<(String, String)>,
    is_remote: bool,
}

impl FeatureStore {
    /// A reader of a query by the keys of entities.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare); [`Unsupported`](Error::Unsupported) for a query whose views have no join keys or several sets of
    /// them, for one whose on-demand views read values of requests, and for features that are lists.
    pub fn reader(&self, query: &FeatureQuery) -> Result<StoreReader> {
        let prepared = self.prepare(query)?;
        let unsupported = |subject: &str, problem: String, remedy: &'static str| {
            Error::unsupported(OPERATION, subject, problem).remedy(remedy)
        };
        if let Some(value) = prepared.request_values().first() {
            let problem = format!("an on-demand view reads {} from the request", value.name);
            let remedy = "compute it in the model's plan, or leave the view out";
            return Err(unsupported("query", problem, remedy));
        }
        let names = match prepared.single_keys() {
            Some(names) if !names.is_empty() => names,
            _ => {
                let problem = "its views are not read by one set of join keys".to_owned();
                let remedy = "look the views of each entity up by a query of its own";
                return Err(unsupported("query", problem, remedy));
            }
        };
        let scalar = |(name, dtype): (&str, ValueType)| match dtype {
            ValueType::Scalar(_) => Ok(schema_field(name, dtype)),
            ValueType::List(_) => {
                let problem = "it is a list, and an endpoint looks single values up".to_owned();
                Err(unsupported(name, problem, "leave it out, or store its numbers as features of their own"))
            }
        };
        let join_keys = prepared.join_keys().map(|(name, dtype)| match dtype {
            ValueType::Scalar(dtype) => Ok(Field::column(name, dtype)),
            ValueType::List(_) => scalar((name, dtype)),
        });
        let join_keys = join_keys.collect::<Result<Vec<_>>>()?;
        let features =
            prepared.features().iter().map(|feature| scalar((feature.name.as_str(), feature.dtype)));
        let features = features.collect::<Result<Vec<_>>>()?;
        let is_remote = self.online_store().capabilities().is_remote();
        Ok(StoreReader { prepared, join_keys, features, names, is_remote })
    }
}

impl StoreReader {
    /// The columns that a key of an entity has, with their types.
    #[must_use]
    pub fn join_keys(&self) -> &[Field] {
        &self.join_keys
    }

    /// The keys under the names that the views have for them.
    fn keys<'k>(&self, entities: &'k [EntityKey]) -> Result<Cow<'k, [EntityKey]>> {
        if self.names.iter().all(|(name, column)| name == column) {
            return Ok(Cow::Borrowed(entities));
        }
        let renamed = |entity: &EntityKey| {
            let parts = entity.parts();
            let mut own = Vec::with_capacity(self.names.len());
            for (name, column) in &self.names {
                let Some((_, value)) = parts.iter().find(|(part, _)| part == column) else {
                    let problem = format!("it has no join key {column}");
                    return Err(Error::invalid_input(READ, entity.to_string(), problem)
                        .remedy("make the key of all join keys of the query"));
                };
                own.push((name.as_str(), value.as_value()));
            }
            EntityKey::new(own)
        };
        entities.iter().map(renamed).collect::<Result<Vec<_>>>().map(Cow::Owned)
    }
}

/// Answers are used again up to so many entities; larger ones are freed.
const MOST_KEPT: usize = 1024;

impl FeatureReader for StoreReader {
    fn features(&self) -> Vec<Field> {
        self.features.clone()
    }

    fn read_features(
        &self,
        entities: &[EntityKey],
        now: Timestamp,
        visit: &mut VisitFound<'_>,
    ) -> Result<()> {
        thread_local!(static ANSWER: Place<OnlineFeatures> = Place::default());
        let keys = self.keys(entities)?;
        // A visitor that reads again finds an empty one.
        let mut answer = ANSWER.take();
        let read = self.prepared.read_keys(&keys, now, &mut answer);
        if read.is_ok() {
            for entity in 0..answer.rows() {
                for feature in 0..self.features.len() {
                    let mut found = Found::new(answer.status(entity, feature), answer.cell(entity, feature));
                    found.event = answer.event_time(entity, feature);
                    found.expiry = answer.expiry(entity, feature);
                    visit(entity, feature, found);
                }
            }
        }
        if entities.len() <= MOST_KEPT {
            ANSWER.set(answer);
        }
        read
    }

    fn is_remote(&self) -> bool {
        self.is_remote
    }
}

const OPERATION: &str = "make feature reader";
const READ: &str = "read online features";

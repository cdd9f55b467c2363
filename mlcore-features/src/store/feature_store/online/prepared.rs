use std::fmt;
use std::sync::Arc;

use mlcore::arrow::array::ArrayRef;
use mlcore::batch::{Value, column_of};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use smallvec::SmallVec;

use super::entity_rows::Reader;
use super::{EntityRows, OnlineFeatures, OutputFeature};
use crate::store::definition::{Field, ValueType};
use crate::store::feature_store::compile::{Compiled, KeyColumn, Place, schema_field};
use crate::store::feature_store::conform::adapted;
use crate::store::feature_store::tables::{everybody, table_of};
use crate::store::feature_store::{Clock, FeatureStore};
use crate::store::key::EntityKey;
use crate::store::online::{PreparedQuery, QueryOptions};

/// A query of a [`FeatureStore`] that was resolved once, and is read many times, from any number of threads. A clone is cheap.
///
/// A read makes the keys of each set of join keys once, asks the online store once for each view, and computes on-demand views. With the
/// [answer](OnlineFeatures) used again it allocates nothing beyond what keys and on-demand views need.
///
/// ```no_run
/// use mlcore::batch::Value;
/// use mlcore_features::store::feature_store::{EntityRows, FeatureQuery, FeatureStore, OnlineFeatures};
///
/// # fn serve(store: &FeatureStore) -> mlcore::Result<()> {
/// let prepared = store.prepare(&FeatureQuery::service("ranking"))?;
/// let mut answer = OnlineFeatures::default();
/// for driver in [1001, 1002] {
///     prepared.read(&EntityRows::one([("driver_id", Value::Int(driver))]), &mut answer)?;
///     println!("{:?} {}", answer.cell(0, 0), answer.status(0, 0));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PreparedFeatures {
    shared: Arc<Prepared>,
    clock: Arc<Clock>,
}

/// What is resolved.
pub(super) struct Prepared {
    pub(super) compiled: Compiled,
    pub(super) features: Vec<OutputFeature>,
    /// A query for each read, and which set of keys it is asked by.
    queries: Vec<(PreparedQuery, usize)>,
    key_sets: Vec<KeySet>,
}

/// Join keys that some views have in common: the name of each, and the place of its column.
#[derive(PartialEq, Eq)]
struct KeySet(Vec<(String, usize)>);

impl fmt::Debug for PreparedFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedFeatures").field("compiled", &self.shared.compiled).finish_non_exhaustive()
    }
}

impl PreparedFeatures {
    pub(super) fn new(store: &FeatureStore, compiled: Compiled) -> Result<Self> {
        let snapshot = store.snapshot()?;
        let project = snapshot.repository().project();
        let options = QueryOptions::default().with_clock_skew(store.inner.clock_skew);
        let (mut queries, mut key_sets) = (Vec::new(), Vec::new());
        for read in &compiled.reads {
            let view = &read.read.view;
            if !view.view.online() {
                let problem = "it is not read online (`online = false`)";
                return Err(Error::unsupported(OPERATION, format!("view {}", view.view.name()), problem)
                    .remedy("apply it with `online = true` and materialise it, or leave its features out"));
            }
            let table = table_of(project, view, read.version)?;
            let features = read.read.features.iter().map(|field| (&table, field.name.as_str()));
            let query = PreparedQuery::with_options(Arc::clone(&store.inner.online), features, options)?;
            let set = KeySet(key_set(&compiled, &read.read.columns, &view.join_keys)?);
            let number = key_sets.iter().position(|known| *known == set).unwrap_or_else(|| {
                key_sets.push(set);
                key_sets.len() - 1
            });
            queries.push((query, number));
        }
        let features = compiled
            .outputs
            .iter()
            .map(|output| OutputFeature { name: output.name.clone(), dtype: output.dtype })
            .collect();
        let shared = Arc::new(Prepared { compiled, features, queries, key_sets });
        Ok(Self { shared, clock: Arc::clone(&store.inner.clock) })
    }

    /// The revision of the definitions that it was resolved of.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.shared.compiled.revision
    }

    /// The features in order.
    #[must_use]
    pub fn features(&self) -> &[OutputFeature] {
        &self.shared.features
    }

    /// The columns of entity rows that it reads join keys from, with their types.
    pub fn join_keys(&self) -> impl ExactSizeIterator<Item = (&str, ValueType)> {
        self.shared.compiled.join_keys.iter().map(|key| (key.key.column.as_str(), key.key.field.dtype))
    }

    /// The join keys of the views, each under its name there with the name of its column; `None` where views differ in them.
    pub(super) fn single_keys(&self) -> Option<Vec<(String, String)>> {
        let [set] = self.shared.key_sets.as_slice() else { return None };
        let column = |place: usize| Some(self.shared.compiled.join_keys.get(place)?.key.column.clone());
        set.0.iter().map(|(name, place)| Some((name.clone(), column(*place)?))).collect()
    }

    /// The values that come with a request for on-demand views.
    #[must_use]
    pub fn request_values(&self) -> &[Field] {
        &self.shared.compiled.request
    }

    /// Reads the features of these entities, as of now by the store's clock.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a column that is missing, and [`SchemaMismatch`](Error::SchemaMismatch) for a value that
    /// is no key or no value of its type, both by column and row; those of the online store. The answer has no rows then.
    pub fn read(&self, rows: &EntityRows<'_>, answer: &mut OnlineFeatures) -> Result<()> {
        self.read_at(rows, (self.clock)(), answer)
    }

    /// The same as of another time.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_at(&self, rows: &EntityRows<'_>, now: Timestamp, answer: &mut OnlineFeatures) -> Result<()> {
        self.begin(answer);
        let mut read = || {
            let mut keys = std::mem::take(&mut answer.keys);
            let made = self.shared.keys(rows, &mut keys);
            answer.keys = keys;
            made?;
            for ((query, set), own) in self.shared.queries.iter().zip(&mut answer.answers) {
                query.read(answer.keys.get(*set).map_or(&[], Vec::as_slice), now, own)?;
            }
            answer.computed = self.shared.compute(rows, rows.len(), answer)?;
            Ok(())
        };
        read().inspect(|()| answer.rows = rows.len())
    }

    /// Reads entities by keys that were made before, for a query of one set of join keys without values of requests.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Unsupported`](Error::Unsupported) for a query with several sets of join keys or values of requests.
    pub fn read_keys(&self, keys: &[EntityKey], now: Timestamp, answer: &mut OnlineFeatures) -> Result<()> {
        let prepared = &self.shared;
        if prepared.key_sets.len() > 1 || !prepared.compiled.request.is_empty() {
            let problem = "its views are read by several sets of join keys, or by values of the request";
            return Err(Error::unsupported(READ, "keys", problem).remedy("pass entity rows"));
        }
        self.begin(answer);
        for ((query, _), own) in prepared.queries.iter().zip(&mut answer.answers) {
            query.read(keys, now, own)?;
        }
        answer.rows = keys.len();
        let computed = prepared.compute(&EntityRows::one([]), keys.len(), answer);
        match computed {
            Ok(computed) => answer.computed = computed,
            Err(error) => {
                answer.rows = 0;
                return Err(error);
            }
        }
        Ok(())
    }

    fn begin(&self, answer: &mut OnlineFeatures) {
        if !answer.prepared.as_ref().is_some_and(|own| Arc::ptr_eq(own, &self.shared)) {
            answer.prepared = Some(Arc::clone(&self.shared));
            answer.answers.clear();
            answer.answers.resize_with(self.shared.queries.len(), Default::default);
        }
        answer.rows = 0;
        answer.computed.clear();
    }
}

/// The join keys of a view: their names, and the places of their columns.
fn key_set(compiled: &Compiled, columns: &[String], keys: &[Field]) -> Result<Vec<(String, usize)>> {
    let place = |column: &String| compiled.join_keys.iter().position(|key| key.key.column == *column);
    keys.iter()
        .zip(columns)
        .map(|(key, column)| {
            let lost = || Error::internal(OPERATION, column.as_str(), "the column is not one of the query");
            Ok((key.name.clone(), place(column).ok_or_else(lost)?))
        })
        .collect()
}

impl Prepared {
    /// Makes the keys of each set for all rows.
    fn keys(&self, rows: &EntityRows<'_>, keys: &mut Vec<Vec<EntityKey>>) -> Result<()> {
        keys.resize_with(self.key_sets.len(), Vec::new);
        let mut readers: SmallVec<[(Reader<'_>, &KeyColumn); 4]> = SmallVec::new();
        for key in &self.compiled.join_keys {
            readers.push((reader(rows, key)?, key));
        }
        for (set, keys) in self.key_sets.iter().zip(keys) {
            keys.clear();
            for row in 0..rows.len() {
                let mut parts: SmallVec<[(&str, Value<'_>); 4]> = SmallVec::new();
                for (name, place) in &set.0 {
                    if let Some((reader, key)) = readers.get(*place) {
                        parts.push((name, key_value(key, reader.get(row), row)?));
                    }
                }
                let key = if parts.is_empty() { everybody() } else { EntityKey::new(parts) };
                keys.push(key.map_err(|error| error.within(format!("row {row}")))?);
            }
        }
        Ok(())
    }

    /// Computes the on-demand views of what was read, of so many entities.
    fn compute(
        &self,
        rows: &EntityRows<'_>,
        count: usize,
        answer: &OnlineFeatures,
    ) -> Result<Vec<Vec<ArrayRef>>> {
        let mut computed: Vec<Vec<ArrayRef>> = Vec::new();
        for step in &self.compiled.steps {
            let mut columns = Vec::with_capacity(step.inputs.len());
            for input in &step.inputs {
                let lost = || Error::internal(READ, input.name.as_str(), "it was not read");
                columns.push(match input.place {
                    Place::Read { read, feature } => {
                        answer.answers.get(read).ok_or_else(lost)?.column_at(feature)?
                    }
                    Place::Step { step, feature } => computed
                        .get(step)
                        .and_then(|columns| columns.get(feature))
                        .cloned()
                        .ok_or_else(lost)?,
                    Place::Request(number) => {
                        request_column(rows, self.compiled.request.get(number).ok_or_else(lost)?)?
                    }
                });
            }
            computed.push(step.run(count, columns)?);
        }
        Ok(computed)
    }
}

fn reader<'r>(rows: &'r EntityRows<'_>, key: &KeyColumn) -> Result<Reader<'r>> {
    let column = key.key.column.as_str();
    if let Some(reader) = rows.values(column)? {
        return Ok(reader);
    }
    if let Some(entity) = &key.entity
        && let Some(reader) = rows.values(entity)?
    {
        return Ok(reader);
    }
    Err(missing(rows, column, "a join key"))
}

fn missing(rows: &EntityRows<'_>, column: &str, what: &str) -> Error {
    let known: Vec<&str> = rows.names().take(20).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Error::invalid_input(
        READ,
        format!("column {column}"),
        format!("the entity rows lack it, and it is {what}"),
    )
    .remedy(format!("add it; the entity rows have the columns {known}"))
}

/// The value of a key in the type of the view's keys.
fn key_value<'v>(key: &KeyColumn, value: Value<'v>, row: usize) -> Result<Value<'v>> {
    let dtype = key.key.field.dtype;
    let refuse = |problem: String| {
        Err(Error::schema_mismatch(READ, format!("column {}, row {row}", key.key.column), problem)
            .remedy(format!("pass {dtype}, or leave the row out")))
    };
    if value.is_missing() {
        return refuse(format!("{} is no key", value.described()));
    }
    match adapted(value, dtype.dtype()).filter(|adapted| !adapted.is_null()) {
        Some(adapted) => Ok(adapted),
        None => refuse(format!("expected {dtype}, got {}", value.described())),
    }
}

/// The column of a join key, in its type.
pub(super) fn key_column(rows: &EntityRows<'_>, key: &KeyColumn) -> Result<ArrayRef> {
    let reader = reader(rows, key)?;
    let values = (0..rows.len()).map(|row| key_value(key, reader.get(row), row));
    column_of(&schema_field(&key.key.column, key.key.field.dtype), values.collect::<Result<Vec<_>>>()?)
}

/// A column of values that a request brings, in the type that its source says.
pub(in crate::store::feature_store) fn request_column(
    rows: &EntityRows<'_>,
    field: &Field,
) -> Result<ArrayRef> {
    let ValueType::Scalar(dtype) = field.dtype else {
        let problem = "lists do not come with requests";
        return Err(
            Error::unsupported(READ, format!("column {}", field.name), problem).remedy("pass single values")
        );
    };
    let reader = rows
        .values(&field.name)?
        .ok_or_else(|| missing(rows, &field.name, "a value that an on-demand view reads from the request"))?;
    let mut values = Vec::with_capacity(rows.len());
    for row in 0..rows.len() {
        let value = reader.get(row);
        values.push(adapted(value, dtype).ok_or_else(|| {
            let problem = format!("expected {dtype}, got {}", value.described());
            Error::schema_mismatch(READ, format!("column {}, row {row}", field.name), problem)
                .remedy(format!("pass {dtype}"))
        })?);
    }
    column_of(&schema_field(&field.name, field.dtype), values)
}

const OPERATION: &str = "prepare query";
const READ: &str = "read online features";

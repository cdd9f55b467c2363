//! Queries that are resolved once and read many times.

mod answer;
mod arrow;
mod numbers;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mlcore::schema::Field;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

pub use self::answer::Answer;
use super::row::RowView;
use super::{OnlineStore, Table};
use crate::store::key::EntityKey;

/// What a read found out about one feature of one entity.
///
/// ```
/// use mlcore_features::store::online::Status;
///
/// assert_eq!(Status::OutsideMaxAge.name(), "OUTSIDE_MAX_AGE");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// There is a value, and it counts.
    Present,
    /// The newest row counts, and says that the feature has no value.
    NullValue,
    /// The store has no row of the entity.
    NotFound,
    /// The newest row is older than the table's time to live, or its event lies too far in the future. Its values are not
    /// handed out.
    OutsideMaxAge,
}

impl Status {
    /// The name that Feast gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Present => "PRESENT",
            Self::NullValue => "NULL_VALUE",
            Self::NotFound => "NOT_FOUND",
            Self::OutsideMaxAge => "OUTSIDE_MAX_AGE",
        }
    }
}

/// How a query reads.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore_features::store::online::QueryOptions;
///
/// let options = QueryOptions::default().with_full_feature_names().with_clock_skew(Duration::from_secs(1));
/// assert_eq!(options.clock_skew(), Duration::from_secs(1));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueryOptions {
    full_feature_names: bool,
    clock_skew: Duration,
}

impl Default for QueryOptions {
    /// Plain names, and a minute of clock skew: more than clocks that are synchronised differ by, and less than the mistake of a
    /// time zone or a unit.
    fn default() -> Self {
        Self { full_feature_names: false, clock_skew: Duration::from_secs(60) }
    }
}

impl QueryOptions {
    /// Names features `view__feature` instead of `feature`, as Feast's parameter of that name does.
    #[must_use]
    pub const fn with_full_feature_names(mut self) -> Self {
        self.full_feature_names = true;
        self
    }

    /// Takes events of the future for present ones when they are no farther than this from the time of the read: the clocks of
    /// writers run ahead. Farther ones are [`Status::OutsideMaxAge`].
    #[must_use]
    pub const fn with_clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew = skew;
        self
    }

    /// How far in the future an event may lie.
    #[must_use]
    pub const fn clock_skew(&self) -> Duration {
        self.clock_skew
    }
}

/// A query of some features of one or more tables: resolved once, read many times, from any number of threads.
///
/// A read asks each table once for all entities. Nothing is allocated by it where the store allocates nothing and the
/// [`Answer`] is used again.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::schema::{DType, Field};
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::key::EntityKey;
/// use mlcore_features::store::online::{Answer, MemoryStore, PreparedQuery, Status, Table, TableId};
///
/// let table = Table::new(TableId::new("taxi", "drivers", 1)?, [Field::column("trips", DType::Int64)])?;
/// let query = PreparedQuery::new(Arc::new(MemoryStore::new()), [(&table, "trips")])?;
/// let mut answer = Answer::default();
/// query.read(&[EntityKey::one("driver_id", 1)?], Timestamp::from_millis(0), &mut answer)?;
/// assert_eq!(answer.status(0, 0), Status::NotFound);
/// assert!(PreparedQuery::new(Arc::new(MemoryStore::new()), [(&table, "tips")]).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PreparedQuery {
    store: Arc<dyn OnlineStore>,
    plan: Arc<Plan>,
    skew_micros: i64,
}

/// What is resolved.
#[derive(Debug)]
pub(crate) struct Plan {
    tables: Vec<Table>,
    features: Vec<Feature>,
    /// The features of each table: from where to where in `by_table`.
    by_table: Vec<Vec<usize>>,
    /// How many numbers an entity has, or which feature is no number.
    width: std::result::Result<usize, usize>,
}

#[derive(Debug)]
pub(crate) struct Feature {
    /// With the name that it has in answers.
    field: Field,
    /// The place of its table among the tables.
    table: usize,
    /// Its place in the row.
    place: usize,
    /// Where its numbers begin among those of an entity.
    offset: usize,
    /// How many numbers it has.
    width: usize,
}

impl PreparedQuery {
    /// A query of these features in this order, each by its table and its name.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a feature that the table does not have, with those that it has; [`Error::InvalidInput`] for a name
    /// that occurs twice, and for two tables of one name that differ.
    pub fn new<'a>(
        store: Arc<dyn OnlineStore>,
        features: impl IntoIterator<Item = (&'a Table, &'a str)>,
    ) -> Result<Self> {
        Self::with_options(store, features, QueryOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_options<'a>(
        store: Arc<dyn OnlineStore>,
        features: impl IntoIterator<Item = (&'a Table, &'a str)>,
        options: QueryOptions,
    ) -> Result<Self> {
        let plan = Plan::new(features, options.full_feature_names)?;
        let skew_micros = i64::try_from(options.clock_skew.as_micros()).unwrap_or(i64::MAX);
        Ok(Self { store, plan: Arc::new(plan), skew_micros })
    }

    /// The tables, in the order in which the features name them first.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.plan.tables
    }

    /// The features in order, under the names of the answer.
    pub fn features(&self) -> impl ExactSizeIterator<Item = &Field> {
        self.plan.features.iter().map(|feature| &feature.field)
    }

    /// The store that it reads.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn OnlineStore> {
        &self.store
    }

    /// Reads these entities, whose key is the same in every table, as of `now`.
    ///
    /// # Errors
    /// Those of the store; [`Error::Corrupt`] and [`Error::SchemaMismatch`] naming table and entity for a stored row that cannot be
    /// read. The answer is empty then.
    pub fn read(&self, keys: &[EntityKey], now: Timestamp, answer: &mut Answer) -> Result<()> {
        answer.clear();
        self.read_into(keys.len(), |_| keys, now, answer).inspect_err(|_| answer.clear())
    }

    /// Reads entities that have a key of their own in each table: a slice for each of the [tables](Self::tables), all of the same
    /// length.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Error::InvalidInput`] for another number of slices, and for one of another length.
    pub fn read_by_table(&self, keys: &[&[EntityKey]], now: Timestamp, answer: &mut Answer) -> Result<()> {
        answer.clear();
        let entities = keys.first().map_or(0, |keys| keys.len());
        if keys.len() != self.plan.tables.len() {
            let problem =
                format!("keys for {} tables, and the query has {}", keys.len(), self.plan.tables.len());
            return Err(Error::invalid_input(OPERATION, "keys", problem)
                .remedy("pass the keys of each table in the order of the tables"));
        }
        if let Some((table, other)) =
            self.plan.tables.iter().zip(keys).find(|(_, keys)| keys.len() != entities)
        {
            let problem = format!("{} keys, and the first table has {entities}", other.len());
            return Err(Error::invalid_input(OPERATION, table.id().to_string(), problem)
                .remedy("pass a key of every table for each entity"));
        }
        let of_table = |table: usize| keys.get(table).copied().unwrap_or_default();
        self.read_into(entities, of_table, now, answer).inspect_err(|_| answer.clear())
    }

    fn read_into<'k>(
        &self,
        entities: usize,
        keys: impl Fn(usize) -> &'k [EntityKey],
        now: Timestamp,
        answer: &mut Answer,
    ) -> Result<()> {
        answer.begin(&self.plan, entities);
        let now = now.as_micros();
        for (place, table) in self.plan.tables.iter().enumerate() {
            let keys = keys(place);
            let mut seen = 0;
            self.store.read(table.id(), keys, &mut |entity, bytes| {
                seen += 1;
                let Some(bytes) = bytes else { return Ok(()) };
                let key = keys.get(entity).ok_or_else(|| unasked(table))?;
                let of_entity = |fault: super::row::Fault| fault.of_entity(table.id(), key);
                let row = RowView::open(table.layout(), bytes).map_err(of_entity)?;
                let counts = self.counts(table, row.stamp().event_micros(), now);
                answer.take(entity, place, bytes, row, counts).map_err(of_entity)
            })?;
            if seen != keys.len() {
                return Err(unasked(table));
            }
        }
        Ok(())
    }

    /// Reads the series of these entities: `visit` gets each row that counts as of `now`, with the place of its entity and of its
    /// table, the entities of a table in order and the oldest event first.
    ///
    /// # Errors
    /// As [`read`](Self::read), and the first error of `visit`.
    pub fn read_series(
        &self,
        keys: &[EntityKey],
        now: Timestamp,
        visit: &mut dyn FnMut(usize, usize, RowView<'_>) -> Result<()>,
    ) -> Result<()> {
        let now = now.as_micros();
        for (place, table) in self.plan.tables.iter().enumerate() {
            self.store.read_series(table.id(), keys, &mut |entity, bytes| {
                let key = keys.get(entity).ok_or_else(|| unasked(table))?;
                let row = table.unpack(key, bytes)?;
                if self.counts(table, row.stamp().event_micros(), now) {
                    visit(entity, place, row)
                } else {
                    Ok(())
                }
            })?;
        }
        Ok(())
    }

    /// Says whether a value of this event counts at this time. In one place, for every way to read.
    fn counts(&self, table: &Table, event: i64, now: i64) -> bool {
        let age = i128::from(now) - i128::from(event);
        age >= -i128::from(self.skew_micros) && table.ttl_micros().is_none_or(|ttl| age <= i128::from(ttl))
    }
}

#[cold]
fn unasked(table: &Table) -> Error {
    let problem = "the store did not answer each key once";
    Error::internal(OPERATION, table.id().to_string(), problem).remedy("report it to the backend's author")
}

const OPERATION: &str = "read online features";

impl Plan {
    fn new<'a>(features: impl IntoIterator<Item = (&'a Table, &'a str)>, is_full: bool) -> Result<Self> {
        let mut plan = Self { tables: Vec::new(), features: Vec::new(), by_table: Vec::new(), width: Ok(0) };
        for (table, name) in features {
            let place = table.features().position(name).ok_or_else(|| unknown(table, name))?;
            let number = plan.number_of(table)?;
            let field = table.features().fields().get(place).ok_or_else(|| unknown(table, name))?;
            let shown = if is_full { format!("{}__{name}", table.id().view()) } else { name.to_owned() };
            plan.add(field, shown, number, place)?;
        }
        Ok(plan)
    }

    /// The place of a table, which is added where it is new.
    fn number_of(&mut self, table: &Table) -> Result<usize> {
        match self.tables.iter().position(|known| known.id() == table.id()) {
            Some(number) => {
                let known = self.tables.get(number);
                if known
                    .is_some_and(|known| known.features() == table.features() && known.ttl() == table.ttl())
                {
                    return Ok(number);
                }
                Err(Error::invalid_input(PREPARE, table.id().to_string(), "two tables of this name differ")
                    .remedy("use one definition of the view"))
            }
            None => {
                self.tables.push(table.clone());
                self.by_table.push(Vec::new());
                Ok(self.tables.len() - 1)
            }
        }
    }

    fn add(&mut self, field: &Field, name: String, table: usize, place: usize) -> Result<()> {
        if self.features.iter().any(|feature| feature.field.name() == name) {
            return Err(Error::invalid_input(PREPARE, name, "two features have this name")
                .remedy("ask for it once, or ask for full feature names"));
        }
        let number = self.features.len();
        let width = numbers::width(field);
        let offset = *self.width.as_ref().unwrap_or(&0);
        self.width = match (self.width, width) {
            (Ok(sum), Some(width)) => Ok(sum + width),
            (Ok(_), None) => Err(number),
            (Err(number), _) => Err(number),
        };
        // A value may be missing from every answer, whatever the table says.
        let mut shown = Field::tensor(name, field.dtype(), field.shape()).nullable();
        if !field.labels().is_empty() {
            shown = shown.labelled(field.labels());
        }
        self.features.push(Feature { field: shown, table, place, offset, width: width.unwrap_or(0) });
        if let Some(features) = self.by_table.get_mut(table) {
            features.push(number);
        }
        Ok(())
    }
}

const PREPARE: &str = "prepare query";

fn unknown(table: &Table, name: &str) -> Error {
    let known: Vec<&str> = table.features().names().take(20).collect();
    Error::not_found(PREPARE, format!("{}, feature {name:?}", table.id()), "the table has no such feature")
        .remedy(format!("ask for one of {}", known.join(", ")))
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

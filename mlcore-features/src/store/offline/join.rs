//! The join: entity rows, views, and the columns that come of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use mlcore::arrow::datatypes::{DataType, Field, Schema};
use mlcore::{Error, Result};

use super::gather::{self, Place};
use super::kept::{Kept, assembled, column_at};
use super::keys::Keys;
use super::pass::{Pass, Passed, field_type};
use super::slots::Order;
use super::source::{Bound, Scan, Source};
use super::times::{self, Times};
use super::{Joined, OPERATION, View, ViewReport, threads, windowed};
use crate::program::missing_column;

/// A point-in-time join: each entity row gets the features that were known at its time.
///
/// [The module](super) says which row of a view that is, and what it costs.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
/// use mlcore_features::store::offline::{PointInTimeJoin, View};
///
/// let table = |users: Vec<&str>, times: Vec<i64>, clicks: Vec<i64>| {
///     RecordBatch::try_from_iter([
///         ("user", Arc::new(StringArray::from(users)) as _),
///         ("time", Arc::new(TimestampMicrosecondArray::from(times)) as _),
///         ("clicks", Arc::new(Int64Array::from(clicks)) as _),
///     ])
///     .unwrap()
/// };
/// let features = table(vec!["ann", "bob", "ann"], vec![50, 10, 20], vec![3, 1, 2]);
/// let labels = table(vec!["ann", "bob", "ann"], vec![60, 9, 49], vec![0, 0, 0]).project(&[0, 1]).unwrap();
/// let joined = PointInTimeJoin::new("time")
///     .with(View::new("activity", features, ["user"], "time").with_features(["clicks"]))
///     .run(&labels)?;
/// assert_eq!(joined.table()["clicks"].as_ref(), &Int64Array::from(vec![Some(3), None, Some(2)]) as &dyn Array);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct PointInTimeJoin<'a> {
    timestamp: String,
    views: Vec<View<'a>>,
    is_zone_required: bool,
    threads: NonZeroUsize,
    #[cfg(feature = "spill")]
    spill_folder: Option<std::path::PathBuf>,
}

/// What an entity row gets of a view.
#[derive(Clone, Copy)]
enum Answer {
    NullKey,
    NotFound,
    OutsideMaxAge,
    Present { event: i128, number: u64 },
}

impl<'a> PointInTimeJoin<'a> {
    /// A join of entity rows whose times are in this column.
    #[must_use]
    pub fn new(timestamp: impl Into<String>) -> Self {
        Self {
            timestamp: timestamp.into(),
            views: Vec::new(),
            is_zone_required: false,
            threads: NonZeroUsize::MIN,
            #[cfg(feature = "spill")]
            spill_folder: None,
        }
    }

    /// Joins a view, too.
    #[must_use]
    pub fn with(mut self, view: View<'a>) -> Self {
        self.views.push(view);
        self
    }

    /// Refuses timestamps without a time zone, which are read as UTC otherwise.
    #[must_use]
    pub fn with_required_time_zones(mut self) -> Self {
        self.is_zone_required = true;
        self
    }

    /// Joins on so many threads, of which one is the caller's; without this, on the caller's alone. The answer is the same.
    ///
    /// A source that finds rows by their number, as tables in memory and files of Parquet do, is read by the caller's thread, and looked
    /// at by all; each takes memory of some 40 bytes for an entity row. Others are read by the caller's alone.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{Int64Array, RecordBatch, TimestampSecondArray};
    /// use mlcore_features::store::offline::{PointInTimeJoin, View};
    ///
    /// let table = RecordBatch::try_from_iter([
    ///     ("driver", Arc::new(Int64Array::from_iter_values((0..100_000).map(|row| row % 7))) as _),
    ///     ("time", Arc::new(TimestampSecondArray::from_iter_values(0..100_000)) as _),
    /// ])
    /// .unwrap();
    /// let view = || View::new("trips", table.clone(), ["driver"], "time").with_event_time("trips_time");
    /// let entity_rows = table.slice(90_000, 10);
    /// let one = PointInTimeJoin::new("time").with(view()).run(&entity_rows)?;
    /// let two = PointInTimeJoin::new("time").with(view()).on_threads(NonZeroUsize::new(2).unwrap()).run(&entity_rows)?;
    /// assert_eq!(one.table(), two.table());
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    #[must_use]
    pub fn on_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Lets [`run_in_parts`](Self::run_in_parts) copy the rows of sources that find none by their number to files in this folder, of those
    /// columns that are needed. So a source is read once, be it one that can be read once only. Needs the feature `spill`.
    ///
    /// The files can be read by this user alone, are written where there is a second part, and are gone when the parts are dropped or the
    /// process ends.
    #[cfg(feature = "spill")]
    #[must_use]
    pub fn with_spill_folder(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
        self.spill_folder = Some(folder.into());
        self
    }

    #[cfg(feature = "spill")]
    pub(super) fn spill_folder(&self) -> Option<&std::path::Path> {
        self.spill_folder.as_deref()
    }

    /// Whether sources may be copied.
    #[cfg(feature = "spill")]
    pub(super) fn may_spill(&self) -> bool {
        self.spill_folder.is_some()
    }

    #[cfg(not(feature = "spill"))]
    pub(super) fn may_spill(&self) -> bool {
        false
    }

    /// The views, in their order.
    pub(super) fn views(&self) -> &[View<'a>] {
        &self.views
    }

    /// Joins these entity rows: their columns in their order, then for each view its features, event time and status.
    ///
    /// Each view's source is read once. Beside the answer it takes memory for the entity rows, some 40 bytes for each; a source that
    /// does not find rows costs up to three times the memory of its features in the answer on top.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a column that is not there or of a type that does not fit; [`Error::InvalidInput`] for an entity
    /// row without a time, and for a column of the answer that there is already; [`Error::Unsupported`] for a type that cannot be a
    /// key or a feature; those of the sources.
    pub fn run(&self, entity_rows: &RecordBatch) -> Result<Joined> {
        let sources: Vec<&dyn Source> = self.views.iter().map(|view| &*view.source as &dyn Source).collect();
        self.run_on(entity_rows, &sources)
    }

    /// The same with rows of views that lie elsewhere than the views say.
    pub(super) fn run_on(&self, entity_rows: &RecordBatch, sources: &[&dyn Source]) -> Result<Joined> {
        let schema = entity_rows.schema_ref();
        let times = self.times(entity_rows)?;
        let mut fields = schema.fields().to_vec();
        let mut columns = entity_rows.columns().to_vec();
        let mut views = Vec::new();
        for (view, source) in self.views.iter().zip(sources) {
            let (own, report) =
                self.join(view, *source, entity_rows, &times).map_err(|error| match error {
                    Error::Interrupted(_) => error,
                    error => error.within(format!("view {}", view.name)),
                })?;
            for (field, column) in own {
                if fields.iter().any(|known| known.name() == field.name()) {
                    let problem =
                        format!("there is a column of this name already, before view {}", view.name);
                    return Err(Error::invalid_input(OPERATION, field.name(), problem)
                        .remedy("give the feature another name in the answer"));
                }
                fields.push(Arc::new(field));
                columns.push(column);
            }
            views.push(report);
        }
        Ok(Joined::new(assembled(OPERATION, fields, columns, entity_rows.num_rows())?, views))
    }

    /// The times of the entity rows, each of which has one.
    fn times(&self, entity_rows: &RecordBatch) -> Result<Times> {
        let name = self.timestamp.as_str();
        let missing = || missing_column(entity_rows.schema_ref().fields(), name, OPERATION);
        let column = entity_rows.column_by_name(name).ok_or_else(missing)?;
        times::check(OPERATION, name, column.data_type(), self.is_zone_required)?;
        let times = Times::read(OPERATION, name, column.as_ref())?;
        let null = times.nulls().and_then(|nulls| (0..nulls.len()).find(|row| nulls.is_null(*row)));
        match null {
            Some(row) => {
                let problem = format!("row {row} has no time, and nobody knows what was known then");
                Err(Error::invalid_input(OPERATION, name, problem)
                    .remedy("say when the row was, or leave it out"))
            }
            None => Ok(times),
        }
    }

    /// The columns of one view.
    fn join(
        &self,
        view: &View<'_>,
        source: &dyn Source,
        entity_rows: &RecordBatch,
        times: &Times,
    ) -> Result<(Vec<(Field, ArrayRef)>, ViewReport)> {
        let schema = source.schema()?;
        self.check(view, &schema)?;
        let own = view.keys.iter().map(|key| {
            let missing = || missing_column(entity_rows.schema_ref().fields(), &key.entity, OPERATION);
            entity_rows.column_by_name(&key.entity).cloned().ok_or_else(missing)
        });
        let own = own.collect::<Result<Vec<ArrayRef>>>()?;
        let mut types = Vec::new();
        for (key, own) in view.keys.iter().zip(&own) {
            let source = (key.source.as_str(), field_type(&schema, &key.source)?);
            types.push(((key.entity.as_str(), own.data_type()), source));
        }
        let mut keys = Keys::new(OPERATION, types)?;
        let mut numbers = Vec::new();
        keys.insert(&own, entity_rows.num_rows(), &mut numbers)?;
        let order = Order::new(OPERATION, &numbers, keys.count(), times)?;
        drop(numbers);
        keys.renumber(order.heads());
        let entities = Entities { keys: &keys, order: &order, times, columns: &own };
        if let Some(plan) = &view.windows {
            return windowed::join(view, source, plan, &schema, entities);
        }

        let columns = feature_columns(view);
        let passed = scan(view, source, &schema, entities, &columns, self.threads)?;
        let mut report = passed.report;
        let mut answers = vec![Answer::NullKey; entity_rows.num_rows()];
        let ttl = view.ttl.and_then(|ttl| i128::try_from(ttl.as_nanos()).ok());
        for (row, found) in order.rows().zip(passed.found) {
            let Some((row, answer)) = row.and_then(|row| Some((row, answers.get_mut(row)?))) else {
                continue;
            };
            let time = times.nanoseconds(row);
            *answer = match found {
                Some((event, _)) if event > time => Answer::NotFound,
                Some((event, _)) if ttl.is_some_and(|ttl| event < time - ttl) => Answer::OutsideMaxAge,
                Some((event, number)) => Answer::Present { event, number },
                None => Answer::NotFound,
            };
        }
        report.present =
            answers.iter().filter(|answer| matches!(answer, Answer::Present { .. })).count() as u64;
        Ok((made(view, source, &schema, passed.kept, &columns, &answers)?, report))
    }

    /// Makes sure that the columns of a view are there and fit.
    fn check(&self, view: &View<'_>, schema: &Schema) -> Result<()> {
        for name in std::iter::once(&view.timestamp).chain(&view.created) {
            times::check(OPERATION, name, field_type(schema, name)?, self.is_zone_required)?;
        }
        for feature in &view.features {
            gather::check(OPERATION, &feature.column, field_type(schema, &feature.column)?)?;
        }
        windowed::check(view)
    }
}

/// The columns of a view's features, each once.
fn feature_columns(view: &View<'_>) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for feature in &view.features {
        if !columns.contains(&feature.column) {
            columns.push(feature.column.clone());
        }
    }
    columns
}

/// The entity rows as the rows of a view meet them.
#[derive(Clone, Copy)]
pub(super) struct Entities<'e> {
    pub(super) keys: &'e Keys,
    pub(super) order: &'e Order,
    pub(super) times: &'e Times,
    /// The columns of their keys.
    pub(super) columns: &'e [ArrayRef],
}

/// The columns that are read of a source while its rows pass: those of keys and times, those of windows, and features where rows are not
/// found again.
pub(super) fn read_columns(view: &View<'_>, source: &dyn Source) -> Vec<String> {
    let features = if source.finds_rows() { Vec::new() } else { feature_columns(view) };
    let mut columns: Vec<String> = Vec::new();
    let needed = view.keys.iter().map(|key| &key.source).chain([&view.timestamp]).chain(&view.created);
    let windowed = view.windows.iter().flat_map(|plan| plan.columns());
    for column in needed.chain(&features).map(String::as_str).chain(windowed) {
        if !columns.iter().any(|known| known == column) {
            columns.push(column.to_owned());
        }
    }
    columns
}

/// Lets all rows of a view that may matter pass.
fn scan(
    view: &View<'_>,
    source: &dyn Source,
    schema: &Schema,
    entities: Entities<'_>,
    features: &[String],
    threads: NonZeroUsize,
) -> Result<Passed> {
    let Entities { keys, order, times, columns: own } = entities;
    let columns = read_columns(view, source);
    let kept = (!source.finds_rows()).then(|| {
        let fields = features.iter().filter_map(|name| schema.fields().find(name));
        let fields: Vec<Arc<Field>> = fields.map(|(_, field)| field.clone()).collect();
        Kept::new(OPERATION, Arc::new(Schema::new(fields)))
    });
    // Rows that are kept are numbered as they come, one after another.
    let others = if kept.is_some() { 0 } else { threads.get() - 1 };
    let mut pass = Pass::new(view.decisive(), schema, keys, order, times, kept)?;
    let moments = || (0..times.ticks().len()).map(|row| times.nanoseconds(row));
    if let (Some(first), Some(last)) = (moments().min(), moments().max()) {
        let known = known_values(view, schema, own);
        let scan = Scan::new(&columns, bounds(view, first, last)).with_keys(&known);
        let mut pieces = source.scan(&scan)?;
        if others == 0 {
            pieces.try_for_each(|piece| pass.observe(&piece?))?;
        } else {
            let other = |_| Pass::new(view.decisive(), schema, keys, order, times, None);
            let others = (0..others).map(other).collect::<Result<Vec<_>>>()?;
            pass = threads::observe(pass, others, pieces)?;
        }
    }
    Ok(pass.finish())
}

/// The times of rows that may matter to entity rows from the first to the last moment.
pub(super) fn bounds<'a>(view: &'a View<'_>, first: i128, last: i128) -> Vec<Bound<'a>> {
    let ttl = view.ttl.and_then(|ttl| i128::try_from(ttl.as_nanos()).ok());
    // A row that is too old is told from none by the status alone.
    let earliest = match &view.windows {
        Some(plan) => Some(plan.earliest_nanoseconds(first)),
        None => ttl.filter(|_| view.status.is_none()).map(|ttl| first - ttl),
    };
    let mut bounds = vec![Bound { column: view.timestamp.as_str(), earliest, latest: Some(last) }];
    if let Some(created) = view.created.as_deref() {
        bounds.push(Bound {
            column: created,
            earliest: None,
            latest: view.is_created_filtered.then_some(last),
        });
    }
    if let Some(date) = view.date_partition.as_deref() {
        bounds.push(Bound { column: date, earliest, latest: Some(last) });
    }
    bounds
}

/// Says whether a value of a key column is that of an entity row; whatever cannot be compared may be.
pub(super) fn known_values<'a>(
    view: &'a View<'_>,
    schema: &'a Schema,
    own: &'a [ArrayRef],
) -> impl Fn(&str, &dyn Array) -> bool + 'a {
    let columns: RefCell<HashMap<String, Option<Keys>>> = RefCell::default();
    move |name, value| {
        let mut columns = columns.borrow_mut();
        let keys = columns.entry(name.to_owned()).or_insert_with(|| {
            let (key, own) = view.keys.iter().zip(own).find(|(key, _)| key.source == name)?;
            let types = ((key.entity.as_str(), own.data_type()), (name, field_type(schema, name).ok()?));
            let mut keys = Keys::new(OPERATION, [types]).ok()?;
            keys.insert(std::slice::from_ref(own), own.len(), &mut Vec::new()).ok()?;
            Some(keys)
        });
        let Some(keys) = keys else { return true };
        let mut numbers = Vec::new();
        let value = value.slice(0, value.len());
        let found = keys.finder().find(std::slice::from_ref(&value), value.len(), 0, &mut numbers);
        found.is_err() || numbers.iter().any(|number| *number != super::keys::NOTHING)
    }
}

/// The columns that a view adds.
fn made(
    view: &View<'_>,
    source: &dyn Source,
    schema: &Schema,
    kept: Option<Vec<RecordBatch>>,
    columns: &[String],
    answers: &[Answer],
) -> Result<Vec<(Field, ArrayRef)>> {
    let (batches, places) = match kept {
        Some(batches) => {
            let place = |answer: &Answer| match answer {
                Answer::Present { number, .. } => Some(Kept::place(*number)),
                Answer::NullKey | Answer::NotFound | Answer::OutsideMaxAge => None,
            };
            (batches, answers.iter().map(place).collect())
        }
        None if columns.is_empty() => (Vec::new(), Vec::new()),
        None => found(source, columns, answers)?,
    };
    let mut made = Vec::new();
    for feature in &view.features {
        let Some((_, field)) = schema.fields().find(&feature.column) else {
            return Err(missing_column(schema.fields(), &feature.column, OPERATION));
        };
        let column = column_at(OPERATION, &feature.column, field, &batches, &places)?;
        let own = Field::new(&feature.name, field.data_type().clone(), true);
        made.push((own.with_metadata(field.metadata().clone()), column));
    }
    if let Some(name) = &view.event_time {
        let data_type = field_type(schema, &view.timestamp)?;
        let event = |answer: &Answer| match answer {
            Answer::Present { event, .. } => Some(*event),
            Answer::NullKey | Answer::NotFound | Answer::OutsideMaxAge => None,
        };
        let moments: Vec<Option<i128>> = answers.iter().map(event).collect();
        made.push((Field::new(name, data_type.clone(), true), times::column(data_type, &moments)));
    }
    if let Some(name) = &view.status {
        let words = answers.iter().map(|answer| match answer {
            Answer::NullKey => Some("NULL_KEY"),
            Answer::NotFound => Some("NOT_FOUND"),
            Answer::OutsideMaxAge => Some("OUTSIDE_MAX_AGE"),
            Answer::Present { .. } => Some("PRESENT"),
        });
        made.push((Field::new(name, DataType::Utf8, true), Arc::new(words.collect::<StringArray>())));
    }
    Ok(made)
}

/// The batches that the rows of the answers are in, and where.
fn found(
    source: &dyn Source,
    columns: &[String],
    answers: &[Answer],
) -> Result<(Vec<RecordBatch>, Vec<Option<Place>>)> {
    let mut wanted: Vec<(u64, usize)> = Vec::new();
    for (row, answer) in answers.iter().enumerate() {
        if let Answer::Present { number, .. } = answer {
            wanted.push((*number, row));
        }
    }
    wanted.sort_unstable();
    let mut numbers: Vec<u64> = wanted.iter().map(|(number, _)| *number).collect();
    numbers.dedup();
    let (batches, at) = source.rows(&numbers, columns)?.checked(OPERATION, numbers.len())?;
    let mut places = vec![None; answers.len()];
    let mut pairs = numbers.iter().zip(at).peekable();
    for (number, row) in wanted {
        while pairs.next_if(|(own, _)| **own < number).is_some() {}
        if let (Some((_, at)), Some(place)) = (pairs.peek(), places.get_mut(row)) {
            *place = Some(*at);
        }
    }
    Ok((batches, places))
}

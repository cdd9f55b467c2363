//! Features for training: as they were known at the time of each row.

use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use mlcore::arrow::datatypes::{DataType, Field as ArrowField, Schema, TimeUnit};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::compile::{Compiled, Place, Read};
use super::conform::{conform, moments};
use super::on_demand::table;
use super::online::{EntityRows, request_column};
use super::windows::{self, Events};
use super::{FeatureQuery, FeatureStore};
use crate::store::definition::{Source, ViewVersion};
use crate::store::offline::{self, Joined, PointInTimeJoin, View, ViewReport};
use crate::store::window::WindowPlan;

/// Feast's name of the column of times of entity rows.
const EVENT_TIMESTAMP: &str = "event_timestamp";
const MOMENT: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// How training rows are joined.
///
/// ```
/// use mlcore_features::store::feature_store::HistoricalOptions;
///
/// let options = HistoricalOptions::default().with_event_timestamp("decided_at").with_late_rows(true);
/// assert_eq!(options.event_timestamp.as_deref(), Some("decided_at"));
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HistoricalOptions {
    /// The column of the time of each entity row. Where none is named it is `event_timestamp`, or the only column of timestamps, as in
    /// Feast; [`Historical::event_timestamp`] says which it was.
    pub event_timestamp: Option<String>,
    /// Whether rows are used that were created after the entity row's time, as Feast does. Default: false.
    pub late_rows: bool,
    /// Whether timestamps without a time zone are refused; they are UTC otherwise. Default: false.
    pub required_time_zones: bool,
}

impl HistoricalOptions {
    /// Takes the times of entity rows from this column.
    #[must_use]
    pub fn with_event_timestamp(mut self, column: impl Into<String>) -> Self {
        self.event_timestamp = Some(column.into());
        self
    }

    /// Uses rows that were created later, too: for tables that were filled in afterwards.
    #[must_use]
    pub fn with_late_rows(mut self, late: bool) -> Self {
        self.late_rows = late;
        self
    }

    /// Refuses timestamps without a time zone.
    #[must_use]
    pub fn with_required_time_zones(mut self, required: bool) -> Self {
        self.required_time_zones = required;
        self
    }
}

/// Entity rows with their features. [`training_set`](Self::training_set) says by a digest what they are.
#[derive(Clone, Debug)]
pub struct Historical {
    pub(super) table: RecordBatch,
    pub(super) event_timestamp: String,
    pub(super) features: Vec<String>,
    pub(super) views: Vec<ViewUse>,
    pub(super) times: Option<(Timestamp, Timestamp)>,
    pub(super) made_at: Timestamp,
    /// For each view the event times of the rows that were used.
    pub(super) event_times: Vec<ArrayRef>,
    /// The view of each feature, where it is read from one.
    pub(super) read_of: Vec<Option<usize>>,
}

/// What of a view was used.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ViewUse {
    /// The view.
    pub view: String,
    /// What it is called in the answer.
    pub name_to_use: String,
    /// Its version.
    pub version: ViewVersion,
    /// The rows of its source that were read.
    pub rows: u64,
    /// The rows without an event time, which were left out.
    pub rows_without_time: u64,
    /// The entity rows that got features of it; of a view of windows, those with an event in a window.
    pub present: u64,
    /// The first and the last event time of the rows that were used, in a window of any entity row; none where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<(Timestamp, Timestamp)>,
}

impl Historical {
    /// The entity rows in their order and with all their columns, then the features in the order of the query.
    #[must_use]
    pub fn table(&self) -> &RecordBatch {
        &self.table
    }

    /// The same, by value.
    #[must_use]
    pub fn into_table(self) -> RecordBatch {
        self.table
    }

    /// The column that the times of entity rows were taken from.
    #[must_use]
    pub fn event_timestamp(&self) -> &str {
        &self.event_timestamp
    }

    /// The names of the features, in order.
    #[must_use]
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// What of each view was used.
    #[must_use]
    pub fn views(&self) -> &[ViewUse] {
        &self.views
    }
}

impl FeatureStore {
    /// The features that were known of each entity row at its time: see the [`offline`] store for which row that is.
    ///
    /// Entity rows have a column for each join key, one of their times, one for each value that on-demand views read from requests, and
    /// any others, such as labels.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare), and as [`PointInTimeJoin::run`]; [`InvalidInput`](Error::InvalidInput) where the column of times cannot
    /// be found out, and for a feature that is called as a column of the entity rows; those of the sources.
    pub fn historical_features(
        &self,
        entity_rows: &RecordBatch,
        query: &FeatureQuery,
        options: &HistoricalOptions,
    ) -> Result<Historical> {
        let compiled = self.compile(query)?;
        let event_timestamp = event_timestamp(entity_rows, options)?;
        check_names(entity_rows, &compiled)?;
        let mut join = PointInTimeJoin::new(event_timestamp.as_str());
        if options.required_time_zones {
            join = join.with_required_time_zones();
        }
        for (number, read) in compiled.reads.iter().enumerate() {
            join = join.with(self.joined_view(number, read, options)?);
        }
        let joined = join.run(entity_rows)?;
        drop(join);
        self.assemble(entity_rows, &compiled, &joined, event_timestamp)
    }

    /// A view as it is joined, its features under names of the join's own.
    fn joined_view(&self, number: usize, read: &Read, options: &HistoricalOptions) -> Result<View<'_>> {
        let view = &read.read.view;
        let source = batch_source(OPERATION, view.view.name(), view.batch_source.as_ref())?;
        let opened = self.inner.sources.open(source).map_err(|error| within(error, view.view.name()))?;
        if read.windows.is_some() {
            return windowed_view(number, read, options, opened);
        }
        let keys = view.join_keys.iter().zip(&read.read.columns);
        let keys = keys.map(|(key, column)| (column.as_str(), view.source_column(&key.name)));
        let features = read.read.features.iter().enumerate();
        let features =
            features.map(|(place, field)| (view.source_column(&field.name), column(number, place)));
        let timestamp = view.timestamp_field().unwrap_or(EVENT_TIMESTAMP);
        let mut joined = View::new(read.read.name_to_use.as_str(), opened, keys, timestamp)
            .with_features(features)
            .with_event_time(time_column(number));
        if let Some(created) = view.created_timestamp_column() {
            joined = joined.with_created_timestamp(created);
        }
        if let Some(ttl) = view.view.ttl() {
            joined = joined.with_ttl(ttl);
        }
        if options.late_rows {
            joined = joined.with_late_rows();
        }
        Ok(joined)
    }

    fn assemble(
        &self,
        entity_rows: &RecordBatch,
        compiled: &Compiled,
        joined: &Joined,
        event_timestamp: String,
    ) -> Result<Historical> {
        let rows = entity_rows.num_rows();
        let lost = |name: &str| Error::internal(OPERATION, name, "the join does not answer it");
        let mut read: Vec<Vec<ArrayRef>> = Vec::new();
        let (mut event_times, mut views) = (Vec::new(), Vec::new());
        for (number, (own, report)) in compiled.reads.iter().zip(joined.views()).enumerate() {
            let mut columns = Vec::new();
            for (place, field) in own.read.features.iter().enumerate() {
                let found = joined.table().column_by_name(&column(number, place));
                let found = found.ok_or_else(|| lost(&field.name))?;
                let made = conform(OPERATION, &field.name, found, field.dtype);
                columns.push(made.map_err(|error| within(error, own.read.view.view.name()))?);
            }
            read.push(columns);
            let (used, times) = match own.windows {
                Some(_) => {
                    let moment = Timestamp::from_micros;
                    let events = report.window_events().map(|(first, last)| (moment(first), moment(last)));
                    // A feature of a window comes of no single event.
                    (used(own, report, events), new_null_array(&MOMENT, rows))
                }
                None => {
                    let name = time_column(number);
                    let times = joined.table().column_by_name(&name).ok_or_else(|| lost(&name))?;
                    (used(own, report, extremes("event time", times)?), times.clone())
                }
            };
            views.push(used);
            event_times.push(times);
        }
        let requests = EntityRows::of(entity_rows);
        let mut computed: Vec<Vec<ArrayRef>> = Vec::new();
        for step in &compiled.steps {
            let mut columns = Vec::with_capacity(step.inputs.len());
            for input in &step.inputs {
                let of = |columns: &[Vec<ArrayRef>], first: usize, second: usize| {
                    columns.get(first).and_then(|own| own.get(second)).cloned()
                };
                let found = match input.place {
                    Place::Read { read: number, feature } => of(&read, number, feature),
                    Place::Step { step, feature } => of(&computed, step, feature),
                    Place::Request(number) => match compiled.request.get(number) {
                        Some(field) => Some(request_column(requests.as_ref().map_err(again)?, field)?),
                        None => None,
                    },
                };
                columns.push(found.ok_or_else(|| lost(&input.name))?);
            }
            computed.push(step.run(rows, columns)?);
        }
        let mut fields = entity_rows.schema_ref().fields().to_vec();
        let mut columns = entity_rows.columns().to_vec();
        let mut read_of = Vec::new();
        for output in &compiled.outputs {
            let (from, of) = match output.place {
                Place::Read { read: number, feature } => {
                    (read.get(number).and_then(|own| own.get(feature)), Some(number))
                }
                Place::Step { step, feature } => (computed.get(step).and_then(|own| own.get(feature)), None),
                Place::Request(_) => (None, None),
            };
            let column = from.ok_or_else(|| lost(&output.name))?.clone();
            fields.push(Arc::new(ArrowField::new(&output.name, column.data_type().clone(), true)));
            columns.push(column);
            read_of.push(of);
        }
        let made = if columns.is_empty() {
            table([], columns, rows)?
        } else {
            RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
                .map_err(|cause| Error::internal(OPERATION, "columns", cause.to_string()).caused_by(cause))?
        };
        let times = made.column_by_name(&event_timestamp).ok_or_else(|| lost(&event_timestamp))?;
        let times = extremes(&event_timestamp, times)?;
        Ok(Historical {
            table: made,
            event_timestamp,
            features: compiled.outputs.iter().map(|output| output.name.clone()).collect(),
            views,
            times,
            made_at: self.now(),
            event_times,
            read_of,
        })
    }
}

/// The error once more, for the second who asks.
fn again(error: &Error) -> Error {
    Error::invalid_input(OPERATION, error.context().subject(), error.context().problem())
        .remedy(error.context().remedy().unwrap_or_default())
}

/// The name that a feature of a view has in the join.
fn column(read: usize, feature: usize) -> String {
    format!("__read_{read}_{feature}")
}

fn time_column(read: usize) -> String {
    format!("__read_{read}_event_time")
}

fn within(error: Error, view: &str) -> Error {
    match error {
        Error::Interrupted(_) => error,
        error => error.within(format!("view {view}")),
    }
}

/// The source of a view's history.
pub(super) fn batch_source<'a>(
    operation: &'static str,
    view: &str,
    source: Option<&'a Source>,
) -> Result<&'a Source> {
    source.ok_or_else(|| {
        Error::unsupported(operation, format!("view {view}"), "it has no source of history").remedy(
            "give the view a source that is a file, PostgreSQL or Arrow, or its push source a batch_source",
        )
    })
}

fn used(read: &Read, report: &ViewReport, events: Option<(Timestamp, Timestamp)>) -> ViewUse {
    ViewUse {
        view: read.read.view.view.name().to_owned(),
        name_to_use: read.read.name_to_use.clone(),
        version: read.version,
        rows: report.rows(),
        rows_without_time: report.rows_without_time(),
        present: report.present(),
        events,
    }
}

/// The windows of a view as they are joined, under names of the join's own.
fn windowed_view<'a>(
    number: usize,
    read: &Read,
    options: &HistoricalOptions,
    source: Box<dyn offline::Source + 'a>,
) -> Result<View<'a>> {
    let view = &read.read.view;
    let features = read.read.features.iter().map(|field| field.name.as_str());
    let plan = WindowPlan::of_features(&view.view, features)?;
    let keys = view.join_keys.iter().zip(&read.read.columns);
    let keys = keys.map(|(key, column)| (column.as_str(), key.name.as_str()));
    let names = (0..read.read.features.len()).map(|place| column(number, place)).collect();
    let events = Events::joined(OPERATION, view, &plan, source);
    let mut joined = View::new(read.read.name_to_use.as_str(), events, keys, windows::timestamp(view))
        .with_windows_as(&plan, names);
    if let Some(created) = view.created_timestamp_column() {
        joined = joined.with_created_timestamp(created);
    }
    Ok(if options.late_rows { joined.with_late_rows() } else { joined })
}

/// The first and the last moment of a column.
fn extremes(name: &str, column: &ArrayRef) -> Result<Option<(Timestamp, Timestamp)>> {
    let moments = moments(OPERATION, name, column)?;
    let known = || moments.iter().flatten().copied();
    let first = known().min_by_key(|moment| moment.nanoseconds());
    Ok(first.zip(known().max_by_key(|moment| moment.nanoseconds())))
}

/// The column of times: the one that is named, `event_timestamp`, or the only one of timestamps.
fn event_timestamp(entity_rows: &RecordBatch, options: &HistoricalOptions) -> Result<String> {
    let schema = entity_rows.schema_ref();
    if let Some(named) = &options.event_timestamp {
        return Ok(named.clone());
    }
    if schema.field_with_name(EVENT_TIMESTAMP).is_ok() {
        return Ok(EVENT_TIMESTAMP.to_owned());
    }
    let times = schema.fields().iter().filter(|field| matches!(field.data_type(), DataType::Timestamp(..)));
    let times: Vec<&str> = times.map(|field| field.name().as_str()).collect();
    match times.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(Error::invalid_input(OPERATION, "entity rows", "no column is of timestamps").remedy(
            "add the time of each row as event_timestamp, or name its column (with_event_timestamp)",
        )),
        several => {
            let problem = format!("several columns are of timestamps: {}", several.join(", "));
            Err(Error::invalid_input(OPERATION, "entity rows", problem)
                .remedy("call the one of the rows' times event_timestamp, or name it (with_event_timestamp)"))
        }
    }
}

/// No feature is called as a column of the entity rows, and all columns that are needed are there.
fn check_names(entity_rows: &RecordBatch, compiled: &Compiled) -> Result<()> {
    let schema = entity_rows.schema_ref();
    if let Some(output) = compiled.outputs.iter().find(|output| schema.field_with_name(&output.name).is_ok())
    {
        return Err(Error::invalid_input(
            OPERATION,
            output.name.as_str(),
            "the entity rows have a column of this name, and a feature has it, too",
        )
        .remedy("rename the column, or ask for full feature names (with_full_feature_names)"));
    }
    let keys = compiled.join_keys.iter().map(|key| (key.key.column.as_str(), "a join key"));
    let values = compiled.request.iter().map(|field| (field.name.as_str(), "a value of the request"));
    for (column, what) in keys.chain(values) {
        if schema.field_with_name(column).is_err() {
            let known: Vec<&str> =
                schema.fields().iter().map(|field| field.name().as_str()).take(20).collect();
            let problem = format!("the entity rows lack it, and it is {what}");
            return Err(Error::invalid_input(OPERATION, format!("column {column}"), problem)
                .remedy(format!("add it; the entity rows have the columns {}", known.join(", "))));
        }
    }
    Ok(())
}

const OPERATION: &str = "join features";

//! Views of sliding windows: their events under the names and in the types of the view, the same for both stores.

use std::fmt;
use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch};
use mlcore::arrow::datatypes::{Field as ArrowField, Schema, SchemaRef};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

use super::FeatureStore;
use super::conform::{conform, moments};
use super::on_demand::table;
use crate::program::missing_column;
use crate::store::definition::{ResolvedView, ValueType, ViewVersion};
use crate::store::offline::{Piece, Pieces, Scan, Source};
use crate::store::online::TableId;
use crate::store::window::{EventColumns, OnlineWindows, WindowPlan};

/// Feast's name of the column of times of rows that belong to no source.
const EVENT_TIMESTAMP: &str = "event_timestamp";

/// The plan of a view's windows; none where its features are those of its rows.
pub(super) fn plan_of(view: &ResolvedView) -> Result<Option<WindowPlan>> {
    match view.view.aggregations() {
        [] => Ok(None),
        _ => WindowPlan::of(&view.view).map(Some),
    }
}

/// The column of the events' times.
pub(super) fn timestamp(view: &ResolvedView) -> &str {
    view.timestamp_field().unwrap_or(EVENT_TIMESTAMP)
}

impl FeatureStore {
    /// The windows of a version of a view in the online store.
    pub(super) fn windows(
        &self,
        project: &str,
        view: &ResolvedView,
        version: ViewVersion,
        plan: &WindowPlan,
    ) -> Result<OnlineWindows> {
        let id = TableId::new(project, view.view.name(), version.get())?;
        let keys = view.join_keys.iter().map(|key| key.name.as_str());
        let mut columns = EventColumns::new(keys, timestamp(view));
        if let Some(created) = view.created_timestamp_column() {
            columns = columns.with_created_timestamp(created);
        }
        OnlineWindows::new(Arc::clone(&self.inner.online), &id, plan, columns)
    }
}

/// A column of events: its name in the view and in the table, and the type that it becomes.
#[derive(Clone, Debug)]
struct Column {
    name: String,
    source: String,
    wanted: Option<ValueType>,
}

impl Column {
    fn new(name: &str, source: &str, wanted: Option<ValueType>) -> Self {
        Self { name: name.to_owned(), source: source.to_owned(), wanted }
    }

    fn made(&self, operation: &'static str, array: &ArrayRef) -> Result<ArrayRef> {
        match self.wanted {
            Some(wanted) => conform(operation, &self.source, array, wanted),
            None => Ok(array.clone()),
        }
    }
}

/// The columns of keys, in the types of the view where that is asked for.
fn keys(view: &ResolvedView, are_typed: bool) -> impl Iterator<Item = Column> {
    view.join_keys
        .iter()
        .map(move |key| Column::new(&key.name, view.source_column(&key.name), are_typed.then_some(key.dtype)))
}

/// The columns that the features are computed of, in the types of the view.
fn inputs<'a>(view: &'a ResolvedView, plan: &'a WindowPlan) -> impl Iterator<Item = Column> {
    let declared = move |name: &str| view.view.schema().iter().find(|field| field.name == name);
    plan.columns()
        .map(move |name| Column::new(name, view.source_column(name), declared(name).map(|field| field.dtype)))
}

/// The events of a view's history.
pub(super) struct Events<'a> {
    operation: &'static str,
    source: Box<dyn Source + 'a>,
    columns: Vec<Column>,
}

impl fmt::Debug for Events<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("source", &self.source).field("columns", &self.columns).finish()
    }
}

impl<'a> Events<'a> {
    /// Events to be joined, whose keys the join compares by value.
    pub(super) fn joined(
        operation: &'static str,
        view: &ResolvedView,
        plan: &WindowPlan,
        source: Box<dyn Source + 'a>,
    ) -> Self {
        Self::of(operation, view, plan, source, false)
    }

    /// Events to be stored, whose keys become those of requests.
    pub(super) fn stored(
        operation: &'static str,
        view: &ResolvedView,
        plan: &WindowPlan,
        source: Box<dyn Source + 'a>,
    ) -> Self {
        Self::of(operation, view, plan, source, true)
    }

    fn of(
        operation: &'static str,
        view: &ResolvedView,
        plan: &WindowPlan,
        source: Box<dyn Source + 'a>,
        are_keys_typed: bool,
    ) -> Self {
        let times = [Some(timestamp(view)), view.created_timestamp_column()];
        let times = times.into_iter().flatten().map(|name| Column::new(name, name, None));
        let columns = keys(view, are_keys_typed).chain(times).chain(inputs(view, plan)).collect();
        Self { operation, source, columns }
    }

    fn column(&self, name: &str) -> Result<&Column> {
        let lost = || Error::internal(self.operation, name, "it is no column of the view's events");
        self.columns.iter().find(|column| column.name == name).ok_or_else(lost)
    }
}

impl Source for Events<'_> {
    fn schema(&self) -> Result<SchemaRef> {
        let schema = self.source.schema()?;
        let fields = self.columns.iter().map(|column| {
            let missing = || missing_column(schema.fields(), &column.source, self.operation);
            let (_, own) = schema.fields().find(&column.source).ok_or_else(missing)?;
            let data_type = column.wanted.map_or_else(|| own.data_type().clone(), ValueType::to_arrow);
            Ok(ArrowField::new(&column.name, data_type, true))
        });
        Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
    }

    fn scan<'s>(&'s self, scan: &Scan<'_>) -> Result<Pieces<'s>> {
        let wanted = scan.columns().iter().map(|name| self.column(name)).collect::<Result<Vec<&Column>>>()?;
        let columns: Vec<String> = wanted.iter().map(|column| column.source.clone()).collect();
        let may_match = |source: &str, value: &dyn Array| {
            let own = self.columns.iter().find(|column| column.source == source);
            own.is_none_or(|column| scan.may_match(&column.name, value))
        };
        let pieces = self.source.scan(&scan.of_columns(&columns, &may_match))?;
        Ok(Box::new(pieces.map(move |piece| {
            let piece = piece?;
            let rows = renamed(self.operation, piece.rows(), wanted.iter().copied())?;
            Ok(Piece::new(piece.first(), rows))
        })))
    }

    fn is_repeatable(&self) -> bool {
        self.source.is_repeatable()
    }
}

/// The columns of rows under the names and in the types of a view.
fn renamed<'c>(
    operation: &'static str,
    rows: &RecordBatch,
    columns: impl Iterator<Item = &'c Column>,
) -> Result<RecordBatch> {
    let (mut names, mut arrays) = (Vec::new(), Vec::new());
    for column in columns {
        let missing = || missing_column(rows.schema_ref().fields(), &column.source, operation);
        let array = rows.column_by_name(&column.source).ok_or_else(missing)?;
        names.push(column.name.as_str());
        arrays.push(column.made(operation, array)?);
    }
    table(names, arrays, rows.num_rows())
}

/// Rows that are sent, as events: columns under the names of the source or of the view. Each has a key, and a time that is not after
/// `latest`.
pub(super) fn sent(
    operation: &'static str,
    view: &ResolvedView,
    plan: &WindowPlan,
    rows: &RecordBatch,
    latest: Timestamp,
) -> Result<RecordBatch> {
    let under_either_name = |column: Column| {
        let is_there = rows.schema_ref().field_with_name(&column.source).is_ok();
        Column { source: if is_there { column.source } else { column.name.clone() }, ..column }
    };
    let time = Column::new(timestamp(view), timestamp(view), None);
    let columns: Vec<Column> = keys(view, true)
        .map(under_either_name)
        .chain([time])
        .chain(inputs(view, plan).map(under_either_name))
        .collect();
    let events = renamed(operation, rows, columns.iter())?;
    let refuse = |column: &str, row: usize, problem: &str, remedy: &str| {
        Err(Error::invalid_input(operation, format!("column {column}, row {row}"), problem).remedy(remedy))
    };
    let null = |array: &ArrayRef| (0..array.len()).find(|row| array.is_null(*row));
    for (column, array) in columns.iter().zip(events.columns()).take(view.join_keys.len()) {
        if let Some(row) = null(array) {
            return refuse(
                &column.source,
                row,
                "the row has no key",
                "give the row its key, or leave it out",
            );
        }
    }
    let times = events.column_by_name(timestamp(view));
    let times = times.map_or_else(|| Ok(Vec::new()), |array| moments(operation, timestamp(view), array))?;
    let time = timestamp(view);
    if let Some(row) = times.iter().position(Option::is_none) {
        return refuse(time, row, "the row has no event time", "say when the row was true, or leave it out");
    }
    match times.iter().flatten().position(|event| *event > latest) {
        None => Ok(events),
        Some(row) => {
            let remedy = "correct the time or its unit or zone, or send the row when it is true";
            refuse(time, row, "the event is of the future", remedy)
        }
    }
}

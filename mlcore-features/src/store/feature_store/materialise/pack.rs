//! Rows of a table as entries of the online store.

use mlcore::arrow::array::{ArrayRef, RecordBatch};
use mlcore::batch::{ColumnView, Value};
use mlcore::interrupt::Pace;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use smallvec::SmallVec;

use crate::program::missing_column;
use crate::store::definition::ResolvedView;
use crate::store::feature_store::conform::{conform, moments};
use crate::store::key::EntityKey;
use crate::store::online::{Entry, Stamp, Table};

/// Feast's name of the column of times of rows that belong to no source.
const EVENT_TIMESTAMP: &str = "event_timestamp";

/// What the columns of a view are called in a table.
pub(in crate::store::feature_store) struct Columns {
    keys: Vec<String>,
    features: Vec<String>,
    event: String,
    created: Option<String>,
    /// What a row without a created time has; its event's time where there is none.
    created_default: Option<Timestamp>,
}

impl Columns {
    /// In what is read of history: keys and features under their own names.
    pub(in crate::store::feature_store) fn stored(view: &ResolvedView) -> Self {
        Self {
            keys: view.join_keys.iter().map(|key| key.name.clone()).collect(),
            features: view.features.iter().map(|field| field.name.clone()).collect(),
            event: view.timestamp_field().unwrap_or(EVENT_TIMESTAMP).to_owned(),
            created: view.created_timestamp_column().map(str::to_owned),
            created_default: None,
        }
    }

    /// In rows that are sent: under the names of the source's columns, or their own. Where the source has a column of the time of writing
    /// and the rows have not, they are written now.
    pub(in crate::store::feature_store) fn sent(
        view: &ResolvedView,
        rows: &RecordBatch,
        now: Timestamp,
    ) -> Self {
        let of = |name: &str| {
            let column = view.source_column(name);
            if rows.schema_ref().field_with_name(column).is_ok() {
                column.to_owned()
            } else {
                name.to_owned()
            }
        };
        let stored = Self::stored(view);
        let is_there = |column: &String| rows.schema_ref().field_with_name(column).is_ok();
        Self {
            keys: view.join_keys.iter().map(|key| of(&key.name)).collect(),
            features: view.features.iter().map(|field| of(&field.name)).collect(),
            created_default: stored.created.as_ref().map(|_| now),
            created: stored.created.filter(is_there),
            event: stored.event,
        }
    }

    pub(in crate::store::feature_store) fn event(&self) -> &str {
        &self.event
    }
}

/// An entry for each row.
pub(in crate::store::feature_store) fn entries(
    operation: &'static str,
    view: &ResolvedView,
    table: &Table,
    rows: &RecordBatch,
    columns: &Columns,
) -> Result<Vec<Entry>> {
    let column = |name: &str| {
        rows.column_by_name(name)
            .cloned()
            .ok_or_else(|| missing_column(rows.schema_ref().fields(), name, operation))
    };
    let stamps = stamps(operation, &column(&columns.event)?, columns, |name| column(name))?;
    let mut features = Vec::with_capacity(view.features.len());
    for (field, name) in view.features.iter().zip(&columns.features) {
        features.push(conform(operation, name, &column(name)?, field.dtype)?);
    }
    let mut keys = Vec::with_capacity(view.join_keys.len());
    for (field, name) in view.join_keys.iter().zip(&columns.keys) {
        keys.push((
            field.name.as_str(),
            name.as_str(),
            conform(operation, name, &column(name)?, field.dtype)?,
        ));
    }
    let packed = table.pack_columns(&features, &stamps)?;
    let keys = made(operation, &keys, rows.num_rows())?;
    Ok(keys.into_iter().zip(packed).map(|(key, row)| Entry::new(key, row)).collect())
}

/// When each row was, and when it was written.
fn stamps(
    operation: &'static str,
    event: &ArrayRef,
    columns: &Columns,
    column: impl Fn(&str) -> Result<ArrayRef>,
) -> Result<Vec<Stamp>> {
    let events = moments(operation, &columns.event, event)?;
    let created = match &columns.created {
        Some(name) => moments(operation, name, &column(name)?)?,
        None => Vec::new(),
    };
    let mut stamps = Vec::with_capacity(events.len());
    for (row, event) in events.into_iter().enumerate() {
        let event = event.ok_or_else(|| {
            let subject = format!("column {}, row {row}", columns.event);
            Error::invalid_input(operation, subject, "the row has no event time")
                .remedy("say when the row was true, or leave it out")
        })?;
        let created = created.get(row).copied().flatten().or(columns.created_default).unwrap_or(event);
        stamps.push(Stamp::new(event, created));
    }
    Ok(stamps)
}

/// The key of each row.
fn made(operation: &'static str, columns: &[(&str, &str, ArrayRef)], rows: usize) -> Result<Vec<EntityKey>> {
    if columns.is_empty() {
        return Ok(vec![EntityKey::everybody()?; rows]);
    }
    let mut views: SmallVec<[(&str, &str, ColumnView<'_>); 4]> = SmallVec::new();
    for (key, name, array) in columns {
        views.push((key, name, ColumnView::new(name, array.as_ref())?));
    }
    let mut keys = Vec::with_capacity(rows);
    let mut pace = Pace::default();
    for row in 0..rows {
        pace.check(operation, 4)?;
        let mut parts: SmallVec<[(&str, Value<'_>); 4]> = SmallVec::new();
        for (key, name, view) in &views {
            let value = view.value(row);
            if value.is_null() {
                let subject = format!("column {name}, row {row}");
                return Err(Error::invalid_input(operation, subject, "the row has no key")
                    .remedy("give the row its key, or leave it out"));
            }
            parts.push((key, value));
        }
        keys.push(EntityKey::new(parts).map_err(|error| error.within(format!("row {row}")))?);
    }
    Ok(keys)
}

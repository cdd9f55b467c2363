use std::collections::BTreeMap;
use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, LargeStringArray, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use mlcore::arrow::datatypes::{DataType, Field as ArrowField, Schema, TimeUnit};
use mlcore::{Error, Result};
use serde::Serialize;

use super::{Checked, Stored};
use crate::store::definition::{AnyView, Origin, ResolvedView, Source, ValueType, ViewVersion};
use crate::store::feature_store::FeatureStore;
use crate::store::feature_store::conform::conform;
use crate::store::window::Delivery;

/// Where pushed rows go.
///
/// ```
/// use mlcore_features::store::feature_store::PushTo;
///
/// assert_eq!("online_and_offline".parse::<PushTo>()?, PushTo::OnlineAndOffline);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushTo {
    /// Into the online store.
    Online,
    /// Into the history, which is the batch source of the views.
    Offline,
    /// Into both: into the history first, so that nothing is served that history does not know.
    OnlineAndOffline,
}

mlcore::words! {
    PushTo, "push to": Online = "online", Offline = "offline", OnlineAndOffline = "online_and_offline",
}

/// What became of pushed rows.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct PushReport {
    /// The views that were written online.
    pub views: Vec<PushedView>,
    /// The sources whose history has the rows now.
    pub appended: Vec<String>,
}

/// What became of pushed rows in one view.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PushedView {
    /// The view.
    pub view: String,
    /// Its version.
    pub version: ViewVersion,
    /// The rows that were stored; of a view of windows, the events that were added.
    pub stored: u64,
    /// The rows of whose key something newer was there; the events that are too old for any window, or that came with the history.
    pub older: u64,
    /// The events that the same delivery had brought before.
    #[serde(skip_serializing_if = "is_zero")]
    pub repeated: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A view that a push source feeds.
type Fed = (Arc<ResolvedView>, ViewVersion);

impl FeatureStore {
    /// Sends rows to all views whose source is this push source: Feast's `push`.
    ///
    /// Everything is checked before anything is written. Into the history rows go under the source's names of columns, where that is a
    /// folder of Parquet files or a registered table of Arrow, all of its columns and no others; a created time that they lack is now.
    /// A push that failed may be repeated as a whole: the same rows once more are added once, if they come right after. In views of
    /// sliding windows rows are events, and those that are sent again are counted again, unless they are numbered
    /// ([`push_delivery`](Self::push_delivery)).
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound) for a source that is not there or that no view has; as
    /// [`write_to_online_store`](Self::write_to_online_store), and [`Unsupported`](Error::Unsupported) for a history that cannot be added to.
    pub fn push(&self, source: &str, rows: &RecordBatch, to: PushTo) -> Result<PushReport> {
        self.send(source, rows, to, None)
    }

    /// The same with the number of the rows by their producer: see [`write_delivery`](Self::write_delivery). A push that failed is repeated
    /// with the same rows and number, and counts once in the windows of all views, however far it came.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_delivery(
        &self,
        source: &str,
        rows: &RecordBatch,
        to: PushTo,
        delivery: &Delivery<'_>,
    ) -> Result<PushReport> {
        self.send(source, rows, to, Some(delivery))
    }

    fn send(
        &self,
        source: &str,
        rows: &RecordBatch,
        to: PushTo,
        delivery: Option<&Delivery<'_>>,
    ) -> Result<PushReport> {
        let snapshot = self.snapshot()?;
        let repository = snapshot.repository();
        let found = repository.source(source)?;
        if !matches!(found.origin(), Origin::Push { .. }) {
            return Err(Error::invalid_input(OPERATION, source, format!("it is a {} source", found.kind()))
                .remedy("push to a push source, or write to a view's online store"));
        }
        let mut views: Vec<Fed> = Vec::new();
        for view in repository.views() {
            if let AnyView::View(view) = view
                && view.view.source() == Some(source)
            {
                views.push((Arc::clone(view), snapshot.version_of(view.view.name())?));
            }
        }
        if views.is_empty() {
            return Err(Error::not_found(OPERATION, source, "no view has this source")
                .remedy("apply a view with it before rows are pushed"));
        }
        let project = repository.project();
        let online: Vec<(Fed, Checked)> = match to {
            PushTo::Offline => Vec::new(),
            PushTo::Online | PushTo::OnlineAndOffline => views
                .iter()
                .filter(|(view, _)| view.view.online())
                .map(|fed| Ok((fed.clone(), self.checked(project, &fed.0, fed.1, rows)?)))
                .collect::<Result<_>>()?,
        };
        let mut report = PushReport::default();
        if to != PushTo::Online {
            for (source, rows) in self.histories(&views, rows)? {
                self.inner.sources.append(&source, &rows)?;
                report.appended.push(source.name().to_owned());
            }
        }
        for ((view, version), rows) in online {
            let Stored { stored, older, repeated } = self.put(project, &view, version, &rows, delivery)?;
            let view = view.view.name().to_owned();
            report.views.push(PushedView { view, version, stored, older, repeated });
        }
        Ok(report)
    }

    /// The rows as the histories of the views have them, each once.
    fn histories(&self, views: &[Fed], rows: &RecordBatch) -> Result<Vec<(Source, RecordBatch)>> {
        let mut histories: BTreeMap<String, (Source, Vec<&ResolvedView>)> = BTreeMap::new();
        for (view, _) in views {
            let name = view.view.name();
            let source = crate::store::feature_store::historical::batch_source(
                OPERATION,
                name,
                view.batch_source.as_ref(),
            )?;
            let known =
                histories.entry(source.name().to_owned()).or_insert_with(|| (source.clone(), Vec::new()));
            known.1.push(view);
        }
        histories
            .into_values()
            .map(|(source, views)| {
                let rows = self.history(&source, &views, rows)?;
                Ok((source, rows))
            })
            .collect()
    }

    /// The rows with the columns that the table of a source has, in its order and types; where it is not there yet, those of the views.
    fn history(&self, source: &Source, views: &[&ResolvedView], rows: &RecordBatch) -> Result<RecordBatch> {
        let fields: Vec<(String, DataType)> = match self.inner.sources.open(source) {
            Ok(table) => {
                let schema = table.schema()?;
                schema
                    .fields()
                    .iter()
                    .map(|field| (field.name().clone(), field.data_type().clone()))
                    .collect()
            }
            Err(Error::NotFound(_)) => declared(source, views),
            Err(error) => return Err(error),
        };
        let within = |error: Error| error.within(format!("source {}", source.name()));
        if let Some(extra) = rows
            .schema_ref()
            .fields()
            .iter()
            .find(|field| !fields.iter().any(|(name, _)| name == field.name()))
        {
            let known: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).take(20).collect();
            return Err(within(
                Error::schema_mismatch(
                    OPERATION,
                    format!("column {}", extra.name()),
                    "the history has no such column",
                )
                .remedy(format!("leave it out, or push online alone; it has {}", known.join(", "))),
            ));
        }
        let mut columns = Vec::with_capacity(fields.len());
        for (name, data_type) in &fields {
            let column = match rows.column_by_name(name) {
                Some(column) => column.clone(),
                None if source.created_timestamp_column() == Some(name.as_str()) => {
                    self.created(rows.num_rows())
                }
                None => {
                    let known: Vec<&str> = rows
                        .schema_ref()
                        .fields()
                        .iter()
                        .map(|field| field.name().as_str())
                        .take(20)
                        .collect();
                    let problem = "the history has it, and the rows lack it";
                    return Err(within(
                        Error::schema_mismatch(OPERATION, format!("column {name}"), problem)
                            .remedy(format!("add it; the rows have {}", known.join(", "))),
                    ));
                }
            };
            columns.push(as_type(name, &column, data_type).map_err(within)?);
        }
        let fields = fields.iter().map(|(name, data_type)| ArrowField::new(name, data_type.clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        RecordBatch::try_new(schema, columns)
            .map_err(|cause| Error::internal(OPERATION, source.name(), cause.to_string()).caused_by(cause))
    }

    fn created(&self, rows: usize) -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(vec![self.now().as_micros(); rows]).with_timezone("UTC"))
    }
}

/// The columns of a history that is not there yet: keys, features and times of its views.
fn declared(source: &Source, views: &[&ResolvedView]) -> Vec<(String, DataType)> {
    let mut fields: Vec<(String, DataType)> = Vec::new();
    let mut add = |name: &str, data_type: DataType| {
        if !fields.iter().any(|(known, _)| known == name) {
            fields.push((name.to_owned(), data_type));
        }
    };
    for view in views {
        // A view of windows has the columns that they are computed of.
        let features = if view.view.aggregations().is_empty() { &view.features } else { view.view.schema() };
        for field in view.join_keys.iter().chain(features) {
            add(view.source_column(&field.name), field.dtype.to_arrow());
        }
    }
    let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    for column in [source.timestamp_field(), source.created_timestamp_column()].into_iter().flatten() {
        add(column, moment.clone());
    }
    fields
}

/// The column in the type that the history has.
fn as_type(name: &str, column: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if column.data_type() == data_type {
        return Ok(column.clone());
    }
    let unfit = || {
        let problem = format!("the history has {data_type}, and the rows have {}", column.data_type());
        Error::schema_mismatch(OPERATION, format!("column {name}"), problem).remedy("cast the column")
    };
    let wanted = ValueType::from_arrow(data_type).ok_or_else(unfit)?;
    let made = conform(OPERATION, name, column, wanted)?;
    let texts = || made.as_string_opt::<i32>().ok_or_else(unfit);
    match data_type {
        own if made.data_type() == own => Ok(made),
        DataType::LargeUtf8 => Ok(Arc::new(texts()?.iter().collect::<LargeStringArray>())),
        DataType::Utf8View => Ok(Arc::new(texts()?.iter().collect::<StringViewArray>())),
        _ => Err(unfit()),
    }
}

const OPERATION: &str = "push features";

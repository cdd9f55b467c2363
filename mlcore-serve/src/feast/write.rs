//! `POST /push` and `POST /write-to-online-store`.

use mlcore::Error;
use mlcore::schema::DType;
use mlcore::time::{TimeUnit, TimeZone};
use mlcore_features::store::definition::{AnyView, Origin, ResolvedView, ValueType};
use mlcore_features::store::feature_store::PushTo;

use http::StatusCode;

use super::refusal::{Refusal, Result};
use super::request::{Columns, PushBody, Types, WriteBody, parsed, table, text};
use super::serve::Reply;
use super::{Endpoint, Inner};

/// Sends rows to all views of a push source.
pub(super) fn push(inner: &Inner, body: &[u8]) -> Result<Reply> {
    let text = text(body)?;
    let body: PushBody<'_> = parsed(&text)?;
    let to: PushTo = body.to.parse()?;
    let mut columns = Columns::read("df", body.df, &inner.limits)?;
    let snapshot = inner.store.snapshot()?;
    let repository = snapshot.repository();
    let source = repository.source(&body.push_source_name);
    let is_push = source.as_ref().is_ok_and(|source| matches!(source.origin(), Origin::Push { .. }));
    if let Err(error) = source {
        return Err(no_source(error));
    }
    let mut types = Types::new();
    for view in repository.views() {
        if let AnyView::View(view) = view
            && view.view.source() == Some(body.push_source_name.as_str())
        {
            add_types(&mut types, view);
        }
    }
    if columns.rows == 0 && is_push {
        return Ok(Reply::Empty);
    }
    // Online, a column that no view has is left alone; in the history it would be a column of its own.
    if to == PushTo::Online {
        columns.columns.retain(|(name, _)| types.contains_key(name));
    }
    let report = inner.store.push(&body.push_source_name, &table(&columns, &types)?, to);
    report.map_err(|error| if is_push { error.into() } else { no_source(error) })?;
    inner.told.rows(Endpoint::Push, columns.rows as u64);
    Ok(Reply::Empty)
}

/// Writes rows of one view.
pub(super) fn write(inner: &Inner, body: &[u8]) -> Result<Reply> {
    let text = text(body)?;
    let body: WriteBody<'_> = parsed(&text)?;
    let mut columns = Columns::read("df", body.df, &inner.limits)?;
    let snapshot = inner.store.snapshot()?;
    let mut types = Types::new();
    let view = snapshot.repository().view(&body.feature_view_name).map_err(|error| {
        Refusal::from(error).of_class(StatusCode::NOT_FOUND, "FeatureViewNotFoundException")
    })?;
    if let AnyView::View(view) = view {
        add_types(&mut types, view);
        let names = [(EVENT_TIMESTAMP, view.timestamp_field()), (CREATED, view.created_timestamp_column())];
        for (sent, own) in names {
            rename(&mut columns, sent, own, &types);
        }
        if columns.rows == 0 {
            return Ok(Reply::null());
        }
    }
    columns.columns.retain(|(name, _)| types.contains_key(name));
    inner.store.write_to_online_store(&body.feature_view_name, &table(&columns, &types)?)?;
    inner.told.rows(Endpoint::Write, columns.rows as u64);
    Ok(Reply::null())
}

fn no_source(error: Error) -> Refusal {
    Refusal::from(error).of_class(StatusCode::UNPROCESSABLE_ENTITY, "PushSourceNotFoundException")
}

/// Calls a column as the source does, where the client sent it by its own name and the view has nothing of this name.
fn rename(columns: &mut Columns<'_>, sent: &str, own: Option<&str>, types: &Types) {
    let Some(own) = own.filter(|own| columns.get(own).is_none() && !types.contains_key(sent)) else { return };
    if let Some((name, _)) = columns.columns.iter_mut().find(|(name, _)| name == sent) {
        own.clone_into(name);
    }
}

/// The types of the columns of a view: under the names of its source, and its own.
fn add_types(types: &mut Types, view: &ResolvedView) {
    let mut add = |name: &str, value_type: ValueType| {
        types.entry(name.to_owned()).or_insert(value_type);
    };
    let moment = ValueType::Scalar(DType::Timestamp(TimeUnit::Microsecond, Some(TimeZone::UTC)));
    for column in [view.timestamp_field().or(Some(EVENT_TIMESTAMP)), view.created_timestamp_column()] {
        column.into_iter().for_each(|column| add(column, moment));
    }
    // Rows of a view of windows are events, with the columns that its features are computed of.
    let sent = if view.view.aggregations().is_empty() { &view.features } else { view.view.schema() };
    for field in view.join_keys.iter().chain(sent) {
        add(view.source_column(&field.name), field.dtype);
        add(&field.name, field.dtype);
    }
}

/// The names that Feast's client gives the times of rows.
const EVENT_TIMESTAMP: &str = "event_timestamp";
const CREATED: &str = "created";

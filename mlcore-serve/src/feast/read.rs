//! `POST /get-online-features`.

use std::sync::{Arc, PoisonError};

use http::StatusCode;
use mlcore::Error;
use mlcore::arrow::array::{RecordBatch, RecordBatchOptions};
use mlcore::arrow::datatypes::Schema;
use mlcore::batch::Value;
use mlcore_features::store::definition::{Definition, FeatureReference, ResolveOptions, ValueType};
use mlcore_features::store::feature_store::{EntityRows, FeatureQuery, OnlineFeatures, PreparedFeatures};
use mlcore_features::store::registry::Snapshot;

use super::answer::{Echo, Written};
use super::refusal::{Refusal, Result};
use super::request::{Columns, ReadBody, Sent, parsed, text};
use super::{Endpoint, Inner};

/// Reads what a body asks for, and writes the answer.
pub(super) fn read(inner: &Inner, body: &[u8]) -> Result<Vec<u8>> {
    let text = text(body)?;
    let body: ReadBody<'_> = parsed(&text)?;
    let columns = Columns::read("entities", body.entities, &inner.limits)?;
    check_rows(inner, columns.rows)?;
    let snapshot = inner.store.snapshot()?;
    let asked = Asked::new(&body);
    let query = asked.query()?;
    let prepared =
        inner.prepared(&query, snapshot.revision()).map_err(|error| asked.missing(&snapshot, error))?;
    let features = prepared.features().len();
    if columns.rows.saturating_mul(features) > inner.limits.answered_values {
        return Err(Refusal::too_large(format!(
            "read online features: {} entities with {features} features each are more than {} values; ask for fewer at once",
            columns.rows, inner.limits.answered_values
        )));
    }
    let asks = Rows::new(&columns, &prepared, &snapshot)?;
    let mut answer = OnlineFeatures::default();
    prepared.read(&asks.entity_rows(columns.rows)?, &mut answer)?;
    let views = match body.include_feature_view_version_metadata {
        true => asked.views(inner, &snapshot)?,
        false => Vec::new(),
    };
    inner.told.rows(Endpoint::Read, columns.rows as u64);
    let written = Written { echoes: &asks.echoes(&columns), views: &views, answer: &answer };
    let (json, counts) = written.to_json()?;
    inner.told.values(counts);
    Ok(json)
}

fn check_rows(inner: &Inner, rows: usize) -> Result<()> {
    let most = inner.limits.entities;
    if rows <= most {
        return Ok(());
    }
    let message = format!(
        "read online features: {rows} entities are more than the {most} of one request; ask for fewer at once"
    );
    Err(Refusal::too_large(message))
}

impl Inner {
    /// The query, resolved for this revision of the definitions.
    fn prepared(&self, query: &FeatureQuery, revision: u64) -> mlcore::Result<PreparedFeatures> {
        let known = || self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().get(query).filter(|prepared| prepared.revision() == revision).cloned();
        if let Some(prepared) = found {
            return Ok(prepared);
        }
        let prepared = self.store.prepare(query)?;
        let mut known = known();
        if known.len() >= MOST_PREPARED {
            known.clear();
        }
        known.insert(query.clone(), prepared.clone());
        Ok(prepared)
    }
}

/// Which features a body asks for.
struct Asked<'b> {
    service: Option<&'b str>,
    references: &'b [String],
    options: ResolveOptions,
}

impl<'b> Asked<'b> {
    /// A service goes before references, as in Feast.
    fn new(body: &'b ReadBody<'_>) -> Self {
        let options = ResolveOptions::default().with_full_feature_names(body.full_feature_names);
        let service = body.feature_service.as_deref().filter(|name| !name.is_empty());
        Self { service, references: &body.features, options }
    }

    fn query(&self) -> Result<FeatureQuery> {
        let query = match self.service {
            Some(name) => FeatureQuery::service(name),
            None => FeatureQuery::references(self.references.iter().map(String::as_str))?,
        };
        Ok(query.with_full_feature_names(self.options.full_feature_names))
    }

    /// The class of Feast's that says what is not there.
    fn missing(&self, snapshot: &Snapshot, error: Error) -> Refusal {
        let (is_missing, refusal) = (matches!(error, Error::NotFound(_)), Refusal::from(error));
        if !is_missing {
            return refusal;
        }
        let repository = snapshot.repository();
        let class = match self.service {
            Some(name) if repository.service(name).is_err() => "FeatureServiceNotFoundException",
            Some(_) => return refusal,
            None => {
                let mut references =
                    self.references.iter().filter_map(|text| FeatureReference::parse(text).ok());
                match references.find(|own| repository.view(&own.view).is_err()) {
                    Some(_) => "FeatureViewNotFoundException",
                    None => return refusal,
                }
            }
        };
        refusal.of_class(StatusCode::NOT_FOUND, class)
    }

    /// The stored views that are read, each once, with their versions.
    fn views(&self, inner: &Inner, snapshot: &Snapshot) -> Result<Vec<(String, u32)>> {
        let definitions = inner.store.definitions();
        let resolution = match self.service {
            Some(name) => definitions.resolve_service(name, &self.options)?,
            None => {
                let references: Vec<FeatureReference> = self
                    .references
                    .iter()
                    .map(|text| FeatureReference::parse(text))
                    .collect::<mlcore::Result<_>>()?;
                definitions.resolve(&references, &self.options)?
            }
        };
        let mut views: Vec<(String, u32)> = Vec::new();
        for read in &resolution.reads {
            // An alias, or the name without the version that stands behind it.
            let name = read.name_to_use.split('@').next().unwrap_or_default();
            if views.iter().any(|(known, _)| known == name) {
                continue;
            }
            let version = match read.version {
                Some(version) => version,
                None => snapshot.version_of(read.view.view.name())?,
            };
            views.push((name.to_owned(), version.get()));
        }
        Ok(views)
    }
}

/// The columns of a request that its query asks for, in their types, and those that are answered again.
struct Rows<'c> {
    /// The column that is read, where it came from, and its values.
    columns: Vec<(&'c str, usize, Vec<Value<'c>>)>,
    /// What is answered again: what it is called, where it came from, and whether it is one of those above.
    echoed: Vec<(&'c str, usize, Option<usize>)>,
}

impl<'c> Rows<'c> {
    fn new(sent: &'c Columns<'_>, prepared: &'c PreparedFeatures, snapshot: &'c Snapshot) -> Result<Self> {
        let mut rows = Self { columns: Vec::new(), echoed: Vec::new() };
        for field in prepared.request_values() {
            if sent.get(&field.name).is_none() {
                let message = format!(
                    "read online features: column {}: an on-demand view reads it from the request, and the entities lack it; add it",
                    field.name
                );
                let class = "RequestDataNotFoundInEntityRowsException";
                return Err(Refusal::new(StatusCode::NOT_FOUND, class, message));
            }
        }
        for (place, (name, values)) in sent.columns.iter().enumerate() {
            if let Some(field) = prepared.request_values().iter().find(|field| field.name == *name) {
                rows.columns.push((name, place, fitted(name, values, field.dtype)?));
                continue;
            }
            let Some(key) = join_key(snapshot, prepared, name) else { continue };
            let own = match prepared.join_keys().find(|(column, _)| *column == key) {
                // The entity's name and its join key name one column.
                Some(_) if rows.columns.iter().any(|(column, ..)| *column == key) => continue,
                Some((_, value_type)) => {
                    rows.columns.push((key, place, fitted(name, values, value_type)?));
                    rows.columns.len().checked_sub(1)
                }
                None => None,
            };
            rows.echoed.push((key, place, own));
        }
        Ok(rows)
    }

    fn entity_rows(&self, rows: usize) -> Result<EntityRows<'_>> {
        // Views of no entity are read as often as there are rows.
        static NONE: [Value<'static>; 0] = [];
        let mut columns: Vec<(&str, &[Value<'_>])> =
            self.columns.iter().map(|(name, _, values)| (*name, values.as_slice())).collect();
        if columns.is_empty() && rows > 0 {
            let rows = RecordBatchOptions::new().with_row_count(Some(rows));
            let table = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &rows);
            let table = table.map_err(|cause| Refusal::invalid(format!("read online features: {cause}")))?;
            return Ok(EntityRows::of(&table)?);
        }
        if columns.is_empty() {
            columns.push(("", &NONE));
        }
        Ok(EntityRows::columns(columns)?)
    }

    fn echoes(&self, sent: &'c Columns<'_>) -> Vec<(&'c str, Echo<'_>)> {
        let of = |(name, place, own): &(&'c str, usize, Option<usize>)| {
            let own = own.and_then(|own| self.columns.get(own));
            let echo = match own {
                Some((.., values)) => Echo::Fitted(values),
                None => Echo::Sent(sent.columns.get(*place).map_or(&[][..], |(_, values)| values.as_slice())),
            };
            (*name, echo)
        };
        self.echoed.iter().map(of).collect()
    }
}

/// The join key that a column holds: one of the query or of the project, by its own name or that of its entity.
fn join_key<'c>(snapshot: &'c Snapshot, prepared: &'c PreparedFeatures, name: &'c str) -> Option<&'c str> {
    if prepared.join_keys().any(|(column, _)| column == name) {
        return Some(name);
    }
    snapshot.repository().definitions().find_map(|definition| match definition {
        Definition::Entity(entity) if entity.join_key() == name || entity.name() == name => {
            Some(entity.join_key())
        }
        _ => None,
    })
}

/// The values in the type that they are asked for in.
fn fitted<'c>(name: &str, values: &'c [Sent<'_>], value_type: ValueType) -> Result<Vec<Value<'c>>> {
    let fit = |(row, value): (usize, &'c Sent<'_>)| {
        value.fitted(value_type.dtype()).ok_or_else(|| {
            Refusal::invalid(format!(
                "read online features: column {name}, row {row}: expected {value_type}, got {}; send {value_type}, or leave the row out",
                value.described()
            ))
        })
    };
    values.iter().enumerate().map(fit).collect()
}

/// As many queries as clients ask, and few enough to be forgotten at once.
const MOST_PREPARED: usize = 256;

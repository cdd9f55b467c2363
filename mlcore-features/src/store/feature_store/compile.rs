//! What a query means, resolved once: what is read, what is computed, and where each feature of the answer comes from.

use std::sync::Arc;

use mlcore::schema::Field as SchemaField;
use mlcore::{Error, Result};

use super::on_demand::Step;
use super::query::{FeatureQuery, Wanted};
use super::{FeatureStore, windows};
use crate::store::definition::{
    AnyView, Field, JoinKey, Resolution, ResolveOptions, ResolvedView, ValueType, ViewRead, ViewVersion,
};
use crate::store::registry::Snapshot;
use crate::store::window::WindowPlan;

/// A resolved query.
#[derive(Debug)]
pub(super) struct Compiled {
    /// The revision of the definitions that it was resolved of.
    pub(super) revision: u64,
    pub(super) outputs: Vec<Output>,
    pub(super) reads: Vec<Read>,
    pub(super) steps: Vec<Step>,
    /// The values that come with a request.
    pub(super) request: Vec<Field>,
    pub(super) join_keys: Vec<KeyColumn>,
}

/// A feature of the answer.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) dtype: ValueType,
    pub(super) place: Place,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// A feature of a view that is read.
    Read { read: usize, feature: usize },
    /// A feature that a step computes.
    Step { step: usize, feature: usize },
    /// A value of the request.
    Request(usize),
}

/// A view of rows or of windows that is read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) read: ViewRead,
    pub(super) version: ViewVersion,
    /// The view's windows, where its features are computed of them.
    pub(super) windows: Option<WindowPlan>,
}

/// A column of the entity rows by which views are read.
#[derive(Clone, Debug)]
pub(super) struct KeyColumn {
    pub(super) key: JoinKey,
    /// The entity, by whose name Feast takes the column, too.
    pub(super) entity: Option<String>,
}

impl Compiled {
    /// Where a feature of a view is, by what the view is called.
    pub(super) fn place(&self, name_to_use: &str, feature: &str) -> Option<Place> {
        let read = self.reads.iter().position(|read| read.read.name_to_use == name_to_use);
        if let Some(read) = read {
            let features = &self.reads.get(read)?.read.features;
            let feature = features.iter().position(|field| field.name == feature)?;
            return Some(Place::Read { read, feature });
        }
        let step = self.steps.iter().position(|step| step.name_to_use == name_to_use)?;
        let feature = self.steps.get(step)?.outputs.iter().position(|field| field.name == feature)?;
        Some(Place::Step { step, feature })
    }

    /// Where a value of the request is.
    pub(super) fn request_place(&self, name: &str) -> Option<Place> {
        self.request.iter().position(|field| field.name == name).map(Place::Request)
    }
}

impl FeatureStore {
    /// Resolves a query.
    pub(super) fn compile(&self, query: &FeatureQuery) -> Result<Compiled> {
        let (snapshot, resolution) = self.resolved(query)?;
        let Resolution { features, reads, on_demand, request, join_keys, .. } = resolution;
        let mut compiled = Compiled {
            revision: snapshot.revision(),
            outputs: Vec::new(),
            reads: Vec::new(),
            steps: Vec::new(),
            request,
            join_keys: Vec::new(),
        };
        for read in reads {
            let version = self.version_of(&snapshot, &read.view, read.version)?;
            let windows = windows::plan_of(&read.view)?;
            compiled.reads.push(Read { read, version, windows });
        }
        for step in on_demand {
            let step = Step::new(&self.inner.plans, &compiled, &step)?;
            compiled.steps.push(step);
        }
        for feature in features {
            let lost = || Error::internal(OPERATION, feature.output.as_str(), "nothing computes it");
            let place = compiled.place(&feature.name_to_use, &feature.field.name).ok_or_else(lost)?;
            compiled.outputs.push(Output { name: feature.output.clone(), dtype: feature.field.dtype, place });
        }
        for key in join_keys {
            let entity = compiled.reads.iter().find_map(|read| entity_of(&read.read, &key.column));
            compiled.join_keys.push(KeyColumn { key, entity });
        }
        Ok(compiled)
    }

    /// What a query means, and the revision that says so.
    fn resolved(&self, query: &FeatureQuery) -> Result<(Arc<Snapshot>, Resolution)> {
        const TRIES: usize = 16;
        let options = ResolveOptions::default().with_full_feature_names(query.full_feature_names);
        let definitions = &self.inner.definitions;
        let mut snapshot = definitions.snapshot()?;
        for _ in 0..TRIES {
            let resolution = match &query.wanted {
                Wanted::References(references) => definitions.resolve(references, &options)?,
                Wanted::Service(name) => definitions.resolve_service(name, &options)?,
            };
            let after = definitions.snapshot()?;
            if after.revision() == snapshot.revision() {
                return Ok((after, resolution));
            }
            snapshot = after;
        }
        Err(Error::conflict(OPERATION, "definitions", "they change all the time")
            .remedy("ask again when fewer changes are applied"))
    }

    /// Which version of a view is meant: the one that was asked for, the latest, or the one that an older view was defined with.
    fn version_of(
        &self,
        snapshot: &Snapshot,
        view: &Arc<ResolvedView>,
        asked: Option<ViewVersion>,
    ) -> Result<ViewVersion> {
        if let Some(version) = asked {
            return Ok(version);
        }
        let name = view.view.name();
        let is_same = |known: &AnyView| matches!(known, AnyView::View(known) if known == view);
        if snapshot.repository().view(name).is_ok_and(is_same) {
            return snapshot.version_of(name);
        }
        for version in self.inner.definitions.versions(name)?.into_iter().rev() {
            if is_same(&self.inner.definitions.version(name, version)?) {
                return Ok(version);
            }
        }
        Err(Error::not_found(OPERATION, name, "the version that it was defined with is not known any more")
            .remedy("ask for a version of the on-demand view that is newer"))
    }
}

fn entity_of(read: &ViewRead, column: &str) -> Option<String> {
    let keys = read.view.join_keys.iter().zip(&read.columns).zip(&read.view.entities);
    let mut own = keys.filter(|((key, own), _)| own.as_str() == column && key.name == column);
    own.next().map(|(_, entity)| entity.name().to_owned()).filter(|entity| entity != column)
}

/// A feature as a field of tables; it may be null.
pub(super) fn schema_field(name: &str, dtype: ValueType) -> SchemaField {
    use mlcore::schema::Dim;
    match dtype {
        ValueType::Scalar(dtype) => SchemaField::column(name, dtype).nullable(),
        ValueType::List(dtype) => SchemaField::tensor(name, dtype, [Dim::Dynamic, Dim::Dynamic]).nullable(),
    }
}

const OPERATION: &str = "resolve features";

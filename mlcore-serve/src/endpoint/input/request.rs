use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, Row};
use mlcore::name::{RequestId, UnitId};
use mlcore::rollout::Context;
use mlcore_features::store::key::EntityKey;

use crate::endpoint::prepare::Prepared;

/// The data of a request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// One raw record, in the order of [the columns that the arms read](crate::Endpoint::columns), or of one plan's input
    /// schema. The model version needs a feature plan, and finds its own columns among the row's.
    Row(Row<'a>),
    /// Raw records as a table, columns bound by name. The model version needs a feature plan.
    ///
    /// Behind an `Arc`, because the record of the request shares it with monitors and sinks: one count instead of one for
    /// each column, all of which two processors would pass to and fro.
    Table(&'a Arc<RecordBatch>),
    /// Tensors that fit the model's own signature; a feature plan is passed by.
    Tensors(&'a Batch),
    /// Nothing beside the entities of the request, whose features are looked up.
    Entities,
}

/// One request: who asks, and what about.
///
/// The unit decides the arm and sticks to it; the id, where the caller has one, names the request when its outcome
/// is known.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The user, session or device that the policy assigns to an arm.
    pub unit: &'a UnitId,
    /// The caller's own id; without one the endpoint makes an [`OutcomeId`](crate::endpoint::OutcomeId).
    pub id: Option<&'a RequestId>,
    /// The data.
    pub input: Input<'a>,
    /// What the request says of itself, for policies that read it; empty by default.
    pub context: Context<'a>,
    /// The entities whose features are looked up: one for each row, or one for all; none by default.
    pub entities: &'a [EntityKey],
    /// What was found out about it before its run.
    pub(crate) prepared: Option<&'a Prepared>,
}

impl<'a> Request<'a> {
    /// A request of `unit` about `input`, without an id of its own.
    #[must_use]
    pub fn new(unit: &'a UnitId, input: Input<'a>) -> Self {
        Self { unit, id: None, input, context: Context::EMPTY, entities: &[], prepared: None }
    }

    /// A request of `unit` about one entity, whose features are looked up.
    #[must_use]
    pub fn entity(unit: &'a UnitId, entity: &'a EntityKey) -> Self {
        Self::new(unit, Input::Entities).with_entity(entity)
    }

    /// A request of `unit` about several entities, a row for each.
    #[must_use]
    pub fn entities(unit: &'a UnitId, entities: &'a [EntityKey]) -> Self {
        Self::new(unit, Input::Entities).with_entities(entities)
    }

    /// A request of `unit` about one raw record.
    #[must_use]
    pub fn row(unit: &'a UnitId, row: Row<'a>) -> Self {
        Self::new(unit, Input::Row(row))
    }

    /// A request of `unit` about a table of raw records.
    #[must_use]
    pub fn table(unit: &'a UnitId, table: &'a Arc<RecordBatch>) -> Self {
        Self::new(unit, Input::Table(table))
    }

    /// A request of `unit` about tensors that are ready for the model.
    #[must_use]
    pub fn tensors(unit: &'a UnitId, tensors: &'a Batch) -> Self {
        Self::new(unit, Input::Tensors(tensors))
    }

    /// Tells the policy what the request says of itself: attributes for targeting rules, features for a contextual bandit.
    #[must_use]
    pub fn with_context(mut self, context: Context<'a>) -> Self {
        self.context = context;
        self
    }

    /// Looks the features of this entity up, beside what the request brings; of a table every row gets them.
    #[must_use]
    pub fn with_entity(mut self, entity: &'a EntityKey) -> Self {
        self.entities = std::slice::from_ref(entity);
        self
    }

    /// Looks the features of these entities up, one for each row of the table that the request brings.
    #[must_use]
    pub fn with_entities(mut self, entities: &'a [EntityKey]) -> Self {
        self.entities = entities;
        self
    }

    /// Names the request, so that its outcome can be reported under the caller's own id.
    #[must_use]
    pub fn with_id(mut self, id: &'a RequestId) -> Self {
        self.id = Some(id);
        self
    }
}

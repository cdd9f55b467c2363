//! On-demand views: one computation for a training table and for a request, so that both have the same bits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use mlcore::arrow::datatypes::{Field as ArrowField, Schema};
use mlcore::artifact::Digest;
use mlcore::{Error, Result};

use super::compile::{Compiled, Place};
use super::conform::conform;
use crate::pipeline::Plan;
use crate::store::definition::{
    Field, InputOrigin, OnDemandStep, ResolvedOnDemandView, Transformation, ValueType,
};
use crate::transform::{DerivedColumns, Fit};

/// An on-demand view that is computed.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name_to_use: String,
    /// The columns that its plan reads, and where they come from.
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<Field>,
    plan: Plan,
}

#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) dtype: ValueType,
    pub(super) place: Place,
}

impl Step {
    /// Binds a view to what was resolved before it.
    pub(super) fn new(
        plans: &BTreeMap<Digest, Plan>,
        compiled: &Compiled,
        step: &OnDemandStep,
    ) -> Result<Self> {
        let view = &step.view;
        let names: BTreeSet<&str> = match view.view.transformation() {
            Transformation::Expressions(expressions) => {
                expressions.values().flat_map(|expression| expression.columns()).collect()
            }
            Transformation::Plan(plan) => plan.input.iter().map(|field| field.name.as_str()).collect(),
        };
        let inputs = names
            .into_iter()
            .map(|name| input(compiled, view, name))
            .collect::<Result<Vec<_>>>()
            .map_err(|error| error.within(format!("view {}", view.view.name())))?;
        let plan = plan_of(plans, view, &inputs)
            .map_err(|error| error.within(format!("view {}", view.view.name())))?;
        Ok(Self { name_to_use: step.name_to_use.clone(), inputs, outputs: view.view.schema().to_vec(), plan })
    }

    /// Computes the features of these rows: a column for each output. What is missing is null.
    pub(super) fn run(&self, rows: usize, columns: Vec<ArrayRef>) -> Result<Vec<ArrayRef>> {
        let within = |error: Error| error.within(format!("view {}", self.name_to_use));
        let table = table(self.inputs.iter().map(|input| input.name.as_str()), columns, rows)?;
        let made = self.plan.transform(&table).map_err(within)?;
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for field in &self.outputs {
            let column = made.column_by_name(&field.name).ok_or_else(|| {
                Error::internal(OPERATION, field.name.as_str(), "the plan does not make the feature")
            })?;
            outputs.push(conform(OPERATION, &field.name, column, field.dtype).map_err(within)?);
        }
        Ok(outputs)
    }
}

fn input(compiled: &Compiled, view: &ResolvedOnDemandView, name: &str) -> Result<Input> {
    let lost = || {
        Error::not_found(OPERATION, format!("column {name}"), "none of the view's inputs has it")
            .remedy("apply the view again")
    };
    let column = *view.columns_by_name().get(name).ok_or_else(lost)?;
    let place = match &column.origin {
        InputOrigin::View(number) => {
            let (projection, _) = view.inputs.get(*number).ok_or_else(lost)?;
            compiled.place(&projection.name_to_use(), &column.name)
        }
        InputOrigin::Request(_) => compiled.request_place(&column.name),
    };
    Ok(Input { name: name.to_owned(), dtype: column.dtype, place: place.ok_or_else(lost)? })
}

/// The plan of a view: the one that it names, or that of its formulas.
fn plan_of(plans: &BTreeMap<Digest, Plan>, view: &ResolvedOnDemandView, inputs: &[Input]) -> Result<Plan> {
    match view.view.transformation() {
        Transformation::Plan(reference) => {
            let plan = plans.get(&reference.digest).ok_or_else(|| {
                let problem = format!("its plan, {}, is not there", reference.digest);
                Error::not_found(OPERATION, "plan", problem)
                    .remedy("build the store with the plan (FeatureStoreBuilder, plan)")
            })?;
            reference.check(plan)?;
            Ok(plan.clone())
        }
        Transformation::Expressions(expressions) => {
            let mut derived = DerivedColumns::default();
            for field in view.view.schema() {
                if let Some(expression) = expressions.get(&field.name) {
                    derived = derived.column(field.name.as_str(), expression.clone());
                }
            }
            // Formulas learn nothing: the types of the columns are all that they are given.
            let columns = inputs.iter().map(|input| new_null_array(&input.dtype.to_arrow(), 1)).collect();
            let table = table(inputs.iter().map(|input| input.name.as_str()), columns, 1)?;
            Plan::new(derived.fit(&table)?)
        }
    }
}

/// A table of columns that may be null.
pub(super) fn table<'a>(
    names: impl IntoIterator<Item = &'a str>,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let fields = names.into_iter().zip(&columns);
    let fields: Vec<ArrowField> =
        fields.map(|(name, column)| ArrowField::new(name, column.data_type().clone(), true)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|cause| Error::internal(OPERATION, "columns", cause.to_string()).caused_by(cause))
}

const OPERATION: &str = "compute on-demand features";

use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::arrow::datatypes::{DataType as ArrowType, Field, Fields};
use mlcore::{Error, Result};
use polars::lazy::dsl::{DslBuilder, UdfSchema, by_name};
use polars::prelude::{AllowedOptimizations, DataFrame, LazyFrame, Schema};

use super::import::add;
use super::refusal::{meant, told};
use super::{from_table, to_batches, to_table};
use crate::pipeline::{OnThreads, Plan};
use crate::program::missing_column;

const OPERATION: &str = "transform";

impl Plan {
    /// The features of a frame, as a frame, with the bits of [`Plan::transform`]: computed columns are `Float64` without nulls, and
    /// columns that pass through are of the types that the [module](crate::offline) names. Each chunk of the columns that the plan
    /// reads is run by itself; nothing else of the frame is looked at. Needs the feature `offline`.
    ///
    /// ```
    /// use mlcore_features::offline::polars::prelude::*;
    /// use mlcore_features::offline::to_table;
    /// use mlcore_features::pipeline::ColumnTransformer;
    /// use mlcore_features::transform::MinMaxScaler;
    ///
    /// let frame = df!("age" => [20, 30, 60], "name" => ["Ada", "Bo", "Cy"])?;
    /// let scaler = ColumnTransformer::new().with("scale", MinMaxScaler::default(), ["age"]);
    /// let plan = scaler.fit(&to_table(&frame)?)?;
    /// assert!(plan.transform_frame(&frame)?.equals(&df!("scale__age" => [0.0, 0.25, 1.0])?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Plan::transform`], [`to_table`] and [`from_table`].
    pub fn transform_frame(&self, frame: &DataFrame) -> Result<DataFrame> {
        run(self, frame, &|table| self.transform(table))
    }

    /// The features as a step of a query, which polars runs when it is collected; the [module](crate::offline) shows it. Before it,
    /// the query has the columns that the plan reads, so that polars reads and computes no other. Behind it, it has those of
    /// [`Plan::output`], whose types are known before a row is read. Needs the feature `offline`.
    ///
    /// The schema of the query is asked for here. Filters behind the step stay behind it. polars may run it on parts of the rows, and on
    /// any of its threads. In its optimiser the step carries the digest of the plan, and no other step is taken for it.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] and [`Error::Unsupported`] for the columns of the query, as [`Plan::transform_frame`] has them, and
    /// what polars says about a query that has no schema. Those about values come when the query is collected, as errors of
    /// polars with the same texts. A number that passes through the plan and that the type it was fitted on does not
    /// hold, such as 0.5 for an `Int64`, is one, because the query has promised this type.
    pub fn transform_lazy(&self, mut frame: LazyFrame) -> Result<LazyFrame> {
        let optimizations = frame.get_current_optimizations();
        // Where the schema of a step cannot be told, polars panics: what can be wrong with it is found here.
        let input = frame.collect_schema().map_err(|cause| meant(OPERATION, "frame", cause))?;
        self.transform_frame(&DataFrame::empty_with_schema(&input))?;
        let promised = Arc::new(promised(self)?);
        let selected = frame.select([by_name(self.input().names(), true, false).as_expr()]);
        let (plan, kept) = (self.clone(), promised.clone());
        let step = move |frame: DataFrame| {
            let features = plan.transform_frame(&frame).and_then(|features| {
                keeps(&kept, &features)?;
                Ok(features)
            });
            features.map_err(|error| told(&error))
        };
        let schema = move |_: &Schema| Ok(promised.clone());
        let schema: Arc<dyn UdfSchema> = Arc::new(schema);
        // Equal steps of a query are told by what they are called.
        let name = format!("mlcore plan {}", self.digest()).into();
        let plan = DslBuilder::from(selected.logical_plan).map(
            step,
            AllowedOptimizations::STREAMING,
            Some(schema),
            name,
        );
        Ok(LazyFrame::from_logical_plan(plan.build(), optimizations))
    }
}

impl OnThreads<'_> {
    /// As [`Plan::transform_frame`].
    ///
    /// # Errors
    /// As [`Plan::transform_frame`] and [`OnThreads::transform`].
    pub fn transform_frame(&self, frame: &DataFrame) -> Result<DataFrame> {
        run(self.plan(), frame, &|table| self.transform(table))
    }
}

type Run<'a> = dyn Fn(&RecordBatch) -> Result<RecordBatch> + 'a;

fn run(plan: &Plan, frame: &DataFrame, transform: &Run<'_>) -> Result<DataFrame> {
    let frame = narrowed(plan, frame)?;
    let batches = to_batches(&frame)?;
    if batches.len() > 1
        && let Some(features) = each(&batches, transform)?
    {
        return Ok(features);
    }
    drop(batches);
    from_table(&transform(&to_table(&frame)?)?)
}

/// The columns of the frame that the plan reads.
fn narrowed(plan: &Plan, frame: &DataFrame) -> Result<DataFrame> {
    let schema = frame.schema();
    if let Some(missing) = plan.input().names().find(|name| !schema.contains(name)) {
        let names = schema.iter_names().map(|name| Field::new(name.as_str(), ArrowType::Null, true));
        return Err(missing_column(&names.collect::<Fields>(), missing, OPERATION));
    }
    frame.select(plan.input().names()).map_err(|cause| meant(OPERATION, "frame", cause))
}

/// The features of chunk after chunk. None where all rows tell more: which one is refused, counted from the first, and which type
/// holds a column that passes through.
fn each(batches: &[RecordBatch], transform: &Run<'_>) -> Result<Option<DataFrame>> {
    let mut whole: Option<DataFrame> = None;
    for batch in batches {
        let features = match transform(batch).and_then(|features| from_table(&features)) {
            Ok(features) => features,
            Err(error @ Error::Interrupted(_)) => return Err(error),
            Err(_) => return Ok(None),
        };
        match &mut whole {
            None => whole = Some(features),
            Some(whole) if whole.schema() == features.schema() => add(whole, features)?,
            Some(_) => return Ok(None),
        }
    }
    Ok(whole)
}

/// The schema that a query has behind the plan.
fn promised(plan: &Plan) -> Result<Schema> {
    let empty = RecordBatch::new_empty(Arc::new(plan.output().to_arrow()?));
    Ok(from_table(&empty)?.schema().as_ref().clone())
}

fn keeps(promised: &Schema, features: &DataFrame) -> Result<()> {
    for (column, (name, dtype)) in features.columns().iter().zip(promised.iter()) {
        if column.dtype() != dtype {
            let problem =
                format!("the plan was fitted on {dtype}, and values of {} pass through", column.dtype());
            return Err(Error::schema_mismatch(OPERATION, name.as_str(), problem)
                .remedy("cast the column to this type before the plan"));
        }
    }
    Ok(())
}

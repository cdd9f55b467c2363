//! The same rows, as each contender takes them: raw for the endpoint, ready for the model for the others.

use std::sync::{Arc, OnceLock};

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::arrow::datatypes::SchemaRef;
use mlcore::batch::{Batch, Tensor, Value};
use mlcore::stats::SplitMix64;
use mlcore_features::pipeline::{ColumnTransformer, Plan};
use mlcore_features::transform::StandardScaler;

use super::FEATURES;
use crate::Result;

/// Different requests of so many rows, asked in turn: enough that no branch is learned by heart, few enough that they stay
/// in the cache, where a service has a request that it just received.
pub(super) fn different(rows: usize) -> usize {
    if rows == 1 { 512 } else { 1024 / rows }
}

/// A plan of 30 standard scalers, the table it was fitted on, and requests of some rows each.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) plan: Plan,
    pub(crate) reference: RecordBatch,
    /// Raw records as a table, one table per request.
    pub(super) tables: Vec<Arc<RecordBatch>>,
    /// The first raw record of each request.
    pub(super) rows: Vec<Vec<Value<'static>>>,
    /// What the plan makes of each table: ready for the model.
    ready: Vec<Vec<f32>>,
    /// The same as a batch.
    batches: Vec<Batch>,
}

impl Requests {
    pub(crate) fn new(rows: usize) -> Result<Self> {
        const REFERENCE: usize = 10_000;
        let mut random = SplitMix64::new(30);
        let reference = table(REFERENCE, &mut random)?;
        let names = (0..FEATURES).map(|feature| format!("f{feature}"));
        let plan =
            ColumnTransformer::new().with("scale", StandardScaler::default(), names).fit(&reference)?;
        let tables = (0..different(rows))
            .map(|_| table(rows, &mut random).map(Arc::new))
            .collect::<Result<Vec<_>>>()?;
        let mut requests =
            Self { plan, reference, tables, rows: Vec::new(), ready: Vec::new(), batches: Vec::new() };
        for table in &requests.tables {
            let features: Tensor = requests.plan.transform_dense::<f32>(table)?;
            requests.ready.push(features.values::<f32>()?.to_vec());
            requests.batches.push(Batch::single("input", features));
            let first = table.columns().iter().filter_map(|column| {
                column.as_any().downcast_ref::<Float64Array>().map(|column| Value::Float(column.value(0)))
            });
            requests.rows.push(first.collect());
        }
        Ok(requests)
    }

    /// The rows of a call, ready for the model.
    pub(super) fn ready(&self, call: usize) -> &[f32] {
        &self.ready[call % self.ready.len()]
    }

    /// The rows of a call, ready for the model, as a batch.
    pub(super) fn batch(&self, call: usize) -> &Batch {
        &self.batches[call % self.batches.len()]
    }
}

fn table(rows: usize, random: &mut SplitMix64) -> Result<RecordBatch> {
    let mut columns: Vec<(String, ArrayRef)> = Vec::with_capacity(FEATURES);
    for feature in 0..FEATURES {
        let values = (0..rows).map(|_| feature as f64 + (1.0 + feature as f64 / 10.0) * random.normal());
        columns.push((format!("f{feature}"), Arc::new(Float64Array::from_iter_values(values))));
    }
    let table = RecordBatch::try_from_iter(columns)?;
    // One schema for all, as whoever decodes requests has it.
    static SCHEMA: OnceLock<SchemaRef> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| table.schema()).clone();
    Ok(table.with_schema(schema)?)
}

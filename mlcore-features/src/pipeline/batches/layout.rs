use mlcore::arrow::array::{Array, ArrayRef, RecordBatch};
use mlcore::arrow::datatypes::{DataType, SchemaRef};
use mlcore::batch::ColumnView;
use mlcore::schema::DType;
use mlcore::{Error, Result};

use super::OPERATION;
use crate::program::{missing_column, project};
use crate::transform::Training;

/// Which columns the batches have, which the first one says: those that are learnt from, the target and the weights.
pub(super) struct Layout<'a> {
    target: Option<&'a str>,
    weights: Option<&'a str>,
    first: Option<SchemaRef>,
    names: Vec<String>,
}

/// The rows of one batch.
pub(super) struct Rows {
    table: RecordBatch,
    target: Option<ArrayRef>,
    weights: Option<Vec<f64>>,
}

impl Rows {
    pub(super) fn rows(&self) -> u64 {
        self.table.num_rows() as u64
    }

    pub(super) fn training(&self) -> Training<'_> {
        let mut training = Training::new(&self.table);
        if let Some(target) = &self.target {
            training = training.with_target(target);
        }
        match &self.weights {
            None => training,
            Some(weights) => training.with_weights(weights),
        }
    }
}

impl<'a> Layout<'a> {
    pub(super) fn new(target: Option<&'a str>, weights: Option<&'a str>) -> Self {
        Self { target, weights, first: None, names: Vec::new() }
    }

    /// The rows of a batch, whose columns must be those of the first, in any order.
    pub(super) fn read(&mut self, batch: &RecordBatch, wanted: &dyn Fn(&str) -> bool) -> Result<Rows> {
        let schema = batch.schema_ref();
        match &self.first {
            None => {
                let beside = [self.target, self.weights];
                let names = schema.fields().iter().map(|field| field.name().as_str());
                let own = names.filter(|name| wanted(name) && !beside.contains(&Some(*name)));
                self.names = own.map(str::to_owned).collect();
                self.first = Some(schema.clone());
            }
            Some(first) => self.check(first, schema, wanted)?,
        }
        Ok(Rows {
            table: project(batch, &self.names, OPERATION)?,
            target: self.target.map(|name| column(batch, name)).transpose()?.cloned(),
            weights: self.weights.map(|name| numbers(name, column(batch, name)?)).transpose()?,
        })
    }

    /// Refuses a batch whose columns are others than those of the first.
    fn check(&self, first: &SchemaRef, schema: &SchemaRef, wanted: &dyn Fn(&str) -> bool) -> Result<()> {
        if std::sync::Arc::ptr_eq(first, schema) {
            return Ok(());
        }
        let named = schema.fields().iter().filter(|field| wanted(field.name()));
        for field in named {
            let Ok(own) = first.field_with_name(field.name()) else {
                return Err(Error::schema_mismatch(
                    OPERATION,
                    field.name(),
                    "the first batch has no such column",
                )
                .remedy("give all batches the same columns"));
            };
            if !is_alike(own.data_type(), field.data_type()) {
                let shown = |of: &DataType| {
                    DType::from_arrow(of).map_or_else(|| of.to_string(), |own| own.to_string())
                };
                let (expected, got) = (shown(own.data_type()), shown(field.data_type()));
                let problem = format!("expected {expected}, as in the first batch, got {got}");
                return Err(Error::schema_mismatch(OPERATION, field.name(), problem)
                    .remedy("cast the column, so that all batches have one type"));
            }
        }
        Ok(())
    }
}

/// Whether both are one type of columns here, be it in two of Arrow's layouts.
fn is_alike(own: &DataType, other: &DataType) -> bool {
    own == other || DType::from_arrow(own).is_some_and(|own| DType::from_arrow(other) == Some(own))
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| missing_column(batch.schema_ref().fields(), name, OPERATION))
}

/// The weights of rows; NaN for a missing one, which is refused as no weight.
fn numbers(name: &str, column: &ArrayRef) -> Result<Vec<f64>> {
    if !DType::from_arrow(column.data_type()).is_some_and(DType::is_numeric) {
        let problem = format!("expected numbers, got {}", column.data_type());
        return Err(Error::schema_mismatch(OPERATION, name, problem));
    }
    let plain = ColumnView::plain(name, column)?;
    let mut numbers = vec![0.0; plain.len()];
    ColumnView::new(name, plain.as_ref())?.numbers(0, &mut numbers);
    Ok(numbers)
}

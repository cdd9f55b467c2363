//! Rows as their shares of a few directions, and back.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::{Error, Result};

use crate::graph::{Graph, Inexpressible, Number};
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::joint::JointKernel;
use crate::program::kernel::Kernel;
use crate::transform::{Attribute, Transform, inverse};

/// The share of each direction in a row: the sum of the products of what each column is above its centre with its weight,
/// divided by a scale.
#[derive(Clone, Debug)]
pub(super) struct Projection {
    pub(super) centre: Vec<f64>,
    pub(super) directions: Vec<Vec<f64>>,
    pub(super) scales: Vec<f64>,
}

impl Projection {
    /// The same if its parts fit each other and so many columns, as those of a state that was stored and damaged may not.
    pub(super) fn fitting(self, columns: usize, transformer: &'static str) -> Result<Self> {
        let fits = self.centre.len() == columns
            && self.scales.len() == self.directions.len()
            && self.directions.iter().all(|direction| direction.len() == columns);
        let problem = "its components do not fit its columns";
        if fits { Ok(self) } else { Err(Error::corrupt("compile plan", transformer, problem)) }
    }

    /// The columns `pca0`, `pca1`, ... for a transformer of this name.
    pub(super) fn lower(
        self,
        builder: &mut ProgramBuilder,
        columns: Vec<Column>,
        transformer: &'static str,
    ) -> Result<Vec<Column>> {
        let projection = self.fitting(columns.len(), transformer)?;
        let checked = |column: Column| {
            let site = builder.site(transformer, &column);
            builder.number(column, [Kernel::RefuseNonFinite { site }])
        };
        let columns: Vec<Column> = columns.into_iter().map(checked).collect::<Result<_>>()?;
        let name = transformer.to_lowercase();
        let names = (0..projection.directions.len()).map(|position| format!("{name}{position}")).collect();
        builder.join(&columns, projection, names)
    }

    /// The columns that have these shares.
    pub(super) fn restored<T: Transform>(self, fitted: &T, table: &RecordBatch) -> Result<RecordBatch> {
        inverse::columns(fitted, table, |features| {
            let shares = features.take(0, self.directions.len())?;
            let column = |(position, centre): (usize, &f64)| {
                let weight = |(direction, scale): (&Vec<f64>, &f64)| {
                    direction.get(position).copied().unwrap_or_default() * scale
                };
                let weights: Vec<f64> = self.directions.iter().zip(&self.scales).map(weight).collect();
                let value = |row: usize| {
                    let products = shares.iter().zip(&weights).map(|(shares, weight)| shares[row] * weight);
                    products.sum::<f64>() + centre
                };
                Arc::new((0..features.rows()).map(value).map(Some).collect::<Float64Array>()) as ArrayRef
            };
            Ok(self.centre.iter().enumerate().map(column).collect())
        })
    }
}

impl JointKernel for Projection {
    fn apply(&self, inputs: &[f64], outputs: &mut [f64]) {
        for ((output, direction), scale) in outputs.iter_mut().zip(&self.directions).zip(&self.scales) {
            let centred = inputs.iter().zip(&self.centre).map(|(input, centre)| input - centre);
            *output = centred.zip(direction).map(|(value, weight)| value * weight).sum::<f64>() / scale;
        }
    }

    fn onnx(&self, graph: &mut Graph, inputs: &[Number]) -> Result<Vec<Number>, Inexpressible> {
        let count = self.directions.len();
        let block = graph.side_by_side(inputs);
        let centre = graph.numbers(&self.centre);
        let centred = graph.subtract(block, centre);
        // A direction is a column of the matrix.
        let weights: Vec<f64> = (0..inputs.len())
            .flat_map(|column| self.directions.iter().map(move |direction| direction.get(column)))
            .map(|weight| weight.copied().unwrap_or_default())
            .collect();
        let weights = graph.matrix(&weights, &[inputs.len(), count]);
        let products = graph.node("MatMul", &[centred, weights]);
        let scales = graph.numbers(&self.scales);
        Ok(Number::all(graph.divide(products, scales), count))
    }
}

/// Rows of a matrix as an attribute.
pub(super) fn matrix(rows: &[Vec<f64>]) -> Attribute {
    Attribute::List(rows.iter().map(|row| Attribute::Numbers(row.clone())).collect())
}

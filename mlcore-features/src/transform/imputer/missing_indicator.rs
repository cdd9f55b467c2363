use mlcore::arrow::array::RecordBatch;
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Inexpressible, Number};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::joint::JointKernel;
use crate::program::kernel::Kernel;
use crate::transform::input::FitColumn;
use crate::transform::parts::{self, Parts, Seen};
use crate::transform::{Attribute, Attributes, Fit, Training, Transform, input, inverse};

/// Which columns a [`MissingIndicator`] answers for.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndicatedFeatures {
    /// Those that had missing values while fitting.
    #[default]
    MissingOnly,
    /// All of them.
    All,
}

/// Tells which values are missing: 1 where a value is null or NaN, 0 where it is there.
///
/// Takes numbers, bools and text. Infinities are refused. The result is dense, and its columns are `float64`, where
/// scikit-learn answers with bools; other values cannot be named as missing (`missing_values`). Source: scikit-learn, `MissingIndicator`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, MissingIndicator, Transform};
///
/// let table = RecordBatch::try_from_iter_with_nullable([
///     ("age", Arc::new(Float64Array::from(vec![Some(20.0), None, Some(f64::NAN)])) as _, true),
///     ("income", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0])) as _, true),
/// ]).unwrap();
/// let (fitted, missing) = MissingIndicator::default().fit_transform(&table)?;
/// assert_eq!(fitted.feature_names_out()?, ["missingindicator_age"]);
/// assert_eq!(missing.column(0).as_primitive::<Float64Type>().values(), &[0.0, 1.0, 1.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MissingIndicator {
    features: IndicatedFeatures,
    error_on_new: bool,
}

impl Default for MissingIndicator {
    fn default() -> Self {
        Self { features: IndicatedFeatures::MissingOnly, error_on_new: true }
    }
}

impl MissingIndicator {
    /// Which columns to answer for. Default: those that had missing values while fitting.
    #[must_use]
    pub fn features(mut self, features: IndicatedFeatures) -> Self {
        self.features = features;
        self
    }

    /// Sets whether a missing value is refused in a column that had none while fitting, and that is not answered for.
    /// Default `true`.
    #[must_use]
    pub fn error_on_new(mut self, error_on_new: bool) -> Self {
        self.error_on_new = error_on_new;
        self
    }
}

const OPERATION: &str = "fit MissingIndicator";

impl Fit for MissingIndicator {
    type Fitted = FittedMissingIndicator;

    fn learn(&self, training: &Training<'_>) -> Result<FittedMissingIndicator> {
        parts::whole(self, training)
    }
}

impl Parts for MissingIndicator {
    /// Which columns have missing values.
    type Part = Vec<bool>;

    fn part(&self, training: &Training<'_>) -> Result<Vec<bool>> {
        input::columns(training, OPERATION)?.iter().map(has_missing).collect()
    }

    fn merge(&self, left: Vec<bool>, right: Vec<bool>) -> Result<Vec<bool>> {
        Ok(parts::merge_each(left, right))
    }

    fn finish(&self, part: Vec<bool>, seen: &Seen) -> Result<FittedMissingIndicator> {
        let all = self.features == IndicatedFeatures::All;
        let features = part.iter().enumerate().filter(|(_, missing)| **missing || all);
        let features = features.map(|(position, _)| position).collect();
        Ok(FittedMissingIndicator { parameters: *self, input: seen.nullable_schema()?, features })
    }

    fn holds(&self, part: &Vec<bool>, columns: usize) -> bool {
        part.len() == columns
    }
}

fn has_missing(column: &FitColumn) -> Result<bool> {
    match column.dtype() {
        DType::String => Ok(column.view()?.has_nulls()),
        dtype if dtype.is_numeric() => Ok(column.numbers()?.iter().any(|value| value.is_nan())),
        _ => Err(column.unfit("numbers or text")),
    }
}

/// A [`MissingIndicator`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedMissingIndicator {
    parameters: MissingIndicator,
    input: Schema,
    features: Vec<usize>,
}

impl FittedMissingIndicator {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &MissingIndicator {
        &self.parameters
    }

    /// The positions of the columns that it answers for (`features_`).
    #[must_use]
    pub fn features(&self) -> &[usize] {
        &self.features
    }
}

impl Transform for FittedMissingIndicator {
    fn attributes(&self) -> Attributes {
        let features = self.features.iter().map(|position| *position as u64).collect();
        vec![("features_", Attribute::Counts(features))]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "MissingIndicator", "the values themselves are gone")
            .remedy("keep the columns beside their indicators, with a ColumnTransformer"))
    }
}

impl Lower for FittedMissingIndicator {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        if self.features.iter().any(|position| *position >= columns.len()) {
            return Err(Error::corrupt(
                "compile plan",
                "MissingIndicator",
                "it names a column that is not there",
            ));
        }
        let mut indicators = Vec::with_capacity(self.features.len());
        for position in &self.features {
            if let Some(column) = columns.get(*position) {
                indicators.push(indicator(builder, column.clone())?);
            }
        }
        if !self.parameters.error_on_new || self.features.len() == columns.len() {
            return Ok(indicators);
        }
        // The columns that are not answered for go through the same instruction, so that they are read and checked.
        let names = indicators.iter().map(|column| column.name.clone()).collect();
        let mut read = indicators;
        for (position, column) in columns.into_iter().enumerate() {
            if !self.features.contains(&position) {
                read.push(present(builder, column)?);
            }
        }
        builder.join(&read, First, names)
    }
}

/// 1 where the column is missing, 0 where it is present.
fn indicator(builder: &mut ProgramBuilder, column: Column) -> Result<Column> {
    let name = format!("missingindicator_{}", column.name);
    if column.dtype == DType::String {
        return builder.indicate(column, name);
    }
    let site = builder.site("MissingIndicator", &column);
    Ok(builder.number(column, [Kernel::RefuseInfinite { site }, Kernel::Indicate])?.renamed(name))
}

/// A column in which a missing value is refused.
fn present(builder: &mut ProgramBuilder, column: Column) -> Result<Column> {
    let site = builder.site("MissingIndicator", &column);
    if column.dtype != DType::String {
        return builder.number(column, [Kernel::RefuseNonFinite { site }]);
    }
    let name = column.name.clone();
    let missing = builder.indicate(column, name)?;
    // 0 / 0 is no number and becomes 0; 1 / 0 is infinite and becomes no number when it is multiplied by 0.
    let steps =
        [Kernel::Divide(0.0), Kernel::Impute(0.0), Kernel::Multiply(0.0), Kernel::RefuseNonFinite { site }];
    builder.number(missing, steps)
}

/// Hands the first numbers on, as many as are asked for.
#[derive(Debug)]
struct First;

impl JointKernel for First {
    fn apply(&self, inputs: &[f64], outputs: &mut [f64]) {
        for (output, input) in outputs.iter_mut().zip(inputs) {
            *output = *input;
        }
    }

    fn onnx(&self, _: &mut Graph, inputs: &[Number]) -> Result<Vec<Number>, Inexpressible> {
        Ok(inputs.to_vec())
    }
}

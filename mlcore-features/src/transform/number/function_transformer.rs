use std::sync::Arc;

use mlcore::Result;
use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::schema::Schema;
use serde::{Deserialize, Serialize};

use super::function::{Applied, Function};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::transform::{Attributes, Fit, Training, Transform, input, inverse};

/// How a [`FunctionTransformer`] names its features.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureNamesOut {
    /// As their columns.
    #[default]
    OneToOne,
}

/// Puts what a function makes of each number in its place.
///
/// The function has a name, so that a plan can be stored; any number has an answer, if only NaN or an infinity, as in numpy.
/// Missing values stay missing (NaN). Everything is computed in floats. Fitting learns the columns and nothing else.
///
/// Source: scikit-learn, `FunctionTransformer`, of functions of numpy. There the function is any callable, and features have
/// names only where `feature_names_out` says which.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, Function, FunctionTransformer};
///
/// let area = Arc::new(Float64Array::from(vec![0.0, 9.0, 16.0]));
/// let table = RecordBatch::try_from_iter([("area", area as _)]).unwrap();
/// let (_, side) = FunctionTransformer::default().func(Function::Sqrt).fit_transform(&table)?;
/// assert_eq!(side.column(0).as_primitive::<Float64Type>().values(), &[0.0, 3.0, 4.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FunctionTransformer {
    func: Option<Function>,
    inverse_func: Option<Function>,
    validate: bool,
    check_inverse: bool,
    feature_names_out: FeatureNamesOut,
}

impl Default for FunctionTransformer {
    fn default() -> Self {
        Self {
            func: None,
            inverse_func: None,
            validate: false,
            check_inverse: true,
            feature_names_out: FeatureNamesOut::OneToOne,
        }
    }
}

impl FunctionTransformer {
    /// The function. Default: numbers stay as they are.
    #[must_use]
    pub fn func(mut self, func: Function) -> Self {
        self.func = Some(func);
        self
    }

    /// The function of the way back. Default: numbers stay as they are.
    #[must_use]
    pub fn inverse_func(mut self, inverse_func: Function) -> Self {
        self.inverse_func = Some(inverse_func);
        self
    }

    /// Sets whether missing values and infinities are refused. Default `false`.
    #[must_use]
    pub fn validate(mut self, validate: bool) -> Self {
        self.validate = validate;
        self
    }

    /// Has no effect: scikit-learn warns where one function does not undo the other. Default `true`.
    #[must_use]
    pub fn check_inverse(mut self, check_inverse: bool) -> Self {
        self.check_inverse = check_inverse;
        self
    }

    /// How features are named. Default: as their columns.
    #[must_use]
    pub fn feature_names_out(mut self, feature_names_out: FeatureNamesOut) -> Self {
        self.feature_names_out = feature_names_out;
        self
    }
}

impl Fit for FunctionTransformer {
    type Fitted = FittedFunctionTransformer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedFunctionTransformer> {
        let columns = input::columns(training, "fit FunctionTransformer")?;
        for column in &columns {
            if self.validate {
                column.finite_numbers()?;
            } else if !column.dtype().is_numeric() {
                return Err(column.unfit("numbers"));
            }
        }
        Ok(FittedFunctionTransformer { parameters: *self, input: input::schema(&columns)? })
    }
}

/// A [`FunctionTransformer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedFunctionTransformer {
    parameters: FunctionTransformer,
    input: Schema,
}

impl FittedFunctionTransformer {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &FunctionTransformer {
        &self.parameters
    }
}

impl Transform for FittedFunctionTransformer {
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        let function = applied(self.parameters.inverse_func);
        inverse::columns(self, table, |features| {
            let restored = |values: &Vec<f64>| {
                Arc::new(values.iter().map(|value| function(*value)).collect::<Float64Array>()) as ArrayRef
            };
            Ok(features.take(0, self.input.len())?.iter().map(restored).collect())
        })
    }
}

impl Lower for FittedFunctionTransformer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let lowered = |column: Column| {
            let site = builder.site("FunctionTransformer", &column);
            let check = self.parameters.validate.then_some(Kernel::RefuseNonFinite { site });
            let function = Kernel::function(
                site,
                Applied { function: self.parameters.func, compute: applied(self.parameters.func) },
            );
            builder.number(column, check.into_iter().chain([function]))
        };
        columns.into_iter().map(lowered).collect()
    }
}

/// What the function computes; without one a number is itself.
fn applied(function: Option<Function>) -> fn(f64) -> f64 {
    function.map_or(|value| value, Function::of)
}

use std::fmt;
use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt64Array, new_null_array,
};
use mlcore::arrow::compute::cast;
use mlcore::batch::{Batch, Row, SmolStr, Tensor, Value};
use mlcore::registry::ModelVersion;
use mlcore::runner::{RunOptions, Runner};
use mlcore::schema::{DType, Dim, Field, Schema};
use mlcore::{Error, Result};
use mlcore_features::pipeline::{Output, Plan};

use crate::endpoint::input::Input;

/// A version that is loaded, warm and ready: its runner and, where it has one, its feature plan.
pub struct LoadedModel {
    version: ModelVersion,
    runner: Arc<dyn Runner>,
    features: Option<Features>,
}

/// The plan, and how what it makes reaches the model.
struct Features {
    plan: Plan,
    entry: Entry,
}

/// The shape in which the model takes the plan's output.
enum Entry {
    /// One dense `[rows, width]` input of this name and element type.
    Dense { name: SmolStr, dtype: DType },
    /// One input per column, by name.
    Columns(Vec<Field>),
}

impl LoadedModel {
    /// The version with its runner, and the feature plan that it was trained on.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] when the plan's output cannot be the model's input.
    pub fn new(version: ModelVersion, runner: Arc<dyn Runner>, plan: Option<Plan>) -> Result<Self> {
        let features = plan.map(|plan| Features::new(plan, &runner.signature().inputs)).transpose()?;
        Ok(Self { version, runner, features })
    }

    /// What the registry knows of it.
    #[must_use]
    pub fn version(&self) -> &ModelVersion {
        &self.version
    }

    /// The runner.
    #[must_use]
    pub fn runner(&self) -> &dyn Runner {
        &*self.runner
    }

    /// The feature plan, where it has one.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.features.as_ref().map(|features| &features.plan)
    }

    /// The tensors that the model takes for this input.
    pub(crate) fn inputs(&self, input: Input<'_>) -> Result<Batch> {
        match (input, &self.features) {
            (Input::Tensors(batch), _) => Ok(batch.clone()),
            (Input::Row(row), Some(features)) => features.row(row),
            (Input::Table(table), Some(features)) => features.table(table),
            (Input::Row(_) | Input::Table(_), None) => Err(Error::invalid_input(
                "predict",
                format!("{} version {}", self.version.model, self.version.version),
                "raw records came, and this version was registered without a feature plan",
            )
            .remedy("register it with its plan, or send tensors that fit its signature")),
        }
    }

    pub(crate) fn run(&self, inputs: &Batch, options: &RunOptions) -> Result<Batch> {
        self.runner.run(inputs, options)
    }
}

impl fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedModel")
            .field("model", &self.version.model)
            .field("version", &self.version.version)
            .field("provider", &self.runner.provider())
            .finish_non_exhaustive()
    }
}

impl Features {
    fn new(plan: Plan, inputs: &Schema) -> Result<Self> {
        let entry = Entry::find(&plan, inputs)?;
        Ok(Self { plan, entry })
    }

    fn row(&self, row: Row<'_>) -> Result<Batch> {
        match &self.entry {
            Entry::Dense { name, dtype } => {
                let tensor = match dtype {
                    DType::Float64 => dense_row::<f64>(&self.plan, row)?,
                    _ => dense_row::<f32>(&self.plan, row)?,
                };
                Ok(Batch::single(name.clone(), tensor))
            }
            Entry::Columns(_) => {
                row.check_names("predict", self.plan.input().names_digest())?;
                self.columns(&row_table(row, self.plan.input())?)
            }
        }
    }

    fn table(&self, table: &RecordBatch) -> Result<Batch> {
        match &self.entry {
            Entry::Dense { name, dtype } => {
                let tensor = match dtype {
                    DType::Float64 => self.plan.transform_dense::<f64>(table)?,
                    _ => self.plan.transform_dense::<f32>(table)?,
                };
                Ok(Batch::single(name.clone(), tensor))
            }
            Entry::Columns(_) => self.columns(table),
        }
    }

    /// One tensor per column, in the element type and rank that the model declares.
    fn columns(&self, table: &RecordBatch) -> Result<Batch> {
        let made = self.plan.transform_columns(table)?;
        let Entry::Columns(fields) = &self.entry else { return Ok(made) };
        Batch::new(
            fields
                .iter()
                .map(|field| Ok((field.name(), fit_column(made.tensor(field.name())?, field)?)))
                .collect::<Result<Vec<_>>>()?,
        )
    }
}

/// A column `[rows]` as the model takes it: `[rows]` or `[rows, 1]`, numbers rounded or widened to its element type.
fn fit_column(column: &Tensor, field: &Field) -> Result<Tensor> {
    let rows = column.len();
    let shape: &[usize] = if field.shape().len() == 2 { &[rows, 1] } else { &[rows] };
    match field.dtype() {
        dtype if dtype == column.dtype() => column.reshaped(shape),
        DType::Float32 => {
            Tensor::new(shape, column.to_f64()?.into_iter().map(|value| value as f32).collect())
        }
        DType::Float64 => Tensor::new(shape, column.to_f64()?),
        DType::Int64 => {
            let whole = |value: f64| value.is_finite() && value.fract() == 0.0 && value.abs() <= 9e15;
            let values = column.to_f64()?;
            if let Some(odd) = values.iter().find(|value| !whole(**value)) {
                let problem = format!("the model takes int64, and {odd} is no whole number");
                return Err(Error::schema_mismatch("join feature plan and model", field.name(), problem));
            }
            Tensor::new(shape, values.into_iter().map(|value| value as i64).collect())
        }
        dtype => Err(Error::schema_mismatch(
            "join feature plan and model",
            field.name(),
            format!("the plan makes {} and the model takes {dtype}", column.dtype()),
        )),
    }
}

/// A table of one row, for plans whose output is not one matrix of numbers.
fn row_table(row: Row<'_>, schema: &Schema) -> Result<RecordBatch> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.len());
    for (value, field) in row.values().iter().zip(schema.fields()) {
        let numbers: ArrayRef = match *value {
            Value::Null => new_null_array(&field.dtype().to_arrow(), 1),
            Value::Bool(value) => Arc::new(BooleanArray::from(vec![value])),
            Value::Int(value) => Arc::new(Int64Array::from(vec![value])),
            Value::UInt(value) => Arc::new(UInt64Array::from(vec![value])),
            Value::Float(value) => Arc::new(Float64Array::from(vec![value])),
            Value::Text(value) => Arc::new(StringArray::from(vec![value])),
        };
        columns.push(cast(&numbers, &field.dtype().to_arrow()).map_err(|cause| {
            Error::schema_mismatch("predict", field.name(), cause.to_string()).caused_by(cause)
        })?);
    }
    RecordBatch::try_new(Arc::new(schema.to_arrow()?), columns)
        .map_err(|cause| Error::schema_mismatch("predict", "row", cause.to_string()).caused_by(cause))
}

fn dense_row<T: Output + Default>(plan: &Plan, row: Row<'_>) -> Result<Tensor> {
    let mut values = vec![T::default(); plan.width()];
    plan.transform_row(row, &mut values)?;
    Tensor::new([1, values.len()], values)
}

impl Entry {
    fn find(plan: &Plan, inputs: &Schema) -> Result<Self> {
        let width = plan.width();
        if let [input] = inputs.fields()
            && let [Dim::Dynamic, columns] = input.shape()
            && columns.accepts(width)
            && matches!(input.dtype(), DType::Float32 | DType::Float64)
        {
            return Ok(Self::Dense { name: input.name().into(), dtype: input.dtype() });
        }
        let by_name = inputs.len() == width && inputs.names().all(|name| plan.output().field(name).is_some());
        if by_name {
            return Ok(Self::Columns(inputs.fields().to_vec()));
        }
        let takes: Vec<String> = inputs.fields().iter().map(ToString::to_string).collect();
        Err(Error::schema_mismatch(
            "join feature plan and model",
            "inputs",
            format!("the plan makes {width} columns and the model takes {}", takes.join(", ")),
        )
        .remedy("register the version with the plan that it was trained on"))
    }
}

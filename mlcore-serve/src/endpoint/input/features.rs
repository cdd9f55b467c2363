use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, Row, SmolStr, TableBuilder, Tensor};
use mlcore::schema::{DType, Dim, Field, Schema};
use mlcore::{Error, Result};
use mlcore_features::pipeline::{Output, Plan};

/// A feature plan, and how its output reaches the model.
pub(crate) struct Features {
    plan: Plan,
    entry: Entry,
}

/// The shape in which the model takes the plan's output.
enum Entry {
    /// One dense `[rows, width]` input of this name, of `float32`.
    Float32(SmolStr),
    /// The same of `float64`.
    Float64(SmolStr),
    /// One input per column, by name.
    Columns(Vec<Field>),
}

impl Features {
    /// Joins `plan` with a model that takes `inputs`.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] when the plan's output cannot be the model's input.
    pub(crate) fn new(plan: Plan, inputs: &Schema) -> Result<Self> {
        let entry = Entry::find(&plan, inputs)?;
        Ok(Self { plan, entry })
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The model's input for one raw record.
    pub(crate) fn row(&self, row: Row<'_>) -> Result<Batch> {
        match &self.entry {
            Entry::Float32(name) => Ok(Batch::single(name.clone(), dense_row::<f32>(&self.plan, row)?)),
            Entry::Float64(name) => Ok(Batch::single(name.clone(), dense_row::<f64>(&self.plan, row)?)),
            Entry::Columns(_) => {
                row.check_names("predict", self.plan.input().names_digest())?;
                self.columns(&row_table(row, self.plan.input())?)
            }
        }
    }

    /// The model's input for a table of raw records.
    pub(crate) fn table(&self, table: &RecordBatch) -> Result<Batch> {
        match &self.entry {
            Entry::Float32(name) => Ok(Batch::single(name.clone(), self.plan.transform_dense::<f32>(table)?)),
            Entry::Float64(name) => Ok(Batch::single(name.clone(), self.plan.transform_dense::<f64>(table)?)),
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
    let mut table = TableBuilder::new(schema)?;
    table.append(row)?;
    table.finish()
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
        {
            match input.dtype() {
                DType::Float32 => return Ok(Self::Float32(input.name().into())),
                DType::Float64 => return Ok(Self::Float64(input.name().into())),
                // One column of another type is found by its name.
                _ => {}
            }
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

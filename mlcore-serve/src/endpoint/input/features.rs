use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, Row, SmolStr, TableBuilder, Tensor, Value};
use mlcore::schema::{DType, Field, Schema};
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
    /// The same of another type.
    Dense(SmolStr, DType),
    /// One input per column, by name.
    Columns(Schema),
}

/// Makes sure that a model with these inputs takes what the plan makes: what a registration asks before it is made, and a
/// loader before it serves.
///
/// A model takes it as one matrix of numbers, as wide as the plan's output; or as one input per feature, by name, in a type
/// that holds it.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore::schema::{DType, Dim, Field, Schema};
/// use mlcore_features::pipeline::ColumnTransformer;
/// use mlcore_features::transform::StandardScaler;
/// use mlcore_serve::endpoint::check_plan;
///
/// let ages = Arc::new(Float64Array::from(vec![20.0, 40.0])) as _;
/// let table = RecordBatch::try_from_iter([("age", ages)]).unwrap();
/// let plan = ColumnTransformer::new().with("scale", StandardScaler::default(), ["age"]).fit(&table)?;
/// let wide = |width| Schema::new([Field::tensor("x", DType::Float32, [Dim::Dynamic, Dim::Fixed(width)])]);
/// assert!(check_plan(&plan, &wide(1)?).is_ok() && check_plan(&plan, &wide(7)?).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// [`Error::SchemaMismatch`] that says what the plan makes and what the model takes.
pub fn check_plan(plan: &Plan, inputs: &Schema) -> Result<()> {
    Entry::find(plan, inputs).map(drop)
}

impl Features {
    /// Joins `plan` with a model that takes `inputs`.
    ///
    /// # Errors
    /// As [`check_plan`].
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
            Entry::Dense(name, dtype) => {
                Ok(Batch::single(name.clone(), dense_row::<f64>(&self.plan, row)?.cast(name, *dtype)?))
            }
            Entry::Columns(inputs) => {
                row.check_names("predict", self.plan.input().names_digest())?;
                self.columns(&row_table(row, self.plan.input())?, inputs)
            }
        }
    }

    /// The model's input for a table of raw records.
    pub(crate) fn table(&self, table: &RecordBatch) -> Result<Batch> {
        match &self.entry {
            Entry::Float32(name) => Ok(Batch::single(name.clone(), self.plan.transform_dense::<f32>(table)?)),
            Entry::Float64(name) => Ok(Batch::single(name.clone(), self.plan.transform_dense::<f64>(table)?)),
            Entry::Dense(name, dtype) => {
                let dense = self.plan.transform_dense::<f64>(table)?;
                Ok(Batch::single(name.clone(), dense.cast(name, *dtype)?))
            }
            Entry::Columns(inputs) => self.columns(table, inputs),
        }
    }

    /// One tensor per column, in the element type and rank that the model declares.
    fn columns(&self, table: &RecordBatch, inputs: &Schema) -> Result<Batch> {
        Batch::from_table(&self.plan.transform(table)?, inputs)
    }
}

/// A table of one row, for plans whose output is not one matrix of numbers. A number that its column's type does not hold
/// brings a type of its own, and the plan says whether it takes it.
fn row_table(row: Row<'_>, schema: &Schema) -> Result<RecordBatch> {
    let own = |(field, value): (&Field, &Value<'_>)| {
        let dtype = match value {
            _ if value.fits(field.dtype()) || !field.dtype().is_numeric() => field.dtype(),
            Value::Bool(_) => DType::Bool,
            Value::Int(_) => DType::Int64,
            Value::UInt(_) => DType::UInt64,
            Value::Float(_) => DType::Float64,
            _ => field.dtype(),
        };
        let column = Field::column(field.name(), dtype);
        if field.is_nullable() { column.nullable() } else { column }
    };
    let typed = match row.values().len() == schema.len() {
        true => Schema::new(schema.fields().iter().zip(row.values()).map(own))?,
        false => schema.clone(),
    };
    let mut table = TableBuilder::new(&typed)?;
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
        if let Some(entry) = Self::dense(plan, inputs) {
            return Ok(entry);
        }
        let output = plan.output();
        if inputs.len() != output.len() || inputs.names().any(|name| output.field(name).is_none()) {
            let takes: Vec<String> = inputs.fields().iter().map(ToString::to_string).collect();
            let (width, takes) = (plan.width(), takes.join(", "));
            return Err(misfit(
                "inputs",
                format!("the plan makes {width} columns and the model takes {takes}"),
            ));
        }
        for (input, made) in
            inputs.fields().iter().filter_map(|input| Some((input, output.field(input.name())?)))
        {
            let is_number = |field: &Field| field.dtype().is_numeric();
            let is_column = matches!(input.shape(), [_]);
            let is_column = is_column || matches!(input.shape(), [_, last] if last.accepts(1));
            let is_held = made.dtype() == input.dtype() || is_number(made) && is_number(input);
            if !is_held || !(is_column || input.is_of_any_shape()) {
                return Err(misfit(
                    input.name(),
                    format!("the plan makes {made} and the model takes {input}"),
                ));
            }
        }
        Ok(Self::Columns(inputs.clone()))
    }

    /// All features side by side, where the model has one input for numbers that is as wide.
    fn dense(plan: &Plan, inputs: &Schema) -> Option<Self> {
        let [input] = inputs.fields() else { return None };
        let is_wide = matches!(input.shape(), [_, columns] if columns.accepts(plan.width()));
        let is_number = |field: &Field| field.dtype().is_numeric();
        if !(is_wide || input.is_of_any_shape()) || !plan.output().fields().iter().all(is_number) {
            return None;
        }
        match input.dtype() {
            DType::Float32 => Some(Self::Float32(input.name().into())),
            DType::Float64 => Some(Self::Float64(input.name().into())),
            // One column of another type is found by its name, and keeps what floats would lose.
            dtype if dtype.is_numeric() && plan.output().field(input.name()).is_none() => {
                Some(Self::Dense(input.name().into(), dtype))
            }
            _ => None,
        }
    }
}

fn misfit(subject: &str, problem: String) -> Error {
    Error::schema_mismatch("join feature plan and model", subject, problem)
        .remedy("register the version with the plan that it was trained on")
}

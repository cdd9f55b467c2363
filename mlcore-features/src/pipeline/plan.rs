use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, ColumnView, Row, Tensor, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Csr, FittedStep, Output, RowExecutor, SparseRowExecutor, foreign};
use crate::program::bind::{self, converts};
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::{Lower, Program, columnar, csr, row};
use crate::transform::custom::{FittedCustomTransformer, Functions};
use crate::transform::{Attributes, Transform};

/// A fitted plan: the typed function from raw columns to features, with the digest of its content.
///
/// Cloning is cheap, and one plan serves any number of threads. What it computes depends on the plan and the data
/// alone: not on the executor, the batch size, the layout of the table or the machine.
#[derive(Clone, Debug)]
pub struct Plan {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    step: FittedStep,
    program: Arc<Program>,
    digest: String,
}

/// The layout of a stored plan that this version writes, and the only one that it reads.
const VERSION: u32 = 1;
const FORMAT: &str = "mlcore-plan";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<T> {
    format: String,
    version: u32,
    digest: String,
    plan: T,
}

/// Enough of a stored plan to say whether the rest can be read.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

impl Plan {
    /// The plan of one fitted step.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when two output columns have the same name, [`Error::Corrupt`] for a damaged state.
    pub fn new(step: impl Into<FittedStep>) -> Result<Self> {
        let step = step.into();
        let program = Arc::new(Program::compile(&step)?);
        let digest = digest(&step)?;
        Ok(Self { inner: Arc::new(Inner { step, program, digest }) })
    }

    /// The raw columns that the plan reads: what a [`Row`] must hold, and a table must have among others.
    ///
    /// A column of numbers takes every number, whatever its type is, and truth values as 0 and 1: steps compute with them. Only
    /// where an encoder looks integers up must each be one of the plan's type, which floats without a fraction are too. A
    /// time of day or a timestamp is taken in another unit where nothing is lost. A timestamp of another time zone is
    /// the same moment. With and without a time zone are two kinds of timestamps, though: neither stands for the other, and
    /// neither stands for a date.
    #[must_use]
    pub fn input(&self) -> &Schema {
        &self.inner.program.input
    }

    /// Says whether a column of this type can be the one that the plan reads under this name. Each value is looked at when it comes.
    #[must_use]
    pub fn takes(&self, name: &str, dtype: DType) -> bool {
        let expected = self.input().field(name).map(Field::dtype);
        expected.is_some_and(|expected| dtype == expected || converts(dtype, expected))
    }

    /// The features that the plan makes.
    #[must_use]
    pub fn output(&self) -> &Schema {
        &self.inner.program.output
    }

    /// The number of features.
    #[must_use]
    pub fn width(&self) -> usize {
        self.inner.program.width()
    }

    /// The names of the features (`get_feature_names_out`).
    #[must_use]
    pub fn feature_names_out(&self) -> Vec<&str> {
        self.output().names().collect()
    }

    /// The SHA-256 of the plan's content, as 64 hexadecimal digits. Plans that compute the same from the same state have
    /// the same digest on every machine.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    /// The fitted step that the plan runs.
    #[must_use]
    pub fn step(&self) -> &FittedStep {
        &self.inner.step
    }

    pub(crate) fn program(&self) -> &Program {
        &self.inner.program
    }

    /// A fitted step inside, by the names on the way to it: `plan.find(&["num", "scale"])`.
    #[must_use]
    pub fn find(&self, path: &[&str]) -> Option<&FittedStep> {
        path.iter().try_fold(&self.inner.step, |step, name| match step {
            FittedStep::Pipeline(steps) => steps.step(name),
            FittedStep::ColumnTransformer(columns) => columns.transformer(name),
            FittedStep::FeatureUnion(union) => union.transformer(name),
            FittedStep::Passthrough(_)
            | FittedStep::Drop
            | FittedStep::Transformer(_)
            | FittedStep::Function(_) => None,
        })
    }

    /// The functions of the host that the plan names, in the order of its steps: what a host that loads it has to bring along.
    #[must_use]
    pub fn functions(&self) -> Vec<&FittedCustomTransformer> {
        let mut functions = Vec::new();
        self.step().each_function(&mut |function| functions.push(function));
        functions
    }

    /// The table of features. Computed columns are `float64` without nulls, where NaN stands for what is missing; columns
    /// that pass through keep their type and their nulls.
    ///
    /// # Errors
    /// As [`Transform::transform`].
    pub fn transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        columnar::to_table(&self.inner.program, table, NonZeroUsize::MIN)
    }

    /// The features as one matrix `[rows, features]` of `f32` or `f64`, for models of one dense input. Every feature is
    /// computed as `f64` and rounded once; missing values are NaN.
    ///
    /// # Errors
    /// As [`Transform::transform`], and [`Error::Unsupported`] when a text column passes through.
    pub fn transform_dense<T: Output + Default>(&self, table: &RecordBatch) -> Result<Tensor> {
        columnar::to_matrix::<T>(&self.inner.program, table, NonZeroUsize::MIN)
    }

    /// As [`Plan::transform_dense`], into memory of the caller: `rows * features` numbers, row by row.
    ///
    /// # Errors
    /// As [`Plan::transform_dense`], and [`Error::InvalidInput`] for another length.
    pub fn transform_into<T: Output>(&self, table: &RecordBatch, features: &mut [T]) -> Result<()> {
        columnar::fill_matrix(&self.inner.program, table, features, NonZeroUsize::MIN)
    }

    /// The features of rows of numbers, row by row: `rows` holds one number per column of [`input`](Self::input) in its
    /// order, a row beside the next, and NaN where one is missing. A plan that only scales reads and writes them once.
    ///
    /// # Errors
    /// As [`Plan::transform_dense`], and [`Error::InvalidInput`] for a length that is no number of rows.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{Float64Array, RecordBatch};
    /// use mlcore_features::pipeline::ColumnTransformer;
    /// use mlcore_features::transform::MinMaxScaler;
    ///
    /// let ages = Arc::new(Float64Array::from(vec![20.0, 30.0, 60.0]));
    /// let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
    /// let plan = ColumnTransformer::new().with("scale", MinMaxScaler::default(), ["age"]).fit(&table)?;
    /// assert_eq!(plan.transform_rows::<f64, f32>(&[60.0, 40.0])?, [1.0, 0.5]);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub fn transform_rows<I, T>(&self, rows: &[I]) -> Result<Vec<T>>
    where
        I: Copy + Into<f64> + Sync,
        T: Output + Default,
    {
        columnar::of_rows(&self.inner.program, rows, NonZeroUsize::MIN)
    }

    /// The features as one matrix `[rows, features]` of `f32` or `f64` of which only what is not zero is stored, without a dense
    /// row on the way: for one-hot encoders and for the words of texts. Time and memory are proportional to what is stored,
    /// and to the columns of steps whose features are dense; a step behind an encoder is computed densely, a block of
    /// rows at a time. A stored feature has the bits that it has in [`Plan::transform_dense`]; what is not stored is 0.0 or -0.0
    /// there. See [`Csr`] for an example.
    ///
    /// # Errors
    /// As [`Plan::transform_dense`].
    pub fn transform_sparse<T: Output>(&self, table: &RecordBatch) -> Result<Csr<T>> {
        csr::to_csr(&self.inner.program, table, NonZeroUsize::MIN)
    }

    /// The features as one tensor `[rows]` per column, for models of one input per column.
    ///
    /// # Errors
    /// As [`Transform::transform`], and [`Error::SchemaMismatch`] when a column that passes through holds nulls.
    pub fn transform_columns(&self, table: &RecordBatch) -> Result<Batch> {
        Batch::from_record_batch(&self.transform(table)?)
    }

    /// As [`Transform::inverse_transform`].
    ///
    /// # Errors
    /// As [`Transform::inverse_transform`].
    pub fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        self.step().inverse_transform(table)
    }

    /// An executor for single rows, with memory of its own: one per thread.
    #[must_use]
    pub fn row_executor(&self) -> RowExecutor {
        RowExecutor::new(self.inner.program.clone())
    }

    /// An executor for single rows that answers with what is not zero, with memory of its own: one per thread.
    #[must_use]
    pub fn sparse_row_executor<T: Output>(&self) -> SparseRowExecutor<T> {
        SparseRowExecutor::new(self.inner.program.clone())
    }

    /// The features of one row that are not zero, as a matrix of one row, without an executor at hand.
    ///
    /// # Errors
    /// As [`SparseRowExecutor::run`].
    pub fn transform_row_sparse<T: Output>(&self, row: Row<'_>) -> Result<Csr<T>> {
        self.sparse_row_executor().into_matrix(row)
    }

    /// Writes the features of one row into `features`, without an executor at hand: allocates only for plans of more than
    /// 256 columns and intermediate results, and for steps that read texts or moments.
    ///
    /// # Errors
    /// As [`RowExecutor::run_into`].
    pub fn transform_row<T: Output>(&self, row: Row<'_>, features: &mut [T]) -> Result<()> {
        let program = &self.inner.program;
        row.check_names("transform", program.input.names_digest())?;
        let needed = row::scratch_len(program);
        let (mut small, mut work) = ([0.0; 256], row::Work::default());
        match small.get_mut(..needed) {
            Some(scratch) => row::execute(program, row.values(), scratch, &mut work, features),
            None => row::execute(program, row.values(), &mut vec![0.0; needed], &mut work, features),
        }
    }

    /// The cells of one row of a table in the order of [`Plan::input`]: what [`Row::new`] takes. For replaying
    /// a table through the row executor.
    ///
    /// # Errors
    /// As [`Transform::transform`] for columns that do not fit, and [`Error::InvalidInput`] for a row outside the table.
    pub fn with_row_of<R>(
        &self,
        table: &RecordBatch,
        row: usize,
        use_values: impl FnOnce(&[Value<'_>]) -> R,
    ) -> Result<R> {
        if row >= table.num_rows() {
            let rows = table.num_rows();
            return Err(Error::invalid_input(
                "read row",
                row.to_string(),
                format!("the table has {rows} rows"),
            ));
        }
        let columns = bind::columns(&self.inner.program, table)?;
        let mut values = Vec::with_capacity(columns.len());
        for (column, name) in columns.iter().zip(self.input().names()) {
            values.push(ColumnView::new(name, column.as_ref().as_ref())?.value(row));
        }
        Ok(use_values(&values))
    }

    /// The plan as bytes: JSON with a format version and the digest of the content.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for steps inside steps so deep that nobody could read them back.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let stored = Stored {
            format: FORMAT.to_owned(),
            version: VERSION,
            digest: self.inner.digest.clone(),
            plan: &self.inner.step,
        };
        let bytes = serde_json::to_vec(&stored).map_err(unwritable)?;
        // The reader has a limit, which keeps forged bytes from overflowing the stack.
        if let Err(cause) = serde_json::from_slice::<Stored<FittedStep>>(&bytes) {
            let problem = format!("its steps lie too deep inside each other to be read back: {cause}");
            return Err(Error::unsupported("write plan", "steps", problem)
                .remedy("put the steps of inner pipelines into the outer one"));
        }
        Ok(bytes)
    }

    /// Reads what [`Plan::to_bytes`] wrote. Nothing in a plan is executed while loading.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the bytes are no plan, or not the one that was written; [`Error::Unsupported`] for a format
    /// version or a step that this library does not know, and for a plan that names a function of the host, which
    /// [`Plan::from_bytes_with`] takes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_bytes_with(bytes, &Functions::new())
    }

    /// As [`Plan::from_bytes`], for plans that name functions of the host, which are looked for in `functions` by name and
    /// version. [`custom`](crate::transform::custom) shows it.
    ///
    /// # Errors
    /// As [`Plan::from_bytes`]; [`Error::Unsupported`] where functions are not there, which names all of them, and where one
    /// makes other features than the plan stores; and what a function says about what it is to have learnt.
    pub fn from_bytes_with(bytes: &[u8], functions: &Functions) -> Result<Self> {
        let unreadable = |cause: serde_json::Error| {
            Error::corrupt("load plan", "bytes", cause.to_string())
                .remedy("fetch the plan again, or fit it again")
                .caused_by(cause)
        };
        let header: Header = serde_json::from_slice(bytes).map_err(unreadable)?;
        if header.format != FORMAT {
            return Err(Error::corrupt(
                "load plan",
                "bytes",
                format!("this is {:?}, not {FORMAT:?}", header.format),
            ));
        }
        if header.version != VERSION {
            return Err(Error::unsupported(
                "load plan",
                format!("format version {}", header.version),
                format!("this version of the library reads format version {VERSION}"),
            )
            .remedy("use the version of the library that wrote it, or fit it again"));
        }
        let stored: Stored<FittedStep> = match serde_json::from_slice(bytes) {
            Ok(stored) => stored,
            Err(cause) => {
                let plan = serde_json::from_slice::<Stored<serde_json::Value>>(bytes).ok();
                return Err(plan
                    .and_then(|stored| foreign::refused(&stored.plan))
                    .unwrap_or_else(|| unreadable(cause)));
            }
        };
        let mut step = stored.plan;
        let mut names_functions = false;
        step.each_function(&mut |_| names_functions = true);
        if names_functions {
            // Functions of the host see no state that nobody learnt.
            check_digest(&digest(&step)?, &stored.digest)?;
            step.bind_functions(functions)?;
        }
        let loaded = Self::new(step)?;
        check_digest(loaded.digest(), &stored.digest)?;
        Ok(loaded)
    }
}

fn check_digest(own: &str, stored: &str) -> Result<()> {
    if own == stored {
        return Ok(());
    }
    Err(Error::corrupt("load plan", "content", format!("its digest is {own}, and {stored} was stored"))
        .remedy("fetch the plan again, or fit it again"))
}

/// The SHA-256 of the canonical content: compact JSON whose fields stand in declaration order, and no maps.
fn digest(step: &FittedStep) -> Result<String> {
    let content = serde_json::to_vec(&(FORMAT, VERSION, step)).map_err(unwritable)?;
    let mut hexadecimal = String::with_capacity(64);
    for byte in Sha256::digest(&content) {
        write!(hexadecimal, "{byte:02x}")
            .map_err(|cause| Error::internal("digest plan", "content", cause.to_string()))?;
    }
    Ok(hexadecimal)
}

fn unwritable(cause: serde_json::Error) -> Error {
    Error::internal("store plan", "content", cause.to_string()).caused_by(cause)
}

impl PartialEq for Plan {
    /// The same content.
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}

impl Lower for Plan {
    fn schema(&self) -> &Schema {
        self.input()
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        self.step().lower(builder, columns)
    }
}

impl Transform for Plan {
    fn attributes(&self) -> Attributes {
        self.step().attributes()
    }

    fn output(&self) -> Result<Schema> {
        Ok(Self::output(self).clone())
    }

    fn transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        Self::transform(self, table)
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        Self::inverse_transform(self, table)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mlcore::arrow::array::{Float64Array, RecordBatch};

    use crate::pipeline::ColumnTransformer;
    use crate::transform::{Encode, KBinsDiscretizer, MinMaxScaler, StandardScaler};

    #[test]
    fn what_only_scales_takes_the_short_way() {
        let column = |values: [f64; 3]| Arc::new(Float64Array::from(values.to_vec())) as _;
        let table =
            RecordBatch::try_from_iter([("a", column([1.0, 2.0, 4.0])), ("b", column([0.0, f64::NAN, 3.0]))])
                .unwrap();
        let scaled = || ColumnTransformer::new().with("scale", StandardScaler::default(), ["a"]);
        let whole = scaled().with("more", StandardScaler::default(), ["b"]).fit(&table).unwrap();
        let positions: Vec<_> = whole.inner.program.scaled.iter().map(|one| (one.slot, one.column)).collect();
        assert_eq!(positions, [(0, 0), (1, 1)]);
        let squeezed = scaled().with("squeeze", MinMaxScaler::default(), ["b"]).fit(&table).unwrap();
        assert_eq!((squeezed.inner.program.scaled.len(), squeezed.inner.program.others.len()), (2, 0));
        let bins = KBinsDiscretizer::default().n_bins(2).encode(Encode::Ordinal);
        let binned = scaled().with("bin", bins, ["a"]).fit(&table).unwrap();
        let program = &binned.inner.program;
        assert_eq!((program.scaled.len(), &*program.others), (1, &[1][..]));
    }
}

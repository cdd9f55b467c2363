//! Fitting on tables that are larger than memory: batch after batch, in as many passes as steps follow each other.

mod layout;
mod learner;
#[cfg(feature = "parquet")]
mod parquet;
mod source;

use mlcore::{Error, Result, interrupt};

use self::layout::Layout;
use self::learner::Learner;
#[cfg(feature = "parquet")]
pub use self::parquet::ParquetFiles;
pub use self::source::{BatchStream, Batches, Reader, Reopened};
use super::{ColumnTransformer, FeatureUnion, FittedStep, Pipeline, Plan, Step};

/// What a step learns from in batches: a source of batches and, where there are, the names of its columns that hold a target and
/// a weight for each row.
///
/// A source alone is one, so that `fit_batches(&source)` says all that most steps need. The columns of the target and of the
/// weights are none of the table that is learnt from.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray};
/// use mlcore_features::pipeline::{Batched, ColumnTransformer};
/// use mlcore_features::transform::JamesSteinEncoder;
///
/// let batch = |plans: Vec<&'static str>, churned: Vec<i64>| {
///     RecordBatch::try_from_iter([
///         ("plan", Arc::new(StringArray::from(plans)) as _),
///         ("churned", Arc::new(Int64Array::from(churned)) as _),
///     ]).unwrap()
/// };
/// let batches = vec![batch(vec!["free", "pro"], vec![0, 1]), batch(vec!["pro", "free"], vec![1, 0])];
/// let encoder = ColumnTransformer::new().with("plan", JamesSteinEncoder::default(), ["plan"]);
/// let plan = encoder.fit_batches(Batched::new(&batches).with_target("churned"))?;
/// assert_eq!(plan.input().names().collect::<Vec<_>>(), ["plan"]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Batched<'a> {
    source: &'a dyn Batches,
    target: Option<&'a str>,
    weights: Option<&'a str>,
}

impl<'a> Batched<'a> {
    /// Every column of the source, no target, equal weights.
    #[must_use]
    pub fn new(source: &'a dyn Batches) -> Self {
        Self { source, target: None, weights: None }
    }

    /// Names the column that a model is to predict (`y`).
    #[must_use]
    pub fn with_target(mut self, column: &'a str) -> Self {
        self.target = Some(column);
        self
    }

    /// Names the column that says how much each row counts (`sample_weight`).
    #[must_use]
    pub fn with_weights(mut self, column: &'a str) -> Self {
        self.weights = Some(column);
        self
    }
}

impl<'a, S: Batches> From<&'a S> for Batched<'a> {
    fn from(source: &'a S) -> Self {
        Self::new(source)
    }
}

impl std::fmt::Debug for Batched<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batched")
            .field("target", &self.target)
            .field("weights", &self.weights)
            .finish_non_exhaustive()
    }
}

const OPERATION: &str = "fit in batches";

impl Step {
    /// How often fitting in batches reads the rows: once for each step of the longest way through it.
    ///
    /// ```
    /// use mlcore_features::pipeline::{Pipeline, Step};
    /// use mlcore_features::transform::{SimpleImputer, StandardScaler};
    ///
    /// let steps = Pipeline::new().then("impute", SimpleImputer::default()).then("scale", StandardScaler::default());
    /// assert_eq!(Step::from(steps).passes(), 2);
    /// ```
    #[must_use]
    pub fn passes(&self) -> usize {
        match self {
            Self::Passthrough | Self::Drop | Self::Transformer(_) | Self::Function(_) => 1,
            Self::Pipeline(pipeline) => pipeline.steps().map(|(_, step)| step.passes()).sum::<usize>().max(1),
            Self::ColumnTransformer(columns) => {
                columns.branches().map(|(_, step, _)| step.passes()).max().unwrap_or(1)
            }
            Self::FeatureUnion(union) => union.steps().map(Self::passes).max().unwrap_or(1),
        }
    }

    /// Fits the step on batches, of which one is in memory at a time: `fit_batches(&source)`, or a [`Batched`] with a target.
    ///
    /// It learns what [`fit`](crate::transform::Fit::fit) learns from all rows at once, as exactly as
    /// [`PartialFit`](crate::transform::PartialFit) says. All branches of a [`ColumnTransformer`] or a [`FeatureUnion`] learn in the same pass over the
    /// rows; the steps of a [`Pipeline`] need one each, so that a source that can be read once only is refused. Columns are
    /// found by name, and those that nobody names are not looked at.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a transformer that needs all rows at once, for a step behind one that cross-fits, and for a
    /// source that cannot be read as often as needed; [`Error::SchemaMismatch`] for a column that a batch lacks, or has in
    /// another type than the first, with the number of the batch, counted from 0; as
    /// [`Fit::learn`](crate::transform::Fit::learn) else, with the number of the batch and the row in it.
    pub fn fit_batches<'a>(&self, batched: impl Into<Batched<'a>>) -> Result<Plan> {
        Plan::new(self.learn_batches(&batched.into())?)
    }

    fn learn_batches(&self, batched: &Batched<'_>) -> Result<FittedStep> {
        let mut learner = Learner::new(self)?;
        let passes = self.passes();
        if passes > 1 && !batched.source.is_repeatable() {
            let problem =
                format!("the steps need {passes} passes over the rows, and the source can be read once");
            return Err(Error::unsupported(OPERATION, "source", problem)
                .remedy("pass files, a list of batches, or a function that opens the source again"));
        }
        let mut layout = Layout::new(batched.target, batched.weights);
        let wanted = |column: &str| {
            self.names_column(column) || [batched.target, batched.weights].contains(&Some(column))
        };
        let mut rows_before = None;
        loop {
            let mut rows = 0_u64;
            for (number, batch) in batched.source.open(&wanted)?.enumerate() {
                interrupt::check(OPERATION)?;
                let within = |error: Error| match error {
                    Error::Interrupted(_) => error,
                    error => error.within(format!("batch {number}")),
                };
                let batch = batch.and_then(|batch| layout.read(&batch, &wanted)).map_err(within)?;
                rows = rows.saturating_add(batch.rows());
                learner.observe(&batch.training()).map_err(within)?;
            }
            if rows == 0 {
                let problem = "there are no rows, and at least one is needed";
                return Err(Error::invalid_input(OPERATION, "source", problem));
            }
            if let Some(before) = rows_before.filter(|before| *before != rows) {
                let problem = format!("it had {before} rows in one pass, and {rows} in the next");
                return Err(Error::conflict(OPERATION, "source", problem)
                    .remedy("keep the data as it is while fitting, then fit again"));
            }
            rows_before = Some(rows);
            learner = learner.end_pass()?;
            if let Learner::Done(fitted) = learner {
                return Ok(*fitted);
            }
        }
    }

    /// Whether the step takes a column of this name, be it to drop it.
    fn names_column(&self, column: &str) -> bool {
        match self {
            Self::Passthrough | Self::Drop | Self::Transformer(_) | Self::Function(_) => true,
            Self::Pipeline(pipeline) => {
                pipeline.steps().next().is_none_or(|(_, step)| step.names_column(column))
            }
            Self::ColumnTransformer(columns) => columns.names_column(column),
            Self::FeatureUnion(union) => union.steps().any(|step| step.names_column(column)),
        }
    }
}

impl Pipeline {
    /// As [`Step::fit_batches`].
    ///
    /// # Errors
    /// As [`Step::fit_batches`].
    pub fn fit_batches<'a>(&self, batched: impl Into<Batched<'a>>) -> Result<Plan> {
        Step::from(self.clone()).fit_batches(batched)
    }
}

impl FeatureUnion {
    /// As [`Step::fit_batches`].
    ///
    /// # Errors
    /// As [`Step::fit_batches`].
    pub fn fit_batches<'a>(&self, batched: impl Into<Batched<'a>>) -> Result<Plan> {
        Step::from(self.clone()).fit_batches(batched)
    }
}

impl ColumnTransformer {
    /// As [`Step::fit_batches`].
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{Float64Array, RecordBatch};
    /// use mlcore_features::pipeline::ColumnTransformer;
    /// use mlcore_features::transform::StandardScaler;
    ///
    /// let batch = |ages: Vec<f64>| {
    ///     RecordBatch::try_from_iter([("age", Arc::new(Float64Array::from(ages)) as _)]).unwrap()
    /// };
    /// let batches = vec![batch(vec![20.0]), batch(vec![40.0, 60.0])];
    /// let scaler = ColumnTransformer::new().with("scale", StandardScaler::default(), ["age"]);
    /// assert_eq!(scaler.fit_batches(&batches)?.width(), 1);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Step::fit_batches`].
    pub fn fit_batches<'a>(&self, batched: impl Into<Batched<'a>>) -> Result<Plan> {
        Step::from(self.clone()).fit_batches(batched)
    }
}

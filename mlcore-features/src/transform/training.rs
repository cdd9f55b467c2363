use mlcore::arrow::array::{Array, ArrayRef, RecordBatch};
use mlcore::{Error, Result};

/// What a transformer learns from: a table and, where there are, a target and a weight for each row.
///
/// A table alone is one, so that `fit(&table)` says all that most transformers need.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
/// use mlcore_features::transform::{Fit, StandardScaler, Training};
///
/// let ages = Arc::new(Float64Array::from(vec![20.0, 40.0, 60.0]));
/// let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
/// let churned: ArrayRef = Arc::new(Int64Array::from(vec![0, 0, 1]));
/// let training = Training::new(&table).with_target(&churned).with_weights(&[1.0, 1.0, 2.0]);
/// assert_eq!(StandardScaler::default().fit(training)?.mean(), Some(&[45.0][..]));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    table: &'a RecordBatch,
    target: Option<&'a ArrayRef>,
    weights: Option<&'a [f64]>,
    is_part: bool,
}

impl<'a> Training<'a> {
    /// Every column of the table, no target, equal weights.
    #[must_use]
    pub fn new(table: &'a RecordBatch) -> Self {
        Self { table, target: None, weights: None, is_part: false }
    }

    /// Adds what a model is to predict, one value per row (`y`). Transformers that learn without one ignore it, as those of
    /// scikit-learn do.
    #[must_use]
    pub fn with_target(mut self, target: &'a ArrayRef) -> Self {
        self.target = Some(target);
        self
    }

    /// Adds how much each row counts (`sample_weight`). Transformers that cannot weigh rows refuse it.
    #[must_use]
    pub fn with_weights(mut self, weights: &'a [f64]) -> Self {
        self.weights = Some(weights);
        self
    }

    /// The same rows with other columns: for a step that sees what the step before it made.
    #[must_use]
    pub fn with_table<'b>(self, table: &'b RecordBatch) -> Training<'b>
    where
        'a: 'b,
    {
        Training { table, ..self }
    }

    /// The same rows as some of those that are learnt from.
    pub(crate) fn of_part(self) -> Self {
        Self { is_part: true, ..self }
    }

    /// Whether there may be other rows, which are learnt from too.
    pub(crate) fn is_part(&self) -> bool {
        self.is_part
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &'a RecordBatch {
        self.table
    }

    /// The target, if there is one.
    #[must_use]
    pub fn target(&self) -> Option<&'a ArrayRef> {
        self.target
    }

    /// The weights, if there are.
    #[must_use]
    pub fn weights(&self) -> Option<&'a [f64]> {
        self.weights
    }

    /// The target, for transformers that do not learn without one.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where there is none.
    pub fn required_target(&self, operation: &'static str) -> Result<&'a ArrayRef> {
        self.target.ok_or_else(|| {
            Error::invalid_input(operation, "target", "it learns from the target, and there is none")
                .remedy("pass the target together with the table")
        })
    }

    /// Makes sure that a target and weights, where given, have one entry per row, and that the weights are usable.
    pub(crate) fn check(&self, operation: &'static str) -> Result<()> {
        let rows = self.table.num_rows();
        let refused = |subject: &str, problem: String| Err(Error::invalid_input(operation, subject, problem));
        if let Some(target) = self.target.filter(|target| target.len() != rows) {
            return refused("target", format!("it has {} values for {rows} rows", target.len()));
        }
        let Some(weights) = self.weights else { return Ok(()) };
        if weights.len() != rows {
            return refused("weights", format!("there are {} for {rows} rows", weights.len()));
        }
        match weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
            Some(row) => {
                let weight = weights[row];
                refused("weights", format!("row {row}: {weight} is no weight: finite and not negative"))
            }
            None if rows > 0 && !self.is_part && weights.iter().all(|weight| *weight == 0.0) => {
                refused("weights", "all are zero".to_owned())
            }
            None => Ok(()),
        }
    }
}

impl<'a> From<&'a RecordBatch> for Training<'a> {
    fn from(table: &'a RecordBatch) -> Self {
        Self::new(table)
    }
}

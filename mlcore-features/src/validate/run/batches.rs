//! A table that comes in batches, such as one that is larger than memory.

use mlcore::Result;
use mlcore::arrow::array::RecordBatch;

use super::RunOptions;
use crate::validate::compile::CompiledSuite;
use crate::validate::report::Report;

impl CompiledSuite {
    /// Runs the suite over the batches of a table, one after the other: none is kept. What is held between them is said
    /// [there](crate::validate#exactness-and-memory).
    ///
    /// # Errors
    /// The first error of the batches; and as [`Run::update`](super::Run::update) and [`Run::finish`](super::Run::finish).
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{Int64Array, RecordBatch};
    /// use mlcore::schema::{DType, Field, Schema};
    /// use mlcore_features::validate::{Check, RunOptions, Suite};
    ///
    /// let suite = Suite::new("orders").with(Check::TableRowCountToEqual { value: 300 });
    /// let suite = suite.compile(&Schema::new([Field::column("id", DType::Int64)])?)?;
    /// let batches = (0..3).map(|_| {
    ///     let ids = Arc::new(Int64Array::from_iter_values(0..100)) as _;
    ///     Ok(RecordBatch::try_from_iter([("id", ids)]).unwrap())
    /// });
    /// assert!(suite.validate_batches(batches, &RunOptions::default())?.success());
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub fn validate_batches(
        &self,
        batches: impl IntoIterator<Item = Result<RecordBatch>>,
        options: &RunOptions,
    ) -> Result<Report> {
        let mut run = self.start(options);
        for batch in batches {
            run.update(&batch?)?;
        }
        run.finish()
    }
}

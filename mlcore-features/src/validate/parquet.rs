//! Files of Parquet, read stretch by stretch, and of them the columns that a suite asks about.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use mlcore::arrow::array::{ArrayRef, NullArray, RecordBatch, RecordBatchOptions};
use mlcore::arrow::datatypes::{DataType, Field, Schema};
use mlcore::{Error, Result};

use super::compile::{CompiledSuite, References};
use super::{Report, RunOptions, Suite};

/// So many rows are read at once: a few megabytes of a table of twenty columns.
const BATCH_ROWS: usize = 1 << 16;
const OPERATION: &str = "validate file";

impl Suite {
    /// Runs the suite over a file of Parquet, of which only the columns are read that it asks about, and only a part of the rows is in
    /// memory at a time.
    ///
    /// # Errors
    /// [`Error::NotFound`] and other errors of the file; [`Error::Corrupt`] for a file that cannot be read as Parquet; and as
    /// [`compile_arrow`](Self::compile_arrow), [`Run::update`](super::Run::update) and [`Run::finish`](super::Run::finish).
    ///
    /// ```no_run
    /// use mlcore_features::validate::{Check, References, RunOptions, Suite};
    ///
    /// let suite = Suite::new("orders").with(Check::ColumnValuesToNotBeNull { column: "id".into() });
    /// let report = suite.validate_parquet("orders.parquet", &References::default(), &RunOptions::default())?;
    /// println!("{report}");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub fn validate_parquet(
        &self,
        path: impl AsRef<Path>,
        references: &References,
        options: &RunOptions,
    ) -> Result<Report> {
        let path = path.as_ref();
        let file =
            File::open(path).map_err(|cause| Error::from_io(OPERATION, path.display().to_string(), cause))?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|cause| unreadable(path, cause))?;
        let schema = builder.schema().clone();
        let suite = self.compile_arrow(&schema, references)?;
        let wanted = suite.columns().filter_map(|name| schema.index_of(name).ok());
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
        let batches = reader.map_err(|cause| unreadable(path, cause))?.map(|batch| {
            batch.map_err(|cause| unreadable(path, cause)).and_then(|batch| whole(&suite, &schema, &batch))
        });
        suite.validate_batches(batches, options)
    }
}

/// The batch with the columns that were not read, as columns of nulls that nobody looks at.
fn whole(suite: &CompiledSuite, schema: &Schema, batch: &RecordBatch) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let column = |field: &Arc<Field>| match batch.column_by_name(field.name()) {
        Some(array) => (field.clone(), array.clone()),
        None => {
            let field = Field::new(field.name(), DataType::Null, true);
            (Arc::new(field), Arc::new(NullArray::new(rows)) as ArrayRef)
        }
    };
    let (fields, arrays): (Vec<_>, Vec<_>) = schema.fields().iter().map(column).unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|cause| Error::internal(OPERATION, suite.suite().name(), cause.to_string()))
}

fn unreadable(path: &Path, cause: impl std::fmt::Display) -> Error {
    let problem = format!("it cannot be read as Parquet: {cause}");
    Error::corrupt(OPERATION, path.display().to_string(), problem)
        .remedy("write it again, uncompressed or with snappy")
}

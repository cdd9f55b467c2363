use std::fs::File;
use std::path::{Path, PathBuf};

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use mlcore::arrow::array::RecordBatch;
use mlcore::{Error, Result};

use super::OPERATION;
use super::source::{BatchStream, Batches};

/// Files of Parquet, one after another, of which only the columns that are learnt from are read.
///
/// Needs the feature `parquet`. Files may be uncompressed, or compressed with snappy, gzip or LZ4. Others are read where the crate
/// `parquet` has their feature: `zstd`, which polars writes by default, needs a compiler of C, so that a program that wants it
/// depends on `parquet` with that feature.
///
/// ```no_run
/// use mlcore_features::pipeline::{Batched, ColumnTransformer, ParquetFiles};
/// use mlcore_features::transform::StandardScaler;
///
/// let files = ParquetFiles::new(["january.parquet", "february.parquet"]);
/// let scaler = ColumnTransformer::new().with("scale", StandardScaler::default(), ["amount"]);
/// let plan = scaler.fit_batches(Batched::new(&files).with_weights("weight"))?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParquetFiles {
    paths: Vec<PathBuf>,
    batch_rows: usize,
}

/// Some megabytes of a table of a hundred columns, and enough rows for what a batch costs to be little.
const BATCH_ROWS: usize = 1 << 14;

impl ParquetFiles {
    /// These files, in this order.
    #[must_use]
    pub fn new<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self { paths: paths.into_iter().map(Into::into).collect(), batch_rows: BATCH_ROWS }
    }

    /// The names of the columns of the first file.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a file that is none of Parquet, and those of reading files.
    pub fn column_names(&self) -> Result<Vec<String>> {
        let Some(first) = self.paths.first() else { return Ok(Vec::new()) };
        Ok(begun(first)?.schema().fields().iter().map(|field| field.name().clone()).collect())
    }

    /// How many rows are in memory at once, at least 1. Default 16 384.
    #[must_use]
    pub fn batch_rows(mut self, batch_rows: usize) -> Self {
        self.batch_rows = batch_rows.max(1);
        self
    }
}

impl Batches for ParquetFiles {
    fn open<'a>(&'a self, wanted: &dyn Fn(&str) -> bool) -> Result<BatchStream<'a>> {
        if self.paths.is_empty() {
            return Err(Error::invalid_input(
                OPERATION,
                "files",
                "there are none, and at least one is needed",
            ));
        }
        // The columns of all files are looked at now, because `wanted` may be gone when they are read.
        let columns = |path: &PathBuf| {
            let builder = begun(path)?;
            let names = builder.schema().fields().iter().enumerate();
            let columns: Vec<usize> =
                names.filter(|(_, field)| wanted(field.name())).map(|(position, _)| position).collect();
            Ok((path.clone(), columns))
        };
        let files = self.paths.iter().map(columns).collect::<Result<Vec<_>>>()?;
        let batches = files.into_iter().flat_map(|(path, columns)| -> BatchStream<'a> {
            match self.reader(&path, &columns) {
                Ok(reader) => Box::new(reader.map(move |batch| {
                    batch.map_err(|cause| unreadable(&path, &cause.to_string()).caused_by(cause))
                })),
                Err(error) => Box::new(std::iter::once(Err::<RecordBatch, _>(error))),
            }
        });
        Ok(Box::new(batches))
    }
}

impl ParquetFiles {
    fn reader(&self, path: &Path, columns: &[usize]) -> Result<ParquetRecordBatchReader> {
        let builder = begun(path)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
        let reader = builder.with_projection(mask).with_batch_size(self.batch_rows).build();
        reader.map_err(|cause| unreadable(path, &cause.to_string()).caused_by(cause))
    }
}

/// The file, of which the description of its columns is read.
fn begun(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file =
        File::open(path).map_err(|cause| Error::from_io(OPERATION, path.display().to_string(), cause))?;
    ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|cause| unreadable(path, &cause.to_string()).caused_by(cause))
}

fn unreadable(path: &Path, problem: &str) -> Error {
    Error::corrupt(OPERATION, path.display().to_string(), format!("it cannot be read as Parquet: {problem}"))
        .remedy("write it again, uncompressed or with snappy")
}

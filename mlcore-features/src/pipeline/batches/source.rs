use std::fmt;
use std::sync::{Mutex, PoisonError};

use mlcore::arrow::array::{RecordBatch, RecordBatchReader};
use mlcore::{Error, Result};

use super::OPERATION;

/// Batches in order, from the first one on.
pub type BatchStream<'a> = Box<dyn Iterator<Item = Result<RecordBatch>> + 'a>;

/// A table in batches, which is read from its beginning for every pass over the rows.
///
/// Lists of batches are one; [`Reopened`] and [`Reader`] make one of anything that Arrow reads, and the feature `parquet` adds
/// files. One of your own says how its batches begin again:
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore::Result;
/// use mlcore_features::pipeline::{BatchStream, Batches, ColumnTransformer};
/// use mlcore_features::transform::MaxAbsScaler;
///
/// /// The numbers from 0 on, a thousand in each batch.
/// struct Counting {
///     batches: u32,
/// }
///
/// impl Batches for Counting {
///     fn open<'a>(&'a self, _: &dyn Fn(&str) -> bool) -> Result<BatchStream<'a>> {
///         Ok(Box::new((0..self.batches).map(|batch| {
///             let numbers = (0..1000).map(|row| Some(f64::from(1000 * batch + row)));
///             let numbers = Arc::new(numbers.collect::<Float64Array>());
///             Ok(RecordBatch::try_from_iter([("x", numbers as _)]).unwrap())
///         })))
///     }
/// }
///
/// let scaler = ColumnTransformer::new().with("scale", MaxAbsScaler::default(), ["x"]);
/// let plan = scaler.fit_batches(&Counting { batches: 3 })?;
/// assert_eq!(plan.transform_rows::<f64, f64>(&[2999.0])?, [1.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait Batches {
    /// Begins with the first batch. Columns that are not `wanted` need not be read.
    ///
    /// # Errors
    /// Those of the source.
    fn open<'a>(&'a self, wanted: &dyn Fn(&str) -> bool) -> Result<BatchStream<'a>>;

    /// Says whether it can be opened more than once, with the same rows. Default: it can.
    fn is_repeatable(&self) -> bool {
        true
    }
}

impl Batches for Vec<RecordBatch> {
    fn open<'a>(&'a self, _: &dyn Fn(&str) -> bool) -> Result<BatchStream<'a>> {
        Ok(Box::new(self.iter().cloned().map(Ok)))
    }
}

impl Batches for &[RecordBatch] {
    fn open<'a>(&'a self, _: &dyn Fn(&str) -> bool) -> Result<BatchStream<'a>> {
        Ok(Box::new(self.iter().cloned().map(Ok)))
    }
}

/// A function that opens a reader of batches, such as one of IPC files, CSV or a database.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch, RecordBatchIterator};
/// use mlcore_features::pipeline::{Pipeline, Reopened};
/// use mlcore_features::transform::{MaxAbsScaler, SimpleImputer};
///
/// let ages = Arc::new(Float64Array::from(vec![Some(20.0), None]));
/// let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
/// let source = Reopened::new(|| Ok(RecordBatchIterator::new([Ok(table.clone()), Ok(table.clone())], table.schema())));
/// let steps = Pipeline::new().then("impute", SimpleImputer::default()).then("scale", MaxAbsScaler::default());
/// assert_eq!(steps.fit_batches(&source)?.transform_rows::<f64, f64>(&[10.0])?, [0.5]);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub struct Reopened<F>(F);

impl<F> Reopened<F> {
    /// A source that calls `open` for each pass over the rows.
    #[must_use]
    pub fn new(open: F) -> Self {
        Self(open)
    }
}

impl<F, R> Batches for Reopened<F>
where
    F: Fn() -> Result<R>,
    R: RecordBatchReader + 'static,
{
    fn open<'a>(&'a self, _: &dyn Fn(&str) -> bool) -> Result<BatchStream<'a>> {
        Ok(Box::new(stream((self.0)()?)))
    }
}

impl<F> fmt::Debug for Reopened<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reopened")
    }
}

/// A reader of batches that can be read once: enough for steps beside each other, and refused where steps follow each other.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch, RecordBatchIterator};
/// use mlcore_features::pipeline::{Pipeline, Reader, Step};
/// use mlcore_features::transform::{MaxAbsScaler, SimpleImputer};
///
/// let table = RecordBatch::try_from_iter([("age", Arc::new(Float64Array::from(vec![20.0])) as _)]).unwrap();
/// let reader = || Reader::new(RecordBatchIterator::new([Ok(table.clone())], table.schema()));
/// assert!(Step::from(MaxAbsScaler::default()).fit_batches(&reader()).is_ok());
/// let steps = Pipeline::new().then("impute", SimpleImputer::default()).then("scale", MaxAbsScaler::default());
/// let error = steps.fit_batches(&reader()).unwrap_err();
/// assert!(error.to_string().contains("the steps need 2 passes over the rows, and the source can be read once"));
/// # Ok::<(), mlcore::Error>(())
/// ```
pub struct Reader<R>(Mutex<Option<R>>);

impl<R> Reader<R> {
    /// The batches of this reader.
    #[must_use]
    pub fn new(reader: R) -> Self {
        Self(Mutex::new(Some(reader)))
    }
}

impl<R: RecordBatchReader + 'static> Batches for Reader<R> {
    fn open<'a>(&'a self, _: &dyn Fn(&str) -> bool) -> Result<BatchStream<'a>> {
        let reader = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reader = reader.ok_or_else(|| {
            Error::invalid_input(OPERATION, "reader", "it was read already")
                .remedy("open it again, and pass the new one")
        })?;
        Ok(Box::new(stream(reader)))
    }

    fn is_repeatable(&self) -> bool {
        false
    }
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

fn stream(reader: impl RecordBatchReader) -> impl Iterator<Item = Result<RecordBatch>> {
    reader.map(|batch| {
        batch.map_err(|cause| {
            Error::invalid_input(OPERATION, "rows", format!("they cannot be read: {cause}"))
                .remedy("read the source by itself, to see where it is damaged")
                .caused_by(cause)
        })
    })
}

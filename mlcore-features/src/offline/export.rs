use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_empty_array};
use mlcore::arrow::datatypes::{Field, Schema, SchemaRef};
use mlcore::arrow::imported;
use mlcore::{Error, Result, interrupt};
use polars::prelude::{Column, DataFrame};

use super::types::carried;
use super::{categories, exchange};

const OPERATION: &str = "read frame";

/// The rows of a frame as tables, none of which is copied: a new one begins where one of the columns has a new chunk. A frame
/// without rows is one table without rows. The [module](super) says what becomes of which type.
///
/// ```
/// use mlcore_features::offline::polars::prelude::*;
/// use mlcore_features::offline::to_batches;
///
/// let mut frame = df!("age" => [20, 40])?;
/// frame.vstack_mut(&df!("age" => [60])?)?;
/// let rows: Vec<usize> = to_batches(&frame)?.iter().map(|batch| batch.num_rows()).collect();
/// assert_eq!(rows, [2, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Unsupported`] that names a column of a type that does not cross, and [`Error::Interrupted`].
pub fn to_batches(frame: &DataFrame) -> Result<Vec<RecordBatch>> {
    let columns = frame.columns().iter().map(chunks).collect::<Result<Vec<_>>>()?;
    let field = |(column, (data_type, _)): (&Column, &Chunks)| {
        Field::new(column.name().as_str(), data_type.clone(), true)
    };
    let fields: Vec<Field> = frame.columns().iter().zip(&columns).map(field).collect();
    let schema = Arc::new(Schema::new(fields));

    let mut ends: Vec<usize> = columns.iter().flat_map(|(_, chunks)| ends(chunks)).collect();
    ends.sort_unstable();
    ends.dedup();
    if ends.is_empty() {
        let empty = columns.iter().map(|(data_type, _)| new_empty_array(data_type)).collect();
        return Ok(vec![batch(&schema, empty, if columns.is_empty() { frame.height() } else { 0 })?]);
    }
    let mut cursors: Vec<Cursor> = columns.into_iter().map(|(_, chunks)| Cursor::new(chunks)).collect();
    let mut start = 0;
    let mut batches = Vec::with_capacity(ends.len());
    for end in ends {
        interrupt::check(OPERATION)?;
        let rows = end - start;
        let pieces: Option<Vec<ArrayRef>> = cursors.iter_mut().map(|cursor| cursor.next(rows)).collect();
        let pieces = pieces.ok_or_else(|| Error::internal(OPERATION, "columns", "they differ in length"))?;
        batches.push(batch(&schema, pieces, rows)?);
        start = end;
    }
    Ok(batches)
}

/// The rows of a frame as one table. Columns of several chunks are copied into one, and no other.
///
/// ```
/// use mlcore_features::offline::polars::prelude::*;
/// use mlcore_features::offline::to_table;
/// use mlcore_features::pipeline::ColumnTransformer;
/// use mlcore_features::transform::RobustScaler;
///
/// // It needs all rows to learn from, in one table.
/// let table = to_table(&df!("age" => [20.0, 40.0, 60.0])?)?;
/// let plan = ColumnTransformer::new().with("scale", RobustScaler::default(), ["age"]).fit(&table)?;
/// assert_eq!(plan.transform_rows::<f64, f64>(&[60.0])?, [1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`to_batches`].
pub fn to_table(frame: &DataFrame) -> Result<RecordBatch> {
    let mut frame = frame.clone();
    frame.rechunk_mut();
    match <[RecordBatch; 1]>::try_from(to_batches(&frame)?) {
        Ok([table]) => Ok(table),
        Err(batches) => {
            let problem = format!("{} chunks remain of a frame that was made one", batches.len());
            Err(Error::internal(OPERATION, "columns", problem))
        }
    }
}

/// The chunks of a column that hold rows, and their type.
type Chunks = (mlcore::arrow::datatypes::DataType, Vec<ArrayRef>);

fn chunks(column: &Column) -> Result<Chunks> {
    let name = column.name().as_str();
    let data_type = carried(OPERATION, name, column.dtype())?;
    let series = column.as_materialized_series();
    let (mut first_row, mut chunks) = (0, Vec::with_capacity(series.n_chunks()));
    for chunk in series.chunks().iter().filter(|chunk| !chunk.is_empty()) {
        interrupt::check(OPERATION)?;
        let data = exchange::to_arrow(chunk.as_ref(), data_type.clone())
            .map_err(|cause| Error::internal(OPERATION, name, cause.to_string()).caused_by(cause))?;
        let array = imported(OPERATION, name, data, first_row)?;
        first_row += array.len();
        chunks.push(categories::worded(OPERATION, name, column.dtype(), &array)?);
    }
    let data_type = match chunks.first() {
        Some(chunk) => chunk.data_type().clone(),
        None => {
            let empty = new_empty_array(&data_type);
            categories::worded(OPERATION, name, column.dtype(), &empty)?.data_type().clone()
        }
    };
    Ok((data_type, chunks))
}

/// The rows at which chunks end, counted from the first.
fn ends(chunks: &[ArrayRef]) -> impl Iterator<Item = usize> {
    chunks.iter().scan(0, |end, chunk| {
        *end += chunk.len();
        Some(*end)
    })
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(|cause| Error::internal(OPERATION, "columns", cause.to_string()).caused_by(cause))
}

/// A place among the rows of a column.
struct Cursor {
    current: Option<ArrayRef>,
    used: usize,
    rest: std::vec::IntoIter<ArrayRef>,
}

impl Cursor {
    fn new(chunks: Vec<ArrayRef>) -> Self {
        let mut rest = chunks.into_iter();
        Self { current: rest.next(), used: 0, rest }
    }

    /// So many rows from here on, which lie in one chunk; `None` where they do not.
    fn next(&mut self, rows: usize) -> Option<ArrayRef> {
        let chunk = self.current.as_ref()?;
        let left = chunk.len().checked_sub(self.used + rows)?;
        let piece = if rows == chunk.len() { chunk.clone() } else { chunk.slice(self.used, rows) };
        self.used += rows;
        if left == 0 {
            (self.current, self.used) = (self.rest.next(), 0);
        }
        Some(piece)
    }
}

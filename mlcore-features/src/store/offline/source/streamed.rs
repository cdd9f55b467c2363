//! Tables that are read batch by batch.

use std::fmt;

use mlcore::Result;
use mlcore::arrow::datatypes::SchemaRef;

use super::{Piece, Pieces, Scan, Source};
use crate::pipeline::Batches;

/// A table in batches: what Arrow reads from IPC files, CSV or a database, once or as often as it is opened.
///
/// All rows pass once, and of those only the features that are still needed are kept: a table far larger than memory is joined in the
/// memory of its answer.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Array, Float64Array, Int64Array, RecordBatch, RecordBatchIterator, TimestampSecondArray};
/// use mlcore_features::pipeline::Reader;
/// use mlcore_features::store::offline::{PointInTimeJoin, Streamed, View};
///
/// let table = RecordBatch::try_from_iter([
///     ("driver", Arc::new(Int64Array::from(vec![7, 7])) as _),
///     ("time", Arc::new(TimestampSecondArray::from(vec![20, 10])) as _),
///     ("trips", Arc::new(Float64Array::from(vec![2.0, 1.0])) as _),
/// ])
/// .unwrap();
/// let reader = RecordBatchIterator::new([Ok(table.clone())], table.schema());
/// let source = Streamed::new(table.schema(), Reader::new(reader));
/// let view = View::new("activity", source, ["driver"], "time").with_features(["trips"]);
/// let joined = PointInTimeJoin::new("time").with(view).run(&table.project(&[0, 1]).unwrap())?;
/// assert_eq!(joined.table().column(2).as_ref(), &Float64Array::from(vec![2.0, 1.0]) as &dyn Array);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub struct Streamed<B> {
    schema: SchemaRef,
    batches: B,
}

impl<B: Batches> Streamed<B> {
    /// The batches, whose columns are these.
    #[must_use]
    pub fn new(schema: SchemaRef, batches: B) -> Self {
        Self { schema, batches }
    }
}

impl<B: Batches> Source for Streamed<B> {
    fn schema(&self) -> Result<SchemaRef> {
        Ok(self.schema.clone())
    }

    fn scan<'a>(&'a self, scan: &Scan<'_>) -> Result<Pieces<'a>> {
        let columns = scan.columns();
        let batches = self.batches.open(&|name| columns.iter().any(|column| column == name))?;
        let mut next = 0_u64;
        Ok(Box::new(batches.enumerate().map(move |(number, batch)| {
            let batch = batch.map_err(|error| error.within(format!("batch {number}")))?;
            let first = next;
            next += batch.num_rows() as u64;
            Ok(Piece::new(first, batch))
        })))
    }

    fn is_repeatable(&self) -> bool {
        self.batches.is_repeatable()
    }
}

impl<B> fmt::Debug for Streamed<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").field("schema", &self.schema).finish_non_exhaustive()
    }
}

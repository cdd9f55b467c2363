//! Where the rows of a view come from.

#[cfg(feature = "offline")]
mod lazy;
mod memory;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "postgres")]
mod postgres;
mod streamed;

use std::fmt;

use mlcore::arrow::array::{Array, RecordBatch};
use mlcore::arrow::datatypes::SchemaRef;
use mlcore::{Error, Result};

#[cfg(feature = "offline")]
pub use self::lazy::LazyTable;
#[cfg(feature = "parquet")]
pub use self::parquet::ParquetTable;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresQuery;
pub use self::streamed::Streamed;
use super::gather::Place;

/// Pieces of a table in order, from the first row on.
pub type Pieces<'a> = Box<dyn Iterator<Item = Result<Piece>> + 'a>;

/// A table of feature rows, in any order.
///
/// A [`RecordBatch`] and a list of them are one; [`Streamed`] makes one of anything that is read batch by batch, and the feature
/// `parquet` adds files and folders, `postgres` queries of a server, and `offline` queries of polars. A source that finds rows by their number ([`rows`](Source::rows)) is asked for the columns of
/// keys and times first, and for features of the rows that are needed after that; another one is read once, with all columns.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::Result;
/// use mlcore::arrow::array::{Int64Array, RecordBatch, TimestampSecondArray};
/// use mlcore::arrow::datatypes::SchemaRef;
/// use mlcore_features::store::offline::{Piece, Pieces, PointInTimeJoin, Scan, Source, View};
///
/// /// A table that is kept in two halves.
/// #[derive(Debug)]
/// struct Halves([RecordBatch; 2]);
///
/// impl Source for Halves {
///     fn schema(&self) -> Result<SchemaRef> {
///         Ok(self.0[0].schema())
///     }
///
///     fn scan<'a>(&'a self, _: &Scan<'_>) -> Result<Pieces<'a>> {
///         let starts = [0, self.0[0].num_rows() as u64];
///         Ok(Box::new(self.0.iter().zip(starts).map(|(half, start)| Ok(Piece::new(start, half.clone())))))
///     }
/// }
///
/// let half = |time| {
///     RecordBatch::try_from_iter([
///         ("driver", Arc::new(Int64Array::from(vec![7])) as _),
///         ("time", Arc::new(TimestampSecondArray::from(vec![time])) as _),
///     ])
///     .unwrap()
/// };
/// let halves = Halves([half(10), half(20)]);
/// let view = View::new("trips", halves, ["driver"], "time").with_event_time("trips_time");
/// let joined = PointInTimeJoin::new("time").with(view).run(&half(15))?;
/// assert_eq!(joined.table().column(2).as_ref(), &TimestampSecondArray::from(vec![10]) as &dyn mlcore::arrow::array::Array);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait Source: fmt::Debug {
    /// The columns of the table.
    ///
    /// # Errors
    /// Those of the source.
    fn schema(&self) -> Result<SchemaRef>;

    /// Begins with the first rows. Columns that are not [wanted](Scan::columns) need not be read, and pieces that
    /// [cannot matter](Scan::may_matter) may be left out.
    ///
    /// # Errors
    /// Those of the source; while reading, those of a piece.
    fn scan<'a>(&'a self, scan: &Scan<'_>) -> Result<Pieces<'a>>;

    /// Says whether it can be read more than once, with the same rows. Default: it can.
    fn is_repeatable(&self) -> bool {
        true
    }

    /// Says whether [`rows`](Source::rows) finds rows. Default: it does not.
    fn finds_rows(&self) -> bool {
        false
    }

    /// The rows of these numbers, which ascend. A number is that of a row of a [`Piece`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] by default; those of the source.
    fn rows(&self, numbers: &[u64], columns: &[String]) -> Result<Found> {
        let _ = (numbers, columns);
        Err(Error::unsupported("find rows", "source", "it does not find rows by their number"))
    }
}

/// Some rows of a source that follow each other.
#[derive(Clone, Debug)]
pub struct Piece {
    first: u64,
    rows: RecordBatch,
}

impl Piece {
    /// Rows, the first of which has this number in the source. Numbers ascend from piece to piece.
    #[must_use]
    pub fn new(first: u64, rows: RecordBatch) -> Self {
        Self { first, rows }
    }

    /// The number of the first row.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }
}

/// Rows that were found by their numbers.
#[derive(Clone, Debug)]
pub struct Found {
    batches: Vec<RecordBatch>,
    /// For each row the batch and the row in it; none where the batches have exactly the rows, in order.
    places: Option<Vec<(u32, u32)>>,
}

impl Found {
    /// Batches with exactly the rows that were asked for, in their order.
    #[must_use]
    pub fn exactly(batches: Vec<RecordBatch>) -> Self {
        Self { batches, places: None }
    }

    /// Batches with more rows, and for each row that was asked for the number of its batch and its number in that batch.
    #[must_use]
    pub fn at(batches: Vec<RecordBatch>, places: Vec<(u32, u32)>) -> Self {
        Self { batches, places: Some(places) }
    }

    /// The batches, and where in them the rows are that were asked for.
    pub(super) fn checked(
        self,
        operation: &'static str,
        asked: usize,
    ) -> Result<(Vec<RecordBatch>, Vec<Place>)> {
        let batches = self.batches;
        let places: Vec<Place> = match self.places {
            Some(places) => places.into_iter().map(|(batch, row)| Place { batch, row }).collect(),
            None => {
                let rows = |batch: &RecordBatch| (0..).take(batch.num_rows());
                (0..)
                    .zip(&batches)
                    .flat_map(|(batch, own)| rows(own).map(move |row| Place { batch, row }))
                    .collect()
            }
        };
        let is_there = |place: &Place| {
            batches.get(place.batch as usize).is_some_and(|batch| (place.row as usize) < batch.num_rows())
        };
        if places.len() != asked || !places.iter().all(is_there) {
            let problem = format!("{asked} rows were asked for by their numbers, and others came");
            return Err(Error::conflict(operation, "source", problem)
                .remedy("keep the data as it is while it is read, then begin again"));
        }
        Ok((batches, places))
    }
}

/// What is wanted of a source while it is read.
pub struct Scan<'a> {
    columns: &'a [String],
    bounds: Vec<Bound<'a>>,
    keys: Option<&'a KeyFilter<'a>>,
}

/// Whether a key column has one of some values.
pub(in crate::store) type KeyFilter<'a> = dyn Fn(&str, &dyn Array) -> bool + 'a;

/// Within which times the rows of a column matter, in nanoseconds since 1970 began in UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound<'a> {
    pub(super) column: &'a str,
    pub(super) earliest: Option<i128>,
    pub(super) latest: Option<i128>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(columns: &'a [String], bounds: Vec<Bound<'a>>) -> Self {
        Self { columns, bounds, keys: None }
    }

    /// All rows whose time in a column is not before a moment, in nanoseconds.
    pub(in crate::store) fn since(columns: &'a [String], column: &'a str, earliest: i128) -> Self {
        Self::new(columns, vec![Bound { column, earliest: Some(earliest), latest: None }])
    }

    /// The same rows of other columns, where the keys have other names; columns of times have the same.
    pub(in crate::store) fn of_columns<'b>(
        &'b self,
        columns: &'b [String],
        keys: &'b KeyFilter<'b>,
    ) -> Scan<'b> {
        Scan { columns, bounds: self.bounds.clone(), keys: Some(keys) }
    }

    pub(super) fn with_keys(mut self, keys: &'a KeyFilter<'a>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// The columns that are read.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        self.columns
    }

    /// The columns of times of which rows outside of some bounds do not matter.
    pub fn bounded_columns(&self) -> impl Iterator<Item = &str> {
        self.bounds.iter().map(|bound| bound.column)
    }

    /// Whether rows may matter whose column of times has no value below `first` and none above `last`, both in nanoseconds since 1970
    /// began in UTC.
    #[must_use]
    pub fn may_matter(&self, column: &str, first: i128, last: i128) -> bool {
        self.bounds.iter().filter(|bound| bound.column == column).all(|bound| {
            bound.earliest.is_none_or(|earliest| earliest <= last)
                && bound.latest.is_none_or(|latest| first <= latest)
        })
    }

    /// Whether rows may matter that all have this value, an array of one row, in a column.
    #[must_use]
    pub fn may_match(&self, column: &str, value: &dyn Array) -> bool {
        self.keys.is_none_or(|keys| keys(column, value))
    }
}

impl fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("columns", &self.columns)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

/// A source that is boxed, or borrowed, is the source.
macro_rules! forwarded {
    ($($type:ty),+) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<S: Source + ?Sized> Source for $type {
            fn schema(&self) -> Result<SchemaRef> {
                (**self).schema()
            }

            fn scan<'a>(&'a self, scan: &Scan<'_>) -> Result<Pieces<'a>> {
                (**self).scan(scan)
            }

            fn is_repeatable(&self) -> bool {
                (**self).is_repeatable()
            }

            fn finds_rows(&self) -> bool {
                (**self).finds_rows()
            }

            fn rows(&self, numbers: &[u64], columns: &[String]) -> Result<Found> {
                (**self).rows(numbers, columns)
            }
        }
    )+};
}

forwarded!(&S, Box<S>, std::sync::Arc<S>);

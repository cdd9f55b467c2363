//! Files of Parquet, of which little is read: few columns, few row groups, and features of the rows that are needed.

mod files;
#[cfg(feature = "object-store")]
mod object;
mod opened;
mod partitions;

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, RowSelection};
use mlcore::arrow::array::{Array, ArrayRef, RecordBatch};
use mlcore::arrow::datatypes::{Field, Schema, SchemaRef};
#[cfg(feature = "object-store")]
use mlcore::artifact::ObjectStore;
use mlcore::{Error, Result, interrupt};

use self::files::{FoundFile, Place};
use super::{Found, Piece, Pieces, Scan, Source};
use crate::program::threads::share;
use crate::store::offline::times::{self, Times};

const OPERATION: &str = "read features";
/// Few enough that the columns of keys and times stay in a processor's cache until they were looked at.
const BATCH_ROWS: usize = 1 << 15;

/// A table of Parquet: a file, a folder of files, or all files that a pattern names. Needs the feature `parquet`.
///
/// Of a join, the columns of keys and times are read first, without row groups whose times cannot matter; then features, of the rows
/// that are needed. Folders named `name=value` are columns, and those whose value is no key, or no date that matters, are not read.
/// All files have the columns that are read, of one type, but for the unit of times. Files may be compressed with snappy, gzip or
/// LZ4, others as [`ParquetFiles`](crate::pipeline::ParquetFiles) says.
///
/// ```
/// use std::fs::{self, File};
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Array, Float64Array, Int64Array, RecordBatch, TimestampSecondArray};
/// use mlcore_features::store::offline::{ParquetTable, PointInTimeJoin, View};
/// use parquet::arrow::ArrowWriter;
///
/// let table = |drivers: Vec<i64>, seconds: Vec<i64>, ratings: Vec<f64>| {
///     RecordBatch::try_from_iter([
///         ("driver_id", Arc::new(Int64Array::from(drivers)) as _),
///         ("event_timestamp", Arc::new(TimestampSecondArray::from(seconds)) as _),
///         ("rating", Arc::new(Float64Array::from(ratings)) as _),
///     ])
/// };
/// let folder = tempfile::tempdir()?;
/// let days = [("1970-01-01", table(vec![7, 8], vec![100, 200], vec![4.5, 3.5])?), ("1970-01-02", table(vec![7], vec![90_000], vec![5.0])?)];
/// for (day, trips) in days {
///     let place = folder.path().join(format!("day={day}"));
///     fs::create_dir(&place)?;
///     let mut file = ArrowWriter::try_new(File::create(place.join("trips.parquet"))?, trips.schema(), None)?;
///     file.write(&trips)?;
///     file.close()?;
/// }
///
/// let trips = ParquetTable::open(folder.path())?;
/// let view = View::new("trips", trips, ["driver_id"], "event_timestamp")
///     .with_date_partition("day")
///     .with_features(["rating"]);
/// let labels = table(vec![8, 7], vec![300, 300], vec![0.0; 2])?.project(&[0, 1])?;
/// let joined = PointInTimeJoin::new("event_timestamp").with(view).run(&labels)?;
/// assert_eq!(joined.table()["rating"].as_ref(), &Float64Array::from(vec![3.5, 4.5]) as &dyn Array);
/// // The second day begins after the labels: its folder was not read.
/// assert_eq!(joined.views()[0].rows(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ParquetTable {
    files: Vec<TableFile>,
    schema: SchemaRef,
    folders: Vec<Field>,
    batch_rows: usize,
    threads: NonZeroUsize,
}

#[derive(Clone, Debug)]
struct TableFile {
    path: PathBuf,
    place: Place,
    metadata: ArrowReaderMetadata,
    /// The number of its first row.
    first: u64,
    /// What its folders say, for each of the columns that folders make.
    values: Vec<ArrayRef>,
}

impl ParquetTable {
    /// Looks for the files, and reads what they say of themselves. The order of rows is that of the files' paths.
    ///
    /// In a pattern, `*` is any part of a name, `?` one byte of it, and `**` any number of folders.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no file; [`Error::Corrupt`] for a file that is none of Parquet, or cut off;
    /// [`Error::SchemaMismatch`] for files that lie in folders of other names; those of reading files.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::of(files::find(path.as_ref())?)
    }

    /// The same of objects in a bucket, at a path below its prefix: one, those of a folder, or those that a pattern names. Needs the
    /// feature `object-store`.
    ///
    /// Little is read here, too: what objects say of themselves when the table is opened, and after that, by requests for ranges, the
    /// columns and row groups that are needed. An object that is written anew while the table is open is refused by its name, so that
    /// no answer mixes two writings.
    ///
    /// ```no_run
    /// use mlcore::artifact::ObjectStore;
    /// use mlcore_features::store::offline::{ParquetTable, View};
    ///
    /// let bucket = ObjectStore::open("s3://features?region=eu-central-1")?;
    /// let trips = ParquetTable::open_objects(&bucket, "trips/day=*")?;
    /// let view = View::new("trips", trips, ["driver_id"], "event_timestamp").with_date_partition("day");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open), and as [`ObjectStore::read_range`]; all name the object.
    #[cfg(feature = "object-store")]
    pub fn open_objects(bucket: &ObjectStore, path: &str) -> Result<Self> {
        Self::of(object::find(bucket, path)?)
    }

    fn of(found: Vec<FoundFile>) -> Result<Self> {
        let (folders, values) = partitions::columns(&found)?;
        let mut files: Vec<TableFile> = Vec::with_capacity(found.len());
        let mut first = 0_u64;
        for (file, values) in found.into_iter().zip(values) {
            interrupt::check(OPERATION)?;
            let metadata = opened::metadata(&file.path, &file.place)?;
            let rows = metadata.metadata().file_metadata().num_rows();
            files.push(TableFile { path: file.path, place: file.place, metadata, first, values });
            first = first.saturating_add(u64::try_from(rows).unwrap_or(0));
        }
        let schema = files
            .first()
            .map_or_else(Schema::empty, |file| partitions::joined(file.metadata.schema(), &folders));
        let (schema, threads) = (Arc::new(schema), NonZeroUsize::MIN);
        Ok(Self { files, schema, folders, batch_rows: BATCH_ROWS, threads })
    }

    /// How many rows are read at once, at least 1. Default 32 768.
    #[must_use]
    pub fn with_batch_rows(mut self, batch_rows: usize) -> Self {
        self.batch_rows = batch_rows.max(1);
        self
    }

    /// Reads the features of rows on so many threads, of which one is the caller's; without this, on the caller's alone. Each takes
    /// whole row groups.
    #[must_use]
    pub fn on_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// The columns that a file has itself, and those that its folders give.
    fn split<'a>(&'a self, file: &'a TableFile, columns: &[String], moments: &[&str]) -> Result<Split<'a>> {
        let schema = file.metadata.schema();
        let mut split = Split { own: Vec::new(), fields: Vec::new(), values: Vec::new() };
        for name in columns {
            if let Some((position, field)) = schema.fields().find(name) {
                let expected =
                    self.schema.fields().find(name).map_or(field.data_type(), |(_, field)| field.data_type());
                let are_moments =
                    || times::unit(expected).is_some() && times::unit(field.data_type()).is_some();
                if field.data_type() != expected && !(moments.contains(&name.as_str()) && are_moments()) {
                    let problem =
                        format!("expected {expected}, as in the first file, got {}", field.data_type());
                    return Err(Error::schema_mismatch(OPERATION, name, problem)
                        .within(format!("file {}", file.path.display()))
                        .remedy("write the file again, with one type for the column in all files"));
                }
                split.own.push(position);
            } else if let Some(folder) = self.folders.iter().position(|folder| folder.name() == name) {
                split.fields.extend(self.folders.get(folder));
                split.values.extend(file.values.get(folder));
            } else {
                return Err(crate::program::missing_column(schema.fields(), name, OPERATION)
                    .within(format!("file {}", file.path.display())));
            }
        }
        Ok(split)
    }

    /// Whether the folders of a file say that its rows cannot matter.
    fn is_left_out(&self, file: &TableFile, scan: &Scan<'_>) -> bool {
        let folders = self.folders.iter().zip(&file.values);
        folders.filter(|(field, _)| file.metadata.schema().fields().find(field.name()).is_none()).any(
            |(field, value)| {
                if !scan.may_match(field.name(), value.as_ref()) {
                    return true;
                }
                // A date that is null may be any.
                let is_bounded = scan.bounded_columns().any(|column| column == field.name());
                let moment = (is_bounded && value.null_count() == 0)
                    .then(|| Times::read(OPERATION, field.name(), value.as_ref()).ok())
                    .flatten();
                moment.is_some_and(|moment| {
                    let first = moment.nanoseconds(0);
                    !scan.may_matter(field.name(), first, first + i128::from(moment.unit()) - 1)
                })
            },
        )
    }
}

/// What of the wanted columns a file has, and what its folders say.
struct Split<'a> {
    own: Vec<usize>,
    fields: Vec<&'a Field>,
    values: Vec<&'a ArrayRef>,
}

impl Source for ParquetTable {
    fn schema(&self) -> Result<SchemaRef> {
        Ok(self.schema.clone())
    }

    fn scan<'a>(&'a self, scan: &Scan<'_>) -> Result<Pieces<'a>> {
        let moments: Vec<&str> = scan.bounded_columns().collect();
        let mut reads = Vec::new();
        for file in &self.files {
            let split = self.split(file, scan.columns(), &moments)?;
            if self.is_left_out(file, scan) {
                continue;
            }
            let split = Arc::new(split);
            reads.extend(
                file.groups(scan).into_iter().map(|(group, first)| (file, split.clone(), group, first)),
            );
        }
        Ok(Box::new(reads.into_iter().flat_map(move |(file, split, group, first)| -> Pieces<'a> {
            let reader = file.reader(&split.own, vec![group], None, self.batch_rows);
            let reader = match reader {
                Ok(reader) => reader,
                Err(error) => return Box::new(std::iter::once(Err(error))),
            };
            let mut next = first;
            Box::new(reader.map(move |batch| {
                let batch = batch?;
                let first = next;
                next += batch.num_rows() as u64;
                Ok(Piece::new(first, partitions::with_values(&batch, &split.fields, &split.values)?))
            }))
        })))
    }

    fn finds_rows(&self) -> bool {
        true
    }

    fn rows(&self, numbers: &[u64], columns: &[String]) -> Result<Found> {
        let shares = share(OPERATION, self.shares(numbers), |own| self.found(own, columns));
        let mut batches = Vec::new();
        for own in shares {
            batches.extend(own??);
        }
        Ok(Found::exactly(batches))
    }
}

impl ParquetTable {
    /// The rows of each thread: about as many for each, and the rows of a row group together.
    fn shares<'n>(&self, numbers: &'n [u64]) -> Vec<&'n [u64]> {
        let each = numbers.len().div_ceil(self.threads.get()).max(1);
        let mut shares = Vec::new();
        let mut rest = numbers;
        while let Some(last) = rest.get(each.min(rest.len()).saturating_sub(1)) {
            let end = self.group_end(*last);
            let (own, others) = rest.split_at(rest.partition_point(|number| *number < end));
            shares.push(own);
            rest = others;
        }
        shares
    }

    /// The number of the row that follows the row group of a row.
    fn group_end(&self, number: u64) -> u64 {
        let file = self.files.partition_point(|file| file.first <= number).checked_sub(1);
        let groups = file.and_then(|file| self.files.get(file)).into_iter().flat_map(TableFile::all_groups);
        let mut ends = groups.map(|(_, first, rows)| first.saturating_add(rows));
        ends.find(|end| number < *end).unwrap_or(number.saturating_add(1))
    }

    /// The rows of these numbers, which ascend.
    fn found(&self, numbers: &[u64], columns: &[String]) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        let mut rest = numbers;
        for file in &self.files {
            let rows = u64::try_from(file.metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
            let own = rest.partition_point(|number| *number < file.first.saturating_add(rows));
            let (own, others) = rest.split_at(own);
            rest = others;
            if own.is_empty() {
                continue;
            }
            let split = self.split(file, columns, &[])?;
            let (groups, selection) = file.selection(own);
            for batch in file.reader(&split.own, groups, Some(selection), self.batch_rows)? {
                interrupt::check(OPERATION)?;
                batches.push(partitions::with_values(&batch?, &split.fields, &split.values)?);
            }
        }
        Ok(batches)
    }
}

impl TableFile {
    /// The row groups with the numbers of their first rows, and how many rows they have.
    fn all_groups(&self) -> impl Iterator<Item = (usize, u64, u64)> {
        let mut next = self.first;
        self.metadata.metadata().row_groups().iter().enumerate().map(move |(group, metadata)| {
            let (first, rows) = (next, u64::try_from(metadata.num_rows()).unwrap_or(0));
            next = next.saturating_add(rows);
            (group, first, rows)
        })
    }

    /// The row groups that may matter by the least and the greatest of their times, as far as the file tells.
    fn groups(&self, scan: &Scan<'_>) -> Vec<(usize, u64)> {
        let mut groups: Vec<(usize, u64)> =
            self.all_groups().map(|(group, first, _)| (group, first)).collect();
        for column in scan.bounded_columns() {
            let Some((least, greatest)) = self.extremes(column) else { continue };
            let known = |times: &Times, group: usize| {
                let is_known =
                    !times.nulls().is_some_and(|nulls| group >= nulls.len() || nulls.is_null(group));
                is_known.then(|| times.nanoseconds(group))
            };
            groups.retain(|(group, _)| match (known(&least, *group), known(&greatest, *group)) {
                (Some(least), Some(greatest)) => scan.may_matter(column, least, greatest),
                _ => true,
            });
        }
        groups
    }

    /// The least and the greatest value of a column in each row group.
    fn extremes(&self, column: &str) -> Option<(Times, Times)> {
        let metadata = self.metadata.metadata();
        let schema = metadata.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(column, self.metadata.schema(), schema).ok()?;
        let times = |array: ArrayRef| {
            let is_whole =
                array.len() == metadata.num_row_groups() && times::unit(array.data_type()).is_some();
            is_whole.then(|| Times::read(OPERATION, column, array.as_ref()).ok()).flatten()
        };
        let least = converter.row_group_mins(metadata.row_groups()).ok().and_then(times)?;
        let greatest = converter.row_group_maxes(metadata.row_groups()).ok().and_then(times)?;
        Some((least, greatest))
    }

    /// The row groups that have rows of these numbers, and which rows of those groups they are.
    fn selection(&self, numbers: &[u64]) -> (Vec<usize>, RowSelection) {
        let mut groups = Vec::new();
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let mut before = 0_usize;
        let mut rest = numbers;
        for (group, first, rows) in self.all_groups() {
            let (own, others) =
                rest.split_at(rest.partition_point(|number| *number < first.saturating_add(rows)));
            rest = others;
            if own.is_empty() {
                continue;
            }
            groups.push(group);
            for number in own {
                let row = before + number.saturating_sub(first) as usize;
                match ranges.last_mut() {
                    Some(last) if last.end == row => last.end += 1,
                    _ => ranges.push(row..row + 1),
                }
            }
            before += rows as usize;
        }
        (groups, RowSelection::from_consecutive_ranges(ranges.into_iter(), before))
    }
}

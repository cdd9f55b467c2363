//! The newest row of each key: what an online store is filled with.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, RecordBatch};
use mlcore::arrow::datatypes::{Field, Schema, SchemaRef};
use mlcore::time::Timestamp;
use mlcore::{Error, Result, interrupt};

use super::gather::{self, Place};
use super::kept::{Kept, assembled, column_at};
use super::keys::{Keys, NOTHING};
use super::pass::{checked_column, field_type};
use super::slots::NO_ROW;
use super::source::{Bound, Piece, Scan, Source};
use super::times::{self, Times};
use super::{OPERATION, View, ViewReport};

/// Rows that are looked at together.
const BLOCK_ROWS: usize = 4096;
/// Rows of a batch that is answered.
const BATCH_ROWS: usize = 1 << 16;

/// The newest row of each key within some time: of several of the same event time, the one that was created last; of several of
/// these, the last one of the source.
///
/// Rows whose event time or key is null or NaN are left out. The time to live and [`View::with_late_rows`] say nothing here: what is
/// known by now is what counts.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Array, Float64Array, Int64Array, RecordBatch, TimestampSecondArray};
/// use mlcore::arrow::datatypes::TimeUnit;
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::offline::{Latest, View};
///
/// let table = RecordBatch::try_from_iter([
///     ("driver", Arc::new(Int64Array::from(vec![1, 2, 1, 2])) as _),
///     ("time", Arc::new(TimestampSecondArray::from(vec![10, 20, 30, 99])) as _),
///     ("trips", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0])) as _),
/// ])
/// .unwrap();
/// let view = View::new("activity", table, ["driver"], "time").with_features(["trips"]);
/// let moment = |seconds| Timestamp::new(seconds, TimeUnit::Second);
/// let newest = Latest::new(view).after(moment(10)).until(moment(30));
/// let batches = newest.rows()?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(batches[0]["driver"].as_ref(), &Int64Array::from(vec![2, 1]) as &dyn Array);
/// assert_eq!(batches[0]["trips"].as_ref(), &Float64Array::from(vec![2.0, 3.0]) as &dyn Array);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct Latest<'a> {
    view: View<'a>,
    /// The first and the last nanosecond since 1970 that count.
    first: Option<i128>,
    last: Option<i128>,
}

/// The newest rows in batches of up to 65 536, in the order of the source: the keys under the names that entity rows have them by,
/// the features under theirs, the event time and the created time under those of the source.
pub struct LatestRows<'a> {
    view: &'a View<'a>,
    columns: Vec<(String, Field)>,
    rows: std::vec::IntoIter<u64>,
    kept: Option<Vec<RecordBatch>>,
    report: ViewReport,
}

impl<'a> Latest<'a> {
    /// The newest rows of a view.
    #[must_use]
    pub fn new(view: View<'a>) -> Self {
        Self { view, first: None, last: None }
    }

    /// Looks at rows whose event time is after this moment alone; one of the moment itself does not count.
    #[must_use]
    pub fn after(mut self, moment: Timestamp) -> Self {
        self.first = Some(moment.nanoseconds() + 1);
        self
    }

    /// Looks at rows whose event time is not before this moment alone; one of the moment itself counts.
    #[must_use]
    pub fn since(mut self, moment: Timestamp) -> Self {
        self.first = Some(moment.nanoseconds());
        self
    }

    /// Looks at rows whose event time is not after this moment alone; one of the moment itself counts.
    #[must_use]
    pub fn until(mut self, moment: Timestamp) -> Self {
        self.last = Some(moment.nanoseconds());
        self
    }

    /// Finds the rows, in one pass over the source, with memory for each key; batches are read as they are asked for.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a column that is not there or of a type that does not fit; [`Error::Unsupported`] for a type that
    /// cannot be a key or a feature; [`Error::InvalidInput`] where two columns of the answer have one name; those of the source.
    pub fn rows(&self) -> Result<LatestRows<'_>> {
        self.found().map_err(|error| match error {
            Error::Interrupted(_) => error,
            error => error.within(format!("view {}", self.view.name)),
        })
    }

    fn found(&self) -> Result<LatestRows<'_>> {
        let view = &self.view;
        let schema = view.source.schema()?;
        let columns = answered(view, &schema)?;
        let moments: BTreeSet<&str> =
            [Some(view.timestamp.as_str()), view.created.as_deref()].into_iter().flatten().collect();
        let wanted: Vec<String> = if view.source.finds_rows() {
            let keys = view.keys.iter().map(|key| key.source.as_str());
            keys.chain(moments).collect::<BTreeSet<&str>>().into_iter().map(str::to_owned).collect()
        } else {
            columns.iter().map(|(column, _)| column.clone()).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let (first, last) = (self.first, self.last);
        let created = view.created.iter().map(|column| Bound { column, earliest: None, latest: None });
        let bounds =
            created.chain([Bound { column: &view.timestamp, earliest: first, latest: last }]).collect();
        let mut newest = Newest::new(view, &schema, first, last, &wanted)?;
        for piece in view.source.scan(&Scan::new(&wanted, bounds))? {
            newest.observe(&piece?)?;
        }
        let mut rows: Vec<u64> = newest.rows.iter().map(|row| row.row).filter(|row| *row != NO_ROW).collect();
        rows.sort_unstable();
        newest.report.present = rows.len() as u64;
        let kept = newest.kept.map(Kept::into_batches);
        Ok(LatestRows { view, columns, rows: rows.into_iter(), kept, report: newest.report })
    }
}

/// The columns of the source that are answered, and the fields that they become.
fn answered(view: &View<'_>, schema: &Schema) -> Result<Vec<(String, Field)>> {
    let keys = view.keys.iter().map(|key| (&key.source, &key.entity));
    let features = view.features.iter().map(|feature| (&feature.column, &feature.name));
    let times = std::iter::once(&view.timestamp).chain(&view.created).map(|name| (name, name));
    let mut columns: Vec<(String, Field)> = Vec::new();
    for (column, name) in keys.chain(features).chain(times) {
        let data_type = field_type(schema, column)?;
        gather::check(OPERATION, column, data_type)?;
        if let Some((known, _)) = columns.iter().find(|(_, field)| field.name() == name) {
            if known == column {
                continue;
            }
            return Err(Error::invalid_input(
                OPERATION,
                name,
                format!("the columns {known} and {column} both have this name"),
            )
            .remedy("give one of them another name"));
        }
        columns.push((column.clone(), Field::new(name, data_type.clone(), true)));
    }
    for name in std::iter::once(&view.timestamp).chain(&view.created) {
        times::check(OPERATION, name, field_type(schema, name)?, false)?;
    }
    Ok(columns)
}

/// The newest row of each key so far.
struct Newest<'a> {
    view: &'a View<'a>,
    schema: SchemaRef,
    first: Option<i128>,
    last: Option<i128>,
    keys: Keys,
    rows: Vec<Row>,
    kept: Option<Kept>,
    report: ViewReport,
}

#[derive(Clone, Copy)]
struct Row {
    event: i128,
    created: i128,
    row: u64,
}

const NONE: Row = Row { event: i128::MIN, created: i128::MIN, row: NO_ROW };

impl<'a> Newest<'a> {
    fn new(
        view: &'a View<'a>,
        schema: &SchemaRef,
        first: Option<i128>,
        last: Option<i128>,
        wanted: &[String],
    ) -> Result<Self> {
        let mut types = Vec::new();
        for key in &view.keys {
            let own = (key.source.as_str(), field_type(schema, &key.source)?);
            types.push((own, own));
        }
        let kept = (!view.source.finds_rows()).then(|| {
            let fields = wanted.iter().filter_map(|name| schema.fields().find(name));
            let fields: Vec<Arc<Field>> = fields.map(|(_, field)| field.clone()).collect();
            Kept::new(OPERATION, Arc::new(Schema::new(fields)))
        });
        let (schema, report) = (schema.clone(), ViewReport::new(&view.name));
        Ok(Self {
            view,
            schema,
            first,
            last,
            keys: Keys::new(OPERATION, types)?,
            rows: Vec::new(),
            kept,
            report,
        })
    }

    fn observe(&mut self, piece: &Piece) -> Result<()> {
        let rows = piece.rows();
        let column = |name: &str| checked_column(self.view.decisive(), &self.schema, rows, name);
        let event = column(&self.view.timestamp)?;
        let created = self.view.created.as_deref().map(column).transpose()?;
        let keys = self.view.keys.iter().map(|key| column(&key.source)).collect::<Result<Vec<ArrayRef>>>()?;
        let (mut first, count) = (piece.first(), rows.num_rows());
        if let Some(kept) = &self.kept {
            u32::try_from(count).map_err(|_| {
                Error::unsupported(OPERATION, "source", format!("a batch of {count} rows is too large"))
                    .remedy("read the source in smaller batches")
            })?;
            first = kept.number(0);
        }
        self.report.rows += count as u64;
        let (mut numbers, mut touched) = (Vec::new(), Vec::new());
        for start in (0..count).step_by(BLOCK_ROWS) {
            interrupt::check(OPERATION)?;
            let length = BLOCK_ROWS.min(count - start);
            let cut = |array: &ArrayRef| array.slice(start, length);
            let event = Times::read(OPERATION, &self.view.timestamp, cut(&event).as_ref())?;
            let counts = |row: usize| {
                let moment = event.nanoseconds(row);
                self.first.is_none_or(|first| first <= moment) && self.last.is_none_or(|last| moment <= last)
            };
            self.report.rows_without_time += event.nulls().map_or(0, |nulls| nulls.null_count()) as u64;
            if !(0..length).any(counts) {
                continue;
            }
            let created = created
                .as_ref()
                .map(|created| Times::read(OPERATION, "created", cut(created).as_ref()))
                .transpose()?;
            let keys: Vec<ArrayRef> = keys.iter().map(cut).collect();
            self.keys.insert(&keys, length, &mut numbers)?;
            self.rows.resize(self.keys.count(), NONE);
            for (row, number) in numbers.iter().enumerate() {
                if *number == NOTHING || event.nulls().is_some_and(|nulls| nulls.is_null(row)) || !counts(row)
                {
                    continue;
                }
                let known = created
                    .as_ref()
                    .filter(|created| !created.nulls().is_some_and(|nulls| nulls.is_null(row)));
                self.report.rows_without_created += u64::from(created.is_some() && known.is_none());
                let created = known.map_or(i128::MIN, |created| created.nanoseconds(row));
                let own = Row { event: event.nanoseconds(row), created, row: first + (start + row) as u64 };
                if let Some(best) = self.rows.get_mut(*number as usize)
                    && (own.event, own.created) >= (best.event, best.created)
                {
                    *best = own;
                    if self.kept.is_some() {
                        touched.push(*number);
                    }
                }
            }
        }
        self.keep(rows, touched)
    }

    /// Keeps the rows of a batch that are the newest of a key.
    fn keep(&mut self, batch: &RecordBatch, mut touched: Vec<u32>) -> Result<()> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let first = kept.number(0);
        touched.sort_unstable();
        touched.dedup();
        let row = |rows: &[Row], number: &u32| rows.get(*number as usize).map_or(NO_ROW, |row| row.row);
        let mut numbers: Vec<u64> = touched.iter().map(|number| row(&self.rows, number)).collect();
        numbers.sort_unstable();
        if !numbers.is_empty() {
            let rows: Vec<u32> = numbers.iter().map(|number| number.saturating_sub(first) as u32).collect();
            kept.keep(batch, &rows)?;
            for number in touched {
                if let Some(row) = self.rows.get_mut(number as usize) {
                    row.row =
                        numbers.binary_search(&row.row).map_or(NO_ROW, |position| first + position as u64);
                }
            }
        }
        if kept.is_wasteful(self.rows.len()) {
            let mut numbers: Vec<u64> =
                self.rows.iter().map(|row| row.row).filter(|row| *row != NO_ROW).collect();
            numbers.sort_unstable();
            kept.compact(&numbers)?;
            for row in self.rows.iter_mut().filter(|row| row.row != NO_ROW) {
                row.row = numbers.binary_search(&row.row).map_or(NO_ROW, |position| position as u64);
            }
        }
        Ok(())
    }
}

impl LatestRows<'_> {
    /// The rows that were read, and how many of them could not count; `present` is the number of keys.
    #[must_use]
    pub fn report(&self) -> &ViewReport {
        &self.report
    }

    /// How many rows are still to come.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rows.len()
    }

    fn batch(&self, numbers: &[u64]) -> Result<RecordBatch> {
        let found;
        let (batches, places): (&[RecordBatch], Vec<Option<Place>>) = match &self.kept {
            Some(batches) => (batches, numbers.iter().map(|number| Some(Kept::place(*number))).collect()),
            None => {
                let columns: BTreeSet<&str> =
                    self.columns.iter().map(|(column, _)| column.as_str()).collect();
                let columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
                let (batches, at) =
                    self.view.source.rows(numbers, &columns)?.checked(OPERATION, numbers.len())?;
                found = batches;
                (&found, at.into_iter().map(Some).collect())
            }
        };
        let mut columns = Vec::with_capacity(self.columns.len());
        for (column, field) in &self.columns {
            columns.push(column_at(OPERATION, column, field, batches, &places)?);
        }
        let fields = self.columns.iter().map(|(_, field)| Arc::new(field.clone())).collect();
        assembled(OPERATION, fields, columns, numbers.len())
    }
}

impl Iterator for LatestRows<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let numbers: Vec<u64> = self.rows.by_ref().take(BATCH_ROWS).collect();
        if numbers.is_empty() {
            return None;
        }
        let batch = self.batch(&numbers);
        if batch.is_err() {
            self.rows = Vec::new().into_iter();
        }
        Some(batch.map_err(|error| error.within(format!("view {}", self.view.name))))
    }
}

impl fmt::Debug for LatestRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatestRows").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

//! One pass of a view's rows past the entity rows.

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch};
use mlcore::arrow::buffer::NullBuffer;
use mlcore::arrow::datatypes::{DataType, Schema};
use mlcore::{Error, Result, interrupt};

use super::kept::Kept;
use super::keys::{Finder, Keys, NOTHING};
use super::slots::{Candidate, Order, Slots};
use super::source::Piece;
use super::times::{self, Tick, Times};
use super::view::Decisive;
use super::{OPERATION, ViewReport};
use crate::program::missing_column;

/// Rows that are looked at together: few enough for the fastest cache.
const BLOCK_ROWS: usize = 4096;

/// The rows of a view on their way past the entity rows.
pub(super) struct Pass<'a> {
    view: Decisive<'a>,
    schema: &'a Schema,
    keys: Finder<'a>,
    order: &'a Order,
    entity_times: &'a Times,
    slots: Counted,
    kept: Option<Kept>,
    report: ViewReport,
    numbers: Vec<u32>,
    touched: Vec<u32>,
}

/// Slots in the one unit that all columns have, or in nanoseconds.
enum Counted {
    Narrow(Slots<i64>, i64),
    Wide(Slots<i128>),
}

/// What has been found when all rows have passed.
pub(super) struct Passed {
    /// For each place of the order the event in nanoseconds and the number of the row.
    pub(super) found: Vec<Option<(i128, u64)>>,
    pub(super) kept: Option<Vec<RecordBatch>>,
    pub(super) report: ViewReport,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        view: Decisive<'a>,
        schema: &'a Schema,
        keys: &'a Keys,
        order: &'a Order,
        entity_times: &'a Times,
        kept: Option<Kept>,
    ) -> Result<Self> {
        let unit = |name: &str| -> Result<i64> { Ok(times::unit(field_type(schema, name)?).unwrap_or(1)) };
        let event = unit(view.timestamp)?;
        let created = view.created.map(unit).transpose()?;
        let slots = Slots::new(order, entity_times, event, created.is_some());
        let slots = match created {
            Some(created) if created != event => Counted::Wide(slots.widen(order, entity_times, event)),
            _ => Counted::Narrow(slots, event),
        };
        let report = ViewReport::new(view.name);
        let keys = keys.finder();
        let (numbers, touched) = (Vec::new(), Vec::new());
        Ok(Self { view, schema, keys, order, entity_times, slots, kept, report, numbers, touched })
    }

    /// Lets the rows of a piece pass.
    pub(super) fn observe(&mut self, piece: &Piece) -> Result<()> {
        let rows = piece.rows();
        let column = |name: &str| checked_column(self.view, self.schema, rows, name);
        let event = column(self.view.timestamp)?;
        let created = self.view.created.map(column).transpose()?;
        let keys = self.view.keys.iter().map(|key| column(&key.source)).collect::<Result<Vec<ArrayRef>>>()?;
        let (mut first, count) = (piece.first(), rows.num_rows());
        if let Some(kept) = &self.kept {
            u32::try_from(count).map_err(|_| {
                Error::unsupported(OPERATION, self.view.name, format!("a batch of {count} rows is too large"))
                    .remedy("read the source in smaller batches")
            })?;
            first = kept.number(0);
        }
        self.report.rows += count as u64;
        for start in (0..count).step_by(BLOCK_ROWS) {
            interrupt::check(OPERATION)?;
            let length = BLOCK_ROWS.min(count - start);
            let cut = |array: &ArrayRef| array.slice(start, length);
            let event = Times::read(OPERATION, self.view.timestamp, cut(&event).as_ref())?;
            let created = created
                .as_ref()
                .map(|created| Times::read(OPERATION, "created", cut(created).as_ref()))
                .transpose()?;
            let keys: Vec<ArrayRef> = keys.iter().map(cut).collect();
            self.keys.find(&keys, length, 0, &mut self.numbers)?;
            self.offer(&event, created.as_ref(), first + start as u64);
        }
        match self.kept.take() {
            Some(mut kept) => {
                self.keep(&mut kept, rows)?;
                self.kept = Some(kept);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Offers a block, whose keys are in `numbers`, to the slots.
    fn offer(&mut self, event: &Times, created: Option<&Times>, first: u64) {
        let fits = |unit: i64| event.unit() == unit && created.is_none_or(|created| created.unit() == unit);
        if let Counted::Narrow(slots, unit) = &mut self.slots
            && !fits(*unit)
        {
            let none = Slots::new(self.order, self.entity_times, *unit, false);
            let slots = std::mem::replace(slots, none);
            self.slots = Counted::Wide(slots.widen(self.order, self.entity_times, *unit));
        }
        let block = Block {
            numbers: &self.numbers,
            event_nulls: event.nulls(),
            created_nulls: created.and_then(Times::nulls),
            is_filtered: self.view.is_created_filtered,
            first,
        };
        let touched = self.kept.is_some().then_some(&mut self.touched);
        match &mut self.slots {
            Counted::Narrow(slots, _) => {
                block.offer(slots, event.ticks(), created.map(Times::ticks), touched, &mut self.report);
            }
            Counted::Wide(slots) => {
                let created = created.map(Times::all_nanoseconds);
                block.offer(slots, &event.all_nanoseconds(), created.as_deref(), touched, &mut self.report);
            }
        }
    }

    /// Keeps the rows of a batch that are the best of a place.
    fn keep(&mut self, kept: &mut Kept, batch: &RecordBatch) -> Result<()> {
        let (first, end) = (kept.number(0), kept.number(batch.num_rows()));
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        let row = |place: &u32| match &self.slots {
            Counted::Narrow(slots, _) => slots.row(*place),
            Counted::Wide(slots) => slots.row(*place),
        };
        let mut numbers: Vec<u64> =
            touched.iter().map(row).filter(|row| (first..end).contains(row)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if !numbers.is_empty() {
            let rows: Vec<u32> = numbers.iter().map(|number| (number - first) as u32).collect();
            kept.keep(batch, &rows)?;
            self.renumber(touched.iter().copied(), &numbers, first);
        }
        touched.clear();
        self.touched = touched;
        if kept.is_wasteful(self.entity_times.ticks().len()) {
            let mut numbers: Vec<u64> = match &self.slots {
                Counted::Narrow(slots, _) => slots.kept().collect(),
                Counted::Wide(slots) => slots.kept().collect(),
            };
            numbers.sort_unstable();
            numbers.dedup();
            kept.compact(&numbers)?;
            let places = match &self.slots {
                Counted::Narrow(slots, _) => slots.places(),
                Counted::Wide(slots) => slots.places(),
            };
            self.renumber(0..places, &numbers, 0);
        }
        Ok(())
    }

    /// Gives the rows that are in the list their positions in it, from `first` on.
    fn renumber(&mut self, places: impl IntoIterator<Item = u32>, numbers: &[u64], first: u64) {
        let number = |own: u64| numbers.binary_search(&own).map_or(own, |position| first + position as u64);
        match &mut self.slots {
            Counted::Narrow(slots, _) => slots.renumber(places, number),
            Counted::Wide(slots) => slots.renumber(places, number),
        }
    }

    /// Takes over what another pass over other rows of the view has found. Neither keeps rows.
    pub(super) fn merge(&mut self, other: Self) {
        self.report.add(&other.report);
        let (order, times) = (self.order, self.entity_times);
        let none = |unit| Slots::new(order, times, unit, false);
        match (&mut self.slots, other.slots) {
            (Counted::Narrow(own, unit), Counted::Narrow(others, other_unit)) if *unit == other_unit => {
                own.merge(&others);
            }
            (Counted::Wide(own), Counted::Wide(others)) => own.merge(&others),
            (Counted::Wide(own), Counted::Narrow(others, unit)) => {
                own.merge(&others.widen(order, times, unit));
            }
            (Counted::Narrow(own, unit), others) => {
                let mut own = std::mem::replace(own, none(*unit)).widen(order, times, *unit);
                match others {
                    Counted::Narrow(others, unit) => own.merge(&others.widen(order, times, unit)),
                    Counted::Wide(others) => own.merge(&others),
                }
                self.slots = Counted::Wide(own);
            }
        }
    }

    pub(super) fn finish(self) -> Passed {
        let found = match self.slots {
            Counted::Narrow(slots, unit) => slots.finish(self.order, unit),
            Counted::Wide(slots) => slots.finish(self.order, 1),
        };
        Passed { found, kept: self.kept.map(Kept::into_batches), report: self.report }
    }
}

/// A column of a piece, whose type must be that of the schema, but for the unit of moments.
pub(super) fn checked_column(
    view: Decisive<'_>,
    schema: &Schema,
    rows: &RecordBatch,
    name: &str,
) -> Result<ArrayRef> {
    let column = rows
        .column_by_name(name)
        .ok_or_else(|| missing_column(rows.schema_ref().fields(), name, OPERATION))?;
    let expected = field_type(schema, name)?;
    let are_moments = times::unit(expected).is_some() && times::unit(column.data_type()).is_some();
    let is_moment = [Some(view.timestamp), view.created].contains(&Some(name));
    if column.data_type() == expected || are_moments && is_moment {
        return Ok(column.clone());
    }
    let problem = format!("expected {expected}, as in the schema of the source, got {}", column.data_type());
    Err(Error::schema_mismatch(OPERATION, name, problem)
        .remedy("cast the column, so that all batches have one type"))
}

/// The type of a column of a source.
pub(super) fn field_type<'a>(schema: &'a Schema, name: &str) -> Result<&'a DataType> {
    match schema.fields().find(name) {
        Some((_, field)) => Ok(field.data_type()),
        None => Err(missing_column(schema.fields(), name, OPERATION)),
    }
}

/// What is the same for all rows of a block.
struct Block<'a> {
    numbers: &'a [u32],
    event_nulls: Option<&'a NullBuffer>,
    created_nulls: Option<&'a NullBuffer>,
    is_filtered: bool,
    first: u64,
}

impl Block<'_> {
    fn offer<T: Tick>(
        &self,
        slots: &mut Slots<T>,
        events: &[T],
        created: Option<&[T]>,
        mut touched: Option<&mut Vec<u32>>,
        report: &mut ViewReport,
    ) {
        let latest = slots.latest();
        let is_null = |nulls: Option<&NullBuffer>, row: usize| nulls.is_some_and(|nulls| nulls.is_null(row));
        report.rows_without_time += self.event_nulls.map_or(0, NullBuffer::null_count) as u64;
        report.rows_without_created += self.created_nulls.map_or(0, NullBuffer::null_count) as u64;
        for (row, (head, event)) in self.numbers.iter().zip(events).enumerate() {
            if *head == NOTHING || *event > latest || is_null(self.event_nulls, row) {
                continue;
            }
            let created = match created.and_then(|created| created.get(row)) {
                // Nobody can tell that such a row was known.
                Some(_) if is_null(self.created_nulls, row) && self.is_filtered => continue,
                Some(_) if is_null(self.created_nulls, row) => T::LOWEST,
                Some(created) => *created,
                None => T::LOWEST,
            };
            let known = if self.is_filtered { created.max(*event) } else { *event };
            let candidate = Candidate { known, event: *event, created, row: self.first + row as u64 };
            if let (Some(place), Some(touched)) = (slots.offer(*head, candidate), touched.as_deref_mut()) {
                touched.push(place);
            }
        }
    }
}

//! Rows of columns, packed without a cell for each value.

use mlcore::arrow::array::{Array, ArrayRef, AsArray};
use mlcore::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
    ToByteSlice,
};
use mlcore::batch::{ColumnView, Value};
use mlcore::interrupt::Pace;
use mlcore::schema::Field;
use mlcore::{Error, Result};

use super::HEADER;
use super::layout::{Layout, Slot};
use super::pack::{PackedRow, begun, end_slot, ended, push, unfit};
use crate::store::online::{Cell, Stamp, Table};

/// Rows that are packed together: few enough that their bytes stay in a processor's cache.
const BLOCK_ROWS: usize = 256;

/// Packs a row for each stamp. Each column has the type of its feature, and as many rows.
pub(crate) fn pack_columns(table: &Table, columns: &[ArrayRef], stamps: &[Stamp]) -> Result<Vec<PackedRow>> {
    let (layout, fields) = (table.layout(), table.features().fields());
    check(table, columns, stamps.len())?;
    let mut rows = Vec::with_capacity(stamps.len());
    let mut pace = Pace::default();
    let readers = fields.iter().zip(columns).map(|(field, column)| Reader::new(field, column));
    let readers = readers.collect::<Result<Vec<_>>>()?;
    for (block, stamps) in stamps.chunks(BLOCK_ROWS).enumerate() {
        pace.check(OPERATION, stamps.len() * fields.len().max(1))?;
        let first = block * BLOCK_ROWS;
        let mut bytes: Vec<Vec<u8>> = stamps.iter().map(|stamp| begun(layout, *stamp)).collect();
        let slots = layout.slots().iter().zip(fields).zip(columns.iter().zip(&readers));
        for (place, ((slot, field), (column, reader))) in slots.enumerate() {
            reader.write(layout, place, slot, column, first, &mut bytes).map_err(|(row, cell)| {
                let error = match cell {
                    Some(cell) => unfit(field, cell),
                    None => Error::invalid_input(
                        OPERATION,
                        field.name(),
                        "texts and lists of a row have more than 4 GiB",
                    )
                    .remedy("store a reference to the content instead of the content"),
                };
                error.within(format!("row {row}")).within(table.id())
            })?;
        }
        rows.extend(bytes.into_iter().zip(stamps).map(|(bytes, stamp)| ended(bytes, *stamp)));
    }
    Ok(rows)
}

/// There is a column of as many rows for each feature.
fn check(table: &Table, columns: &[ArrayRef], rows: usize) -> Result<()> {
    let fields = table.features().fields();
    if columns.len() != fields.len() {
        let problem = format!("expected {} features, got {} columns", fields.len(), columns.len());
        return Err(Error::schema_mismatch(OPERATION, table.id().to_string(), problem)
            .remedy("pass a column for each feature of the table"));
    }
    match fields.iter().zip(columns).find(|(_, column)| column.len() != rows) {
        None => Ok(()),
        Some((field, column)) => {
            let problem = format!("the column has {} rows, and there are {rows}", column.len());
            Err(Error::schema_mismatch(OPERATION, field.name(), problem)
                .within(table.id())
                .remedy("pass columns of one length"))
        }
    }
}

/// How a column is read.
enum Reader<'a> {
    /// Numbers that are stored as they lie in the column.
    Plain(&'a [u8]),
    Values(Box<ColumnView<'a>>),
    Lists {
        items: Box<ColumnView<'a>>,
        ends: Vec<usize>,
    },
}

/// The row that does not fit, with its value; without one where the row is too long.
type Unfit<'a> = (usize, Option<Cell<'a>>);

impl<'a> Reader<'a> {
    fn new(field: &Field, column: &'a ArrayRef) -> Result<Self> {
        fn plain<T: ArrowPrimitiveType>(column: &ArrayRef) -> &[u8] {
            column.as_primitive::<T>().values().to_byte_slice()
        }
        // Arrow's numbers lie little-endian in memory, as those of rows do, where the machine is.
        let is_own = cfg!(target_endian = "little")
            && field.shape().len() == 1
            && *column.data_type() == field.dtype().to_arrow();
        Ok(match column.data_type() {
            DataType::Float64 if is_own => Self::Plain(plain::<Float64Type>(column)),
            DataType::Float32 if is_own => Self::Plain(plain::<Float32Type>(column)),
            DataType::Int64 if is_own => Self::Plain(plain::<Int64Type>(column)),
            DataType::Int32 if is_own => Self::Plain(plain::<Int32Type>(column)),
            DataType::Timestamp(mlcore::time::TimeUnit::Microsecond, _) if is_own => {
                Self::Plain(plain::<TimestampMicrosecondType>(column))
            }
            DataType::List(_) => {
                let list = column.as_list::<i32>();
                let ends =
                    list.value_offsets().iter().map(|end| usize::try_from(*end).unwrap_or(0)).collect();
                Self::Lists { items: Box::new(ColumnView::new(field.name(), list.values().as_ref())?), ends }
            }
            DataType::LargeList(_) => {
                let list = column.as_list::<i64>();
                let ends =
                    list.value_offsets().iter().map(|end| usize::try_from(*end).unwrap_or(0)).collect();
                Self::Lists { items: Box::new(ColumnView::new(field.name(), list.values().as_ref())?), ends }
            }
            DataType::FixedSizeList(_, size) => {
                let (list, size) = (column.as_fixed_size_list(), usize::try_from(*size).unwrap_or(0));
                let ends = (0..=list.len()).map(|row| row * size).collect();
                Self::Lists { items: Box::new(ColumnView::new(field.name(), list.values().as_ref())?), ends }
            }
            _ => Self::Values(Box::new(ColumnView::new(field.name(), column.as_ref())?)),
        })
    }

    /// Writes the values of some rows, from `first` on.
    fn write(
        &self,
        layout: &Layout,
        place: usize,
        slot: &Slot,
        column: &ArrayRef,
        first: usize,
        rows: &mut [Vec<u8>],
    ) -> std::result::Result<(), Unfit<'a>> {
        let nulls = column.logical_nulls();
        let mut list = Vec::new();
        for (row, bytes) in (first..).zip(rows) {
            if slot.nullable && nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                if let Some(bits) = bytes.get_mut(HEADER + place / 8) {
                    *bits |= 1 << (place % 8);
                }
            } else {
                match self {
                    Self::Plain(values) => {
                        let start = HEADER + slot.offset;
                        let value = values.get(row * slot.width..(row + 1) * slot.width);
                        match (bytes.get_mut(start..start + slot.width), value) {
                            (Some(into), Some(value)) if !column.is_null(row) => into.copy_from_slice(value),
                            _ => return Err((row, Some(Cell::NULL))),
                        }
                    }
                    Self::Values(view) => {
                        let cell = Cell::Value(view.value(row));
                        push(bytes, layout, slot, cell).ok_or((row, Some(cell)))?;
                    }
                    Self::Lists { items, ends } => {
                        list.clear();
                        let ends =
                            (ends.get(row).copied().unwrap_or(0), ends.get(row + 1).copied().unwrap_or(0));
                        list.extend((ends.0..ends.1).map(|item| items.value(item)));
                        let is_there = !column.is_null(row);
                        let pushed = is_there
                            .then(|| push(bytes, layout, slot, Cell::List(list.as_slice().into())))
                            .flatten();
                        let bad =
                            || list.iter().copied().find(|value| value.is_null() || !value.fits(slot.dtype));
                        pushed.ok_or_else(|| (row, Some(Cell::Value(bad().unwrap_or(Value::Null)))))?;
                    }
                }
            }
            if slot.is_variable() {
                end_slot(bytes, layout, slot).ok_or((row, None))?;
            }
        }
        Ok(())
    }
}

const OPERATION: &str = "pack rows";

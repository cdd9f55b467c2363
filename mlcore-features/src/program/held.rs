//! What features lose on their way into the element type of a model: nothing but digits.
//!
//! Features are computed as `f64`, and rounding one to a narrower float is what the model was trained with. A finite one that
//! would become infinite is refused, and so is an integer that is handed on and would become another.

use mlcore::batch::Value;
use mlcore::schema::DType;
use mlcore::{Error, Result};

use super::csr::Csr;
use super::encoder::exact_value;
use super::output::Output;
use super::row::{Work, compute, scratch_len};
use super::row_sink::Entries;
use super::{OutputColumn, Program};

/// An integer column that is handed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Integer {
    slot: usize,
    column: usize,
    /// What stands for a missing value.
    fill: Option<u64>,
}

impl Integer {
    /// Those among the columns of the output.
    pub(super) fn all(columns: &[OutputColumn], dtype_of: impl Fn(usize) -> DType) -> Box<[Self]> {
        let integer = |(column, described): (usize, &OutputColumn)| match described {
            OutputColumn::Shared { slot } => Some(Self { slot: *slot, column, fill: None }),
            OutputColumn::FilledExact { slot, fill } => Some(Self { slot: *slot, column, fill: Some(*fill) }),
            OutputColumn::Number | OutputColumn::FilledText { .. } | OutputColumn::Made => None,
        };
        let is_wide = |integer: &Self| {
            let dtype = dtype_of(integer.slot);
            dtype.is_integer() && !holds_all(DType::Float32, dtype)
        };
        columns.iter().enumerate().filter_map(integer).filter(is_wide).collect()
    }
}

/// Makes sure that a row was written without loss: `value` answers the cell of an input column.
#[inline]
pub(super) fn check<'a, T: Output>(
    program: &Program,
    features: &[T],
    value: impl Fn(usize) -> Value<'a>,
) -> Result<()> {
    if program.integers.is_empty() && !T::any_infinite(features) {
        return Ok(());
    }
    check_row(program, features, value, None)
}

/// The same of the rows of a table, which lie side by side; whoever wrote them looked whether any number `is_infinite`, while
/// they were in the cache.
pub(super) fn check_table<'a, T: Output>(
    program: &Program,
    features: &[T],
    is_infinite: bool,
    value: impl Fn(usize, usize) -> Value<'a>,
) -> Result<()> {
    if program.integers.is_empty() && !is_infinite {
        return Ok(());
    }
    let rows = features.chunks_exact(program.width().max(1)).enumerate();
    for (row, features) in rows {
        check_row(program, features, |slot| value(row, slot), Some(row))?;
    }
    Ok(())
}

/// The same of rows of what is not zero.
pub(super) fn check_sparse<'a, T: Output>(
    program: &Program,
    matrix: &Csr<T>,
    is_infinite: bool,
    value: impl Fn(usize, usize) -> Value<'a>,
) -> Result<()> {
    if program.integers.is_empty() && !is_infinite {
        return Ok(());
    }
    for row in 0..matrix.shape().0 {
        let value = |slot| value(row, slot);
        check_integers::<T>(program, &value, Some(row))?;
        let infinite = || matrix.row(row).filter(|(_, feature)| feature.to_f64().is_infinite());
        if infinite().next().is_some() {
            check_infinite::<T>(program, infinite().map(|(column, _)| column), &value, Some(row))?;
        }
    }
    Ok(())
}

/// The same of the features of one row that are not zero, with their columns.
pub(super) fn check_entries<'a, T: Output>(
    program: &Program,
    columns: &[i32],
    features: &[T],
    value: impl Fn(usize) -> Value<'a>,
) -> Result<()> {
    check_integers::<T>(program, &value, None)?;
    if !T::any_infinite(features) {
        return Ok(());
    }
    let infinite = columns.iter().zip(features).filter(|(_, feature)| feature.to_f64().is_infinite());
    let columns = infinite.filter_map(|(column, _)| usize::try_from(*column).ok());
    check_infinite::<T>(program, columns, &value, None)
}

fn check_row<'a, T: Output>(
    program: &Program,
    features: &[T],
    value: impl Fn(usize) -> Value<'a>,
    row: Option<usize>,
) -> Result<()> {
    check_integers::<T>(program, &value, row)?;
    if !T::any_infinite(features) {
        return Ok(());
    }
    let infinite = features.iter().enumerate().filter(|(_, feature)| feature.to_f64().is_infinite());
    check_infinite::<T>(program, infinite.map(|(column, _)| column), &value, row)
}

/// Makes sure that the type holds the integers of a row that are handed on.
fn check_integers<'a, T: Output>(
    program: &Program,
    value: &impl Fn(usize) -> Value<'a>,
    row: Option<usize>,
) -> Result<()> {
    for Integer { slot, column, fill } in &program.integers {
        let dtype = program.slots.get(*slot).map_or(DType::Bool, |slot| slot.dtype);
        if holds_all(T::DTYPE, dtype) {
            continue;
        }
        let cell = match (value(*slot), fill) {
            (Value::Null, Some(fill)) => exact_value(*fill, dtype),
            (cell, _) => cell,
        };
        if !holds::<T>(cell) {
            return Err(lost(program, *column, T::DTYPE, cell, row));
        }
    }
    Ok(())
}

/// Makes sure that these columns of a row, which are infinite in the type, are not so for it alone.
fn check_infinite<'a, T: Output>(
    program: &Program,
    mut columns: impl Iterator<Item = usize>,
    value: &impl Fn(usize) -> Value<'a>,
    row: Option<usize>,
) -> Result<()> {
    // Which of them are finite, only the wider numbers tell.
    let values: Vec<Value<'a>> = (0..program.slots.len()).map(value).collect();
    let (mut scratch, mut wide) = (vec![0.0; scratch_len(program)], Entries::<f64>::default());
    compute(program, &values, &mut scratch, &mut Work::default(), &mut wide)?;
    let wide = wide.sorted();
    let finite = |column: usize| {
        let place = wide.binary_search_by_key(&Some(column), |(own, _)| usize::try_from(*own).ok()).ok()?;
        let (_, feature) = wide.get(place)?;
        feature.is_finite().then_some((column, *feature))
    };
    match columns.find_map(finite) {
        None => Ok(()),
        Some((column, feature)) => Err(lost(program, column, T::DTYPE, Value::Float(feature), row)),
    }
}

/// Whether an integer is one of the type; everything else is no matter of this check.
fn holds<T: Output>(value: Value<'_>) -> bool {
    let same = |integer: i128, float: f64| float as i128 == integer && T::of(float).to_f64() == float;
    match value {
        Value::Int(integer) => same(integer.into(), integer as f64),
        Value::UInt(integer) => same(integer.into(), integer as f64),
        _ => true,
    }
}

/// Whether a float type holds every integer of another type.
fn holds_all(float: DType, integers: DType) -> bool {
    let is_small = matches!(integers, DType::Int8 | DType::Int16 | DType::UInt8 | DType::UInt16);
    is_small || float == DType::Float64 && matches!(integers, DType::Int32 | DType::UInt32)
}

#[cold]
fn lost(program: &Program, column: usize, dtype: DType, value: Value<'_>, row: Option<usize>) -> Error {
    let name = program.output.fields().get(column).map_or("", |field| field.name());
    let at = row.map_or_else(String::new, |row| format!("row {row}: "));
    let problem = format!("{at}{dtype} does not hold the {}", value.described());
    Error::invalid_input("transform", name, problem)
        .remedy("scale or clip it in the plan, drop it, or give it to a model that takes it as it is")
}

//! Many rows through a plan, a block of rows at a time, with the kernels of the row executor.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, RecordBatchOptions, StringArray};
use mlcore::arrow::buffer::{Buffer, ScalarBuffer};
use mlcore::arrow::datatypes::{Field as ArrowField, Schema as ArrowSchema, SchemaRef};
use mlcore::batch::{ColumnView, Tensor};
use mlcore::interrupt::{self, Pace};
use mlcore::schema::DType;
use mlcore::{Error, Result, memory};

use super::bind;
use super::instruction::{Scaled, Step};
use super::output::Output;
use super::row::unfit_value;
use super::row_block::{RowBlock, Workspace};
use super::sink::{ColumnSink, MatrixSink, Sink, TextColumn};
use super::vector::{Columns, TOGETHER, scale_matrix};
use super::{OutputColumn, Program, held, threads};

/// Rows per block: a block of one column and its codes stay in the first-level cache.
pub(super) const BLOCK: usize = 512;

/// Columns of so many rows lie a few in one piece of memory, which the system hands out in fewer and larger pages. The price is
/// that one of them keeps its neighbours: not all, hence the few.
const LARGE: usize = 1 << 18;
const TOGETHER_IN_MEMORY: usize = 8;

/// The most intermediate results of a block: 64 MiB. A plan of very many has shorter blocks.
const MOST_TEMPS: usize = 1 << 23;

/// The plan's output as a table: computed columns as `Float64` without nulls, others as they came.
pub(crate) fn to_table(program: &Program, table: &RecordBatch, threads: NonZeroUsize) -> Result<RecordBatch> {
    let rows = table.num_rows();
    let inputs = bind::columns(program, table)?;
    let bound = bind_all(program, &inputs)?;
    let numbers = program.columns.iter().filter(|column| matches!(column, OutputColumn::Number)).count();
    memory::require::<f64>("transform", "table", &[rows, numbers])?;
    let together = if rows < LARGE { 1 } else { TOGETHER_IN_MEMORY };
    let mut pieces: Vec<(usize, Vec<f64>)> = (0..numbers)
        .step_by(together)
        .map(|first| together.min(numbers - first))
        .map(|columns| (columns, memory::zeros_at_hand(columns * rows)))
        .collect();
    let texts = || {
        let made = |column: &OutputColumn| matches!(column, OutputColumn::Made).then(TextColumn::default);
        program.columns.iter().map(made).collect::<Vec<_>>()
    };
    let mut parts: Vec<_> = threads::parts(rows, threads)
        .map(|rows| (rows, ColumnSink { columns: Vec::new(), texts: texts() }))
        .collect();
    let mut columns = pieces.iter_mut().flat_map(|(_, piece)| piece.chunks_mut(rows.max(1)));
    for column in &program.columns {
        let own = matches!(column, OutputColumn::Number).then(|| columns.next()).flatten();
        let mut rest = own.unwrap_or_default();
        for (rows, sink) in &mut parts {
            let own;
            (own, rest) = rest.split_at_mut(rows.len().min(rest.len()));
            sink.columns.push(own);
        }
    }
    let (sinks, done) = threads::run(program, &bound, parts);
    done.map_err(|stopped| stopped.error)?;
    let mut texts = texts();
    for sink in sinks {
        for (whole, part) in texts.iter_mut().zip(sink.texts) {
            if let (Some(whole), Some(part)) = (whole, part) {
                whole.append(part);
            }
        }
    }
    let mut numbers = pieces.into_iter().flat_map(|(columns, piece)| {
        let piece = Buffer::from_vec(piece);
        let column = move |column: usize| ScalarBuffer::<f64>::new(piece.clone(), column * rows, rows);
        (0..columns).map(column)
    });
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(program.columns.len());
    for (described, texts) in program.columns.iter().zip(texts) {
        interrupt::check("transform")?;
        arrays.push(match described {
            OutputColumn::Number => Arc::new(Float64Array::new(numbers.next().unwrap_or_default(), None)),
            OutputColumn::Shared { slot } => {
                plain_layout(&bind::settled(program.slots[*slot], &inputs[*slot])?)?
            }
            OutputColumn::FilledExact { slot, fill } => {
                bind::filled(program.slots[*slot], &inputs[*slot], *fill)?
            }
            OutputColumn::FilledText { slot, fill } => {
                let filled = (0..rows).map(|row| bound[*slot].text(row).unwrap_or(fill));
                Arc::new(StringArray::from_iter_values(filled))
            }
            OutputColumn::Made => Arc::new(texts.and_then(TextColumn::finish).ok_or_else(too_long)?),
        });
    }
    let schema = typed(program.output.to_arrow()?, &arrays);
    RecordBatch::try_new_with_options(schema, arrays, &RecordBatchOptions::new().with_row_count(Some(rows)))
        .map_err(|cause| Error::internal("transform", "output columns", cause.to_string()).caused_by(cause))
}

fn too_long() -> Error {
    Error::unsupported("transform", "text column", "its texts are more than 2 GiB together")
        .remedy("transform the table in smaller batches")
}

/// The schema with the types that the columns have: numbers that pass through may be of another type than while fitting.
fn typed(schema: ArrowSchema, arrays: &[ArrayRef]) -> SchemaRef {
    let columns = || schema.fields().iter().zip(arrays);
    if columns().all(|(field, array)| field.data_type() == array.data_type()) {
        return Arc::new(schema);
    }
    let field = |(field, array): (&Arc<ArrowField>, &ArrayRef)| {
        field.as_ref().clone().with_data_type(array.data_type().clone())
    };
    Arc::new(ArrowSchema::new(columns().map(field).collect::<Vec<_>>()))
}

/// The plan's output as one row-major matrix `[rows, features]`.
pub(crate) fn to_matrix<T: Output + Default>(
    program: &Program,
    table: &RecordBatch,
    threads: NonZeroUsize,
) -> Result<Tensor> {
    let (rows, width) = (table.num_rows(), program.width());
    let mut values = memory::zeros::<T>("transform", "table", &[rows, width])?;
    fill(program, table, &mut values, true, threads)?;
    Tensor::new([rows, width], values)
}

/// The plan's output for rows of numbers, which lie side by side in the order of the plan's columns.
pub(crate) fn of_rows<I, T>(program: &Program, rows: &[I], threads: NonZeroUsize) -> Result<Vec<T>>
where
    I: Copy + Into<f64> + Sync,
    T: Output + Default,
{
    program.check_numeric()?;
    let width = program.slots.len();
    if width == 0 || !rows.len().is_multiple_of(width) {
        let problem = format!("{} numbers are no rows of {width} columns", rows.len());
        return Err(Error::invalid_input("transform", "rows", problem)
            .remedy("pass one number per column of the plan's input in every row"));
    }
    if let Some(features) = scaled_rows(program, rows, threads) {
        return Ok(features);
    }
    let column = |position: usize| -> Result<ArrayRef> {
        interrupt::check("transform")?;
        let values = rows.iter().skip(position).step_by(width);
        Ok(Arc::new(values.map(|value| (*value).into()).collect::<Float64Array>()))
    };
    let arrays = (0..width).map(column).collect::<Result<Vec<ArrayRef>>>()?;
    let field = |name: &str| ArrowField::new(name, mlcore::arrow::datatypes::DataType::Float64, true);
    let schema = ArrowSchema::new(program.input.names().map(field).collect::<Vec<_>>());
    let table = RecordBatch::try_new(Arc::new(schema), arrays)
        .map_err(|cause| Error::internal("transform", "rows", cause.to_string()).caused_by(cause))?;
    let mut features = memory::zeros::<T>("transform", "rows", &[table.num_rows(), program.width()])?;
    fill(program, &table, &mut features, true, threads)?;
    Ok(features)
}

/// The same where the plan only scales, in one pass over the rows as they lie; `None` where it does more, or refuses
/// something, or the caller is to stop.
fn scaled_rows<I, T>(program: &Program, rows: &[I], threads: NonZeroUsize) -> Option<Vec<T>>
where
    I: Copy + Into<f64> + Sync,
    T: Output + Default,
{
    let width = program.slots.len();
    let scaled = (program.others.is_empty() && program.scaled.len() == width).then_some(&program.scaled)?;
    // A narrower column rounds its numbers first, and one of integers that are handed on is checked for what it loses.
    let as_they_are = |slot: &super::Slot| {
        slot.dtype == DType::Float64
            || slot.takes_any_number()
            || (slot.dtype == DType::Float32 && size_of::<I>() <= size_of::<f32>())
    };
    let straight = scaled.iter().enumerate().all(|(place, one)| (one.slot, one.column) == (place, place));
    if !straight || !program.integers.is_empty() || !program.slots.iter().all(as_they_are) {
        return None;
    }
    let by = Columns::of(scaled.iter().map(|scaled| scaled.by))?;
    if threads.get() > 1 {
        return scaled_parts(rows, &by, width, threads);
    }
    let mut features = Vec::with_capacity(rows.len());
    let mut block = vec![T::default(); rows.len().min(width * BLOCK)];
    let mut pace = Pace::default();
    for rows in rows.chunks(width * BLOCK) {
        if pace.is_stopped(rows.len()) {
            return None;
        }
        let block = block.get_mut(..rows.len())?;
        if !scale_matrix(rows, &by, block) || T::any_infinite(block) {
            return None;
        }
        features.extend_from_slice(block);
    }
    Some(features)
}

/// The same on several threads, each of which writes rows of its own.
fn scaled_parts<I, T>(rows: &[I], by: &Columns, width: usize, threads: NonZeroUsize) -> Option<Vec<T>>
where
    I: Copy + Into<f64> + Sync,
    T: Output + Default,
{
    let mut features = memory::zeros::<T>("transform", "rows", &[rows.len()]).ok()?;
    let mut rest = features.as_mut_slice();
    let mut parts = Vec::new();
    for part in threads::parts(rows.len() / width, threads) {
        let own;
        (own, rest) = rest.split_at_mut(part.len() * width);
        parts.push((rows.get(part.start * width..part.end * width)?, own));
    }
    let done = threads::share("transform", parts, |(rows, features)| {
        let mut pace = Pace::default();
        rows.chunks(width * BLOCK).zip(features.chunks_mut(width * BLOCK)).all(|(rows, features)| {
            !pace.is_stopped(rows.len()) && scale_matrix(rows, by, features) && !T::any_infinite(features)
        })
    });
    done.into_iter().all(|done| matches!(done, Ok(true))).then_some(features)
}

/// Writes the plan's output into a row-major matrix.
pub(crate) fn fill_matrix<T: Output>(
    program: &Program,
    table: &RecordBatch,
    values: &mut [T],
    threads: NonZeroUsize,
) -> Result<()> {
    fill(program, table, values, false, threads)
}

/// The same; where the matrix is `fresh`, it holds zeros already.
fn fill<T: Output>(
    program: &Program,
    table: &RecordBatch,
    values: &mut [T],
    fresh: bool,
    threads: NonZeroUsize,
) -> Result<()> {
    program.check_numeric()?;
    let (rows, width) = (table.num_rows(), program.width());
    if rows.checked_mul(width) != Some(values.len()) {
        return Err(Error::invalid_input(
            "transform",
            "features",
            format!("expected room for {rows} x {width} numbers, got {}", values.len()),
        ));
    }
    let inputs = bind::columns(program, table)?;
    let bound = bind_all(program, &inputs)?;
    let mut rest = &mut *values;
    let mut parts = Vec::new();
    for rows in threads::parts(rows, threads) {
        let own;
        (own, rest) = rest.split_at_mut(rows.len() * width);
        parts.push((rows, MatrixSink { values: own, width, fresh, is_infinite: false, block: Vec::new() }));
    }
    let (sinks, done) = threads::run(program, &bound, parts);
    let is_infinite = sinks.iter().any(|sink| sink.is_infinite);
    let (rows, stopped) = match done {
        Ok(()) => (rows, Ok(())),
        Err(Stopped { row, error }) => (row, Err(error)),
    };
    // Rows before a refused one may be refused for what they lost.
    let written = values.get(..rows * width).unwrap_or_default();
    held::check_table(program, written, is_infinite, |row, slot| bound[slot].value(row))?;
    stopped
}

/// The first row that is refused.
pub(super) struct Stopped {
    pub(super) row: usize,
    pub(super) error: Error,
}

pub(super) fn bind_all<'a>(
    program: &Program,
    inputs: &'a [Cow<'_, ArrayRef>],
) -> Result<Vec<ColumnView<'a>>> {
    let mut bound = Vec::with_capacity(inputs.len());
    for (array, field) in inputs.iter().zip(program.input.fields()) {
        bound.push(ColumnView::new(field.name(), array.as_ref().as_ref())?);
    }
    Ok(bound)
}

/// Text that is passed on leaves as `Utf8`, whatever its layout was.
fn plain_layout(array: &ArrayRef) -> Result<ArrayRef> {
    use mlcore::arrow::datatypes::DataType::{Dictionary, LargeUtf8, Utf8, Utf8View};
    match array.data_type() {
        LargeUtf8 | Utf8View | Dictionary(_, _) => {
            mlcore::arrow::compute::cast(array, &Utf8).map_err(|cause| {
                Error::unsupported("transform", "text column", cause.to_string())
                    .remedy("transform it in smaller batches")
                    .caused_by(cause)
            })
        }
        _ => Ok(array.clone()),
    }
}

/// Runs these rows of the table. The error is the one that running row by row would meet first.
pub(super) fn execute(
    program: &Program,
    bound: &[ColumnView<'_>],
    rows: Range<usize>,
    sink: &mut impl Sink,
) -> Result<(), Stopped> {
    // A plan that only scales needs none.
    let mut workspace = None;
    let mut gathered = Vec::new();
    let mut pace = Pace::default();
    let first = rows.start;
    let block = BLOCK.min(MOST_TEMPS / program.temps.max(1)).max(1);
    for start in rows.clone().step_by(block) {
        let cells = block * program.instructions.len().max(1);
        pace.check("transform", cells).map_err(|error| Stopped { row: start, error })?;
        let mut count = block.min(rows.end - start);
        let mut failure = None;
        sink.clear(start - first, count);
        for (position, (column, slot)) in bound.iter().zip(&program.slots).enumerate() {
            if slot.nullable {
                continue;
            }
            if let Some(offset) = column.first_null(start, count) {
                let error = unfit_value(program, position, &mlcore::batch::Value::Null, Some(start + offset));
                failure = Some(error);
                count = offset;
            }
        }
        for step in &program.steps {
            let (scaled, instructions) = match step {
                Step::One(index) => (None, *index..index + 1),
                Step::Together { scaled, instructions } => (Some(scaled), instructions.clone()),
            };
            let place = (start, start - first, count);
            if failure.is_none()
                && scaled.is_some_and(|scaled| scale_together(scaled, bound, place, &mut gathered, sink))
            {
                continue;
            }
            let workspace =
                workspace.get_or_insert_with(|| Workspace::new(program, bound, block, rows.len()));
            for index in instructions {
                // Rows behind a refused one no longer matter; an earlier one may still be refused by a later step.
                let mut block = RowBlock {
                    program,
                    bound,
                    first,
                    start,
                    count,
                    workspace: &mut *workspace,
                    sink: &mut *sink,
                };
                if let Some(stop) = block.run(index) {
                    failure = Some(stop.error);
                    count = stop.offset;
                }
            }
        }
        sink.finish(start - first, count);
        if let Some(error) = failure {
            return Err(Stopped { row: start + count, error });
        }
    }
    Ok(())
}

/// Scales columns into columns side by side, if the sink does such a thing. The block is told by its first row in the table and
/// in the sink, and its length. Where a number is refused nothing counts, and the instructions say why one by one.
fn scale_together(
    scaled: &[Scaled; TOGETHER],
    bound: &[ColumnView<'_>],
    (start, to, count): (usize, usize, usize),
    gathered: &mut Vec<f64>,
    sink: &mut impl Sink,
) -> bool {
    let as_they_lie = scaled.map(|one| bound[one.slot].doubles());
    if as_they_lie.iter().any(Option::is_none) {
        gathered.resize(TOGETHER * BLOCK, 0.0);
        for ((one, numbers), numbers_here) in
            scaled.iter().zip(gathered.chunks_exact_mut(BLOCK)).zip(&as_they_lie)
        {
            if numbers_here.is_none() {
                bound[one.slot].numbers(start, &mut numbers[..count]);
            }
        }
    }
    let mut columns: [&[f64]; TOGETHER] = [&[]; TOGETHER];
    for (place, (column, doubles)) in columns.iter_mut().zip(as_they_lie).enumerate() {
        *column = match doubles {
            Some(doubles) => &doubles[start..start + count],
            None => &gathered[place * BLOCK..][..count],
        };
    }
    sink.scaled(scaled[0].column, to, columns, scaled.map(|one| one.by))
}

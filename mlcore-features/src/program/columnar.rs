//! Many rows through a plan, a block of rows at a time, with the kernels of the row executor.

use std::borrow::Cow;
use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, RecordBatchOptions, StringArray};
use mlcore::batch::{ColumnView, Tensor, Texts};
use mlcore::{Error, Result};

use super::bind;
use super::kernel::{Kernel, Scaling};
use super::row::{Output, shown_exact, unfit_value};
use super::sink::{ColumnSink, MatrixSink, Sink};
use super::vector::TOGETHER;
use super::{
    Encoder, Instruction, OutputColumn, Place, Program, REFUSED, Read, Refusal, Scaled, Source, Write,
    Writes, ZEROS, exact_bits, shown_number, shown_text,
};

/// Rows per block: a block of one column and its codes stay in the first-level cache.
const BLOCK: usize = 512;

/// The plan's output as a table: computed columns as `Float64` without nulls, others as they came.
pub(crate) fn to_table(program: &Program, table: &RecordBatch) -> Result<RecordBatch> {
    let rows = table.num_rows();
    let inputs = bind::columns(program, table)?;
    let bound = bind_all(program, &inputs)?;
    let mut sink = ColumnSink {
        columns: program
            .columns
            .iter()
            .map(|column| if matches!(column, OutputColumn::Number) { vec![0.0; rows] } else { Vec::new() })
            .collect(),
    };
    execute(program, &bound, rows, &mut sink)?;
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(program.columns.len());
    for (described, numbers) in program.columns.iter().zip(sink.columns) {
        arrays.push(match described {
            OutputColumn::Number => Arc::new(Float64Array::from(numbers)),
            OutputColumn::Shared { slot } => plain_layout(&inputs[*slot])?,
            OutputColumn::FilledExact { slot, fill } => {
                let filled = (0..rows).map(|row| exact_bits(bound[*slot].value(row)).unwrap_or(*fill));
                bind::exact_array(program.slots[*slot].dtype, filled)?
            }
            OutputColumn::FilledText { slot, fill } => {
                let filled = (0..rows).map(|row| bound[*slot].text(row).unwrap_or(fill));
                Arc::new(StringArray::from_iter_values(filled))
            }
        });
    }
    let schema = Arc::new(program.output.to_arrow()?);
    RecordBatch::try_new_with_options(schema, arrays, &RecordBatchOptions::new().with_row_count(Some(rows)))
        .map_err(|cause| Error::internal("transform", "output columns", cause.to_string()).caused_by(cause))
}

/// The plan's output as one row-major matrix `[rows, features]`.
pub(crate) fn to_matrix<T: Output + Default>(program: &Program, table: &RecordBatch) -> Result<Tensor> {
    let (rows, width) = (table.num_rows(), program.width());
    let length = rows.checked_mul(width).ok_or_else(|| {
        Error::unsupported(
            "transform",
            "table",
            format!("{rows} rows of {width} features overflow the memory"),
        )
        .remedy("transform it in smaller batches")
    })?;
    let mut values = vec![T::default(); length];
    fill(program, table, &mut values, true)?;
    Tensor::new([rows, width], values)
}

/// Writes the plan's output into a row-major matrix.
pub(crate) fn fill_matrix<T: Output>(program: &Program, table: &RecordBatch, values: &mut [T]) -> Result<()> {
    fill(program, table, values, false)
}

/// The same; where the matrix is `fresh`, it holds zeros already.
fn fill<T: Output>(program: &Program, table: &RecordBatch, values: &mut [T], fresh: bool) -> Result<()> {
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
    let mut sink = MatrixSink { values, width, fresh, block: Vec::new() };
    execute(program, &bound, rows, &mut sink)
}

fn bind_all<'a>(program: &Program, inputs: &'a [Cow<'_, ArrayRef>]) -> Result<Vec<ColumnView<'a>>> {
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

/// What a block needs besides its columns.
struct Workspace {
    numbers: Vec<f64>,
    codes: Vec<u32>,
    temps: Vec<f64>,
    /// Per instruction, the code of each word of a dictionary; none where no column is one.
    words: Vec<Vec<u32>>,
}

impl Workspace {
    fn new(program: &Program, bound: &[ColumnView<'_>], rows: usize) -> Self {
        let is_dictionary = |bound: &ColumnView<'_>| matches!(bound.texts(), Some(Texts::Dictionary(_)));
        let instructions = if bound.iter().any(is_dictionary) { &program.instructions[..] } else { &[] };
        let words = instructions.iter().map(|instruction| match (&instruction.read, &instruction.write) {
            (Read::Text { slot, fill }, Write::Codes { encoder, .. }) => match bound[*slot].texts() {
                Some(Texts::Dictionary(coded)) if coded.texts().len() <= rows => {
                    coded.texts().iter().map(|text| encoder.text(text.or(fill.as_deref()))).collect()
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        });
        let words = words.collect();
        let block = BLOCK.min(rows);
        Self {
            numbers: vec![0.0; block],
            codes: vec![0; block],
            temps: vec![0.0; program.temps * block],
            words,
        }
    }

    fn temp(&mut self, temp: usize) -> &mut [f64] {
        let block = self.numbers.len();
        &mut self.temps[temp * block..(temp + 1) * block]
    }
}

/// The first value of a block that is refused.
struct Stop {
    offset: usize,
    error: Error,
}

/// Runs all rows. The error is the one that running row by row would meet first.
fn execute(program: &Program, bound: &[ColumnView<'_>], rows: usize, sink: &mut impl Sink) -> Result<()> {
    // A plan that only scales needs none.
    let mut workspace = None;
    for start in (0..rows).step_by(BLOCK) {
        let mut count = BLOCK.min(rows - start);
        let mut failure = None;
        sink.clear(start, count);
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
        let mut scaled = 0..0;
        for index in 0..program.instructions.len() {
            if scaled.contains(&index) {
                continue;
            }
            // Where fewer are left than go together, some are done once more.
            let from = index.min(program.instructions.len().saturating_sub(TOGETHER));
            if failure.is_none() && scale_together(&program.instructions[from..], bound, start, count, sink) {
                scaled = index..from + TOGETHER;
                continue;
            }
            let workspace = workspace.get_or_insert_with(|| Workspace::new(program, bound, rows));
            // Rows behind a refused one no longer matter; an earlier one may still be refused by a later step.
            if let Some(stop) = step(program, index, bound, start, count, workspace, sink) {
                failure = Some(stop.error);
                count = stop.offset;
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
    }
    Ok(())
}

/// Does what the next few instructions do, if all they do is to scale columns that are read as they lie into columns side by
/// side. Where a number is refused nothing counts, and the instructions say why one by one.
fn scale_together(
    instructions: &[Instruction],
    bound: &[ColumnView<'_>],
    start: usize,
    count: usize,
    sink: &mut impl Sink,
) -> bool {
    let Some(instructions) = instructions.first_chunk::<TOGETHER>() else { return false };
    let mut columns: [&[f64]; TOGETHER] = [&[]; TOGETHER];
    let mut by = [Scaling::NONE; TOGETHER];
    let mut first = None;
    for (position, instruction) in instructions.iter().enumerate() {
        let Some(Scaled { slot, column, by: scaling }) = Scaled::of(instruction) else { return false };
        let Some(numbers) = bound[slot].doubles().and_then(|numbers| numbers.get(start..start + count))
        else {
            return false;
        };
        if *first.get_or_insert(column) + position != column {
            return false;
        }
        (columns[position], by[position]) = (numbers, scaling);
    }
    first.is_some_and(|first| sink.scaled(first, start, columns, by))
}

fn step(
    program: &Program,
    index: usize,
    bound: &[ColumnView<'_>],
    start: usize,
    count: usize,
    workspace: &mut Workspace,
    sink: &mut impl Sink,
) -> Option<Stop> {
    let instruction = &program.instructions[index];
    if sink_shares(sink) && instruction.dense_only {
        return None;
    }
    match &instruction.read {
        Read::Number { source, kernels } => {
            let mut refused = load(source, kernels.first(), bound, start, count, workspace);
            let (mut stop, mut count) = (None, count);
            let mut rest = kernels.iter().skip(1);
            loop {
                // A refused value is reported as it was when it was refused.
                if let Some((offset, site)) = refused {
                    let shown = shown_number(workspace.numbers[offset]);
                    let error = program.refused(site, Some(start + offset), &shown, Refusal::NotFinite);
                    stop = Some(Stop { offset, error });
                    count = offset;
                }
                let Some(kernel) = rest.next() else { break };
                refused = kernel.apply_block(&mut workspace.numbers[..count]);
            }
            match &instruction.write {
                Write::Number(place) => write_numbers(*place, start, count, workspace, sink),
                Write::Missing(place) => {
                    for value in &mut workspace.numbers[..count] {
                        *value = f64::from(u8::from(value.is_nan()));
                    }
                    write_numbers(*place, start, count, workspace, sink);
                }
                Write::Codes { encoder, site, first } => {
                    for (code, value) in workspace.codes.iter_mut().zip(&workspace.numbers[..count]) {
                        *code = encoder.number(*value);
                    }
                    let refused = write_codes(encoder, *first, start, count, workspace, sink);
                    if let Some(offset) = refused {
                        let shown = shown_number(workspace.numbers[offset]);
                        let error = program.refused(*site, Some(start + offset), &shown, Refusal::Unknown);
                        stop = Some(Stop { offset, error });
                    }
                }
            }
            stop
        }
        Read::Exact { slot, fill } => {
            let Write::Codes { encoder, site, first } = &instruction.write else { return None };
            let column = &bound[*slot];
            for (row, code) in (start..).zip(&mut workspace.codes[..count]) {
                *code = encoder.exact(exact_bits(column.value(row)).or(*fill));
            }
            let offset = write_codes(encoder, *first, start, count, workspace, sink)?;
            let shown =
                shown_exact(exact_bits(column.value(start + offset)).or(*fill), program.slots[*slot].dtype);
            let error = program.refused(*site, Some(start + offset), &shown, Refusal::Unknown);
            Some(Stop { offset, error })
        }
        Read::Text { slot, fill } => {
            let column = &bound[*slot];
            match &instruction.write {
                Write::Codes { encoder, site, first } => {
                    read_texts(encoder, column, fill.as_deref(), index, start, count, workspace);
                    let offset = write_codes(encoder, *first, start, count, workspace, sink)?;
                    let shown = shown_text(column.text(start + offset).or(fill.as_deref()));
                    let error = program.refused(*site, Some(start + offset), &shown, Refusal::Unknown);
                    Some(Stop { offset, error })
                }
                Write::Missing(place) | Write::Number(place) => {
                    for (row, value) in (start..).zip(&mut workspace.numbers[..count]) {
                        *value = f64::from(u8::from(fill.is_none() && column.text(row).is_none()));
                    }
                    write_numbers(*place, start, count, workspace, sink);
                    None
                }
            }
        }
    }
}

/// Fills the block with the numbers of `source`, to which the first kernel is applied on the way; where it refuses one, its
/// position and the site to report.
fn load(
    source: &Source,
    first: Option<&Kernel>,
    bound: &[ColumnView<'_>],
    start: usize,
    count: usize,
    workspace: &mut Workspace,
) -> Option<(usize, u32)> {
    let Workspace { numbers, temps, .. } = workspace;
    let block = numbers.len();
    let numbers = &mut numbers[..count];
    let ready = match source {
        Source::Input(slot) => {
            match bound[*slot].doubles().and_then(|numbers| numbers.get(start..start + count)) {
                Some(doubles) => doubles,
                None => {
                    bound[*slot].numbers(start, numbers);
                    return first.and_then(|kernel| kernel.apply_block(numbers));
                }
            }
        }
        Source::Temp(temp) => &temps[temp * block..][..count],
    };
    match first {
        Some(kernel) => kernel.apply_from(ready, numbers),
        None => {
            numbers.copy_from_slice(ready);
            None
        }
    }
}

fn sink_shares<S: Sink>(_sink: &S) -> bool {
    S::TABLE
}

/// The code of each text of the block.
fn read_texts(
    encoder: &Encoder,
    column: &ColumnView<'_>,
    fill: Option<&str>,
    index: usize,
    start: usize,
    count: usize,
    workspace: &mut Workspace,
) {
    fn each<'a>(codes: &mut [u32], start: usize, encoder: &Encoder, text: impl Fn(usize) -> Option<&'a str>) {
        for (row, code) in (start..).zip(codes) {
            *code = encoder.text(text(row));
        }
    }
    let codes = &mut workspace.codes[..count];
    let words = workspace.words.get(index).map_or(&[][..], Vec::as_slice);
    match column.texts() {
        Some(Texts::Dictionary(coded)) if !words.is_empty() => {
            let missing = encoder.text(fill);
            for (row, code) in (start..).zip(codes) {
                *code = if column.is_null(row) {
                    missing
                } else {
                    coded
                        .codes()
                        .get(row)
                        .and_then(|key| words.get(*key as usize))
                        .copied()
                        .unwrap_or(missing)
                };
            }
        }
        Some(Texts::Utf8(texts)) if !column.has_nulls() => {
            each(codes, start, encoder, |row| Some(texts.value(row)));
        }
        Some(Texts::View(texts)) if !column.has_nulls() => {
            each(codes, start, encoder, |row| Some(texts.value(row)));
        }
        _ => each(codes, start, encoder, |row| column.text(row).or(fill)),
    }
}

fn write_numbers(place: Place, start: usize, count: usize, workspace: &mut Workspace, sink: &mut impl Sink) {
    match place {
        Place::Output(column) => sink.numbers(column, start, &workspace.numbers[..count]),
        Place::Temp(temp) => {
            let block = workspace.numbers.len();
            let from = temp * block;
            workspace.temps[from..from + count].copy_from_slice(&workspace.numbers[..count]);
        }
    }
}

/// Writes the block's codes; the position of the first that is refused.
fn write_codes(
    encoder: &Encoder,
    first: Place,
    start: usize,
    count: usize,
    workspace: &mut Workspace,
    sink: &mut impl Sink,
) -> Option<usize> {
    let refused = workspace.codes[..count].iter().position(|code| *code == REFUSED);
    let count = refused.unwrap_or(count);
    match (&encoder.writes, first) {
        (Writes::OneHot { .. }, Place::Output(column)) => {
            sink.one_hot(column, start, &workspace.codes[..count]);
        }
        (Writes::OneHot { width }, Place::Temp(temp)) => {
            for column in 0..*width {
                workspace.temp(temp + column)[..count].fill(0.0);
            }
            let block = workspace.numbers.len();
            for (row, code) in workspace.codes[..count].iter().enumerate() {
                if *code != ZEROS {
                    workspace.temps[(temp + *code as usize) * block + row] = 1.0;
                }
            }
        }
        (Writes::Ordinal { values }, place) => {
            let mut numbers = std::mem::take(&mut workspace.numbers);
            // The refused number is still to be shown, so only those before it are replaced.
            for (number, code) in numbers[..count].iter_mut().zip(&workspace.codes) {
                *number = values.get(*code as usize).copied().unwrap_or(f64::NAN);
            }
            workspace.numbers = numbers;
            write_numbers(place, start, count, workspace, sink);
        }
    }
    refused
}

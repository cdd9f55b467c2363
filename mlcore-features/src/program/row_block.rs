//! One instruction on one block of rows, with the kernels of the row executor.

use std::ops::Range;

use mlcore::Error;
use mlcore::batch::{ColumnView, Texts};

use super::coded;
use super::custom::{CustomStep, InputRows};
use super::encoder::{Codes, REFUSED, Writes, ZEROS, exact_bits, row_number};
use super::instruction::{Instruction, Place, Reading, Source, TextFrom, TextReading};
use super::joint::JointKernel;
use super::kernel::Kernel;
use super::moment::{Moment, MomentStep};
use super::row::{shown_exact, shown_moment};
use super::sink::Sink;
use super::text::{TextRow, TextScratch, TextStep};
use super::words::{MadeBlock, MadeText, MakeStep};
use super::{Program, Refusal, shown_number, shown_text};

/// What a block needs besides its columns.
pub(super) struct Workspace {
    /// Rows per block.
    block: usize,
    numbers: Vec<f64>,
    codes: Vec<u32>,
    /// The intermediate results, one column of the block after another.
    temps: Vec<f64>,
    /// Per instruction, the code of each word of a dictionary; none where no column is one.
    words: Vec<Vec<u32>>,
    /// What a joint kernel reads and writes, row after row.
    joint: (Vec<f64>, Vec<f64>),
    texts: TextScratch,
    moments: Vec<Option<Moment>>,
    /// The texts that are made, a block of each, and one of a row.
    made: (Vec<MadeBlock>, MadeText),
}

impl Workspace {
    /// For blocks of so many rows of a table of `rows`.
    pub(super) fn new(program: &Program, bound: &[ColumnView<'_>], block: usize, rows: usize) -> Self {
        let is_dictionary = |bound: &ColumnView<'_>| matches!(bound.texts(), Some(Texts::Dictionary(_)));
        let instructions = if bound.iter().any(is_dictionary) { &program.instructions[..] } else { &[] };
        let words = instructions.iter().map(|instruction| match instruction {
            Instruction::EncodeText { from: TextReading { from: TextFrom::Input(slot), fill }, encoder } => {
                match bound[*slot].texts() {
                    // A dictionary with more words than there are rows is the rest of a larger table: looking each row up is
                    // cheaper then.
                    Some(Texts::Dictionary(coded)) if coded.texts().len() <= rows => {
                        coded.texts().iter().map(|text| encoder.code(text.or(fill.as_deref()))).collect()
                    }
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        });
        let words = words.collect();
        let block = block.min(rows);
        Self {
            block,
            numbers: vec![0.0; block],
            codes: vec![0; block],
            temps: vec![0.0; program.temps * block],
            words,
            joint: (Vec::new(), Vec::new()),
            texts: TextScratch::default(),
            moments: Vec::new(),
            made: ((0..program.made).map(|_| MadeBlock::default()).collect(), MadeText::default()),
        }
    }

    fn temp(&mut self, temp: usize) -> &mut [f64] {
        &mut self.temps[temp * self.block..(temp + 1) * self.block]
    }
}

/// The first value of a block that is refused.
pub(super) struct Stop {
    pub(super) offset: usize,
    pub(super) error: Error,
}

/// Rows `start..start + count` of a table, of which `first` is the first that the sink holds.
pub(super) struct RowBlock<'a, S> {
    pub(super) program: &'a Program,
    pub(super) bound: &'a [ColumnView<'a>],
    pub(super) first: usize,
    pub(super) start: usize,
    pub(super) count: usize,
    pub(super) workspace: &'a mut Workspace,
    pub(super) sink: &'a mut S,
}

impl<S: Sink> RowBlock<'_, S> {
    /// Runs the instruction of this index.
    pub(super) fn run(&mut self, index: usize) -> Option<Stop> {
        match &self.program.instructions[index] {
            Instruction::Number { dense_only: true, .. } if S::TABLE => None,
            Instruction::Number { from, to, .. } => {
                let stop = self.numbers(from);
                self.write_numbers(*to);
                stop
            }
            Instruction::EncodeNumber { from, encoder } => {
                let stop = self.numbers(from);
                let Workspace { codes, numbers, .. } = &mut *self.workspace;
                for (code, value) in codes.iter_mut().zip(&numbers[..self.count]) {
                    *code = encoder.code(*value);
                }
                match self.write_codes(&encoder.output) {
                    // An unknown category stands before the refused number, if there is one.
                    Some(offset) => {
                        let shown = shown_number(self.workspace.numbers[offset]);
                        Some(self.stop(offset, encoder.output.site, &shown, Refusal::Unknown))
                    }
                    None => stop,
                }
            }
            Instruction::EncodeExact { slot, fill, encoder } => {
                let column = &self.bound[*slot];
                for (row, code) in (self.start..).zip(&mut self.workspace.codes[..self.count]) {
                    *code = encoder.code(exact_bits(column.value(row)).or(*fill));
                }
                let offset = self.write_codes(&encoder.output)?;
                let bits = exact_bits(column.value(self.start + offset)).or(*fill);
                let shown = shown_exact(bits, self.program.slots[*slot].dtype);
                Some(self.stop(offset, encoder.output.site, &shown, Refusal::Unknown))
            }
            Instruction::EncodeText { from, encoder } => {
                match from.from {
                    TextFrom::Input(slot) => {
                        let Workspace { codes, words, .. } = &mut *self.workspace;
                        let words = words.get(index).map_or(&[][..], Vec::as_slice);
                        let codes = &mut codes[..self.count];
                        coded::texts(
                            encoder,
                            &self.bound[slot],
                            from.fill.as_deref(),
                            words,
                            self.start,
                            codes,
                        );
                    }
                    TextFrom::Made(_) => {
                        let Workspace { codes, made: (made, _), .. } = &mut *self.workspace;
                        for (offset, code) in codes[..self.count].iter_mut().enumerate() {
                            *code = encoder.code(text_of(from, self.bound, made, self.start, offset));
                        }
                    }
                }
                let offset = self.write_codes(&encoder.output)?;
                let shown = shown_text(text_of(from, self.bound, &self.workspace.made.0, self.start, offset));
                Some(self.stop(offset, encoder.output.site, &shown, Refusal::Unknown))
            }
            Instruction::IndicateText { from, to } => {
                let Workspace { numbers, made: (made, _), .. } = &mut *self.workspace;
                for (offset, value) in numbers[..self.count].iter_mut().enumerate() {
                    let text = text_of(from, self.bound, made, self.start, offset);
                    *value = f64::from(u8::from(text.is_none()));
                }
                self.write_numbers(*to);
                None
            }
            Instruction::Joint { kernel, inputs, outputs } => {
                self.join(kernel.as_ref(), inputs.clone(), outputs.clone());
                None
            }
            Instruction::Text(step) => self.step_texts(step),
            Instruction::Moment(step) => self.step_moments(step),
            Instruction::Custom(step) => self.call(step),
            Instruction::Make(step) => {
                self.make_texts(step);
                None
            }
            Instruction::WriteText { from, column } => {
                for offset in 0..self.count {
                    let text = text_of(from, self.bound, &self.workspace.made.0, self.start, offset);
                    self.sink.text(*column, text);
                }
                None
            }
        }
    }

    fn stop(&self, offset: usize, site: u32, shown: &str, refusal: Refusal) -> Stop {
        Stop { offset, error: self.program.refused(site, Some(self.start + offset), shown, refusal) }
    }

    /// Computes the block of numbers; rows from a refused one on no longer count.
    fn numbers(&mut self, from: &Reading) -> Option<Stop> {
        let mut refused = self.load(&from.source, from.kernels.first());
        let mut stop = None;
        let mut rest = from.kernels.iter().skip(1);
        loop {
            // A refused value is reported as it was when it was refused.
            if let Some((offset, site)) = refused {
                let number = self.workspace.numbers[offset];
                stop = Some(self.stop(offset, site, &shown_number(number), Refusal::of(number)));
                self.count = offset;
            }
            let Some(kernel) = rest.next() else { return stop };
            refused = kernel.apply_block(&mut self.workspace.numbers[..self.count]);
        }
    }

    /// Fills the block with the numbers of `source`, to which the first kernel is applied on the way; where it refuses one,
    /// its position and the site to report.
    fn load(&mut self, source: &Source, first: Option<&Kernel>) -> Option<(usize, u32)> {
        let (start, count) = (self.start, self.count);
        let Workspace { numbers, temps, block, .. } = &mut *self.workspace;
        let numbers = &mut numbers[..count];
        let ready = match source {
            Source::Input(slot) => {
                let doubles = self.bound[*slot].doubles();
                match doubles.and_then(|doubles| doubles.get(start..start + count)) {
                    Some(doubles) => doubles,
                    None => {
                        self.bound[*slot].numbers(start, numbers);
                        return first.and_then(|kernel| kernel.apply_block(numbers));
                    }
                }
            }
            Source::Temp(temp) => &temps[temp * *block..][..count],
        };
        match first {
            Some(kernel) => kernel.apply_from(ready, numbers),
            None => {
                numbers.copy_from_slice(ready);
                None
            }
        }
    }

    /// Runs a joint kernel: it reads and writes rows, and intermediate results lie in columns.
    fn join(&mut self, kernel: &dyn JointKernel, inputs: Range<usize>, outputs: Range<usize>) {
        let count = self.count;
        let Workspace { temps, joint: (from, to), block, .. } = &mut *self.workspace;
        // What the last block left in there is written over: each place belongs to one column.
        to.resize(count * outputs.len(), 0.0);
        gather(temps, *block, inputs, count, from);
        kernel.apply_rows(count, from, to);
        scatter(to, outputs, *block, count, temps);
    }

    /// Runs a kernel over texts, row by row.
    fn step_texts(&mut self, step: &TextStep) -> Option<Stop> {
        let (start, count, bound) = (self.start, self.count, self.bound);
        let Workspace { temps, joint: (numbers, _), texts: scratch, block, made: (made, _), .. } =
            &mut *self.workspace;
        gather(temps, *block, step.numbers.clone(), count, numbers);
        if let Place::Temp(first) = step.to {
            temps[first * *block..(first + step.width) * *block].fill(0.0);
        }
        let each = step.numbers.len();
        for offset in 0..count {
            let text = |position: usize| text_of(&step.texts.get(position)?.from, bound, made, start, offset);
            let exact = |position: usize| {
                let input = step.exacts.get(position)?;
                exact_bits(bound[input.slot].value(start + offset)).or(input.fill)
            };
            let numbers = &numbers[offset * each..(offset + 1) * each];
            let row = TextRow { texts: &text, exacts: &exact, numbers };
            scratch.features.clear();
            if let Err(refused) = step.kernel.apply(&row, scratch) {
                let site = step.texts.get(refused.input).map_or(u32::MAX, |input| input.site);
                let shown = shown_text(text(refused.input));
                return Some(self.stop(offset, site, &shown, Refusal::ByKernel(refused)));
            }
            match step.to {
                Place::Output(first) => {
                    self.sink.sparse(
                        first,
                        step.width,
                        start - self.first + offset,
                        (&scratch.features, step.factor),
                    );
                }
                Place::Temp(first) => {
                    for feature in scratch.features.iter() {
                        let position = feature.position as usize;
                        if position < step.width {
                            temps[(first + position) * *block + offset] = feature.value;
                        }
                    }
                }
            }
        }
        None
    }

    /// Makes texts, row by row.
    fn make_texts(&mut self, step: &MakeStep) {
        let (start, bound, each) = (self.start, self.bound, step.numbers.len());
        let Workspace { temps, joint: (numbers, _), texts: scratch, block, made: (made, one), .. } =
            &mut *self.workspace;
        gather(temps, *block, step.numbers.clone(), self.count, numbers);
        let (before, rest) = made.split_at_mut(step.to);
        let Some(own) = rest.first_mut() else { return };
        own.clear();
        for offset in 0..self.count {
            let text = |position: usize| text_of(step.texts.get(position)?, bound, before, start, offset);
            let numbers = &numbers[offset * each..(offset + 1) * each];
            one.make(step.maker.as_ref(), &TextRow { texts: &text, exacts: &|_| None, numbers }, scratch);
            own.push(one.get());
        }
    }

    /// Runs a kernel over dates and times, row by row.
    fn step_moments(&mut self, step: &MomentStep) -> Option<Stop> {
        let (start, bound, width) = (self.start, self.bound, step.outputs.len());
        let Workspace { temps, joint: (_, to), moments, block, .. } = &mut *self.workspace;
        to.resize(self.count * width, 0.0);
        let mut stopped = None;
        for offset in 0..self.count {
            moments.clear();
            moments
                .extend(step.inputs.iter().map(|input| Moment::of(bound[input.slot].value(start + offset))));
            let outputs = &mut to[offset * width..(offset + 1) * width];
            if let Err(refused) = step.kernel.apply(moments, outputs) {
                stopped = Some((offset, refused));
                break;
            }
        }
        self.count = stopped.map_or(self.count, |(offset, _)| offset);
        to.truncate(self.count * width);
        scatter(to, step.outputs.clone(), *block, self.count, temps);
        let (offset, refused) = stopped?;
        let input = step.inputs.get(refused.input)?;
        let shown = shown_moment(bound[input.slot].value(start + offset));
        Some(self.stop(offset, input.site, &shown, Refusal::ByKernel(refused)))
    }

    /// Asks a function of the host.
    fn call(&mut self, step: &CustomStep) -> Option<Stop> {
        let (start, count, bound) = (self.start, self.count, self.bound);
        let Workspace { temps, joint: (from, to), block, made: (made, _), .. } = &mut *self.workspace;
        gather(temps, *block, step.numbers.clone(), count, from);
        to.resize(count * step.outputs.len(), 0.0);
        let text = |row: usize, position: usize| {
            let reading = step.texts.get(position)?;
            if row < count { text_of(reading, bound, made, start, row) } else { None }
        };
        let outcome = step.run_rows(&InputRows::new(count, from, &text), start, to);
        self.count = outcome.as_ref().map_or_else(|(offset, _)| *offset, |()| count);
        to.truncate(self.count * step.outputs.len());
        scatter(to, step.outputs.clone(), *block, self.count, temps);
        outcome.err().map(|(offset, error)| Stop { offset, error })
    }

    fn write_numbers(&mut self, to: Place) {
        let (start, count) = (self.start - self.first, self.count);
        let Workspace { numbers, temps, block, .. } = &mut *self.workspace;
        match to {
            Place::Output(column) => self.sink.numbers(column, start, &numbers[..count]),
            Place::Temp(temp) => temps[temp * *block..][..count].copy_from_slice(&numbers[..count]),
        }
    }

    /// Writes the block's codes; the position of the first that is refused.
    fn write_codes(&mut self, output: &Codes) -> Option<usize> {
        let codes = &self.workspace.codes[..self.count];
        // Without a way out in the middle, the look at all of them runs on vectors.
        let any = codes.iter().fold(false, |any, code| any | (*code == REFUSED));
        let refused = any.then(|| codes.iter().position(|code| *code == REFUSED)).flatten();
        self.count = refused.unwrap_or(self.count);
        let (start, count) = (self.start - self.first, self.count);
        match (&output.writes, output.to) {
            (Writes::OneHot { .. }, Place::Output(column)) => {
                self.sink.one_hot(column, start, &self.workspace.codes[..count], output.hot);
            }
            (Writes::OneHot { width }, Place::Temp(temp)) => {
                // Nobody clears intermediate results, unlike the output, which the sink clears once per block.
                for column in 0..*width {
                    self.workspace.temp(temp + column)[..count].fill(0.0);
                }
                let Workspace { codes, temps, block, .. } = &mut *self.workspace;
                for (row, code) in codes[..count].iter().enumerate() {
                    if *code != ZEROS {
                        temps[(temp + *code as usize) * *block + row] = 1.0;
                    }
                }
            }
            (Writes::Ordinal { values }, place) => {
                let Workspace { codes, numbers, .. } = &mut *self.workspace;
                // The refused number is still to be shown, so only those before it are replaced.
                for (number, code) in numbers[..count].iter_mut().zip(codes) {
                    *number = values.get(*code as usize).copied().unwrap_or(f64::NAN);
                }
                self.write_numbers(place);
            }
            (Writes::Rows { width, values }, place) => {
                for column in 0..*width {
                    let Workspace { codes, numbers, .. } = &mut *self.workspace;
                    for (number, code) in numbers[..count].iter_mut().zip(codes) {
                        *number = row_number(values, *width, *code, column);
                    }
                    self.write_numbers(place.further(column));
                }
            }
        }
        refused
    }
}

/// The text of a row of a block.
#[inline(always)]
fn text_of<'b>(
    reading: &'b TextReading,
    bound: &'b [ColumnView<'_>],
    made: &'b [MadeBlock],
    start: usize,
    offset: usize,
) -> Option<&'b str> {
    let text = match reading.from {
        TextFrom::Input(slot) => bound[slot].text(start + offset),
        TextFrom::Made(place) => made.get(place).and_then(|made| made.get(offset)),
    };
    text.or(reading.fill.as_deref())
}

/// Lays intermediate results, which are columns, side by side as rows.
fn gather(temps: &[f64], block: usize, inputs: Range<usize>, count: usize, rows: &mut Vec<f64>) {
    let width = inputs.len();
    rows.resize(count * width, 0.0);
    for (position, temp) in inputs.enumerate() {
        let column = &temps[temp * block..][..count];
        for (row, value) in rows.chunks_exact_mut(width).zip(column) {
            row[position] = *value;
        }
    }
}

/// Lays rows out as intermediate results, which are columns.
fn scatter(rows: &[f64], outputs: Range<usize>, block: usize, count: usize, temps: &mut [f64]) {
    let width = outputs.len();
    for (position, temp) in outputs.enumerate() {
        let column = &mut temps[temp * block..][..count];
        for (row, value) in rows.chunks_exact(width).zip(column) {
            *value = row[position];
        }
    }
}

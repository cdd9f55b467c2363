//! What a program does, one instruction after another. Whatever an instruction can say, both executors can do.

use std::mem::discriminant;
use std::ops::Range;
use std::sync::Arc;

use super::custom::CustomStep;
use super::encoder::{BitTable, Encoder, NumberTable, TextTable};
use super::joint::JointKernel;
use super::kernel::{Kernel, Scaling};
use super::moment::MomentStep;
use super::text::TextStep;
use super::vector::TOGETHER;
use super::words::MakeStep;

#[derive(Debug)]
pub(crate) enum Instruction {
    /// Computes a number.
    Number {
        from: Reading,
        to: Place,
        /// Whether the result is needed only where a table's column is shared instead.
        dense_only: bool,
    },
    /// Writes what a number stands for, as a category.
    EncodeNumber { from: Reading, encoder: Encoder<NumberTable> },
    /// Writes what an integer or a bool stands for, as a category.
    EncodeExact { slot: usize, fill: Option<u64>, encoder: Encoder<BitTable> },
    /// Writes what a text stands for, as a category.
    EncodeText { from: TextReading, encoder: Encoder<TextTable> },
    /// Writes 1 where a text is missing, else 0.
    IndicateText { from: TextReading, to: Place },
    /// Computes numbers from numbers of the same row, all of them intermediate results; the inputs stand before the outputs.
    Joint { kernel: Arc<dyn JointKernel>, inputs: Range<usize>, outputs: Range<usize> },
    /// Computes numbers from texts of the same row.
    Text(TextStep),
    /// Computes numbers from dates and times of the same row.
    Moment(MomentStep),
    /// Computes numbers by a function of the host.
    Custom(CustomStep),
    /// Makes a text.
    Make(MakeStep),
    /// Hands a text on to a column of a table. A row is a row of numbers, and has no such column.
    WriteText { from: TextReading, column: usize },
}

/// A text, and what stands in its place where it is missing.
#[derive(Clone, Debug)]
pub(crate) struct TextReading {
    pub(crate) from: TextFrom,
    pub(crate) fill: Option<Arc<str>>,
}

/// Where a text is found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum TextFrom {
    Input(usize),
    Made(usize),
}

/// A number, and what happens to it on the way.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) source: Source,
    pub(crate) kernels: Box<[Kernel]>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Source {
    Input(usize),
    Temp(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Output(usize),
    Temp(usize),
}

impl Place {
    /// The place so many columns further on.
    #[inline(always)]
    pub(crate) fn further(self, columns: usize) -> Self {
        match self {
            Self::Output(column) => Self::Output(column + columns),
            Self::Temp(temp) => Self::Temp(temp + columns),
        }
    }
}

/// What is done for a block of rows at once.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// One instruction.
    One(usize),
    /// Columns that are scaled into columns side by side; where that cannot be done, the instructions do the same one by one.
    Together { scaled: Box<[Scaled; TOGETHER]>, instructions: Range<usize> },
}

impl Step {
    /// The steps that do what these instructions do, in an order in which the same is refused.
    pub(crate) fn all(instructions: &[Instruction]) -> Box<[Self]> {
        let scaled: Vec<Option<Scaled>> = instructions.iter().map(Scaled::of).collect();
        let mut steps = Vec::new();
        let mut next = 0;
        while next < instructions.len() {
            // Where fewer are left than go together, some are done once more.
            let together = (0..TOGETHER).find_map(|again| {
                let first = next.checked_sub(again)?;
                let window: &[Option<Scaled>; TOGETHER] = scaled.get(first..)?.first_chunk()?;
                let [Some(a), Some(b), Some(c), Some(d)] = *window else { return None };
                Scaled::go_together(&[a, b, c, d]).then_some((first + TOGETHER, [a, b, c, d]))
            });
            match together {
                Some((end, scaled)) => {
                    steps.push(Self::Together { scaled: Box::new(scaled), instructions: next..end });
                    next = end;
                }
                None => {
                    steps.push(Self::One(next));
                    next += 1;
                }
            }
        }
        steps.into()
    }
}

/// A number that is read, scaled and written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaled {
    pub(crate) slot: usize,
    pub(crate) column: usize,
    pub(crate) by: Scaling,
}

impl Scaled {
    /// What an instruction does, if it scales a column of the input into one of the output.
    pub(crate) fn of(instruction: &Instruction) -> Option<Self> {
        match instruction {
            Instruction::Number {
                from: Reading { source: Source::Input(slot), kernels },
                to: Place::Output(column),
                dense_only: false,
            } => Some(Self { slot: *slot, column: *column, by: Scaling::of(kernels)? }),
            _ => None,
        }
    }

    /// Whether the columns are written side by side, and by steps of one kind.
    fn go_together(columns: &[Self; TOGETHER]) -> bool {
        columns.windows(2).all(|pair| match pair {
            [left, right] => {
                right.column == left.column + 1 && discriminant(&left.by.step) == discriminant(&right.by.step)
            }
            _ => false,
        })
    }

    /// What those of the instructions do that scale, and the positions of the others.
    pub(crate) fn apart(instructions: &[Instruction]) -> (Box<[Self]>, Box<[usize]>) {
        let scaled = instructions.iter().filter_map(Self::of).collect();
        let others = instructions.iter().enumerate();
        (scaled, others.filter(|(_, one)| Self::of(one).is_none()).map(|(position, _)| position).collect())
    }
}

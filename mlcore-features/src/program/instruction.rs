//! What a program does, one instruction after another. Whatever an instruction can say, both executors can do.

use std::ops::Range;
use std::sync::Arc;

use super::custom::CustomStep;
use super::encoder::{BitTable, Encoder, NumberTable, TextTable};
use super::joint::JointKernel;
use super::kernel::{Kernel, Scaling};
use super::moment::MomentStep;
use super::text::TextStep;
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
                ..
            } => Some(Self { slot: *slot, column: *column, by: Scaling::of(kernels)? }),
            _ => None,
        }
    }

    /// What these instructions do to `width` columns, if each of them scales one.
    pub(crate) fn all(instructions: &[Instruction], width: usize) -> Option<Box<[Self]>> {
        let scaled: Box<[Self]> = instructions.iter().map(Self::of).collect::<Option<_>>()?;
        (scaled.len() == width).then_some(scaled)
    }
}

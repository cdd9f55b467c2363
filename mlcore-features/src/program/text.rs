//! From the texts of a row to numbers, most of which are zero.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use mlcore::{Error, Result};

use super::builder::{Column, Flow, ProgramBuilder};
use super::instruction::{Instruction, Place, TextReading};

/// Arithmetic from the texts of one row, and from numbers beside them, to a block of numbers.
///
/// Both executors call it for one row after another, so that they cannot disagree. A missing text is `None` and a missing
/// number NaN. Whatever comes in, it must not panic, and it keeps what it needs on the way in the scratch, which is used
/// again for the next row: nothing else is allocated.
pub(crate) trait TextKernel: Debug + Send + Sync {
    /// Leaves in `scratch.features`, which is empty, the numbers that are not zero: each position once, and each below the
    /// number of columns that it was given names for.
    fn apply(&self, row: &TextRow<'_>, scratch: &mut TextScratch) -> Result<(), Refused>;
}

/// An input that a kernel does not take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// Which of the texts, or of the moments.
    pub(crate) input: usize,
    /// What it is, behind the value itself.
    pub(crate) problem: &'static str,
    pub(crate) remedy: &'static str,
}

/// What a text kernel reads.
pub(crate) struct TextRow<'a> {
    pub(crate) texts: &'a dyn Fn(usize) -> Option<&'a str>,
    pub(crate) exacts: &'a dyn Fn(usize) -> Option<u64>,
    pub(crate) numbers: &'a [f64],
}

impl<'a> TextRow<'a> {
    /// The text of this position.
    pub(crate) fn text(&self, position: usize) -> Option<&'a str> {
        (self.texts)(position)
    }

    /// The bits of the integer or bool of this position.
    pub(crate) fn exact(&self, position: usize) -> Option<u64> {
        (self.exacts)(position)
    }
}

/// Memory that text kernels use again from row to row.
#[derive(Clone, Default, Debug)]
pub(crate) struct TextScratch {
    /// The text after it was changed.
    pub(crate) text: String,
    /// What is made of several pieces of it.
    pub(crate) joined: String,
    /// Where the pieces begin and end.
    pub(crate) bounds: Vec<(usize, usize)>,
    /// The result.
    pub(crate) features: Sparse,
}

/// Numbers by their position.
#[derive(Clone, Default, Debug)]
pub(crate) struct Sparse(Vec<Feature>);

/// One number of a [`Sparse`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feature {
    pub(crate) position: u32,
    /// When it was added.
    rank: u32,
    pub(crate) value: f64,
}

impl Sparse {
    /// Adds a number; several of one position are added up by [`Sparse::add_up`].
    pub(crate) fn add(&mut self, position: u32, value: f64) {
        let rank = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.push(Feature { position, rank, value });
    }

    /// Sorts by position and adds up, from the earliest on, what is of one position.
    pub(crate) fn add_up(&mut self) {
        self.0.sort_unstable_by_key(|feature| (feature.position, feature.rank));
        self.0.dedup_by(|next, kept| {
            let same = next.position == kept.position;
            if same {
                kept.value += next.value;
            }
            same
        });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Feature> {
        self.0.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Feature> {
        self.0.iter_mut()
    }
}

impl TextScratch {
    /// With room for texts that are not long, so that the first of them needs no memory.
    pub(super) fn with_room() -> Self {
        Self {
            text: String::with_capacity(ROOM),
            joined: String::with_capacity(ROOM),
            bounds: Vec::with_capacity(ROOM),
            features: Sparse(Vec::with_capacity(ROOM)),
        }
    }
}

/// Bytes of a text, and pieces of it: a paragraph.
pub(super) const ROOM: usize = 1024;

/// What a program does with the texts of a row.
#[derive(Debug)]
pub(crate) struct TextStep {
    pub(crate) kernel: Arc<dyn TextKernel>,
    pub(crate) texts: Box<[TextInput]>,
    pub(crate) exacts: Box<[ExactInput]>,
    /// Intermediate results.
    pub(crate) numbers: Range<usize>,
    pub(crate) width: usize,
    pub(crate) to: Place,
    /// What the numbers are multiplied by: 1, or a weight where the columns are the output's.
    pub(crate) factor: f64,
}

/// An integer or a bool that a step reads without loss.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExactInput {
    pub(crate) slot: usize,
    pub(crate) fill: Option<u64>,
}

/// A text that a step reads.
#[derive(Debug)]
pub(crate) struct TextInput {
    pub(crate) from: TextReading,
    /// What to name when it is refused.
    pub(crate) site: u32,
}

impl ProgramBuilder {
    /// The columns of these names that the kernel computes from these columns of text and of numbers.
    pub(crate) fn read_texts(
        &mut self,
        transformer: &str,
        columns: &[Column],
        kernel: impl TextKernel + 'static,
        names: Vec<String>,
    ) -> Result<Vec<Column>> {
        let (texts, numbers): (Vec<&Column>, Vec<&Column>) =
            columns.iter().partition(|column| column.is_text());
        let numbers: Vec<Column> = numbers.into_iter().cloned().collect();
        let numbers = self.intermediate(&numbers)?;
        self.step_texts(transformer, &texts, Vec::new(), numbers, kernel, names)
    }

    /// The same, where the kernel is given integers and bools without loss, beside the numbers.
    pub(crate) fn read_exactly(
        &mut self,
        transformer: &str,
        columns: &[Column],
        kernel: impl TextKernel + 'static,
        names: Vec<String>,
    ) -> Result<Vec<Column>> {
        let (texts, others): (Vec<&Column>, Vec<&Column>) =
            columns.iter().partition(|column| column.is_text());
        let (mut exacts, mut numbers) = (Vec::new(), Vec::new());
        for column in others {
            if let Flow::Exact { slot, fill } = column.flow {
                self.read_as_it_is(slot);
                exacts.push(ExactInput { slot, fill });
            } else {
                numbers.push(column.clone());
            }
        }
        let numbers = self.intermediate(&numbers)?;
        self.step_texts(transformer, &texts, exacts, numbers, kernel, names)
    }

    pub(super) fn step_texts(
        &mut self,
        transformer: &str,
        columns: &[&Column],
        exacts: Vec<ExactInput>,
        numbers: Range<usize>,
        kernel: impl TextKernel + 'static,
        names: Vec<String>,
    ) -> Result<Vec<Column>> {
        let mut texts = Vec::with_capacity(columns.len());
        for column in columns {
            let site = self.site(transformer, column);
            texts.push(TextInput { from: self.text(transformer, column)?, site });
        }
        let width = names.len();
        if u32::try_from(width).is_err() {
            return Err(Error::unsupported("compile plan", transformer, "it makes too many columns"));
        }
        let first = self.temp(width)?;
        self.instructions.push(Instruction::Text(TextStep {
            kernel: Arc::new(kernel),
            texts: texts.into(),
            exacts: exacts.into(),
            numbers,
            width,
            to: Place::Temp(first),
            factor: 1.0,
        }));
        Ok(Column::derived(names, first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_one_position_are_added_up_in_their_order() {
        let mut sparse = Sparse::default();
        for (position, value) in [(3, 1.0), (1, 1e16), (3, -1.0), (1, 1.0), (1, -1e16), (0, 2.0)] {
            sparse.add(position, value);
        }
        sparse.add_up();
        let found: Vec<_> = sparse.iter().map(|feature| (feature.position, feature.value)).collect();
        assert_eq!(found, [(0, 2.0), (1, 0.0), (3, 0.0)]);
    }
}

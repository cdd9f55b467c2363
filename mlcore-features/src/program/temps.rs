//! Leaves intermediate results out that no instruction reads or writes: those of encoders that write into the output.

use super::builder::ProgramBuilder;
use super::encoder::Codes;
use super::instruction::{Instruction, Place, Reading, Source};

impl ProgramBuilder {
    /// Numbers the intermediate results anew, in their order, so that only those take memory that there is a use for.
    pub(super) fn leave_out_unused(&mut self) {
        let mut used = vec![false; self.temps];
        for instruction in &mut self.instructions {
            visit(instruction, &mut |first, count| {
                used.iter_mut().skip(*first).take(count).for_each(|used| *used = true);
            });
        }
        // Those of one instruction stay side by side: all of them are used.
        let mut kept = 0;
        let mut places: Vec<usize> = Vec::with_capacity(used.len() + 1);
        for used in used {
            places.push(kept);
            kept += usize::from(used);
        }
        places.push(kept);
        for instruction in &mut self.instructions {
            visit(instruction, &mut |first, _| {
                *first = places.get(*first).copied().unwrap_or(kept);
            });
        }
        self.temps = kept;
    }
}

/// Shows the first of each range of intermediate results that an instruction reads or writes, and how many there are.
fn visit(instruction: &mut Instruction, seen: &mut dyn FnMut(&mut usize, usize)) {
    fn range(range: &mut std::ops::Range<usize>, seen: &mut dyn FnMut(&mut usize, usize)) {
        let count = range.len();
        seen(&mut range.start, count);
        range.end = range.start + count;
    }
    fn place(place: &mut Place, count: usize, seen: &mut dyn FnMut(&mut usize, usize)) {
        match place {
            Place::Temp(first) => seen(first, count),
            Place::Output(_) => {}
        }
    }
    fn reading(from: &mut Reading, seen: &mut dyn FnMut(&mut usize, usize)) {
        match &mut from.source {
            Source::Temp(temp) => seen(temp, 1),
            Source::Input(_) => {}
        }
    }
    let codes = |codes: &mut Codes, seen: &mut dyn FnMut(&mut usize, usize)| {
        let (to, count, _) = codes.place();
        place(to, count, seen);
    };
    match instruction {
        Instruction::Number { from, to, .. } => {
            reading(from, seen);
            place(to, 1, seen);
        }
        Instruction::EncodeNumber { from, encoder } => {
            reading(from, seen);
            codes(&mut encoder.output, seen);
        }
        Instruction::EncodeExact { encoder, .. } => codes(&mut encoder.output, seen),
        Instruction::EncodeText { encoder, .. } => codes(&mut encoder.output, seen),
        Instruction::IndicateText { to, .. } => place(to, 1, seen),
        Instruction::Joint { inputs, outputs, .. } => {
            range(inputs, seen);
            range(outputs, seen);
        }
        Instruction::Text(step) => {
            range(&mut step.numbers, seen);
            place(&mut step.to, step.width, seen);
        }
        Instruction::Moment(step) => range(&mut step.outputs, seen),
        Instruction::Make(step) => range(&mut step.numbers, seen),
        Instruction::WriteText { .. } => {}
        Instruction::Custom(step) => {
            range(&mut step.numbers, seen);
            range(&mut step.outputs, seen);
        }
    }
}

//! Encoders that write into the output, without an intermediate result in between.

use std::collections::HashMap;

use super::builder::{Column, Flow, ProgramBuilder};
use super::instruction::{Instruction, Place, Source};
use super::kernel::Kernel;

impl ProgramBuilder {
    /// Lets encoders whose columns are the output's, side by side and used nowhere else, write there directly. What is mostly
    /// zero may be multiplied by one weight on the way, so that nobody multiplies the zeros.
    pub(super) fn place_encoders(&mut self, outputs: &[Column]) -> Direct {
        let bare = |column: &Column| match &column.flow {
            Flow::Number { source: Source::Temp(temp), kernels } => match kernels.as_slice() {
                [] => Some((*temp, 1.0)),
                [Kernel::Multiply(weight)] if weight.is_finite() => Some((*temp, *weight)),
                _ => None,
            },
            _ => None,
        };
        let uses = self.uses(outputs);
        let bare_temps: Vec<Option<(usize, f64)>> = outputs.iter().map(bare).collect();
        // The first column that each intermediate result is.
        let firsts = bare_temps.iter().enumerate().rev().filter_map(|(at, own)| Some((own.as_ref()?.0, at)));
        let firsts: HashMap<usize, usize> = firsts.collect();
        let mut direct = Direct(vec![false; outputs.len()]);
        for instruction in &mut self.instructions {
            let (place, width, weight) = match instruction {
                Instruction::EncodeNumber { encoder, .. } => encoder.output.place(),
                Instruction::EncodeExact { encoder, .. } => encoder.output.place(),
                Instruction::EncodeText { encoder, .. } => encoder.output.place(),
                Instruction::IndicateText { to, .. } => (to, 1, None),
                Instruction::Text(step) => (&mut step.to, step.width, Some(&mut step.factor)),
                Instruction::Number { .. }
                | Instruction::Joint { .. }
                | Instruction::Moment(_)
                | Instruction::Custom(_)
                | Instruction::Make(_)
                | Instruction::WriteText { .. } => continue,
            };
            let Place::Temp(temp) = *place else { continue };
            let Some(position) = firsts.get(&temp).copied() else { continue };
            let Some((_, factor)) = bare_temps.get(position).copied().flatten() else { continue };
            let is_weighable = weight.is_some() || factor == 1.0;
            let wanted = (temp..).take(width).map(|temp| Some((temp, factor)));
            let found = bare_temps.iter().skip(position).take(width).copied();
            let once = uses.iter().skip(temp).take(width).all(|uses| *uses == 1);
            if width > 0 && once && is_weighable && found.eq(wanted) {
                *place = Place::Output(position);
                if let Some(weight) = weight {
                    *weight = factor;
                }
                direct.0.iter_mut().skip(position).take(width).for_each(|direct| *direct = true);
            }
        }
        direct
    }

    /// How often each intermediate result is read.
    fn uses(&self, outputs: &[Column]) -> Vec<u32> {
        let mut uses = vec![0_u32; self.temps];
        let mut count = |source: &Source| {
            if let Source::Temp(temp) = source
                && let Some(uses) = uses.get_mut(*temp)
            {
                *uses += 1;
            }
        };
        for column in outputs {
            if let Flow::Number { source, .. } = &column.flow {
                count(source);
            }
        }
        for instruction in &self.instructions {
            match instruction {
                Instruction::Number { from, .. } | Instruction::EncodeNumber { from, .. } => {
                    count(&from.source);
                }
                Instruction::Joint { inputs, .. } => {
                    inputs.clone().for_each(|temp| count(&Source::Temp(temp)));
                }
                Instruction::Custom(step) => {
                    step.numbers.clone().for_each(|temp| count(&Source::Temp(temp)));
                }
                Instruction::Text(step) => {
                    step.numbers.clone().for_each(|temp| count(&Source::Temp(temp)));
                }
                Instruction::EncodeExact { .. }
                | Instruction::EncodeText { .. }
                | Instruction::IndicateText { .. }
                | Instruction::WriteText { .. }
                | Instruction::Moment(_) => {}
                Instruction::Make(step) => {
                    step.numbers.clone().for_each(|temp| count(&Source::Temp(temp)));
                }
            }
        }
        uses
    }
}

/// Which outputs an encoder writes itself.
pub(super) struct Direct(Vec<bool>);

impl Direct {
    pub(super) fn remove(&mut self, position: usize) -> bool {
        self.0.get_mut(position).is_some_and(std::mem::take)
    }
}

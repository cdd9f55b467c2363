//! From a program to a graph: instruction by instruction, in the order of the program.

use mlcore::schema::DType;
use mlcore::{Error, Result};

use super::inputs::Inputs;
use super::{OPERATION, OnnxExport};
use crate::graph::proto::Element;
use crate::graph::search::Keys;
use crate::graph::{Graph, Inexpressible, Number, Tensor};
use crate::program::instruction::{Instruction, Place, Reading, Source, TextFrom, TextReading};
use crate::program::kernel::Kernel;
use crate::program::{OutputColumn, Program};

/// A program on its way into a graph.
pub(super) struct Lowering<'a> {
    pub(super) program: &'a Program,
    pub(super) options: &'a OnnxExport,
    pub(super) graph: Graph,
    pub(super) inputs: Inputs,
    temps: Vec<Option<Number>>,
    outputs: Vec<Option<Number>>,
    /// Numbers that wait for others to which the same is done, so that all are computed at once.
    waiting: Vec<(&'a Reading, Place)>,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(program: &'a Program, options: &'a OnnxExport, graph: Graph) -> Self {
        Self {
            program,
            options,
            graph,
            inputs: Inputs::new(program, options),
            temps: vec![None; program.temps],
            outputs: vec![None; program.width()],
            waiting: Vec::new(),
        }
    }

    /// Writes the whole program; the features lie in the tensor `[N, width]` that is answered.
    pub(super) fn run(&mut self) -> Result<Tensor> {
        for (position, instruction) in self.program.instructions.iter().enumerate() {
            self.instruction(position, instruction)?;
        }
        self.compute_waiting()?;
        self.check_integers()?;
        let features: Option<Vec<Number>> = self.outputs.iter().copied().collect();
        let features = features.ok_or_else(|| internal("a feature is computed by no instruction"))?;
        Ok(self.graph.side_by_side(&features))
    }

    fn instruction(&mut self, position: usize, instruction: &'a Instruction) -> Result<()> {
        if let Instruction::Number { from, to, .. } = instruction {
            return self.wait(from, *to);
        }
        self.compute_waiting()?;
        match instruction {
            Instruction::Number { .. } => Ok(()),
            Instruction::EncodeNumber { from, encoder } => self.encode_number(from, encoder),
            Instruction::EncodeExact { slot, fill, encoder } => self.encode_exact(*slot, *fill, encoder),
            Instruction::EncodeText { from: TextReading { from: TextFrom::Input(slot), fill }, encoder } => {
                self.encode_text(*slot, fill.as_deref(), encoder)
            }
            Instruction::IndicateText { from: TextReading { from: TextFrom::Input(slot), fill }, to } => {
                let missing = self.missing_text(*slot, fill.is_some())?;
                self.write(*to, Number::alone(missing))
            }
            Instruction::EncodeText { .. }
            | Instruction::IndicateText { .. }
            | Instruction::Make(_)
            | Instruction::WriteText { .. } => {
                let problem = "ONNX has no operators that make texts";
                Err(self.refused_step(position, Inexpressible(problem)))
            }
            Instruction::Joint { kernel, inputs, outputs } => {
                let numbers: Option<Vec<Number>> =
                    inputs.clone().map(|temp| self.temps.get(temp).copied().flatten()).collect();
                let numbers = numbers.ok_or_else(|| internal("a number is read before it is computed"))?;
                let made = kernel
                    .onnx(&mut self.graph, &numbers)
                    .map_err(|problem| self.refused_step(position, problem))?;
                for (number, temp) in made.into_iter().zip(outputs.clone()) {
                    let number = self.with_rows(number)?;
                    self.write(Place::Temp(temp), number)?;
                }
                Ok(())
            }
            Instruction::Text(_) => {
                let problem = "ONNX has no operators that take texts apart as it does";
                Err(self.refused_step(position, Inexpressible(problem)))
            }
            Instruction::Custom(step) => {
                let name = step.operation.strip_prefix("transform with ").unwrap_or(&step.operation);
                let problem = format!(
                    "on {}: it is a function of the host, which ONNX has not",
                    step.columns.join(", ")
                );
                Err(Error::unsupported(OPERATION, name, problem).remedy(
                    "run the plan with its own executors before the model, or leave the step out of the plan",
                ))
            }
            Instruction::Moment(_) => {
                let problem = "ONNX has no dates and times";
                Err(self.refused_step(position, Inexpressible(problem)))
            }
        }
    }

    /// The error of a step that has no operators.
    fn refused_step(&self, instruction: usize, Inexpressible(problem): Inexpressible) -> Error {
        let origin = self.program.origins.iter().find(|origin| origin.instructions.contains(&instruction));
        let (transformer, columns) =
            origin.map_or(("plan", ""), |origin| (origin.transformer, origin.columns.as_str()));
        Error::unsupported(OPERATION, transformer, format!("on {columns}: {problem}"))
            .remedy("run the plan with its own executors before the model, or leave the step out of the plan")
    }

    /// The error of a function of one number that has no operators.
    fn refused_site(&self, site: u32, Inexpressible(problem): Inexpressible) -> Error {
        let site = self.program.sites.get(site as usize);
        let (operation, column) =
            site.map_or(("plan", ""), |site| (site.operation.as_str(), site.column.as_str()));
        let transformer = operation.strip_prefix("transform with ").unwrap_or(operation);
        Error::unsupported(OPERATION, transformer, format!("on {column}: {problem}"))
            .remedy("run the plan with its own executors before the model, or leave the step out of the plan")
    }

    pub(super) fn write(&mut self, to: Place, number: Number) -> Result<()> {
        let place = match to {
            Place::Temp(temp) => self.temps.get_mut(temp),
            Place::Output(position) => self.outputs.get_mut(position),
        };
        *place.ok_or_else(|| internal("an instruction writes beyond the features"))? = Some(number);
        Ok(())
    }

    /// The number with a row for each row of the table, which a constant has not.
    fn with_rows(&mut self, number: Number) -> Result<Number> {
        if self.graph.has_rows(number.block) {
            return Ok(number);
        }
        let zeros = self.zeros()?;
        let column = self.graph.column(number);
        Ok(Number::alone(self.graph.add(zeros, column)))
    }

    /// Zeros, one for each row.
    pub(super) fn zeros(&mut self) -> Result<Tensor> {
        let slot = (0..self.program.slots.len())
            .find(|slot| self.program.slots.get(*slot).is_some_and(|slot| !slot.dtype.is_temporal()))
            .ok_or_else(|| {
                Error::unsupported(OPERATION, "plan", "it reads no column that says how many rows there are")
            })?;
        let is_text = self.program.slots.get(slot).is_some_and(|slot| slot.dtype == DType::String);
        if is_text {
            return self.missing_text(slot, true);
        }
        let column = self.inputs.raw(&mut self.graph, slot)?;
        let number = self.inputs.widened(&mut self.graph, slot, column);
        let missing = self.graph.is_missing(number);
        let zero = self.graph.number(0.0);
        Ok(self.graph.choose(missing, zero, zero))
    }

    /// Lets a number wait while the same is done to others.
    fn wait(&mut self, from: &'a Reading, to: Place) -> Result<()> {
        let joins = self.waiting.first().is_some_and(|(first, _)| is_alike(first, from))
            && self.waiting.iter().all(|(_, place)| !matches!((place, from.source), (Place::Temp(written), Source::Temp(read)) if *written == read));
        if !joins {
            self.compute_waiting()?;
        }
        self.waiting.push((from, to));
        Ok(())
    }

    fn compute_waiting(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let sources: Vec<Source> = waiting.iter().map(|(from, _)| from.source).collect();
        let chains: Vec<&[Kernel]> = waiting.iter().map(|(from, _)| &*from.kernels).collect();
        let block = self.sources(&sources)?;
        let block = self.kernels(block, &chains)?;
        for (number, (_, to)) in Number::all(block, waiting.len()).into_iter().zip(&waiting) {
            self.write(*to, number)?;
        }
        Ok(())
    }

    /// The number that is read, after its steps: `[N, 1]`.
    pub(super) fn reading(&mut self, from: &Reading) -> Result<Tensor> {
        let block = self.sources(&[from.source])?;
        self.kernels(block, &[&from.kernels])
    }

    /// Numbers side by side, as `double`.
    fn sources(&mut self, sources: &[Source]) -> Result<Tensor> {
        let slots: Option<Vec<usize>> = sources
            .iter()
            .map(|source| match source {
                Source::Input(slot) => Some(*slot),
                Source::Temp(_) => None,
            })
            .collect();
        if let Some(slots) = slots {
            return self.inputs.numbers(&mut self.graph, &slots);
        }
        let mut numbers = Vec::with_capacity(sources.len());
        for source in sources {
            numbers.push(match source {
                Source::Input(slot) => Number::alone(self.inputs.numbers(&mut self.graph, &[*slot])?),
                Source::Temp(temp) => self
                    .temps
                    .get(*temp)
                    .copied()
                    .flatten()
                    .ok_or_else(|| internal("a number is read before it is computed"))?,
            });
        }
        Ok(self.graph.side_by_side(&numbers))
    }

    /// Columns after steps of the same kind, each with numbers of its own.
    fn kernels(&mut self, mut block: Tensor, chains: &[&[Kernel]]) -> Result<Tensor> {
        let length = chains.first().map_or(0, |chain| chain.len());
        for step in 0..length {
            let kernels: Vec<&Kernel> = chains.iter().filter_map(|chain| chain.get(step)).collect();
            block = self.kernel(block, &kernels)?;
        }
        Ok(block)
    }

    fn kernel(&mut self, block: Tensor, kernels: &[&Kernel]) -> Result<Tensor> {
        let Some(first) = kernels.first() else { return Ok(block) };
        let graph = &mut self.graph;
        let each = |graph: &mut Graph, number: fn(&Kernel) -> f64| {
            let numbers: Vec<f64> = kernels.iter().map(|kernel| number(kernel)).collect();
            graph.numbers(&numbers)
        };
        if matches!(
            first,
            Kernel::RefuseInfinite { .. }
                | Kernel::RefuseInfiniteAndImpute { .. }
                | Kernel::RefuseInfiniteAndStandardize { .. }
        ) {
            let infinite = graph.is_infinite(block);
            graph.refuse(infinite, kernels.len());
        }
        Ok(match first {
            Kernel::RefuseInfinite { .. } => block,
            Kernel::RefuseNonFinite { .. } => {
                let refused = graph.is_not_finite(block);
                graph.refuse(refused, kernels.len());
                block
            }
            Kernel::Impute(_) | Kernel::RefuseInfiniteAndImpute { .. } => {
                let fill = each(graph, operand);
                graph.impute(block, fill)
            }
            Kernel::Indicate => {
                let missing = graph.is_missing(block);
                graph.flag(missing)
            }
            Kernel::Subtract(_) => {
                let number = each(graph, operand);
                graph.subtract(block, number)
            }
            Kernel::Divide(_) => {
                let number = each(graph, operand);
                graph.divide(block, number)
            }
            Kernel::Multiply(_) => {
                let number = each(graph, operand);
                graph.multiply(block, number)
            }
            Kernel::Add(_) => {
                let number = each(graph, operand);
                graph.add(block, number)
            }
            Kernel::Clip { .. } => {
                let (low, high) = (each(graph, operand), each(graph, second_operand));
                graph.clip(block, low, high)
            }
            Kernel::Standardize { .. } | Kernel::RefuseInfiniteAndStandardize { .. } => {
                let (mean, scale) = (each(graph, operand), each(graph, second_operand));
                let centred = graph.subtract(block, mean);
                graph.divide(centred, scale)
            }
            Kernel::Rescale { .. } => {
                let (scale, offset) = (each(graph, operand), each(graph, second_operand));
                let scaled = graph.multiply(block, scale);
                graph.add(scaled, offset)
            }
            Kernel::Bin(edges) => {
                let passed = graph.passed(block, Keys::Numbers(edges));
                graph.cast(passed, Element::Float64)
            }
            Kernel::Function { site, function } => {
                let made = function.onnx(graph, block);
                made.map_err(|problem| self.refused_site(*site, problem))?
            }
        })
    }

    /// Refuses rows whose integers are handed on and would become others.
    fn check_integers(&mut self) -> Result<()> {
        let narrow = self.options.features;
        for column in &self.program.columns {
            let (OutputColumn::Shared { slot } | OutputColumn::FilledExact { slot, .. }) = column else {
                continue;
            };
            if self.program.slots.get(*slot).is_some_and(|slot| slot.dtype.is_integer()) {
                self.inputs.refuse_rounded(&mut self.graph, *slot, narrow)?;
            }
        }
        Ok(())
    }
}

/// Whether the same is done to both numbers, with whatever constants.
fn is_alike(one: &Reading, other: &Reading) -> bool {
    let is_wide = |kernel: &Kernel| !matches!(kernel, Kernel::Bin(_) | Kernel::Function { .. });
    one.kernels.len() == other.kernels.len()
        && one
            .kernels
            .iter()
            .zip(&other.kernels)
            .all(|(one, other)| std::mem::discriminant(one) == std::mem::discriminant(other) && is_wide(one))
}

/// The first number of a step.
fn operand(kernel: &Kernel) -> f64 {
    match kernel {
        Kernel::Impute(number)
        | Kernel::Subtract(number)
        | Kernel::Divide(number)
        | Kernel::Multiply(number)
        | Kernel::Add(number)
        | Kernel::Clip { low: number, .. }
        | Kernel::RefuseInfiniteAndImpute { fill: number, .. }
        | Kernel::Standardize { mean: number, .. }
        | Kernel::RefuseInfiniteAndStandardize { mean: number, .. }
        | Kernel::Rescale { scale: number, .. } => *number,
        Kernel::RefuseInfinite { .. }
        | Kernel::RefuseNonFinite { .. }
        | Kernel::Indicate
        | Kernel::Bin(_)
        | Kernel::Function { .. } => f64::NAN,
    }
}

/// The second number of a step that has two.
fn second_operand(kernel: &Kernel) -> f64 {
    match kernel {
        Kernel::Clip { high: number, .. }
        | Kernel::Standardize { scale: number, .. }
        | Kernel::RefuseInfiniteAndStandardize { scale: number, .. }
        | Kernel::Rescale { offset: number, .. } => *number,
        Kernel::Impute(_)
        | Kernel::Subtract(_)
        | Kernel::Divide(_)
        | Kernel::Multiply(_)
        | Kernel::Add(_)
        | Kernel::RefuseInfiniteAndImpute { .. }
        | Kernel::RefuseInfinite { .. }
        | Kernel::RefuseNonFinite { .. }
        | Kernel::Indicate
        | Kernel::Bin(_)
        | Kernel::Function { .. } => f64::NAN,
    }
}

pub(super) fn internal(problem: &'static str) -> Error {
    Error::internal(OPERATION, "plan", problem)
}

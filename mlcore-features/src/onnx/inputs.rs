//! The inputs of a graph: one per column of the plan that anything reads.

use std::collections::HashMap;

use mlcore::schema::DType;
use mlcore::{Error, Result};

use super::{FloatType, OPERATION, OnnxExport};
use crate::graph::proto::Element;
use crate::graph::{Graph, Tensor};
use crate::program::{Program, Slot};

/// What a column is as an input, and the input where one was asked for.
#[derive(Debug)]
struct Input {
    name: String,
    slot: Slot,
    /// `None` for dates and times, which ONNX has not.
    element: Option<Element>,
    tensor: Option<Tensor>,
}

#[derive(Debug)]
pub(super) struct Inputs {
    inputs: Vec<Input>,
    /// Columns as `double` side by side.
    widened: HashMap<Vec<usize>, Tensor>,
}

/// 2^53: beyond, a `double` stands for several integers.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

impl Inputs {
    pub(super) fn new(program: &Program, options: &OnnxExport) -> Self {
        let input = |(name, slot): (&str, &Slot)| Input {
            name: name.to_owned(),
            slot: *slot,
            element: element(*slot, options),
            tensor: None,
        };
        let inputs = program.input.names().zip(&program.slots).map(input).collect();
        Self { inputs, widened: HashMap::new() }
    }

    /// The names and types of those that are read, in the order of the plan's columns.
    pub(super) fn declared(&self) -> impl Iterator<Item = (&str, Element)> {
        self.inputs
            .iter()
            .filter(|input| input.tensor.is_some())
            .filter_map(|input| Some((input.name.as_str(), input.element?)))
    }

    fn get(&self, slot: usize) -> Result<&Input> {
        self.inputs.get(slot).ok_or_else(|| super::lower::internal("a column is read that there is not"))
    }

    pub(super) fn element(&self, slot: usize) -> Result<Element> {
        let Input { name, slot, element, .. } = self.get(slot)?;
        element.ok_or_else(|| {
            Error::unsupported(OPERATION, name, format!("ONNX has no tensors of {}", slot.dtype))
                .remedy("derive an hour, a weekday or an age before the plan, and drop the column")
        })
    }

    pub(super) fn name(&self, slot: usize) -> &str {
        self.inputs.get(slot).map_or("", |input| &input.name)
    }

    pub(super) fn slot(&self, slot: usize) -> Result<Slot> {
        self.get(slot).map(|input| input.slot)
    }

    /// Whether the column's floats arrive rounded.
    pub(super) fn is_rounded(&self, slot: usize) -> bool {
        self.inputs.get(slot).is_some_and(|input| {
            input.slot.dtype == DType::Float64 && input.element == Some(Element::Float32)
        })
    }

    /// The column as it is given, `[N, 1]`. An integer that is looked up and that the column's type does not hold is refused.
    pub(super) fn raw(&mut self, graph: &mut Graph, slot: usize) -> Result<Tensor> {
        if let Some(known) = self.get(slot)?.tensor {
            return Ok(known);
        }
        let element = self.element(slot)?;
        let tensor = graph.input(&self.get(slot)?.name);
        if let Some(input) = self.inputs.get_mut(slot) {
            input.tensor = Some(tensor);
        }
        let own = self.slot(slot)?;
        if own.exact {
            self.refuse_unheld(graph, own, element, tensor);
        }
        Ok(tensor)
    }

    fn refuse_unheld(&self, graph: &mut Graph, slot: Slot, element: Element, tensor: Tensor) {
        let (low, high) = range(slot.dtype);
        match element {
            Element::Float64 => {
                let (low, high) = ((low as f64).max(-LARGEST_EXACT), (high as f64).min(LARGEST_EXACT));
                let whole = graph.node("Floor", &[tensor]);
                let is_whole = graph.equal(tensor, whole);
                let (low, high) = (graph.number(low), graph.number(high));
                let (from_low, to_high) = (graph.at_least(tensor, low), graph.at_most(tensor, high));
                let within = graph.and(from_low, to_high);
                let held = graph.and(is_whole, within);
                let missing = graph.is_missing(tensor);
                let held = graph.or(held, missing);
                let refused = graph.is_not(held);
                graph.refuse(refused, 1);
            }
            Element::Int64 if (low, high) != (i128::from(i64::MIN), i128::from(i64::MAX)) => {
                let (low, high) = (graph.integer(low as i64), graph.integer(high as i64));
                let (below, above) = (graph.less(tensor, low), graph.greater(tensor, high));
                let refused = graph.or(below, above);
                graph.refuse(refused, 1);
            }
            Element::Int64
            | Element::UInt64
            | Element::Bool
            | Element::Float32
            | Element::Float16
            | Element::String => {}
        }
    }

    /// Columns of numbers side by side as `double`, `[N, columns]`; those of one type are cast together.
    pub(super) fn numbers(&mut self, graph: &mut Graph, slots: &[usize]) -> Result<Tensor> {
        if let Some(known) = self.widened.get(slots) {
            return Ok(*known);
        }
        let kind = |slot: usize| {
            let is_half = self.slot(slot).is_ok_and(|slot| slot.dtype == DType::Float16);
            (self.get(slot).ok().and_then(|input| input.element), is_half)
        };
        let mut pieces = Vec::new();
        let runs: Vec<Vec<usize>> =
            slots.chunk_by(|left, right| kind(*left) == kind(*right)).map(<[usize]>::to_vec).collect();
        for run in runs {
            let raw = run.iter().map(|slot| self.raw(graph, *slot)).collect::<Result<Vec<_>>>()?;
            let together = match raw[..] {
                [one] => one,
                _ => graph.concatenated(&raw),
            };
            let first = run.first().copied().unwrap_or_default();
            pieces.push(self.widened(graph, first, together));
        }
        let all = match pieces[..] {
            [one] => one,
            _ => graph.concatenated(&pieces),
        };
        self.widened.insert(slots.to_vec(), all);
        Ok(all)
    }

    /// Values of the slot's input as `double`.
    pub(super) fn widened(&self, graph: &mut Graph, slot: usize, raw: Tensor) -> Tensor {
        let Some(input) = self.inputs.get(slot) else { return raw };
        let raw = if input.slot.dtype == DType::Float16 { graph.cast(raw, Element::Float16) } else { raw };
        if input.element == Some(Element::Float64) { raw } else { graph.cast(raw, Element::Float64) }
    }

    /// Refuses the rows where the integer of this column is handed on and floats of the features' type do not hold it.
    pub(super) fn refuse_rounded(
        &mut self,
        graph: &mut Graph,
        slot: usize,
        features: FloatType,
    ) -> Result<()> {
        let dtype = self.slot(slot)?.dtype;
        let is_small = matches!(dtype, DType::Int8 | DType::Int16 | DType::UInt8 | DType::UInt16);
        if is_small || features == FloatType::Float64 && matches!(dtype, DType::Int32 | DType::UInt32) {
            return Ok(());
        }
        let element = self.element(slot)?;
        let raw = self.raw(graph, slot)?;
        let wide = self.numbers(graph, &[slot])?;
        let rounded = match features {
            FloatType::Float32 => {
                let narrow = graph.cast(wide, Element::Float32);
                graph.cast(narrow, Element::Float64)
            }
            FloatType::Float64 => wide,
        };
        let refused = if element == Element::Float64 {
            // What has a fraction is no integer, and is rounded like any number.
            let whole = graph.node("Floor", &[wide]);
            let is_whole = graph.equal(wide, whole);
            let same = graph.equal(rounded, wide);
            let other = graph.is_not(same);
            graph.and(is_whole, other)
        } else {
            // The greatest integer is rounded to one that the type does not have.
            let end = if element == Element::UInt64 {
                18_446_744_073_709_551_616.0
            } else {
                9_223_372_036_854_775_808.0
            };
            let (end, zero) = (graph.number(end), graph.number(0.0));
            let within = graph.less(rounded, end);
            let kept = graph.choose(within, rounded, zero);
            let back = graph.cast(kept, element);
            let same = graph.equal(back, raw);
            let held = graph.and(same, within);
            graph.is_not(held)
        };
        graph.refuse(refused, 1);
        Ok(())
    }
}

/// What a column is as an input.
fn element(slot: Slot, options: &OnnxExport) -> Option<Element> {
    let is_missing = slot.nullable && !options.integers_are_present;
    Some(match slot.dtype {
        DType::String => Element::String,
        dtype if dtype.is_temporal() => return None,
        DType::Float64 if options.float_inputs == FloatType::Float64 => Element::Float64,
        dtype if dtype.is_float() => Element::Float32,
        _ if is_missing => Element::Float64,
        DType::Bool => Element::Bool,
        DType::UInt64 => Element::UInt64,
        _ => Element::Int64,
    })
}

/// The integers of a type.
fn range(dtype: DType) -> (i128, i128) {
    let signed = |bits: u32| (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1);
    let unsigned = |bits: u32| (0, (1_i128 << bits) - 1);
    match dtype {
        DType::Bool => unsigned(1),
        DType::Int8 => signed(8),
        DType::Int16 => signed(16),
        DType::Int32 => signed(32),
        DType::UInt8 => unsigned(8),
        DType::UInt16 => unsigned(16),
        DType::UInt32 => unsigned(32),
        DType::UInt64 => unsigned(64),
        _ => signed(64),
    }
}

//! Rounds of regressions of each column on the others.

use std::borrow::Cow;

use mlcore::Result;
use mlcore::interrupt;
use serde::{Deserialize, Serialize};

use super::bayesian_ridge;
use crate::graph::{Graph, Inexpressible, Number, Tensor};
use crate::program::joint::JointKernel;
use crate::program::kernel::clip;

/// A column as a linear function of the others.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    pub(super) column: usize,
    /// One for each column of the table; 0 for the column itself, and for those that are left out.
    #[serde(with = "mlcore::exact")]
    pub(super) weights: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    intercept: f64,
}

impl Model {
    fn predict(&self, row: impl Iterator<Item = f64>, bounds: (f64, f64)) -> f64 {
        let sum: f64 = row.zip(&self.weights).map(|(value, weight)| value * weight).sum();
        clip(sum + self.intercept, bounds.0, bounds.1)
    }
}

/// What is asked of the rounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) most: u32,
    pub(super) tolerance: f64,
    pub(super) bounds: (f64, f64),
    pub(super) order: &'a [usize],
}

/// The functions of all rounds in order, and how many rounds there were. A column whose initial value is NaN is left out; an
/// empty one that is kept stays as it is filled first.
pub(super) fn fit(
    numbers: &[Cow<'_, [f64]>],
    initial: &[f64],
    empty: &[bool],
    asked: &Asked<'_>,
    operation: &'static str,
) -> Result<(Vec<Model>, u64)> {
    let kept = initial.iter().filter(|initial| !initial.is_nan()).count();
    let mut models = Vec::new();
    if kept < 2 || asked.most == 0 {
        return Ok((models, 0));
    }
    let rows = numbers.first().map_or(0, |values| values.len());
    let fill = |(values, initial): (&Cow<'_, [f64]>, &f64)| -> Vec<f64> {
        // What is left out is 0, and has no weight.
        let first = if initial.is_nan() { 0.0 } else { *initial };
        values.iter().map(|value| if value.is_nan() { first } else { *value }).collect()
    };
    let mut filled: Vec<Vec<f64>> = numbers.iter().zip(initial).map(fill).collect();
    let present = numbers.iter().flat_map(|values| values.iter()).filter(|value| !value.is_nan());
    let tolerance = asked.tolerance * present.fold(0.0, |greatest: f64, value| greatest.max(value.abs()));
    for round in 1..=asked.most {
        let before = filled.clone();
        for column in asked.order.iter().copied().filter(|column| !empty[*column]) {
            interrupt::check(operation)?;
            let has = |row: &usize| !numbers[column][*row].is_nan();
            let others: Vec<usize> =
                (0..filled.len()).filter(|other| *other != column && !initial[*other].is_nan()).collect();
            let chosen = |values: &[f64]| (0..rows).filter(has).map(|row| values[row]).collect::<Vec<f64>>();
            let train: Vec<Vec<f64>> = others.iter().map(|other| chosen(&filled[*other])).collect();
            let line = bayesian_ridge::fit(&train, &chosen(&filled[column]), operation)?;
            let mut weights = vec![0.0; filled.len()];
            for (other, weight) in others.into_iter().zip(line.weights) {
                weights[other] = weight;
            }
            let model = Model { column, weights, intercept: line.intercept };
            for row in (0..rows).filter(|row| !has(row)) {
                filled[column][row] = model.predict(filled.iter().map(|values| values[row]), asked.bounds);
            }
            models.push(model);
        }
        let change = |row: usize| {
            filled.iter().zip(&before).map(|(own, before)| (own[row] - before[row]).abs()).sum::<f64>()
        };
        if (0..rows).map(change).fold(0.0, f64::max) < tolerance || round == asked.most {
            return Ok((models, round.into()));
        }
    }
    Ok((models, asked.most.into()))
}

/// Fills a row by the functions of all rounds.
#[derive(Debug)]
pub(super) struct Rounds {
    pub(super) initial: Vec<f64>,
    pub(super) empty: Vec<bool>,
    pub(super) models: Vec<Model>,
    pub(super) bounds: (f64, f64),
}

impl JointKernel for Rounds {
    fn apply(&self, inputs: &[f64], outputs: &mut [f64]) {
        for ((output, input), initial) in outputs.iter_mut().zip(inputs).zip(&self.initial) {
            *output = match (initial.is_nan(), input.is_nan()) {
                (true, _) => 0.0,
                (false, true) => *initial,
                (false, false) => *input,
            };
        }
        for model in &self.models {
            let is_missing = inputs.get(model.column).is_some_and(|input| input.is_nan());
            if !is_missing || self.empty.get(model.column).copied().unwrap_or(true) {
                continue;
            }
            let value = model.predict(outputs.iter().copied(), self.bounds);
            if let Some(output) = outputs.get_mut(model.column) {
                *output = value;
            }
        }
    }

    fn onnx(&self, graph: &mut Graph, inputs: &[Number]) -> Result<Vec<Number>, Inexpressible> {
        let zero = graph.number(0.0);
        let missing: Vec<Tensor> = inputs
            .iter()
            .map(|input| {
                let column = graph.column(*input);
                graph.is_missing(column)
            })
            .collect();
        let mut filled: Vec<Number> = Vec::with_capacity(inputs.len());
        for ((input, missing), initial) in inputs.iter().zip(&missing).zip(&self.initial) {
            let column = graph.column(*input);
            let (fill, present) =
                if initial.is_nan() { (zero, zero) } else { (graph.number(*initial), column) };
            filled.push(Number::alone(graph.choose(*missing, fill, present)));
        }
        for model in &self.models {
            let (Some(missing), Some(own)) = (missing.get(model.column), filled.get(model.column).copied())
            else {
                continue;
            };
            if self.empty.get(model.column).copied().unwrap_or(true) {
                continue;
            }
            let mut weights = model.weights.clone();
            weights.resize(filled.len(), 0.0);
            let weights = graph.matrix(&weights, &[filled.len(), 1]);
            let row = graph.side_by_side(&filled);
            let (sum, intercept) = (graph.node("MatMul", &[row, weights]), graph.number(model.intercept));
            let (low, high) = (graph.number(self.bounds.0), graph.number(self.bounds.1));
            let sum = graph.add(sum, intercept);
            let value = graph.clip(sum, low, high);
            let own = graph.column(own);
            let imputed = Number::alone(graph.choose(*missing, value, own));
            if let Some(place) = filled.get_mut(model.column) {
                *place = imputed;
            }
        }
        Ok(filled)
    }
}

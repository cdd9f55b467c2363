//! Expressions over numbers as operators of ONNX.

use super::evaluate::{Evaluate, Step, Unary};
use super::operation::Binary;
use crate::graph::search::Keys;
use crate::graph::{Graph, Inexpressible, Number, Tensor};

/// A stack that is too low, as none that was compiled is.
const TOO_LOW: Inexpressible = Inexpressible("its steps do not fit each other");

impl Evaluate {
    /// The number that the steps compute, as [`JointKernel::apply`](crate::program::joint::JointKernel::apply) does.
    pub(super) fn written(&self, graph: &mut Graph, inputs: &[Number]) -> Result<Tensor, Inexpressible> {
        let mut stack = Stack(Vec::new());
        for step in &self.0 {
            let value = stack.step(graph, step, inputs)?;
            stack.0.push(value);
        }
        stack.0.into_iter().next().ok_or(TOO_LOW)
    }
}

struct Stack(Vec<Tensor>);

impl Stack {
    fn pop(&mut self) -> Result<Tensor, Inexpressible> {
        self.0.pop().ok_or(TOO_LOW)
    }

    /// Takes so many values off, the earliest first.
    fn fold(
        &mut self,
        count: usize,
        mut of: impl FnMut(Tensor, Tensor) -> Tensor,
    ) -> Result<Tensor, Inexpressible> {
        let first = self.0.len().checked_sub(count).ok_or(TOO_LOW)?;
        let taken = self.0.split_off(first);
        taken.into_iter().reduce(&mut of).ok_or(TOO_LOW)
    }

    fn step(&mut self, graph: &mut Graph, step: &Step, inputs: &[Number]) -> Result<Tensor, Inexpressible> {
        Ok(match step {
            Step::Load(position) => {
                let number = inputs.get(*position).ok_or(TOO_LOW)?;
                graph.column(*number)
            }
            Step::Constant(value) => graph.number(*value),
            Step::Binary(binary) => {
                let (right, left) = (self.pop()?, self.pop()?);
                binary.onnx(graph, left, right)
            }
            Step::Unary(unary) => {
                let value = self.pop()?;
                unary.onnx(graph, value)
            }
            Step::Choose => {
                let (otherwise, condition, value) = (self.pop()?, self.pop()?, self.pop()?);
                let one = graph.number(1.0);
                let is_true = graph.equal(condition, one);
                graph.choose(is_true, value, otherwise)
            }
            Step::Pick { value, otherwise } => {
                let known = |graph: &mut Graph, stack: &mut Self, number: Option<f64>| match number {
                    Some(number) => Ok(graph.number(number)),
                    None => stack.pop(),
                };
                let otherwise = known(graph, self, *otherwise)?;
                let condition = self.pop()?;
                let value = known(graph, self, *value)?;
                let one = graph.number(1.0);
                let is_true = graph.equal(condition, one);
                graph.choose(is_true, value, otherwise)
            }
            Step::RoundTo => {
                let (digits, value, ten) = (self.pop()?, self.pop()?, graph.number(10.0));
                let scale = graph.node("Pow", &[ten, digits]);
                let scaled = graph.multiply(value, scale);
                let rounded = graph.node("Round", &[scaled]);
                let rounded = graph.divide(rounded, scale);
                // A number too large to be scaled has no digits behind the point.
                let is_infinite = graph.node("IsInf", &[scaled]);
                graph.choose(is_infinite, value, rounded)
            }
            Step::Clip => {
                let (high, low, value) = (self.pop()?, self.pop()?, self.pop()?);
                graph.clip(value, low, high)
            }
            Step::OrElse => {
                let (value, otherwise) = (self.pop()?, self.pop()?);
                graph.impute(value, otherwise)
            }
            Step::Coalesce(count) => self.fold(*count, |value, next| graph.impute(value, next))?,
            Step::Min(count) => self.fold(*count, |least, next| {
                let below = graph.less(next, least);
                further(graph, least, next, below)
            })?,
            Step::Max(count) => self.fold(*count, |most, next| {
                let above = graph.greater(next, most);
                further(graph, most, next, above)
            })?,
            Step::Among(members) => {
                let value = self.pop()?;
                let (found, _) = graph.found(value, Keys::Numbers(members));
                unless_missing(graph, value, value, found)
            }
            Step::Lookup(table) => {
                let (default, key) = (self.pop()?, self.pop()?);
                let (keys, numbers): (Vec<f64>, Vec<f64>) = table.iter().copied().unzip();
                let (found, place) = graph.found(key, Keys::Numbers(&keys));
                let Some(place) = place else { return Ok(default) };
                let numbers = graph.matrix(&numbers, &[numbers.len()]);
                let number = graph.gather(numbers, place, 0);
                graph.choose(found, number, default)
            }
        })
    }
}

/// The next number where it is further or the first is missing.
fn further(graph: &mut Graph, first: Tensor, next: Tensor, is_further: Tensor) -> Tensor {
    let missing = graph.is_missing(first);
    let taken = graph.or(is_further, missing);
    graph.choose(taken, next, first)
}

/// The truth value as a number, missing where one of the two is.
fn unless_missing(graph: &mut Graph, left: Tensor, right: Tensor, truth: Tensor) -> Tensor {
    let (left, right) = (graph.is_missing(left), graph.is_missing(right));
    let missing = graph.or(left, right);
    let (flag, nothing) = (graph.flag(truth), graph.number(f64::NAN));
    graph.choose(missing, nothing, flag)
}

impl Unary {
    fn onnx(self, graph: &mut Graph, value: Tensor) -> Tensor {
        match self {
            Self::Negate => graph.negated(value),
            Self::Not => {
                let zero = graph.number(0.0);
                let is_false = graph.equal(value, zero);
                unless_missing(graph, value, value, is_false)
            }
            Self::IsNull => {
                let missing = graph.is_missing(value);
                graph.flag(missing)
            }
            Self::Abs => graph.node("Abs", &[value]),
            Self::Ceil => graph.node("Ceil", &[value]),
            Self::Exp => graph.node("Exp", &[value]),
            Self::Floor => graph.node("Floor", &[value]),
            Self::Log => graph.node("Log", &[value]),
            Self::Log1p => graph.log1p(value),
            Self::Round => graph.node("Round", &[value]),
            Self::Sqrt => graph.node("Sqrt", &[value]),
        }
    }
}

impl Binary {
    fn onnx(self, graph: &mut Graph, left: Tensor, right: Tensor) -> Tensor {
        match self {
            Self::Add => graph.add(left, right),
            Self::Subtract => graph.subtract(left, right),
            Self::Multiply => graph.multiply(left, right),
            Self::Divide => graph.divide(left, right),
            Self::Remainder => graph.remainder(left, right),
            Self::Power => {
                let (power, nothing) = (graph.node("Pow", &[left, right]), graph.number(f64::NAN));
                let (left, right) = (graph.is_missing(left), graph.is_missing(right));
                let missing = graph.or(left, right);
                graph.choose(missing, nothing, power)
            }
            Self::Equal => {
                let truth = graph.equal(left, right);
                unless_missing(graph, left, right, truth)
            }
            Self::Unequal => {
                let same = graph.equal(left, right);
                let truth = graph.is_not(same);
                unless_missing(graph, left, right, truth)
            }
            Self::Less => {
                let truth = graph.less(left, right);
                unless_missing(graph, left, right, truth)
            }
            Self::AtMost => {
                let truth = graph.at_most(left, right);
                unless_missing(graph, left, right, truth)
            }
            Self::Greater => {
                let truth = graph.greater(left, right);
                unless_missing(graph, left, right, truth)
            }
            Self::AtLeast => {
                let truth = graph.at_least(left, right);
                unless_missing(graph, left, right, truth)
            }
            Self::And => decided(graph, left, right, 0.0),
            Self::Or => decided(graph, left, right, 1.0),
        }
    }
}

/// Kleene's logic: one operand that decides by itself needs no other.
fn decided(graph: &mut Graph, left: Tensor, right: Tensor, deciding: f64) -> Tensor {
    let (decides, other, nothing) =
        (graph.number(deciding), graph.number(1.0 - deciding), graph.number(f64::NAN));
    let (by_left, by_right) = (graph.equal(left, decides), graph.equal(right, decides));
    let is_decided = graph.or(by_left, by_right);
    let (left, right) = (graph.is_missing(left), graph.is_missing(right));
    let missing = graph.or(left, right);
    let open = graph.choose(missing, nothing, other);
    graph.choose(is_decided, decides, open)
}

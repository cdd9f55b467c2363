//! What is computed with numbers, one step after another on a stack.

use super::operation::Binary;
use crate::graph::{Graph, Inexpressible, Number};
use crate::program::joint::JointKernel;

/// A step on the stack of numbers. NaN is a missing one; a truth value is 1, 0 or missing.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Step {
    /// The number of this position among those that are read.
    Load(usize),
    Constant(f64),
    Binary(Binary),
    Unary(Unary),
    Choose,
    /// A choice of which one value, or both, are known.
    Pick {
        value: Option<f64>,
        otherwise: Option<f64>,
    },
    Clip,
    /// Takes the digits behind the point, which are few.
    RoundTo,
    /// The earlier of two where it is present; `OrElse` takes the later one first.
    Coalesce(usize),
    OrElse,
    Min(usize),
    Max(usize),
    /// Sorted numbers.
    Among(Box<[f64]>),
    /// Sorted keys, and their numbers.
    Lookup(Box<[(f64, f64)]>),
}

/// A function of one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unary {
    Negate,
    Not,
    IsNull,
    Abs,
    Ceil,
    Exp,
    Floor,
    Log,
    Log1p,
    Round,
    Sqrt,
}

impl Unary {
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Negate => -value,
            Self::Not => unless_missing(value, value, value == 0.0),
            Self::IsNull => flag(value.is_nan()),
            Self::Abs => value.abs(),
            Self::Ceil => value.ceil(),
            Self::Exp => value.exp(),
            Self::Floor => value.floor(),
            Self::Log => value.ln(),
            Self::Log1p => value.ln_1p(),
            Self::Round => value.round_ties_even(),
            Self::Sqrt => value.sqrt(),
        }
    }
}

impl Binary {
    pub(crate) fn of(self, left: f64, right: f64) -> f64 {
        let compared = |truth| unless_missing(left, right, truth);
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Remainder => remainder(left, right),
            // Rust's powers of 1 and to 0 are 1 whatever the other is, NaN too.
            Self::Power if left.is_nan() || right.is_nan() => f64::NAN,
            Self::Power => left.powf(right),
            Self::Equal => compared(left == right),
            Self::Unequal => compared(left != right),
            Self::Less => compared(left < right),
            Self::AtMost => compared(left <= right),
            Self::Greater => compared(left > right),
            Self::AtLeast => compared(left >= right),
            // Kleene's logic: one that decides by itself needs no other.
            Self::And if left == 0.0 || right == 0.0 => 0.0,
            Self::Or if left == 1.0 || right == 1.0 => 1.0,
            Self::And => compared(true),
            Self::Or => compared(false),
        }
    }
}

fn flag(truth: bool) -> f64 {
    f64::from(u8::from(truth))
}

fn unless_missing(left: f64, right: f64, truth: bool) -> f64 {
    if left.is_nan() || right.is_nan() { f64::NAN } else { flag(truth) }
}

/// With the sign of the divisor, as in Python.
fn remainder(left: f64, right: f64) -> f64 {
    let rest = left % right;
    if rest != 0.0 && (rest < 0.0) != (right < 0.0) { rest + right } else { rest }
}

/// Computes one number; it stands in the first output, and the others are the stack.
#[derive(Debug)]
pub(crate) struct Evaluate(pub(crate) Box<[Step]>);

impl JointKernel for Evaluate {
    fn apply(&self, inputs: &[f64], outputs: &mut [f64]) {
        let mut stack = Stack { values: outputs, height: 0 };
        for step in &self.0 {
            stack.run(step, inputs);
        }
    }

    fn onnx(&self, graph: &mut Graph, inputs: &[Number]) -> Result<Vec<Number>, Inexpressible> {
        Ok(vec![Number::alone(self.written(graph, inputs)?)])
    }
}

struct Stack<'a> {
    values: &'a mut [f64],
    height: usize,
}

impl Stack<'_> {
    fn push(&mut self, value: f64) {
        if let Some(place) = self.values.get_mut(self.height) {
            *place = value;
            self.height += 1;
        }
    }

    fn pop(&mut self) -> f64 {
        self.height = self.height.saturating_sub(1);
        self.values.get(self.height).copied().unwrap_or(f64::NAN)
    }

    /// Takes so many numbers off, the earliest first.
    fn fold(&mut self, count: usize, of: impl Fn(f64, f64) -> f64) {
        let first = self.height.saturating_sub(count);
        let taken = self.values.get(first..self.height).unwrap_or_default();
        let folded = taken.iter().copied().reduce(of).unwrap_or(f64::NAN);
        self.height = first;
        self.push(folded);
    }

    fn run(&mut self, step: &Step, inputs: &[f64]) {
        let value = match step {
            Step::Load(position) => inputs.get(*position).copied().unwrap_or(f64::NAN),
            Step::Constant(value) => *value,
            Step::Binary(binary) => {
                let (right, left) = (self.pop(), self.pop());
                binary.of(left, right)
            }
            Step::Unary(unary) => unary.of(self.pop()),
            Step::Choose => {
                let (otherwise, condition, value) = (self.pop(), self.pop(), self.pop());
                if condition == 1.0 { value } else { otherwise }
            }
            Step::Pick { value, otherwise } => {
                let otherwise = otherwise.unwrap_or_else(|| self.pop());
                let condition = self.pop();
                let value = value.unwrap_or_else(|| self.pop());
                if condition == 1.0 { value } else { otherwise }
            }
            Step::RoundTo => {
                let (digits, value) = (self.pop(), self.pop());
                let scale = 10_f64.powi(digits as i32);
                let scaled = value * scale;
                // A number too large to be scaled has no digits behind the point.
                if scaled.is_infinite() { value } else { scaled.round_ties_even() / scale }
            }
            Step::Clip => {
                let (high, low, value) = (self.pop(), self.pop(), self.pop());
                // A missing bound bounds nothing.
                let raised = if value < low { low } else { value };
                if raised > high { high } else { raised }
            }
            Step::OrElse => {
                let (value, otherwise) = (self.pop(), self.pop());
                if value.is_nan() { otherwise } else { value }
            }
            Step::Coalesce(count) => {
                return self.fold(*count, |value, next| if value.is_nan() { next } else { value });
            }
            Step::Min(count) => {
                return self
                    .fold(*count, |least, next| if next < least || least.is_nan() { next } else { least });
            }
            Step::Max(count) => {
                return self
                    .fold(*count, |most, next| if next > most || most.is_nan() { next } else { most });
            }
            Step::Among(members) => {
                let value = self.pop();
                unless_missing(value, value, members.binary_search_by(|own| order(*own, value)).is_ok())
            }
            Step::Lookup(table) => {
                let (default, key) = (self.pop(), self.pop());
                let found = table.binary_search_by(|(own, _)| order(*own, key)).ok();
                found.and_then(|place| table.get(place)).map_or(default, |(_, value)| *value)
            }
        };
        self.push(value);
    }
}

/// The order of numbers among which none is NaN; a NaN that is looked for is equal to none.
pub(crate) fn order(own: f64, value: f64) -> std::cmp::Ordering {
    own.partial_cmp(&value).unwrap_or(std::cmp::Ordering::Less)
}

use std::fmt::Debug;

use crate::graph::{Graph, Inexpressible, Tensor};

/// A function of one number, for steps that need no variant of [`Kernel`](super::kernel::Kernel) of their own.
///
/// The row executor calls [`NumberKernel::takes`] and [`NumberKernel::apply`], the columnar one
/// [`NumberKernel::first_refused`] and [`NumberKernel::apply_block`], which are the same bodies for one value after another:
/// they cannot disagree. NaN stands for a missing number. Any number may come in; none may panic.
pub(crate) trait NumberKernel: Debug + Send + Sync {
    /// Whether the number is taken. One that is not is an error that names its column and row.
    fn takes(&self, value: f64) -> bool {
        let _ = value;
        true
    }

    /// The number that this one becomes.
    fn apply(&self, value: f64) -> f64;

    /// The position of the first of these numbers that is not taken.
    fn first_refused(&self, values: &[f64]) -> Option<usize> {
        values.iter().position(|value| !self.takes(*value))
    }

    /// Puts what each number becomes in its place.
    fn apply_block(&self, values: &mut [f64]) {
        for value in values {
            *value = self.apply(*value);
        }
    }

    /// Writes the same into a graph of ONNX: what each of these numbers becomes, and which of them it refuses.
    fn onnx(&self, graph: &mut Graph, value: Tensor) -> Result<Tensor, Inexpressible> {
        let _ = (graph, value);
        Err(Inexpressible("no operators of ONNX compute what it does"))
    }
}

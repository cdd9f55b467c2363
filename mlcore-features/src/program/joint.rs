use std::fmt::Debug;

use crate::graph::{Graph, Inexpressible, Number};

/// Arithmetic over several columns of one row: from some numbers to some, which need not be as many.
///
/// The row executor calls [`JointKernel::apply`], the columnar one [`JointKernel::apply_rows`], which is the same body for
/// one row after another: they cannot disagree. NaN stands for a missing number. Any numbers may come in; none may panic.
pub(crate) trait JointKernel: Debug + Send + Sync {
    /// Computes the numbers of one row from those of the same row.
    fn apply(&self, inputs: &[f64], outputs: &mut [f64]);

    /// The same for `rows` rows that lie one after another.
    fn apply_rows(&self, rows: usize, inputs: &[f64], outputs: &mut [f64]) {
        // A row of no numbers is a row too.
        let (from, to) = (inputs.len() / rows.max(1), outputs.len() / rows.max(1));
        for row in 0..rows {
            self.apply(&inputs[row * from..(row + 1) * from], &mut outputs[row * to..(row + 1) * to]);
        }
    }

    /// Writes the same into a graph of ONNX: the numbers that it makes of these.
    fn onnx(&self, graph: &mut Graph, inputs: &[Number]) -> Result<Vec<Number>, Inexpressible> {
        let _ = (graph, inputs);
        Err(Inexpressible("no operators of ONNX compute what it does"))
    }
}

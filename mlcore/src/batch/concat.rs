//! Rows of several batches as one: how requests share a run.

use super::{Batch, Tensor};
use crate::error::{Error, Result};
use crate::schema::match_element;

impl Tensor {
    /// Puts the rows of `tensors` one after another, in their order, into a tensor of its own memory.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no tensor and for a scalar, [`Error::SchemaMismatch`] for tensors of different element
    /// types or different rows.
    pub fn concat_rows(tensors: &[Self]) -> Result<Self> {
        let Some(first) = tensors.first() else {
            return Err(Error::invalid_input(CONCAT, "tensors", "there is none"));
        };
        let mut shape = first.shape().to_vec();
        let mut rows = 0;
        for tensor in tensors {
            let Some((own, rest)) = tensor.shape().split_first() else {
                return Err(Error::invalid_input(CONCAT, "tensors", "a scalar has no rows"));
            };
            if tensor.dtype() != first.dtype() || shape.get(1..) != Some(rest) {
                let (dtype, shape) = (tensor.dtype(), tensor.shape());
                let problem = format!("{dtype} {shape:?} among {} {:?}", first.dtype(), first.shape());
                return Err(Error::schema_mismatch(CONCAT, "tensors", problem));
            }
            rows += own;
        }
        if let Some(axis) = shape.first_mut() {
            *axis = rows;
        }
        match_element!(
            first.dtype(),
            T => {
                // Each element is copied once, from its tensor to its place.
                let mut values: Vec<T> = Vec::with_capacity(shape.iter().product());
                for tensor in tensors {
                    values.extend_from_slice(tensor.values::<T>()?);
                }
                Self::new(shape, values)
            },
            _ => Self::strings(shape, tensors.iter().filter_map(|tensor| tensor.texts().ok()).flatten())
        )
    }
}

impl Batch {
    /// Puts the rows of `batches` one after another: the way to run several requests at once. Tensors are found by name and
    /// stand in the order of the first batch; [`Batch::rows_in`] takes the rows of one request out again.
    ///
    /// ```
    /// use mlcore::batch::{Batch, Tensor};
    ///
    /// let one = Batch::single("x", Tensor::column(vec![1.0, 2.0]));
    /// let other = Batch::single("x", Tensor::column(vec![3.0]));
    /// let both = Batch::concat_rows(&[one, other.clone()])?;
    /// assert_eq!(both.tensor("x")?.values::<f64>()?, [1.0, 2.0, 3.0]);
    /// assert_eq!(both.rows_in(2..3)?, other);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no batch and for a batch whose tensors differ in their number of rows,
    /// [`Error::SchemaMismatch`] naming the tensor that one of the batches lacks or has in another type or shape.
    pub fn concat_rows(batches: &[Self]) -> Result<Self> {
        let Some(first) = batches.first() else {
            return Err(Error::invalid_input(CONCAT, "batches", "there is none"));
        };
        for batch in batches {
            // Rows that stood beside each other would not any more.
            if batch.rows().is_none() {
                return Err(Error::invalid_input(
                    CONCAT,
                    "batches",
                    "one has no rows, or tensors of several lengths",
                ));
            }
            if let Some(unknown) = batch.names().find(|name| first.find(name).is_none()) {
                return Err(Error::schema_mismatch(CONCAT, unknown, "not every batch has it"));
            }
        }
        let tensors = first.as_slice().iter().map(|(name, _)| {
            let parts = batches.iter().map(|batch| batch.find(name).cloned()).collect::<Option<Vec<_>>>();
            let parts = parts
                .ok_or_else(|| Error::schema_mismatch(CONCAT, name.as_str(), "not every batch has it"))?;
            let whole = Tensor::concat_rows(&parts).map_err(|error| {
                Error::schema_mismatch(CONCAT, name.as_str(), error.context().problem()).caused_by(error)
            })?;
            Ok((name.clone(), whole))
        });
        Self::new(tensors.collect::<Result<Vec<_>>>()?)
    }
}

const CONCAT: &str = "join batches";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_every_kind_come_out_as_they_went_in() {
        let batch = |rows: usize, start: usize| {
            let numbers = start..start + rows;
            Batch::new([
                (
                    "number",
                    Tensor::new([rows, 2], numbers.clone().flat_map(|n| [n as f32, 0.5]).collect()).unwrap(),
                ),
                ("word", Tensor::strings([rows], numbers.clone().map(|n| format!("word {n}"))).unwrap()),
                ("truth", Tensor::column(numbers.map(|n| n % 2 == 0).collect::<Vec<_>>())),
            ])
            .unwrap()
        };
        let parts = [batch(2, 0), batch(0, 2), batch(1, 2), batch(6, 3)];
        let whole = Batch::concat_rows(&parts).unwrap();
        assert_eq!(whole, batch(9, 0));
        for (part, range) in parts.iter().zip([0..2, 2..2, 2..3, 3..9]) {
            assert_eq!(whole.rows_in(range).unwrap(), *part);
        }
    }

    #[test]
    fn what_does_not_belong_together_is_named() {
        let batch = |name: &str, tensor: Tensor| Batch::single(name, tensor);
        let floats = || batch("x", Tensor::column(vec![0.5_f32]));
        for (other, expected) in [
            (batch("y", Tensor::column(vec![0.5_f32])), "join batches y: not every batch has it"),
            (batch("x", Tensor::column(vec![0.5_f64])), "join batches x: float64 [1] among float32 [1]"),
            (
                batch("x", Tensor::new([1, 2], vec![0.5_f32; 2]).unwrap()),
                "join batches x: float32 [1, 2] among",
            ),
            (batch("x", Tensor::new([], vec![0.5_f32]).unwrap()), "join batches batches: one has no rows"),
            (Batch::default(), "join batches batches: one has no rows"),
        ] {
            let error = Batch::concat_rows(&[floats(), other]).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(Batch::concat_rows(&[]).is_err());
        let more =
            Batch::new([("x", Tensor::column(vec![0.5_f32])), ("y", Tensor::column(vec![1_u8]))]).unwrap();
        assert!(
            Batch::concat_rows(&[floats(), more.clone()]).is_err()
                && Batch::concat_rows(&[more, floats()]).is_err()
        );
    }
}

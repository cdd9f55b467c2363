//! Tensors from and as arrays of the crate `ndarray`.

use ndarray::{ArrayD, ArrayViewD, IxDyn};

use super::tensor::Shape;
use super::{Element, Tensor};
use crate::error::{Error, Result};

impl Tensor {
    /// The elements of an `ndarray` array; row-major ones are moved, others are copied into that order.
    ///
    /// ```
    /// use mlcore::batch::Tensor;
    /// use mlcore::ndarray::array;
    ///
    /// let tensor = Tensor::from_array(array![[1.0, 2.0], [3.0, 4.0]].reversed_axes().into_dyn());
    /// assert_eq!(tensor.values::<f64>()?, [1.0, 3.0, 2.0, 4.0]);
    /// assert_eq!(tensor.array::<f64>()?[[1, 0]], 2.0);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    #[must_use]
    pub fn from_array<T: Element>(array: ArrayD<T>) -> Self {
        let shape = Shape::from_slice(array.shape());
        let length: usize = shape.iter().product();
        let values = if array.is_standard_layout() {
            let (values, offset) = array.into_raw_vec_and_offset();
            match offset.unwrap_or(0) {
                0 if values.len() == length => values,
                offset => values.into_iter().skip(offset).take(length).collect(),
            }
        } else {
            array.iter().copied().collect()
        };
        Self::of(shape, values)
    }

    /// The elements as an `ndarray` view of the tensor's shape.
    ///
    /// # Errors
    /// As [`Tensor::values`].
    pub fn array<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        ArrayViewD::from_shape(IxDyn(self.shape()), self.values()?)
            .map_err(|cause| Error::internal("view tensor", "shape", cause.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_any_layout_keep_their_order() {
        let array = ndarray::arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        let transposed = Tensor::from_array(array.clone().reversed_axes().into_dyn());
        assert_eq!(transposed.values::<f64>().unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        let sliced = Tensor::from_array(array.slice_move(ndarray::s![1.., ..]).into_dyn());
        assert_eq!(sliced.values::<f64>().unwrap(), [4.0, 5.0, 6.0]);
        assert_eq!(sliced.array::<f64>().unwrap().shape(), [1, 3]);
    }
}

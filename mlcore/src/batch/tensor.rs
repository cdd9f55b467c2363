use std::fmt;
use std::ops::Range;

use crate::arrow::array::{Array, StringArray};
use crate::arrow::datatypes::ToByteSlice;
use half::f16;
use smallvec::{SmallVec, smallvec};

use super::Value;
use super::element::{Buffer, Element, sealed::Storage, with_buffer};
use crate::error::{Error, Result};
use crate::memory;
use crate::schema::{DType, match_element, numbers};

/// The sizes of the axes. Few tensors have more than three, and such a shape is cloned without the allocator.
pub(crate) type Shape = SmallVec<[usize; 3]>;

/// A dense, row-major array of one element type. Cloning shares the elements.
///
/// ```
/// use mlcore::batch::Tensor;
///
/// let tensor = Tensor::new([2, 3], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(tensor.values::<f32>()?[4], 5.0);
/// assert_eq!(tensor.rows_in(1..2)?.values::<f32>()?, [4.0, 5.0, 6.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    shape: Shape,
    storage: Storage,
}

impl Tensor {
    /// A tensor of `shape` over `values` in row-major order. Takes `values` over; up to four are stored inline.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the shape's product is not the number of values, or overflows.
    pub fn new<T: Element>(shape: impl AsRef<[usize]>, values: Vec<T>) -> Result<Self> {
        let shape = checked(shape.as_ref(), values.len())?;
        Ok(Self { shape, storage: T::wrap(values) })
    }

    /// A tensor of `shape` over a copy of `values`. Up to four are stored inline, as a model's answer about one row mostly is.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn from_slice<T: Element>(shape: impl AsRef<[usize]>, values: &[T]) -> Result<Self> {
        let shape = checked(shape.as_ref(), values.len())?;
        Ok(Self { shape, storage: T::copy(values) })
    }

    /// A tensor of text.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn strings<S: AsRef<str>>(
        shape: impl AsRef<[usize]>,
        values: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        let values = values.into_iter();
        let text = match values.size_hint() {
            (_, Some(_)) => StringArray::from_iter_values(values),
            // Arrow panics over an iterator that does not know its end.
            (_, None) => StringArray::from_iter_values(values.collect::<Vec<S>>()),
        };
        Self::strings_of(shape, text)
    }

    /// A tensor of the texts of an Arrow array without nulls.
    pub(crate) fn strings_of(shape: impl AsRef<[usize]>, text: StringArray) -> Result<Self> {
        let shape = checked(shape.as_ref(), text.len())?;
        Ok(Self { shape, storage: Storage(Buffer::String(text)) })
    }

    /// A tensor of zeros, `false` or empty texts.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the shape's product overflows, [`Error::Unsupported`] for dates and times.
    pub fn zeros(dtype: DType, shape: impl AsRef<[usize]>) -> Result<Self> {
        let shape = shape.as_ref();
        let length = shape.iter().try_fold(1_usize, |length, &size| length.checked_mul(size));
        let length = length.filter(|&length| length <= isize::MAX as usize / 16).ok_or_else(|| {
            Error::invalid_input("make tensor", format!("{shape:?}"), "it has more elements than memory")
        })?;
        match_element!(
            dtype,
            T => Self::new(shape, memory::zeros::<T>("make tensor", &format!("{shape:?}"), &[length])?),
            _ => match dtype {
                DType::String => {
                    memory::require::<i32>("make tensor", &format!("{shape:?}"), &[length])?;
                    Self::strings(shape, std::iter::repeat_n("", length))
                }
                _ => Err(no_tensor("", dtype)),
            }
        )
    }

    /// A column of one value per row, shape `[values.len()]`.
    #[must_use]
    pub fn column<T: Element>(values: Vec<T>) -> Self {
        Self { shape: smallvec![values.len()], storage: T::wrap(values) }
    }

    /// The tensor of these elements, which are as many as the shape asks for.
    #[cfg(feature = "ndarray")]
    pub(super) fn of<T: Element>(shape: Shape, values: Vec<T>) -> Self {
        Self { shape, storage: T::wrap(values) }
    }

    pub(crate) fn from_buffer(shape: Shape, buffer: Buffer) -> Self {
        Self { shape, storage: Storage(buffer) }
    }

    pub(crate) fn buffer(&self) -> &Buffer {
        &self.storage.0
    }

    /// The size of each axis; the first is the batch, by convention. Empty for a scalar.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type of one element.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.storage.0.dtype()
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        with_buffer!(&self.storage.0, values => values.len(), text => text.len())
    }

    /// Whether it has no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of the first axis; `None` for a scalar.
    #[must_use]
    pub fn rows(&self) -> Option<usize> {
        self.shape.first().copied()
    }

    /// The elements of one row of the first axis: the product of the other axes.
    #[must_use]
    pub fn row_len(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] when the tensor holds another type.
    pub fn values<T: Element>(&self) -> Result<&[T]> {
        T::view(&self.storage).ok_or_else(|| self.other_type(T::DTYPE))
    }

    /// The elements in row-major order, without a copy where nobody else holds them.
    ///
    /// # Errors
    /// As [`Tensor::values`].
    pub fn into_values<T: Element>(self) -> Result<Vec<T>> {
        if self.dtype() != T::DTYPE {
            return Err(self.other_type(T::DTYPE));
        }
        Ok(T::unwrap(self.storage).unwrap_or_default())
    }

    /// The element at this place of the row-major order; `None` past the last one.
    #[must_use]
    pub fn value(&self, index: usize) -> Option<Value<'_>> {
        with_buffer!(
            &self.storage.0,
            values => values.get(index).map(|value| Value::from(*value)),
            text => (index < text.len()).then(|| Value::Text(text.value(index)))
        )
    }

    /// The texts in row-major order.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] when the tensor holds another type.
    pub fn texts(&self) -> Result<impl ExactSizeIterator<Item = &str>> {
        let text = self.text()?;
        Ok((0..text.len()).map(|row| text.value(row)))
    }

    pub(crate) fn text(&self) -> Result<&StringArray> {
        match &self.storage.0 {
            Buffer::String(text) => Ok(text),
            _ => Err(self.other_type(DType::String)),
        }
    }

    /// The memory of fixed-width elements in row-major order, in the machine's byte order; `None` for bools and text.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        macro_rules! bytes {
            ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+]) => {
                match &self.storage.0 {
                    $(Buffer::$variant(values) => Some(values.to_byte_slice()),)+
                    Buffer::Bool(_) | Buffer::String(_) => None,
                }
            };
        }
        numbers!(bytes!)
    }

    /// A tensor over a copy of the memory of fixed-width elements, as [`as_bytes`](Self::as_bytes) shows it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for bools and text, which have no such memory, and when there are not as many bytes as the
    /// shape has elements.
    pub fn from_bytes(dtype: DType, shape: impl AsRef<[usize]>, bytes: &[u8]) -> Result<Self> {
        macro_rules! from_bytes {
            ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+]) => {
                match dtype {
                    $(DType::$variant => {
                        let (elements, rest) = bytes.as_chunks::<{ size_of::<$native>() }>();
                        let values = elements.iter().map(|bytes| <$native>::from_ne_bytes(*bytes));
                        match (rest.is_empty(), elements.len()) {
                            (false, _) => None,
                            (true, ..=4) => {
                                let few: SmallVec<[$native; 4]> = values.collect();
                                Some(Self::from_slice(shape, &few))
                            }
                            // One step per vector of elements, and not one per element.
                            (true, _) => Some(Self::new(shape, values.collect())),
                        }
                    })+
                    DType::Bool | DType::String | DType::Date | DType::Time(_) | DType::Timestamp(..) => None,
                }
            };
        }
        numbers!(from_bytes!).unwrap_or_else(|| {
            let problem = format!("{} bytes are no elements of {dtype}", bytes.len());
            Err(Error::invalid_input("read tensor", "bytes", problem))
        })
    }

    /// The rows of `range` along the first axis, sharing the elements (a tensor of bools copies them).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a scalar, and for a range that leaves the tensor.
    pub fn rows_in(&self, range: Range<usize>) -> Result<Self> {
        let rows = self
            .rows()
            .ok_or_else(|| Error::invalid_input("slice tensor", "rows", "a scalar has no rows"))?;
        if range.start > range.end || range.end > rows {
            return Err(Error::invalid_input(
                "slice tensor",
                format!("rows {}..{}", range.start, range.end),
                format!("the tensor has {rows} rows"),
            ));
        }
        let (start, count) = (range.start * self.row_len(), (range.end - range.start) * self.row_len());
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = range.end - range.start;
        }
        Ok(Self::from_buffer(shape, self.storage.0.slice(start, count)))
    }

    /// The same elements under another shape of the same size.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn reshaped(&self, shape: impl AsRef<[usize]>) -> Result<Self> {
        Ok(Self { shape: checked(shape.as_ref(), self.len())?, storage: self.storage.clone() })
    }

    /// The elements read as `f64`: exact for every type but 64-bit integers past 2^53, `true` is 1.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for text.
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        with_buffer!(
            &self.storage.0,
            values => Ok(values.iter().map(|value| value.to_f64()).collect()),
            _text => Err(self.other_type(DType::Float64))
        )
    }

    fn other_type(&self, asked: DType) -> Error {
        Error::schema_mismatch("read tensor", asked.to_string(), format!("the tensor holds {}", self.dtype()))
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({} {:?})", self.dtype(), self.shape)
    }
}

impl PartialEq for Tensor {
    /// Same type, same shape, same elements; as with floats, NaN equals nothing.
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.storage.0.same(&other.storage.0)
    }
}

/// The error for a type that no tensor holds.
pub(crate) fn no_tensor(name: &str, dtype: DType) -> Error {
    let problem = format!("no tensor holds {dtype}, because no model takes it");
    Error::unsupported("make tensor", name, problem)
        .remedy("derive numbers first: an hour, a weekday, an age")
}

fn checked(shape: &[usize], count: usize) -> Result<Shape> {
    let product = shape.iter().try_fold(1_usize, |product, &axis| product.checked_mul(axis));
    if product == Some(count) {
        return Ok(Shape::from_slice(shape));
    }
    Err(Error::invalid_input(
        "build tensor",
        format!("shape {shape:?}"),
        format!("there are {count} values for it"),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::element::Elements;
    use super::*;

    #[test]
    fn a_shape_that_lies_is_refused() {
        for shape in [vec![3], vec![2, 2], vec![usize::MAX, 2], vec![0], vec![]] {
            assert!(Tensor::new(shape.clone(), vec![0_u8; 2]).is_err(), "{shape:?}");
        }
        assert!(Tensor::new(vec![0, 5], Vec::<f64>::new()).unwrap().is_empty());
        assert_eq!(Tensor::new(vec![], vec![1_i64]).unwrap().rows(), None);
    }

    #[test]
    fn texts_come_from_any_iterator() {
        let texts = Tensor::strings([3], [vec!["a"], vec!["", "c"]].into_iter().flatten()).unwrap();
        assert_eq!(texts.texts().unwrap().collect::<Vec<_>>(), ["a", "", "c"]);
    }

    #[test]
    fn slices_share_and_bound() {
        let tensor = Tensor::new([3, 2], vec![1_i32, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(tensor.rows_in(1..3).unwrap().values::<i32>().unwrap(), [3, 4, 5, 6]);
        assert_eq!(tensor.rows_in(1..1).unwrap().len(), 0);
        let (start, end) = (2, 1);
        assert!(tensor.rows_in(2..4).is_err() && tensor.rows_in(start..end).is_err());
        assert_eq!(
            tensor.rows_in(1..2).unwrap().as_bytes().unwrap(),
            [3_i32, 4].map(i32::to_ne_bytes).concat()
        );
        let words = Tensor::strings([3], ["a", "b", "c"]).unwrap().rows_in(1..2).unwrap();
        assert_eq!(words.texts().unwrap().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_few_elements_lie_in_place_and_are_the_same() {
        fn check<T: Element + PartialEq + fmt::Debug>(values: &[T]) {
            let (copied, made) = (
                Tensor::from_slice([values.len()], values).unwrap(),
                Tensor::new([values.len()], values.to_vec()).unwrap(),
            );
            assert_eq!(copied, made);
            assert_eq!(copied.values::<T>().unwrap(), values);
            assert_eq!(copied.as_bytes(), made.as_bytes());
            for (start, end) in
                [(0, values.len()), (values.len() / 2, values.len()), (values.len(), values.len())]
            {
                let rows = copied.rows_in(start..end).unwrap();
                assert_eq!(rows.values::<T>().unwrap(), &values[start..end]);
                assert_eq!(rows, Tensor::new([end - start], values[start..end].to_vec()).unwrap());
            }
            assert!(copied.rows_in(0..values.len() + 1).is_err());
            assert!(Tensor::from_slice([values.len() + 1], values).is_err());
        }
        let in_place = |tensor: &Tensor| matches!(tensor.buffer(), Buffer::Float32(Elements::Few { .. }));
        for (len, expected) in [(0, true), (4, true), (5, false)] {
            let values = vec![0.5_f32; len];
            assert_eq!(in_place(&Tensor::from_slice([len], &values).unwrap()), expected);
            assert_eq!(in_place(&Tensor::new([len], values).unwrap()), expected);
        }
        let values = [-1.5_f64, 0.0, f64::INFINITY, 5e-324, 7.0, 8.0, 9.0];
        for len in 0..=values.len() {
            check(&values[..len]);
            check(&values.map(|value| value as f32)[..len]);
            check(&values.map(|value| value as i8)[..len]);
            check(&values.map(|value| value > 0.0)[..len]);
            check(&values.map(f16::from_f64)[..len]);
        }
    }

    #[test]
    fn bytes_round_trip() {
        let tensors = [
            Tensor::new([2, 2], vec![1.5_f32, -0.0, f32::MIN_POSITIVE, f32::INFINITY]).unwrap(),
            Tensor::column(vec![i64::MIN, 7]),
            Tensor::column(vec![f16::from_f32(0.5)]),
            Tensor::column(vec![1_u8, 2, 3]),
            Tensor::new([0, 4], Vec::<u16>::new()).unwrap(),
        ];
        for tensor in tensors {
            let bytes = tensor.as_bytes().unwrap();
            assert_eq!(Tensor::from_bytes(tensor.dtype(), tensor.shape(), bytes).unwrap(), tensor);
            assert!(Tensor::from_bytes(tensor.dtype(), [99], bytes).is_err());
        }
        assert!(Tensor::from_bytes(DType::Float32, [1], &[0; 5]).is_err());
        assert!(Tensor::from_bytes(DType::Bool, [1], &[1]).is_err());
    }

    #[test]
    fn a_wrong_type_is_named() {
        let error = Tensor::column(vec![1_u16]).values::<f32>().unwrap_err();
        assert_eq!(error.to_string(), "read tensor float32: the tensor holds uint16");
    }

    #[test]
    fn nan_is_never_equal() {
        let tensor = Tensor::column(vec![f32::NAN]);
        assert_ne!(tensor, tensor.clone());
    }
}

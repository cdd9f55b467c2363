use std::ops::Deref;
use std::sync::Arc;

use crate::arrow::array::StringArray;
use crate::arrow::buffer::ScalarBuffer;
use crate::arrow::datatypes::ArrowNativeType;
use half::f16;

use crate::schema::DType;

/// The shared, immutable storage of a tensor, one variant per element type.
#[derive(Clone, Debug)]
pub(crate) enum Buffer {
    Bool(Arc<[bool]>),
    Int8(Elements<i8>),
    Int16(Elements<i16>),
    Int32(Elements<i32>),
    Int64(Elements<i64>),
    UInt8(Elements<u8>),
    UInt16(Elements<u16>),
    UInt32(Elements<u32>),
    UInt64(Elements<u64>),
    Float16(Elements<f16>),
    Float32(Elements<f32>),
    Float64(Elements<f64>),
    String(StringArray),
}

/// Elements of one type: as they came, shared by clones; or in place where there are few, because a model's answer about
/// one row is so small that to allocate it costs more than to copy it.
#[derive(Clone, Debug)]
pub(crate) enum Elements<T: ArrowNativeType> {
    Few { places: [T; MOST_FEW], len: u8 },
    Many(ScalarBuffer<T>),
}

/// Elements that lie in place at most.
const MOST_FEW: usize = 4;

impl<T: ArrowNativeType> Elements<T> {
    fn few(values: &[T]) -> Option<Self> {
        let mut places = [T::default(); MOST_FEW];
        places.get_mut(..values.len())?.copy_from_slice(values);
        Some(Self::Few { places, len: values.len() as u8 })
    }

    /// The elements `start..start + count`, sharing them.
    ///
    /// # Panics
    /// When there are fewer.
    pub(crate) fn slice(&self, start: usize, count: usize) -> Self {
        match self {
            Self::Many(values) => Self::Many(values.slice(start, count)),
            few => Self::from(&few[start..start + count]),
        }
    }

    /// The elements as Arrow has them.
    pub(crate) fn to_scalar_buffer(&self) -> ScalarBuffer<T> {
        match self {
            Self::Many(values) => values.clone(),
            few => ScalarBuffer::from(few.to_vec()),
        }
    }
}

impl<T: ArrowNativeType> Deref for Elements<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Few { places, len } => &places[..usize::from(*len).min(MOST_FEW)],
            Self::Many(values) => values,
        }
    }
}

impl<T: ArrowNativeType> From<&[T]> for Elements<T> {
    fn from(values: &[T]) -> Self {
        Self::few(values).unwrap_or_else(|| Self::Many(values.to_vec().into()))
    }
}

impl<T: ArrowNativeType> From<Vec<T>> for Elements<T> {
    fn from(values: Vec<T>) -> Self {
        Self::few(&values).unwrap_or_else(|| Self::Many(values.into()))
    }
}

/// A Rust type that a tensor of fixed-width elements can hold: `bool`, every integer up to 64 bits, `f16` (of the
/// crate `half`), `f32`, `f64`. Text goes through [`Tensor::strings`](super::Tensor::strings).
pub trait Element: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The type's name in a schema.
    const DTYPE: DType;

    #[doc(hidden)]
    fn wrap(values: Vec<Self>) -> sealed::Storage;

    #[doc(hidden)]
    fn copy(values: &[Self]) -> sealed::Storage;

    #[doc(hidden)]
    fn view(storage: &sealed::Storage) -> Option<&[Self]>;
}

pub(crate) mod sealed {
    pub trait Sealed {}

    /// Keeps the buffer's layout out of the public interface.
    #[derive(Clone, Debug)]
    pub struct Storage(pub(crate) super::Buffer);
}

macro_rules! elements {
    ($($type:ty => $variant:ident),+) => {$(
        impl sealed::Sealed for $type {}

        impl Element for $type {
            const DTYPE: DType = DType::$variant;

            fn wrap(values: Vec<Self>) -> sealed::Storage {
                sealed::Storage(Buffer::$variant(values.into()))
            }

            fn copy(values: &[Self]) -> sealed::Storage {
                sealed::Storage(Buffer::$variant(values.into()))
            }

            fn view(storage: &sealed::Storage) -> Option<&[Self]> {
                match &storage.0 {
                    Buffer::$variant(values) => Some(values),
                    _ => None,
                }
            }
        }
    )+};
}

elements! {
    bool => Bool, i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64, u8 => UInt8, u16 => UInt16,
    u32 => UInt32, u64 => UInt64, f16 => Float16, f32 => Float32, f64 => Float64
}

impl Buffer {
    pub(crate) fn dtype(&self) -> DType {
        match self {
            Self::Bool(_) => DType::Bool,
            Self::Int8(_) => DType::Int8,
            Self::Int16(_) => DType::Int16,
            Self::Int32(_) => DType::Int32,
            Self::Int64(_) => DType::Int64,
            Self::UInt8(_) => DType::UInt8,
            Self::UInt16(_) => DType::UInt16,
            Self::UInt32(_) => DType::UInt32,
            Self::UInt64(_) => DType::UInt64,
            Self::Float16(_) => DType::Float16,
            Self::Float32(_) => DType::Float32,
            Self::Float64(_) => DType::Float64,
            Self::String(_) => DType::String,
        }
    }
}

/// Evaluates `$body` with `$values` bound to the typed slice of a fixed-width buffer, or `$text` to the text.
macro_rules! with_buffer {
    ($buffer:expr, $values:ident => $body:expr, $text:ident => $text_body:expr) => {
        match $buffer {
            $crate::batch::element::Buffer::Bool($values) => $body,
            $crate::batch::element::Buffer::Int8($values) => $body,
            $crate::batch::element::Buffer::Int16($values) => $body,
            $crate::batch::element::Buffer::Int32($values) => $body,
            $crate::batch::element::Buffer::Int64($values) => $body,
            $crate::batch::element::Buffer::UInt8($values) => $body,
            $crate::batch::element::Buffer::UInt16($values) => $body,
            $crate::batch::element::Buffer::UInt32($values) => $body,
            $crate::batch::element::Buffer::UInt64($values) => $body,
            $crate::batch::element::Buffer::Float16($values) => $body,
            $crate::batch::element::Buffer::Float32($values) => $body,
            $crate::batch::element::Buffer::Float64($values) => $body,
            $crate::batch::element::Buffer::String($text) => $text_body,
        }
    };
}
pub(crate) use with_buffer;

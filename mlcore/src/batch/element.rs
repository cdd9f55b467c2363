use std::sync::Arc;

use arrow::array::StringArray;
use arrow::buffer::ScalarBuffer;
use half::f16;

use crate::schema::DType;

/// The shared, immutable storage of a tensor, one variant per element type.
#[derive(Clone, Debug)]
pub(crate) enum Buffer {
    Bool(Arc<[bool]>),
    Int8(ScalarBuffer<i8>),
    Int16(ScalarBuffer<i16>),
    Int32(ScalarBuffer<i32>),
    Int64(ScalarBuffer<i64>),
    UInt8(ScalarBuffer<u8>),
    UInt16(ScalarBuffer<u16>),
    UInt32(ScalarBuffer<u32>),
    UInt64(ScalarBuffer<u64>),
    Float16(ScalarBuffer<f16>),
    Float32(ScalarBuffer<f32>),
    Float64(ScalarBuffer<f64>),
    String(StringArray),
}

/// A Rust type that a tensor of fixed-width elements can hold: `bool`, every integer up to 64 bits, `f16` (of the
/// crate `half`), `f32`, `f64`. Text goes through [`Tensor::strings`](super::Tensor::strings).
pub trait Element: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The type's name in a schema.
    const DTYPE: DType;

    #[doc(hidden)]
    fn wrap(values: Vec<Self>) -> sealed::Storage;

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

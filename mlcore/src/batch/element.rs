use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;

use half::f16;

use super::Value;
use crate::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, StringArray};
use crate::arrow::buffer::ScalarBuffer;
use crate::arrow::datatypes::{self, ArrowNativeType};
use crate::schema::{DType, Native, numbers};

macro_rules! buffer {
    ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+]) => {
        /// The shared, immutable storage of a tensor, one variant per element type.
        #[derive(Clone, Debug)]
        pub(crate) enum Buffer {
            Bool(Arc<[bool]>),
            $($variant(Elements<$native>),)+
            String(StringArray),
        }

        impl Buffer {
            pub(crate) fn dtype(&self) -> DType {
                match self {
                    Self::Bool(_) => DType::Bool,
                    $(Self::$variant(_) => DType::$variant,)+
                    Self::String(_) => DType::String,
                }
            }

            /// The elements `start..start + count`, shared where that is possible.
            ///
            /// # Panics
            /// When there are fewer.
            pub(crate) fn slice(&self, start: usize, count: usize) -> Self {
                match self {
                    Self::Bool(values) => Self::Bool(values[start..start + count].into()),
                    $(Self::$variant(values) => Self::$variant(values.slice(start, count)),)+
                    Self::String(text) => Self::String(text.slice(start, count)),
                }
            }

            /// Whether both hold the same elements of the same type.
            pub(crate) fn same(&self, other: &Self) -> bool {
                match (self, other) {
                    (Self::Bool(a), Self::Bool(b)) => a == b,
                    $((Self::$variant(a), Self::$variant(b)) => a[..] == b[..],)+
                    (Self::String(a), Self::String(b)) => a == b,
                    (Self::Bool(_) $(| Self::$variant(_))+ | Self::String(_), _) => false,
                }
            }
        }
    };
}
numbers!(buffer!);

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

    /// The elements, without a copy where nobody else holds them.
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(values) => {
                values.into_inner().into_vec().unwrap_or_else(|shared| shared.typed_data().to_vec())
            }
            few => few.to_vec(),
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
///
/// [`match_element!`](crate::match_element) runs code for the element type of a [`DType`].
pub trait Element: sealed::Sealed + Copy + Default + PartialEq + Debug + Send + Sync + 'static {
    /// The type's name in a schema.
    const DTYPE: DType;

    /// The element as a float: exact for every type but 64-bit integers past 2^53; `true` is 1.
    fn to_f64(self) -> f64;

    /// The element as a cell of a table.
    fn to_value(self) -> Value<'static>;

    /// The element that a cell holds: `None` for a null, and where [`Value::fits`] says no. A float is rounded to the width
    /// of the type.
    fn from_value(value: Value<'_>) -> Option<Self>;

    /// The values of an Arrow column of this very type, whatever stands where it is null; `None` for another type, and for
    /// bools, which Arrow packs.
    fn slice_of(array: &dyn Array) -> Option<&[Self]>;

    /// An Arrow column of these values.
    fn into_array(values: Vec<Self>) -> ArrayRef;

    #[doc(hidden)]
    fn wrap(values: Vec<Self>) -> sealed::Storage;

    #[doc(hidden)]
    fn copy(values: &[Self]) -> sealed::Storage;

    #[doc(hidden)]
    fn view(storage: &sealed::Storage) -> Option<&[Self]>;

    #[doc(hidden)]
    fn unwrap(storage: sealed::Storage) -> Option<Vec<Self>>;
}

/// The Rust types of elements, under one path for [`match_element!`](crate::match_element).
#[doc(hidden)]
pub mod natives {
    pub use std::primitive::*;

    pub use half::f16;
}

pub(crate) mod sealed {
    pub trait Sealed {}

    /// Keeps the buffer's layout out of the public interface.
    #[derive(Clone, Debug)]
    pub struct Storage(pub(crate) super::Buffer);
}

/// An element type that is a number.
pub(crate) trait Number: Element + Native {
    fn float(self) -> f64;
    fn value(self) -> Value<'static>;
    fn of_integer(integer: i128) -> Self;
    /// The nearest one; `None` for a finite number that is beyond all of them, and for types that are no floats.
    fn of_float(float: f64) -> Option<Self>;
}

macro_rules! integers {
    ($($native:ident as $wide:ident in $variant:ident),+ $(,)?) => {$(
        impl Number for $native {
            fn float(self) -> f64 {
                self as f64
            }

            fn value(self) -> Value<'static> {
                Value::$variant($wide::from(self))
            }

            fn of_integer(integer: i128) -> Self {
                integer as Self
            }

            fn of_float(_: f64) -> Option<Self> {
                None
            }
        }
    )+};
}

integers! {
    i8 as i64 in Int, i16 as i64 in Int, i32 as i64 in Int, i64 as i64 in Int,
    u8 as u64 in UInt, u16 as u64 in UInt, u32 as u64 in UInt, u64 as u64 in UInt,
}

macro_rules! floats {
    ($($native:ident, $from:expr;)+) => {$(
        impl Number for $native {
            fn float(self) -> f64 {
                self.into()
            }

            fn value(self) -> Value<'static> {
                Value::Float(self.into())
            }

            fn of_integer(integer: i128) -> Self {
                $from(integer as f64)
            }

            #[inline]
            fn of_float(float: f64) -> Option<Self> {
                let nearest: $native = $from(float);
                (nearest.is_finite() || !float.is_finite()).then_some(nearest)
            }
        }
    )+};
}

floats! {
    f16, f16::from_f64;
    f32, |float: f64| float as f32;
    f64, std::convert::identity;
}

/// What storing elements needs, the same for all of them.
macro_rules! stored {
    ($variant:ident) => {
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
    };
}

macro_rules! elements {
    ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+]) => {$(
        impl sealed::Sealed for $native {}

        impl Element for $native {
            stored!($variant);

            #[inline]
            fn to_f64(self) -> f64 {
                self.float()
            }

            #[inline]
            fn to_value(self) -> Value<'static> {
                self.value()
            }

            fn unwrap(storage: sealed::Storage) -> Option<Vec<Self>> {
                match storage.0 {
                    Buffer::$variant(values) => Some(values.into_vec()),
                    _ => None,
                }
            }

            fn slice_of(array: &dyn Array) -> Option<&[Self]> {
                array.as_primitive_opt::<datatypes::$arrow>().map(|array| &**array.values())
            }

            fn into_array(values: Vec<Self>) -> ArrayRef {
                Arc::new(PrimitiveArray::<datatypes::$arrow>::new(values.into(), None))
            }

            #[inline]
            fn from_value(value: Value<'_>) -> Option<Self> {
                if let Value::Float(float) = value {
                    return Self::of_float(float);
                }
                let (low, high) = Self::EXACT_INTEGERS;
                let integer = value.integer().filter(|integer| (low..=high).contains(integer))?;
                Some(Self::of_integer(integer))
            }
        }
    )+};
}
numbers!(elements!);

impl sealed::Sealed for bool {}

impl Element for bool {
    stored!(Bool);

    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }

    fn to_value(self) -> Value<'static> {
        Value::Bool(self)
    }

    fn unwrap(storage: sealed::Storage) -> Option<Vec<Self>> {
        Self::view(&storage).map(<[Self]>::to_vec)
    }

    fn slice_of(_: &dyn Array) -> Option<&[Self]> {
        None
    }

    fn into_array(values: Vec<Self>) -> ArrayRef {
        Arc::new(BooleanArray::from(values))
    }

    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Bool(value) = value { Some(value) } else { None }
    }
}

/// Defines [`with_buffer!`]; `$d` is a dollar sign.
macro_rules! define_with_buffer {
    ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+] $d:tt) => {
        /// Evaluates `$body` with `$values` bound to the typed slice of a fixed-width buffer, or `$text` to the text.
        macro_rules! with_buffer {
            ($d buffer:expr, $d values:ident => $d body:expr, $d text:ident => $d text_body:expr) => {
                match $d buffer {
                    $crate::batch::element::Buffer::Bool($d values) => $d body,
                    $($crate::batch::element::Buffer::$variant($d values) => $d body,)+
                    $crate::batch::element::Buffer::String($d text) => $d text_body,
                }
            };
        }
    };
}
numbers!(define_with_buffer! $);
pub(crate) use with_buffer;

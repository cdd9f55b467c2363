//! The one list of the types that tensors hold as numbers. Everything that is the same for each of them is made from it:
//! the variants of [`DType`](super::DType) and their names, what Arrow and ONNX call them, the storage of tensors, the views
//! of columns, and the macro [`match_element!`](crate::match_element) by which other crates reach their Rust types.
//!
//! `bool`, text, dates and times stand beside it where they are handled, because little is the same about them.

use half::f16;

/// Calls a macro with the list: `[variant, Rust type, name, Arrow's primitive type, ONNX's name, documentation; ...]`, and
/// what is given besides.
macro_rules! numbers {
    ($callback:ident! $($more:tt)*) => {
        $callback! {
            [
                Int8, i8, "int8", Int8Type, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, "Signed, 8 bits.";
                Int16, i16, "int16", Int16Type, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, "Signed, 16 bits.";
                Int32, i32, "int32", Int32Type, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, "Signed, 32 bits.";
                Int64, i64, "int64", Int64Type, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, "Signed, 64 bits.";
                UInt8, u8, "uint8", UInt8Type, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, "Unsigned, 8 bits.";
                UInt16, u16, "uint16", UInt16Type, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, "Unsigned, 16 bits.";
                UInt32, u32, "uint32", UInt32Type, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, "Unsigned, 32 bits.";
                UInt64, u64, "uint64", UInt64Type, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, "Unsigned, 64 bits.";
                Float16, f16, "float16", Float16Type, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, "IEEE 754 binary16.";
                Float32, f32, "float32", Float32Type, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, "IEEE 754 binary32.";
                Float64, f64, "float64", Float64Type, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, "IEEE 754 binary64.";
            ]
            $($more)*
        }
    };
}
pub(crate) use numbers;

/// What a number of the list is, and what it can hold.
pub(crate) trait Native {
    const IS_FLOAT: bool;
    /// The integers that it holds exactly, from the lowest to the highest.
    const EXACT_INTEGERS: (i128, i128);
}

macro_rules! integers {
    ($($native:ident),+) => {$(
        impl Native for $native {
            const IS_FLOAT: bool = false;
            const EXACT_INTEGERS: (i128, i128) = ($native::MIN as i128, $native::MAX as i128);
        }
    )+};
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! floats {
    ($($native:ident),+) => {$(
        impl Native for $native {
            const IS_FLOAT: bool = true;
            const EXACT_INTEGERS: (i128, i128) =
                (-(1 << $native::MANTISSA_DIGITS), 1 << $native::MANTISSA_DIGITS);
        }
    )+};
}
floats!(f16, f32, f64);

/// Defines [`match_element!`](crate::match_element); `$d` is a dollar sign.
macro_rules! define_match_element {
    ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+] $d:tt) => {
        /// Runs code for the Rust type of a [`DType`](crate::schema::DType)'s elements: `bool`, an integer, `f16`, `f32` or
        /// `f64`. Other types (text, dates, times), which have no [`Element`](crate::batch::Element), take the other way.
        ///
        /// ```
        /// use mlcore::batch::{Element, Tensor};
        /// use mlcore::schema::DType;
        ///
        /// fn bytes_of(dtype: DType) -> Option<usize> {
        ///     mlcore::match_element!(dtype, T => Some(size_of::<T>()), _ => None)
        /// }
        /// assert_eq!((bytes_of(DType::Float16), bytes_of(DType::Bool), bytes_of(DType::String)), (Some(2), Some(1), None));
        /// ```
        #[macro_export]
        macro_rules! match_element {
            ($d dtype:expr, $d T:ident => $d body:expr, _ => $d otherwise:expr) => {
                match $d dtype {
                    $crate::schema::DType::Bool => {
                        type $d T = bool;
                        $d body
                    }
                    $(
                        $crate::schema::DType::$variant => {
                            type $d T = $crate::batch::natives::$native;
                            $d body
                        }
                    )+
                    _ => $d otherwise,
                }
            };
        }
    };
}
numbers!(define_match_element! $);
pub(crate) use match_element;

//! The parts of Arrow that mlcore stands on, under the paths that the umbrella crate `arrow` gives them.
//!
//! The umbrella also brings arithmetic, row encoding, text kernels, a regular-expression engine, and for its casts a parser
//! and a printer for every type: most of what a service would otherwise compile, and nothing here calls it. Types are those of the parts (`arrow-array`, `arrow-schema`,
//! ...), so data made with the crate `arrow` of the same major version crosses without a copy.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mlcore::arrow::array::{Float64Array, RecordBatch};
//!
//! let table = RecordBatch::try_from_iter([("age", Arc::new(Float64Array::from(vec![20.0, 40.0])) as _)])?;
//! assert_eq!(table.num_rows(), 2);
//! # Ok::<(), mlcore::arrow::error::ArrowError>(())
//! ```

mod cast;
mod dictionary;
mod imported;
mod nullif;
mod validate;

pub use self::imported::{imported, struct_columns};
pub use self::validate::validate;

/// Arrays, record batches and their builders.
pub mod array {
    pub use arrow_array::builder::*;
    pub use arrow_array::cast::*;
    pub use arrow_array::iterator::*;
    pub use arrow_array::*;
    pub use arrow_data::transform::MutableArrayData;
    pub use arrow_data::{ArrayData, ArrayDataBuilder};
}

/// Buffers that arrays share.
pub mod buffer {
    pub use arrow_buffer::buffer::*;
}

/// The few kernels that mlcore calls, made here. Arrow's own (`arrow-select`, `arrow-ord`, ...) take the same arrays.
pub mod compute {
    pub use super::cast::cast;
    pub use super::nullif::nullif;
}

/// Types of columns, fields and schemas.
pub mod datatypes {
    pub use arrow_array::types::*;
    pub use arrow_array::{ArrowNativeTypeOp, ArrowNumericType, ArrowPrimitiveType};
    pub use arrow_buffer::{ArrowNativeType, ToByteSlice, i256};
    pub use arrow_schema::{
        DataType, Field, FieldRef, Fields, IntervalUnit, Schema, SchemaBuilder, SchemaRef, TimeUnit,
        UnionMode,
    };
}

/// What Arrow's functions fail with.
pub mod error {
    pub use arrow_schema::ArrowError;
}

//! Columns over Arrow's C interface, between the two libraries that implement it here.
#![expect(unsafe_code, reason = "the interface of C hands pointers over")]

use arrow_array::ffi::{FFI_ArrowArray, from_ffi_and_data_type};
use mlcore::arrow::array::ArrayData;
use mlcore::arrow::datatypes::DataType as ArrowType;
use mlcore::arrow::error::ArrowError;
use polars::prelude::{CompatLevel, DataType, PolarsError};
use polars_arrow::array::Array as Chunk;
use polars_arrow::ffi::{ArrowArray, export_array_to_c, import_array_from_c};

/// What holds a chunk of a column of polars, whose layout `data_type` has, without copying it. It is not looked at yet.
pub(super) fn to_arrow(chunk: &dyn Chunk, data_type: ArrowType) -> Result<ArrayData, ArrowError> {
    let exported = export_array_to_c(chunk.to_boxed());
    // SAFETY: both structures are the `ArrowArray` that Arrow's C interface lays down, and whoever holds one releases it.
    let mut array = unsafe { std::mem::transmute::<ArrowArray, FFI_ArrowArray>(exported) };
    forget_buffers_of_nulls(&mut array, &data_type);
    // SAFETY: polars has just exported the array, and `data_type` has its layout: the caller got it for the type of the column.
    unsafe { from_ffi_and_data_type(array, data_type) }
}

/// Takes the empty buffer away that polars exports for columns of type `Null`, at any depth: the interface gives them none.
fn forget_buffers_of_nulls(array: &mut FFI_ArrowArray, data_type: &ArrowType) {
    let inside: Vec<&ArrowType> = match data_type {
        ArrowType::Null => {
            array.n_buffers = 0;
            return;
        }
        ArrowType::LargeList(field) | ArrowType::FixedSizeList(field, _) => vec![field.data_type()],
        ArrowType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        _ => return,
    };
    let count = usize::try_from(array.n_children).unwrap_or_default();
    for (place, data_type) in inside.into_iter().enumerate().take(count) {
        // SAFETY: the array is polars' own, which has so many children and a pointer to each; nobody else holds them.
        let child = unsafe { array.children.add(place).read().as_mut() };
        if let Some(child) = child {
            forget_buffers_of_nulls(child, data_type);
        }
    }
}

/// The chunk of a column of polars of this type, which holds the array's data without copying it.
pub(super) fn to_polars(data: &ArrayData, dtype: &DataType) -> Result<Box<dyn Chunk>, PolarsError> {
    let exported = FFI_ArrowArray::new(data);
    // SAFETY: as above, in the other direction.
    let array = unsafe { std::mem::transmute::<FFI_ArrowArray, ArrowArray>(exported) };
    let physical = dtype.to_physical().to_arrow(CompatLevel::newest());
    // SAFETY: the array was a sound one of Arrow's a moment ago, and `dtype` was chosen for its layout.
    unsafe { import_array_from_c(array, physical) }
}

//! Data out of the capsules of Arrow's C interface, before anything takes it for granted.
#![expect(unsafe_code, reason = "capsules hold pointers to structures of C")]

use std::ffi::CStr;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use mlcore::arrow::array::ArrayData;
use mlcore::arrow::datatypes::Field;
use mlcore::arrow::error::ArrowError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

/// The chunks of what exports a stream, and their type and name.
pub(super) fn stream(object: &Bound<'_, PyAny>) -> PyResult<(Vec<ArrayData>, Field)> {
    let mut stream = Stream::open(object)?;
    let mut chunks = Vec::new();
    while let Some(chunk) = stream.next()? {
        chunks.push(chunk);
    }
    Ok((chunks, stream.field))
}

/// A stream of which no chunk is read before it is asked for.
pub(super) struct Stream {
    stream: FFI_ArrowArrayStream,
    /// The type and the name of the chunks.
    pub(super) field: Field,
}

impl Stream {
    pub(super) fn open(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (stream, field) = opened(object)?;
        Ok(Self { stream, field })
    }

    /// The next chunk; none at the end.
    pub(super) fn next(&mut self) -> PyResult<Option<ArrayData>> {
        let Some(get_next) = self.stream.get_next else { return Ok(None) };
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: both are structures that outlive the call; the stream is not released.
        let code = unsafe { get_next(&raw mut self.stream, &raw mut array) };
        require(code, &mut self.stream)?;
        // The end is told by a chunk that is none.
        if array.is_released() {
            return Ok(None);
        }
        // SAFETY: the stream says that its chunks are of this type.
        let chunk = unsafe { from_ffi_and_data_type(array, self.field.data_type().clone()) };
        chunk.map(Some).map_err(refused)
    }
}

fn opened(object: &Bound<'_, PyAny>) -> PyResult<(FFI_ArrowArrayStream, Field)> {
    let capsule = object.call_method0(super::STREAM)?.cast_into::<PyCapsule>()?;
    let pointer = capsule.pointer_checked(Some(c"arrow_array_stream"))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule of this name holds such a stream. It is moved out, and what is left is marked as released.
    let mut stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr()) };
    let (Some(get_schema), Some(_), Some(_)) = (stream.get_schema, stream.get_next, stream.release) else {
        return Err(PyValueError::new_err("its stream was read before"));
    };
    let mut schema = FFI_ArrowSchema::empty();
    // SAFETY: both are structures that outlive the call; the stream is not released.
    let code = unsafe { get_schema(&raw mut stream, &raw mut schema) };
    require(code, &mut stream)?;
    let field = Field::try_from(&schema).map_err(refused)?;
    Ok((stream, field))
}

/// The data of what exports one array, and its type and name.
pub(super) fn array(object: &Bound<'_, PyAny>) -> PyResult<(ArrayData, Field)> {
    let pair = object.call_method0(super::ARRAY)?.cast_into::<PyTuple>()?;
    let (schema, array) =
        (pair.get_item(0)?.cast_into::<PyCapsule>()?, pair.get_item(1)?.cast_into::<PyCapsule>()?);
    let schema = schema.pointer_checked(Some(c"arrow_schema"))?.cast::<FFI_ArrowSchema>();
    let array = array.pointer_checked(Some(c"arrow_array"))?.cast::<FFI_ArrowArray>();
    // SAFETY: a capsule of this name holds a schema, which lives as long as the capsule.
    let field = Field::try_from(unsafe { schema.as_ref() }).map_err(refused)?;
    // SAFETY: a capsule of this name holds an array. It is moved out, and what is left is marked as released.
    let array = unsafe { FFI_ArrowArray::from_raw(array.as_ptr()) };
    if array.is_released() {
        return Err(PyValueError::new_err("its array was read before"));
    }
    // SAFETY: the schema stands beside the array for its type.
    let data = unsafe { from_ffi_and_data_type(array, field.data_type().clone()) };
    Ok((data.map_err(refused)?, field))
}

/// Nothing where a call succeeded, or what the stream says of its failure.
fn require(code: i32, stream: &mut FFI_ArrowArrayStream) -> PyResult<()> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the stream is not released, and what it answers lives until its next call.
    let said = stream.get_last_error.and_then(|get_last_error| unsafe {
        let text = get_last_error(&raw mut *stream);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    });
    Err(PyValueError::new_err(said.unwrap_or_else(|| format!("its stream failed with code {code}"))))
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn refused(cause: ArrowError) -> PyErr {
    PyValueError::new_err(cause.to_string())
}

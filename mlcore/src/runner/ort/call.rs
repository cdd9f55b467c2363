//! One run: tensors become values of ONNX Runtime without a copy, its answers become tensors with one.

use std::ffi::{CString, c_char, c_void};

use half::{bf16, f16};
use ort_sys as sys;
use smallvec::{SmallVec, smallvec};
use smol_str::SmolStr;
use sys::ONNXTensorElementDataType as Element;

use super::ffi::{Api, Failure, Owned, call};
use super::graph::Slot;
use super::runtime::OnnxRuntime;
use crate::arrow::array::StringArray;
use crate::arrow::buffer::OffsetBuffer;
use crate::batch::Tensor;
use crate::batch::element::{Buffer, with_buffer};
use crate::batch::tensor::Shape;
use crate::error::{Error, Result};
use crate::schema::{DType, match_element, numbers};

/// One thing for each input or output: most models have one input and two outputs.
pub(super) type Few<T> = SmallVec<[T; 2]>;

/// The names of a model's inputs or outputs as C takes them, made once.
pub(super) struct Names {
    pointers: Box<[*const c_char]>,
    _texts: Vec<CString>,
}

// SAFETY: the pointers lead into strings that are owned beside them and never changed.
#[expect(unsafe_code, reason = "a foreign interface")]
unsafe impl Send for Names {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "a foreign interface")]
unsafe impl Sync for Names {}

impl Names {
    pub(super) fn of<'a>(slots: impl IntoIterator<Item = &'a Slot>) -> Result<Self> {
        let texts = slots
            .into_iter()
            .map(|slot| super::ffi::c_string("load model", slot.field.name()))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { pointers: texts.iter().map(|text| text.as_ptr()).collect(), _texts: texts })
    }

    /// The names in the slots' order, each alive as long as `self`.
    pub(super) fn as_slice(&self) -> &[*const c_char] {
        &self.pointers
    }
}

/// Runs the session on `inputs`, one per name, and answers one value per output; none where it left an output empty.
///
/// # Safety
/// `session` is a session of this runtime that may be run by this thread now, with these inputs and outputs. The names are
/// alive.
#[expect(unsafe_code, reason = "a foreign interface")]
pub(super) unsafe fn run(
    api: Api,
    session: *mut sys::OrtSession,
    options: *const sys::OrtRunOptions,
    (input_names, inputs): (&[*const c_char], &[Owned<sys::OrtValue>]),
    output_names: &Names,
) -> Result<Few<Option<Owned<sys::OrtValue>>>, Failure> {
    let values: Few<*const sys::OrtValue> = inputs.iter().map(|value| value.as_ptr().cast_const()).collect();
    let mut answers: Few<*mut sys::OrtValue> = smallvec![std::ptr::null_mut(); output_names.pointers.len()];
    // SAFETY: as many names as values on both sides, all alive during the call.
    let outcome = unsafe {
        call!(
            api,
            Run(
                session,
                options,
                input_names.as_ptr(),
                values.as_ptr(),
                values.len().min(input_names.len()),
                output_names.pointers.as_ptr(),
                answers.len(),
                answers.as_mut_ptr(),
            )
        )
    };
    // Taken into ownership also after a failure, which may leave some of them made.
    let answered = answers
        .into_iter()
        // SAFETY: each is null or a value handed over to the caller.
        .map(|answer| unsafe { Owned::from_raw(answer, api.0.ReleaseValue) })
        .collect();
    outcome.map(|()| answered)
}

/// The elements of a `float32` tensor as ONNX Runtime reads `bfloat16`: the bits of each, rounded to the nearest.
///
/// # Errors
/// [`Error::SchemaMismatch`] for a number that would become infinite.
pub(super) fn bfloat16(name: &str, tensor: &Tensor) -> Result<Tensor> {
    let narrowed = tensor.values::<f32>()?.iter().enumerate().map(|(index, value)| {
        let narrowed = bf16::from_f32(*value);
        if narrowed.is_infinite() && value.is_finite() {
            let row = index / tensor.row_len().max(1);
            let problem = format!("row {row}: the model takes bfloat16, which does not hold {value:e}");
            return Err(Error::schema_mismatch("run model", name, problem));
        }
        Ok(narrowed.to_bits())
    });
    Tensor::new(tensor.shape(), narrowed.collect::<Result<Vec<u16>>>()?)
}

/// The value over a tensor's elements, which are bits of `bfloat16` where it is said. It borrows them: the tensor must outlive
/// it.
///
/// # Safety
/// The caller drops the value before the tensor.
#[expect(unsafe_code, reason = "a foreign interface")]
pub(super) unsafe fn borrow(
    runtime: &OnnxRuntime,
    tensor: &Tensor,
    is_bfloat16: bool,
) -> Result<Owned<sys::OrtValue>, Failure> {
    let api = runtime.api();
    // Ranks past 8 are legal and rare.
    let mut few = [0_i64; 8];
    let many: Vec<i64>;
    let shape: &[i64] = if tensor.shape().len() <= few.len() {
        for (to, &from) in few.iter_mut().zip(tensor.shape()) {
            *to = from as i64;
        }
        few.get(..tensor.shape().len()).unwrap_or_default()
    } else {
        many = tensor.shape().iter().map(|&size| size as i64).collect();
        &many
    };
    let element = match is_bfloat16 {
        true => Some(Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16),
        false => element(tensor.dtype()),
    };
    let element = element.ok_or_else(|| Failure { code: 1, message: "not a type of ONNX".into() })?;
    if let Buffer::String(_) = tensor.buffer() {
        return strings(api, tensor, shape);
    }
    let (data, bytes) = with_buffer!(
        tensor.buffer(),
        values => (values.as_ptr().cast::<c_void>().cast_mut(), size_of_val::<[_]>(values)),
        text => (text.value_data().as_ptr().cast::<c_void>().cast_mut(), 0)
    );
    // SAFETY: the shape's product is the number of elements, which a tensor guarantees. ONNX Runtime only reads inputs.
    unsafe {
        api.create(api.0.ReleaseValue, |out| {
            let create = api.0.CreateTensorWithDataAsOrtValue;
            create(runtime.memory(), data, bytes, shape.as_ptr(), shape.len(), element, out)
        })
    }
}

/// A value with copies of the texts: ONNX Runtime keeps strings in its own form.
#[expect(unsafe_code, reason = "a foreign interface")]
fn strings(api: Api, tensor: &Tensor, shape: &[i64]) -> Result<Owned<sys::OrtValue>, Failure> {
    let Buffer::String(text) = tensor.buffer() else {
        return Err(Failure { code: 1, message: "not a tensor of text".into() });
    };
    // SAFETY: the default allocator is the library's own; each buffer is as long as was asked for.
    unsafe {
        let mut allocator = std::ptr::null_mut();
        call!(api, GetAllocatorWithDefaultOptions(&raw mut allocator))?;
        let element = Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING;
        let value = api.create(api.0.ReleaseValue, |out| {
            (api.0.CreateTensorAsOrtValue)(allocator, shape.as_ptr(), shape.len(), element, out)
        })?;
        for index in 0..tensor.len() {
            let text = text.value(index).as_bytes();
            let mut buffer = std::ptr::null_mut();
            call!(
                api,
                GetResizedStringTensorElementBuffer(value.as_ptr(), index, text.len(), &raw mut buffer)
            )?;
            if !text.is_empty() {
                std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), text.len());
            }
        }
        Ok(value)
    }
}

/// The tensor that a value holds, copied out of it, and its bytes; none where an optional output was left empty. The tensors of
/// a sequence become one, with an axis more in front.
///
/// # Errors
/// [`Error::Unsupported`] for a value that no tensor can hold, [`Error::Overloaded`] when it has more than `most` bytes.
pub(super) fn copy_out(
    api: Api,
    value: &Owned<sys::OrtValue>,
    slot: &Slot,
    most: u64,
) -> Result<Option<(Tensor, u64)>> {
    let name = slot.field.name();
    // An empty one is to be asked nothing else.
    if slot.is_optional && !has_value(api, value).map_err(|failure| failure.internal(READ))? {
        return Ok(None);
    }
    match element_and_sizes(api, value) {
        Ok(told) => copy_tensor(api, value, name, told, most).map(Some),
        Err(failure) => match elements_of(api, value) {
            Some(elements) => stacked(api, &elements, slot, most).map(Some),
            None => Err(Error::unsupported(READ, name, failure.message)),
        },
    }
}

const READ: &str = "read output";

#[expect(unsafe_code, reason = "a foreign interface")]
fn has_value(api: Api, value: &Owned<sys::OrtValue>) -> Result<bool, Failure> {
    let mut there = 0;
    // SAFETY: any value may be asked.
    unsafe { call!(api, HasValue(value.as_ptr(), &raw mut there)) }?;
    Ok(there != 0)
}

/// The tensors of a sequence, each copied out of it; `None` for a value that is none.
#[expect(unsafe_code, reason = "a foreign interface")]
fn elements_of(api: Api, value: &Owned<sys::OrtValue>) -> Option<Vec<Owned<sys::OrtValue>>> {
    const SEQUENCE: i32 = sys::ONNXType::ONNX_TYPE_SEQUENCE as i32;
    let (mut kind, mut count, mut allocator) = (0_i32, 0_usize, std::ptr::null_mut());
    // SAFETY: the kind is read as a number: a newer library may have kinds that the enum does not. Each element is handed over.
    unsafe {
        let kind_place: *mut sys::ONNXType = (&raw mut kind).cast();
        call!(api, GetValueType(value.as_ptr(), kind_place)).ok()?;
        if kind != SEQUENCE {
            return None;
        }
        call!(api, GetValueCount(value.as_ptr(), &raw mut count)).ok()?;
        call!(api, GetAllocatorWithDefaultOptions(&raw mut allocator)).ok()?;
        let element = |index: usize| {
            let index = i32::try_from(index).ok()?;
            let get = |out| (api.0.GetValue)(value.as_ptr(), index, allocator, out);
            api.create(api.0.ReleaseValue, get).ok()
        };
        (0..count).map(element).collect()
    }
}

/// The tensors of a sequence as one.
fn stacked(api: Api, elements: &[Owned<sys::OrtValue>], slot: &Slot, most: u64) -> Result<(Tensor, u64)> {
    let name = slot.field.name();
    let (mut tensors, mut bytes) = (Vec::with_capacity(elements.len()), 0);
    for element in elements {
        let told = element_and_sizes(api, element)
            .map_err(|failure| Error::unsupported(READ, name, failure.message))?;
        let (tensor, own) = copy_tensor(api, element, name, told, most.saturating_sub(bytes))?;
        bytes += own;
        tensors.push(tensor.reshaped([&[1], tensor.shape()].concat())?);
    }
    if tensors.is_empty() {
        return Ok((Tensor::zeros(slot.field.dtype(), [0])?, 0));
    }
    let whole = Tensor::concat_rows(&tensors).map_err(|cause| {
        Error::unsupported(READ, name, "it is a sequence of tensors of different shapes, which are no tensor")
            .remedy("export it with a tensor as output, or with one output for each")
            .caused_by(cause)
    })?;
    Ok((whole, bytes))
}

/// The sizes of the axes as ONNX Runtime tells them.
type Sizes = SmallVec<[i64; 4]>;

/// The element type, by ONNX's number, and the sizes of the axes of a tensor.
#[expect(unsafe_code, reason = "a foreign interface")]
fn element_and_sizes(api: Api, value: &Owned<sys::OrtValue>) -> Result<(i32, Sizes), Failure> {
    const WITHOUT_COPY: u32 = 24;
    let mut kind = 0_i32;
    // The kind is read as a number: a newer library may have kinds that the enum does not.
    let kind_place: *mut Element = (&raw mut kind).cast();
    // SAFETY: the value is a tensor, or the first call says that it is not; the sizes are as many as ONNX Runtime says.
    unsafe {
        if api.has(WITHOUT_COPY) {
            let (mut sizes, mut rank) = (std::ptr::null(), 0);
            call!(
                api,
                GetTensorElementTypeAndShapeDataReference(
                    value.as_ptr(),
                    kind_place,
                    &raw mut sizes,
                    &raw mut rank
                )
            )?;
            let sizes = if rank == 0 { &[] } else { std::slice::from_raw_parts(sizes, rank) };
            return Ok((kind, sizes.into()));
        }
        let info = api.create(api.0.ReleaseTensorTypeAndShapeInfo, |out| {
            (api.0.GetTensorTypeAndShape)(value.as_ptr(), out)
        })?;
        call!(api, GetTensorElementType(info.as_ptr(), kind_place))?;
        let mut rank = 0;
        call!(api, GetDimensionsCount(info.as_ptr(), &raw mut rank))?;
        let mut sizes: Sizes = smallvec![0; rank];
        call!(api, GetDimensions(info.as_ptr(), sizes.as_mut_ptr(), rank))?;
        Ok((kind, sizes))
    }
}

/// The tensor that a value is, of this element type and these sizes.
#[expect(unsafe_code, reason = "a foreign interface")]
fn copy_tensor(
    api: Api,
    value: &Owned<sys::OrtValue>,
    name: &str,
    (kind, sizes): (i32, Sizes),
    most: u64,
) -> Result<(Tensor, u64)> {
    const BFLOAT16: i32 = Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16 as i32;
    let internal = |failure: Failure| failure.internal(READ);
    let shape: Shape = sizes.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect();
    let length = shape.iter().try_fold(1_usize, |length, &size| length.checked_mul(size));
    let known = if kind == BFLOAT16 { Some(DType::Float32) } else { dtype(kind) };
    let dtype =
        known.ok_or_else(|| Error::unsupported(READ, name, format!("its elements have ONNX type {kind}")))?;
    let length = length.ok_or_else(|| Error::internal(READ, name, "its size overflows"))?;
    let bytes = length as u64 * width(dtype);
    if bytes > most {
        return Err(Error::overloaded(
            READ,
            name,
            format!("it brings the answer past the {most} bytes that are left"),
        )
        .remedy("raise the limit max_output_bytes, or send fewer rows"));
    }
    if dtype == DType::String {
        return read_strings(api, value, name, shape, length, most);
    }
    let mut data = std::ptr::null_mut();
    // SAFETY: the value is a tensor in this process's memory, because the session was made to answer there.
    unsafe { call!(api, GetTensorMutableData(value.as_ptr(), &raw mut data)) }.map_err(internal)?;
    if kind == BFLOAT16 {
        // SAFETY: `length` elements of this type lie at `data`.
        let narrow = unsafe { elements::<bf16>(data, length) };
        return Ok((Tensor::new(shape, narrow.iter().map(|value| value.to_f32()).collect())?, bytes));
    }
    macro_rules! copied {
        ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+]) => {
            match dtype {
                // SAFETY: `length` elements of this type lie at `data`.
                $(DType::$variant => Tensor::from_slice(shape, unsafe { elements::<$native>(data, length) }),)+
                // A byte other than 0 and 1 is no bool of Rust's.
                // SAFETY: as above, as bytes.
                DType::Bool => Tensor::new(shape, unsafe { elements::<u8>(data, length) }.iter().map(|&byte| byte != 0).collect()),
                DType::String | DType::Date | DType::Time(_) | DType::Timestamp(..) => {
                    Err(Error::unsupported(READ, name, dtype.to_string()))
                }
            }
        };
    }
    let tensor = numbers!(copied!)?;
    Ok((tensor, bytes))
}

/// The elements at `data`, which may be null where there are none.
///
/// # Safety
/// `length` elements of this type lie at `data`, valid for as long as they are used.
#[expect(unsafe_code, reason = "a foreign interface")]
unsafe fn elements<'a, T>(data: *const c_void, length: usize) -> &'a [T] {
    match length {
        0 => &[],
        // SAFETY: as above.
        _ => unsafe { std::slice::from_raw_parts(data.cast(), length) },
    }
}

#[expect(unsafe_code, reason = "a foreign interface")]
fn read_strings(
    api: Api,
    value: &Owned<sys::OrtValue>,
    name: &str,
    shape: Shape,
    length: usize,
    most: u64,
) -> Result<(Tensor, u64)> {
    let internal = |failure: Failure| failure.internal(READ);
    let mut total = 0;
    // SAFETY: the value is a tensor of strings.
    unsafe { call!(api, GetStringTensorDataLength(value.as_ptr(), &raw mut total)) }.map_err(internal)?;
    if total as u64 > most {
        return Err(Error::overloaded(READ, name, format!("its text has {total} bytes, {most} are left"))
            .remedy("raise the limit max_output_bytes, or send fewer rows"));
    }
    let (mut text, mut starts) = (vec![0_u8; total], vec![0_usize; length]);
    if length > 0 {
        // SAFETY: the buffers have the sizes that are passed.
        unsafe {
            let text = text.as_mut_ptr().cast();
            call!(api, GetStringTensorContent(value.as_ptr(), text, total, starts.as_mut_ptr(), length))
        }
        .map_err(internal)?;
    }
    let not_utf8 = || Error::invalid_model(READ, name, "it holds text that is not UTF-8");
    let tensor = match in_place(&starts, total) {
        // Where each text starts is what Arrow wants to know, too.
        Some(offsets) => {
            let texts = StringArray::try_new(offsets, text.into(), None).map_err(|_| not_utf8())?;
            Tensor::strings_of(shape, texts)?
        }
        None => {
            let ends = starts.iter().skip(1).copied().chain([total]);
            let texts = starts.iter().zip(ends);
            let texts = texts.map(|(&start, end)| std::str::from_utf8(text.get(start..end)?).ok());
            Tensor::strings(shape, texts.collect::<Option<Vec<&str>>>().ok_or_else(not_utf8)?)?
        }
    };
    Ok((tensor, total as u64))
}

/// The offsets of texts that start in ascending order, as Arrow has them; `None` for more text than they count.
fn in_place(starts: &[usize], total: usize) -> Option<OffsetBuffer<i32>> {
    let offsets = starts.iter().copied().chain([total]).map(|start| i32::try_from(start).ok());
    let offsets = offsets.collect::<Option<Vec<i32>>>()?;
    (offsets.first() == Some(&0) && offsets.is_sorted()).then(|| OffsetBuffer::new(offsets.into()))
}

/// ONNX's element type for ours; `None` for dates and times, which it does not have.
fn element(dtype: DType) -> Option<Element> {
    macro_rules! element {
        ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+]) => {
            match dtype {
                DType::Bool => Some(Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL),
                $(DType::$variant => Some(Element::$onnx),)+
                DType::String => Some(Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING),
                DType::Date | DType::Time(_) | DType::Timestamp(..) => None,
            }
        };
    }
    numbers!(element!)
}

/// Our element type for ONNX's, by its number: ONNX Runtime and the files of models number them alike.
pub(super) fn dtype(kind: i32) -> Option<DType> {
    DType::ELEMENTS.into_iter().find(|dtype| element(*dtype).is_some_and(|element| element as i32 == kind))
}

/// The bytes of one element; text is counted apart.
fn width(dtype: DType) -> u64 {
    match_element!(dtype, T => size_of::<T>() as u64, _ => 0)
}

/// Output names as answers carry them.
pub(super) fn answer_names(slots: &[Slot]) -> Vec<SmolStr> {
    slots.iter().map(|slot| SmolStr::from(slot.field.name())).collect()
}

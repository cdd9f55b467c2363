//! Typed contents of a tensor: each type has its field, and small integers lie in the fields of larger ones.

use std::fmt;

use mlcore::batch::Tensor;
use mlcore::schema::DType;
use mlcore::{Error, Result};

use super::wire::{Fields, Value};
use crate::v2::binary::{count_of, refused, text_of};
use crate::v2::datatype::datatype_of;

/// The fields of `InferTensorContents`, by their numbers from 1.
const FIELDS: [&str; 8] = [
    "bool_contents",
    "int_contents",
    "int64_contents",
    "uint_contents",
    "uint64_contents",
    "fp32_contents",
    "fp64_contents",
    "bytes_contents",
];

/// The tensor that `contents` holds, a message of the protocol.
pub(super) fn read(name: &str, dtype: DType, shape: &[usize], contents: &[u8]) -> Result<Tensor> {
    let wanted = match dtype {
        DType::Bool => 1,
        DType::Int8 | DType::Int16 | DType::Int32 => 2,
        DType::Int64 => 3,
        DType::UInt8 | DType::UInt16 | DType::UInt32 => 4,
        DType::UInt64 => 5,
        DType::Float32 => 6,
        DType::Float64 => 7,
        DType::String => 8,
        _ => {
            let problem = format!("{} has no typed contents in the protocol", datatype_of(dtype));
            return Err(refused(name, problem).remedy("send it raw, in raw_input_contents"));
        }
    };
    let sent = Sent { name, dtype, shape, count: count_of(name, shape)?, wanted, contents };
    let signed = |value: u64| value.cast_signed();
    let tensor = match dtype {
        DType::Bool => Tensor::new(
            shape,
            sent.numbers(|value| match value {
                0 => Ok(false),
                1 => Ok(true),
                other => Err(other),
            })?,
        ),
        DType::Int8 => {
            Tensor::new(shape, sent.numbers(|value| i8::try_from(signed(value)).map_err(|_| signed(value)))?)
        }
        DType::Int16 => {
            Tensor::new(shape, sent.numbers(|value| i16::try_from(signed(value)).map_err(|_| signed(value)))?)
        }
        DType::Int32 => {
            Tensor::new(shape, sent.numbers(|value| i32::try_from(signed(value)).map_err(|_| signed(value)))?)
        }
        DType::Int64 => Tensor::new(shape, sent.numbers(|value| Ok::<i64, u64>(signed(value)))?),
        DType::UInt8 => Tensor::new(shape, sent.numbers(|value| u8::try_from(value).map_err(|_| value))?),
        DType::UInt16 => Tensor::new(shape, sent.numbers(|value| u16::try_from(value).map_err(|_| value))?),
        DType::UInt32 => Tensor::new(shape, sent.numbers(|value| u32::try_from(value).map_err(|_| value))?),
        DType::UInt64 => Tensor::new(shape, sent.numbers(Ok::<u64, u64>)?),
        DType::Float32 => Tensor::new(
            shape,
            sent.floats(f32::from_le_bytes, |value| match value {
                Value::Fixed32(bytes) => Some(bytes),
                _ => None,
            })?,
        ),
        DType::Float64 => Tensor::new(
            shape,
            sent.floats(f64::from_le_bytes, |value| match value {
                Value::Fixed64(bytes) => Some(bytes),
                _ => None,
            })?,
        ),
        _ => Tensor::strings(shape, sent.texts()?),
    };
    tensor.map_err(|error| refused(name, error.context().problem().to_owned()))
}

struct Sent<'a> {
    name: &'a str,
    dtype: DType,
    shape: &'a [usize],
    /// The product of the shape.
    count: usize,
    /// The field that holds elements of this type.
    wanted: u32,
    contents: &'a [u8],
}

impl<'a> Sent<'a> {
    /// Goes through the occurrences of the field of this type; another one that holds anything is refused.
    fn fields(&self, mut take: impl FnMut(Value<'a>) -> Result<()>) -> Result<()> {
        let mut fields = Fields::new(self.contents);
        while let Some((number, value)) = fields.next()? {
            let field = usize::try_from(number).ok().and_then(|number| FIELDS.get(number.checked_sub(1)?));
            match (field, value) {
                (Some(_), value) if number == self.wanted => take(value)?,
                (Some(_), Value::Bytes([])) | (None, _) => {}
                (Some(other), _) => {
                    let datatype = datatype_of(self.dtype);
                    let own = FIELDS.get(self.wanted as usize - 1).copied().unwrap_or_default();
                    let problem = format!("it has {other}, and {datatype} lies in {own}");
                    return Err(refused(self.name, problem));
                }
            }
        }
        Ok(())
    }

    fn numbers<T, E: fmt::Display>(&self, convert: impl Fn(u64) -> Result<T, E>) -> Result<Vec<T>> {
        let mut values = Vec::with_capacity(self.count.min(self.contents.len()));
        self.fields(|value| {
            value.varints("contents", |number| {
                self.room(values.len(), 1)?;
                let place = values.len();
                let value = convert(number).map_err(|shown| {
                    refused(self.name, format!("element {place}: {shown} is no {}", self.dtype))
                })?;
                values.push(value);
                Ok(())
            })
        })?;
        self.complete(values)
    }

    fn floats<T, const N: usize>(
        &self,
        convert: impl Fn([u8; N]) -> T,
        single: impl Fn(Value<'a>) -> Option<[u8; N]>,
    ) -> Result<Vec<T>> {
        let mut values = Vec::with_capacity(self.count.min(self.contents.len() / N));
        self.fields(|value| {
            let one;
            let elements = match value {
                Value::Bytes(packed) => match packed.as_chunks() {
                    (elements, []) => elements,
                    _ => {
                        return Err(refused(
                            self.name,
                            "its contents end in the middle of an element".to_owned(),
                        ));
                    }
                },
                value => {
                    one = single(value).ok_or_else(|| {
                        refused(self.name, "its contents are of another kind than the protocol's".to_owned())
                    })?;
                    std::slice::from_ref(&one)
                }
            };
            self.room(values.len(), elements.len())?;
            values.extend(elements.iter().map(|bytes| convert(*bytes)));
            Ok(())
        })?;
        self.complete(values)
    }

    fn texts(&self) -> Result<Vec<&'a str>> {
        // Each text has a key and a length before it.
        let mut values = Vec::with_capacity(self.count.min(self.contents.len() / 2));
        self.fields(|value| {
            self.room(values.len(), 1)?;
            values.push(text_of(self.name, values.len(), value.bytes("contents")?)?);
            Ok(())
        })?;
        self.complete(values)
    }

    /// Before an element is taken: what does not fit is not collected.
    fn room(&self, held: usize, more: usize) -> Result<()> {
        if held + more <= self.count {
            return Ok(());
        }
        let (due, shape) = (self.count, self.shape);
        Err(refused(self.name, format!("it has more than the {due} elements of {shape:?}")))
    }

    fn complete<T>(&self, values: Vec<T>) -> Result<Vec<T>, Error> {
        let (got, due, shape) = (values.len(), self.count, self.shape);
        match got {
            got if got == due => Ok(values),
            0 => Err(refused(self.name, "it has no data".to_owned())
                .remedy("send typed contents with each input, or raw_input_contents for all of them")),
            _ => Err(refused(self.name, format!("it has {got} elements, and {due} make {shape:?}"))),
        }
    }
}

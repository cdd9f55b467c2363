//! Tensors as bytes: little-endian, in row-major order; texts with their length before them.

use mlcore::batch::Tensor;
use mlcore::schema::DType;
use mlcore::{Error, Result};

/// The tensor that `bytes` are.
pub(super) fn read(name: &str, dtype: DType, shape: &[usize], bytes: &[u8]) -> Result<Tensor> {
    let count = count_of(name, shape)?;
    let tensor = match dtype {
        DType::Bool => {
            check_size(name, dtype, shape, count, bytes.len())?;
            let values = bytes.iter().enumerate().map(|(place, byte)| match byte {
                0 => Ok(false),
                1 => Ok(true),
                other => Err(refused(name, format!("element {place}: {other} is no bool; 0 and 1 are"))),
            });
            Tensor::new(shape, values.collect::<Result<Vec<bool>>>()?)
        }
        DType::String => {
            // Each text has four bytes before it: no more are collected than the bytes can hold.
            if count > bytes.len() / LENGTH_BYTES {
                return Err(refused(name, format!("{} bytes hold less than {count} texts", bytes.len())));
            }
            let mut texts = Vec::with_capacity(count);
            let rest = read_texts(name, bytes, count, |text| texts.push(text))?;
            if !rest.is_empty() {
                let problem = format!("{} bytes follow its {count} texts", rest.len());
                return Err(refused(name, problem));
            }
            Tensor::strings(shape, texts)
        }
        _ => {
            check_size(name, dtype, shape, count, bytes.len())?;
            if cfg!(target_endian = "big") {
                let mut own = bytes.to_vec();
                let width = (bytes.len() / count.max(1)).max(1);
                own.chunks_mut(width).for_each(<[u8]>::reverse);
                Tensor::from_bytes(dtype, shape, &own)
            } else {
                Tensor::from_bytes(dtype, shape, bytes)
            }
        }
    };
    tensor.map_err(|error| refused(name, error.context().problem().to_owned()))
}

/// Reads `count` texts and answers the bytes behind them.
fn read_texts<'b>(
    name: &str,
    mut bytes: &'b [u8],
    count: usize,
    mut take: impl FnMut(&'b str),
) -> Result<&'b [u8]> {
    for place in 0..count {
        let (text, rest) = bytes
            .split_first_chunk::<LENGTH_BYTES>()
            .and_then(|(length, rest)| rest.split_at_checked(u32::from_le_bytes(*length) as usize))
            .ok_or_else(|| refused(name, format!("element {place}: its bytes end before it does")))?;
        take(text_of(name, place, text)?);
        bytes = rest;
    }
    Ok(bytes)
}

/// The text that an element of a tensor is.
pub(super) fn text_of<'b>(name: &str, place: usize, bytes: &'b [u8]) -> Result<&'b str> {
    std::str::from_utf8(bytes).map_err(|cause| {
        refused(name, format!("element {place} is not UTF-8 from byte {} on", cause.valid_up_to()))
            .remedy("models take text; decode the bytes first")
    })
}

/// The bytes that a tensor's elements are.
#[cfg(feature = "grpc")]
pub(super) fn size(tensor: &Tensor) -> Result<usize> {
    Ok(match tensor.dtype() {
        DType::Bool => tensor.len(),
        DType::String => tensor.texts()?.map(|text| LENGTH_BYTES + text.len()).sum(),
        _ => tensor.as_bytes().unwrap_or_default().len(),
    })
}

/// Appends a tensor's elements to `bytes`, and answers how many bytes they are.
pub(super) fn write(tensor: &Tensor, bytes: &mut Vec<u8>) -> Result<usize> {
    let before = bytes.len();
    match tensor.dtype() {
        DType::Bool => bytes.extend(tensor.values::<bool>()?.iter().map(|value| u8::from(*value))),
        DType::String => {
            for text in tensor.texts()? {
                let length = u32::try_from(text.len()).map_err(|_| {
                    let problem = "a text of 4 GiB has no length in the protocol";
                    Error::unsupported("write answer", "BYTES", problem)
                })?;
                bytes.extend_from_slice(&length.to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        _ => {
            let own = tensor.as_bytes().unwrap_or_default();
            bytes.extend_from_slice(own);
            if cfg!(target_endian = "big") {
                let width = (own.len() / tensor.len().max(1)).max(1);
                let written = bytes.get_mut(before..).unwrap_or_default();
                written.chunks_mut(width).for_each(<[u8]>::reverse);
            }
        }
    }
    Ok(bytes.len() - before)
}

/// The number of elements of a shape.
pub(super) fn count_of(name: &str, shape: &[usize]) -> Result<usize> {
    let count = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
    count.ok_or_else(|| refused(name, format!("{shape:?} has more elements than there are numbers")))
}

fn check_size(name: &str, dtype: DType, shape: &[usize], count: usize, bytes: usize) -> Result<()> {
    let width = mlcore::match_element!(dtype, T => size_of::<T>(), _ => 0);
    if count.checked_mul(width) == Some(bytes) {
        return Ok(());
    }
    let problem = format!("{bytes} bytes are not the {count} elements of {dtype} that {shape:?} has");
    Err(refused(name, problem))
}

/// Makes sure that an input has a name: no model has one without.
pub(super) fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        Err(Error::invalid_input("read request", "inputs", "an input has no name"))
    } else {
        Ok(())
    }
}

/// The error about an input.
pub(super) fn refused(name: &str, problem: String) -> Error {
    let subject = format!("input {}", super::datatype::shortened(name));
    Error::invalid_input("read request", subject, problem)
}

const LENGTH_BYTES: usize = size_of::<u32>();

//! A request in JSON.

mod elements;
mod envelope;
mod words;

use mlcore::batch::{Batch, Tensor};
use mlcore::schema::DType;
use mlcore::{Error, Result};
use serde::de::DeserializeSeed as _;
use smol_str::SmolStr;

use self::elements::Elements;
pub(in crate::v2) use self::envelope::sizes_of;
use self::envelope::{Data, Envelope, SentInput};
pub(crate) use self::envelope::{check_no_region, no_shared_memory};
#[cfg(feature = "mlflow")]
pub(crate) use self::words::marked;
pub(crate) use self::words::quoted;
use super::binary::{self, refused};
use super::datatype::dtype_of;
use super::{InferLimits, InferRequest};

/// Reads a body whose first `json_bytes` bytes are JSON, and whose rest are binary tensors.
pub(super) fn read(body: &[u8], json_bytes: Option<usize>, limits: &InferLimits) -> Result<InferRequest> {
    let json_bytes = json_bytes.unwrap_or(body.len());
    let (head, tail) = body.split_at_checked(json_bytes).ok_or_else(|| {
        let problem = format!("it says that {json_bytes} bytes are JSON, and the body has {}", body.len());
        Error::invalid_input(READ, "the header Inference-Header-Content-Length", problem)
    })?;
    let head = text_of(head)?;
    match parse(head, tail, limits) {
        Err(Unread::Syntax(error)) => match words::quoted(head) {
            // The bare words are no JSON, and few clients write them: what they cost, they pay.
            Some(head) => parse(&head, tail, limits).map_err(Unread::into_error),
            None => Err(error),
        },
        read => read.map_err(Unread::into_error),
    }
}

/// The text of JSON, also of what in it nobody reads.
pub(crate) fn text_of(json: &[u8]) -> Result<&str> {
    std::str::from_utf8(json).map_err(|cause| {
        let problem = format!("it is not UTF-8 from byte {} on", cause.valid_up_to());
        Error::invalid_input(READ, "body", problem).caused_by(cause)
    })
}

/// Why a request was not read.
enum Unread {
    /// It is no JSON.
    Syntax(Error),
    Other(Error),
}

impl Unread {
    fn into_error(self) -> Error {
        match self {
            Self::Syntax(error) | Self::Other(error) => error,
        }
    }
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

fn parse(head: &str, tail: &[u8], limits: &InferLimits) -> std::result::Result<InferRequest, Unread> {
    let envelope = Envelope::read(head, limits).map_err(|cause| {
        let is_syntax = cause.is_syntax();
        let error = told(cause);
        if is_syntax { Unread::Syntax(error) } else { Unread::Other(error) }
    })?;
    if let Some(id) = &envelope.id {
        check_id(id, limits)?;
    }
    let mut rest = tail;
    let mut inputs = Vec::with_capacity(envelope.inputs.len());
    let Envelope { id, parameters, inputs: sent, outputs } = envelope;
    for input in sent {
        let name = SmolStr::from(&*input.name);
        inputs.push((name, tensor(input, &mut rest, head.len())?));
    }
    if !rest.is_empty() {
        let problem = format!("{} bytes follow the tensors that it declares", rest.len());
        return Err(Error::invalid_input(READ, "body", problem)
            .remedy("say of each binary input how many bytes it has, in its parameter binary_data_size")
            .into());
    }
    let inputs = Batch::new(inputs).map_err(|error| {
        let context = error.context();
        refused(context.subject(), context.problem().to_owned())
    })?;
    Ok(InferRequest { id, parameters, inputs, outputs, most_records: limits.records })
}

/// The tensor of this type and shape that a list in JSON holds.
pub(crate) fn tensor_of_json(name: &str, dtype: DType, shape: &[usize], json: &str) -> Result<Tensor> {
    let count = binary::count_of(name, shape)?;
    let seed = Elements { name, dtype, shape, count, most: json.len() / 2 };
    seed.deserialize(&mut serde_json::Deserializer::from_str(json)).map_err(told)
}

/// What is wrong with the JSON. A place in the text is only told where it is no JSON: else the input and the element are.
fn told(cause: serde_json::Error) -> Error {
    let mut problem = cause.to_string();
    if cause.is_data()
        && let Some(end) = problem.rfind(" at line ")
    {
        problem.truncate(end);
    }
    Error::invalid_input(READ, "body", problem).caused_by(cause)
}

/// An id goes back to the client and into logs and headers.
pub(super) fn check_id(id: &str, limits: &InferLimits) -> Result<()> {
    let problem = if id.len() > limits.id_bytes {
        format!("it has {} bytes, and at most {} are taken", id.len(), limits.id_bytes)
    } else if id.chars().any(char::is_control) {
        "it holds control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::invalid_input(READ, "id", problem))
}

/// The tensor of an input, with its share of the bytes that are left.
fn tensor(input: SentInput<'_>, rest: &mut &[u8], json_bytes: usize) -> Result<Tensor> {
    let name = &*input.name;
    binary::check_name(name)?;
    check_no_region(&input.parameters)?;
    let dtype =
        dtype_of(input.datatype.as_deref().ok_or_else(|| refused(name, "it has no datatype".to_owned()))?)?;
    let shape = input.shape.ok_or_else(|| refused(name, "it has no shape".to_owned()))?;
    let Some(shape) = sizes_of(&shape) else {
        let (place, axis) = shape.iter().enumerate().find(|(_, axis)| **axis < 0).unwrap_or((0, &0));
        return Err(refused(name, format!("axis {place} of its shape is {axis}"))
            .remedy("send the size that the tensor has"));
    };
    let count = binary::count_of(name, &shape)?;
    let size = match input.parameters.get("binary_data_size") {
        None => None,
        Some(size) => Some(size.as_u64().and_then(|size| usize::try_from(size).ok()).ok_or_else(|| {
            refused(name, format!("binary_data_size is {size}, and it is a number of bytes"))
        })?),
    };
    // Some clients send both for a tensor without elements.
    let size = size.filter(|size| *size > 0 || count > 0 || input.data.is_none());
    match (input.data, size) {
        (Some(Data::Read(tensor)), None) => Ok(tensor),
        (Some(Data::Unread(raw)), None) => {
            let seed = Elements { name, dtype, shape: &shape, count, most: json_bytes / 2 };
            let mut json = serde_json::Deserializer::from_str(raw.get());
            seed.deserialize(&mut json).map_err(told)
        }
        (None, Some(size)) => {
            let (own, others) = rest.split_at_checked(size).ok_or_else(|| {
                refused(name, format!("binary_data_size is {size}, and {} bytes are left", rest.len()))
            })?;
            *rest = others;
            binary::read(name, dtype, &shape, own)
        }
        (Some(_), Some(_)) => Err(refused(name, "it has data and binary_data_size; it needs one".to_owned())),
        (None, None) => Err(refused(name, "it has no data".to_owned())
            .remedy("send data, or its bytes after the JSON with the parameter binary_data_size")),
    }
}

const READ: &str = "read request";

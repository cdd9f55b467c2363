//! Requests and answers as messages of protocol buffers, read and written where they lie: what a message claims is compared with
//! what it holds before anything is allocated for it, and raw tensors are copied once.

mod contents;
mod wire;

use mlcore::batch::{Batch, Tensor};
use mlcore::{Error, Result};
use smallvec::SmallVec;
use smol_str::SmolStr;

use self::wire::{Fields, Value, write_bytes, write_key, write_varint};
use super::binary::{self, refused};
use super::datatype::{datatype_of, dtype_of, shortened};
use super::json::{check_id, check_no_region, sizes_of};
use super::parameter::{MOST_PARAMETERS, Parameter, Parameters};
use super::{AskedOutput, InferAnswer, InferLimits, InferRequest};

/// Whom a request asks: the names of a model and of a version, the second of which may be empty.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address<'b> {
    /// The model.
    pub model: &'b str,
    /// The version, as the client wrote it.
    pub version: &'b str,
}

impl<'b> Address<'b> {
    /// The address of a `ModelInferRequest`, whose other fields are passed over.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for bytes that are no message.
    pub fn read_protobuf(message: &'b [u8]) -> Result<Self> {
        let mut address = Address { model: "", version: "" };
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => address.model = value.text("model_name")?,
                2 => address.version = value.text("model_version")?,
                _ => {}
            }
        }
        Ok(address)
    }
}

/// Looks whether a message of any kind has no more than `most` fields.
pub(crate) fn check_fields(message: &[u8], most: usize) -> Result<()> {
    let (mut fields, mut count) = (Fields::new(message), 0);
    while fields.next()?.is_some() {
        count += 1;
        if count > most {
            return Err(Error::invalid_input(READ, "message", format!("it has more than {most} fields")));
        }
    }
    Ok(())
}

/// An input as it was sent.
#[derive(Default)]
struct SentInput<'b> {
    name: &'b str,
    datatype: &'b str,
    shape: SmallVec<[i64; 4]>,
    parameters: Parameters,
    contents: Option<&'b [u8]>,
}

impl InferRequest {
    /// Reads the bytes of a `ModelInferRequest`. Its tensors are typed contents of the inputs, or all of them raw.
    ///
    /// # Errors
    /// As [`InferRequest::read`].
    pub fn read_protobuf(message: &[u8], limits: &InferLimits) -> Result<Self> {
        let mut request = Self { most_records: limits.records, ..Self::default() };
        let mut inputs: SmallVec<[SentInput<'_>; 4]> = SmallVec::new();
        let mut raw: SmallVec<[&[u8]; 4]> = SmallVec::new();
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            let room = |held: usize, what: &str| match held < limits.tensors {
                true => Ok(()),
                false => {
                    let problem = format!("it has more than {} {what}", limits.tensors);
                    Err(Error::invalid_input(READ, "message", problem))
                }
            };
            match number {
                3 => {
                    let id = value.text("id")?;
                    check_id(id, limits)?;
                    request.id = Some(id).filter(|id| !id.is_empty()).map(str::to_owned);
                }
                4 => take_parameter(&mut request.parameters, value)?,
                5 => {
                    room(inputs.len(), "inputs")?;
                    inputs.push(sent_input(value.bytes("inputs")?, limits)?);
                }
                6 => {
                    room(request.outputs.len(), "outputs")?;
                    request.outputs.push(asked_output(value.bytes("outputs")?)?);
                }
                7 => {
                    room(raw.len(), "raw_input_contents")?;
                    raw.push(value.bytes("raw_input_contents")?);
                }
                _ => {}
            }
        }
        for input in &inputs {
            check_no_region(&input.parameters)?;
        }
        if !raw.is_empty() && raw.len() != inputs.len() {
            let problem = format!("there are {} of them for {} inputs", raw.len(), inputs.len());
            return Err(Error::invalid_input(READ, "raw_input_contents", problem)
                .remedy("send all tensors raw, in the order of the inputs, or none"));
        }
        let mut tensors = Vec::with_capacity(inputs.len());
        for (place, input) in inputs.into_iter().enumerate() {
            let tensor = tensor(&input, raw.get(place).copied())?;
            tensors.push((SmolStr::from(input.name), tensor));
        }
        request.inputs = Batch::new(tensors).map_err(|error| {
            let context = error.context();
            refused(context.subject(), context.problem().to_owned())
        })?;
        Ok(request)
    }
}

fn sent_input<'b>(message: &'b [u8], limits: &InferLimits) -> Result<SentInput<'b>> {
    let mut input = SentInput::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => input.name = value.text("name")?,
            2 => input.datatype = value.text("datatype")?,
            3 => value.varints("shape", |axis| {
                if input.shape.len() == limits.axes {
                    let problem = format!("its shape has more than {} axes", limits.axes);
                    return Err(refused(input.name, problem));
                }
                input.shape.push(axis.cast_signed());
                Ok(())
            })?,
            4 => take_parameter(&mut input.parameters, value)?,
            5 if input.contents.is_some() => {
                return Err(refused(input.name, "its contents occur twice".to_owned()));
            }
            5 => input.contents = Some(value.bytes("contents")?),
            _ => {}
        }
    }
    Ok(input)
}

fn asked_output(message: &[u8]) -> Result<AskedOutput> {
    let (mut name, mut parameters) = ("", Parameters::new());
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => name = value.text("name")?,
            2 => take_parameter(&mut parameters, value)?,
            _ => {}
        }
    }
    AskedOutput::new(name, parameters)
}

/// Takes an entry of a map of parameters. One without a value says nothing.
fn take_parameter(parameters: &mut Parameters, entry: Value<'_>) -> Result<()> {
    let (mut key, mut parameter) = ("", None);
    let mut fields = Fields::new(entry.bytes("parameters")?);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => key = value.text("parameters")?,
            2 => parameter = parameter_of(value.bytes("parameters")?)?,
            _ => {}
        }
    }
    let Some(parameter) = parameter else { return Ok(()) };
    if parameters.len() == MOST_PARAMETERS {
        let problem = format!("there are more than {MOST_PARAMETERS} of them");
        return Err(Error::invalid_input(READ, "parameters", problem));
    }
    match parameters.insert(key.to_owned(), parameter) {
        None => Ok(()),
        Some(_) => {
            Err(Error::invalid_input(READ, format!("parameter {}", shortened(key)), "it occurs twice"))
        }
    }
}

fn parameter_of(message: &[u8]) -> Result<Option<Parameter>> {
    let mut parameter = None;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        let name = "parameter_choice";
        parameter = Some(match number {
            1 => Parameter::Bool(value.varint(name)? != 0),
            2 => Parameter::Int(value.varint(name)?.cast_signed()),
            3 => Parameter::Text(value.text(name)?.to_owned()),
            4 => Parameter::Double(value.double(name)?),
            5 => {
                let value = value.varint(name)?;
                i64::try_from(value).map_or(Parameter::UInt(value), Parameter::Int)
            }
            _ => continue,
        });
    }
    Ok(parameter)
}

fn tensor(input: &SentInput<'_>, raw: Option<&[u8]>) -> Result<Tensor> {
    let name = input.name;
    binary::check_name(name)?;
    let dtype = dtype_of(input.datatype)?;
    let Some(shape) = sizes_of(&input.shape) else {
        let (place, axis) = input.shape.iter().enumerate().find(|(_, axis)| **axis < 0).unwrap_or((0, &0));
        return Err(refused(name, format!("axis {place} of its shape is {axis}"))
            .remedy("send the size that the tensor has"));
    };
    let contents = input.contents.unwrap_or_default();
    match raw {
        Some(raw) if contents.is_empty() => binary::read(name, dtype, &shape, raw),
        Some(_) => {
            Err(refused(name, "it has contents, and the request raw_input_contents; it needs one".to_owned()))
        }
        None => contents::read(name, dtype, &shape, contents),
    }
}

impl InferAnswer {
    /// Appends the bytes of a `ModelInferResponse`, whose outputs are raw.
    ///
    /// # Errors
    /// As [`InferAnswer::write`].
    pub fn write_protobuf(&self, message: &mut Vec<u8>) -> Result<()> {
        let sizes =
            self.outputs.iter().map(|output| binary::size(&output.tensor)).collect::<Result<Vec<usize>>>()?;
        message.reserve(256 + sizes.iter().map(|size| size + 64).sum::<usize>());
        write_bytes(message, 1, self.model_name.as_bytes());
        write_bytes(message, 2, self.model_version.as_bytes());
        if let Some(id) = &self.id {
            write_bytes(message, 3, id.as_bytes());
        }
        let mut part = Vec::new();
        for (key, parameter) in &self.parameters {
            part.clear();
            write_bytes(&mut part, 1, key.as_bytes());
            let mut value = Vec::new();
            write_parameter(&mut value, parameter);
            write_bytes(&mut part, 2, &value);
            write_bytes(message, 4, &part);
        }
        for output in &self.outputs {
            part.clear();
            write_bytes(&mut part, 1, output.name.as_bytes());
            write_bytes(&mut part, 2, datatype_of(output.tensor.dtype()).as_bytes());
            let mut shape: SmallVec<[u8; 32]> = SmallVec::new();
            for &axis in output.tensor.shape() {
                write_varint(axis as u64, |byte| shape.push(byte));
            }
            write_bytes(&mut part, 3, &shape);
            write_bytes(message, 5, &part);
        }
        for (output, size) in self.outputs.iter().zip(sizes) {
            write_key(message, 6, size);
            binary::write(&output.tensor, message)?;
        }
        Ok(())
    }
}

fn write_parameter(message: &mut Vec<u8>, parameter: &Parameter) {
    let (key, number) = match parameter {
        Parameter::Text(text) => return write_bytes(message, 3, text.as_bytes()),
        Parameter::Double(value) => {
            message.push(4 << 3 | wire::FIXED_64);
            return message.extend_from_slice(&value.to_le_bytes());
        }
        Parameter::Bool(value) => (1, u64::from(*value)),
        Parameter::Int(value) => (2, value.cast_unsigned()),
        Parameter::UInt(value) => (5, *value),
    };
    message.push(key << 3);
    write_varint(number, |byte| message.push(byte));
}

const READ: &str = "read request";

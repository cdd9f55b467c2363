use mlcore::batch::{Batch, Element as _, Tensor};
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Serialize, Serializer as _};
use smol_str::SmolStr;

use super::classification::classify;
use super::datatype::{datatype_of, shortened};
use super::json::check_no_region;
use super::parameter::{Parameter, Parameters};
use super::{AskedOutput, InferRequest, binary};

/// What a client is answered.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct InferAnswer {
    /// The model that was asked.
    pub model_name: String,
    /// The version that answered.
    pub model_version: String,
    /// The client's own id.
    pub id: Option<String>,
    /// What is said beside the outputs.
    pub parameters: Parameters,
    /// The outputs, in the order in which they were asked for.
    pub outputs: Vec<AnsweredOutput>,
}

/// An output of an answer.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct AnsweredOutput {
    /// Its name.
    pub name: SmolStr,
    /// Its elements.
    pub tensor: Tensor,
    /// Whether it is written as bytes.
    pub is_binary: bool,
}

/// An answer as it goes to the client.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct WrittenAnswer {
    /// JSON, and the binary outputs behind it.
    pub body: Vec<u8>,
    /// How many of these bytes are JSON, where binary outputs follow: what the header `Inference-Header-Content-Length` says.
    pub json_bytes: Option<usize>,
}

impl AskedOutput {
    /// The output of this name, with the parameters that a client sent.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a parameter of the protocol that has no value of its kind, and [`Error::Unsupported`] for shared memory.
    pub fn new(name: impl Into<String>, mut parameters: Parameters) -> Result<Self> {
        let name = name.into();
        check_no_region(&parameters)?;
        let mut of = |key: &str| parameters.remove(key);
        let problem = |key: &str, value: &Parameter| {
            let subject = format!("output {}", shortened(&name));
            Error::invalid_input("read request", subject, format!("its parameter {key} is {value}"))
        };
        let binary = match of("binary_data") {
            None => None,
            Some(value) => Some(value.as_bool().ok_or_else(|| problem("binary_data", &value))?),
        };
        let classification = match of("classification") {
            None => None,
            // Clients send 0 where they do not want it.
            Some(value) => match value.as_u64().map(usize::try_from) {
                Some(Ok(0)) => None,
                Some(Ok(most)) => Some(most),
                _ => return Err(problem("classification", &value)),
            },
        };
        Ok(Self { name, parameters, binary, classification })
    }
}

impl InferAnswer {
    /// The answer to `request`: those of `outputs` that it asks for, which `declared` describes.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for an output that there is not, or is asked for twice.
    pub fn new(
        request: &InferRequest,
        model_name: impl Into<String>,
        model_version: impl Into<String>,
        outputs: &Batch,
        declared: &Schema,
    ) -> Result<Self> {
        let by_default = request.is_binary();
        let answered = if request.outputs.is_empty() {
            let all = outputs.as_slice().iter();
            all.map(|(name, tensor)| AnsweredOutput {
                name: name.clone(),
                tensor: tensor.clone(),
                is_binary: by_default,
            })
            .collect()
        } else {
            check_asked(&request.outputs, declared)?;
            request
                .outputs
                .iter()
                .map(|asked| answered(asked, outputs, declared, by_default))
                .collect::<Result<_>>()?
        };
        Ok(Self {
            model_name: model_name.into(),
            model_version: model_version.into(),
            id: request.id.clone(),
            parameters: Parameters::new(),
            outputs: answered,
        })
    }

    /// Writes it: JSON, and behind it the outputs that are written as bytes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a text of 4 GiB.
    pub fn write(&self) -> Result<WrittenAnswer> {
        let mut body = Vec::with_capacity(
            256 + 16 * self.outputs.iter().map(|output| output.tensor.len()).sum::<usize>(),
        );
        let mut bytes = Vec::new();
        let mut has_binary = false;
        body.extend_from_slice(b"{\"model_name\":");
        json(&mut body, &self.model_name)?;
        body.extend_from_slice(b",\"model_version\":");
        json(&mut body, &self.model_version)?;
        if let Some(id) = &self.id {
            body.extend_from_slice(b",\"id\":");
            json(&mut body, id)?;
        }
        if !self.parameters.is_empty() {
            body.extend_from_slice(b",\"parameters\":");
            json(&mut body, &self.parameters)?;
        }
        body.extend_from_slice(b",\"outputs\":[");
        for (place, output) in self.outputs.iter().enumerate() {
            if place > 0 {
                body.push(b',');
            }
            body.extend_from_slice(b"{\"name\":");
            json(&mut body, output.name.as_str())?;
            body.extend_from_slice(b",\"datatype\":\"");
            body.extend_from_slice(datatype_of(output.tensor.dtype()).as_bytes());
            body.extend_from_slice(b"\",\"shape\":");
            json(&mut body, output.tensor.shape())?;
            if output.is_binary {
                has_binary = true;
                let size = binary::write(&output.tensor, &mut bytes)?;
                body.extend_from_slice(b",\"parameters\":{\"binary_data_size\":");
                json(&mut body, &size)?;
                body.push(b'}');
            } else {
                body.extend_from_slice(b",\"data\":");
                elements(&mut body, &output.tensor)?;
            }
            body.push(b'}');
        }
        body.extend_from_slice(b"]}");
        let json_bytes = has_binary.then_some(body.len());
        body.extend_from_slice(&bytes);
        Ok(WrittenAnswer { body, json_bytes })
    }
}

/// Every output that is asked for is declared, and asked for once.
pub(crate) fn check_asked(asked: &[AskedOutput], declared: &Schema) -> Result<()> {
    for (place, output) in asked.iter().enumerate() {
        let subject = || format!("output {}", shortened(&output.name));
        if declared.field(&output.name).is_none() {
            let names: Vec<&str> = declared.names().collect();
            let problem = format!("the model has no such output; it has {}", names.join(", "));
            return Err(Error::invalid_input("read request", subject(), problem));
        }
        if asked.iter().take(place).any(|earlier| earlier.name == output.name) {
            return Err(Error::invalid_input("read request", subject(), "it is asked for twice"));
        }
    }
    Ok(())
}

fn answered(
    asked: &AskedOutput,
    outputs: &Batch,
    declared: &Schema,
    by_default: bool,
) -> Result<AnsweredOutput> {
    let (name, tensor) = outputs
        .as_slice()
        .iter()
        .find(|(name, _)| *name == asked.name)
        .ok_or_else(|| Error::internal("answer", asked.name.clone(), "the model did not answer it"))?;
    let tensor = match asked.classification {
        None => tensor.clone(),
        Some(most) => classify(name, tensor, most, declared.field(name))?,
    };
    Ok(AnsweredOutput { name: name.clone(), tensor, is_binary: asked.binary.unwrap_or(by_default) })
}

/// The elements in one flat list. Floats have the digits of the double that they are, and a name where they have none.
fn elements(body: &mut Vec<u8>, tensor: &Tensor) -> Result<()> {
    let mut serializer = serde_json::Serializer::new(body);
    let written = match tensor.dtype() {
        DType::String => serializer.collect_seq(tensor.texts()?),
        dtype => mlcore::match_element!(
            dtype,
            T => serializer.collect_seq(tensor.values::<T>()?.iter().map(|value| value.to_value())),
            _ => return Err(Error::unsupported("write answer", dtype.to_string(), "no tensor holds it"))
        ),
    };
    written.map_err(unwritten)
}

/// Writes what cannot fail to be written.
fn json<T: Serialize + ?Sized>(body: &mut Vec<u8>, value: &T) -> Result<()> {
    serde_json::to_writer(body, value).map_err(unwritten)
}

fn unwritten(cause: serde_json::Error) -> Error {
    Error::internal("write answer", "JSON", cause.to_string()).caused_by(cause)
}

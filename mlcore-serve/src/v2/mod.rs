//! The Open Inference Protocol V2, as KServe and Triton speak it: what a client asks and what it is answered, in JSON with or
//! without binary tensors, and in protocol buffers. Knows no server, no model and no runtime.
//!
//! # Numbers
//! An integer in JSON is taken exactly or refused, and so is a number that its type cannot hold. In floats `null` and `"NaN"` are
//! NaN, and `"Infinity"` and `"-Infinity"` what they say, because JSON has no such numbers; the bare words, which some clients
//! write, are taken too. Answers write these texts.

mod answer;
mod binary;
mod classification;
mod datatype;
mod json;
mod parameter;
#[cfg(feature = "grpc")]
mod protobuf;

use mlcore::batch::Batch;

pub(crate) use self::answer::check_asked;
pub use self::answer::{AnsweredOutput, InferAnswer, WrittenAnswer};
pub use self::datatype::datatype_of;
pub(crate) use self::datatype::shortened;
#[cfg(any(feature = "feast", feature = "mlflow"))]
pub(crate) use self::json::marked;
pub(crate) use self::json::{no_shared_memory, quoted, tensor_of_json, text_of as json_text};
pub use self::parameter::{Parameter, Parameters};
#[cfg(feature = "grpc")]
pub use self::protobuf::Address;
#[cfg(feature = "grpc")]
pub(crate) use self::protobuf::check_fields;

/// What a client asks of a model.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct InferRequest {
    /// The client's own id, which the answer repeats.
    pub id: Option<String>,
    /// Parameters of the request, those of the protocol (`priority`, `timeout`, `sequence_id`) and others.
    pub parameters: Parameters,
    /// The tensors, under their names.
    pub inputs: Batch,
    /// The outputs that are asked for, in this order; all of them where it is empty.
    pub outputs: Vec<AskedOutput>,
    /// The most rows that are taken where the inputs are raw columns.
    pub(crate) most_records: usize,
}

/// An output that a client asks for.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct AskedOutput {
    /// Its name.
    pub name: String,
    /// Its parameters, but for those below.
    pub parameters: Parameters,
    /// Whether it is to be written as bytes; where it is not said, as the request says for all.
    pub binary: Option<bool>,
    /// So many of the largest scores are to be answered with their labels, instead of all scores.
    pub classification: Option<usize>,
}

/// Limits to what a request may hold, looked at before anything is allocated for it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct InferLimits {
    /// Inputs, and outputs that are asked for. 10,000 by default.
    pub tensors: usize,
    /// Axes of a tensor. 32 by default.
    pub axes: usize,
    /// Bytes of the id. 256 by default.
    pub id_bytes: usize,
    /// Raw records, each of which a feature plan makes larger. 100,000 by default.
    pub records: usize,
}

impl Default for InferLimits {
    fn default() -> Self {
        Self { tensors: 10_000, axes: 32, id_bytes: 256, records: 100_000 }
    }
}

impl Default for InferRequest {
    fn default() -> Self {
        Self {
            id: None,
            parameters: Parameters::new(),
            inputs: Batch::default(),
            outputs: Vec::new(),
            most_records: InferLimits::default().records,
        }
    }
}

impl InferRequest {
    /// A request about these inputs for all outputs.
    #[must_use]
    pub fn new(inputs: Batch) -> Self {
        Self { inputs, ..Self::default() }
    }

    /// Reads a request's body. `json_bytes` is what the header `Inference-Header-Content-Length` says: so many bytes are JSON,
    /// and what follows are the binary tensors; without it all of it is JSON.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) naming the input, and [`Error::Unsupported`](mlcore::Error::Unsupported) for a datatype or a shared
    /// memory region that is not taken here.
    pub fn read(body: &[u8], json_bytes: Option<usize>, limits: &InferLimits) -> mlcore::Result<Self> {
        json::read(body, json_bytes, limits)
    }

    /// Whether outputs are written as bytes where it is not said of each.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.parameters.get(BINARY_DATA_OUTPUT).and_then(Parameter::as_bool).unwrap_or(false)
    }
}

const BINARY_DATA_OUTPUT: &str = "binary_data_output";

use std::sync::Mutex;

use ort::session::Session;
use ort::value::Tensor;

use crate::Result;

/// A model with one session, whose lock every request takes.
pub(crate) struct Model {
    session: Mutex<Session>,
    input: String,
}

/// An output.
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) shape: Vec<i64>,
    pub(crate) values: Values,
}

pub(crate) enum Values {
    Float(Vec<f32>),
    Int(Vec<i64>),
}

impl Model {
    pub(crate) fn open(path: &str) -> Result<Self> {
        let environment = ort::init_from(std::env::var("ORT_DYLIB_PATH")?)?.build()?;
        let session = Session::builder(&environment)?
            .with_intra_threads(1)
            .and_then(|builder| builder.with_intra_op_spinning(false))
            .map_err(|error| error.to_string())?
            .commit_from_file(path)?;
        let input = session.inputs().first().ok_or("the model has no input")?.name().to_owned();
        Ok(Self { session: Mutex::new(session), input })
    }

    /// Every output of the model for one float input.
    pub(crate) fn run(&self, shape: Vec<i64>, values: Vec<f32>) -> Result<Vec<Output>> {
        let tensor = Tensor::from_array((shape, values))?;
        let mut session = self.session.lock().map_err(|_| "a run panicked")?;
        let outputs = session.run(ort::inputs![self.input.as_str() => tensor])?;
        let read = outputs.iter().map(|(name, value)| {
            let (shape, values) = match value.try_extract_tensor::<f32>() {
                Ok((shape, values)) => (shape, Values::Float(values.to_vec())),
                Err(_) => {
                    let (shape, values) = value.try_extract_tensor::<i64>()?;
                    (shape, Values::Int(values.to_vec()))
                }
            };
            Ok(Output { name: name.to_owned(), shape: shape.iter().copied().collect(), values })
        });
        read.collect()
    }
}

impl Values {
    pub(crate) fn datatype(&self) -> &'static str {
        match self {
            Self::Float(_) => "FP32",
            Self::Int(_) => "INT64",
        }
    }

    /// The values' bytes in little-endian order.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Float(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Int(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }
}

/// Little-endian bytes as floats.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

//! What an endpoint serves with: a `Runner`, the `ModelLoader` that makes it of a version, and a `RecordSink`.

use std::io::{self, Write};
use std::sync::Arc;

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt};
use mlcore::batch::{Batch, Tensor};
use mlcore::registry::ModelVersion;
use mlcore::runner::{RunOptions, Runner};
use mlcore::schema::Signature;
use mlcore::{Error, Result};
use mlcore_serve::endpoint::{ModelLoader, Record, RecordSink};

/// A weighted sum of columns of doubles; the weights stand in the order of the signature's inputs.
#[derive(Debug)]
pub struct Linear {
    signature: Signature,
    weights: Vec<f64>,
}

impl Runner for Linear {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: &Batch, _options: &RunOptions) -> Result<Batch> {
        inputs.check(&self.signature.inputs)?;
        let mut sums = vec![0.0; inputs.rows().unwrap_or_default()];
        for (name, weight) in self.signature.inputs.names().zip(&self.weights) {
            for (sum, value) in sums.iter_mut().zip(inputs.tensor(name)?.values::<f64>()?) {
                *sum += weight * value;
            }
        }
        let output = self.signature.outputs.names().next().unwrap_or_default();
        Ok(Batch::single(output, Tensor::column(sums)))
    }
}

/// Loads versions of the format `linear`, whose artifact is the weights as a JSON array.
#[derive(Clone, Copy, Debug)]
pub struct LinearLoader;

impl ModelLoader for LinearLoader {
    fn load(&self, version: &ModelVersion, artifacts: &dyn ArtifactStore) -> Result<Arc<dyn Runner>> {
        let (model, signature) = (version.model.as_str(), version.signature.clone());
        if version.format != "linear" {
            return Err(Error::unsupported("load model", model, "its format is not linear"));
        }
        let weights = serde_json::from_slice::<Vec<f64>>(&artifacts.read(&version.artifact)?).ok();
        let weights = weights.filter(|weights| weights.len() == signature.inputs.len());
        let misfit =
            || Error::invalid_model("load model", model, "it is no array of one weight for each input");
        Ok(Arc::new(Linear { weights: weights.ok_or_else(misfit)?, signature }))
    }
}

/// Writes each record as a line of JSON to the one, and counts in the other those that it could not write.
#[derive(Debug)]
pub struct JsonLines<W>(pub W, pub u64);

impl<W: Write + Send> RecordSink for JsonLines<W> {
    fn record(&mut self, record: &Record) {
        let written = serde_json::to_writer(&mut self.0, record).map_err(io::Error::from);
        self.1 += u64::from(written.and_then(|()| self.0.write_all(b"\n")).is_err());
    }
}

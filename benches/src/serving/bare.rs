//! The peer: sessions of the crate `ort` with nothing around them, on the library that mlcore found.

use std::path::Path;
use std::sync::OnceLock;

use mlcore::runner::ort::OnnxRuntime;
use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

use super::FEATURES;
use crate::Result;

/// One session with the threads that mlcore gives one: one per run, which does not spin.
#[derive(Debug)]
pub(super) struct Bare(Session);

impl Bare {
    pub(super) fn new(model: &Path) -> Result<Self> {
        static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
        let environment = match ENVIRONMENT.get() {
            Some(environment) => environment.clone(),
            None => {
                // mlcore's comes first, so that both share one environment whose log level is not the chatty one.
                let runtime = OnnxRuntime::load()?;
                let made = ort::environment::init_from(runtime.library())?.build()?;
                ENVIRONMENT.get_or_init(|| made).clone()
            }
        };
        let session = Session::builder(&environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .with_inter_op_spinning(false)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .commit_from_file(model)?;
        Ok(Self(session))
    }

    /// Runs rows that are ready, and answers the first probability, so that the answer is looked at.
    pub(super) fn run(&mut self, rows: &[f32]) -> Result<f32> {
        let input = TensorRef::from_array_view(([rows.len() / FEATURES, FEATURES], rows))?;
        let outputs = self.0.run(ort::inputs![input])?;
        let (_, probabilities) = outputs["probabilities"].try_extract_tensor::<f32>()?;
        probabilities.first().copied().ok_or_else(|| "the model answered nothing".into())
    }
}

//! A request for inference on its way through the server, whatever protocol it came by.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mlcore::name::Version;
use mlcore::{Error, Result};

use super::work::{LARGE_BODY, aside, is_quick, succeed};
use super::{Inference, Served};
use crate::endpoint::Prediction;
use crate::trace::stage;
use crate::v2::{InferAnswer, InferRequest, Parameter};

/// How a protocol writes a request and its answer.
pub(crate) trait Codec: Send + 'static {
    type Answer: Send + 'static;
    type Refusal: From<Error> + Send + 'static;

    /// The bytes of JSON that take as long to read as the request.
    fn json_bytes(&self) -> usize;

    fn read(&self) -> Result<InferRequest, Self::Refusal>;

    fn write(&self, answer: InferAnswer, prediction: &Prediction) -> Result<Self::Answer, Self::Refusal>;
}

/// A request for inference that has wholly arrived.
pub(crate) struct Exchange<C> {
    codec: C,
    served: Arc<Served>,
    version: Option<Version>,
    is_traced: bool,
    arrived: Instant,
    /// Since when it waits for a thread, and how long it did.
    complete: Instant,
    waited: Duration,
}

impl<C: Codec> Exchange<C> {
    pub(crate) fn new(
        codec: C,
        served: Arc<Served>,
        version: Option<Version>,
        is_traced: bool,
        arrived: Instant,
    ) -> Self {
        let (complete, waited) = (Instant::now(), Duration::ZERO);
        Self { codec, served, version, is_traced, arrived, complete, waited }
    }

    /// Answers it: on this thread where that takes no longer than a moment, and else on one that may be held up.
    pub(crate) async fn answer(self) -> Result<C::Answer, C::Refusal> {
        let bytes = self.codec.json_bytes();
        // A feature store on another machine may not answer at once.
        let waits = self.served.endpoint().waits_for_stores();
        let is_quick = is_quick(&self.served, bytes) && !waits;
        if self.served.batching().is_none() || waits {
            return aside(is_quick, move || self.answer_alone()).await?;
        }
        // While others' requests run, no thread waits.
        let is_small = bytes < LARGE_BODY;
        let (exchange, request) = aside(is_small, move || self.read()).await??;
        let Self { served, version, arrived, .. } = &exchange;
        let inference = served.infer_async(&request, *version, *arrived, !is_quick).await?;
        aside(is_small, move || exchange.write(&request, inference)).await?
    }

    fn answer_alone(self) -> Result<C::Answer, C::Refusal> {
        let (exchange, request) = self.read()?;
        let inference = exchange.served.infer(&request, exchange.version, exchange.arrived)?;
        exchange.write(&request, inference)
    }

    fn read(mut self) -> Result<(Self, InferRequest), C::Refusal> {
        self.waited = self.complete.elapsed();
        let _read = stage!("read");
        let request = self.codec.read()?;
        Ok((self, request))
    }

    fn write(self, request: &InferRequest, inference: Inference) -> Result<C::Answer, C::Refusal> {
        let Self { codec, served, is_traced, arrived, waited, .. } = self;
        let Inference { prediction, model, mut spent, is_raw } = inference;
        let _post = stage!("post");
        let began = Instant::now();
        let declared = &model.runner().signature().outputs;
        let (name, version) = (served.name().as_str(), prediction.version.to_string());
        let mut answer = InferAnswer::new(request, name, version, &prediction.outputs, declared)?;
        if is_raw {
            // Whoever sends raw records reports what came of them.
            let told = [(ARM, prediction.arm.to_string()), (OUTCOME_ID, prediction.outcome_id.to_string())];
            answer.parameters.extend(told.map(|(name, value)| (name.to_owned(), Parameter::Text(value))));
        }
        let written = codec.write(answer, &prediction)?;
        (spent.wait, spent.output, spent.total) = (waited, began.elapsed(), arrived.elapsed());
        succeed(&served, request.id.as_deref(), &prediction, spent, is_traced);
        Ok(written)
    }
}

/// What an answer tells beside the outputs: the arm, and the id under which the outcome is reported.
pub(crate) const ARM: &str = "mlcore-arm";
pub(crate) const OUTCOME_ID: &str = "mlcore-outcome-id";

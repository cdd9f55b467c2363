use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mlcore::Result;
use mlcore::name::Version;

use super::GrpcService;
use super::head::{Deadline, Head};
use super::message::{HEAD_BYTES, framed};
use super::status::Status;
use crate::http::Coding;
use crate::models::work::{self, LARGE_BODY, aside, is_quick};
use crate::models::{Inference, Served, version_of};
use crate::trace::stage;
use crate::v2::{Address, InferAnswer, InferLimits, InferRequest, Parameter};

/// A request for inference.
struct Asked {
    served: Arc<Served>,
    version: Option<Version>,
    message: Bytes,
    limits: InferLimits,
    /// What is left of the call's time.
    left: Option<Duration>,
    /// The bytes that are left free before the answer.
    room: usize,
    is_traced: bool,
    arrived: Instant,
    /// Since when it waits for a thread, and how long it did.
    complete: Instant,
    waited: Duration,
}

impl GrpcService {
    /// Answers one request with a message and its head.
    pub(super) async fn infer(&self, message: Bytes, head: Head, arrived: Instant) -> Result<Bytes, Status> {
        let (asked, is_quick) = self.asked(message, head.deadline, HEAD_BYTES, arrived)?;
        if asked.served.batching().is_some() {
            return framed(asked.answer_batched(is_quick).await?, head.answer_coding);
        }
        aside(is_quick, move || framed(asked.answer()?, head.answer_coding)).await?
    }

    /// Answers one request of a stream: with an answer, or with why there is none, which ends no stream.
    pub(super) async fn infer_streamed(
        self,
        message: Bytes,
        deadline: Option<Deadline>,
        coding: Option<Coding>,
    ) -> Result<Bytes, Status> {
        let arrived = Instant::now();
        let answer = match self.asked(message, deadline, STREAM_HEAD_BYTES, arrived) {
            Ok((asked, is_quick)) if asked.served.batching().is_some() => {
                asked.answer_batched(is_quick).await
            }
            Ok((asked, is_quick)) => aside(is_quick, move || asked.answer()).await.flatten(),
            Err(error) => Err(error),
        };
        framed(streamed(answer), coding)
    }

    fn asked(
        &self,
        message: Bytes,
        deadline: Option<Deadline>,
        room: usize,
        arrived: Instant,
    ) -> Result<(Asked, bool)> {
        let left = deadline.map(|deadline| deadline.left()).transpose()?;
        let address = Address::read_protobuf(&message)?;
        let served = self.models().get(address.model)?;
        let version = version_of(address.version)?;
        let is_traced = self.settings().is_traced(address.model);
        // Typed contents take a fraction of the time of JSON, raw ones next to none.
        let is_quick = is_quick(&served, message.len() / 8);
        let limits = self.limits().request;
        let (complete, waited) = (Instant::now(), Duration::ZERO);
        let asked =
            Asked { served, version, message, limits, left, room, is_traced, arrived, complete, waited };
        Ok((asked, is_quick))
    }
}

impl Asked {
    /// The answer, behind the room that it leaves free.
    fn answer(mut self) -> Result<Vec<u8>> {
        self.waited = self.complete.elapsed();
        let request = self.read()?;
        let inference = self.served.infer(&request, self.version, self.arrived)?;
        self.write(&request, inference)
    }

    /// The same without holding up the thread while others' requests run.
    async fn answer_batched(mut self, is_quick: bool) -> Result<Vec<u8>> {
        let is_small = self.message.len() / 8 < LARGE_BODY;
        let (asked, request) = aside(is_small, move || {
            self.waited = self.complete.elapsed();
            let request = self.read()?;
            Ok((self, request))
        })
        .await
        .flatten()?;
        let Self { served, version, arrived, .. } = &asked;
        let inference = served.infer_async(&request, *version, *arrived, !is_quick).await?;
        aside(is_small, move || asked.write(&request, inference)).await.flatten()
    }

    fn read(&self) -> Result<InferRequest> {
        let _read = stage!("read");
        let mut request = InferRequest::read_protobuf(&self.message, &self.limits)?;
        if let Some(left) = self.left {
            shorten(&mut request, left);
        }
        Ok(request)
    }

    fn write(self, request: &InferRequest, inference: Inference) -> Result<Vec<u8>> {
        let Self { served, room, is_traced, arrived, waited, .. } = self;
        let Inference { prediction, model, mut spent } = inference;
        let _post = stage!("post");
        let began = Instant::now();
        let declared = &model.runner().signature().outputs;
        let name = served.name().as_str();
        let mut answer =
            InferAnswer::new(request, name, prediction.version.to_string(), &prediction.outputs, declared)?;
        let told = [(ARM, prediction.arm.to_string()), (OUTCOME_ID, prediction.outcome_id.to_string())];
        answer.parameters.extend(told.map(|(name, value)| (name.to_owned(), Parameter::Text(value))));
        let mut written = vec![0; room];
        answer.write_protobuf(&mut written)?;
        (spent.wait, spent.output, spent.total) = (waited, began.elapsed(), arrived.elapsed());
        work::succeed(&served, request.id.as_deref(), &prediction, spent, is_traced);
        Ok(written)
    }
}

/// Gives a request the time that is left of its call, where its own parameter gives it more or says nothing.
fn shorten(request: &mut InferRequest, left: Duration) {
    let left = u64::try_from(left.as_micros()).unwrap_or(u64::MAX).max(1);
    let own = request.parameters.get(TIMEOUT);
    // What is no number is refused with all else that is wrong.
    let is_longer = own.is_none_or(|own| own.as_u64().is_some_and(|own| own == 0 || own > left));
    if is_longer {
        request.parameters.insert(TIMEOUT.to_owned(), Parameter::UInt(left));
    }
}

/// A `ModelStreamInferResponse` behind the room for its head. An answer has room for what it lacks.
fn streamed(answer: Result<Vec<u8>>) -> Vec<u8> {
    let (field, content) = match answer {
        Ok(mut answer) => {
            // The key, and the length in as many bytes as always.
            let mut length = answer.len() - STREAM_HEAD_BYTES;
            let mut field = [0; STREAM_HEAD_BYTES - HEAD_BYTES];
            for (place, byte) in field.iter_mut().enumerate() {
                *byte = match place {
                    0 => 2 << 3 | 2,
                    LENGTH_BYTES => length as u8 & 0x7f,
                    _ => length as u8 | 0x80,
                };
                length = if place == 0 { length } else { length >> 7 };
            }
            if let Some(place) = answer.get_mut(HEAD_BYTES..STREAM_HEAD_BYTES) {
                place.copy_from_slice(&field);
            }
            return answer;
        }
        Err(error) => (1 << 3 | 2, error.to_string()),
    };
    let mut message = vec![0; HEAD_BYTES];
    message.push(field);
    prost::encoding::encode_varint(content.len() as u64, &mut message);
    message.extend_from_slice(content.as_bytes());
    message
}

const TIMEOUT: &str = "timeout";
const ARM: &str = "mlcore-arm";
const OUTCOME_ID: &str = "mlcore-outcome-id";
/// The bytes of a length that is less than 4 GiB, however small it is.
const LENGTH_BYTES: usize = 5;
/// The head, and the key and the length of the answer within its message.
const STREAM_HEAD_BYTES: usize = HEAD_BYTES + 1 + LENGTH_BYTES;
